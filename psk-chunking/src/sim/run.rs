//! Runs a scenario: the machines on a simulated network, watched after every step.

use std::collections::BTreeMap;
use std::time::Duration;

use psk_codec::psk::PaymentId;
use psk_crypto::{Credentials, CredentialsError};
use psk_plugin::sim::{
    ConfigError, HopConfig, HostId, Hostility, LinkId, Simulation, Step, TraceSink, World,
};

use super::attacker::Attacker;
use super::check::{self, Network};
use super::data::{Stream, Way};
use super::ideal::{Ideal, ideals, least_rate};
use super::outcome::{DataOutcome, Outcome, PaymentOutcome, Rejects, Sample};
use super::party::Party;
use super::payee::Payee;
use super::payer::{Payer, Paying};
use super::ratio::Ratio;
use super::scenario::{PaymentConfig, Scenario};
use super::sense;
use super::timeline::Timeline;
use super::worth::{greatest_overshoot, may_rise};
use crate::receive::PaymentKey;

/// How to run a scenario.
#[derive(Default)]
pub struct RunOptions {
    /// The seed of all chance.
    pub seed: u64,
    /// Hash the trace ([`Outcome::trace_hash`]). Default: no.
    pub hash_trace: bool,
    /// Where to write a line for each event of the network. Default: nowhere.
    pub trace: Option<TraceSink>,
    /// How often to look where payments stand ([`Outcome::samples`]). Default: never.
    pub sample_every: Option<Duration>,
    /// Keep what payments did over time ([`Outcome::timeline`]), for a plot. Default: no.
    pub timeline: bool,
    /// Write packets as octets and read them again on every link. Default: no.
    pub encodes: bool,
}

impl RunOptions {
    /// With this seed and nothing else.
    pub fn seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }
}

/// Why a scenario cannot be run.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Its network makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A payment, a receiver or an attack makes no sense.
    #[error("{place}: {problem}")]
    Scenario {
        /// Where in the scenario, such as `payments[1]`; lists are counted from zero.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// A receiver's address is too long for credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// A scenario that takes longer does not end: no payment is without progress for more than minutes.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(4 * 3_600);
/// So many events mean the same.
const EVENT_LIMIT: u64 = 20_000_000;
/// So long after the end of the last payment, late packets may still come.
const AFTERWARDS: Duration = Duration::from_secs(100);

/// Runs a scenario to its end, checking ENGINE.md section 2 after every step: invariants 1 (the budget), 2 (what is
/// delivered), 3 and 4 (what receivers fulfill), 7 (balances), and exact amounts at the end.
pub fn run(scenario: &Scenario, options: RunOptions) -> Result<Outcome, RunError> {
    let seed = options.seed;
    let mut running = Running::new(scenario, options)?;
    // A receiver that falls silent afterwards may send something back, which is awaited too.
    loop {
        while !running.is_over() {
            if running.step() {
                break;
            }
        }
        let until = running.simulation.world().now().saturating_add(AFTERWARDS);
        while running.simulation.step(until).is_some_and(|step| step != Step::Idle) {
            running.check();
        }
        if running.is_over() || !running.violations.is_empty() {
            break;
        }
    }
    check::ending(&mut running);
    Ok(running.outcome(seed))
}

/// A scenario under way.
pub(super) struct Running<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) simulation: Simulation<Party>,
    pub(super) paid: Vec<Paid>,
    pub(super) hosts: Vec<HostId>,
    pub(super) violations: Vec<String>,
    pub(super) network: Network,
    sample_every: Option<Duration>,
    next_sample: Duration,
    samples: Vec<Sample>,
    timeline: Option<Timeline>,
    /// How many Rejects each payment had got when it was last looked at.
    rejects: Vec<Rejects>,
}

