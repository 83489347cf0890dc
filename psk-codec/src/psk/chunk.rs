use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::check_plaintext;
use crate::Amount;
use crate::error::{DecodeError, EncodeError};
use crate::oer::{self, Reader};

/// Which of the four packets of a chunked payment it is.
///
/// The field table of RFC 25's first draft numbers the responses 3 and 4, its type table and the npm package 2 and
/// 3; so do we (PROTOCOL.md section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    pub(super) fn from_type(packet_type: u8) -> Option<Self> {
        match packet_type {
            0 => Some(Self::Chunk),
            1 => Some(Self::LastChunk),
            2 => Some(Self::Fulfillment),
            3 => Some(Self::Reject),
            _ => None,
        }
    }

    fn packet_type(self) -> u8 {
        match self {
            Self::Chunk => 0,
            Self::LastChunk => 1,
            Self::Fulfillment => 2,
            Self::Reject => 3,
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

/// A chunk of a payment, or the answer to one (first draft of RFC 25, "PSK Packet").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkPacket {
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
    /// Data of the application, or frames.
    pub application_data: Bytes,
}

/// type, payment id, sequence, two amounts; the extension octet is counted apart.
const FIXED_LENGTH: usize = 1 + 16 + 4 + 8 + 8;

impl ChunkPacket {
    /// The payment amount that says that the sender decides when it ends. The draft takes 0 for that, but a JS
    /// receiver takes 0 as reached after one chunk (PROTOCOL.md section 2).
    pub const OPEN_ENDED: Amount = Amount::MAX;

    pub(super) fn decode_after_type(kind: ChunkKind, reader: &mut Reader) -> Result<Self, DecodeError> {
        let packet = Self {
            kind,
            payment_id: PaymentId(reader.array("paymentId")?),
            sequence: Sequence(reader.u32("sequence")?),
            payment_amount: Amount::new(reader.u64("paymentAmount")?),
            chunk_amount: Amount::new(reader.u64("chunkAmount")?),
            application_data: reader.var_octets("applicationData")?,
        };
        // Written as 0 by all known senders and read by none: with what follows, it is junk.
        reader.u8("extension")?;
        Ok(packet)
    }

    /// Writes the plaintext, without junk.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let length = FIXED_LENGTH + oer::var_octets_length(self.application_data.len()) + 1;
        check_plaintext(length)?;
        let mut buffer = BytesMut::with_capacity(length);
        buffer.put_u8(self.kind.packet_type());
        buffer.put_slice(&self.payment_id.0);
        buffer.put_u32(self.sequence.0);
        buffer.put_u64(self.payment_amount.units());
        buffer.put_u64(self.chunk_amount.units());
        oer::put_var_octets(&mut buffer, &self.application_data);
        buffer.put_u8(0);
        Ok(buffer.freeze())
    }
}
