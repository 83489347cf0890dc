//! Random worlds: any seed is a scenario.

mod honest;

use std::time::Duration;

use psk_crypto::{Random, SeededRandom};
use psk_plugin::sim::{
    BalanceLimitConfig, CurveConfig, CurvePoint, ErrorConfig, HopConfig, Hostility, HostilityConfig,
    LinkConfig, LiquidityConfig, LiquidityStep, NetworkConfig, PacketRateConfig, Rate, TooLargeAnswer, World,
};

use super::ideal::ideals;
use super::run::paths_of;
use super::scenario::{Expectation, Fixed, Lie, PaymentConfig, ReceiverConfig, Scenario};
use super::way::units_at;

/// The world of a seed: one to four connectors in a row with hosts along it, one to four payments, and whatever may
/// be wrong. All payments must end with accounts that hold; in a [calm](calm_scenario) one they must complete.
pub fn scenario(seed: u64) -> Scenario {
    Dice(SeededRandom::new(seed)).scenario(seed, false)
}

/// A world of honest hops and reliable links between accounts in different assets and scales: rates, limits and round
/// amounts as they are anywhere. All payments must complete, unless their amounts cannot be paid at all.
pub fn honest_scenario(seed: u64) -> Scenario {
    Dice(SeededRandom::new(seed ^ OF_HONEST)).honest(seed)
}

/// A world of honest hops and reliable links, with moving windows alone: spreads, maximum packet amounts, liquidity,
/// packet rates, jitter.
pub fn calm_scenario(seed: u64) -> Scenario {
    Dice(SeededRandom::new(seed)).scenario(seed, true)
}

/// Divides the amounts of payments that would take more than a minute at best, or millions of packets with it: at rates far
/// from one an amount may be worth a packet for each unit.
fn within_a_minute(network: &NetworkConfig, payments: &mut [PaymentConfig], divisor: u64, seed: u64) {
    let Ok(world) = World::new(network, seed) else { return };
    for place in 0..payments.len() {
        let paths = payments.iter().filter_map(|payment| paths_of(payment, &world).ok());
        let paths: Vec<_> = paths.collect();
        let takes = |payments: &[PaymentConfig]| times(network, payments, &paths).get(place).copied();
        while takes(payments) > Some(MINUTE) && payments[place].amount > 1 {
            payments[place].amount = (payments[place].amount / divisor).max(1);
        }
    }
}

/// Whether all that payments bring could be brought back in a minute, each by itself.
fn refunds_within_a_minute(network: &NetworkConfig, payments: &[PaymentConfig], seed: u64) -> bool {
    let Ok(world) = World::new(network, seed) else { return true };
    payments.iter().all(|payment| {
        let path = paths_of(payment, &world).ok().and_then(|paths| paths.into_iter().next());
        let brought = path.and_then(|path| units_at(network, payment, &path).last().copied());
        let amount = u64::try_from(brought.unwrap_or_default()).unwrap_or(u64::MAX);
        let back = PaymentConfig::new(&payment.to, &payment.from, amount);
        let Ok(paths) = paths_of(&back, &world) else { return true };
        times(network, &[back], &[paths]).iter().all(|time| *time <= MINUTE)
    })
}

/// What payments take at best with a bounded number of packets in flight; nothing where they cannot be done at all, for they
/// have to end all the same.
fn times(network: &NetworkConfig, payments: &[PaymentConfig], paths: &[Vec<Vec<usize>>]) -> Vec<Duration> {
    let mut payments = payments.to_vec();
    for payment in &mut payments {
        payment.max_packets_in_flight.get_or_insert(PACKETS_IN_FLIGHT);
    }
    let ideals = ideals(network, &payments, paths).into_iter().map(|ideal| ideal.time);
    ideals.map(|time| if time < Duration::MAX { time } else { Duration::ZERO }).collect()
}

const MINUTE: Duration = Duration::from_secs(60);

/// Payments are cut to what so many packets in flight bring through in a minute, although more may be: or each would be
/// of millions of packets where each delivers a unit.
const PACKETS_IN_FLIGHT: usize = 128;

/// Where now and then a chunk just reaches the minimum rate, a payment goes on for as long as its sender lets it.
const PATIENCE_MS: u64 = 2 * 3_600 * 1_000;

/// Of the data beside payments; receivers take half of it, and send as much, by themselves.
const MOST_DATA: u64 = 131_072;
/// Extras came later: they are drawn apart, so that seeds of before still are what they were.
const OF_EXTRAS: u64 = 0x6578_7472_6173;
/// So that a seed is not three times nearly the same world.
const OF_HONEST: u64 = 0x686f_6e65_7374;

struct Dice(SeededRandom);

