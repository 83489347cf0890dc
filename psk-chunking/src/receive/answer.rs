use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::frame::{
    CloseReason, Closed, Frame, FramesBuilder, PaymentState, SequenceRanges, Status,
};
use psk_codec::psk::{ChunkKind, ChunkPacket, PskPacket};
use psk_codec::{DestinationAmount, ErrorCode, Reject, Reply};
use psk_crypto::Random;
use psk_request::Arrival;

use super::payment::Payment;
use super::{ChunkArrival, ChunkFrames, Decision, ReceiveConfig};

/// A Status in a Fulfill names so many ranges at most.
const MAX_RANGES_IN_FULFILL: usize = 128;

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
    /// Its frames are malformed, or contradict what the sender said before.
    ProtocolViolation,
    /// There is no room for another payment at present. It is not closed for that: there may be room for the next
    /// attempt.
    TooManyPayments,
    /// There is no room for its data at present.
    NoRoomForData,
    /// It would begin a payment, and the receiver has been stopped.
    Stopped,
    /// A chunk of this number has been fulfilled.
    SequenceUsed,
    /// The application has refused the payment.
    PaymentRefused,
    /// The payment is over.
    PaymentEnded,
    /// The application refuses this chunk, or does not say anything.
    ChunkRefused,
    /// Its data is longer than what is taken of a payment.
    DataTooLong,
    /// It would bring more than the payment's amount and the overshoot allowed.
    TooMuch,
    /// It would bring more than the application takes: the payment is over.
    LimitReached,
}

impl ChunkRefusal {
    /// The code on the wire.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Expired => ErrorCode::R00_TRANSFER_TIMED_OUT,
            Self::WrongCondition => ErrorCode::F05_WRONG_CONDITION,
            Self::TooManyPayments | Self::NoRoomForData => ErrorCode::T03_CONNECTOR_BUSY,
            Self::TooLittle
            | Self::ProtocolViolation
            | Self::Stopped
            | Self::SequenceUsed
            | Self::PaymentRefused
            | Self::PaymentEnded
            | Self::ChunkRefused
            | Self::DataTooLong
            | Self::TooMuch
            | Self::LimitReached => ErrorCode::F99_APPLICATION_ERROR,
        }
    }

    /// Whether it answers every later chunk of the payment too. A sender of the first draft stops only on F99 with
    /// an empty body; with one it tries again at once and for ever (PROTOCOL.md section 4).
    pub fn is_final(self) -> bool {
        match self {
            Self::Stopped | Self::PaymentRefused | Self::PaymentEnded | Self::LimitReached => true,
            Self::Expired
            | Self::TooLittle
            | Self::WrongCondition
            | Self::ProtocolViolation
            | Self::TooManyPayments
            | Self::NoRoomForData
            | Self::SequenceUsed
            | Self::ChunkRefused
            | Self::DataTooLong
            | Self::TooMuch => false,
        }
    }

    /// Whether the answer has a body. An authentic answer says that the frames were read, which data without room
    /// was not; and a plain sender stops on an empty one.
    fn has_body(self, sender_has_frames: bool) -> bool {
        self != Self::NoRoomForData && (sender_has_frames || !self.is_final())
    }

    /// What the sender is told to be the reason why it should not go on, if this is one.
    fn close_reason(self) -> Option<CloseReason> {
        match self {
            Self::ProtocolViolation => Some(CloseReason::PROTOCOL_VIOLATION),
            Self::DataTooLong => Some(CloseReason::DATA_TOO_LONG),
            Self::Stopped => Some(CloseReason::SHUTTING_DOWN),
            _ => None,
        }
    }
}

/// The packet that answers a chunk. `None` when the decision is to wait, or when the arrival is not a chunk.
pub fn answer_packet(arrival: &Arrival, decision: &Decision, random: &mut dyn Random) -> Option<Reply> {
    let PskPacket::Chunk(chunk) = &arrival.packet else {
        return None;
    };
    let mut body = |kind, total: DestinationAmount, frames: &Bytes| {
        let body = ChunkPacket {
            kind,
            payment_id: chunk.payment_id,
            sequence: chunk.sequence,
            payment_amount: total.into(),
            chunk_amount: arrival.amount.into(),
            application_data: frames.clone(),
        };
        arrival.seal(&PskPacket::Chunk(body), random).unwrap_or_else(|error| {
            // The chunk is counted, so it is answered, if without a word of what arrived.
            tracing::warn!(%error, "a chunk is answered without a body");
            Bytes::new()
        })
    };
    match decision {
        Decision::Fulfill { total, frames } => {
            Some(arrival.fulfill(body(ChunkKind::Fulfillment, *total, frames)).into())
        }
        Decision::Refuse { refusal, total, frames } => {
            let reject = Reject::new(refusal.code(), arrival.receiver.clone());
            let data = match refusal.has_body(!frames.is_empty()) {
                true => body(ChunkKind::Reject, *total, frames),
                false => Bytes::new(),
            };
            Some(reject.with_data(data).into())
        }
        Decision::Review(_) | Decision::AwaitReview => None,
    }
}

