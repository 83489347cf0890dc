//! What becomes of a chunk: the table of PROTOCOL.md section 3, and the frames beside the money.

use std::time::Duration;

use psk_codec::DestinationAmount;
use psk_codec::psk::Sequence;
use psk_codec::psk::frame::SequenceRanges;

use super::answer::answer_frames;
use super::data::{DataProblem, Streams};
use super::payment::{Outstanding, Payment, State};
use super::refund::Refund;
use super::sequences::{FEW_RANGES, SequenceSet};
use super::silence::Silence;
use super::{
    ChunkArrival, ChunkFrames, ChunkRefusal, Decision, EndReason, Overshoot, PaymentKey, PaymentOffer,
    ReceiveEvent, ReceivePayments,
};

/// What the table says about a chunk.
enum Row {
    Fulfill(DestinationAmount),
    Refuse(ChunkRefusal),
    /// The payment is new.
    Begin,
    /// The application is to be asked about this chunk too.
    ReviewAgain,
    AwaitReview,
}

impl ReceivePayments {
    /// Decides about a chunk, by the table of PROTOCOL.md section 3; first match wins. Its frames are read if the
    /// payment is known or begins with it, whatever becomes of its money.
    pub fn handle_chunk(&mut self, chunk: &ChunkArrival, now: Duration) -> Decision {
        let mut problem = self.read_frames(chunk, now);
        let mut row = self.row(chunk, problem);
        if matches!(row, Row::Begin) {
            row = match self.remember(chunk, now) {
                Ok(()) => {
                    problem = self.read_frames(chunk, now);
                    self.row(chunk, problem)
                }
                Err(refusal) => Row::Refuse(refusal),
            };
        }
        match row {
            Row::Fulfill(total) => self.fulfill(chunk, total, now),
            Row::Refuse(refusal) => self.refuse(chunk, refusal, now),
            Row::Begin | Row::AwaitReview => Decision::AwaitReview,
            Row::ReviewAgain => self.review(chunk, now),
        }
    }

    fn row(&self, chunk: &ChunkArrival, problem: Option<DataProblem>) -> Row {
        // Before all else: any other answer would say that the data was read.
        if problem == Some(DataProblem::NoRoom) {
            return Row::Refuse(ChunkRefusal::NoRoomForData);
        }
        if let Some(refusal) = unfit(chunk) {
            return Row::Refuse(refusal);
        }
        let Some(payment) = self.book.payment(&chunk.payment) else {
            return Row::Begin;
        };
        if payment.fulfilled.contains(chunk.sequence) {
            return Row::Refuse(ChunkRefusal::SequenceUsed);
        }
        match payment.state {
            State::Ended(EndReason::Refused) => return Row::Refuse(ChunkRefusal::PaymentRefused),
            State::Ended(_) => return Row::Refuse(ChunkRefusal::PaymentEnded),
            _ => {}
        }
        match problem {
            Some(DataProblem::Conflict) => return Row::Refuse(ChunkRefusal::ProtocolViolation),
            Some(DataProblem::TooLong) => return Row::Refuse(ChunkRefusal::DataTooLong),
            Some(DataProblem::NoRoom) | None => {}
        }
        match payment.state {
            State::Reviewing(..) => Row::AwaitReview,
            State::ChunkRefused(refused) | State::ReviewLate(refused) if refused == chunk.sequence => {
                Row::Refuse(ChunkRefusal::ChunkRefused)
            }
            State::ChunkAllowed(sequence) | State::ChunkRefused(sequence) if sequence != chunk.sequence => {
                Row::AwaitReview
            }
            // Whoever did not say anything about a chunk in time is not waited for with others.
            State::Undecided | State::ReviewLate(_) => Row::ReviewAgain,
            _ => match self.total_with(payment, chunk.amount) {
                Ok(total) => Row::Fulfill(total),
                Err(refusal) => Row::Refuse(refusal),
            },
        }
    }

    /// Makes a record of a new payment. Only a chunk that could be fulfilled comes here: probes leave no trace.
    fn remember(&mut self, chunk: &ChunkArrival, now: Duration) -> Result<(), ChunkRefusal> {
        if self.stopped {
            return Err(ChunkRefusal::Stopped);
        }
        let forgotten = self.book.make_room(&chunk.payment.account, &self.config, now);
        for (key, payment) in forgotten.ok_or(ChunkRefusal::TooManyPayments)? {
            self.has_forgotten(&key, &payment);
        }
        let payment = Payment {
            key_id: chunk.key_id.clone(),
            expected: chunk.expected,
            at_most: DestinationAmount::MAX,
            received: DestinationAmount::ZERO,
            chunks: 0,
            fulfilled: SequenceSet::default(),
            state: State::Undecided,
            silence: Silence::starting(now),
            indexed_at: now,
            outstanding: None,
            streams: None,
            refund: None,
        };
        self.book.insert(chunk.payment.clone(), payment, &self.config);
        Ok(())
    }

