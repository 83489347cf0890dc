//! What travels encrypted in the data of ILP packets: requests (RFC 25) and chunks (its first draft).
//!
//! These are the plaintexts; `psk-crypto` seals and opens them.

mod chunk;
mod packet;

use bytes::Bytes;

pub use chunk::{ChunkKind, ChunkPacket, PaymentId, Sequence};
pub use packet::{MAX_REQUEST_DATA_LENGTH, RequestId, RequestKind, RequestPacket};

use crate::error::{DecodeError, EncodeError, Problem};
use crate::oer::Reader;

/// The greatest length of a plaintext, in octets: what ILP data leaves beside nonce (12) and tag (16).
pub const MAX_PLAINTEXT_LENGTH: usize = crate::MAX_DATA_LENGTH - 28;

/// Any PSK packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PskPacket {
    /// Types 4 to 6.
    Request(RequestPacket),
    /// Types 0 to 3.
    Chunk(ChunkPacket),
}

impl PskPacket {
    /// Reads a decrypted packet, sharing the memory of `plaintext`. What follows its last field is junk, by which
    /// senders hide the length of the data, and is ignored (RFC 25, "PSK Packet").
    pub fn decode(plaintext: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(plaintext);
        let packet_type = reader.u8("PSK packet type")?;
        if let Some(kind) = ChunkKind::from_type(packet_type) {
            ChunkPacket::decode_after_type(kind, &mut reader).map(Self::Chunk)
        } else if let Some(kind) = RequestKind::from_type(packet_type) {
            RequestPacket::decode_after_type(kind, &mut reader).map(Self::Request)
        } else {
            Err(DecodeError::new("PSK packet type", 0, Problem::UnexpectedType(packet_type)))
        }
    }

    /// Writes the plaintext.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        match self {
            Self::Request(packet) => packet.encode(),
            Self::Chunk(packet) => packet.encode(),
        }
    }
}

fn check_plaintext(length: usize) -> Result<(), EncodeError> {
    EncodeError::check("PSK packet", length, MAX_PLAINTEXT_LENGTH)
}
