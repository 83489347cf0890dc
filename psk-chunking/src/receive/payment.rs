use std::time::Duration;

use bytes::Bytes;
use psk_codec::DestinationAmount;
use psk_codec::psk::frame::{CloseReason, PaymentState, SequenceRanges};
use psk_codec::psk::{PaymentId, Sequence};
use psk_request::AccountSuffix;

use super::data::Streams;
use super::refund::{Refund, RefundOrder};
use super::sequences::SequenceSet;
use super::silence::Silence;

/// Names a payment at a receiver. By the id alone, one sender would see another's totals (PROTOCOL.md section 3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentKey {
    /// Whose payment it is.
    pub account: AccountSuffix,
    /// The sender's name for it.
    pub payment_id: PaymentId,
}

/// A payment that begins, shown to the application before anything of it is fulfilled.
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentOffer {
    /// Which payment.
    pub payment: PaymentKey,
    /// What the receiver named the credentials that the sender uses; empty for none.
    pub key_id: Bytes,
    /// What the sender means to deliver in all, in units of the receiver's asset; `None` when it has not decided.
    pub expected: Option<DestinationAmount>,
    /// The number of the chunk about which the application is asked: the first one, or after
    /// [`Verdict::AcceptChunk`] and [`Verdict::RefuseChunk`] a later one.
    pub sequence: Sequence,
    /// What that chunk brings.
    pub first_chunk: DestinationAmount,
    /// What of the sender's data has arrived in order and was not told yet. It is told again, by
    /// [`ReceiveEvent::Data`], once a chunk is fulfilled.
    pub data: Bytes,
}

impl std::fmt::Debug for PaymentOffer {
    /// Without the data, so that it does not get into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaymentOffer")
            .field("payment", &self.payment)
            .field("sequence", &self.sequence)
            .field("expected", &self.expected)
            .field("first_chunk", &self.first_chunk)
            .field("data", &format_args!("{} octets", self.data.len()))
            .finish_non_exhaustive()
    }
}

/// What the application says to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take the whole payment.
    Accept,
    /// Take the payment up to so much in all. The first chunk that would bring more ends it.
    AcceptUpTo(DestinationAmount),
    /// Take this chunk and ask again at the next one.
    AcceptChunk,
    /// Refuse this chunk and ask again at the next one.
    RefuseChunk,
    /// Refuse the whole payment.
    Refuse,
}

/// Why a payment is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The sender's last chunk was fulfilled, and those that it named.
    LastChunk,
    /// The payment's amount has arrived.
    AmountReached,
    /// Nothing was heard of the sender for the silence time-out, or nothing was fulfilled for much longer.
    Silence,
    /// The application refused it.
    Refused,
    /// It would have brought more than the application takes ([`Verdict::AcceptUpTo`]).
    LimitReached,
    /// The sender gave up.
    Aborted,
    /// The receiver was stopped.
    Stopped,
}

impl EndReason {
    /// Whether all has come that was to come.
    pub fn is_complete(self) -> bool {
        match self {
            Self::LastChunk | Self::AmountReached => true,
            Self::Silence | Self::Refused | Self::LimitReached | Self::Aborted | Self::Stopped => false,
        }
    }

    /// What the sender is told.
    pub(super) fn close_reason(self) -> CloseReason {
        match self {
            Self::LastChunk => CloseReason::LAST_CHUNK,
            Self::AmountReached => CloseReason::AMOUNT_REACHED,
            Self::Silence => CloseReason::SILENCE,
            Self::Refused | Self::LimitReached => CloseReason::REFUSED,
            Self::Aborted => CloseReason::ABORTED,
            Self::Stopped => CloseReason::SHUTTING_DOWN,
        }
    }
}

