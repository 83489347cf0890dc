//! The receiving side of chunked payments.

mod answer;
mod arrival;
mod asked_about;
mod book;
mod config;
mod data;
mod decide;
mod payment;
mod refund;
mod sequences;
mod silence;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use psk_codec::DestinationAmount;
use psk_codec::psk::Sequence;

pub use answer::{ChunkRefusal, answer_packet};
pub use arrival::{ChunkArrival, ChunkFrames, RequestFrames};
use book::Book;
pub use config::{OnIncomplete, Overshoot, ReceiveConfig};
use data::Streams;
pub use payment::{EndReason, PaymentKey, PaymentOffer, ReceiveEvent, Verdict};
use payment::{Payment, State};
pub use refund::{RefundError, RefundOrder};

use crate::stream::WriteError;

/// What to do with a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is counted: fulfill it, and say that the payment has received this much.
    Fulfill {
        /// What all chunks of the payment brought, this one included.
        total: DestinationAmount,
        /// The frames of the answer, encoded; none for a plain sender.
        frames: Bytes,
    },
    /// Reject it.
    Refuse {
        /// Why.
        refusal: ChunkRefusal,
        /// What the payment has received.
        total: DestinationAmount,
        /// The frames of the answer, encoded; none for a plain sender.
        frames: Bytes,
    },
    /// Ask the application, hand its word to [`ReceivePayments::handle_verdict`] and the chunk in once more.
    Review(PaymentOffer),
    /// The application is being asked about another chunk of this payment: hand the chunk in once more when its
    /// word is there, or when the [review time-out](ReceiveConfig::review_timeout) has passed.
    AwaitReview,
}

/// All chunked payments at one receiver: a state machine without I/O, clock, or randomness of its own.
///
/// # Driving it
///
/// Hand every opened chunk to [`handle_chunk`](Self::handle_chunk) and do what the [`Decision`] says; a chunk is
/// counted when the decision is [`Decision::Fulfill`], so the Fulfill must then leave. Afterwards take the events
/// with [`poll_event`](Self::poll_event). Call [`handle_time`](Self::handle_time) when the time that it names has
/// come, and after every command. `now` is any monotonic time.
///
/// A [`ReceiveEvent::RefundDue`] is an order: whoever drives the machine pays it, and reports with
/// [`refund_progress`](Self::refund_progress) and [`refund_ended`](Self::refund_ended).
///
/// It keeps the receiver's invariants (ENGINE.md section 2): no chunk below its minimum, no sequence number twice,
/// nothing after the end, nothing beyond the amount and the overshoot allowed, no more refunded than received.
#[derive(Debug)]
pub struct ReceivePayments {
    config: ReceiveConfig,
    book: Book,
    events: VecDeque<ReceiveEvent>,
    /// Whether no payment begins any more.
    stopped: bool,
}

/// Why the receiver's data cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteDataError {
    /// No such payment is remembered.
    #[error("no such payment is known, or not any more")]
    UnknownPayment,
    /// The stream takes no more.
    #[error(transparent)]
    Stream(#[from] WriteError),
}

impl ReceivePayments {
    /// Without any payment.
    pub fn new(config: ReceiveConfig) -> Self {
        Self { config, book: Book::default(), events: VecDeque::new(), stopped: false }
    }

    /// The application's word about a chunk that was to be reviewed, by the number in its [`PaymentOffer`]. That chunk has
    /// to be handed in again at once, whatever the word; others that await the review after it. A word that comes after
    /// the review time-out, or is about another chunk than the one that is reviewed, counts for nothing.
    pub fn handle_verdict(&mut self, key: &PaymentKey, sequence: Sequence, verdict: Verdict, now: Duration) {
        let Some(payment) = self.book.payment_mut(key) else {
            return;
        };
        if !matches!(payment.state, State::Reviewing(reviewed, _) if reviewed == sequence) {
            return;
        }
        payment.silence.starts_again(now);
        match verdict {
            Verdict::Accept => payment.state = State::Accepted,
            Verdict::AcceptUpTo(most) => {
                payment.at_most = most;
                payment.state = State::Accepted;
            }
            Verdict::AcceptChunk => payment.state = State::ChunkAllowed(sequence),
            Verdict::RefuseChunk => payment.state = State::ChunkRefused(sequence),
            Verdict::Refuse => self.end(key, EndReason::Refused, now),
        }
        self.book.hasten(key, &self.config);
    }

