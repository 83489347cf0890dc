//! Paths whose rate depends on the size of the packet.

use proptest::prelude::*;
use psk_codec::{DestinationAmount, SourceAmount};
use psk_quote::{ChunkPlan, ProbeResult};

/// What the first hop does; after it come hops that convert and round down.
#[derive(Clone, Debug)]
pub(crate) enum Pricing {
    /// Packets from a size on have another rate, all of the packet: what arrives may fall where the size grows.
    Whole(Vec<(u64, (u64, u64))>),
    /// What is above a size has another rate: more always delivers more.
    Marginal(Vec<(u64, (u64, u64))>),
    /// One rate, less a fee on each packet.
    Fee((u64, u64), u64),
}

#[derive(Clone, Debug)]
pub(crate) struct TierPath {
    pub(crate) pricing: Pricing,
    pub(crate) later: Vec<(u64, u64)>,
    pub(crate) maximum: u64,
}

fn worth(amount: u64, rate: (u64, u64)) -> u64 {
    u64::try_from(u128::from(amount) * u128::from(rate.0) / u128::from(rate.1)).expect("small")
}

impl Pricing {
    fn apply(&self, amount: u64) -> u64 {
        match self {
            Self::Whole(tiers) => {
                let tier = tiers.iter().rev().find(|(from, _)| amount >= *from);
                worth(amount, tier.map_or((1, 1), |tier| tier.1))
            }
            Self::Marginal(tiers) => {
                let ends = tiers.iter().skip(1).map(|tier| tier.0).chain([u64::MAX]);
                let of = |(&(from, rate), end): (&(u64, (u64, u64)), u64)| {
                    worth(amount.min(end).saturating_sub(from), rate)
                };
                tiers.iter().zip(ends).map(of).sum()
            }
            Self::Fee(rate, fee) => worth(amount, *rate).saturating_sub(*fee),
        }
    }
}

impl TierPath {
    pub(crate) fn delivers(&self, amount: u64) -> u64 {
        self.later.iter().fold(self.pricing.apply(amount), |amount, &rate| worth(amount, rate))
    }

    pub(crate) fn probe(&self, amount: SourceAmount) -> ProbeResult {
        match amount.units() <= self.maximum {
            true => ProbeResult::Arrived(DestinationAmount::new(self.delivers(amount.units()))),
            false => ProbeResult::TooLarge(None),
        }
    }

    pub(crate) fn delivers_plan(&self, plan: &ChunkPlan) -> u128 {
        let of = |chunk: SourceAmount| {
            assert!(chunk.units() <= self.maximum, "{chunk} does not pass");
            u128::from(self.delivers(chunk.units()))
        };
        let full = if plan.full_chunks > 0 { of(plan.full_chunk) } else { 0 };
        u128::from(plan.full_chunks) * full + plan.tail.into_iter().map(of).sum::<u128>()
    }

    pub(crate) fn is_monotone(&self) -> bool {
        !matches!(self.pricing, Pricing::Whole(_))
    }
}

fn tiers() -> impl Strategy<Value = Vec<(u64, (u64, u64))>> {
    let tier = (prop_oneof![1..200u64, 1..100_000u64], (1..200u64, 50..150u64));
    prop::collection::vec(tier, 0..4).prop_map(|mut tiers| {
        tiers.push((0, (97, 100)));
        tiers.sort_unstable();
        tiers.dedup_by_key(|tier| tier.0);
        tiers
    })
}

pub(crate) fn tier_paths() -> impl Strategy<Value = TierPath> {
    let pricing = prop_oneof![
        tiers().prop_map(Pricing::Whole),
        tiers().prop_map(Pricing::Marginal),
        ((1..200u64, 50..150u64), 0..500u64).prop_map(|(rate, fee)| Pricing::Fee(rate, fee)),
    ];
    let spread = || (990..=1_000u64, Just(1_000u64));
    // Conversions by which a later hop makes several units of one, and loses them all to one rounding before.
    let conversion = prop_oneof![Just((1, 100)), Just((100, 1)), Just((7, 3)), Just((3, 7))];
    let later = prop::collection::vec(prop_oneof![spread(), conversion], 0..4);
    let maximum = prop_oneof![20..500u64, 20..1_000_000u64];
    (pricing, later, maximum).prop_map(|(pricing, later, maximum)| TierPath { pricing, later, maximum })
}
