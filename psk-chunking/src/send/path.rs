//! One way to the receiver: what is known of it, how much of the payment is on it, and how it fares.

use std::collections::VecDeque;
use std::time::Duration;

use psk_codec::psk::Sequence;
use psk_codec::{AmountTooLarge, DestinationAmount, ErrorCode, Reject, SourceAmount};
use psk_quote::{PathSearch, PathView, Precision, Rate, RateInterval};

use super::arrived::{Arrived, SEVERAL};
use super::control::{DROUGHT, Passed};
use super::discovery::PROBE_PATIENCE;
use super::load::Load;
use super::question_size::QuestionSize;
use super::retry::Patience;
use super::round_trip::RoundTrip;
use super::sizing::Sizing;
use super::{Controller, Fulfilled, Lost, SendConfig, SendError, SentChunk};

/// A payment's path, by its place among those that it was given, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathIndex(pub usize);

/// A path of a payment.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) state: PathState,

    pub(super) search: PathSearch,
    /// Chunks go over it, and the search for larger ones goes on beside them.
    pub(super) searches_on: bool,
    /// The least that F08 details promise to pass; nobody vouches for it.
    pub(super) hinted: Option<SourceAmount>,
    /// How many of its probes are in flight.
    pub(super) probes: usize,
    /// How long their answers are waited for, before it is known how long answers take.
    pub(super) probe_patience: Duration,

    /// What arrives of packets.
    pub(super) arrived: Arrived,
    /// The rates by which chunks are cut.
    pub(super) rate: RateInterval,
    /// What the search found.
    pub(super) shown_rate: RateInterval,
    /// The least of it: its minimum rate counts from that.
    pub(super) promised: Rate,
    /// What it has to deliver by what it has promised itself.
    pub(super) own_minimum_rate: Rate,
    /// What it has to deliver.
    pub(super) minimum_rate: Rate,
    /// It has delivered less, and is tried again from time to time.
    pub(super) awaits_rate: bool,
    /// Of smaller chunks rounding alone may take more than the minimum rate allows.
    rounding_floor: SourceAmount,
    pub(super) sizing: Sizing,
    pub(super) controller: Box<dyn Controller>,
    pub(super) load: Load,
    /// What has been fulfilled over it, and when something last was.
    pub(super) passed: Passed,
    passed_at: Duration,
    /// When the first chunk left that was fulfilled.
    pub(super) first_passed: Duration,
    /// What that has delivered, as far as is known.
    pub(super) delivered: DestinationAmount,

    /// How many chunks have been sent over it.
    pub(super) chunks_sent: u64,
    /// How many chunks had been sent when a failure last made it pause.
    paused_at: u64,
    /// Something is wrong: one chunk at a time, until one is fulfilled.
    pub(super) cautious: bool,
    pub(super) pause_until: Duration,
    pub(super) packet_timeout: Duration,
    /// Packets live for less than that.
    brief: bool,
    pub(super) path_patience: Patience,
    pub(super) liquidity_patience: Patience,
    rate_patience: Patience,
    /// How long a path that is left unused is left alone, and until when, while it is.
    pub(super) unused_patience: Patience,
    pub(super) ask_again_at: Option<Duration>,
    /// Why there was no progress lately, for the report of an idle time-out.
    pub(super) trouble: Option<SendError>,
    pub(super) round_trip: RoundTrip,
    /// Chunks that may become overdue, in the order of sending, with the time when they left; answered ones are taken
    /// out when they come to the front.
    pub(super) awaited: VecDeque<(Duration, Sequence)>,

    /// How often it was asked for sizes that cost less.
    refinements: u32,

    /// What hops have said of the sizes of questions.
    pub(super) question_size: QuestionSize,

    /// The completing chunks of a fixed-destination payment that were too small.
    pub(super) too_small_to_complete: TooSmallToComplete,
}

/// What is known from completing chunks that delivered less than was missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TooSmallToComplete {
    /// So much was missing.
    missing: DestinationAmount,
    /// The next one has to be at least so large.
    at_least: SourceAmount,
    /// The largest of them.
    largest: SourceAmount,
    /// How many there were in a row.
    tries: u32,
}

