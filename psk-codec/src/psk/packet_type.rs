use core::fmt;

use bytes::{BufMut, Bytes};

use super::check_room;
use crate::error::EncodeError;

/// The first octet of a PSK packet. Types that this crate does not know survive unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct PskPacketType(u8);

impl PskPacketType {
    /// 0: a chunk.
    pub const CHUNK: Self = Self(0);
    /// 1: the last chunk.
    pub const LAST_CHUNK: Self = Self(1);
    /// 2: the answer to a chunk that was taken.
    pub const CHUNK_FULFILLMENT: Self = Self(2);
    /// 3: the answer to a chunk that was not.
    pub const CHUNK_REJECT: Self = Self(3);
    /// 4: a request.
    pub const REQUEST: Self = Self(4);
    /// 5: the answer to a request that was taken.
    pub const RESPONSE: Self = Self(5);
    /// 6: the answer to a request that was not.
    pub const ERROR: Self = Self(6);

    /// A type of this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number on the wire.
    pub const fn number(self) -> u8 {
        self.0
    }

    const fn is_known(self) -> bool {
        self.0 <= Self::ERROR.0
    }
}

impl fmt::Debug for PskPacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PskPacketType({})", self.0)
    }
}

/// A packet of a type that this crate does not know, with all that follows the type, junk included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPskPacket<D = Bytes> {
    packet_type: PskPacketType,
    body: D,
}

impl<D> UnknownPskPacket<D> {
    /// A packet of any type but those that are known, for which it is `None`.
    pub fn new(packet_type: PskPacketType, body: D) -> Option<Self> {
        (!packet_type.is_known()).then_some(Self { packet_type, body })
    }

    pub(super) fn of(packet_type: PskPacketType, body: D) -> Self {
        Self { packet_type, body }
    }

    /// The type.
    pub fn packet_type(&self) -> PskPacketType {
        self.packet_type
    }

    /// All that follows the type.
    pub fn body(&self) -> &D {
        &self.body
    }

    pub(super) fn map_body<E>(self, map: impl FnOnce(D) -> E) -> UnknownPskPacket<E> {
        UnknownPskPacket { packet_type: self.packet_type, body: map(self.body) }
    }
}

impl<D: AsRef<[u8]>> UnknownPskPacket<D> {
    pub(super) fn encoded_length(&self) -> usize {
        1 + self.body.as_ref().len()
    }

    pub(super) fn encode_into(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        check_room(self.encoded_length(), buffer)?;
        buffer.put_u8(self.packet_type.0);
        buffer.put_slice(self.body.as_ref());
        Ok(())
    }
}
