//! At the end of a payment to a plain receiver: asking it for its total, to learn what became of packets without an
//! answer. One that knows frames is asked for more, and earlier (`status.rs`).
//!
//! Every answer to a chunk carries the total that the receiver has, so an unfulfillable chunk asks for it. It is asked when no packet in doubt can arrive any more: after its expiry and
//! a grace.

use std::time::Duration;

use psk_codec::psk::Sequence;
use psk_codec::{DestinationAmount, Reply};
use psk_crypto::Random;

use super::packets::Asked;
use super::{AccountError, Output, Phase, SendError, SendPayment, SentChunk};
use crate::time::Now;

/// So often is the receiver asked.
const MAX_ATTEMPTS: u32 = 3;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// The question for the receiver's total.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Query {
    /// When the payment last stopped sending for it.
    since: Duration,
    in_flight: Option<Asked>,
    attempts: u32,
    not_before: Duration,
    /// It has no answer that settles anything.
    given_up: bool,
}

impl Query {
    /// Whether this packet is the question.
    pub(super) fn is(&self, packet: Sequence) -> bool {
        self.in_flight.is_some_and(|asked| asked.packet == packet)
    }
}

impl SendPayment {
    /// Whether the receiver has to be asked before the payment's last chunk or end: what was in doubt may have to be
    /// sent again, and receivers refuse what comes after the last chunk.
    pub(super) fn must_reconcile(&self) -> bool {
        !self.peer.knows_frames()
            && !self.query.given_up
            && (!self.doubts.is_empty() || !self.account.unverified.is_zero())
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
            self.go_on(now);
            return None;
        }
        let settled = self.doubts.values().map(|chunk| chunk.give_up_at).max();
        let not_before = settled.unwrap_or_default().max(self.query.not_before);
        if self.paused || now.monotonic < not_before {
            return Some(self.wait(now, (!self.paused).then_some(not_before)));
        }
        if self.query.attempts >= MAX_ATTEMPTS {
            self.give_up_query(now);
            return None;
        }
        match self.send_question(Self::no_frames(), now, random) {
            Ok((path, packet, output)) => {
                self.query.attempts += 1;
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
            self.learn_from_question(asked.path, asked.sent_at, reply, now);
        }
        let answer = self.open_answer_to_question(packet, reply);
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

    pub(super) fn handle_query_failure(&mut self, now: Now) {
        self.query.in_flight = None;
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
            self.go_on(now);
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
        self.go_on(now);
        self.query = Query::default();
        Ok(())
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
