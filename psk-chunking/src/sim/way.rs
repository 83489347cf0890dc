//! A path of a payment: what it delivers, and what limits it.

use std::time::Duration;

use psk_plugin::sim::{CurveConfig, HopConfig, LinkConfig, NetworkConfig};

use super::limit::Limit;
use super::ratio::Ratio;
use super::scenario::{Fixed, PaymentConfig};
use super::worth::greatest_overshoot;

pub(super) const MILLION: u128 = 1_000_000;
/// So many numbers of parts are tried until a payment is said to be impossible.
const MOST_PARTS: usize = 1_000;
/// So many sizes of packets are tried for one of a fixed destination amount.
const BEST_SIZES: usize = 16;

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
pub(super) struct Way {
    pub(super) round_trip: Duration,
    /// What one source unit becomes, at the rates that the payment's ideal counts with.
    pub(super) delivers: Ratio,
    /// The same at the lowest rates, and at the highest.
    pub(super) lowest: Ratio,
    pub(super) highest: Ratio,
    pub(super) limits: Vec<Limit>,
}

/// Which rates of those that move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rates {
    Lowest,
    Highest,
}

impl Way {
    /// The path of a payment, by the places of its links. `None` when no packet passes it.
    pub(super) fn new(network: &NetworkConfig, payment: &PaymentConfig, path: &[usize]) -> Option<Self> {
        let hops = on_path(network, path);
        let travel = path.iter().filter_map(|place| network.links.get(*place));
        let latency = travel.map(|link| Duration::from_micros(link.latency_us)).sum::<Duration>();
        let processing =
            hops.iter().map(|hop| Duration::from_micros(hop.hop.processing_us)).sum::<Duration>();
        let (lowest, highest) = (worth(&hops, Rates::Lowest), worth(&hops, Rates::Highest));
        let worth = if payment.fixed == Fixed::Source { &lowest } else { &highest };
        let mut way = Self {
            round_trip: (latency + processing) * 2,
            delivers: last(worth),
            lowest: last(&lowest),
            highest: last(&highest),
            limits: Vec::new(),
        };
        let largest = largest_packet(&hops, way.wanted(payment), payment.fixed)?;
        let limits = payment.max_packets_in_flight.filter(|_| !way.round_trip.is_zero());
        way.limits.extend(limits.map(|packets| {
            let packets = u128::try_from(packets).unwrap_or(u128::MAX);
            Limit::in_flight(packets, largest, way.round_trip)
        }));
        for (place, at) in hops.iter().enumerate() {
            let (before, after) = (worth[place], worth[place + 1]);
            let connector = network.connectors.iter().position(|hop| hop.name == at.hop.name).unwrap_or(0);
            if let Some(liquidity) = &at.hop.liquidity {
                way.limits.push(Limit::liquidity(connector, after, liquidity));
            }
            if let Some(packets) = &at.hop.packet_rate {
                way.limits.push(Limit::packets(connector, largest, packets));
            }
            let owed = at.before.balance_limits.iter().filter(|limit| limit.at == at.hop.name);
            way.limits.extend(owed.map(|limit| Limit::balance(path[place], before, limit)));
        }
        Some(way)
    }

    /// The payment's source amount over this path.
    pub(super) fn wanted(&self, payment: &PaymentConfig) -> u128 {
        match payment.fixed {
            Fixed::Source => payment.amount.into(),
            Fixed::Destination => self.delivers.inverse_of(payment.amount.into()).max(1),
        }
    }
}

/// What a payment's amount is at each link of its path, the first one first, if nothing is rounded.
pub(super) fn units_at(network: &NetworkConfig, payment: &PaymentConfig, path: &[usize]) -> Vec<u128> {
    let worth = worth(&on_path(network, path), Rates::Highest);
    let amount = u128::from(payment.amount);
    let source = if payment.fixed == Fixed::Source { amount } else { last(&worth).inverse_of(amount) };
    worth.into_iter().map(|worth| worth.of(source)).collect()
}

/// Whether there certainly is a way to make a payment up of packets that pass its path, each of which delivers something
/// and no more than a hundredth below the path's rate, as senders want it by default.
///
/// For a fixed source amount of equal parts, which bring all of it. For a fixed destination amount of as many packets of one
/// size as do not exceed it, and of one or two more for what is then missing: together just the amount, or as little beyond
/// it as senders give away, which is less than a source unit is worth, or than one of a hop's units is if that is not more
/// than a hundredth of the amount. Odder mixtures that only
/// somebody could find who knows the path are not looked for.
pub(super) fn is_possible(network: &NetworkConfig, payment: &PaymentConfig, path: &[usize]) -> bool {
    let hops = on_path(network, path);
    let Some(way) = Way::new(network, payment, path) else { return false };
    let wanted = way.wanted(payment);
    let unit = greatest_overshoot(network, &[path.to_vec()]).min(u128::from(payment.amount) / 100);
    let spare = way.delivers.below_worth(1).max(unit);
    let packets = Packets { hops: &hops, rate: way.delivers, spare };
    match payment.fixed {
        Fixed::Destination => {
            // What is enough for the amount may deliver more, so it may be larger than `wanted`.
            let largest = largest_packet(&hops, u128::from(u64::MAX), payment.fixed);
            largest.is_some_and(|largest| packets.deliver(payment.amount.into(), largest))
        }
        Fixed::Source => {
            let Some(largest) = largest_packet(&hops, wanted, payment.fixed) else { return false };
            let Some(smallest) = packets.smallest(1, largest) else { return false };
            let mut parts = (wanted.div_ceil(largest)..=wanted / smallest).take(MOST_PARTS);
            parts
                .any(|parts| packets.keeps_rate(wanted / parts) && packets.keeps_rate(wanted.div_ceil(parts)))
        }
    }
}