/// A payment, as the harness knows it.
pub(super) struct Paid {
    pub(super) from: HostId,
    pub(super) to: HostId,
    pub(super) key: PaymentKey,
    ideal: Ideal,
    /// The worst rate at which its policy lets it use a path beside the best one.
    pub(super) least_rate: Option<Ratio>,
    /// What may be delivered beyond a fixed amount at rates that do not rise, in destination units.
    overshoot: u128,
    /// By how much of it all rates may rise, in parts per million, and the highest worth of source units.
    rise: (u64, Ratio),
    /// Whether packets have been in doubt.
    pub(super) doubted: bool,
    /// The most that has been in flight, in doubt and fulfilled without a word of what arrived, in source units.
    pub(super) most_open: u128,
    /// The Rejects that it had got when it ended.
    rejects_in_time: Option<Rejects>,
}

impl Paid {
    /// How much may be delivered at most beyond a fixed destination amount: less than one source unit more may bring,
    /// and what a rise of the rate adds to packets that were under way.
    pub(super) fn most_over(&self) -> u128 {
        let (ppm, highest) = self.rise;
        let more = match ppm {
            0 => 0,
            ppm => {
                highest.of(self.most_open).saturating_add(1).saturating_mul(ppm.into()).div_ceil(1_000_000)
            }
        };
        self.overshoot.saturating_add(more)
    }
}

impl<'a> Running<'a> {
    fn new(scenario: &'a Scenario, options: RunOptions) -> Result<Self, RunError> {
        let seed = options.seed;
        let mut world = World::new(&scenario.network, seed)?;
        sense::check(scenario, &world)?;
        if options.encodes {
            world = world.with_encoding();
        }
        if options.hash_trace {
            world.hash_trace();
        }
        if let Some(sink) = options.trace {
            world.write_trace(sink);
        }
        let (hosts, mut parties) = hosts(scenario, &world, seed)?;
        let paid = payments(scenario, &world, &mut parties, seed)?;
        attacks(scenario, &world, &mut parties, seed)?;
        let mut simulation = Simulation::new(world);
        for (host, party) in parties {
            simulation.add(host, party);
        }
        Ok(Self {
            scenario,
            simulation,
            paid,
            hosts,
            violations: Vec::new(),
            network: Network::of(scenario),
            sample_every: options.sample_every,
            next_sample: Duration::ZERO,
            samples: Vec::new(),
            timeline: options.timeline.then(|| Timeline::new(scenario.payments.len())),
            rejects: vec![Rejects::new(); scenario.payments.len()],
        })
    }

    fn is_over(&self) -> bool {
        self.simulation.hosts().all(Party::is_done)
    }

    /// One host has its say. Whether to stop.
    fn step(&mut self) -> bool {
        let problem = match self.simulation.step(TIME_LIMIT) {
            Some(Step::Host(_)) if self.simulation.world().events() > EVENT_LIMIT => {
                format!("not all have ended after {EVENT_LIMIT} events, the limit of a run")
            }
            Some(Step::Host(host)) => {
                self.check();
                self.sample();
                self.see(host);
                return !self.violations.is_empty();
            }
            Some(Step::Idle) => "nothing happens any more and not all have ended".to_owned(),
            None => {
                let hours = TIME_LIMIT.as_secs() / 3_600;
                format!("not all have ended after {hours} hours, the limit of a run")
            }
        };
        self.violations.push(problem);
        true
    }

    fn check(&mut self) {
        for place in 0..self.paid.len() {
            let Some(paying) = self.paying(place) else { continue };
            let Some(machine) = paying.machine() else { continue };
            let (account, told, unread) = (*machine.account(), machine.settled_by_word(), machine.unread());
            let is_new = |paid: &Paid| paid.rejects_in_time.is_none();
            let just_ended = paying.ended.is_some() && self.paid.get(place).is_some_and(is_new);
            let in_time = just_ended.then(|| paying.rejects.clone());
            let Some(paid) = self.paid.get_mut(place) else { continue };
            if in_time.is_some() {
                paid.rejects_in_time = in_time;
            }
            paid.doubted |= !account.in_doubt.is_zero() || told > 0;
            let open = [account.in_flight, account.in_doubt, unread]
                .iter()
                .map(|amount| u128::from(amount.units()))
                .sum();
            paid.most_open = paid.most_open.max(open);
        }
        if let Some(problem) = check::step(self)
            && self.violations.is_empty()
        {
            let now = self.simulation.world().now();
            self.violations.push(format!("at {now:?}: {problem}"));
        }
    }

