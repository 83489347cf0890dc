//! How fast a payment could be: computed from the description of its path, not from a run.

use std::time::Duration;

use psk_plugin::sim::{HopConfig, LinkConfig, LiquidityConfig, NetworkConfig};

use super::scenario::Fixed;

/// A ratio of source units to units somewhere on the path; good to about one part in 2^50.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    above: u128,
    below: u128,
}

impl Ratio {
    const ONE: Self = Self { above: 1, below: 1 };

    fn times(self, above: u128, below: u128) -> Self {
        let mut product =
            Self { above: self.above.saturating_mul(above), below: self.below.saturating_mul(below) };
        while product.above >= 1 << 60 || product.below >= 1 << 60 {
            product = Self { above: (product.above >> 1).max(1), below: (product.below >> 1).max(1) };
        }
        product
    }

    fn of(self, amount: u128) -> u128 {
        amount.saturating_mul(self.above) / self.below.max(1)
    }

    fn inverse_of(self, amount: u128) -> u128 {
        amount.saturating_mul(self.below) / self.above.max(1)
    }
}

/// One connector on a path, between the link before it and the one after it.
pub(super) struct OnPath<'a> {
    pub(super) before: &'a LinkConfig,
    pub(super) hop: &'a HopConfig,
    pub(super) after: &'a LinkConfig,
}

/// The connectors of a path, given by the places of its links.
pub(super) fn on_path<'a>(network: &'a NetworkConfig, links: &[usize]) -> Vec<OnPath<'a>> {
    let link = |place: &usize| network.links.get(*place);
    let pairs = links.windows(2).filter_map(|pair| Some((link(&pair[0])?, link(&pair[1])?)));
    let joined = pairs.filter_map(|(before, after)| {
        let hop = network
            .connectors
            .iter()
            .find(|hop| before.ends.contains(&hop.name) && after.ends.contains(&hop.name))?;
        Some(OnPath { before, hop, after })
    });
    joined.collect()
}

/// The amount over the bandwidth of the narrowest connector, and a round trip.
pub(super) fn ideal(network: &NetworkConfig, links: &[usize], amount: u64, fixed: Fixed) -> Duration {
    let hops = on_path(network, links);
    let mut rate = Ratio::ONE;
    let mut at_each = Vec::new();
    for hop in &hops {
        let before = rate;
        rate = converted(rate, hop);
        at_each.push((hop.hop, before, rate));
    }
    let source = match fixed {
        Fixed::Source => u128::from(amount),
        Fixed::Destination => rate.inverse_of(amount.into()),
    };
    let largest = at_each
        .iter()
        .filter_map(|(hop, before, _)| hop.max_packet_amount.map(|most| before.inverse_of(most.into())));
    let packets = source.div_ceil(largest.min().unwrap_or(source).max(1));
    let needs = at_each.iter().map(|(hop, _, after)| {
        let liquidity = hop.liquidity.as_ref().map(|liquidity| takes(after.of(source), liquidity));
        let packet_rate = hop
            .packet_rate
            .map(|limit| over(packets.saturating_sub(limit.burst.into()), limit.per_second.into()));
        liquidity.unwrap_or_default().max(packet_rate.unwrap_or_default())
    });
    let travel = links.iter().filter_map(|place| network.links.get(*place));
    let latency = travel.map(|link| Duration::from_micros(link.latency_us)).sum::<Duration>();
    let processing = hops.iter().map(|hop| Duration::from_micros(hop.hop.processing_us)).sum::<Duration>();
    (latency + processing) * 2 + needs.max().unwrap_or_default()
}

fn converted(rate: Ratio, at: &OnPath<'_>) -> Ratio {
    const MILLION: u128 = 1_000_000;
    let OnPath { before, hop, after } = at;
    let direct = hop.rates.iter().find(|rate| rate.from == before.asset && rate.to == after.asset);
    let inverse = hop.rates.iter().find(|rate| rate.to == before.asset && rate.from == after.asset);
    let rate = rate.times(MILLION - u128::from(hop.spread_ppm).min(MILLION), MILLION);
    let rate = match (direct, before.asset == after.asset, inverse) {
        (Some(curve), ..) => {
            let (above, below) = curve.rate.parts();
            rate.times(above.into(), below.into())
        }
        (None, false, Some(curve)) => {
            let (above, below) = curve.rate.parts();
            rate.times(below.into(), above.into())
        }
        _ => rate,
    };
    let ten_to = |more: u8, less: u8| 10u128.saturating_pow(u32::from(more.saturating_sub(less)).min(18));
    rate.times(ten_to(after.scale, before.scale), ten_to(before.scale, after.scale))
}

/// How long a connector's liquidity takes to let so much through.
fn takes(amount: u128, liquidity: &LiquidityConfig) -> Duration {
    let mut left = amount.saturating_sub(liquidity.capacity.into());
    if liquidity.cycle.is_empty() {
        return over(left, liquidity.per_second.into());
    }
    let in_step =
        |step: &psk_plugin::sim::LiquidityStep| u128::from(step.for_ms) * u128::from(step.per_second) / 1_000;
    let in_cycle: u128 = liquidity.cycle.iter().map(in_step).sum();
    let cycle: Duration = liquidity.cycle.iter().map(|step| Duration::from_millis(step.for_ms)).sum();
    let whole = left.checked_div(in_cycle).unwrap_or_default();
    left -= whole * in_cycle;
    let mut time = cycle.saturating_mul(u32::try_from(whole).unwrap_or(u32::MAX));
    for step in &liquidity.cycle {
        let part = left.min(in_step(step));
        time += over(part, step.per_second.into());
        left -= part;
    }
    time
}

fn over(amount: u128, per_second: u128) -> Duration {
    let nanos = amount.saturating_mul(1_000_000_000).checked_div(per_second).unwrap_or_default();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
