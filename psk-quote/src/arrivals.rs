//! What arrived of which amount, and what follows for other amounts.

use std::collections::BTreeMap;

use psk_codec::{DestinationAmount, SourceAmount};

use crate::plan::ChunkPlan;
use crate::rate::RateInterval;

/// How many units of rounding explain that two packets disagree about the rate: one for each hop of a long path.
pub(crate) const ROUNDINGS: u32 = crate::DeliveryBounds::ROUNDINGS;

/// Something that is known, or the amounts that must be probed to know it.
pub(crate) type Known<T> = Result<T, Vec<SourceAmount>>;

/// What arrived of which amount.
///
/// Of two packets the larger one delivers as much or more, however many hops round: that alone is relied upon for
/// other amounts than those that were probed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals<'a> {
    pub(crate) by_amount: &'a BTreeMap<SourceAmount, DestinationAmount>,
    /// Packets of up to this amount are not forwarded (R01), so that nothing arrives of them.
    pub(crate) too_small: SourceAmount,
    /// Whether to make do with what is known: what is not is taken as the least that it can be.
    pub(crate) settle: bool,
}

/// Where a search for the smallest amount looks first; nothing relies on it.
#[derive(Clone, Copy, Debug)]
struct Guess {
    low: u64,
    high: u64,
    /// About one destination unit's worth.
    unit: u64,
}

impl Arrivals<'_> {
    /// What arrives of one packet of `amount`.
    pub(crate) fn of(&self, amount: SourceAmount) -> Option<DestinationAmount> {
        match self.by_amount.get(&amount) {
            Some(&delivered) => Some(delivered),
            None => (amount <= self.too_small).then_some(DestinationAmount::ZERO),
        }
    }

    fn at_least(&self, amount: SourceAmount) -> DestinationAmount {
        let below = || self.by_amount.range(..amount).next_back();
        self.of(amount)
            .unwrap_or_else(|| below().map_or(DestinationAmount::ZERO, |(_, &delivered)| delivered))
    }

    fn at_most(&self, amount: SourceAmount) -> DestinationAmount {
        let above = || self.by_amount.range(amount..).next();
        self.of(amount).unwrap_or_else(|| above().map_or(DestinationAmount::MAX, |(_, &delivered)| delivered))
    }

    /// What sending a plan delivers, exactly.
    pub(crate) fn of_plan(&self, plan: &ChunkPlan) -> Known<u128> {
        let used = |chunk: &SourceAmount| !chunk.is_zero();
        let full = (plan.full_chunks > 0).then_some(plan.full_chunk);
        let sizes = full.into_iter().chain(plan.tail.into_iter().filter(used));
        self.known_or_ask(sizes)?;
        let full = u128::from(plan.full_chunks) * u128::from(self.at_least(plan.full_chunk).units());
        Ok(full + self.sum(plan.tail, Self::at_least))
    }

    fn known_or_ask(&self, amounts: impl Iterator<Item = SourceAmount>) -> Known<()> {
        let unknown: Vec<_> = amounts.filter(|&amount| self.of(amount).is_none()).collect();
        match unknown.is_empty() || self.settle {
            true => Ok(()),
            false => Err(unknown),
        }
    }

    fn sum<const N: usize>(
        &self,
        parts: [SourceAmount; N],
        of: impl Fn(&Self, SourceAmount) -> DestinationAmount,
    ) -> u128 {
        let used = parts.into_iter().filter(|part| !part.is_zero());
        used.map(|part| u128::from(of(self, part).units())).sum()
    }

    /// Whether `amount`, sent in `packets` (1 or 2) of equal size, delivers `needed`; `None` when that is not known.
    fn delivers(&self, amount: u64, packets: u64, needed: u128) -> Option<bool> {
        let parts = parts(amount, packets);
        if self.sum(parts, Self::at_least) >= needed {
            Some(true)
        } else if self.settle || self.sum(parts, Self::at_most) < needed {
            Some(false)
        } else {
            None
        }
    }

    /// As [`delivers`](Self::delivers).
    pub(crate) fn known_to_deliver(&self, amount: u64, packets: u64, needed: u128) -> Known<bool> {
        self.delivers(amount, packets, needed).ok_or_else(|| self.unknown_parts([amount], packets))
    }

    fn unknown_parts(&self, amounts: impl IntoIterator<Item = u64>, packets: u64) -> Vec<SourceAmount> {
        let parts = amounts.into_iter().flat_map(|amount| parts(amount, packets));
        let unknown = |part: &SourceAmount| !part.is_zero() && self.of(*part).is_none();
        parts.filter(unknown).collect()
    }

    /// The smallest amount above `floor` that, sent in `packets` (1 or 2) of equal size, delivers `needed`, given
    /// that `ceiling` does.
    ///
    /// It looks where `rate` says, which is right at once for one hop that rounds, then in growing distance of that,
    /// then by halving.
    pub(crate) fn smallest(
        &self,
        (mut floor, mut ceiling): (u64, u64),
        packets: u64,
        needed: u128,
        rate: &RateInterval,
    ) -> Known<u64> {
        let guess = Guess::new(packets, needed, rate);
        while ceiling - floor > 1 {
            let before = (floor, ceiling);
            let points = guess.points_between(floor, ceiling);
            for &point in &points {
                let inside = floor < point && point < ceiling;
                match self.delivers(point, packets, needed) {
                    Some(true) if inside => ceiling = point,
                    Some(false) if inside => floor = point,
                    _ => {}
                }
            }
            if before == (floor, ceiling) {
                return Err(self.unknown_parts(points, packets));
            }
        }
        Ok(ceiling)
    }

    /// Whether larger packets deliver as much as smaller ones or more, which is relied upon.
    pub(crate) fn are_monotone(&self) -> bool {
        self.by_amount.values().is_sorted()
    }

    /// All rates that the chunks of a plan show.
    pub(crate) fn rate_of_chunks(&self, plan: &ChunkPlan) -> Option<RateInterval> {
        let rates =
            self.of_chunks(plan).filter_map(|(sent, delivered)| RateInterval::of_packet(sent, delivered));
        rates.reduce(|all, rate| all.hull(&rate))
    }

    /// The sizes of the chunks of a plan, each once, and the least that arrives of one.
    pub(crate) fn of_chunks(
        &self,
        plan: &ChunkPlan,
    ) -> impl Iterator<Item = (SourceAmount, DestinationAmount)> {
        let full = (plan.full_chunks > 0).then_some(plan.full_chunk);
        let sizes = full.into_iter().chain(plan.tail).filter(|chunk| !chunk.is_zero());
        sizes.map(|chunk| (chunk, self.at_least(chunk)))
    }
}

