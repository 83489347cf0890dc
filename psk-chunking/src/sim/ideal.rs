//! How fast a payment could be: computed from the description of its paths, not from a run.
//!
//! On each path a payment has the bandwidth of whatever is narrowest there: a connector's liquidity or packet rate, what
//! a neighbour may owe a connector, or, if the scenario limits them, the sender's own packets in flight in a round trip.
//! Where packets are counted, each brings the largest amount that passes every limit of the path by itself, and the
//! payment's data needs as many as it fills. Where nothing limits it, all arrives in one round trip: nobody knows the
//! rate beforehand, but it could be. Paths over different links of the paying host add up, as far as the payment's policy
//! allows them; of paths that share a limit the first counts alone. What several payments want of one limit they share
//! fairly, as if all of them began at once.
//!
//! A rate that moves counts as its best is, whenever that may be: the highest for a fixed destination amount, and the
//! lowest for a fixed source amount, which then takes the least of what comes after it. So a payment may be slower than
//! the ideal for that reason alone. A path of a moving rate counts when there may be a time at
//! which the policy allows it. Left out are losses, errors and jitter, pauses, what other payments leave when they begin
//! later, and minimum rates.

use std::collections::BTreeMap;
use std::time::Duration;

use psk_codec::psk::PaymentId;
use psk_plugin::sim::NetworkConfig;

use super::limit::Which;
use super::ratio::Ratio;
use super::room::data_packets;
use super::scenario::{Fixed, PaymentConfig};
use super::way::Way;
use crate::send::PathPolicy;

const MILLION: u128 = 1_000_000;

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

