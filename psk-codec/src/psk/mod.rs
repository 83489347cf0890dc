//! What travels encrypted in the data of ILP packets: requests (RFC 25) and chunks (its first draft).
//!
//! These are the plaintexts; `psk-crypto` seals and opens them. What chunks carry beside the money is in [`frame`].

mod chunk;
pub mod frame;
mod packet;
mod packet_type;

use alloc::vec::Vec;

use bytes::{BufMut, Bytes};

pub use chunk::{ChunkKind, ChunkPacket, MAX_APPLICATION_DATA_LENGTH, PaymentId, Sequence};
pub use packet::{MAX_REQUEST_DATA_LENGTH, RequestId, RequestKind, RequestPacket};
pub use packet_type::{PskPacketType, UnknownPskPacket};

use crate::error::{DecodeError, EncodeError};
use crate::oer::Reader;

/// The greatest length of a plaintext, in octets: what ILP data leaves beside nonce (12) and tag (16).
pub const MAX_PLAINTEXT_LENGTH: usize = crate::MAX_DATA_LENGTH - 28;

/// Any PSK packet. Its data is shared ([`Bytes`]) or borrowed (`&[u8]`).
///
/// ```
/// use psk_codec::Amount;
/// use psk_codec::psk::{PskPacket, RequestId, RequestKind, RequestPacket};
///
/// let (kind, request_id) = (RequestKind::Request, RequestId::new(7));
/// let packet = PskPacket::Request(RequestPacket { kind, request_id, amount: Amount::new(5), data: &b"hi"[..] });
/// let plaintext = packet.encode()?;
/// assert_eq!(plaintext, "\x04\0\0\0\x07\0\0\0\0\0\0\0\x05\x02hi");
/// assert_eq!(PskPacket::read(&plaintext)?, packet);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        rename_all = "snake_case",
        bound(serialize = "D: AsRef<[u8]>", deserialize = "D: From<alloc::vec::Vec<u8>>")
    )
)]
pub enum PskPacket<D = Bytes> {
    /// Types 4 to 6.
    Request(RequestPacket<D>),
    /// Types 0 to 3.
    Chunk(ChunkPacket<D>),
    /// Any other type.
    Unknown(UnknownPskPacket<D>),
}

impl PskPacket {
    /// Reads a decrypted packet, sharing the memory of `plaintext`; otherwise as [`PskPacket::read`].
    pub fn decode(plaintext: Bytes) -> Result<Self, DecodeError> {
        Ok(PskPacket::read(&plaintext)?.map_data(|data| plaintext.slice_ref(data)))
    }
}

impl<'a> PskPacket<&'a [u8]> {
    /// Reads a decrypted packet where it stands. What follows its last field is junk, by which senders hide the
    /// length of the data, and is ignored (RFC 25, "PSK Packet"). Of an unknown type, all is kept.
    #[inline]
    pub fn read(plaintext: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(plaintext);
        let packet_type = PskPacketType::new(reader.u8("PSK packet type")?);
        if let Some(kind) = ChunkKind::from_type(packet_type) {
            ChunkPacket::read(kind, &mut reader).map(Self::Chunk)
        } else if let Some(kind) = RequestKind::from_type(packet_type) {
            RequestPacket::read(kind, &mut reader).map(Self::Request)
        } else {
            Ok(Self::Unknown(UnknownPskPacket::of(packet_type, reader.rest())))
        }
    }
}

impl<D> PskPacket<D> {
    fn map_data<E>(self, map: impl FnOnce(D) -> E) -> PskPacket<E> {
        match self {
            Self::Request(RequestPacket { kind, request_id, amount, data }) => {
                PskPacket::Request(RequestPacket { kind, request_id, amount, data: map(data) })
            }
            Self::Chunk(packet) => PskPacket::Chunk(ChunkPacket {
                kind: packet.kind,
                payment_id: packet.payment_id,
                sequence: packet.sequence,
                payment_amount: packet.payment_amount,
                chunk_amount: packet.chunk_amount,
                application_data: map(packet.application_data),
            }),
            Self::Unknown(packet) => PskPacket::Unknown(packet.map_body(map)),
        }
    }
}

impl<D: AsRef<[u8]>> PskPacket<D> {
    /// The length of the plaintext without junk, in octets.
    pub fn encoded_length(&self) -> usize {
        match self {
            Self::Request(packet) => packet.encoded_length(),
            Self::Chunk(packet) => packet.encoded_length(),
            Self::Unknown(packet) => packet.encoded_length(),
        }
    }

    /// Writes the plaintext. Fails for more than [`MAX_PLAINTEXT_LENGTH`] octets.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        encoded(self.encoded_length(), |buffer| self.encode_into(buffer))
    }

    /// As [`encode`](PskPacket::encode), into a buffer such as the data of a packet. Fails also for one that has
    /// no room for [`encoded_length`](PskPacket::encoded_length) octets. Zeros that are left behind the packet are
    /// junk, by which its length is hidden.
    #[inline]
    pub fn encode_into(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        match self {
            Self::Request(packet) => packet.encode_into(buffer),
            Self::Chunk(packet) => packet.encode_into(buffer),
            Self::Unknown(packet) => packet.encode_into(buffer),
        }
    }
}

/// What is written, in a buffer of the exact size.
#[inline]
fn encoded(
    length: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<Bytes, EncodeError> {
    // What is longer is refused, and needs no room for that.
    let mut buffer = Vec::with_capacity(length.min(MAX_PLAINTEXT_LENGTH));
    write(&mut buffer)?;
    Ok(buffer.into())
}

/// Whether a plaintext of this length may be, and fits the buffer.
#[inline]
fn check_room(length: usize, buffer: &impl BufMut) -> Result<(), EncodeError> {
    EncodeError::check("PSK packet", length, buffer.remaining_mut().min(MAX_PLAINTEXT_LENGTH))
}
