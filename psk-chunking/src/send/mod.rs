//! The sending side of a chunked payment.

mod account;
mod arrived;
mod config;
pub mod control;
mod data;
mod discovery;
mod doubt;
mod frames;
mod load;
mod next;
mod packets;
mod path;
mod policy;
mod price;
mod question_size;
mod questions;
mod quoted;
mod refund;
mod replies;
mod report;
mod retry;
mod round_trip;
mod sizing;
mod snapshot;
mod status;
mod told;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::Sequence;
use psk_codec::{Address, Condition, DestinationAmount, Prepare, Reply, SourceAmount};
use psk_crypto::{Credentials, Keys, Random};
use psk_quote::{RateInterval, RedeemedQuote};

pub use account::{Account, AccountError};
pub use config::{MinimumRate, SendConfig, Target};
use control::{Controller, Fulfilled, Lost, Passed};
pub use path::PathIndex;
pub use policy::PathPolicy;
pub use report::{SendError, SendReport};
pub use snapshot::Snapshot;

use crate::time::Now;
use frames::Peer;
use next::Next;
use path::{Path, PathState};

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
    /// Wait no longer for what may come back: a payment that has failed ends as soon as nothing is in flight, even before
    /// its receiver has been told.
    GiveUpRefund,
    /// So much has come back to the refund account until now, in source units. Only ever more.
    Refunded(SourceAmount),
}