impl TooSmallToComplete {
    /// How large the next one has to be, and what the largest was that was too small. What was too little for less is too
    /// little for `missing`, but not the other way round: less may be missing again once it is known that a chunk in doubt
    /// did not arrive.
    pub(super) fn sizes_for(&self, missing: DestinationAmount) -> (SourceAmount, SourceAmount) {
        match missing >= self.missing {
            true => (self.at_least, self.largest),
            false => (SourceAmount::ZERO, SourceAmount::ZERO),
        }
    }

    /// Another one of `sent` was too small for what was missing. How many there have been in a row.
    pub(super) fn add(
        &mut self,
        sent: SourceAmount,
        missing: DestinationAmount,
        at_least: SourceAmount,
    ) -> u32 {
        let (_, largest) = self.sizes_for(missing);
        *self = Self { missing, at_least, largest: largest.max(sent), tries: self.tries + 1 };
        self.tries
    }
}

/// How far a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathState {
    /// Its rate and largest packet are being looked for.
    Searching,
    /// Chunks go over it.
    Open,
    /// Nothing more goes over it.
    Failed(SendError),
}

impl Path {
    pub(super) fn new(config: &SendConfig, limit: SourceAmount, controller: Box<dyn Controller>) -> Self {
        Self {
            state: PathState::Searching,
            search: PathSearch::new(limit, Precision::Near).for_payments(),
            searches_on: false,
            hinted: None,
            probes: 0,
            probe_patience: PROBE_PATIENCE,
            arrived: Arrived::default(),
            rate: RateInterval::UNKNOWN,
            shown_rate: RateInterval::UNKNOWN,
            promised: Rate::ZERO,
            own_minimum_rate: Rate::ZERO,
            minimum_rate: Rate::ZERO,
            awaits_rate: false,
            rounding_floor: SourceAmount::ZERO,
            sizing: Sizing::unknown(),
            controller,
            load: Load::default(),
            passed: Passed::default(),
            passed_at: Duration::ZERO,
            first_passed: Duration::ZERO,
            delivered: DestinationAmount::ZERO,
            chunks_sent: 0,
            paused_at: 0,
            cautious: false,
            pause_until: Duration::ZERO,
            packet_timeout: config.packet_timeout,
            brief: true,
            path_patience: Patience::new(Duration::from_millis(50), Duration::from_secs(5)),
            // What comes and goes may not be there for long.
            liquidity_patience: Patience::new(Duration::from_millis(50), Duration::from_millis(500)),
            rate_patience: Patience::new(Duration::from_millis(100), Duration::from_secs(1)),
            unused_patience: Patience::new(Duration::from_secs(2), Duration::from_secs(10)),
            ask_again_at: None,
            trouble: None,
            round_trip: RoundTrip::default(),
            awaited: VecDeque::new(),
            refinements: 0,
            question_size: QuestionSize::default(),
            too_small_to_complete: TooSmallToComplete::default(),
        }
    }

    /// A size for questions that passes, also when the rate has fallen a little, and ties up little. It is never more than
    /// the path is known to take, whatever a hop calls too small.
    pub(super) fn amount_for_questions(&self) -> SourceAmount {
        let arrived = self.search.arrivals().iter().find(|(_, delivered)| **delivered >= ROUNDING);
        let small = arrived.map_or(self.sizing.passed(), |(&amount, _)| amount);
        self.sizing.at_most_maximum(self.question_size.fit(small.max(self.sizing.minimum())))
    }

    pub(super) fn on_question_sent(&mut self, amount: SourceAmount, now: Duration) {
        self.question_size.on_sent(amount, now);
    }

