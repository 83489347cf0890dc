//! A host that pays: the sending machines, driven without I/O.

use std::collections::HashSet;
use std::time::Duration;

use psk_codec::psk::Sequence;
use psk_codec::{Address, ErrorCode, Prepare, Reply, SourceAmount, Timestamp};
use psk_crypto::{Credentials, SeededRandom};
use psk_plugin::sim::{HostInput, HostOutput, LinkId};

use super::data::{Stream, Way};
use super::outcome::Rejects;
use super::quoting::{Quoting, Step};
use super::scenario::{PauseConfig, PaymentConfig};
use crate::Now;
use crate::send::{Input, Output, SendConfig, SendEvent, SendPayment, SendReport, Target};

/// All payments of one host.
#[derive(Debug)]
pub(super) struct Payer {
    random: SeededRandom,
    payments: Vec<Paying>,
}

/// One payment.
#[derive(Debug)]
pub(super) struct Paying {
    /// Its place in the scenario.
    pub(super) place: usize,
    pub(super) config: SendConfig,
    credentials: Credentials,
    starts_at: Duration,
    /// What it starts from, until it does.
    quoting: Option<Quoting>,
    /// Its paths, by their first links.
    pub(super) links: Vec<LinkId>,
    machine: Option<SendPayment>,
    awake: bool,
    wakes_at: Duration,
    pub(super) ended: Option<(SendReport, Duration)>,
    pub(super) packets: u64,
    pub(super) rejects: Rejects,
    /// The packets that certainly were not paid for, by the neighbour's word.
    pub(super) not_paid: HashSet<Sequence>,
    /// When the sender cancels it.
    cancels_at: Duration,
    /// When the sender pauses it, and when it goes on.
    pauses: Vec<(Duration, Duration)>,
    /// Whether it has been told to pause.
    paused: bool,
    /// What the receiver sends back.
    pub(super) returned: Stream,
    /// What is wrong with what the machine does.
    pub(super) problem: Option<String>,
}

impl Paying {
    pub(super) fn new(
        place: usize,
        config: SendConfig,
        credentials: Credentials,
        starts_at: Duration,
        links: Vec<LinkId>,
    ) -> Self {
        Self {
            place,
            config,
            credentials,
            starts_at,
            quoting: None,
            links,
            machine: None,
            awake: true,
            wakes_at: starts_at,
            ended: None,
            packets: 0,
            rejects: Rejects::new(),
            not_paid: HashSet::new(),
            cancels_at: Duration::MAX,
            pauses: Vec::new(),
            paused: false,
            returned: Stream::new(place, Way::Back, 0),
            problem: None,
        }
    }

    /// With what the scenario says beside the amounts: its data, when it is paused and cancelled, and a quote to start
    /// from, if there is one in time.
    pub(super) fn with(mut self, payment: &PaymentConfig) -> Self {
        self.config.data = Stream::new(self.place, Way::There, payment.data_octets).octets();
        self.returned = Stream::new(self.place, Way::Back, payment.returned_octets);
        if let Some(after) = payment.cancel_after_ms {
            self.cancels_at = self.starts_at.saturating_add(Duration::from_millis(after));
        }
        self.pauses = payment.pauses.iter().map(pause).collect();
        if payment.quoted {
            self.quoting = Some(Quoting::new(self.starts_at));
            self.wakes_at = Duration::ZERO;
        }
        self
    }

    pub(super) fn machine(&self) -> Option<&SendPayment> {
        self.machine.as_ref()
    }

    /// The most that it may spend.
    pub(super) fn budget(&self) -> SourceAmount {
        match self.config.target {
            Target::Source(amount) => amount.min(self.config.max_source_amount),
            Target::Destination(_) => self.config.max_source_amount,
        }
    }

    /// The next packet to send, by the lower half of its tag, and over which link.
    fn poll(&mut self, now: Now, random: &mut SeededRandom) -> Option<(u64, Option<LinkId>, Prepare)> {
        let quoting = self.quoting.as_mut();
        match quoting.map(|quoting| quoting.poll(&self.config, &self.credentials, now, random)) {
            Some(Step::Send(number, prepare)) => {
                return Some((OF_QUOTE | u64::from(number), self.links.first().copied(), prepare));
            }
            Some(Step::Wait(until)) => {
                (self.awake, self.wakes_at) = (false, until);
                return None;
            }
            Some(Step::Over) | None => {}
        }
        if now.monotonic < self.starts_at {
            (self.awake, self.wakes_at) = (false, self.starts_at);
            return None;
        }
        let quote = self.quoting.take().and_then(|quoting| quoting.redeem(now.wall));
        let machine = self.machine.get_or_insert_with(|| {
            let payment = SendPayment::new(self.config.clone(), &self.credentials, now);
            let payment = payment.with_paths(self.links.len());
            match quote {
                Some(quote) => payment.with_quote(quote),
                None => payment,
            }
        });
        if now.monotonic >= self.cancels_at {
            self.cancels_at = Duration::MAX;
            machine.handle(Input::Cancel, now, random);
        }
        let pauses = self.pauses.iter().any(|(from, until)| (*from..*until).contains(&now.monotonic));
        if pauses != self.paused {
            self.paused = pauses;
            machine.handle(if pauses { Input::Pause } else { Input::Resume }, now, random);
        }
        loop {
            match machine.poll(now, random) {
                Output::Send { packet, path, prepare } => {
                    self.packets += 1;
                    return Some((packet.number().into(), self.links.get(path.0).copied(), prepare));
                }
                Output::Event(event) => {
                    if let Some(problem) = took(&mut self.returned, &event) {
                        self.problem = Some(format!("data from the receiver: {problem}"));
                    }
                }
                Output::Wait(until) => {
                    if until < now.monotonic {
                        self.problem = Some("waits for the past".to_owned());
                    }
                    let ends = self.pauses.iter().flat_map(|(from, until)| [*from, *until]);
                    let next = ends.filter(|at| *at > now.monotonic).min().unwrap_or(Duration::MAX);
                    (self.awake, self.wakes_at) = (false, until.min(self.cancels_at).min(next));
                    return None;
                }
                Output::Ended(report) => {
                    self.ended.get_or_insert((report, now.monotonic));
                    (self.awake, self.wakes_at) = (false, Duration::MAX);
                    return None;
                }
            }
        }
    }
}