    fn sample(&mut self) {
        let now = self.simulation.world().now();
        let Some(every) = self.sample_every.filter(|_| now >= self.next_sample) else { return };
        self.next_sample = now.saturating_add(every);
        for place in 0..self.paid.len() {
            let Some(snapshot) = self.paying(place).and_then(|paying| paying.machine()) else { continue };
            let (snapshot, received) = (snapshot.snapshot(), self.received(place));
            self.samples.push(Sample { at: now, payment: place, snapshot, received });
        }
    }

    /// Where the payments of a host stand after its step, and those to it.
    fn see(&mut self, host: HostId) {
        let Some(mut timeline) = self.timeline.take() else { return };
        let now = self.simulation.world().now();
        for place in 0..self.paid.len() {
            let concerned = self.paid.get(place).filter(|paid| [paid.from, paid.to].contains(&host));
            let Some(paying) = concerned.and_then(|_| self.paying(place)) else { continue };
            let Some(machine) = paying.machine() else { continue };
            if timeline.moments(place).ended.is_some() {
                continue;
            }
            let told = (self.received(place), machine.settled_by_word());
            timeline.see(now, place, &machine.snapshot(), told);
            if let Some((_, at)) = &paying.ended {
                timeline.end(*at, place);
            }
            let known = self.rejects.get(place);
            let mut fresh = Rejects::new();
            for (code, count) in &paying.rejects {
                let before = known.and_then(|known| known.get(code)).copied().unwrap_or(0);
                if *count > before {
                    timeline.rejected(now, place, code, count - before);
                    fresh.insert(code.clone(), *count);
                }
            }
            if let Some(known) = self.rejects.get_mut(place) {
                known.extend(fresh);
            }
        }
        self.timeline = Some(timeline);
    }

    pub(super) fn paying(&self, place: usize) -> Option<&Paying> {
        let payer = self.simulation.host(self.paid.get(place)?.from)?.payer()?;
        payer.payments().iter().find(|paying| paying.place == place)
    }

    pub(super) fn payee(&self, place: usize) -> Option<&Payee> {
        self.simulation.host(self.paid.get(place)?.to)?.payee()
    }

    /// Whether the payment has had packets in doubt.
    pub(super) fn has_doubted(&self, place: usize) -> bool {
        self.paid.get(place).is_some_and(|paid| paid.doubted)
    }

    pub(super) fn received(&self, place: usize) -> u128 {
        let key = self.paid.get(place).map(|paid| &paid.key);
        let received = self.payee(place).zip(key).map(|(payee, key)| payee.witness().received(key));
        received.unwrap_or_default()
    }

    /// What became of the data of a payment that has any.
    fn data(&self, place: usize, paying: &Paying) -> Option<DataOutcome> {
        let payment = self.scenario.payments.get(place)?;
        let (octets, returned_octets) = (payment.data_octets, payment.returned_octets);
        (octets > 0 || returned_octets > 0).then(|| DataOutcome {
            octets,
            acknowledged: paying.machine().map_or(0, |machine| machine.data_acknowledged()),
            delivered: octets == 0 || paying.machine().is_some_and(|machine| machine.data_is_delivered()),
            returned_octets,
            returned: paying.returned.told(),
        })
    }