    /// A question that left at `sent_at` was rejected: too small (R01), too large (F08) or too short-lived (R02), others differ.
    /// F99 is the receiver's word: no hop minded the size.
    pub(super) fn on_question_rejected(&mut self, reject: &Reject, sent_at: Duration) {
        if reject.code == ErrorCode::R02_INSUFFICIENT_TIMEOUT {
            return self.on_too_little_time();
        }
        let Some(amount) = self.question_size.of_question(sent_at) else { return };
        match reject.code {
            ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT => self.question_size.on_too_small(amount),
            ErrorCode::F08_AMOUNT_TOO_LARGE => {
                let details = AmountTooLarge::decode(&reject.data).ok();
                self.sizing.on_question_too_large(amount, details);
                self.question_size.on_too_large(amount);
            }
            ErrorCode::F99_APPLICATION_ERROR => self.on_size_passed(amount),
            _ => {}
        }
    }

    /// All hops have passed a packet of `amount` on.
    pub(super) fn on_size_passed(&mut self, amount: SourceAmount) {
        self.sizing.on_not_too_small(amount);
        self.question_size.on_passed(amount);
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == PathState::Open
    }

    pub(super) fn is_searching(&self) -> bool {
        self.state == PathState::Searching
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state, PathState::Failed(_))
    }

    /// The earliest time for its next chunk.
    pub(super) fn not_before(&self) -> Duration {
        self.pause_until.max(self.controller.next_send())
    }

    /// Whether a chunk of `amount` may leave beside what is in flight. What is overdue has left the path, as far as
    /// anybody can tell; but a path that answers nothing any more gets nothing new.
    pub(super) fn allows(&self, amount: SourceAmount) -> bool {
        let in_flight = self.load.in_flight.saturating_sub(self.load.overdue);
        let packets = self.load.packets.saturating_sub(self.load.overdue_packets);
        let silent = self.load.overdue_packets > 0 && self.round_trip.is_silent();
        !silent
            && (!self.cautious || packets == 0 && self.load.overdue_packets <= MOST_OVERDUE_WHEN_CAUTIOUS)
            && self.controller.allows(amount, in_flight, packets)
    }

    /// The most that all that is in flight or in doubt can deliver together. No chunk is fulfilled below its minimum,
    /// whatever the last word about the rate was.
    pub(super) fn outstanding(&self) -> DestinationAmount {
        let unanswered = self.load.in_flight.saturating_add(self.load.in_doubt);
        if unanswered.is_zero() {
            return DestinationAmount::ZERO;
        }
        let least = self.minimum_rate.worth_floor(unanswered);
        self.load.most.max(self.rate.delivers_at_least(unanswered)).max(least)
    }

    /// The least and the most that one packet of `amount` delivers, if it is fulfilled.
    pub(super) fn delivers(
        &mut self,
        amount: SourceAmount,
        minimum: DestinationAmount,
    ) -> (DestinationAmount, DestinationAmount) {
        let (least, most) = self.arrived.bounds(amount);
        if most < minimum {
            // At the present rate it is refused. If it is fulfilled, the rate is as it was.
            return (minimum, self.shown_rate.delivers_at_most(amount).max(minimum));
        }
        (least.max(minimum), most.max(minimum))
    }

    /// What a chunk of `amount` has to deliver, or all that went over the path might fall short of the minimum rate by more
    /// than this. What is not answered yet counts with its minimum where that is less than the rate asks for, or not at all:
    /// it may be rejected.
    pub(super) fn has_to_bring(
        &self,
        amount: SourceAmount,
        may_lack: DestinationAmount,
    ) -> DestinationAmount {
        let sent = self.passed.amount.saturating_add(self.load.lacking).saturating_add(amount);
        let brought = self.delivered.saturating_add(self.load.lacking_bring);
        self.minimum_rate.worth_floor(sent).saturating_sub(brought.saturating_add(may_lack))
    }

    /// Of so small a chunk rounding alone may take more than the minimum rate allows.
    pub(super) fn is_dust(&self, amount: SourceAmount) -> bool {
        amount < self.rounding_floor
    }

    /// Whether a packet was sent after the last time that a failure made the path pause. What was in flight then
    /// fails together, and counts once.
    pub(super) fn is_news(&mut self, sent: &SentChunk) -> bool {
        let news = sent.order > self.paused_at;
        if news {
            self.paused_at = self.chunks_sent;
            self.cautious = true;
        }
        news
    }

    /// How long packets need to live. Of one that is lost nobody knows before its end whether it may still arrive, so once
    /// it is known how long answers take, it is no longer than it has to be: enough for many times that, and for what
    /// hops take off.
    pub(super) fn lifetime(&self) -> Duration {
        match self.round_trip.smoothed() {
            Some(round_trip) if self.brief => {
                BRIEF_LIFETIME.max(round_trip.saturating_mul(ROUND_TRIPS_OF_A_LIFE)).min(self.packet_timeout)
            }
            _ => self.packet_timeout,
        }
    }

    /// A hop had too little time (R02): packets live for as long as they may, and longer if that is not enough.
    pub(super) fn on_too_little_time(&mut self) {
        if !self.brief {
            self.packet_timeout = (self.packet_timeout.saturating_mul(3) / 2).min(MAX_PACKET_TIMEOUT);
        }
        self.brief = false;
    }

    /// A hop says that a packet has timed out (R00). When that was long before its time, somebody's clock is wrong.
    pub(super) fn on_timed_out(&mut self, sent: &SentChunk, now: Duration) {
        self.brief &= now.saturating_sub(sent.sent_at) >= self.lifetime() / 4;
    }

    pub(super) fn lost(&self, sent: &SentChunk, now: Duration) -> Lost {
        let (order, newest, sent_at) = (sent.order, self.chunks_sent, sent.sent_at);
        Lost { amount: sent.source, in_flight: sent.beside, order, newest, sent_at, now }
    }

    /// A chunk that was in flight was fulfilled: the controller and the sizes learn from it, and all is well. With a
    /// `doubt_after`, of a chunk that was sent later, the path stays cautious: what got through before says nothing.
    pub(super) fn on_fulfilled(&mut self, sent: &SentChunk, doubt_after: bool, now: Duration) {
        if self.passed.packets == 0 {
            self.first_passed = sent.sent_at;
        }
        self.passed.amount = self.passed.amount.saturating_add(sent.source);
        self.passed.packets += 1;
        self.controller.on_fulfilled(&Fulfilled {
            amount: sent.source,
            sent_at: sent.sent_at,
            now,
            before: sent.passed_before,
            after: self.passed,
            in_flight: self.load.in_flight,
        });
        let after_drought = now.saturating_sub(self.passed_at) >= DROUGHT;
        self.passed_at = now;
        self.sizing.on_fulfilled(sent.source, after_drought);
        self.on_size_passed(sent.source);
        self.restore();
        self.arrived.restore();
        self.cautious = doubt_after;
    }

    /// The largest chunk to send now, at least one unit.
    pub(super) fn largest_chunk(&self) -> SourceAmount {
        let in_flight = self.load.in_flight.saturating_sub(self.load.overdue);
        let wanted = self.controller.largest(in_flight).max(self.rounding_floor);
        self.sizing.maximum().min(wanted).max(self.smallest_chunk())
    }

    /// The largest chunk that passes now or, if it was refused for liquidity alone, may pass later.
    pub(super) fn largest_in_time(&self) -> SourceAmount {
        let arrived = Some(self.arrived.largest()).filter(|size| self.sizing.may_pass(*size));
        self.sizing.maximum().max(arrived.unwrap_or_default()).max(self.largest_chunk())
    }

    /// Whether a packet of `amount` is known to deliver half of what is missing or more.
    pub(super) fn delivers_half(&self, amount: SourceAmount, missing: DestinationAmount) -> bool {
        let half = DestinationAmount::new(missing.units().div_ceil(2));
        self.arrived.is_enough(amount, half) == Some(true)
    }

    /// The largest chunk to complete a payment with: where rounding takes much, it may be what the controller wants smaller.
    pub(super) fn largest_completing(&self) -> SourceAmount {
        let largest = self.largest_chunk();
        if self.arrived.is_doubtful(largest) { self.largest_in_time() } else { largest }
    }

    /// The smallest chunk that is worth a try: what delivers a unit, twice, so that what is left delivers something too,
    /// if the path has ever taken that.
    pub(super) fn smallest_chunk(&self) -> SourceAmount {
        let one_unit = self.rate.surely_enough(DestinationAmount::new(1)).unwrap_or(SourceAmount::MAX);
        let passes =
            self.search.arrivals().last_key_value().map_or(SourceAmount::ZERO, |(&passes, _)| passes);
        self.sizing.minimum().max(one_unit.saturating_add(one_unit).min(passes))
    }

    /// Sizes to ask for where the largest packet delivers so few units that a smaller one may cost much less for as many:
    /// between the smallest that is known to deliver so many, and the largest that does not.
    pub(super) fn cheaper_sizes(&mut self, view: &PathView) -> Option<Vec<SourceAmount>> {
        let arrivals = self.search.arrivals();
        let delivered = *arrivals.get(&view.passes).filter(|delivered| !delivered.is_zero())?;
        let units = delivered.units() / self.unit().units();
        if units >= FEW.units() {
            return None;
        }
        let (enough, _) = arrivals.iter().find(|(_, arrived)| **arrived >= delivered)?;
        let too_little = arrivals.iter().rev().find(|(_, arrived)| **arrived < delivered);
        let low = too_little.map_or(SourceAmount::ZERO, |(&size, _)| size);
        // A hop may call those that deliver nothing too small (R01).
        let rejected = Some(self.search.too_small()).filter(|size| size < enough);
        let (low, high) = (low.max(rejected.unwrap_or_default()).units(), enough.units());
        let between = high.saturating_sub(low);
        // Where a unit takes only a few source units, there is not much to save.
        let is_dear = high / DEAR >= units;
        if !is_dear || between <= (high / CLOSE_ENOUGH).max(1) || self.refinements >= MOST_REFINEMENTS {
            return None;
        }
        self.refinements += 1;
        let step = between.div_ceil(SIZES_AT_ONCE + 1).max(1);
        let sizes = (1..=SIZES_AT_ONCE).map(|place| low.saturating_add(place.saturating_mul(step)));
        Some(sizes.filter(|size| *size < high).map(SourceAmount::new).collect())
    }

    /// Probes find no liquidity: what they take, chunks cannot have. What is known by now has to do.
    pub(super) fn refine_no_more(&mut self) {
        if self.refinements > 0 {
            self.refinements = MOST_REFINEMENTS;
            self.search.stop_asking();
        }
    }

    /// What arrives of the smallest packet of which anything does, where a hop counts in such large units; else one unit.
    /// Then what that hop calls too small (R01) would be worth several units.
    pub(super) fn unit(&self) -> DestinationAmount {
        let arrivals = self.search.arrivals();
        let smallest = arrivals.values().find(|delivered| !delivered.is_zero());
        let largest = arrivals.last_key_value().and_then(|(&sent, &delivered)| Rate::new(delivered, sent));
        let is_coarse = largest.is_some_and(|rate| rate.worth_floor(self.search.too_small()) >= SEVERAL);
        smallest.copied().filter(|_| is_coarse).unwrap_or(ONE)
    }

    /// Whether at the rate that the search found rounding may leave less than `minimum` of a packet of `amount`.
    pub(super) fn may_round_away(&self, amount: SourceAmount, minimum: DestinationAmount) -> bool {
        let mut shown = Arrived::default();
        shown.start_again(&self.search);
        shown.bounds(amount).0 < minimum
    }

    /// The path is found, and what the search has seen is learned.
    pub(super) fn open(&mut self, view: &PathView, promised: Rate, minimum_rate: Rate) {
        (self.rate, self.shown_rate) = (view.rate, view.rate);
        (self.promised, self.own_minimum_rate) = (promised, minimum_rate);
        self.hold_to(minimum_rate);
        self.sizing = Sizing::new(view, self.hinted, self.too_small());
        if self.refinements > 0 {
            // Among them is the size that costs least.
            self.arrived.has_seen(self.search.arrivals());
        }
        self.state = PathState::Open;
    }

    /// What hops called too small in the search. One that has passed on as little has contradicted itself.
    fn too_small(&self) -> SourceAmount {
        let too_small = self.search.too_small();
        let passed = |(_, delivered): (_, &DestinationAmount)| !delivered.is_zero();
        match self.search.arrivals().range(..=too_small).any(passed) {
            true => SourceAmount::ZERO,
            false => too_small,
        }
    }

    /// From now on chunks have to deliver so much.
    pub(super) fn hold_to(&mut self, minimum_rate: Rate) {
        let rate = self.shown_rate.low();
        self.minimum_rate = minimum_rate;
        self.rounding_floor = rounding_floor(rate, minimum_rate, self.rounds_away(rate));
    }

    /// The most that was rounded away of a packet, four units at least. It is more where a hop on the way counts in larger
    /// units than the receiver.
    fn rounds_away(&self, rate: Rate) -> DestinationAmount {
        let arrivals = self.search.arrivals().iter();
        let lost = arrivals.map(|(&sent, &delivered)| rate.worth_floor(sent).saturating_sub(delivered));
        lost.max().unwrap_or_default().max(ROUNDING)
    }

    pub(super) fn pause(&mut self, now: Duration, pause: Duration) {
        self.pause_until = self.pause_until.max(now.saturating_add(pause));
    }

    /// Counts a failure and pauses, longer each time: how many there were since something worked.
    pub(super) fn pause_for_failure(&mut self, now: Duration, jitter: u64) -> u32 {
        let (attempts, pause) = self.path_patience.lose(jitter);
        self.pause(now, pause);
        attempts
    }

    /// Nothing for a while: less has arrived than should.
    pub(super) fn pause_for_rate(&mut self, now: Duration, jitter: u64) {
        let (_, pause) = self.rate_patience.lose(jitter);
        self.pause(now, pause);
    }

    fn restore(&mut self) {
        self.path_patience.restore();
        self.liquidity_patience.restore();
        self.rate_patience.restore();
        self.unused_patience.restore();
        self.trouble = None;
        self.awaits_rate = false;
        self.restart_completing();
    }

    /// What was learned of the size of a completing chunk holds for what was missing then, at the rate of then.
    pub(super) fn restart_completing(&mut self) {
        self.too_small_to_complete = TooSmallToComplete::default();
    }
}