/// What happened, for the application.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveEvent {
    /// A chunk is fulfilled.
    ChunkFulfilled {
        /// Of which payment.
        payment: PaymentKey,
        /// Its number.
        sequence: Sequence,
        /// What it brought.
        amount: DestinationAmount,
        /// What all chunks brought until now.
        received: DestinationAmount,
    },
    /// A payment is over.
    Finished {
        /// Which payment.
        payment: PaymentKey,
        /// What the receiver named the credentials; empty for none.
        key_id: Bytes,
        /// What arrived.
        received: DestinationAmount,
        /// What the sender meant to deliver; `None` when it had not decided.
        expected: Option<DestinationAmount>,
        /// How many chunks were fulfilled.
        chunks: u64,
        /// Why it is over.
        reason: EndReason,
        /// Whether the sender has said where a refund would go.
        refundable: bool,
    },
    /// More of the sender's data, in order. Never before a chunk of the payment is fulfilled.
    Data {
        /// Of which payment.
        payment: PaymentKey,
        /// Where in the sender's data this begins.
        offset: u64,
        /// The octets.
        data: Bytes,
    },
    /// All of the sender's data has been told.
    DataComplete {
        /// Of which payment.
        payment: PaymentKey,
        /// How many octets there are in all.
        length: u64,
    },
    /// Some of the sender's data was told, and the rest will not be.
    DataCutOff {
        /// Of which payment.
        payment: PaymentKey,
    },
    /// A refund is to be paid: by a payment with this id and these credentials. Report how it goes with
    /// [`ReceivePayments::refund_progress`](super::ReceivePayments::refund_progress) and
    /// [`ReceivePayments::refund_ended`](super::ReceivePayments::refund_ended).
    RefundDue(RefundOrder),
    /// A refund is over: all of it has gone back, or it was given up.
    RefundEnded {
        /// Of which payment.
        payment: PaymentKey,
        /// What has gone back.
        refunded: DestinationAmount,
        /// What was to go back.
        total: DestinationAmount,
    },
}

impl std::fmt::Debug for ReceiveEvent {
    /// Without the application's data, so that it does not get into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ChunkFulfilled { payment, sequence, amount, received } => f
                .debug_struct("ChunkFulfilled")
                .field("payment", payment)
                .field("sequence", sequence)
                .field("amount", amount)
                .field("received", received)
                .finish(),
            Self::Finished { payment, received, expected, chunks, reason, .. } => f
                .debug_struct("Finished")
                .field("payment", payment)
                .field("received", received)
                .field("expected", expected)
                .field("chunks", chunks)
                .field("reason", reason)
                .finish_non_exhaustive(),
            Self::Data { payment, offset, data } => f
                .debug_struct("Data")
                .field("payment", payment)
                .field("offset", offset)
                .field("data", &format_args!("{} octets", data.len()))
                .finish(),
            Self::DataComplete { payment, length } => {
                f.debug_struct("DataComplete").field("payment", payment).field("length", length).finish()
            }
            Self::DataCutOff { payment } => f.debug_struct("DataCutOff").field("payment", payment).finish(),
            Self::RefundDue(order) => f.debug_tuple("RefundDue").field(order).finish(),
            Self::RefundEnded { payment, refunded, total } => f
                .debug_struct("RefundEnded")
                .field("payment", payment)
                .field("refunded", refunded)
                .field("total", total)
                .finish(),
        }
    }
}

/// What is kept of a payment.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) key_id: Bytes,
    /// Fixed by the first chunk: later ones cannot rewrite it.
    pub(super) expected: Option<DestinationAmount>,
    /// What the application takes at most.
    pub(super) at_most: DestinationAmount,
    pub(super) received: DestinationAmount,
    pub(super) chunks: u64,
    pub(super) fulfilled: SequenceSet,
    pub(super) state: State,
    pub(super) silence: Silence,
    /// Under which time it stands in the index of live payments, at or before its [`deadline`](Self::deadline); or in
    /// that of settled ones.
    pub(super) indexed_at: Duration,
    /// After a last chunk: what that one named and is still missing. Most payments have none of these three.
    pub(super) outstanding: Option<Box<Outstanding>>,
    pub(super) streams: Option<Box<Streams>>,
    pub(super) refund: Option<Box<Refund>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The application has been asked about this chunk, and may take until then.
    Reviewing(Sequence, Duration),
    /// The application has not answered in time: this chunk is refused, and it is asked again at the next one.
    ReviewLate(Sequence),
    /// The application has allowed this chunk, and is asked again at the next one.
    ChunkAllowed(Sequence),
    /// The application refuses this chunk, and is asked again at the next one.
    ChunkRefused(Sequence),
    /// The application is asked at the next chunk.
    Undecided,
    /// Chunks are taken.
    Accepted,
    /// Over.
    Ended(EndReason),
}

