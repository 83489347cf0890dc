//! How much a limit lets through in a time, and a payment's share of it.

use std::time::Duration;

use psk_plugin::sim::{BalanceLimitConfig, LiquidityConfig, PacketRateConfig};

use super::ratio::Ratio;

/// Something that holds so much at the start and lets more through over time.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) which: Which,
    unit: Unit,
    capacity: u128,
    /// In turns: how long, and how much in that time.
    cycle: Vec<(Duration, u128)>,
    /// Whether what comes in comes at the end of each turn, not evenly.
    at_once: bool,
    /// What other payments want of it, in its units.
    pub(super) others: Vec<u128>,
}

/// What it counts.
#[derive(Clone, Copy, Debug)]
enum Unit {
    /// An amount: one source unit of the payment is so many of its units.
    Amount(Ratio),
    /// Packets, which bring at most so many source units of the payment each.
    Packets(u128),
}

/// Which limit of the network it is, by the places of connectors and links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Liquidity(usize),
    Packets(usize),
    Balance(usize),
    /// The sender's own packets in flight, which nobody shares.
    InFlight,
}

const SECOND: Duration = Duration::from_secs(1);

impl Limit {
    fn new(which: Which, unit: Unit, capacity: u128, cycle: Vec<(Duration, u128)>) -> Self {
        Self { which, unit, capacity, cycle, at_once: false, others: Vec::new() }
    }

    pub(super) fn liquidity(connector: usize, unit: Ratio, config: &LiquidityConfig) -> Self {
        let cycle = match config.cycle.is_empty() {
            true => vec![(SECOND, config.per_second.into())],
            false => config
                .cycle
                .iter()
                .map(|step| {
                    let brings = u128::from(step.for_ms) * u128::from(step.per_second) / 1_000;
                    (Duration::from_millis(step.for_ms), brings)
                })
                .collect(),
        };
        Self::new(Which::Liquidity(connector), Unit::Amount(unit), config.capacity.into(), cycle)
    }

    /// For packets of at most `largest` source units.
    pub(super) fn packets(connector: usize, largest: u128, config: &PacketRateConfig) -> Self {
        let cycle = vec![(SECOND, config.per_second.into())];
        Self::new(Which::Packets(connector), Unit::Packets(largest), config.burst.into(), cycle)
    }

    pub(super) fn balance(link: usize, unit: Ratio, config: &BalanceLimitConfig) -> Self {
        let most = u128::from(config.max_balance);
        let cycle = config.settle_every_ms.map(|millis| (Duration::from_millis(millis.max(1)), most));
        let cycle = cycle.into_iter().collect();
        Self { at_once: true, ..Self::new(Which::Balance(link), Unit::Amount(unit), most, cycle) }
    }

    /// So many packets of at most `largest` source units at once, and as many again in every round trip.
    pub(super) fn in_flight(packets: u128, largest: u128, round_trip: Duration) -> Self {
        Self::new(Which::InFlight, Unit::Packets(largest), packets, vec![(round_trip, packets)])
    }

    /// What a payment of so many source units, and so many packets at least, wants of it, in its units.
    pub(super) fn wish(&self, source: u128, packets: u128) -> u128 {
        match self.unit {
            Unit::Amount(unit) => unit.of(source),
            Unit::Packets(largest) => source.div_ceil(largest.max(1)).max(packets),
        }
    }

    /// How much a payment can bring through in so much time, in source units: its fair share of it all.
    pub(super) fn most(&self, time: Duration) -> u128 {
        let most = share(self.through(time), &self.others);
        match self.unit {
            Unit::Amount(unit) => unit.inverse_of(most),
            Unit::Packets(largest) => most.saturating_mul(largest),
        }
    }

    /// How many packets of a payment it lets through in so much time, if it counts packets.
    pub(super) fn most_packets(&self, time: Duration) -> Option<u128> {
        match self.unit {
            Unit::Amount(_) => None,
            Unit::Packets(_) => Some(share(self.through(time), &self.others)),
        }
    }

    /// How much goes through in so much time, of whomever.
    fn through(&self, time: Duration) -> u128 {
        let whole: u128 = self.cycle.iter().map(|(lasts, _)| lasts.as_nanos()).sum();
        let in_cycle: u128 = self.cycle.iter().map(|(_, brings)| brings).sum();
        let (Some(cycles), Some(mut left)) =
            (time.as_nanos().checked_div(whole), time.as_nanos().checked_rem(whole))
        else {
            return self.capacity;
        };
        let mut through = self.capacity.saturating_add(cycles.saturating_mul(in_cycle));
        for (lasts, brings) in &self.cycle {
            let part = left.min(lasts.as_nanos());
            if !self.at_once {
                let brought = brings.saturating_mul(part).checked_div(lasts.as_nanos());
                through = through.saturating_add(brought.unwrap_or(0));
            }
            left -= part;
        }
        through
    }
}

/// What is there for one who wants as much as possible beside others: equal shares, and what others do not want is
/// shared again.
fn share(total: u128, others: &[u128]) -> u128 {
    let mut others = others.to_vec();
    others.sort_unstable();
    let mut left = total;
    for (place, wanted) in others.iter().enumerate() {
        let heads = u128::try_from(others.len() - place).unwrap_or(u128::MAX).saturating_add(1);
        let equal = left / heads;
        if *wanted > equal {
            return equal;
        }
        left -= wanted;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_equal_and_what_is_not_wanted_is_shared_again() {
        assert_eq!(share(100, &[]), 100);
        assert_eq!(share(100, &[1_000, 1_000, 1_000]), 25);
        assert_eq!(share(100, &[1_000, 10]), 45);
        assert_eq!(share(100, &[10, 20]), 70);
        assert_eq!(share(0, &[10, 20]), 0);
    }

    #[test]
    fn packets_come_one_by_one_and_carry_at_most_so_much() {
        let limit = Limit::packets(0, 100, &PacketRateConfig { per_second: 10, burst: 2 });
        let at = |millis| {
            (limit.most(Duration::from_millis(millis)), limit.most_packets(Duration::from_millis(millis)))
        };
        assert_eq!([at(0), at(99), at(100)], [(200, Some(2)), (200, Some(2)), (300, Some(3))]);
        assert_eq!([limit.wish(200, 0), limit.wish(201, 0), limit.wish(201, 7)], [2, 3, 7]);
    }

    #[test]
    fn liquidity_comes_evenly_and_settlement_at_once() {
        let liquidity = LiquidityConfig { capacity: 10, per_second: 4, cycle: vec![] };
        let limit = Limit::liquidity(0, Ratio::ONE, &liquidity);
        assert_eq!([0, 1_500, 60_000].map(|millis| limit.most(Duration::from_millis(millis))), [10, 16, 250]);
        let settled =
            BalanceLimitConfig { at: "hop".to_owned(), max_balance: 10, settle_every_ms: Some(1_000) };
        let limit = Limit::balance(0, Ratio::ONE, &settled);
        assert_eq!(
            [999, 1_000, 60_500].map(|millis| limit.most(Duration::from_millis(millis))),
            [10, 20, 610]
        );
        let never = BalanceLimitConfig { settle_every_ms: None, ..settled };
        assert_eq!(Limit::balance(0, Ratio::ONE, &never).most(Duration::MAX), 10);
    }
}
