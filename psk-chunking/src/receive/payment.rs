use std::time::Duration;

use bytes::Bytes;
use psk_codec::DestinationAmount;
use psk_codec::psk::{PaymentId, Sequence};
use psk_request::AccountSuffix;

use super::sequences::SequenceSet;

/// Names a payment at a receiver. By the id alone, one sender would see another's totals (PROTOCOL.md section 3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentKey {
    /// Whose payment it is.
    pub account: AccountSuffix,
    /// The sender's name for it.
    pub payment_id: PaymentId,
}

/// A payment that begins, shown to the application before anything of it is fulfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentOffer {
    /// Which payment.
    pub payment: PaymentKey,
    /// What the receiver named the credentials that the sender uses; empty for none.
    pub key_id: Bytes,
    /// What the sender means to deliver in all, in units of the receiver's asset; `None` when it has not decided.
    pub expected: Option<DestinationAmount>,
    /// What its first chunk brings.
    pub first_chunk: DestinationAmount,
}

/// What the application says to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take the whole payment.
    Accept,
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
    /// The sender's last chunk was fulfilled.
    LastChunk,
    /// The payment's amount has arrived.
    AmountReached,
    /// Nothing was fulfilled for the silence time-out.
    Silence,
    /// The application refused it.
    Refused,
    /// The receiver was stopped.
    Stopped,
}

/// What happened, for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    },
}

/// What is kept of a payment.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) key_id: Bytes,
    /// Fixed by the first chunk: later ones cannot rewrite it.
    pub(super) expected: Option<DestinationAmount>,
    pub(super) received: DestinationAmount,
    pub(super) chunks: u64,
    pub(super) fulfilled: SequenceSet,
    pub(super) state: State,
    /// When silence ends it.
    pub(super) silent_at: Duration,
    /// Under which time it stands in the index of live payments, at or before `silent_at`; when it has ended, in
    /// that of ended ones.
    pub(super) indexed_at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The application has been asked about this chunk.
    Reviewing(Sequence),
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
        matches!(self, Self::ChunkAllowed(decided) | Self::ChunkRefused(decided) if decided == sequence)
    }
}