/// What packets over a path deliver at its lowest rates.
struct Packets<'a> {
    hops: &'a [OnPath<'a>],
    /// What one source unit is worth at the end if nothing is rounded.
    rate: Ratio,
    /// So much may be given away beyond a fixed amount.
    spare: u128,
}

impl Packets<'_> {
    fn delivers(&self, packet: u128) -> u128 {
        arrived(self.hops, packet, Rates::Lowest)
    }

    fn keeps_rate(&self, packet: u128) -> bool {
        self.delivers(packet) >= (self.rate.of(packet.saturating_mul(99)) / 100).max(1)
    }

    /// The smallest packet of which so much arrives, if it does of the largest.
    fn smallest(&self, least: u128, largest: u128) -> Option<u128> {
        if self.delivers(largest) < least {
            return None;
        }
        let (mut too_small, mut enough) = (0, largest);
        while enough - too_small > 1 {
            let middle = too_small + (enough - too_small) / 2;
            if self.delivers(middle) >= least { enough = middle } else { too_small = middle }
        }
        Some(enough)
    }

    /// Whether some of them bring `amount`, or as little more as may be given away.
    fn deliver(&self, amount: u128, largest: u128) -> bool {
        let alone = |missing: u128| {
            let packet = self.smallest(missing, largest).filter(|packet| self.keeps_rate(*packet));
            packet.is_some_and(|packet| self.delivers(packet) <= missing + self.spare)
        };
        let sizes = self.best_sizes(amount, largest);
        let completes = |missing: u128| {
            let others = || sizes.iter().filter(|(_, delivers)| *delivers < missing);
            missing == 0 || alone(missing) || others().any(|(_, delivers)| alone(missing - delivers))
        };
        alone(amount)
            || sizes.iter().any(|(_, delivers)| {
                let most = amount / delivers;
                (most.saturating_sub(1)..=most).any(|times| completes(amount - times * delivers))
            })
    }

    /// The packets of the most units up to an amount that keep the rate, each the smallest of what it delivers, and what
    /// that is.
    fn best_sizes(&self, amount: u128, largest: u128) -> Vec<(u128, u128)> {
        let mut delivers = self.delivers(largest);
        if delivers > amount {
            let beyond = self.smallest(amount + 1, largest).unwrap_or(largest);
            delivers = self.delivers(beyond - 1);
        }
        let mut sizes = Vec::new();
        for _ in 0..BEST_SIZES {
            let Some(size) = self.smallest(delivers, largest).filter(|_| delivers > 0) else { break };
            sizes.extend(Some((size, delivers)).filter(|_| self.keeps_rate(size)));
            delivers = self.delivers(size - 1);
        }
        sizes
    }
}