    fn outcome(self, seed: u64) -> Outcome {
        let payments = (0..self.paid.len()).filter_map(|place| {
            let (paying, paid) = (self.paying(place)?, self.paid.get(place)?);
            let starts_at = self.scenario.payments.get(place)?.starts_at_ms;
            let ended = paying.ended.as_ref();
            let ended_at = ended.map_or(self.simulation.world().now(), |(_, at)| *at);
            Some(PaymentOutcome {
                report: ended.map(|(report, _)| report.clone()),
                target: paying.config.target,
                received: self.received(place),
                took: ended_at.saturating_sub(Duration::from_millis(starts_at)),
                starts_at: Duration::from_millis(starts_at),
                ideal: paid.ideal.time,
                round_trip: paid.ideal.round_trip,
                packets: paying.packets,
                rejects: paying.rejects.clone(),
                data: self.data(place, paying),
                late_rejects: late(&paying.rejects, paid.rejects_in_time.as_ref()),
                paid_back: self.payee(place).map_or(0, |payee| payee.refunder().committed(&paid.key)),
                ideal_course: paid.ideal.course.clone(),
            })
        });
        let received = self.scenario.network.hosts.iter().zip(self.simulation.hosts());
        let received = received
            .filter_map(|(name, party)| Some((name.clone(), party.payee()?.witness().received_in_all())));
        let attacks = self.scenario.network.hosts.iter().zip(self.simulation.hosts());
        let attacks = attacks.filter_map(|(name, party)| Some(party.attacker()?.outcome(name)));
        Outcome {
            received: received.collect(),
            attacks: attacks.collect(),
            last_event: self.simulation.world().last_event(),
            scenario: self.scenario.name.clone(),
            seed,
            replay: format!("psk simulate --seed {seed} --trace {}", self.scenario.name),
            payments: payments.collect(),
            trace_hash: self.simulation.world().trace_hash(),
            events: self.simulation.world().events(),
            samples: self.samples,
            timeline: self.timeline,
            violations: self.violations,
        }
    }
}

/// The Rejects that came when a payment had ended, of all that it got.
fn late(all: &Rejects, in_time: Option<&Rejects>) -> Rejects {
    let before = |code: &String| in_time.unwrap_or(all).get(code).copied().unwrap_or(0);
    let late = all.iter().map(|(code, count)| (code.clone(), count.saturating_sub(before(code))));
    late.filter(|(_, count)| *count > 0).collect()
}

type Parties = BTreeMap<HostId, Party>;

/// All hosts, honest, with nothing to pay.
fn hosts(scenario: &Scenario, world: &World, seed: u64) -> Result<(Vec<HostId>, Parties), RunError> {
    let mut parties = Parties::new();
    let mut hosts = Vec::new();
    for (place, name) in (0u64..).zip(&scenario.network.hosts) {
        let host = world.host(name)?;
        let lie = scenario.lies.get(name).copied();
        let takes = scenario.receivers.get(name).cloned().unwrap_or_default();
        let address = world.address(host).clone();
        let payee = Payee::new(address, lie, &takes, scenario.refunds_at(name), mixed(seed, 2 * place));
        let payer = Box::new(Payer::new(mixed(seed, 2 * place + 1)));
        hosts.push(host);
        parties.insert(host, Party::Honest { payer, payee: Box::new(payee) });
    }
    Ok((hosts, parties))
}

