//! Honest worlds: what may go wrong is what amounts, units and limits do to each other.

use psk_plugin::sim::{
    CurveConfig, HopConfig, LinkConfig, LiquidityConfig, NetworkConfig, PacketRateConfig, Rate, World,
};

use super::super::run::paths_of;
use super::super::scenario::{Expectation, Fixed, PaymentConfig, Scenario};
use super::super::way::{is_possible, units_at};
use super::{Dice, within_a_minute};

/// No more than so many units anywhere: far from 64 bits, which sums of packets must not reach.
const MOST_UNITS: u128 = 1_000_000_000_000_000_000;
/// Amounts that deliver nothing are raised so far.
const MOST_AMOUNT: u64 = 1_000_000_000_000_000;

impl Dice {
    pub(super) fn honest(&mut self, seed: u64) -> Scenario {
        let mut network = self.honest_network();
        let mut payments = vec![self.round_payment("alice", "bob")];
        if self.one_in(4) {
            payments.push(self.round_payment("bob", "alice"));
        }
        for payment in &mut payments {
            while payment.amount > 1 && most_units(&network, payment, seed) > MOST_UNITS {
                payment.amount = (payment.amount / 10).max(1);
            }
            // Now and then one is too small to deliver anything, as somebody may try it.
            let enough = !self.one_in(16);
            while enough && payment.amount < MOST_AMOUNT && !can_be_paid(&network, payment, seed) {
                payment.amount *= 10;
            }
        }
        self.limit(&mut network, &payments, seed);
        within_a_minute(&network, &mut payments, 10, seed);
        let possible = payments.iter().all(|payment| can_be_paid(&network, payment, seed));
        let expects = if possible { Expectation::Completes } else { Expectation::Ends };
        Scenario { name: format!("honest-{seed}"), expects, network, payments, ..Scenario::default() }
    }

    /// Alice, one to three connectors in a row, bob; each link in an asset and a scale of its own.
    fn honest_network(&mut self) -> NetworkConfig {
        let hops = self.between(1, 3);
        let names: Vec<String> = (1..=hops).map(|place| format!("hop{place}")).collect();
        let nodes = ["alice".to_owned()].into_iter().chain(names.clone()).chain(["bob".to_owned()]);
        let nodes: Vec<String> = nodes.collect();
        let links: Vec<LinkConfig> = nodes.windows(2).map(|ends| self.honest_link(ends)).collect();
        let ends = links.windows(2).map(|pair| (&pair[0].asset, &pair[1].asset));
        let connectors = names.into_iter().zip(ends).map(|(name, (from, to))| {
            let mut hop = HopConfig::new(name);
            hop.spread_ppm = self.pick(&[0, 0, 1_000, 2_000, 3_000]);
            hop.processing_us = self.pick(&[0, 0, 100, 1_000]);
            if from != to {
                let (from, to) = (from.clone(), to.clone());
                hop.rates.push(CurveConfig { from, to, rate: self.honest_rate(), curve: vec![] });
            }
            hop
        });
        let connectors = connectors.collect();
        NetworkConfig { hosts: vec!["alice".to_owned(), "bob".to_owned()], connectors, links }
    }

    fn honest_link(&mut self, ends: &[String]) -> LinkConfig {
        let latency_us = self.spread_out(100, 50_000);
        let asset = self.pick(&["XRP", "EUR", "USD"]);
        let scale = u8::try_from(self.between(0, 9)).unwrap_or(9);
        let jitter_us = if self.one_in(2) { self.between(0, latency_us) } else { 0 };
        let link = LinkConfig::new(&ends[0], &ends[1], latency_us).with_asset(asset, scale);
        LinkConfig { jitter_us, ..link }
    }

    /// From a thousandth to a thousand, round or not.
    fn honest_rate(&mut self) -> Rate {
        let (above, below) = match self.between(1, 4) {
            1 => (1, 1),
            2 => (self.pick(&[2, 5, 10, 100, 1_000]), 1),
            3 => (1, self.pick(&[2, 5, 10, 100, 1_000])),
            _ => (self.spread_out(1, 1_000), self.spread_out(1, 1_000)),
        };
        Rate::new(above, below).unwrap_or(Rate::ONE)
    }

    /// One digit and zeros.
    fn round_payment(&mut self, from: &str, to: &str) -> PaymentConfig {
        let zeros = u32::try_from(self.between(0, 8)).unwrap_or(0);
        let amount = self.pick(&[1, 1, 2, 3, 5, 7]) * 10u64.pow(zeros);
        let fixed = if self.one_in(2) { Fixed::Source } else { Fixed::Destination };
        let quoted = self.one_in(6);
        PaymentConfig {
            fixed,
            quoted,
            starts_at_ms: if quoted { 5_000 } else { 0 },
            ..PaymentConfig::new(from, to, amount)
        }
    }

