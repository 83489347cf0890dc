//! How fast a payment could be: computed from the description of its paths, not from a run.
//!
//! On each path a payment has the bandwidth of whatever is narrowest there: a connector's liquidity or packet rate, what
//! a neighbour may owe a connector, or, if the scenario limits them, the sender's own packets in flight, each of the
//! largest amount that the path takes, in a round trip. Where nothing limits it, all arrives in one round trip: nobody
//! knows the rate beforehand, but it could be. Paths over different links of the paying host add up; of paths that share a limit the first
//! counts alone. What several payments want of one limit they share fairly, as if all of them began at once.

use std::collections::BTreeMap;
use std::time::Duration;

use psk_plugin::sim::{CurveConfig, HopConfig, LinkConfig, NetworkConfig};

use super::limit::{Limit, Which};
use super::ratio::Ratio;
use super::scenario::{Fixed, PaymentConfig};

/// What a payment takes at best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ideal {
    /// [`Duration::MAX`] when it cannot be done at all.
    pub(super) time: Duration,
    /// There and back over the fastest path, without what it takes to bring all through.
    pub(super) round_trip: Duration,
    /// What has arrived so long after the start, in the units of the payment's target: from the first unit to the last.
    pub(super) course: Vec<(Duration, u128)>,
}

/// The course is given at so many times and one more.
const STEPS: u32 = 80;

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

/// A path of a payment, and what limits it.
struct Way {
    round_trip: Duration,
    /// What one source unit becomes.
    delivers: Ratio,
    limits: Vec<Limit>,
}

/// The amount over the bandwidth of the payments' paths, and a round trip: for all payments together, since they share.
/// `paths` has for each payment its paths, each as the places of its links.
pub(super) fn ideals(
    network: &NetworkConfig,
    payments: &[PaymentConfig],
    paths: &[Vec<Vec<usize>>],
) -> Vec<Ideal> {
    let together = payments.iter().zip(paths);
    let mut all: Vec<Vec<Way>> = together.map(|(payment, paths)| ways(network, payment, paths)).collect();
    share(&mut all, payments);
    all.iter().zip(payments).map(|(ways, payment)| best(ways, payment)).collect()
}

/// The ways of a payment that do not share a limit.
fn ways(network: &NetworkConfig, payment: &PaymentConfig, paths: &[Vec<usize>]) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    let found = paths.iter().filter(|path| !path.is_empty());
    for way in found.map(|path| way(network, payment, path)) {
        let shared = way.limits.iter().any(|limit| {
            let mut others = ways.iter().flat_map(|other| &other.limits);
            limit.which != Which::InFlight && others.any(|other| other.which == limit.which)
        });
        if !shared {
            ways.push(way);
        }
    }
    ways
}

fn way(network: &NetworkConfig, payment: &PaymentConfig, path: &[usize]) -> Way {
    let hops = on_path(network, path);
    let travel = path.iter().filter_map(|place| network.links.get(*place));
    let latency = travel.map(|link| Duration::from_micros(link.latency_us)).sum::<Duration>();
    let processing = hops.iter().map(|hop| Duration::from_micros(hop.hop.processing_us)).sum::<Duration>();
    let round_trip = (latency + processing) * 2;
    let mut rates = vec![Ratio::ONE];
    for hop in &hops {
        rates.push(converted(*rates.last().unwrap_or(&Ratio::ONE), hop, |_| MILLION));
    }
    let delivers = *rates.last().unwrap_or(&Ratio::ONE);
    let at_most = hops
        .iter()
        .zip(&rates)
        .filter_map(|(at, before)| Some(before.inverse_of(at.hop.max_packet_amount?.into())));
    let largest = at_most.min().unwrap_or_else(|| wanted(payment, delivers)).max(1);
    let mut limits = Vec::new();
    if let Some(packets) = payment.max_packets_in_flight {
        let packets = u128::try_from(packets).unwrap_or(u128::MAX);
        limits.push(Limit::in_flight(largest.saturating_mul(packets), round_trip));
    }
    for (place, at) in hops.iter().enumerate() {
        let (before, after) = (rates[place], rates[place + 1]);
        let connector = network.connectors.iter().position(|hop| hop.name == at.hop.name).unwrap_or(0);
        if let Some(liquidity) = &at.hop.liquidity {
            limits.push(Limit::liquidity(connector, after, liquidity));
        }
        if let Some(packets) = &at.hop.packet_rate {
            limits.push(Limit::packets(connector, Ratio::ONE.times(1, largest), packets));
        }
        let owed = at.before.balance_limits.iter().filter(|limit| limit.at == at.hop.name);
        limits.extend(owed.map(|limit| Limit::balance(path[place], before, limit)));
    }
    Way { round_trip, delivers, limits }
}