/// The ways of a payment that it may use and that do not share a limit.
fn ways(network: &NetworkConfig, payment: &PaymentConfig, paths: &[Vec<usize>]) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    for way in allowed(found(network, payment, paths), payment) {
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

fn found(network: &NetworkConfig, payment: &PaymentConfig, paths: &[Vec<usize>]) -> Vec<Way> {
    let paths = paths.iter().filter(|path| !path.is_empty());
    paths.filter_map(|path| Way::new(network, payment, path)).collect()
}

/// Those that the payment's policy allows, as `send/policy.rs` has it.
fn allowed(mut ways: Vec<Way>, payment: &PaymentConfig) -> Vec<Way> {
    if let Some(least) = least_of(&ways, payment) {
        ways.retain(|way| !way.highest.is_below(least));
    }
    ways
}

/// The worst rate at which a payment's policy lets it use a path beside the best one, at any time; `None` where that is any.
pub(super) fn least_rate(
    network: &NetworkConfig,
    payment: &PaymentConfig,
    paths: &[Vec<usize>],
) -> Option<Ratio> {
    least_of(&found(network, payment, paths), payment)
}

fn least_of(ways: &[Way], payment: &PaymentConfig) -> Option<Ratio> {
    let below = |one: &Ratio, other: &Ratio| if one.is_below(*other) { *other } else { *one };
    // At any time there is a path as good as that.
    let best = ways.iter().map(|way| way.lowest).reduce(|one, other| below(&one, &other))?;
    match payment.send_config(PaymentId::new([0; 16])).path_policy {
        PathPolicy::Fastest => None,
        PathPolicy::Cheapest => Some(best),
        PathPolicy::Weighed(ppm) => Some(best.times(MILLION.saturating_sub(ppm.into()), MILLION)),
    }
}

/// Tells every limit what other payments want of it.
fn share(all: &mut [Vec<Way>], payments: &[PaymentConfig]) {
    let mut wishes: BTreeMap<Which, BTreeMap<usize, u128>> = BTreeMap::new();
    for (place, (ways, payment)) in all.iter().zip(payments).enumerate() {
        for way in ways {
            for limit in &way.limits {
                let wish = limit.wish(way.wanted(payment), data_packets(payment));
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
    let data = data_packets(payment);
    let brought = |time: Duration| {
        let each = ways.iter().filter_map(|way| {
            let after = time.checked_sub(way.round_trip)?;
            let source = way.limits.iter().map(|limit| limit.most(after)).min().unwrap_or(u128::MAX);
            Some(match payment.fixed {
                Fixed::Source => source,
                // As it is rounded where the amount is turned into source units.
                Fixed::Destination if source >= way.wanted(payment) => payment.amount.into(),
                Fixed::Destination => way.delivers.of(source),
            })
        });
        each.fold(0u128, u128::saturating_add)
    };
    let carries = |time: Duration| {
        let packets = ways.iter().filter_map(|way| {
            let after = time.checked_sub(way.round_trip)?;
            let limits = way.limits.iter().filter_map(|limit| limit.most_packets(after));
            Some(limits.min().unwrap_or(u128::MAX))
        });
        packets.fold(0u128, u128::saturating_add) >= data
    };
    let enough = |time: Duration| brought(time) >= payment.amount.into() && carries(time);
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

#[cfg(test)]
mod tests {
    use psk_plugin::sim::{
        BalanceLimitConfig, CurveConfig, CurvePoint, HopConfig, LinkConfig, LiquidityConfig,
        PacketRateConfig, Rate,
    };

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
    fn a_packet_is_no_larger_than_each_limit_of_amounts() {
        let packet_rate = Some(PacketRateConfig { per_second: 50, burst: 5 });
        let hop = || HopConfig { packet_rate, max_packet_amount: Some(50_000), ..HopConfig::new("hop") };
        assert_eq!(alone(vec![hop()], pays(500_000)), MILLIS(50 + 100), "ten packets");
        let liquidity = Some(LiquidityConfig { capacity: 1_000, per_second: 100_000, cycle: vec![] });
        let small = HopConfig { liquidity: liquidity.clone(), ..hop() };
        assert_eq!(alone(vec![small], pays(500_000)), MILLIS(50 + 9_900), "five hundred");
        // After the connector a unit is ten: a hundred of them.
        let rates = vec![CurveConfig {
            from: "XRP".to_owned(),
            to: "XRP".to_owned(),
            rate: Rate::new(10, 1).unwrap(),
            curve: vec![],
        }];
        let worth_more = HopConfig { liquidity, rates: rates.clone(), ..hop() };
        assert_eq!(alone(vec![worth_more], pays(50_000)), MILLIS(50 + 9_900));
        let (mut network, paths) = network(vec![hop()]);
        network.links[0].balance_limits.push(BalanceLimitConfig {
            at: "hop".to_owned(),
            max_balance: 1_000,
            settle_every_ms: Some(1),
        });
        assert_eq!(ideals(&network, &[pays(500_000)], &[paths])[0].time, MILLIS(50 + 9_900));
        // No packet passes that delivers anything.
        let liquidity = Some(LiquidityConfig { capacity: 9, per_second: 100, cycle: vec![] });
        let closed = HopConfig { liquidity, rates, ..HopConfig::new("hop") };
        assert_eq!(alone(vec![closed], pays(50_000)), Duration::MAX);
    }

    #[test]
    fn paths_count_that_the_policy_allows() {
        // 0.9 % dearer, and 10 %.
        let dear = |name: &str, spread_ppm| HopConfig { spread_ppm, ..liquid(name, 1_000) };
        let hops = || vec![liquid("one", 1_000), dear("two", 9_000), dear("three", 100_000)];
        let time = |path_policy| alone(hops(), PaymentConfig { path_policy, ..pays(10_000) });
        let over = |paths: Vec<HopConfig>| {
            let path_policy = Some(PathPolicy::Fastest);
            alone(paths, PaymentConfig { path_policy, ..pays(10_000) })
        };
        let [one, two, three] = [1, 2, 3].map(|count| over(hops().into_iter().take(count).collect()));
        assert!(three < two && two < one);
        assert_eq!(time(None), two, "one percent");
        assert_eq!(time(Some(PathPolicy::Weighed(100_000))), three);
        assert_eq!(time(Some(PathPolicy::Weighed(0))), one);
        assert_eq!(time(Some(PathPolicy::Cheapest)), one);
        assert_eq!(time(Some(PathPolicy::Fastest)), three);
        let equal = vec![liquid("one", 1_000), liquid("two", 1_000)];
        let cheapest = PaymentConfig { path_policy: Some(PathPolicy::Cheapest), ..pays(10_000) };
        assert_eq!(alone(equal.clone(), cheapest), over(equal), "as good as each other");
    }

    #[test]
    fn data_needs_the_packets_that_it_fills() {
        let slow = || HopConfig {
            packet_rate: Some(PacketRateConfig { per_second: 100, burst: 20 }),
            ..HopConfig::new("hop")
        };
        let data = PaymentConfig { data_octets: 2_990_000, ..pays(1_000) };
        assert_eq!(alone(vec![slow()], data.clone()), MILLIS(50 + 720), "92 packets");
        assert_eq!(alone(vec![HopConfig::new("hop")], data.clone()), MILLIS(50));
        let few = PaymentConfig { max_packets_in_flight: Some(46), ..data.clone() };
        assert_eq!(alone(vec![HopConfig::new("hop")], few), MILLIS(100));
        let money = HopConfig { max_packet_amount: Some(1), ..slow() };
        assert_eq!(alone(vec![money], data), MILLIS(50 + 9_800), "which the money needs anyway");
    }

    #[test]
    fn rates_that_move_count_as_their_best() {
        let moving = |from: &str, to: &str, payment: PaymentConfig| {
            let curve = [(0, 1_000_000), (5, 500_000), (9, 2_000_000)];
            let curve = curve.map(|(at_ms, ppm)| CurvePoint { at_ms, ppm }).to_vec();
            let rates = vec![CurveConfig { from: "EUR".into(), to: "USD".into(), rate: Rate::ONE, curve }];
            let packet_rate = Some(PacketRateConfig { per_second: 10, burst: 1 });
            let hop = HopConfig { rates, packet_rate, max_packet_amount: Some(100), ..liquid("hop", 1_000) };
            let (mut network, paths) = network(vec![hop]);
            (network.links[0].asset, network.links[1].asset) = (from.into(), to.into());
            ideals(&network, &[payment], &[paths])[0].time
        };
        // A packet of 100 becomes 200 at best; of liquidity, 500 units are 1,000 source units at best.
        assert_eq!(
            moving("EUR", "USD", PaymentConfig::delivering("alice", "bob", 2_000)),
            MILLIS(50 + 1_000)
        );
        assert_eq!(moving("EUR", "USD", pays(1_000)), MILLIS(50 + 900));
        assert_eq!(
            moving("USD", "EUR", PaymentConfig::delivering("alice", "bob", 2_000)),
            MILLIS(50 + 1_000)
        );
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
