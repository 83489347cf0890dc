//! ILPv4 packets (RFC 27).

mod fulfill;
mod prepare;
mod reject;
mod view;

use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, BufMut, Bytes};

use crate::error::{DecodeError, EncodeError, Problem};
use crate::oer::{self, Reader};

pub use fulfill::Fulfill;
pub use prepare::Prepare;
pub use reject::{AmountTooLarge, Reject};
pub use view::{FulfillView, PacketView, PrepareView, RejectView};

/// The greatest length of a packet's `data`, in octets (RFC 27, `OCTET STRING (SIZE (0..32767))`).
pub const MAX_DATA_LENGTH: usize = 32_767;

/// The first octet of an ILP packet. Types that this crate does not know survive unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct PacketType(u8);

impl PacketType {
    /// 12: a [`Prepare`].
    pub const PREPARE: Self = Self(12);
    /// 13: a [`Fulfill`].
    pub const FULFILL: Self = Self(13);
    /// 14: a [`Reject`].
    pub const REJECT: Self = Self(14);

    /// A type of this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number on the wire.
    pub const fn number(self) -> u8 {
        self.0
    }

    const fn is_known(self) -> bool {
        matches!(self, Self::PREPARE | Self::FULFILL | Self::REJECT)
    }
}

impl fmt::Debug for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PREPARE => f.write_str("PREPARE"),
            Self::FULFILL => f.write_str("FULFILL"),
            Self::REJECT => f.write_str("REJECT"),
            Self(other) => write!(f, "PacketType({other})"),
        }
    }
}

/// Any ILPv4 packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Packet {
    /// Type 12.
    Prepare(Prepare),
    /// Type 13.
    Fulfill(Fulfill),
    /// Type 14.
    Reject(Reject),
    /// Any other type; the older protocols have some, such as 1 for ILPv1 payments.
    Unknown(UnknownPacket),
}

/// A packet of a type that this crate does not know, with contents that it has not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPacket {
    packet_type: PacketType,
    contents: Bytes,
}

impl UnknownPacket {
    /// A packet of any type but the three that are known, for which it is `None`.
    pub fn new(packet_type: PacketType, contents: Bytes) -> Option<Self> {
        (!packet_type.is_known()).then_some(Self { packet_type, contents })
    }

    /// The type.
    pub fn packet_type(&self) -> PacketType {
        self.packet_type
    }

    /// What follows type and length.
    pub fn contents(&self) -> &Bytes {
        &self.contents
    }
}

/// What a [`Prepare`] is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Reply {
    /// The receiver took the money.
    Fulfill(Fulfill),
    /// The money did not move.
    Reject(Reject),
}

impl Packet {
    /// Reads one whole packet, sharing the memory of `octets`.
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        match octets.first().copied().map(PacketType::new) {
            Some(PacketType::PREPARE) => Prepare::decode(octets).map(Self::Prepare),
            Some(PacketType::FULFILL) => Fulfill::decode(octets).map(Self::Fulfill),
            Some(PacketType::REJECT) => Reject::decode(octets).map(Self::Reject),
            Some(packet_type) => {
                let contents = open_envelope(packet_type, &octets)?.position();
                Ok(Self::Unknown(UnknownPacket { packet_type, contents: tail(octets, contents) }))
            }
            None => {
                Err(DecodeError::new("ILP packet type", 0, Problem::Truncated { needed: 1, available: 0 }))
            }
        }
    }

    /// Writes the packet.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        match self {
            Self::Prepare(prepare) => prepare.encode(),
            Self::Fulfill(fulfill) => fulfill.encode(),
            Self::Reject(reject) => reject.encode(),
            Self::Unknown(UnknownPacket { packet_type, contents }) => {
                EncodeError::check("ILP packet contents", contents.len(), u32::MAX as usize)?;
                let mut buffer = start_envelope(*packet_type, contents.len());
                buffer.put_slice(contents);
                Ok(buffer.into())
            }
        }
    }
}

impl Reply {
    /// Reads a Fulfill or a Reject, sharing the memory of `octets`.
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        match Packet::decode(octets)? {
            Packet::Fulfill(fulfill) => Ok(Self::Fulfill(fulfill)),
            Packet::Reject(reject) => Ok(Self::Reject(reject)),
            Packet::Prepare(_) => Err(unexpected_type(PacketType::PREPARE)),
            Packet::Unknown(packet) => Err(unexpected_type(packet.packet_type)),
        }
    }

    /// Writes the packet.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        match self {
            Self::Fulfill(fulfill) => fulfill.encode(),
            Self::Reject(reject) => reject.encode(),
        }
    }
}

impl From<Fulfill> for Reply {
    fn from(fulfill: Fulfill) -> Self {
        Self::Fulfill(fulfill)
    }
}

impl From<Reject> for Reply {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

/// 32 octets: SHA-256 of the [`Fulfillment`] that makes a packet's money move.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Condition([u8; 32]);

/// 32 octets: the preimage of a [`Condition`], shown by the receiver alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fulfillment([u8; 32]);

macro_rules! octets_32 {
    ($name:ident) => {
        impl $name {
            /// From its octets.
            pub const fn new(octets: [u8; 32]) -> Self {
                Self(octets)
            }

            /// Its octets.
            pub const fn octets(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                for octet in self.0 {
                    write!(f, "{octet:02x}")?;
                }
                f.write_str(")")
            }
        }
    };
}

octets_32!(Condition);
octets_32!(Fulfillment);

#[cold]
fn unexpected_type(found: PacketType) -> DecodeError {
    DecodeError::new("ILP packet type", 0, Problem::UnexpectedType(found.number()))
}

/// Takes off type and length: a reader of the contents.
#[inline]
fn open_envelope(expected: PacketType, octets: &[u8]) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(octets);
    let found = PacketType(reader.u8("ILP packet type")?);
    if found != expected {
        return Err(unexpected_type(found));
    }
    let contents = reader.contents("ILP packet contents")?;
    reader.end("ILP packet")?;
    Ok(contents)
}

/// A buffer of the exact size, with type and length of the contents in it.
#[inline]
fn start_envelope(packet_type: PacketType, contents_length: usize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(1 + oer::var_octets_length(contents_length));
    buffer.push(packet_type.number());
    oer::put_length(&mut buffer, contents_length);
    buffer
}

/// The `data` field, which ends every packet.
#[inline]
fn read_data<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let offset = reader.position();
    let data = reader.var_octets("data")?;
    if data.len() > MAX_DATA_LENGTH {
        let problem = Problem::Invalid("more than 32767 octets");
        return Err(DecodeError::new("data", offset, problem));
    }
    reader.end("ILP packet contents")?;
    Ok(data)
}

/// What starts at an offset, without counting one more owner of the memory.
#[inline]
fn tail(mut octets: Bytes, start: usize) -> Bytes {
    octets.advance(start);
    octets
}

fn check_data(length: usize) -> Result<(), EncodeError> {
    EncodeError::check("data", length, MAX_DATA_LENGTH)
}

fn check_message(message: &[u8]) -> Result<(), EncodeError> {
    EncodeError::check("message", message.len(), Reject::MAX_MESSAGE_LENGTH)
}