const ONE: DestinationAmount = DestinationAmount::new(1);
/// A packet that delivers fewer units than this may cost a tenth too much for them.
pub(super) const FEW: DestinationAmount = DestinationAmount::new(10);
/// When one of them takes so many source units or more,
const DEAR: u64 = 16;
/// the size that costs least is looked for, to a hundredth or so,
const CLOSE_ENOUGH: u64 = 128;
/// with so many probes at a time,
const SIZES_AT_ONCE: u64 = 8;
/// and so often.
const MOST_REFINEMENTS: u32 = 6;
/// A path that has made doubts is tried by a chunk at a time; so many of them may be overdue beside it. One that is lost by
/// chance should not stop all for as long as it lives, and a path that keeps all should not get much.
const MOST_OVERDUE_WHEN_CAUTIOUS: usize = 2;
/// The least that packets live.
const BRIEF_LIFETIME: Duration = Duration::from_secs(10);
/// And for so many round trips.
const ROUND_TRIPS_OF_A_LIFE: u32 = 16;
/// Packets are valid for at most so long: what connectors cap it to.
const MAX_PACKET_TIMEOUT: Duration = Duration::from_secs(30);
/// By so many units a packet may fall short for the rounding of several hops.
pub(super) const ROUNDING: DestinationAmount = DestinationAmount::new(4);

/// The smallest chunk that is above the minimum rate even when rounding takes as much as it may, if there is one.
fn rounding_floor(rate: Rate, minimum: Rate, rounds_away: DestinationAmount) -> SourceAmount {
    // Of so large an amount the two are apart by whole units, if they are apart at all.
    let large = SourceAmount::new(1 << 40);
    let apart = rate.worth_floor(large).saturating_sub(minimum.worth_floor(large));
    match Rate::new(apart, large).and_then(|apart| apart.cost_ceil(rounds_away)) {
        Some(floor) if !apart.is_zero() => floor,
        _ => SourceAmount::MAX,
    }
}
