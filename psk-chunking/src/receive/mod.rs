//! The receiving side of chunked payments.

mod answer;
mod config;
mod payment;
mod sequences;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Amount, DestinationAmount, Timestamp};
use psk_request::{AccountSuffix, Arrival};

pub use answer::{ChunkRefusal, answer_packet};
pub use config::{Overshoot, ReceiveConfig};
pub use payment::{EndReason, PaymentKey, PaymentOffer, ReceiveEvent, Verdict};
use payment::{Payment, State};

/// A chunk that arrived, opened: all that decides whether it is fulfilled.
#[derive(Clone, Debug)]
pub struct ChunkArrival {
    /// Which payment it belongs to.
    pub payment: PaymentKey,
    /// What the receiver named the credentials; empty for none.
    pub key_id: Bytes,
    /// Its number.
    pub sequence: Sequence,
    /// Whether the sender says that no other follows.
    pub last: bool,
    /// What the payment is to deliver; `None` when the sender has not decided.
    pub expected: Option<DestinationAmount>,
    /// The least that it must bring to be fulfilled.
    pub minimum: DestinationAmount,
    /// What it brings.
    pub amount: DestinationAmount,
    /// Whether its condition is the one of its data.
    pub fulfillable: bool,
    /// Whether it has expired.
    pub expired: bool,
}

impl ChunkArrival {
    /// From a packet that the receiver has opened; `None` if it is not a chunk.
    pub fn of(arrival: &Arrival, now: Timestamp) -> Option<Self> {
        let PskPacket::Chunk(packet) = &arrival.packet else {
            return None;
        };
        Some(Self {
            payment: PaymentKey { account: arrival.account.clone(), payment_id: packet.payment_id },
            key_id: arrival.key_id.clone(),
            sequence: packet.sequence,
            last: packet.kind == ChunkKind::LastChunk,
            // Draft 1 writes 0 where the sender decides, JS and we 2^64 - 1 (PROTOCOL.md section 2).
            expected: match packet.payment_amount {
                Amount::ZERO | ChunkPacket::OPEN_ENDED => None,
                amount => Some(amount.at_destination()),
            },
            minimum: packet.chunk_amount.at_destination(),
            amount: arrival.amount,
            fulfillable: arrival.fulfillable,
            expired: arrival.is_expired_at(now),
        })
    }
}

/// What to do with a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is counted: fulfill it, and say that the payment has received this much.
    Fulfill {
        /// What all chunks of the payment brought, this one included.
        total: DestinationAmount,
    },
    /// Reject it.
    Refuse {
        /// Why.
        refusal: ChunkRefusal,
        /// What the payment has received.
        total: DestinationAmount,
    },
    /// Ask the application, hand its word to [`ReceivePayments::handle_verdict`] and the chunk in once more.
    Review(PaymentOffer),
    /// The application is being asked about another chunk of this payment: hand the chunk in once more when its
    /// word is there.
    AwaitReview,
}

/// All chunked payments at one receiver: a state machine without I/O, clock, or randomness of its own.
///
/// # Driving it
///
/// Hand every opened chunk to [`handle_chunk`](Self::handle_chunk) and do what the [`Decision`] says; a chunk is
/// counted when the decision is [`Decision::Fulfill`], so the Fulfill must then leave. Afterwards take the events
/// with [`poll_event`](Self::poll_event). Call [`handle_time`](Self::handle_time) when the time that it names has
/// come. `now` is any monotonic time.
///
/// It keeps the receiver's invariants (ENGINE.md section 2): no chunk below its minimum, no sequence number twice,
/// nothing after the end, nothing beyond the amount and the overshoot allowed.
#[derive(Debug)]
pub struct ReceivePayments {
    config: ReceiveConfig,
    payments: HashMap<PaymentKey, Payment>,
    per_account: HashMap<AccountSuffix, OfAccount>,
    /// When to look whether a live payment has fallen silent; one entry each, at or before its `silent_at`.
    silence: BTreeSet<(Duration, PaymentKey)>,
    /// Ended payments, the first to be forgotten first.
    ended: BTreeSet<(Duration, PaymentKey)>,
    events: VecDeque<ReceiveEvent>,
}

/// The payments of one account.
#[derive(Debug, Default)]
struct OfAccount {
    /// How many there are, live and ended.
    payments: usize,
    /// The ended ones, the first to be forgotten first.
    ended: BTreeSet<(Duration, PaymentId)>,
}

impl ReceivePayments {
    /// Without any payment.
    pub fn new(config: ReceiveConfig) -> Self {
        Self {
            config,
            payments: HashMap::new(),
            per_account: HashMap::new(),
            silence: BTreeSet::new(),
            ended: BTreeSet::new(),
            events: VecDeque::new(),
        }
    }