/// What a [`SendPayment`] tells its driver.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Send this packet and hand its answer back under this number.
    Send {
        /// The packet's number.
        packet: Sequence,
        /// Which way it goes.
        path: PathIndex,
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendEvent {
    /// A path's rate and largest packet are known; chunks follow.
    PathFound {
        /// Which path.
        path: PathIndex,
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
    /// A path's rate has left the range that was known.
    RateMoved {
        /// Which path.
        path: PathIndex,
        /// The rates that fit the latest packet.
        rate: RateInterval,
    },
    /// Octets of the receiver's data, in order.
    Data(Bytes),
    /// The receiver's data is complete.
    DataComplete,
    /// Nothing more goes over a path. The payment goes on over the others, if there are any.
    PathFailed {
        /// Which path.
        path: PathIndex,
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
/// Each path is first searched with unfulfillable probes: how large a packet may be, and at which rate money arrives;
/// the first path not, if there is a [quote](Self::with_quote) of it.
/// From that its minimum rate is fixed. Then chunks go over it, as many as its [`Controller`] allows, beside those of
/// other paths as the [`PathPolicy`] says. A receiver that knows frames is asked for its status when answers are
/// overdue; with a plain one, the first and the last chunk are alone in flight, and it is asked for its total at the
/// end, if packets are in doubt. When the payment fails it sends nothing new, but waits until every packet is accounted
/// for.
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
    paths: Vec<Path>,
    peer: Peer,
    /// What the first path starts from, until it does.
    quote: Option<Box<RedeemedQuote>>,
    /// It has: what the quote says is what the caller has agreed to.
    from_quote: bool,

    probes: BTreeMap<Sequence, SentProbe>,
    probes_sent: u64,
    /// Boxed, or taking one out of the map would move its neighbours.
    chunks: BTreeMap<Sequence, Box<SentChunk>>,
    doubts: BTreeMap<Sequence, Box<SentChunk>>,
    /// None of the chunks in flight is given up before this time. Some live longer than others that left after them.
    no_doubt_before: Duration,
    rate_changes: u64,
    /// Chunks that count as fulfilled by the receiver's word alone.
    settled_by_word: u64,
    unread: Unread,
    /// The first chunk that the receiver has fulfilled.
    first_fulfilled: Option<Sequence>,
    refusals: u32,

    started: Duration,
    last_progress: Duration,
    query: doubt::Query,
    status: status::StatusQuery,
    data: data::Data,
    refund: refund::Refund,
}

/// Chunks that were fulfilled without a word of what arrived, since the receiver's total was last taken.
#[derive(Clone, Copy, Debug, Default)]
struct Unread {
    chunks: u64,
    source: SourceAmount,
}

/// What the payment is doing.
#[derive(Debug)]
enum Phase {
    /// Searching paths and sending chunks.
    Sending,
    /// All is sent; asking a plain receiver about what is in doubt.
    Reconciling,
    /// Failed: awaiting what is in flight.
    Draining(SendError),
    /// Failed, for all that is known: telling the receiver, and awaiting what comes back. Its answer or a late one may show that
    /// all is there.
    Refunding(SendError),
    /// Over.
    Ended(Option<SendError>),
}

/// A probe in flight.
#[derive(Clone, Copy, Debug)]
struct SentProbe {
    path: PathIndex,
    purpose: Purpose,
    source: SourceAmount,
    sent_at: Duration,
    /// Until then an answer is awaited.
    give_up_at: Duration,
}

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Searching the path.
    Search,
    /// Finding the size of the completing chunk.
    Completing,
    /// Whether a path that is left unused has become better.
    Again,
}

/// A chunk in flight or in doubt.
#[derive(Clone, Copy, Debug)]
struct SentChunk {
    path: PathIndex,
    source: SourceAmount,
    minimum: DestinationAmount,
    /// Its minimum, if that is less than the minimum rate asks for, since it was rounded down.
    lacking: Option<DestinationAmount>,
    /// The most that it may deliver, as far as was known when it left.
    most: DestinationAmount,
    /// The least.
    least: DestinationAmount,
    condition: Condition,
    sent_at: Duration,
    /// Until then an answer is awaited.
    give_up_at: Duration,
    /// The answer should be here by now; its place in the window is free.
    overdue: bool,
    /// What else was in flight on its path when it was sent.
    beside: SourceAmount,
    /// What had been fulfilled over its path when it was sent.
    passed_before: Passed,
    /// Its place in the order of sending on its path, from 1.
    order: u64,
    /// Completes a fixed-destination payment: its minimum is all that is missing.
    completing: bool,
}

impl SendPayment {
    /// A payment over one path to the receiver of these credentials, starting now.
    pub fn new(config: SendConfig, credentials: &Credentials, now: Now) -> Self {
        let keys = Arc::new(Keys::derive(&credentials.shared_secret));
        Self::with_keys(config, keys, credentials.destination_account.clone(), now)
    }

    /// The same with keys that are shared with others who seal under this secret.
    pub fn with_keys(config: SendConfig, keys: Arc<Keys>, destination: Address, now: Now) -> Self {
        let impossible = match config.target {
            Target::Source(SourceAmount::ZERO) | Target::Destination(DestinationAmount::ZERO) => {
                Some(SendError::ZeroAmount)
            }
            Target::Destination(DestinationAmount::MAX) => Some(SendError::MeansOpenEnd),
            Target::Source(_) | Target::Destination(_) => None,
        };
        let (data, max_received_data) = (config.data.clone(), config.max_received_data);
        let phase = impossible.map_or(Phase::Sending, |error| Phase::Ended(Some(error)));
        let payment = Self {
            config,
            keys,
            destination,
            phase,
            paused: false,
            account: Account::default(),
            events: VecDeque::new(),
            next_sequence: Some(Sequence::FIRST),
            paths: Vec::new(),
            peer: Peer::default(),
            quote: None,
            from_quote: false,
            probes: BTreeMap::new(),
            probes_sent: 0,
            chunks: BTreeMap::new(),
            doubts: BTreeMap::new(),
            no_doubt_before: Duration::MAX,
            rate_changes: 0,
            settled_by_word: 0,
            unread: Unread::default(),
            first_fulfilled: None,
            refusals: 0,
            started: now.monotonic,
            last_progress: now.monotonic,
            query: doubt::Query::default(),
            status: status::StatusQuery::default(),
            data: data::Data::new(data, max_received_data),
            refund: refund::Refund::default(),
        };
        payment.with_paths(1)
    }

    /// Over so many paths, at least one; before the first packet.
    pub fn with_paths(self, paths: usize) -> Self {
        let (kind, max_packets) = (self.config.controller, self.config.max_packets_in_flight);
        let about = match self.config.target {
            Target::Source(amount) => amount,
            Target::Destination(_) => self.config.max_source_amount,
        };
        self.with_controllers(paths, || kind.controller(about, max_packets))
    }

    /// Over so many paths, at least one, with a controller of the caller's own for each; before the first packet.
    pub fn with_controllers(mut self, paths: usize, controller: impl Fn() -> Box<dyn Controller>) -> Self {
        let limit = discovery::first_limit(&self.config);
        self.paths = (0..paths.max(1)).map(|_| Path::new(&self.config, limit, controller())).collect();
        self
    }

    /// Where the money is at this moment.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// How many chunks count as fulfilled by the receiver's word alone, without an answer of their own.
    pub fn settled_by_word(&self) -> u64 {
        self.settled_by_word
    }

    /// How much of what is fulfilled, in source units, has been so without a word of what arrived, since the receiver's
    /// total was last taken. What it delivered is known at the rates of before.
    pub fn unread(&self) -> SourceAmount {
        self.unread.source
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
            Input::GiveUpRefund => self.refund.give_up(),
            Input::Refunded(total) => self.handle_refunded(total, now),
        }
    }

    /// What to do next.
    pub fn poll(&mut self, now: Now, random: &mut dyn Random) -> Output {
        if let Some(event) = self.events.pop_front() {
            return Output::Event(event);
        }
        self.check_deadlines(now, random);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Output::Event(event);
            }
            let output = match &self.phase {
                Phase::Sending => self.poll_sending(now, random),
                Phase::Reconciling => self.poll_reconciling(now, random),
                Phase::Draining(_) => self.poll_draining(now, random),
                Phase::Refunding(_) => self.poll_refund(now, random),
                Phase::Ended(error) => Some(Output::Ended(self.report(error.clone()))),
            };
            if let Some(output) = output {
                return output;
            }
        }
    }

    fn poll_sending(&mut self, now: Now, random: &mut dyn Random) -> Option<Output> {
        if self.paused && !self.is_done() {
            return Some(self.wait(now, None));
        }
        if self.start_from_quote(now) {
            return None;
        }
        if let Some(output) = self.poll_status(now, random) {
            return Some(output);
        }
        // A path that is being searched has nothing to send; one that has just failed or been found changes things.
        let mut until = Duration::MAX;
        for path in self.path_indices() {
            match self.poll_probes(path, now, random) {
                discovery::Searched::Output(output) => return Some(output),
                discovery::Searched::Changed => return None,
                discovery::Searched::WaitUntil(time) => until = until.min(time),
            }
        }
        self.set_minimum_rates();
        match self.next(now.monotonic) {
            Next::Send(chunk) => match self.send_chunk(chunk, now, random) {
                Ok(output) => return Some(output),
                Err(error) => self.fail(error),
            },
            Next::Ask(path, sizes) => self.path_mut(path).arrived.ask(sizes),
            Next::AskParts(path, sizes) => self.path_mut(path).arrived.ask_parts(sizes),
            Next::AwaitReplies(time) => {
                let data = self.poll_data(now, random);
                if data.is_some() || !matches!(self.phase, Phase::Sending) {
                    return data;
                }
                return Some(self.wait(now, Some(until.min(time))));
            }
            Next::RateTooLow(path) => {
                self.path_mut(path).restart_completing();
                self.await_better_rate(path, now, random);
            }
            Next::Reconcile => self.begin_reconciling(now),
            Next::Finished => self.phase = Phase::Ended(self.unresolved()),
            Next::Fail(error) => self.fail(error),
        }
        None
    }

    fn poll_draining(&mut self, now: Now, random: &mut dyn Random) -> Option<Output> {
        if let Some(output) = self.poll_status(now, random) {
            return Some(output);
        }
        if !self.chunks.is_empty() || self.wants_last_word() && !self.refund.is_given_up() {
            return Some(self.wait(now, None));
        }
        if let Phase::Draining(error) = &self.phase {
            match self.ending(error) {
                Some(error) if self.tells_the_end(&error) => self.begin_refund(error, now),
                error => self.phase = Phase::Ended(error),
            }
        }
        None
    }

    /// How a payment ends that has failed by `error`, as far as is known. It may have been too late: all is there. And receivers
    /// refuse what comes after the amount is reached, as when the rate rises meanwhile. Whoever took that for a failure and
    /// paid again would pay twice.
    fn ending(&self, error: &SendError) -> Option<SendError> {
        let Account { in_doubt, refunded, .. } = self.account;
        let comes_back = !refunded.is_zero() || self.refund.is_announced();
        let reached = self.has_delivered_all() && in_doubt.is_zero() && !comes_back;
        if reached { self.unresolved() } else { Some(error.clone()) }
    }

    /// Whether the receiver has fulfilled a chunk.
    fn has_begun(&self) -> bool {
        self.first_fulfilled.is_some()
    }

    /// Whether nothing of the payment's money is left to deliver.
    fn has_delivered_all(&self) -> bool {
        match self.config.target {
            Target::Source(amount) => self.account.source_sent >= amount,
            Target::Destination(_) => self.has_delivered_target(),
        }
    }

    fn has_delivered_target(&self) -> bool {
        matches!(self.config.target, Target::Destination(amount) if self.account.delivered >= amount)
    }

    fn path_indices(&self) -> impl Iterator<Item = PathIndex> + use<> {
        (0..self.paths.len()).map(PathIndex)
    }

    fn path(&self, index: PathIndex) -> &Path {
        // Indices are made by `path_indices` alone, and paths are never taken away.
        &self.paths[index.0]
    }

    fn path_mut(&mut self, index: PathIndex) -> &mut Path {
        &mut self.paths[index.0]
    }

    /// Sends nothing more; ends when everything in flight is accounted for.
    fn fail(&mut self, error: SendError) {
        if !matches!(self.phase, Phase::Draining(_) | Phase::Refunding(_) | Phase::Ended(_)) {
            self.phase = Phase::Draining(error);
        }
    }

    /// Nothing more goes over this path. Without any other, the payment fails.
    fn fail_path(&mut self, index: PathIndex, error: SendError) {
        let path = self.path_mut(index);
        if path.has_failed() {
            return;
        }
        path.state = PathState::Failed(error.clone());
        path.searches_on = false;
        match self.paths.iter().all(Path::has_failed) {
            true => self.fail(error),
            false => self.events.push_back(SendEvent::PathFailed { path: index }),
        }
    }

    fn check_deadlines(&mut self, now: Now, random: &mut dyn Random) {
        self.give_up_unanswered(now, random);
        self.mark_overdue(now);
        self.give_up_messages(now);
        let since = |moment: Duration| now.monotonic.saturating_sub(moment);
        if self.config.total_timeout.is_some_and(|limit| since(self.started) >= limit) {
            self.fail(SendError::TotalTimeout);
        }
        let waits_for_doubt = matches!(self.phase, Phase::Reconciling);
        if !waits_for_doubt && since(self.last_progress) >= self.config.idle_timeout {
            if self.awaits_nothing_but_data() {
                // The money is there: whoever took this for a failure and paid again would pay twice.
                return self.give_up_data();
            }
            let trouble = self.paths.iter_mut().find_map(|path| path.trouble.take());
            self.fail(trouble.unwrap_or(SendError::IdleTimeout));
        }
    }

    /// Whether all of the money has been delivered, as the receiver says, and only data is not.
    fn awaits_nothing_but_data(&self) -> bool {
        let settled = self.chunks.is_empty() && self.doubts.is_empty() && self.account.unverified.is_zero();
        settled && self.has_delivered_all() && matches!(self.phase, Phase::Sending) && self.awaits_data()
    }

    /// Waits for an input, the named time or the next deadline.
    fn wait(&self, now: Now, until: Option<Duration>) -> Output {
        let total = self.config.total_timeout.map(|limit| self.started.saturating_add(limit));
        let idle = Some(self.last_progress.saturating_add(self.config.idle_timeout));
        let chunk = (!self.chunks.is_empty()).then_some(self.no_doubt_before);
        let probe = self.probes.values().map(|probe| self.probe_due(probe)).min();
        let unanswered = chunk.into_iter().chain(probe).min();
        let deadlines = match self.phase {
            Phase::Draining(_) => [None, None, unanswered],
            Phase::Refunding(_) => [None, None, None],
            // Waiting for the receiver's word is not idleness.
            Phase::Reconciling => [total, None, unanswered],
            _ => [total, idle, unanswered],
        };
        let asked = match self.phase {
            Phase::Refunding(_) => [None; 3],
            // Nothing is asked meanwhile, or something else.
            Phase::Reconciling => [self.next_overdue(), None, None],
            Phase::Sending if self.paused => [self.next_overdue(), None, None],
            _ => {
                [self.next_overdue(), self.status_wakes_at(now.monotonic), self.data_wakes_at(now.monotonic)]
            }
        };
        let next = deadlines.into_iter().chain(asked).chain([until]).flatten().min();
        // Without any deadline only an input can change anything.
        Output::Wait(next.unwrap_or(Duration::MAX).max(now.monotonic))
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