/// The frames of an answer (`docs/frames.md`): none to a plain sender, at least the version octet to others.
pub(super) fn answer_frames(
    chunk: &ChunkArrival,
    payment: Option<&mut Payment>,
    refusal: Option<ChunkRefusal>,
    config: &ReceiveConfig,
    now: Duration,
) -> Bytes {
    if !chunk.has_frames() {
        return Bytes::new();
    }
    let mut frames = FramesBuilder::new(chunk.answer_room);
    let asks = chunk.read_frames();
    let aborts = asks.is_some_and(|frames| frames.abort);
    let closed = closed(chunk, payment.as_deref(), refusal, aborts);
    let asks_status = asks.is_some_and(|frames| frames.status_request);
    let wants_status = asks_status || aborts || closed.is_some() || payment.is_none();
    // None of these fails: there is room for some 30,000 octets, and ranges take what is left.
    if let Some(reason) = closed {
        let _ = frames.push(Frame::Closed(Closed::with_message(reason, "")));
    }
    // Whatever else is said: any answer without it would say that the data was read.
    let has_data = asks.is_some_and(|frames| !frames.data.is_empty() || frames.data_end.is_some());
    let dropped = payment.as_ref().and_then(|payment| payment.streams.as_ref()?.refused_for());
    if let Some(reason) = dropped.filter(|reason| has_data && closed != Some(*reason)) {
        let _ = frames.push(Frame::Closed(Closed::with_message(reason, "")));
    }
    let progress = payment.as_ref().and_then(|payment| payment.refund.as_ref()?.progress());
    if let Some((refunded, total)) = progress {
        let _ = frames.push(Frame::RefundStatus { refunded, total });
    }
    let fulfills = chunk.fulfillable && refusal.is_none();
    // Who reads in a Fulfill that all has arrived awaits no other, and our data may be in those.
    let speaks =
        || payment.as_ref().and_then(|payment| payment.streams.as_ref()).is_some_and(|it| it.speaks());
    if wants_status && !(fulfills && speaks()) {
        let room = Status::max_ranges(frames.room()).unwrap_or(0);
        // A Fulfill is one of many: it tells of what has arrived lately.
        let most = if fulfills { room.min(MAX_RANGES_IN_FULFILL) } else { room };
        let asked = asks.and_then(|frames| frames.asks_about(chunk.last));
        push_status(&mut frames, payment.as_deref(), asked, most);
    }
    if let Some(streams) = payment.and_then(|payment| payment.streams.as_mut()) {
        streams.fill(&mut frames, now, config);
    }
    frames.encode()
}

fn closed(
    chunk: &ChunkArrival,
    payment: Option<&Payment>,
    refusal: Option<ChunkRefusal>,
    aborts: bool,
) -> Option<CloseReason> {
    // A Fulfill closes nothing, even when it ends the payment: the sender knows what it has sent.
    let refusal = refusal?;
    if let Some(reason) = refusal.close_reason() {
        return Some(reason);
    }
    if chunk.frames == ChunkFrames::Malformed {
        return Some(CloseReason::PROTOCOL_VIOLATION);
    }
    let ended = payment.and_then(Payment::ended);
    match ended {
        Some(reason) if chunk.fulfillable || aborts => Some(reason.close_reason()),
        None if aborts => Some(CloseReason::ABORTED),
        _ => None,
    }
}

/// What has been fulfilled: all, or, where that takes more than `most` ranges and the sender says what it is `asked`
/// about, of those alone.
fn push_status(
    frames: &mut FramesBuilder,
    payment: Option<&Payment>,
    asked: Option<&SequenceRanges>,
    most: usize,
) {
    let Some(payment) = payment else {
        let _ = frames.push(Frame::Status(Status {
            received: DestinationAmount::ZERO,
            chunks: 0,
            state: PaymentState::NOT_FOUND,
            fulfilled: SequenceRanges::EMPTY,
        }));
        return;
    };
    let status = |fulfilled| Status {
        received: payment.received,
        chunks: u32::try_from(payment.chunks).unwrap_or(u32::MAX),
        state: payment.wire_state(),
        fulfilled,
    };
    let sequences = &payment.fulfilled;
    let asked = asked.filter(|_| !sequences.is_exact(most));
    // The second frame takes a range's room beside its own ranges.
    match asked.and_then(|asked| sequences.among(asked, most.saturating_sub(1))) {
        Some(among) => {
            let _ = frames.push(Frame::Status(status(among.fulfilled)));
            let _ = frames.push(Frame::Outstanding(among.unknown));
        }
        None => {
            let _ = frames.push(Frame::Status(status(sequences.to_ranges(most))));
        }
    }
}