    /// Does what is due: ends payments that have fallen silent, goes on where the application says nothing, begins
    /// refunds, and forgets old payments. The time when to call it again, if there is one.
    pub fn handle_time(&mut self, now: Duration) -> Option<Duration> {
        while let Some(key) = self.book.pop_due(now) {
            self.handle_deadline(&key, now);
            self.book.index(&key, &self.config, now);
        }
        while let Some((key, payment)) = self.book.forget_due(&self.config, now) {
            self.has_forgotten(&key, &payment);
        }
        self.book.next_due(&self.config)
    }

    fn handle_deadline(&mut self, key: &PaymentKey, now: Duration) {
        let Some(payment) = self.book.payment_mut(key) else { return };
        if payment.deadline(&self.config) > now {
            return;
        }
        match payment.state {
            State::Reviewing(sequence, _) => {
                payment.state = State::ReviewLate(sequence);
                // No silence of the sender's, but no word of the application's either.
                payment.silence.heard(now);
            }
            State::Ended(_) => self.begin_refund(key, now),
            _ => self.end(key, EndReason::Silence, now),
        }
    }

    /// Ends all payments, and lets no other begin, as when the receiver stops: what would be fulfilled from now on,
    /// nobody might be there to account for. Refunds go on.
    pub fn stop(&mut self, now: Duration) {
        self.stopped = true;
        for key in self.book.live() {
            self.end(&key, EndReason::Stopped, now);
        }
    }

    /// Refunds so much of what a payment that is over has brought, in units of the receiver's asset; to what is
    /// refunded already. With nothing more, what is left of a refund that was given up is tried again.
    pub fn refund(
        &mut self,
        key: &PaymentKey,
        amount: DestinationAmount,
        now: Duration,
    ) -> Result<(), RefundError> {
        let payment = self.book.payment_mut(key).ok_or(RefundError::UnknownPayment)?;
        if payment.ended().is_none() {
            return Err(RefundError::NotEnded);
        }
        let refund = payment.refund.as_mut().ok_or(RefundError::NoAccount)?;
        refund.add(amount, payment.received, &self.config, now)?;
        self.begin_refund(key, now);
        self.book.index(key, &self.config, now);
        Ok(())
    }

    /// The refund under way has spent so much until now.
    pub fn refund_progress(&mut self, key: &PaymentKey, spent: DestinationAmount) {
        if let Some(refund) = self.book.payment_mut(key).and_then(|payment| payment.refund.as_mut()) {
            refund.has_spent(spent);
        }
    }

    /// The payment that refunds has ended. `spent` is all that has left or may have left for it: what is in doubt
    /// must not go back twice.
    pub fn refund_ended(&mut self, key: &PaymentKey, spent: DestinationAmount, now: Duration) {
        let Some(refund) = self.book.payment_mut(key).and_then(|payment| payment.refund.as_mut()) else {
            return;
        };
        if refund.attempt_ended(spent, &self.config, now)
            && let Some((refunded, total)) = refund.progress()
        {
            let payment = key.clone();
            self.events.push_back(ReceiveEvent::RefundEnded { payment, refunded, total });
        }
        self.book.index(key, &self.config, now);
    }

    /// Adds to the receiver's data for the sender of this payment, which goes with answers to its chunks.
    pub fn write(&mut self, key: &PaymentKey, data: Bytes) -> Result<(), WriteDataError> {
        Ok(self.streams(key)?.write(data)?)
    }

