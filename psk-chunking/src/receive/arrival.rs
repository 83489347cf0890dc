use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::frame::{Frame, Frames, FramesError, SequenceRanges, StreamData};
use psk_codec::psk::{ChunkKind, ChunkPacket, PskPacket, Sequence};
use psk_codec::{Amount, DestinationAmount, Timestamp};
use psk_crypto::Credentials;
use psk_request::{Arrival, max_chunk_answer_data_length};

use super::PaymentKey;

/// A chunk that arrived, opened: all that decides whether it is fulfilled.
#[derive(Clone, Debug)]
pub struct ChunkArrival {
    /// Which payment it belongs to.
    pub payment: PaymentKey,
    /// What the receiver named the credentials; empty for none.
    pub key_id: Bytes,
    /// Its number.
    pub sequence: Sequence,
    /// Whether the sender says that no other follows, but for those that it names.
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
    /// In how long it expires.
    pub expires_in: Duration,
    /// What else the sender says.
    pub frames: ChunkFrames,
    /// How many octets of frames fit into the answer.
    pub answer_room: usize,
}

/// What a chunk carries beside the money.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChunkFrames {
    /// Nothing, or data that is no frames: a plain sender's, which is answered plainly.
    #[default]
    Plain,
    /// Frames that are not what they should be.
    Malformed,
    /// Frames.
    Read(Box<RequestFrames>),
}

/// The frames of a request (`docs/frames.md`). Of those that belong into a packet once, the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFrames {
    /// Where a refund is to go, and with which secret. The secret is derived here, so that payments need not know the
    /// one it comes from.
    pub refund: Option<Credentials>,
    /// Parts of the sender's data.
    pub data: Vec<StreamData>,
    /// How long the sender's data is.
    pub data_end: Option<u64>,
    /// How much of the receiver's data has arrived.
    pub data_ack: Option<u64>,
    /// Whether a Status is asked for.
    pub status_request: bool,
    /// Whether the sender gives up.
    pub abort: bool,
    /// In a last chunk: which others are still under way. With a question for the Status: which it is about.
    pub outstanding: Option<SequenceRanges>,
}

impl RequestFrames {
    /// Whether nothing is said that a payment has to remember, as in most chunks.
    pub(super) fn is_silent(&self) -> bool {
        let Self { refund, data, data_end, data_ack, status_request: _, abort, outstanding } = self;
        let says_data = !data.is_empty() || data_end.is_some() || data_ack.is_some();
        !says_data && refund.is_none() && !abort && outstanding.is_none()
    }

    /// The numbers that the question for the Status is about, if it names any. What a last chunk names is something else.
    pub(super) fn asks_about(&self, in_last_chunk: bool) -> Option<&SequenceRanges> {
        self.outstanding.as_ref().filter(|_| self.status_request && !in_last_chunk)
    }
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
            expires_in: arrival.fulfill_before.saturating_since(now),
            frames: ChunkFrames::of(arrival, packet),
            answer_room: max_chunk_answer_data_length(&arrival.receiver),
        })
    }

    /// Its time is judged again, by this time of day.
    #[cfg(feature = "driver")]
    pub(crate) fn judge_at(&mut self, arrival: &Arrival, now: Timestamp) {
        self.expired = arrival.is_expired_at(now);
        self.expires_in = arrival.fulfill_before.saturating_since(now);
    }

    /// The frames, if there are any that can be read.
    pub(super) fn read_frames(&self) -> Option<&RequestFrames> {
        match &self.frames {
            ChunkFrames::Read(frames) => Some(frames),
            ChunkFrames::Plain | ChunkFrames::Malformed => None,
        }
    }

    /// Whether the sender knows frames.
    pub(super) fn has_frames(&self) -> bool {
        self.frames != ChunkFrames::Plain
    }
}

impl ChunkFrames {
    fn of(arrival: &Arrival, packet: &ChunkPacket) -> Self {
        match Frames::read(packet.application_data.clone()) {
            Ok(frames) => Self::Read(Box::new(RequestFrames::of(arrival, packet, frames))),
            Err(FramesError::Malformed(error)) => {
                tracing::debug!(%error, account = %arrival.account, "malformed frames");
                Self::Malformed
            }
            Err(_) => Self::Plain,
        }
    }
}

impl RequestFrames {
    fn of(arrival: &Arrival, packet: &ChunkPacket, frames: Frames) -> Self {
        let mut read = Self::default();
        for frame in frames {
            match frame {
                Frame::RefundAccount(account) if read.refund.is_none() => {
                    read.refund = Some(Credentials {
                        // A copy: the frame's memory is the whole packet.
                        destination_account: account.address().to_address(),
                        shared_secret: arrival.refund_secret(packet.payment_id),
                    });
                }
                Frame::Data(data) => read.data.push(data),
                Frame::DataEnd { length } => {
                    read.data_end.get_or_insert(length);
                }
                Frame::DataAck { offset } => {
                    read.data_ack.get_or_insert(offset);
                }
                Frame::Outstanding(sequences) => {
                    read.outstanding.get_or_insert(sequences);
                }
                Frame::StatusRequest => read.status_request = true,
                Frame::Abort => read.abort = true,
                // A receiver's, or unknown: skipped.
                _ => {}
            }
        }
        read
    }
}