fn payments(
    scenario: &Scenario,
    world: &World,
    parties: &mut Parties,
    seed: u64,
) -> Result<Vec<Paid>, RunError> {
    let mut paths = Vec::new();
    for payment in &scenario.payments {
        paths.push(paths_of(payment, world)?);
    }
    let ideals = ideals(&scenario.network, &scenario.payments_as_taken(), &paths);
    let mut paid = Vec::new();
    for (place, (payment, (ideal, paths))) in
        scenario.payments.iter().zip(ideals.into_iter().zip(paths)).enumerate()
    {
        let (from, to) = (world.host(&payment.from)?, world.host(&payment.to)?);
        let credentials = credentials(parties, to, &payment.to)?;
        let payment_id = payment_id(seed, place);
        let key = payment_key(&credentials, payment_id)?;
        let mut config = payment.send_config(payment_id);
        if scenario.refunds_at(&payment.to)
            && let Some(Party::Honest { payee, .. }) = parties.get_mut(&from)
        {
            let secret = credentials.shared_secret.refund(payment_id.octets());
            config.refund_account = payee.register_refund(secret).ok();
        }
        if let Some(Party::Honest { payee, .. }) = parties.get_mut(&to) {
            let (there, back) = (payment.data_octets, payment.returned_octets);
            if payment.any_rate {
                payee.expect_any_rate(key.clone());
            }
            if there > 0 || back > 0 {
                let stream = |way, length| Stream::new(place, way, length);
                payee.expect_data(key.clone(), stream(Way::There, there), stream(Way::Back, back));
            }
        }
        let is_first = |link: &LinkId| paths.iter().any(|path| path.first() == Some(&world.place(*link)));
        let links = world.links_of(from).filter(is_first).collect();
        if let Some(Party::Honest { payer, .. }) = parties.get_mut(&from) {
            let starts_at = Duration::from_millis(payment.starts_at_ms);
            payer.add(Paying::new(place, config, credentials, starts_at, links).with(payment));
        }
        // Packets that are sent back and forth pay every spread again: what arrives of them is chance.
        let reflects = |hop: &HopConfig| hop.hostility.is_some_and(|it| it.kind == Hostility::Reflect);
        let overshoot = match scenario.network.connectors.iter().any(reflects) {
            true => u128::from(u64::MAX),
            false => greatest_overshoot(&scenario.network, &paths),
        };
        let rise = may_rise(&scenario.network, &paths);
        paid.push(Paid {
            from,
            to,
            key,
            ideal,
            least_rate: least_rate(&scenario.network, payment, &paths),
            overshoot,
            rise,
            doubted: false,
            most_open: 0,
            rejects_in_time: None,
        });
    }
    Ok(paid)
}

/// The paths of a payment: over each link of the paying host that leads to the receiver and that it may use.
pub(super) fn paths_of(payment: &PaymentConfig, world: &World) -> Result<Vec<Vec<usize>>, RunError> {
    let (from, to) = (world.host(&payment.from)?, world.host(&payment.to)?);
    let links = world.links_of(from).filter(|link| {
        payment.via.is_empty() || payment.via.iter().any(|via| via == world.neighbour(from, *link))
    });
    let paths = links.map(|link| world.path_over(from, link, to));
    let paths = paths.filter(|path| !path.is_empty());
    Ok(paths.map(|path| path.into_iter().map(|link| world.place(link)).collect()).collect())
}

/// Puts attackers where the scenario has them, in place of honest hosts.
fn attacks(scenario: &Scenario, world: &World, parties: &mut Parties, seed: u64) -> Result<(), RunError> {
    for (place, attack) in (0u64..).zip(&scenario.attacks) {
        let (from, to) = (world.host(&attack.from)?, world.host(&attack.to)?);
        let credentials = credentials(parties, to, &attack.to)?;
        let attacker = Attacker::new(attack.clone(), &credentials, mixed(seed, u64::MAX - place));
        parties.insert(from, Party::Attacker(Box::new(attacker)));
    }
    Ok(())
}

fn credentials(parties: &mut Parties, host: HostId, name: &str) -> Result<Credentials, RunError> {
    match parties.get_mut(&host) {
        Some(Party::Honest { payee, .. }) => Ok(payee.credentials()?),
        _ => Err(ConfigError::UnknownNode(name.to_owned()).into()),
    }
}

fn payment_key(credentials: &Credentials, payment_id: PaymentId) -> Result<PaymentKey, RunError> {
    let segment = credentials.destination_account.segments().last().unwrap_or_default();
    let account = segment.parse().map_err(|_| ConfigError::Name(segment.to_owned()))?;
    Ok(PaymentKey { account, payment_id })
}

fn payment_id(seed: u64, place: usize) -> PaymentId {
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&seed.to_be_bytes());
    octets[8..].copy_from_slice(&u64::try_from(place).unwrap_or(u64::MAX).to_be_bytes());
    PaymentId::new(octets)
}

/// Another seed for each use; multiplied by an odd number, so that neighbours are far apart.
fn mixed(seed: u64, place: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(place.wrapping_mul(0xd1b5_4a32_d192_ed03))
}