    /// Nothing more will be written for the sender of this payment.
    pub fn finish_data(&mut self, key: &PaymentKey) -> Result<(), WriteDataError> {
        self.streams(key)?.finish();
        Ok(())
    }

    /// What has happened since it was last asked.
    pub fn poll_event(&mut self) -> Option<ReceiveEvent> {
        self.events.pop_front()
    }

    /// How many payments are remembered, live and ended.
    pub fn payments(&self) -> usize {
        self.book.len()
    }

    fn streams(&mut self, key: &PaymentKey) -> Result<&mut Streams, WriteDataError> {
        if self.book.payment(key).is_some_and(|payment| payment.streams.is_none()) {
            // The receiver's own application decides about its memory: there is always room.
            self.book.data_waits(&key.account, 0, Streams::OVERHEAD);
        }
        let payment = self.book.payment_mut(key).ok_or(WriteDataError::UnknownPayment)?;
        Ok(payment.streams.get_or_insert_with(|| Box::new(Streams::new(&self.config))))
    }

    fn end(&mut self, key: &PaymentKey, reason: EndReason, now: Duration) {
        let Some(payment) = self.book.payment_mut(key) else {
            return;
        };
        if payment.ended().is_some() {
            return;
        }
        let waited = payment.waiting();
        payment.state = State::Ended(reason);
        payment.outstanding = None;
        let waits = payment.waiting();
        self.events.push_back(ReceiveEvent::Finished {
            payment: key.clone(),
            key_id: payment.key_id.clone(),
            received: payment.received,
            expected: payment.expected,
            chunks: payment.chunks,
            reason,
            refundable: payment.refund.is_some(),
        });
        // A payment of which nothing was fulfilled will never show its data to anybody.
        let unwanted = reason == EndReason::Refused || payment.chunks == 0;
        self.book.data_waits(&key.account, waited, waits);
        if unwanted {
            self.cut_data_off(key);
        }
        self.refund_if_incomplete(key, reason, now);
        self.book.index(key, &self.config, now);
    }

    fn refund_if_incomplete(&mut self, key: &PaymentKey, reason: EndReason, now: Duration) {
        if reason.is_complete() || self.config.on_incomplete == OnIncomplete::Keep {
            return;
        }
        let Some(payment) = self.book.payment_mut(key) else { return };
        let received = payment.received;
        let Some(refund) = payment.refund.as_mut().filter(|_| !received.is_zero()) else { return };
        // All of what was received, of which nothing went back before: it fits.
        if let Err(error) = refund.add(received, received, &self.config, now) {
            tracing::warn!(%error, "a payment that ended incomplete is not refunded");
        }
        self.begin_refund(key, now);
    }

    fn begin_refund(&mut self, key: &PaymentKey, now: Duration) {
        let refund = self.book.payment_mut(key).and_then(|payment| payment.refund.as_mut());
        if let Some(order) = refund.and_then(|refund| refund.begin(key, now)) {
            self.events.push_back(ReceiveEvent::RefundDue(order));
        }
    }

    fn cut_data_off(&mut self, key: &PaymentKey) {
        let Some(streams) = self.book.payment_mut(key).and_then(|payment| payment.streams.as_mut()) else {
            return;
        };
        let (waited, cut_off) = (streams.waiting(), streams.is_cut_off());
        streams.close();
        let waits = streams.waiting();
        if cut_off {
            self.events.push_back(ReceiveEvent::DataCutOff { payment: key.clone() });
        }
        self.book.data_waits(&key.account, waited, waits);
    }

    fn has_forgotten(&mut self, key: &PaymentKey, payment: &Payment) {
        if payment.streams.as_ref().is_some_and(|streams| streams.is_cut_off()) {
            self.events.push_back(ReceiveEvent::DataCutOff { payment: key.clone() });
        }
    }
}
