//! At the end of a payment to a plain receiver: asking it for its total, to learn what became of packets without an
//! answer. One that knows frames is asked for more, and earlier (`status.rs`).
//!
//! Every answer to a chunk carries the total that the receiver has, so an unfulfillable chunk asks for it. It is asked when
//! no packet in doubt can arrive any more: after its expiry and a grace.

use std::time::Duration;

use psk_codec::psk::Sequence;
use psk_codec::{DestinationAmount, Reply};
use psk_crypto::Random;

use super::packets::Asked;
use super::status::{PATIENCE_WHEN_BUSY, is_busy};
use super::{AccountError, Output, Phase, SendError, SendPayment, SentChunk};
use crate::time::Now;

/// So many questions in a row without an answer: nobody will answer.
const MAX_UNANSWERED: u32 = 3;
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two questions that a hop had no room for.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// So often what is unverified is asked for while more is to be sent and it is less than it may be.
const MOST_EARLY: u32 = 3;

/// The question for the receiver's total.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Query {
    /// When the payment last stopped sending for it.
    since: Duration,
    in_flight: Option<Asked>,
    /// Questions in a row without an answer, but for those that a hop had no room for.
    unanswered: u32,
    /// Since when a hop has had no room for them, and for how many.
    busy_since: Option<Duration>,
    busy: u32,
    /// How often it was asked until all was known.
    settled: u32,
    not_before: Duration,
    /// It has no answer that settles anything.
    given_up: bool,
}

impl Query {
    /// Whether this packet is the question.
    pub(super) fn is(&self, packet: Sequence) -> bool {
        self.in_flight.is_some_and(|asked| asked.packet == packet)
    }

    /// A hop has no room for the question at this moment. Whether that is no silence of the receiver's, which it is after a
    /// while: then the question comes again, less and less often.
    fn waits_for_busy_hop(&mut self, patience: Duration, now: Now) -> bool {
        let asked_at = self.in_flight.map_or(now.monotonic, |asked| asked.sent_at);
        let since = *self.busy_since.get_or_insert(asked_at);
        if now.monotonic.saturating_sub(since) >= PATIENCE_WHEN_BUSY {
            return false;
        }
        self.in_flight = None;
        let pause = patience / 4 * (1 << self.busy.min(8));
        self.not_before = now.monotonic.saturating_add(pause.min(LONGEST_PAUSE));
        self.busy = self.busy.saturating_add(1);
        true
    }
}

impl SendPayment {
    /// Whether the receiver has to be asked before the payment's last chunk or end: what was in doubt may have to be
    /// sent again, and receivers refuse what comes after the last chunk.
    pub(super) fn must_reconcile(&self) -> bool {
        !self.peer.knows_frames() && !self.query.given_up && (!self.doubts.is_empty() || self.must_verify())
    }

    /// Whether a plain receiver has to be asked for what is unverified: now and then, when it is more than it may be, and at the
    /// end.
    fn must_verify(&self) -> bool {
        let is_time =
            || self.query.settled < MOST_EARLY || self.is_much_unverified(1) || self.nothing_is_left();
        !self.account.unverified.is_zero() && is_time()
    }

    /// What is still unknown when all has been sent.
    pub(super) fn unresolved(&self) -> Option<SendError> {
        if !self.doubts.is_empty() {
            Some(SendError::InDoubt)
        } else if !self.account.unverified.is_zero() {
            Some(SendError::Unverified)
        } else {
            None
        }
    }

    pub(super) fn begin_reconciling(&mut self, now: Now) {
        self.query.since = now.monotonic;
        self.phase = Phase::Reconciling;
    }