    /// Limits of the size of what is paid first, wherever they are: it needs one packet or thousands, no time or a minute.
    /// There are none by which a payment becomes impossible.
    fn limit(&mut self, network: &mut NetworkConfig, payments: &[PaymentConfig], seed: u64) {
        let Some(units) = units(network, &payments[0], seed) else { return };
        for place in 0..network.connectors.len() {
            let unlimited = network.clone();
            let at = |place: usize| u64::try_from(units.get(place).copied().unwrap_or(1)).unwrap_or(u64::MAX);
            let (before, after) = (at(place).max(1), at(place + 1).max(1));
            let hop = &mut network.connectors[place];
            if self.one_in(2) {
                hop.max_packet_amount = Some(self.round_about(before));
            }
            if self.one_in(3) {
                let capacity = self.round_about(after);
                let per_second = self.spread_out((capacity / 10).max(1), capacity.saturating_mul(10));
                hop.liquidity = Some(LiquidityConfig { capacity, per_second, cycle: vec![] });
            }
            if self.one_in(3) {
                let per_second = self.pick(&[5, 10, 50, 100, 167, 500, 1_000]);
                hop.packet_rate =
                    Some(PacketRateConfig { per_second, burst: self.pick(&[1, 5, 10, per_second]) });
            }
            let prevents = |payment: &PaymentConfig| {
                !can_be_paid(network, payment, seed) && can_be_paid(&unlimited, payment, seed)
            };
            if payments.iter().any(prevents) {
                *network = unlimited;
            }
        }
    }

    /// One digit and zeros, from a thousandth of an amount to ten times as much.
    fn round_about(&mut self, amount: u64) -> u64 {
        let about = self.spread_out((amount / 1_000).max(1), amount.saturating_mul(10));
        let unit = 10u64.pow(about.max(1).ilog10());
        about / unit * unit
    }
}

/// The units that a payment is at each of its links, the first one first.
fn units(network: &NetworkConfig, payment: &PaymentConfig, seed: u64) -> Option<Vec<u128>> {
    let world = World::new(network, seed).ok()?;
    let path = paths_of(payment, &world).ok()?.into_iter().next()?;
    Some(units_at(network, payment, &path))
}

/// The most units that it is at any of them.
fn most_units(network: &NetworkConfig, payment: &PaymentConfig, seed: u64) -> u128 {
    units(network, payment, seed).and_then(|units| units.into_iter().max()).unwrap_or(0)
}

/// Whether there is a way to pay it exactly, whoever may find it.
fn can_be_paid(network: &NetworkConfig, payment: &PaymentConfig, seed: u64) -> bool {
    let Ok(world) = World::new(network, seed) else { return false };
    let path = paths_of(payment, &world).ok().and_then(|paths| paths.into_iter().next());
    path.is_some_and(|path| is_possible(network, payment, &path))
        && most_units(network, payment, seed) <= MOST_UNITS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::honest_scenario;
    use super::*;

    #[test]
    fn worlds_are_of_all_kinds_and_honest() {
        let worlds: Vec<Scenario> = (0..300).map(honest_scenario).collect();
        let completing = worlds.iter().filter(|world| world.expects == Expectation::Completes).count();
        assert!((240..300).contains(&completing), "{completing} of 300 can be paid");
        let scales: BTreeSet<u8> =
            worlds.iter().flat_map(|world| &world.network.links).map(|link| link.scale).collect();
        assert_eq!(scales.len(), 10);
        let digits = |amount: u64| amount.to_string().trim_end_matches('0').len();
        let payments = || worlds.iter().flat_map(|world| &world.payments);
        assert!(payments().all(|payment| digits(payment.amount) == 1));
        assert!(payments().any(|payment| payment.amount == 1));
        assert!(payments().any(|payment| payment.amount > 1_000_000));
        let hops = || worlds.iter().flat_map(|world| &world.network.connectors);
        assert!(hops().all(|hop| hop.errors.is_empty() && hop.hostility.is_none()));
        let limits = |hop: &HopConfig| {
            usize::from(hop.max_packet_amount.is_some())
                + usize::from(hop.liquidity.is_some())
                + usize::from(hop.packet_rate.is_some())
        };
        for count in 0..=3 {
            assert!(hops().any(|hop| limits(hop) == count), "{count} limits at once");
        }
        let safe = |link: &LinkConfig| link.request_loss_ppm == 0 && link.reply_loss_ppm == 0;
        assert!(worlds.iter().flat_map(|world| &world.network.links).all(safe));
    }

    #[test]
    fn a_seed_is_a_world() {
        assert_eq!(honest_scenario(7), honest_scenario(7));
        assert_ne!(honest_scenario(7).network, honest_scenario(8).network);
        assert!((0..300).all(|seed| World::new(&honest_scenario(seed).network, seed).is_ok()));
    }
}