/// From when to when.
fn pause(pause: &PauseConfig) -> (Duration, Duration) {
    let from = Duration::from_millis(pause.at_ms);
    (from, from.saturating_add(Duration::from_millis(pause.for_ms)))
}

/// What an event says of the receiver's data, and what is wrong with it.
fn took(returned: &mut Stream, event: &SendEvent) -> Option<&'static str> {
    match event {
        SendEvent::Data(octets) => returned.tell(returned.told(), octets),
        SendEvent::DataComplete => returned.end(),
        _ => None,
    }
}

impl Payer {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: SeededRandom::new(seed), payments: Vec::new() }
    }

    pub(super) fn add(&mut self, paying: Paying) {
        self.payments.push(paying);
    }

    /// Tells its payments what has come back, by their refund accounts.
    pub(super) fn tell_refunded(
        &mut self,
        refunded: impl Fn(&Address) -> u128,
        now: Duration,
        wall: Timestamp,
    ) {
        for paying in &mut self.payments {
            let Some((account, machine)) = paying.config.refund_account.as_ref().zip(paying.machine.as_mut())
            else {
                continue;
            };
            let total = SourceAmount::new(u64::try_from(refunded(account)).unwrap_or(u64::MAX));
            if total > machine.account().refunded {
                machine.handle(Input::Refunded(total), Now { monotonic: now, wall }, &mut self.random);
                paying.awake = true;
            }
        }
    }

    pub(super) fn payments(&self) -> &[Paying] {
        &self.payments
    }

    pub(super) fn handle(&mut self, input: HostInput, now: Duration, wall: Timestamp) {
        if let Some((place, number)) = probe_of(&input) {
            return self.handle_quote(place, number, input, now);
        }
        let (tag, input) = match input {
            HostInput::Reply { tag, reply } => (tag, Input::Reply { packet: sequence_of(tag), reply }),
            HostInput::NotSent { tag } => {
                let reason = "there is no link".to_owned();
                (tag, Input::NotSent { packet: sequence_of(tag), reason })
            }
            _ => return,
        };
        let Some(paying) = self.payments.get_mut(place_of(tag)) else { return };
        if let Input::Reply { packet, reply: Reply::Reject(reject) } = &input {
            // After R00 a neighbour may still pay, and want to be paid.
            if reject.code != ErrorCode::R00_TRANSFER_TIMED_OUT {
                paying.not_paid.insert(*packet);
            }
            *paying.rejects.entry(reject.code.to_string()).or_default() += 1;
        }
        paying.awake = true;
        if let Some(machine) = &mut paying.machine {
            machine.handle(input, Now { monotonic: now, wall }, &mut self.random);
        }
    }

    /// The answer to a probe of a payment's quote. Once the payment has started it changes nothing.
    fn handle_quote(&mut self, place: usize, number: u32, input: HostInput, now: Duration) {
        let reply = match input {
            HostInput::Reply { reply, .. } => Some(reply),
            _ => None,
        };
        let Some(paying) = self.payments.get_mut(place) else { return };
        if let Some(quoting) = &mut paying.quoting {
            quoting.handle(number, reply, now);
            paying.awake = true;
        }
    }

    pub(super) fn poll(&mut self, now: Duration, wall: Timestamp) -> HostOutput {
        for (place, paying) in self.payments.iter_mut().enumerate() {
            if !paying.awake && paying.wakes_at > now {
                continue;
            }
            if let Some((packet, via, prepare)) = paying.poll(Now { monotonic: now, wall }, &mut self.random)
            {
                let tag = tag_of(place, packet);
                return HostOutput::Send { via, tag, prepare };
            }
        }
        let wake = self.payments.iter().map(|paying| paying.wakes_at).min();
        HostOutput::Wait(wake.unwrap_or(Duration::MAX))
    }
}

/// Marks the packets of quotes.
const OF_QUOTE: u64 = 1 << 62;

/// Which payment of the host in the upper half, which packet in the lower one.
fn tag_of(place: usize, packet: u64) -> u64 {
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    (place << 32) | packet
}

fn place_of(tag: u64) -> usize {
    usize::try_from((tag & !OF_QUOTE) >> 32).unwrap_or(usize::MAX)
}

/// The payment and the number of the probe of its quote that this is the answer to, if it is one.
fn probe_of(input: &HostInput) -> Option<(usize, u32)> {
    match input {
        HostInput::Reply { tag, .. } | HostInput::NotSent { tag } if tag & OF_QUOTE != 0 => {
            Some((place_of(*tag), sequence_of(*tag).number()))
        }
        _ => None,
    }
}

fn sequence_of(tag: u64) -> Sequence {
    // The lower half always fits.
    Sequence::new(u32::try_from(tag & u64::from(u32::MAX)).unwrap_or(u32::MAX))
}