impl State {
    /// Whether the application's word is there and this chunk alone may use it.
    pub(super) fn is_decided_for(self, sequence: Sequence) -> bool {
        let (Self::ChunkAllowed(decided) | Self::ChunkRefused(decided) | Self::ReviewLate(decided)) = self
        else {
            return false;
        };
        decided == sequence
    }
}

impl Payment {
    pub(super) fn ended(&self) -> Option<EndReason> {
        match self.state {
            State::Ended(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether nothing more can happen to its money: it may be forgotten.
    pub(super) fn is_settled(&self) -> bool {
        self.ended().is_some() && !self.refund.as_ref().is_some_and(|refund| refund.is_active())
    }

    /// When something has to be done about it, while it is not settled.
    pub(super) fn deadline(&self, config: &super::ReceiveConfig) -> Duration {
        match (self.state, &self.refund) {
            (State::Ended(_), Some(refund)) => refund.due(),
            (State::Reviewing(_, until), _) => until,
            _ => self.silence.ends_at(config),
        }
    }

    /// How many octets wait here: data, and what a last chunk named.
    pub(super) fn waiting(&self) -> usize {
        let data = self.streams.as_ref().map_or(0, |streams| streams.waiting());
        data.saturating_add(self.outstanding.as_ref().map_or(0, |outstanding| outstanding.size()))
    }

    /// As a Status says it.
    pub(super) fn wire_state(&self) -> PaymentState {
        match (self.ended(), &self.refund) {
            (None, _) => PaymentState::OPEN,
            (Some(_), Some(refund)) if refund.is_active() => PaymentState::REFUNDING,
            (Some(_), Some(refund)) if refund.is_over() => PaymentState::REFUNDED,
            (Some(reason), _) if reason.is_complete() => PaymentState::FINISHED,
            (Some(_), _) => PaymentState::CLOSED,
        }
    }
}

/// The numbers that a last chunk named, without those that are fulfilled.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    named_by: Sequence,
    /// First and last number, the lowest range at the end.
    ranges: Vec<(Sequence, Sequence)>,
}

/// No sender has more packets in flight than this, and each is a range of its own at most. Of what names more, the
/// rest is not waited for.
const MAX_OUTSTANDING: usize = 2_048;

impl Outstanding {
    /// What the last chunk with the number `named_by` named.
    pub(super) fn new(named_by: Sequence, named: &SequenceRanges) -> Self {
        let ranges = named.iter().take(MAX_OUTSTANDING).map(|range| (range.first(), range.last()));
        let mut ranges: Vec<_> = ranges.collect();
        ranges.reverse();
        Self { named_by, ranges }
    }

    pub(super) fn named_by(&self) -> Sequence {
        self.named_by
    }

    /// What `named` takes, in octets.
    pub(super) fn size_of(named: &SequenceRanges) -> usize {
        named.len().min(MAX_OUTSTANDING) * size_of::<(Sequence, Sequence)>()
    }

    fn size(&self) -> usize {
        self.ranges.capacity() * size_of::<(Sequence, Sequence)>()
    }

    /// Strikes out what is known to be fulfilled, as far as it is in order. Whether nothing is left. What only may be is
    /// waited for: its chunk may be missing.
    pub(super) fn strike(&mut self, fulfilled: &SequenceSet) -> bool {
        while let Some((first, last)) = self.ranges.last_mut()
            && let Some(run) = fulfilled.end_of_known_run(*first)
        {
            if run < *last {
                // Less than the last number, so there is a next one.
                *first = Sequence::new(run.number().saturating_add(1));
                break;
            }
            self.ranges.pop();
        }
        self.ranges.is_empty()
    }
}