/// The largest packet that passes every limit of amounts by itself, in source units, and at most `wanted`, which is as
/// much as there is a use for. `None` when no packet passes.
///
/// Of smaller packets, smaller ones arrive everywhere, so it can be searched for by halves.
fn largest_packet(hops: &[OnPath<'_>], wanted: u128, fixed: Fixed) -> Option<u128> {
    let rates = if fixed == Fixed::Source { Rates::Lowest } else { Rates::Highest };
    let (mut passes, mut too_large) = (0, wanted.max(1).saturating_add(1));
    while too_large - passes > 1 {
        let middle = passes + (too_large - passes) / 2;
        if arrives(hops, middle, rates).is_some() { passes = middle } else { too_large = middle }
    }
    let largest = Some(passes).filter(|largest| *largest > 0);
    // At other times more of it may be left than at the rates that let the largest through.
    largest.filter(|largest| arrived(hops, *largest, Rates::Highest) > 0)
}

/// What arrives of a packet, rounded down by each connector; `None` when one of them lets it never through.
fn arrives(hops: &[OnPath<'_>], amount: u128, rates: Rates) -> Option<u128> {
    hops.iter().try_fold(amount, |amount, at| {
        let owed = at.before.balance_limits.iter().filter(|limit| limit.at == at.hop.name);
        let most = at.hop.max_packet_amount.into_iter().chain(owed.map(|limit| limit.max_balance)).min();
        let after = converted(Ratio::ONE, at, rates).of(amount);
        let holds = at.hop.liquidity.as_ref().map_or(u64::MAX, |liquidity| liquidity.capacity);
        let passes = most.is_none_or(|most| amount <= most.into()) && after <= holds.into();
        passes.then_some(after)
    })
}

/// The same without limits.
fn arrived(hops: &[OnPath<'_>], amount: u128, rates: Rates) -> u128 {
    hops.iter().fold(amount, |amount, at| converted(Ratio::ONE, at, rates).of(amount))
}

/// What one source unit is before each connector, and at last where it arrives.
fn worth(hops: &[OnPath<'_>], rates: Rates) -> Vec<Ratio> {
    let mut worth = vec![Ratio::ONE];
    for hop in hops {
        worth.push(converted(last(&worth), hop, rates));
    }
    worth
}

fn last(worth: &[Ratio]) -> Ratio {
    worth.last().copied().unwrap_or(Ratio::ONE)
}

/// What a connector makes of what one source unit is before it, at its lowest or highest rates.
fn converted(rate: Ratio, at: &OnPath<'_>, rates: Rates) -> Ratio {
    // Of a rate that is applied the other way round the lowest is the highest.
    converted_by(rate, at, |curve, inverse| share(curve, (rates == Rates::Highest) != inverse))
}

/// The same with a curve at a share of its rate, in parts per million; whether it is applied the other way round is told.
pub(super) fn converted_by(
    rate: Ratio,
    at: &OnPath<'_>,
    share: impl Fn(&CurveConfig, bool) -> u128,
) -> Ratio {
    let OnPath { before, hop, after } = at;
    let direct = hop.rates.iter().find(|rate| rate.from == before.asset && rate.to == after.asset);
    let inverse = hop.rates.iter().find(|rate| rate.to == before.asset && rate.from == after.asset);
    let rate = rate.times(MILLION - u128::from(hop.spread_ppm).min(MILLION), MILLION);
    let rate = match (direct, before.asset == after.asset, inverse) {
        (Some(curve), ..) => {
            let (above, below) = curve.rate.parts();
            rate.times(above.into(), below.into()).times(share(curve, false), MILLION)
        }
        (None, false, Some(curve)) => {
            let (above, below) = curve.rate.parts();
            rate.times(below.into(), above.into()).times(MILLION, share(curve, true).max(1))
        }
        _ => rate,
    };
    let ten_to = |more: u8, less: u8| 10u128.saturating_pow(u32::from(more.saturating_sub(less)).min(18));
    rate.times(ten_to(after.scale, before.scale), ten_to(before.scale, after.scale))
}

/// The highest or the lowest share that a curve ever has of its rate, in parts per million.
fn share(curve: &CurveConfig, highest: bool) -> u128 {
    let shares = curve.curve.iter().map(|point| u128::from(point.ppm));
    let share = if highest { shares.max() } else { shares.min() };
    share.unwrap_or(MILLION)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cents, whole euros, cents, with packets of at most so many cents.
    fn whole_euros(most: u64) -> (NetworkConfig, Vec<usize>) {
        let names = ["alice", "a", "b", "bob"];
        let links = names.windows(2).zip([2, 0, 2]);
        let links = links
            .map(|(ends, scale)| LinkConfig::new(ends[0], ends[1], 1).with_asset("EUR", scale))
            .collect();
        let connectors =
            vec![HopConfig { max_packet_amount: Some(most), ..HopConfig::new("a") }, HopConfig::new("b")];
        (NetworkConfig { hosts: vec!["alice".into(), "bob".into()], connectors, links }, vec![0, 1, 2])
    }

    fn can_be(most: u64, fixed: Fixed, amount: u64) -> bool {
        let (network, path) = whole_euros(most);
        let payment = PaymentConfig { fixed, ..PaymentConfig::new("alice", "bob", amount) };
        is_possible(&network, &payment, &path)
    }

    #[test]
    fn between_two_whole_units_only_a_hundredth_is_given_away() {
        for amount in [100, 200, 10_000, 9_901, 9_950, 50_001] {
            assert!(can_be(150, Fixed::Destination, amount), "{amount}");
        }
        for amount in [1, 99, 150, 9_801, 5_040] {
            assert!(!can_be(150, Fixed::Destination, amount), "{amount}");
            assert!(!can_be(1_000, Fixed::Destination, amount), "{amount}");
        }
        assert!(!can_be(99, Fixed::Destination, 100), "no packet arrives");
    }

    #[test]
    fn parts_that_lose_more_than_a_hundredth_bring_no_source_amount() {
        for amount in [100, 101, 1_000, 1_010] {
            assert!(can_be(150, Fixed::Source, amount), "{amount}");
        }
        for amount in [99, 103, 150, 1_050] {
            assert!(!can_be(150, Fixed::Source, amount), "{amount}");
        }
    }
}