impl Dice {
    /// From `least` to `most`, both included.
    fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1).max(1);
        least + self.0.jitter() % span
    }

    /// As `between`, but every order of magnitude as likely as another.
    fn spread_out(&mut self, least: u64, most: u64) -> u64 {
        let digits = self.between(u64::from(least.max(1).ilog2()), u64::from(most.max(1).ilog2()));
        let low = 1u64 << digits;
        self.between(low.max(least), low.saturating_mul(2).saturating_sub(1).min(most))
    }

    fn one_in(&mut self, cases: u64) -> bool {
        self.between(1, cases) == 1
    }

    fn ppm(&mut self, most: u64) -> u32 {
        u32::try_from(self.between(0, most)).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        let place = self.between(0, among.len().saturating_sub(1) as u64);
        among[usize::try_from(place).unwrap_or(0)]
    }

    fn scenario(&mut self, seed: u64, calm: bool) -> Scenario {
        let mut network = self.network(calm);
        let mut payments = Vec::new();
        for _ in 0..self.between(1, 4) {
            payments.push(self.payment(&network, calm));
        }
        let liars = network.hosts.clone();
        let lies =
            liars.into_iter().filter_map(|host| (!calm && self.one_in(10)).then(|| (host, self.lie())));
        let lies = lies.collect();
        if !calm && self.one_in(6) {
            self.limit_balance(&mut network);
        }
        within_a_minute(&network, &mut payments, 2, seed);
        let expects = if calm { Expectation::Completes } else { Expectation::Ends };
        let name = if calm { format!("calm-{seed}") } else { format!("random-{seed}") };
        let scenario = Scenario { name, expects, network, payments, lies, ..Scenario::default() };
        Self(SeededRandom::new(seed ^ OF_EXTRAS)).with_extras(scenario, calm, seed)
    }

    /// Data beside some payments, and in worlds that are not calm, some that are cancelled, and refunds.
    fn with_extras(&mut self, mut scenario: Scenario, calm: bool, seed: u64) -> Scenario {
        for payment in &mut scenario.payments {
            if self.one_in(6) {
                payment.data_octets = self.spread_out(1, MOST_DATA);
            }
            if self.one_in(12) {
                payment.returned_octets = self.spread_out(1, MOST_DATA / 2);
            }
            if !calm && self.one_in(12) {
                payment.cancel_after_ms = Some(self.spread_out(1, 20_000));
            }
        }
        scenario.refunds = !calm && self.one_in(4);
        scenario.refunds &= refunds_within_a_minute(&scenario.network, &scenario.payments, seed);
        let hosts = scenario.network.hosts.clone();
        let takes = ReceiverConfig { max_data_octets: Some(MOST_DATA), ..ReceiverConfig::default() };
        let limited = hosts.into_iter().filter(|_| calm || self.one_in(2)).map(|host| (host, takes.clone()));
        scenario.receivers = limited.collect();
        scenario
    }

    fn network(&mut self, calm: bool) -> NetworkConfig {
        let hops = self.between(1, 4);
        let names: Vec<String> = (1..=hops).map(|place| format!("hop{place}")).collect();
        let assets: Vec<&str> = (0..=hops).map(|_| self.pick(&["XRP", "EUR", "USD"])).collect();
        let assets = if calm { vec!["XRP"; assets.len()] } else { assets };
        let connectors = names.iter().map(|name| self.hop(name, calm)).collect();
        let mut hosts = vec!["alice".to_owned(), "bob".to_owned()];
        let mut links = vec![self.link("alice", &names[0], assets[0], calm)];
        for (place, pair) in names.windows(2).enumerate() {
            links.push(self.link(&pair[0], &pair[1], assets[place + 1], calm));
        }
        links.push(self.link(&names[names.len() - 1], "bob", assets[assets.len() - 1], calm));
        if self.one_in(3) {
            hosts.push("carol".to_owned());
            let name = names[names.len() / 2].clone();
            links.push(self.link("carol", &name, assets[0], calm));
        }
        NetworkConfig { hosts, connectors, links }
    }

    /// Somebody may owe a connector only so much.
    fn limit_balance(&mut self, network: &mut NetworkConfig) {
        let last = network.links.len().saturating_sub(1) as u64;
        let place = usize::try_from(self.between(0, last)).unwrap_or(0);
        let link = &mut network.links[place];
        // Of a link between two connectors, the one further from alice is owed.
        let owed = link.ends.iter().rev().find(|end| network.connectors.iter().any(|hop| hop.name == **end));
        let Some(at) = owed.cloned() else { return };
        let settle_every_ms = (!self.one_in(3)).then(|| self.spread_out(10, 5_000));
        let max_balance = self.spread_out(1_000, 5_000_000);
        link.balance_limits.push(BalanceLimitConfig { at, max_balance, settle_every_ms });
    }

    fn link(&mut self, one: &str, other: &str, asset: &str, calm: bool) -> LinkConfig {
        let latency_us = self.spread_out(100, 100_000);
        let link = LinkConfig::new(one, other, latency_us).with_asset(asset, 9);
        let link = LinkConfig { jitter_us: self.between(0, latency_us), ..link };
        if calm || !self.one_in(3) {
            return link;
        }
        LinkConfig {
            request_loss_ppm: self.ppm(10_000),
            reply_loss_ppm: self.ppm(10_000),
            repeat_ppm: self.ppm(20_000),
            reorder_ppm: self.ppm(100_000).max(1),
            reorder_us: self.between(0, 50_000).max(1),
            late_request_ppm: self.ppm(3_000),
            late_reply_ppm: self.ppm(3_000),
            ..link
        }
    }

    fn hop(&mut self, name: &str, calm: bool) -> HopConfig {
        let mut hop = HopConfig::new(name);
        hop.spread_ppm = self.ppm(3_000);
        hop.processing_us = self.between(0, 2_000);
        if self.one_in(2) {
            hop.max_packet_amount = Some(self.spread_out(1_000, 1_000_000));
        }
        if self.one_in(3) {
            hop.liquidity = Some(self.liquidity(calm));
        }
        if self.one_in(4) {
            let per_second = self.spread_out(100, 2_000);
            hop.packet_rate = Some(PacketRateConfig { per_second, burst: (per_second / 10).max(1) });
        }
        if calm {
            return hop;
        }
        hop.rates = self.rates();
        hop.too_large = self.pick(&[
            TooLargeAnswer::F08,
            TooLargeAnswer::F08,
            TooLargeAnswer::F08Empty,
            TooLargeAnswer::F08ZeroZero,
            TooLargeAnswer::F08ZeroOne,
            TooLargeAnswer::F08OneOne,
            TooLargeAnswer::F08Greatest,
            TooLargeAnswer::T04,
        ]);
        if hop.max_packet_amount.is_none() {
            hop.too_large = TooLargeAnswer::default();
        }
        hop.strips_fulfill_data = self.one_in(10);
        if self.one_in(8) {
            let code = self.pick(&["T00", "T01", "T03", "R00", "R01", "F02"]).to_owned();
            hop.errors.push(ErrorConfig { code, share_ppm: self.ppm(20_000) });
        }
        hop.hostility = self.one_in(10).then(|| self.hostility());
        hop
    }

    fn liquidity(&mut self, calm: bool) -> LiquidityConfig {
        let per_second = self.spread_out(100_000, 10_000_000);
        let capacity = self.between(per_second / 20, per_second);
        let mut cycle = Vec::new();
        if !calm && self.one_in(2) {
            for per_second in [per_second, per_second / 2, per_second * 2] {
                cycle.push(LiquidityStep { for_ms: self.between(500, 5_000), per_second });
            }
        }
        LiquidityConfig { capacity, per_second, cycle }
    }

    /// Between all pairs of assets, so that wherever a link leads there is a rate.
    fn rates(&mut self) -> Vec<CurveConfig> {
        let pairs = [("XRP", "EUR"), ("XRP", "USD"), ("EUR", "USD")];
        let mut rates = Vec::new();
        for (from, to) in pairs {
            let rate = Rate::new(self.spread_out(1, 1_000), self.spread_out(1, 1_000)).unwrap_or(Rate::ONE);
            let mut curve = Vec::new();
            if self.one_in(2) {
                let mut at_ms = 0;
                for _ in 0..self.between(1, 5) {
                    let ppm = 970_000 + self.ppm(60_000);
                    curve.push(CurvePoint { at_ms, ppm });
                    at_ms += self.between(0, 5_000);
                }
            }
            rates.push(CurveConfig { from: from.to_owned(), to: to.to_owned(), rate, curve });
        }
        rates
    }

    fn hostility(&mut self) -> HostilityConfig {
        let kind = self.pick(&[
            Hostility::WrongPreimage,
            Hostility::LateFulfills,
            Hostility::SwappedReplies,
            Hostility::Reflect,
            Hostility::R00,
            Hostility::R01,
            Hostility::Swallow,
        ]);
        let share_ppm = self.pick(&[1_000, 20_000, 300_000, 1_000_000]);
        HostilityConfig { kind, share_ppm, after_packets: self.between(0, 300) }
    }

    fn lie(&mut self) -> Lie {
        self.pick(&[
            Lie::UnderClaims,
            Lie::OverClaims,
            Lie::DecreasingTotals,
            Lie::ClosesAndOpens,
            Lie::SaysNothing,
        ])
    }

    fn payment(&mut self, network: &NetworkConfig, calm: bool) -> PaymentConfig {
        let hosts = network.hosts.len() as u64;
        let from = self.between(0, hosts - 1);
        let to = (from + self.between(1, hosts - 1)) % hosts;
        let name = |place: u64| network.hosts[usize::try_from(place).unwrap_or(0)].clone();
        // In a calm world large enough that a spread and the rounding of some hops are within the slippage.
        let least = if calm { 10_000 } else { 1 };
        let amount = self.spread_out(least, 5_000_000);
        let fixed = if self.one_in(2) { Fixed::Source } else { Fixed::Destination };
        PaymentConfig {
            fixed,
            starts_at_ms: self.between(0, 3_000),
            slippage_ppm: Some(self.pick(&[0, 1_000, 10_000, 50_000])).filter(|_| !calm),
            timeout_ms: (!calm).then_some(PATIENCE_MS),
            max_packets_in_flight: self.one_in(4).then(|| usize::try_from(self.between(1, 100)).unwrap_or(1)),
            ..PaymentConfig::new(name(from), name(to), amount)
        }
    }
}