    pub(super) fn poll_reconciling(&mut self, now: Now, random: &mut dyn Random) -> Option<Output> {
        if let Some(asked) = self.query.in_flight {
            if now.monotonic < asked.give_up_at {
                return Some(self.wait(now, Some(asked.give_up_at)));
            }
            self.handle_query_failure(now);
        }
        if !self.must_reconcile() {
            // A late answer has told.
            self.all_is_known(now);
            return None;
        }
        let settled = self.doubts.values().map(|chunk| chunk.give_up_at).max();
        let not_before = settled.unwrap_or_default().max(self.query.not_before);
        if self.paused || now.monotonic < not_before {
            return Some(self.wait(now, (!self.paused).then_some(not_before)));
        }
        if self.query.unanswered >= MAX_UNANSWERED {
            self.give_up_query(now);
            return None;
        }
        match self.send_question(Self::no_frames(), now, random) {
            Ok((path, packet, output)) => {
                let give_up_at = self.give_up_at(path, now);
                self.query.in_flight = Some(self.asked((path, packet), give_up_at, now));
                Some(output)
            }
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    pub(super) fn handle_query_reply(&mut self, packet: Sequence, reply: &Reply, now: Now) {
        if let Some(asked) = self.query.in_flight {
            self.learn_from_question(asked.path, asked.sent_at, reply);
        }
        let patience = self.patience_of(self.path_for_questions());
        let answer = match self.probe(packet).open_answer(&self.keys, reply) {
            Err(result) if is_busy(result) && self.query.waits_for_busy_hop(patience, now) => return,
            answer => answer.ok(),
        };
        if let Some(answer) = &answer {
            // It may know frames after all, and tell more when it is asked for it.
            self.read_frames(answer);
        }
        match answer.map(|answer| answer.payment_amount.at_destination()) {
            Some(total) => {
                self.query.in_flight = None;
                if let Err(error) = self.settle(total, now) {
                    self.fail(error.into());
                }
            }
            None => self.handle_query_failure(now),
        }
    }

    /// There is no answer to the question, or none that says anything.
    pub(super) fn handle_query_failure(&mut self, now: Now) {
        self.query.in_flight = None;
        self.query.unanswered = self.query.unanswered.saturating_add(1);
        self.query.not_before = now.monotonic + PAUSE;
    }

    /// The receiver has `total`. That settles the doubt when it shows how many of the chunks in doubt arrived.
    fn settle(&mut self, total: DestinationAmount, now: Now) -> Result<(), AccountError> {
        let Some(surplus) = total.checked_sub(self.account.delivered) else {
            // Less than it has acknowledged before: JS receivers with a request handler always say 0.
            self.give_up_query(now);
            return Ok(());
        };
        if self.doubts.is_empty() {
            self.account.verify(total);
            self.all_is_known(now);
            return Ok(());
        }
        let Some(arrived) = self.arrived(surplus) else {
            self.give_up_query(now);
            return Ok(());
        };
        for (place, (_, chunk)) in std::mem::take(&mut self.doubts).into_iter().enumerate() {
            self.account.undoubt(chunk.source)?;
            self.path_mut(chunk.path).load.settle(&chunk);
            match place < arrived {
                true => {
                    let unverified = chunk.most.saturating_sub(chunk.minimum);
                    self.account.fulfill(chunk.source, chunk.minimum, unverified)?;
                }
                false => self.account.reject(chunk.source)?,
            }
        }
        self.account.verify(total);
        self.all_is_known(now);
        Ok(())
    }

    /// Nothing is unknown any more. When something is again, it is asked as if it were the first time.
    fn all_is_known(&mut self, now: Now) {
        self.go_on(now);
        self.query = Query { settled: self.query.settled.saturating_add(1), ..Query::default() };
    }

    /// The answer to a plain receiver's last chunk, which was alone, says what has arrived in all.
    pub(super) fn verify_at_the_end(&mut self, total: DestinationAmount) {
        let alone = self.chunks.is_empty() && self.doubts.is_empty() && self.nothing_is_left();
        let surplus = total.checked_sub(self.account.delivered);
        let is_possible = surplus.is_some_and(|surplus| surplus <= self.account.unverified);
        if alone && is_possible && !self.peer.knows_frames() {
            self.account.verify(total);
        }
    }

    /// How many of the chunks in doubt arrived, if `surplus` over what was delivered shows it.
    fn arrived(&self, surplus: DestinationAmount) -> Option<usize> {
        if self.none_arrived(surplus) {
            Some(0)
        } else if self.all_arrived(surplus) {
            Some(self.doubts.len())
        } else {
            self.arrived_among_equals(surplus)
        }
    }

    /// When a link is lost, many chunks of one size are in doubt together: then which of them arrived does not
    /// matter, and their number follows from `surplus` when the rate has not moved and only one number fits.
    fn arrived_among_equals(&self, surplus: DestinationAmount) -> Option<usize> {
        let size = self.doubts.values().next()?.source;
        let equal = self.doubts.values().all(|chunk| chunk.source == size && !chunk.minimum.is_zero());
        if !equal
            || self.paths.len() > 1
            || self.rate_changes > 0
            || !self.account.unverified.is_zero()
            || surplus.is_zero()
        {
            return None;
        }
        let path = self.path(self.doubts.values().next()?.path);
        let (least, most) = (path.rate.delivers_at_least(size), path.rate.delivers_at_most(size));
        let fewest = surplus.units().div_ceil(most.units().max(1));
        let number = surplus.units().checked_div(least.units()).filter(|&number| number == fewest)?;
        usize::try_from(number).ok().filter(|&number| number <= self.doubts.len())
    }

    /// Whether `surplus` over what was delivered shows that no chunk in doubt arrived.
    ///
    /// A total of zero is no proof: JS receivers with a request handler always say so, and chunks that may deliver
    /// nothing leave no trace in any total.
    fn none_arrived(&self, surplus: DestinationAmount) -> bool {
        let leaves_trace = self.doubts.values().all(|chunk| !chunk.minimum.is_zero());
        let told_before = !self.account.delivered.is_zero();
        surplus.is_zero() && self.account.unverified.is_zero() && told_before && leaves_trace
    }

    /// Whether `surplus` over what was delivered shows that all chunks in doubt arrived: it holds their minimums, and
    /// at the known rates it is more than all but the smallest of them could have brought.
    fn all_arrived(&self, surplus: DestinationAmount) -> bool {
        let minimums = self
            .doubts
            .values()
            .try_fold(DestinationAmount::ZERO, |sum, chunk| sum.checked_add(chunk.minimum));
        let most = |chunk: &SentChunk| {
            let at_its_rate = self.path(chunk.path).rate.delivers_at_most(chunk.source);
            at_its_rate.max(chunk.most)
        };
        let smallest = self.doubts.values().map(|chunk| most(chunk)).min().unwrap_or_default();
        let all = self
            .doubts
            .values()
            .map(|chunk| most(chunk))
            .fold(self.account.unverified, DestinationAmount::saturating_add);
        let explained = all.saturating_sub(smallest);
        minimums.is_some_and(|minimums| surplus >= minimums) && surplus > explained
    }

    /// What is unknown stays unknown: the account says how much.
    fn give_up_query(&mut self, now: Now) {
        self.query.given_up = true;
        self.go_on(now);
    }

    /// Back to sending what is left, if it has not failed meanwhile. Waiting for the answer was neither idleness nor
    /// progress: a path that leaves every chunk in doubt has to end the payment some time.
    fn go_on(&mut self, now: Now) {
        if matches!(self.phase, Phase::Reconciling) {
            let waited = now.monotonic.saturating_sub(self.query.since);
            self.last_progress = self.last_progress.saturating_add(waited).min(now.monotonic);
            self.phase = Phase::Sending;
        }
    }
}