/// The payment's source amount over a path that delivers so much.
fn wanted(payment: &PaymentConfig, delivers: Ratio) -> u128 {
    match payment.fixed {
        Fixed::Source => payment.amount.into(),
        Fixed::Destination => delivers.inverse_of(payment.amount.into()),
    }
}

/// Tells every limit what other payments want of it.
fn share(all: &mut [Vec<Way>], payments: &[PaymentConfig]) {
    let mut wishes: BTreeMap<Which, BTreeMap<usize, u128>> = BTreeMap::new();
    for (place, (ways, payment)) in all.iter().zip(payments).enumerate() {
        for way in ways {
            for limit in &way.limits {
                let wish = limit.unit.of(wanted(payment, way.delivers));
                let known = wishes.entry(limit.which).or_default().entry(place).or_default();
                *known = wish.max(*known);
            }
        }
    }
    wishes.remove(&Which::InFlight);
    for (place, ways) in all.iter_mut().enumerate() {
        for limit in ways.iter_mut().flat_map(|way| &mut way.limits) {
            let others = wishes.get(&limit.which).into_iter().flatten();
            limit.others = others.filter(|(who, _)| **who != place).map(|(_, wish)| *wish).collect();
        }
    }
}

/// The shortest time in which its ways bring all of a payment through.
fn best(ways: &[Way], payment: &PaymentConfig) -> Ideal {
    let round_trip = ways.iter().map(|way| way.round_trip).min().unwrap_or_default();
    let brought = |time: Duration| {
        let each = ways.iter().filter_map(|way| {
            let after = time.checked_sub(way.round_trip)?;
            let source = way.limits.iter().map(|limit| limit.most(after)).min().unwrap_or(u128::MAX);
            Some(match payment.fixed {
                Fixed::Source => source,
                // As it is rounded where the amount is turned into source units.
                Fixed::Destination if source >= wanted(payment, way.delivers) => payment.amount.into(),
                Fixed::Destination => way.delivers.of(source),
            })
        });
        each.fold(0u128, u128::saturating_add)
    };
    let enough = |time: Duration| brought(time) >= payment.amount.into();
    // In a century at most.
    let (mut too_short, mut long_enough) = (0u64, u64::MAX / 6);
    if !enough(Duration::from_nanos(long_enough)) {
        return Ideal { time: Duration::MAX, round_trip, course: Vec::new() };
    }
    while too_short < long_enough {
        let middle = too_short + (long_enough - too_short) / 2;
        match enough(Duration::from_nanos(middle)) {
            true => long_enough = middle,
            false => too_short = middle + 1,
        }
    }
    let time = Duration::from_nanos(long_enough);
    let at = |step: u32| {
        let answered =
            round_trip.saturating_add(time.saturating_sub(round_trip).saturating_mul(step) / STEPS);
        // What is answered has arrived half a round trip before.
        (answered.saturating_sub(round_trip / 2), brought(answered).min(payment.amount.into()))
    };
    Ideal { time, round_trip, course: (0..=STEPS).map(at).collect() }
}

pub(super) const MILLION: u32 = 1_000_000;

/// What a ratio becomes at a connector whose rates are at these shares of themselves, in parts per million.
pub(super) fn converted(rate: Ratio, at: &OnPath<'_>, share: impl Fn(&CurveConfig) -> u32) -> Ratio {
    let OnPath { before, hop, after } = at;
    let direct = hop.rates.iter().find(|rate| rate.from == before.asset && rate.to == after.asset);
    let inverse = hop.rates.iter().find(|rate| rate.to == before.asset && rate.from == after.asset);
    let rate = rate.times(MILLION.saturating_sub(hop.spread_ppm).into(), MILLION.into());
    let rate = match (direct, before.asset == after.asset, inverse) {
        (Some(curve), ..) => {
            let (above, below) = curve.rate.parts();
            rate.times(above.into(), below.into()).times(share(curve).into(), MILLION.into())
        }
        (None, false, Some(curve)) => {
            let (above, below) = curve.rate.parts();
            rate.times(below.into(), above.into()).times(MILLION.into(), share(curve).max(1).into())
        }
        _ => rate,
    };
    let ten_to = |more: u8, less: u8| 10u128.saturating_pow(u32::from(more.saturating_sub(less)).min(18));
    rate.times(ten_to(after.scale, before.scale), ten_to(before.scale, after.scale))
}

