use bytes::Bytes;
use psk_codec::psk::{ChunkKind, ChunkPacket, PskPacket};
use psk_codec::{DestinationAmount, ErrorCode, Reject, Reply};
use psk_crypto::Random;
use psk_request::Arrival;

use super::Decision;

/// Why a chunk is not fulfilled, in the order in which the reasons are looked for (PROTOCOL.md section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChunkRefusal {
    /// It has expired: whoever fulfills then may lose the money.
    Expired,
    /// Less arrived than the sender's minimum.
    TooLittle,
    /// The condition cannot be regenerated: it only asks, or was tampered with.
    WrongCondition,
    /// There is no room for another payment.
    TooManyPayments,
    /// A chunk of this number has been fulfilled.
    SequenceUsed,
    /// The application has refused the payment.
    PaymentRefused,
    /// The payment is over.
    PaymentEnded,
    /// The application refuses this chunk.
    ChunkRefused,
    /// It would bring more than the payment's amount and the overshoot allowed.
    TooMuch,
}

impl ChunkRefusal {
    /// The code on the wire.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Expired => ErrorCode::R00_TRANSFER_TIMED_OUT,
            Self::WrongCondition => ErrorCode::F05_WRONG_CONDITION,
            Self::TooManyPayments => ErrorCode::T03_CONNECTOR_BUSY,
            Self::TooLittle
            | Self::SequenceUsed
            | Self::PaymentRefused
            | Self::PaymentEnded
            | Self::ChunkRefused
            | Self::TooMuch => ErrorCode::F99_APPLICATION_ERROR,
        }
    }

    /// Whether it answers every later chunk of the payment too. A sender of the first draft stops only on F99 with
    /// an empty body; with one it tries again at once and for ever (PROTOCOL.md section 4).
    pub fn is_final(self) -> bool {
        match self {
            Self::PaymentRefused | Self::PaymentEnded => true,
            Self::Expired
            | Self::TooLittle
            | Self::WrongCondition
            | Self::TooManyPayments
            | Self::SequenceUsed
            | Self::ChunkRefused
            | Self::TooMuch => false,
        }
    }
}

/// The packet that answers a chunk. `None` when the decision is to wait, or when the arrival is not a chunk.
pub fn answer_packet(arrival: &Arrival, decision: &Decision, random: &mut dyn Random) -> Option<Reply> {
    let PskPacket::Chunk(chunk) = &arrival.packet else {
        return None;
    };
    let mut body = |kind, total: DestinationAmount| {
        let body = ChunkPacket {
            kind,
            payment_id: chunk.payment_id,
            sequence: chunk.sequence,
            payment_amount: total.into(),
            chunk_amount: arrival.amount.into(),
            application_data: Bytes::new(),
        };
        arrival.seal(&PskPacket::Chunk(body), random).unwrap_or_else(|error| {
            // The chunk is counted, so it is answered, if without a word of what arrived.
            tracing::warn!(%error, "a chunk is answered without a body");
            Bytes::new()
        })
    };
    match *decision {
        Decision::Fulfill { total } => Some(arrival.fulfill(body(ChunkKind::Fulfillment, total)).into()),
        Decision::Refuse { refusal, total } => {
            let reject = Reject::new(refusal.code(), arrival.receiver.clone());
            let data = match refusal.is_final() {
                true => Bytes::new(),
                false => body(ChunkKind::Reject, total),
            };
            Some(reject.with_data(data).into())
        }
        Decision::Review(_) | Decision::AwaitReview => None,
    }
}