    /// Decides about a chunk, by the table of PROTOCOL.md section 3; first match wins.
    pub fn handle_chunk(&mut self, chunk: &ChunkArrival, now: Duration) -> Decision {
        let payment = self.payments.get(&chunk.payment);
        let total = payment.map(|payment| payment.received).unwrap_or_default();
        let refuse = |refusal| Decision::Refuse { refusal, total };
        if chunk.expired {
            // The word about a chunk that expired while it was reviewed is used up: others must not wait for it.
            if payment.is_some_and(|payment| payment.state.is_decided_for(chunk.sequence)) {
                self.set_state(&chunk.payment, State::Undecided);
            }
            return refuse(ChunkRefusal::Expired);
        }
        if chunk.amount < chunk.minimum {
            return refuse(ChunkRefusal::TooLittle);
        }
        if !chunk.fulfillable {
            return refuse(ChunkRefusal::WrongCondition);
        }
        let Some(payment) = payment else {
            return match self.remember(chunk, now) {
                Ok(offer) => Decision::Review(offer),
                Err(refusal) => refuse(refusal),
            };
        };
        if payment.fulfilled.contains(chunk.sequence) {
            return refuse(ChunkRefusal::SequenceUsed);
        }
        match payment.state {
            State::Ended(EndReason::Refused) => return refuse(ChunkRefusal::PaymentRefused),
            State::Ended(_) => return refuse(ChunkRefusal::PaymentEnded),
            State::Reviewing(_) => return Decision::AwaitReview,
            State::ChunkRefused(refused) if refused == chunk.sequence => {
                self.set_state(&chunk.payment, State::Undecided);
                return refuse(ChunkRefusal::ChunkRefused);
            }
            State::ChunkAllowed(sequence) | State::ChunkRefused(sequence) if sequence != chunk.sequence => {
                return Decision::AwaitReview;
            }
            State::Undecided => return self.review_again(chunk),
            State::Accepted | State::ChunkAllowed(_) | State::ChunkRefused(_) => {}
        }
        match self.total_with(payment, chunk.amount) {
            Some(total) => self.fulfill(chunk, total, now),
            None => refuse(ChunkRefusal::TooMuch),
        }
    }

    /// The application's word about a payment that was to be reviewed. The chunk that was reviewed has to be handed
    /// in again at once, whatever the word; others that await the review after it.
    pub fn handle_verdict(&mut self, key: &PaymentKey, verdict: Verdict, now: Duration) {
        let Some(payment) = self.payments.get_mut(key) else {
            return;
        };
        let State::Reviewing(sequence) = payment.state else {
            return;
        };
        match verdict {
            Verdict::Accept => payment.state = State::Accepted,
            Verdict::AcceptChunk => payment.state = State::ChunkAllowed(sequence),
            Verdict::RefuseChunk => payment.state = State::ChunkRefused(sequence),
            Verdict::Refuse => self.end(key, EndReason::Refused, now),
        }
    }

    /// Ends payments that have fallen silent and forgets old ones. The time when to call it again, if there is one.
    pub fn handle_time(&mut self, now: Duration) -> Option<Duration> {
        while let Some((due, key)) = self.silence.first()
            && *due <= now
        {
            let key = key.clone();
            self.silence.pop_first();
            let Some(payment) = self.payments.get_mut(&key) else { continue };
            // Who waits for the application's word is not silent.
            if matches!(payment.state, State::Reviewing(_)) {
                payment.silent_at = now.saturating_add(self.config.silence_timeout);
            }
            if payment.silent_at <= now {
                self.end(&key, EndReason::Silence, now);
            } else {
                payment.indexed_at = payment.silent_at;
                self.silence.insert((payment.silent_at, key));
            }
        }
        while self.ended.first().is_some_and(|(due, _)| *due <= now) {
            self.forget_oldest_ended();
        }
        let silence = self.silence.first().map(|(due, _)| *due);
        let retention = self.ended.first().map(|(due, _)| *due);
        silence.into_iter().chain(retention).min()
    }

    /// Ends all payments, as when the receiver stops.
    pub fn stop(&mut self, now: Duration) {
        let live: Vec<_> = self.silence.iter().map(|(_, key)| key.clone()).collect();
        for key in live {
            self.end(&key, EndReason::Stopped, now);
        }
    }

    /// What has happened since it was last asked.
    pub fn poll_event(&mut self) -> Option<ReceiveEvent> {
        self.events.pop_front()
    }

    /// How many payments are remembered, live and ended.
    pub fn payments(&self) -> usize {
        self.payments.len()
    }

