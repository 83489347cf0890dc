//! Chunks as a receiver gets them.

use std::time::Duration;

use bytes::Bytes;
use psk_chunking::receive::{ChunkArrival, ChunkFrames, PaymentKey, RequestFrames};
use psk_codec::DestinationAmount;
use psk_codec::psk::Sequence;

/// 100 units of an open-ended payment, of a plain sender.
pub(crate) fn plain(payment: PaymentKey, sequence: u32) -> ChunkArrival {
    ChunkArrival {
        payment,
        key_id: Bytes::new(),
        sequence: Sequence::new(sequence),
        last: false,
        expected: None,
        minimum: DestinationAmount::new(100),
        amount: DestinationAmount::new(100),
        fulfillable: true,
        expired: false,
        expires_in: Duration::ZERO,
        frames: ChunkFrames::Plain,
        answer_room: 30_000,
    }
}

/// The same of a sender with frames.
#[allow(dead_code, reason = "not all receivers' tests have frames")]
pub(crate) fn framed(payment: PaymentKey, sequence: u32, frames: RequestFrames) -> ChunkArrival {
    ChunkArrival { frames: ChunkFrames::Read(Box::new(frames)), ..plain(payment, sequence) }
}