    /// Takes what a chunk says, if its payment is known. What is wrong with its data.
    fn read_frames(&mut self, chunk: &ChunkArrival, now: Duration) -> Option<DataProblem> {
        let payment = self.book.payment_mut(&chunk.payment)?;
        if !chunk.expired {
            payment.silence.heard(now);
        }
        // For a packet that only asks nothing has to stay open until it expires.
        if unfit(chunk).is_none() {
            payment.silence.seen(now, chunk.expires_in);
        }
        let frames = chunk.read_frames().filter(|frames| !frames.is_silent())?;
        let room = self.book.room_for_data(&chunk.payment.account, &self.config);
        let payment = self.book.payment_mut(&chunk.payment)?;
        let named = frames.outstanding.as_ref().filter(|_| chunk.last);
        let names = named.map_or(0, Outstanding::size_of);
        if let (None, Some(to)) = (&payment.refund, &frames.refund) {
            payment.refund = Some(Box::new(Refund::to(to.clone())));
        }
        if let Some(asked) = frames.asks_about(chunk.last) {
            self.ask_about(&chunk.payment, asked, chunk.sequence);
        }
        if frames.abort {
            self.end(&chunk.payment, EndReason::Aborted, now);
        }
        let payment = self.book.payment_mut(&chunk.payment)?;
        if names > room && payment.ended().is_none() {
            return Some(DataProblem::NoRoom);
        }
        let has_data = !frames.data.is_empty() || frames.data_end.is_some();
        let refused =
            payment.ended().is_some() && payment.chunks == 0 || payment.ended() == Some(EndReason::Refused);
        if !has_data && frames.data_ack.is_none() || refused {
            return None;
        }
        if !has_data && payment.streams.is_none() {
            return None;
        }
        let before = payment.streams.as_ref().map_or(0, |streams| streams.waiting());
        if before == 0 && room < Streams::OVERHEAD {
            return Some(DataProblem::NoRoom);
        }
        let streams = payment.streams.get_or_insert_with(|| Box::new(Streams::new(&self.config)));
        let (room, was_cut_off) = (room.saturating_sub(names), streams.is_cut_off());
        let was_closed = streams.is_closed();
        let problem = streams.read(frames, room, payment.chunks > 0, now).err();
        let after = streams.waiting();
        self.book.data_waits(&chunk.payment.account, before, after);
        match problem {
            None => self.tell_data(&chunk.payment),
            Some(DataProblem::NoRoom) => {}
            Some(DataProblem::Conflict | DataProblem::TooLong) => {
                if was_cut_off && !was_closed {
                    self.events.push_back(ReceiveEvent::DataCutOff { payment: chunk.payment.clone() });
                }
            }
        }
        problem
    }

    /// The sender asks about these of its chunks, in its packet `by`.
    fn ask_about(&mut self, key: &PaymentKey, asked: &SequenceRanges, by: Sequence) {
        let room = self.book.room_for_ranges(&key.account, &self.config);
        let Some(payment) = self.book.payment_mut(key) else { return };
        let before = payment.fulfilled.len();
        // These take the place of those that were asked about before.
        payment.fulfilled.ask_about(asked, by, room.saturating_add(payment.fulfilled.asked()));
        let after = payment.fulfilled.len();
        self.book.has_ranges(&key.account, before, after);
    }

    /// Tells the application the sender's data that is in order, once a chunk was fulfilled.
    fn tell_data(&mut self, key: &PaymentKey) {
        let Some(payment) = self.book.payment_mut(key) else { return };
        let Some(streams) = payment.streams.as_mut().filter(|_| payment.chunks > 0) else { return };
        let before = streams.waiting();
        let told = streams.tell();
        let after = streams.waiting();
        self.book.data_waits(&key.account, before, after);
        if let Some((offset, data)) = told.data {
            self.events.push_back(ReceiveEvent::Data { payment: key.clone(), offset, data });
        }
        if let Some(length) = told.complete {
            self.events.push_back(ReceiveEvent::DataComplete { payment: key.clone(), length });
        }
    }

    fn review(&mut self, chunk: &ChunkArrival, now: Duration) -> Decision {
        let until = now.saturating_add(self.config.review_timeout);
        let Some(payment) = self.book.payment_mut(&chunk.payment) else {
            return Decision::AwaitReview;
        };
        payment.state = State::Reviewing(chunk.sequence, until);
        let offer = PaymentOffer {
            payment: chunk.payment.clone(),
            key_id: chunk.key_id.clone(),
            sequence: chunk.sequence,
            expected: payment.expected,
            first_chunk: chunk.amount,
            data: payment.streams.as_ref().map(|streams| streams.so_far()).unwrap_or_default(),
        };
        self.book.hasten(&chunk.payment, &self.config);
        Decision::Review(offer)
    }