#[cfg(test)]
mod tests {
    use psk_plugin::sim::{LiquidityConfig, PacketRateConfig};

    use super::*;

    const MILLIS: fn(u64) -> Duration = Duration::from_millis;

    /// Alice, one of these connectors on each path, bob: 50 ms there and back over the first, 10 ms more over each next.
    fn network(connectors: Vec<HopConfig>) -> (NetworkConfig, Vec<Vec<usize>>) {
        let mut links = Vec::new();
        for (hop, more) in connectors.iter().zip(0u64..) {
            let latency_us = 12_500 + 2_500 * more;
            links.push(LinkConfig::new("alice", &hop.name, latency_us));
            links.push(LinkConfig::new(&hop.name, "bob", latency_us));
        }
        let paths = (0..connectors.len()).map(|place| vec![2 * place, 2 * place + 1]).collect();
        (NetworkConfig { hosts: vec!["alice".into(), "bob".into()], connectors, links }, paths)
    }

    fn liquid(name: &str, per_second: u64) -> HopConfig {
        let liquidity = Some(LiquidityConfig { capacity: 1_000, per_second, cycle: vec![] });
        HopConfig { liquidity, ..HopConfig::new(name) }
    }

    fn alone(connectors: Vec<HopConfig>, payment: PaymentConfig) -> Duration {
        let (network, paths) = network(connectors);
        ideals(&network, &[payment], &[paths])[0].time
    }

    fn pays(amount: u64) -> PaymentConfig {
        PaymentConfig::new("alice", "bob", amount)
    }

    #[test]
    fn without_limits_it_is_a_round_trip_and_a_scenario_may_limit_the_packets_in_flight() {
        assert_eq!(alone(vec![HopConfig::new("hop")], pays(u64::MAX)), MILLIS(50));
        let hop = || HopConfig { max_packet_amount: Some(100), ..HopConfig::new("hop") };
        assert_eq!(alone(vec![hop()], pays(1_024_000)), MILLIS(50), "all at once");
        let few = PaymentConfig { max_packets_in_flight: Some(10), ..pays(10_000) };
        assert_eq!(alone(vec![hop()], few), MILLIS(500));
        let limited =
            HopConfig { packet_rate: Some(PacketRateConfig { per_second: 100, burst: 20 }), ..hop() };
        assert_eq!(alone(vec![limited], pays(12_000)), MILLIS(1_050));
    }

    #[test]
    fn paths_add_up_and_those_that_share_a_limit_do_not() {
        assert_eq!(alone(vec![liquid("one", 1_000)], pays(11_000)), MILLIS(10_050));
        // The second path is 10 ms longer, and so behind by ten units all the time.
        let both = alone(vec![liquid("one", 1_000), liquid("two", 1_000)], pays(11_990));
        assert_eq!(both, MILLIS(5_050));
        let delivering = PaymentConfig::delivering("alice", "bob", 11_990);
        assert_eq!(alone(vec![liquid("one", 1_000), liquid("two", 1_000)], delivering), MILLIS(5_050));
        let (network, paths) = network(vec![liquid("one", 1_000)]);
        let twice = [paths[0].clone(), paths[0].clone()];
        assert_eq!(ideals(&network, &[pays(11_000)], &[twice.to_vec()])[0].time, MILLIS(10_050));
    }

    #[test]
    fn payments_share_fairly_and_what_cannot_be_is_never() {
        let (mut network, paths) = network(vec![liquid("one", 1_000)]);
        let ideals_of = |network: &NetworkConfig, amounts: &[u64]| {
            let payments: Vec<PaymentConfig> = amounts.iter().map(|amount| pays(*amount)).collect();
            let paths = vec![paths.clone(); payments.len()];
            ideals(network, &payments, &paths).into_iter().map(|ideal| ideal.time).collect::<Vec<_>>()
        };
        // Both get half until the smaller one is done.
        assert_eq!(ideals_of(&network, &[2_000, 5_000]), [MILLIS(3_050), MILLIS(6_050)]);
        network.connectors[0].liquidity =
            Some(LiquidityConfig { capacity: 10, per_second: 0, cycle: vec![] });
        assert_eq!(ideals_of(&network, &[11]), [Duration::MAX]);
        assert_eq!(ideals_of(&network, &[10]), [MILLIS(50)]);
    }
}