/// An amount in one packet or two, the larger one first.
fn parts(amount: u64, packets: u64) -> [SourceAmount; 2] {
    let first = amount.div_ceil(packets.max(1));
    [first, amount - first].map(SourceAmount::new)
}

impl Guess {
    fn new(packets: u64, needed: u128, rate: &RateInterval) -> Self {
        let each = needed.div_ceil(u128::from(packets));
        let each = DestinationAmount::new(u64::try_from(each).unwrap_or(u64::MAX));
        let sure = rate.surely_enough(each).unwrap_or(SourceAmount::MAX);
        let unit = rate.surely_enough(DestinationAmount::new(1));
        Self {
            low: rate.maybe_enough(each).units().saturating_sub(1).saturating_mul(packets),
            high: sure.units().saturating_mul(packets),
            unit: unit.map_or(1, |unit| unit.units().max(1)),
        }
    }

    /// Up to three amounts between two others, in ascending order; at least one when there is any.
    fn points_between(&self, floor: u64, ceiling: u64) -> Vec<u64> {
        let between = |points: Vec<u64>, end: u64| -> Vec<u64> {
            let inside = |point: &u64| floor < *point && *point < end;
            points.into_iter().filter(inside).collect()
        };
        let middle = floor + (ceiling - floor) / 2;
        let growing = |distance: u64| [1, 4, 16].map(|factor| distance.saturating_mul(factor));
        let expected = between(vec![self.low, self.high], ceiling);
        let close = if !expected.is_empty() {
            expected
        } else if self.high <= floor {
            let distance = self.unit.max(floor - self.high);
            let upwards = growing(distance).map(|distance| floor.saturating_add(distance));
            between(upwards.to_vec(), middle)
        } else if self.low >= ceiling {
            let distance = self.unit.max(self.low - ceiling);
            let downwards = growing(distance).map(|distance| ceiling.saturating_sub(distance));
            between(downwards.into_iter().rev().collect(), ceiling)
                .into_iter()
                .filter(|&point| point > middle)
                .collect()
        } else {
            Vec::new()
        };
        match close.is_empty() {
            false => close,
            true => {
                let quarter = (ceiling - floor) / 4;
                let mut quarters = vec![floor + quarter, middle, ceiling - quarter];
                quarters.dedup();
                between(quarters, ceiling)
            }
        }
    }
}