    /// What the payment has with `amount` more, or why that is too much.
    fn total_with(
        &self,
        payment: &Payment,
        amount: DestinationAmount,
    ) -> Result<DestinationAmount, ChunkRefusal> {
        let total = payment.received.checked_add(amount).ok_or(ChunkRefusal::TooMuch)?;
        if total > payment.at_most {
            return Err(ChunkRefusal::LimitReached);
        }
        let Some(expected) = payment.expected else {
            return Ok(total);
        };
        let allowed = match self.config.overshoot {
            Overshoot::CompletingChunk => DestinationAmount::MAX,
            Overshoot::AtMost(overshoot) => expected.saturating_add(overshoot),
        };
        match payment.received < expected && total <= allowed {
            true => Ok(total),
            false => Err(ChunkRefusal::TooMuch),
        }
    }

    fn refuse(&mut self, chunk: &ChunkArrival, refusal: ChunkRefusal, now: Duration) -> Decision {
        let key = &chunk.payment;
        if refusal == ChunkRefusal::LimitReached {
            self.end(key, EndReason::LimitReached, now);
        }
        let payment = self.book.payment_mut(key);
        let total = payment.as_ref().map(|payment| payment.received).unwrap_or_default();
        if let Some(payment) = payment
            && payment.state.is_decided_for(chunk.sequence)
            && !matches!(refusal, ChunkRefusal::TooLittle | ChunkRefusal::WrongCondition)
        {
            // The word about this chunk is used up, also when it expired while it was reviewed: others must not wait
            // for it. What can be no chunk of money is another packet with the same number.
            payment.state = State::Undecided;
        }
        let frames = answer_frames(chunk, self.book.payment_mut(key), Some(refusal), &self.config, now);
        Decision::Refuse { refusal, total, frames }
    }

    fn fulfill(&mut self, chunk: &ChunkArrival, total: DestinationAmount, now: Duration) -> Decision {
        let key = &chunk.payment;
        let max_ranges = self.book.max_ranges(&key.account, &self.config);
        let Some(payment) = self.book.payment_mut(key) else {
            return Decision::AwaitReview;
        };
        let (waited, ranges) = (payment.waiting(), payment.fulfilled.len());
        // A chunk of nothing costs its sender nothing: it gets no room beyond what all have.
        let max_ranges = match chunk.amount.is_zero() {
            true => max_ranges.min(payment.fulfilled.ranges().max(FEW_RANGES)),
            false => max_ranges,
        };
        payment.fulfilled.insert(chunk.sequence, max_ranges);
        payment.received = total;
        payment.chunks += 1;
        payment.silence.fulfilled(now);
        if payment.state != State::Accepted {
            payment.state = State::Undecided;
        }
        let ended = ending(payment, chunk);
        let (waits, ranges_now) = (payment.waiting(), payment.fulfilled.len());
        self.book.data_waits(&key.account, waited, waits);
        self.book.has_ranges(&key.account, ranges, ranges_now);
        self.events.push_back(ReceiveEvent::ChunkFulfilled {
            payment: key.clone(),
            sequence: chunk.sequence,
            amount: chunk.amount,
            received: total,
        });
        self.tell_data(key);
        if let Some(reason) = ended {
            self.end(key, reason, now);
        }
        // A payment that has become quick may be over sooner than it stands there.
        self.book.hasten(key, &self.config);
        let frames = answer_frames(chunk, self.book.payment_mut(key), None, &self.config, now);
        Decision::Fulfill { total, frames }
    }
}

/// Why a chunk is not fulfilled whatever its payment is.
fn unfit(chunk: &ChunkArrival) -> Option<ChunkRefusal> {
    if chunk.expired {
        Some(ChunkRefusal::Expired)
    } else if chunk.amount < chunk.minimum {
        Some(ChunkRefusal::TooLittle)
    } else if !chunk.fulfillable {
        Some(ChunkRefusal::WrongCondition)
    } else if chunk.frames == ChunkFrames::Malformed {
        Some(ChunkRefusal::ProtocolViolation)
    } else {
        None
    }
}

/// Whether the payment is over with this chunk, which is counted.
fn ending(payment: &mut Payment, chunk: &ChunkArrival) -> Option<EndReason> {
    // A later last chunk replaces what an earlier one named; they may arrive in any order.
    let is_newest = || payment.outstanding.as_ref().is_none_or(|known| known.named_by() < chunk.sequence);
    if chunk.last && is_newest() {
        let named = chunk.read_frames().and_then(|frames| frames.outstanding.as_ref());
        payment.outstanding = named.map(|named| Box::new(Outstanding::new(chunk.sequence, named)));
        if payment.outstanding.is_none() {
            return Some(EndReason::LastChunk);
        }
    }
    if let Some(outstanding) = &mut payment.outstanding
        && outstanding.strike(&payment.fulfilled)
    {
        return Some(EndReason::LastChunk);
    }
    let reached = payment.expected.is_some_and(|expected| payment.received >= expected);
    reached.then_some(EndReason::AmountReached)
}
