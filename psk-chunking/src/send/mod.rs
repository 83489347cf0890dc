//! The sending side of a chunked payment.

mod account;
mod config;
mod discovery;
mod doubt;
mod next;
mod replies;
mod report;
mod retry;
mod sizing;
mod snapshot;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use psk_codec::psk::{ChunkKind, ChunkPacket, Sequence};
use psk_codec::{Address, Condition, DestinationAmount, Prepare, Reply, SourceAmount};
use psk_crypto::{Credentials, Keys, Random};
use psk_quote::{ChunkProbe, PathSearch, Precision, Rate, RateInterval};

pub use account::{Account, AccountError};
pub use config::{MinimumRate, SendConfig, Target};
pub use report::{SendError, SendReport};
pub use snapshot::Snapshot;
pub use window::{Controller, DefaultController, Lost, Windows};

use crate::chunk;
use crate::time::Now;
use next::NextChunk;
use retry::Patience;
use sizing::Sizing;

/// What a driver tells a [`SendPayment`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// The answer to a packet.
    Reply {
        /// Which packet.
        packet: Sequence,
        /// The answer.
        reply: Reply,
    },
    /// A packet certainly was not forwarded.
    NotSent {
        /// Which packet.
        packet: Sequence,
        /// Why, for people.
        reason: String,
    },
    /// A packet has no answer and will get none; its outcome is unknown.
    Unanswered {
        /// Which packet.
        packet: Sequence,
    },
    /// Send no more for now. What is in flight is still accounted for, and deadlines go on.
    Pause,
    /// Go on after [`Input::Pause`].
    Resume,
    /// End the payment. What is in flight is still awaited and accounted for.
    Cancel,
}

/// What a [`SendPayment`] tells its driver.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Send this packet and hand its answer back under this number.
    Send {
        /// The packet's number.
        packet: Sequence,
        /// The packet.
        prepare: Prepare,
    },
    /// Something a user may want to see.
    Event(SendEvent),
    /// Nothing to do until an input comes, or until this (monotonic) time; [`Duration::MAX`] for no time.
    Wait(Duration),
    /// The payment has ended and nothing is in flight. Said again whenever it is asked.
    Ended(SendReport),
}

/// Progress, for people and logs. Nothing needs to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendEvent {
    /// The path's rate and largest packet are known; chunks follow.
    PathFound {
        /// The rates that fit what arrived.
        rate: RateInterval,
        /// The largest packet known to pass, in source units.
        max_packet_amount: SourceAmount,
    },
    /// A chunk was fulfilled.
    ChunkFulfilled {
        /// Which one.
        sequence: Sequence,
        /// What was sent with it.
        source: SourceAmount,
        /// What arrived; `None` when the receiver's answer could not be read.
        delivered: Option<DestinationAmount>,
    },
    /// The rate has left the range that was known.
    RateMoved {
        /// The rates that fit the latest packet.
        rate: RateInterval,
    },
}

/// The sending side of one chunked payment: a state machine without I/O, clock, or randomness of its own.
///
/// # Driving it
///
/// 1. Call [`poll`](Self::poll) again and again and do what it says, until it says [`Output::Wait`] or
///    [`Output::Ended`].
/// 2. Wait for an answer to one of the packets, a command of the user, or the time that it named; tell it by
///    [`handle`](Self::handle) (nothing, if only time has passed), and go on with 1.
///
/// [`Now::monotonic`] must never go back. Every packet that was handed out gets exactly one [`Input::Reply`],
/// [`Input::NotSent`] or [`Input::Unanswered`]; the last may be followed by a late reply. The payment never sends
/// more than its budget, whatever it is told (ENGINE.md section 2).
///
/// # Phases
///
/// It first searches the path with unfulfillable probes: how large a packet may be, and at which rate money
/// arrives. From that it fixes the minimum rate. Then it sends chunks: one alone, until the receiver has shown that
/// it fulfills; then as many as the [`Controller`] allows; the last one alone again, because receivers refuse what
/// comes after it. At the end it asks the receiver for its total, if packets are in doubt. When it fails it sends
/// nothing new, but waits until every packet is accounted for.
#[derive(Debug)]
pub struct SendPayment {
    config: SendConfig,
    keys: Arc<Keys>,
    destination: Address,
    phase: Phase,
    paused: bool,
    account: Account,
    events: VecDeque<SendEvent>,
    next_sequence: Option<Sequence>,

