use core::fmt;

use bytes::{BufMut, Bytes};

use super::{MAX_PLAINTEXT_LENGTH, PskPacketType, check_room, encoded};
use crate::Amount;
use crate::error::{DecodeError, EncodeError};
use crate::oer::{self, Reader};

/// Which of the four packets of a chunked payment it is.
///
/// The field table of RFC 25's first draft numbers the responses 3 and 4, its type table and the npm package 2 and
/// 3; so do we (PROTOCOL.md section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ChunkKind {
    /// Type 0, only in a Prepare.
    Chunk,
    /// Type 1, only in a Prepare: no more will follow once it is fulfilled.
    LastChunk,
    /// Type 2, only in a Fulfill.
    Fulfillment,
    /// Type 3, only in a Reject.
    Reject,
}

impl ChunkKind {
    #[inline]
    pub(super) fn from_type(packet_type: PskPacketType) -> Option<Self> {
        match packet_type {
            PskPacketType::CHUNK => Some(Self::Chunk),
            PskPacketType::LAST_CHUNK => Some(Self::LastChunk),
            PskPacketType::CHUNK_FULFILLMENT => Some(Self::Fulfillment),
            PskPacketType::CHUNK_REJECT => Some(Self::Reject),
            _ => None,
        }
    }

    /// The type on the wire.
    pub fn packet_type(self) -> PskPacketType {
        match self {
            Self::Chunk => PskPacketType::CHUNK,
            Self::LastChunk => PskPacketType::LAST_CHUNK,
            Self::Fulfillment => PskPacketType::CHUNK_FULFILLMENT,
            Self::Reject => PskPacketType::CHUNK_REJECT,
        }
    }
}

/// Names a chunked payment; random, so that it also serves as the caller's idempotence key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentId([u8; 16]);

impl PaymentId {
    /// From its octets.
    pub const fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// Its octets.
    pub const fn octets(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for PaymentId {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PaymentId({self})")
    }
}

/// The number of a chunk in its payment, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Sequence(u32);

impl Sequence {
    /// The first chunk.
    pub const FIRST: Self = Self(0);

    /// The chunk of this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The one after it; `None` after 2^32 - 1.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sequence({})", self.0)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A chunk of a payment, or the answer to one (first draft of RFC 25, "PSK Packet"). Its application data is shared
/// ([`Bytes`]) or borrowed (`&[u8]`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(
    feature = "serde",
    serde(bound(serialize = "D: AsRef<[u8]>", deserialize = "D: From<alloc::vec::Vec<u8>>"))
)]
pub struct ChunkPacket<D = Bytes> {
    /// Which of the four.
    pub kind: ChunkKind,
    /// The payment it belongs to.
    pub payment_id: PaymentId,
    /// The same in a chunk and its answer.
    pub sequence: Sequence,
    /// In a chunk the total to be delivered, [`ChunkPacket::OPEN_ENDED`] when the sender decides; in an answer the
    /// total received so far. Units of the receiver's asset.
    pub payment_amount: Amount,
    /// In a chunk the least that the receiver must get to fulfill it; in an answer what arrived with this chunk.
    /// Units of the receiver's asset.
    pub chunk_amount: Amount,
    /// Data of the application, or [frames](super::frame).
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_forms::octets"))]
    pub application_data: D,
}

/// The greatest length of the application data of a chunk packet, in octets.
pub const MAX_APPLICATION_DATA_LENGTH: usize = MAX_PLAINTEXT_LENGTH - FIXED_LENGTH - 3 - 1;

/// type, payment id, sequence, two amounts; the extension octet is counted apart.
const FIXED_LENGTH: usize = 1 + 16 + 4 + 8 + 8;

impl ChunkPacket {
    /// The payment amount that says that the sender decides when it ends. The draft takes 0 for that, but a JS
    /// receiver takes 0 as reached after one chunk (PROTOCOL.md section 2).
    pub const OPEN_ENDED: Amount = Amount::MAX;
}

impl<'a> ChunkPacket<&'a [u8]> {
    #[inline]
    pub(super) fn read(kind: ChunkKind, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let packet = Self {
            kind,
            payment_id: PaymentId(*reader.array("paymentId")?),
            sequence: Sequence(reader.u32("sequence")?),
            payment_amount: Amount::new(reader.u64("paymentAmount")?),
            chunk_amount: Amount::new(reader.u64("chunkAmount")?),
            application_data: reader.var_octets("applicationData")?,
        };
        // Written as 0 by all known senders and read by none: with what follows, it is junk.
        reader.u8("extension")?;
        Ok(packet)
    }
}

impl<D: AsRef<[u8]>> ChunkPacket<D> {
    /// The length of the plaintext without junk, in octets.
    pub fn encoded_length(&self) -> usize {
        FIXED_LENGTH + oer::var_octets_length(self.application_data.as_ref().len()) + 1
    }

    /// Writes the plaintext, without junk. Fails for more than
    /// [`MAX_PLAINTEXT_LENGTH`](super::MAX_PLAINTEXT_LENGTH).
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        encoded(self.encoded_length(), |buffer| self.encode_into(buffer))
    }

    /// As [`encode`](ChunkPacket::encode), into a buffer such as the data of a packet. Fails also for one that has
    /// no room for [`encoded_length`](ChunkPacket::encoded_length) octets.
    #[inline]
    pub fn encode_into(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        check_room(self.encoded_length(), buffer)?;
        let mut fixed = [0; FIXED_LENGTH];
        fixed[0] = self.kind.packet_type().number();
        fixed[1..17].copy_from_slice(&self.payment_id.0);
        fixed[17..21].copy_from_slice(&self.sequence.0.to_be_bytes());
        fixed[21..29].copy_from_slice(&self.payment_amount.units().to_be_bytes());
        fixed[29..].copy_from_slice(&self.chunk_amount.units().to_be_bytes());
        buffer.put_slice(&fixed);
        oer::put_var_octets(buffer, self.application_data.as_ref());
        buffer.put_u8(0);
        Ok(())
    }
}