    /// Makes a record of a new payment. Only a chunk that could be fulfilled comes here: probes leave no trace.
    fn remember(&mut self, chunk: &ChunkArrival, now: Duration) -> Result<PaymentOffer, ChunkRefusal> {
        let of_account = self.per_account.get(&chunk.payment.account);
        let full = of_account.is_some_and(|all| all.payments >= self.config.max_payments_per_account);
        if full && !self.forget_oldest_ended_of(&chunk.payment.account) {
            return Err(ChunkRefusal::TooManyPayments);
        }
        if self.payments.len() >= self.config.max_payments && !self.forget_oldest_ended() {
            return Err(ChunkRefusal::TooManyPayments);
        }
        let silent_at = now.saturating_add(self.config.silence_timeout);
        let payment = Payment {
            key_id: chunk.key_id.clone(),
            expected: chunk.expected,
            received: DestinationAmount::ZERO,
            chunks: 0,
            fulfilled: sequences::SequenceSet::default(),
            state: State::Reviewing(chunk.sequence),
            silent_at,
            indexed_at: silent_at,
        };
        self.payments.insert(chunk.payment.clone(), payment);
        self.per_account.entry(chunk.payment.account.clone()).or_default().payments += 1;
        self.silence.insert((silent_at, chunk.payment.clone()));
        Ok(offer(chunk, chunk.expected))
    }

    fn set_state(&mut self, key: &PaymentKey, state: State) {
        if let Some(payment) = self.payments.get_mut(key) {
            payment.state = state;
        }
    }

    fn review_again(&mut self, chunk: &ChunkArrival) -> Decision {
        match self.payments.get_mut(&chunk.payment) {
            Some(payment) => {
                payment.state = State::Reviewing(chunk.sequence);
                Decision::Review(offer(chunk, payment.expected))
            }
            None => Decision::AwaitReview,
        }
    }

    /// What the payment has with `amount` more; `None` when that is too much.
    fn total_with(&self, payment: &Payment, amount: DestinationAmount) -> Option<DestinationAmount> {
        let total = payment.received.checked_add(amount)?;
        let Some(expected) = payment.expected else {
            return Some(total);
        };
        let allowed = match self.config.overshoot {
            Overshoot::CompletingChunk => DestinationAmount::MAX,
            Overshoot::AtMost(overshoot) => expected.saturating_add(overshoot),
        };
        (payment.received < expected && total <= allowed).then_some(total)
    }

    fn fulfill(&mut self, chunk: &ChunkArrival, total: DestinationAmount, now: Duration) -> Decision {
        let Some(payment) = self.payments.get_mut(&chunk.payment) else {
            return Decision::AwaitReview;
        };
        payment.fulfilled.insert(chunk.sequence);
        payment.received = total;
        payment.chunks += 1;
        payment.silent_at = now.saturating_add(self.config.silence_timeout);
        if payment.state != State::Accepted {
            payment.state = State::Undecided;
        }
        let reached = payment.expected.is_some_and(|expected| total >= expected);
        self.events.push_back(ReceiveEvent::ChunkFulfilled {
            payment: chunk.payment.clone(),
            sequence: chunk.sequence,
            amount: chunk.amount,
            received: total,
        });
        if chunk.last {
            self.end(&chunk.payment, EndReason::LastChunk, now);
        } else if reached {
            self.end(&chunk.payment, EndReason::AmountReached, now);
        }
        Decision::Fulfill { total }
    }

    fn end(&mut self, key: &PaymentKey, reason: EndReason, now: Duration) {
        let Some(payment) = self.payments.get_mut(key) else {
            return;
        };
        if matches!(payment.state, State::Ended(_)) {
            return;
        }
        payment.state = State::Ended(reason);
        self.events.push_back(ReceiveEvent::Finished {
            payment: key.clone(),
            key_id: payment.key_id.clone(),
            received: payment.received,
            expected: payment.expected,
            chunks: payment.chunks,
            reason,
        });
        self.silence.remove(&(payment.indexed_at, key.clone()));
        let due = now.saturating_add(self.config.retention);
        payment.indexed_at = due;
        self.ended.insert((due, key.clone()));
        self.per_account.entry(key.account.clone()).or_default().ended.insert((due, key.payment_id));
    }

    fn forget_oldest_ended(&mut self) -> bool {
        let oldest = self.ended.first().cloned();
        oldest.is_some_and(|(due, key)| self.forget_ended(due, &key))
    }

    /// An account whose payments have ended may begin others, at the cost of its own memory alone.
    fn forget_oldest_ended_of(&mut self, account: &AccountSuffix) -> bool {
        let oldest = self.per_account.get(account).and_then(|all| all.ended.first().copied());
        oldest.is_some_and(|(due, payment_id)| {
            self.forget_ended(due, &PaymentKey { account: account.clone(), payment_id })
        })
    }

    fn forget_ended(&mut self, due: Duration, key: &PaymentKey) -> bool {
        self.ended.remove(&(due, key.clone()));
        self.payments.remove(key);
        if let Some(all) = self.per_account.get_mut(&key.account) {
            all.ended.remove(&(due, key.payment_id));
            all.payments = all.payments.saturating_sub(1);
            if all.payments == 0 {
                self.per_account.remove(&key.account);
            }
        }
        true
    }
}

fn offer(chunk: &ChunkArrival, expected: Option<DestinationAmount>) -> PaymentOffer {
    PaymentOffer {
        payment: chunk.payment.clone(),
        key_id: chunk.key_id.clone(),
        expected,
        first_chunk: chunk.amount,
    }
}