    search: PathSearch,
    probes: BTreeMap<Sequence, SentProbe>,
    probes_sent: u64,

    chunks: BTreeMap<Sequence, SentChunk>,
    doubts: BTreeMap<Sequence, SentChunk>,
    rate: RateInterval,
    /// What the search found.
    shown_rate: RateInterval,
    rate_changes: u64,
    minimum_rate: Rate,
    sizing: Sizing,
    controller: Box<dyn Controller>,
    chunks_sent: u64,
    /// How many chunks had been sent when a failure last made it pause.
    paused_at: u64,
    /// Something is wrong: one chunk at a time, until one is fulfilled.
    cautious: bool,
    /// The completing chunk of a fixed-destination payment has to be at least so large.
    completing_floor: SourceAmount,
    /// A completing chunk of this size has delivered too little.
    completing_failed: SourceAmount,

    started: Duration,
    last_progress: Duration,
    pause_until: Duration,
    packet_timeout: Duration,
    /// Why there was no progress lately, for the report of an idle time-out.
    trouble: Option<SendError>,
    path_patience: Patience,
    rate_patience: Patience,
    refusals: u32,
    query: doubt::Query,
}

/// What the payment is doing.
#[derive(Debug)]
enum Phase {
    /// Finding the path's rate and largest packet.
    Searching,
    /// Sending chunks.
    Sending,
    /// All is sent; asking the receiver about what is in doubt.
    Reconciling,
    /// Failed: awaiting what is in flight.
    Draining(SendError),
    /// Over.
    Ended(Option<SendError>),
}

/// A probe in flight.
#[derive(Clone, Copy, Debug)]
struct SentProbe {
    source: SourceAmount,
    /// Until then an answer is awaited.
    give_up_at: Duration,
}

/// A chunk in flight or in doubt.
#[derive(Clone, Copy, Debug)]
struct SentChunk {
    source: SourceAmount,
    minimum: DestinationAmount,
    condition: Condition,
    /// Until then an answer is awaited.
    give_up_at: Duration,
    /// What else was in flight when it was sent.
    beside: SourceAmount,
    /// Its place in the order of sending, from 1.
    order: u64,
    /// Completes a fixed-destination payment: its minimum is all that is missing.
    completing: bool,
}

impl SendPayment {
    /// A payment to the receiver of these credentials, starting now.
    pub fn new(config: SendConfig, credentials: &Credentials, now: Now) -> Self {
        let keys = Arc::new(Keys::derive(&credentials.shared_secret));
        Self::with_keys(config, keys, credentials.destination_account.clone(), now)
    }

    /// The same with keys that are shared with others who seal under this secret.
    pub fn with_keys(config: SendConfig, keys: Arc<Keys>, destination: Address, now: Now) -> Self {
        let search = PathSearch::new(discovery::first_limit(&config), Precision::Near);
        let nothing_known = RateInterval::UNKNOWN;
        let controller = Box::new(DefaultController::new(config.max_packets_in_flight));
        let zero_amount = match config.target {
            Target::Source(amount) => amount.is_zero(),
            Target::Destination(amount) => amount.is_zero(),
        };
        let phase = if zero_amount { Phase::Ended(Some(SendError::ZeroAmount)) } else { Phase::Searching };
        Self {
            packet_timeout: config.packet_timeout,
            config,
            keys,
            destination,
            phase,
            paused: false,
            account: Account::default(),
            events: VecDeque::new(),
            next_sequence: Some(Sequence::FIRST),
            search,
            probes: BTreeMap::new(),
            probes_sent: 0,
            chunks: BTreeMap::new(),
            doubts: BTreeMap::new(),
            rate: nothing_known,
            shown_rate: nothing_known,
            rate_changes: 0,
            minimum_rate: Rate::ZERO,
            sizing: Sizing::unknown(),
            controller,
            chunks_sent: 0,
            paused_at: 0,
            cautious: true,
            completing_floor: SourceAmount::ZERO,
            completing_failed: SourceAmount::ZERO,
            started: now.monotonic,
            last_progress: now.monotonic,
            pause_until: Duration::ZERO,
            trouble: None,
            path_patience: Patience::new(Duration::from_millis(50), Duration::from_secs(5)),
            rate_patience: Patience::new(Duration::from_millis(100), Duration::from_secs(5)),
            refusals: 0,
            query: doubt::Query::default(),
        }
    }

    /// Replaces the default controller; before the first packet.
    pub fn with_controller(self, controller: Box<dyn Controller>) -> Self {
        Self { controller, ..self }
    }

    /// Where the money is at this moment.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Takes an input. Afterwards [`poll`](Self::poll) has to be drained.
    pub fn handle(&mut self, input: Input, now: Now, random: &mut dyn Random) {
        match input {
            Input::Reply { packet, reply } => self.handle_reply(packet, reply, now, random),
            Input::NotSent { packet, reason } => self.handle_not_sent(packet, reason, now, random),
            Input::Unanswered { packet } => self.handle_unanswered(packet, now, random),
            Input::Pause => self.paused = true,
            Input::Resume => self.paused = false,
            Input::Cancel => self.fail(SendError::Cancelled),
        }
    }

    /// What to do next.
    pub fn poll(&mut self, now: Now, random: &mut dyn Random) -> Output {
        self.check_deadlines(now, random);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Output::Event(event);
            }
            let output = match &self.phase {
                Phase::Searching => self.poll_search(now, random),
                Phase::Sending => self.poll_sending(now, random),
                Phase::Reconciling => self.poll_reconciling(now, random),
                Phase::Draining(_) => self.poll_draining(now),
                Phase::Ended(error) => Some(Output::Ended(self.report(error.clone()))),
            };
            if let Some(output) = output {
                return output;
            }
        }
    }

    fn poll_sending(&mut self, now: Now, random: &mut dyn Random) -> Option<Output> {
        let not_before = self.pause_until.max(self.controller.next_send());
        if self.paused || now.monotonic < not_before {
            return Some(self.wait(now, (!self.paused).then_some(not_before)));
        }
        match self.next_chunk() {
            NextChunk::Send { amount, minimum, last, completing } => {
                match self.send_chunk(amount, minimum, last, completing, now, random) {
                    Ok(output) => return Some(output),
                    Err(error) => self.fail(error),
                }
            }
            NextChunk::AwaitReplies => return Some(self.wait(now, None)),
            NextChunk::RateTooLow => {
                self.restart_completing();
                self.await_better_rate(now, random);
            }
            NextChunk::Reconcile => self.begin_reconciling(now),
            NextChunk::Finished => self.phase = Phase::Ended(self.unresolved()),
            NextChunk::Fail(error) => self.fail(error),
        }
        None
    }

    fn poll_draining(&mut self, now: Now) -> Option<Output> {
        if !self.chunks.is_empty() {
            return Some(self.wait(now, None));
        }
        if let Phase::Draining(error) = &self.phase {
            // Receivers refuse what comes after the amount is reached, as when the rate rises meanwhile.
            let reached = *error == SendError::Refused && self.has_delivered_target();
            let error = if reached { self.unresolved() } else { Some(error.clone()) };
            self.phase = Phase::Ended(error);
        }
        None
    }

    fn has_delivered_target(&self) -> bool {
        matches!(self.config.target, Target::Destination(amount) if self.account.delivered >= amount)
    }

    fn send_chunk(
        &mut self,
        amount: SourceAmount,
        minimum: DestinationAmount,
        last: bool,
        completing: bool,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<Output, SendError> {
        let sequence = self.take_sequence()?;
        let packet = ChunkPacket {
            kind: if last { ChunkKind::LastChunk } else { ChunkKind::Chunk },
            payment_id: self.config.payment_id,
            sequence,
            payment_amount: match self.config.target {
                Target::Source(_) => ChunkPacket::OPEN_ENDED,
                Target::Destination(amount) => amount.into(),
            },
            chunk_amount: minimum.into(),
            application_data: bytes::Bytes::new(),
        };
        let expires_at = now.wall.saturating_add(self.packet_timeout);
        let prepare = chunk::fulfillable(packet, amount, &self.keys, &self.destination, expires_at, random)?;
        let beside = self.account.in_flight;
        self.account.send(amount, self.config.budget())?;
        self.chunks_sent += 1;
        self.controller.on_sent(now.monotonic);
        self.sizing.on_sent(amount);
        let sent = SentChunk {
            source: amount,
            minimum,
            condition: prepare.condition,
            give_up_at: self.give_up_at(now),
            beside,
            order: self.chunks_sent,
            completing,
        };
        self.chunks.insert(sequence, sent);
        Ok(Output::Send { packet: sequence, prepare })
    }

    fn send_probe(
        &mut self,
        amount: SourceAmount,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(Sequence, Output), SendError> {
        let sequence = self.take_sequence()?;
        let probe = self.probe(sequence);
        let expires_at = now.wall.saturating_add(self.packet_timeout);
        let prepare = probe.seal(amount, &self.keys, &self.destination, expires_at, random)?;
        self.probes_sent += 1;
        Ok((sequence, Output::Send { packet: sequence, prepare }))
    }

    fn probe(&self, sequence: Sequence) -> ChunkProbe {
        ChunkProbe { payment_id: self.config.payment_id, sequence }
    }

    /// Every packet has a number of its own, probes included.
    fn take_sequence(&mut self) -> Result<Sequence, SendError> {
        let sequence = self.next_sequence.ok_or(SendError::SequencesExhausted)?;
        self.next_sequence = sequence.next();
        Ok(sequence)
    }

    /// What was learned of the size of a completing chunk holds for what was missing then, at the rate of then.
    fn restart_completing(&mut self) {
        self.completing_floor = SourceAmount::ZERO;
        self.completing_failed = SourceAmount::ZERO;
    }

    /// Sends nothing more; ends when everything in flight is accounted for.
    fn fail(&mut self, error: SendError) {
        if !matches!(self.phase, Phase::Draining(_) | Phase::Ended(_)) {
            self.phase = Phase::Draining(error);
        }
    }

    fn check_deadlines(&mut self, now: Now, random: &mut dyn Random) {
        self.give_up_unanswered(now, random);
        let since = |moment: Duration| now.monotonic.saturating_sub(moment);
        if self.config.total_timeout.is_some_and(|limit| since(self.started) >= limit) {
            self.fail(SendError::TotalTimeout);
        }
        let waits_for_doubt = matches!(self.phase, Phase::Reconciling);
        if !waits_for_doubt && since(self.last_progress) >= self.config.idle_timeout {
            let error = self.trouble.take().unwrap_or(SendError::IdleTimeout);
            self.fail(error);
        }
    }

    /// Waits for an input, the named time or the next deadline.
    fn wait(&self, now: Now, until: Option<Duration>) -> Output {
        let total = self.config.total_timeout.map(|limit| self.started.saturating_add(limit));
        let idle = Some(self.last_progress.saturating_add(self.config.idle_timeout));
        let chunk = self.chunks.values().next().map(|chunk| chunk.give_up_at);
        let probe = self.probes.values().next().map(|probe| probe.give_up_at);
        let unanswered = chunk.into_iter().chain(probe).min();
        let deadlines = match self.phase {
            Phase::Draining(_) => [None, None, unanswered],
            // Waiting for the receiver's word is not idleness.
            Phase::Reconciling => [total, None, unanswered],
            _ => [total, idle, unanswered],
        };
        let next = deadlines.into_iter().chain([until]).flatten().min();
        // Without any deadline only an input can change anything.
        Output::Wait(next.unwrap_or(Duration::MAX).max(now.monotonic))
    }

    /// Until when the answer to a packet that leaves now is awaited.
    fn give_up_at(&self, now: Now) -> Duration {
        now.monotonic.saturating_add(self.packet_timeout).saturating_add(self.config.expiry_grace)
    }

    fn pause(&mut self, now: Now, pause: Duration) {
        self.pause_until = self.pause_until.max(now.monotonic.saturating_add(pause));
    }

    fn report(&self, error: Option<SendError>) -> SendReport {
        SendReport {
            payment_id: self.config.payment_id,
            account: self.account,
            error,
            probes: self.probes_sent,
            rate_changes: self.rate_changes,
        }
    }
}
