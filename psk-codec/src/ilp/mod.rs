//! ILPv4 packets (RFC 27).

mod fulfill;
mod prepare;
mod reject;

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{DecodeError, EncodeError, Problem};
use crate::oer::{self, Reader};

pub use fulfill::Fulfill;
pub use prepare::Prepare;
pub use reject::{AmountTooLarge, Reject};

/// The greatest length of a packet's `data`, in octets (RFC 27, `OCTET STRING (SIZE (0..32767))`).
pub const MAX_DATA_LENGTH: usize = 32_767;

const TYPE_PREPARE: u8 = 12;
const TYPE_FULFILL: u8 = 13;
const TYPE_REJECT: u8 = 14;

/// Any ILPv4 packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Type 12.
    Prepare(Prepare),
    /// Type 13.
    Fulfill(Fulfill),
    /// Type 14.
    Reject(Reject),
}

/// What a [`Prepare`] is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The receiver took the money.
    Fulfill(Fulfill),
    /// The money did not move.
    Reject(Reject),
}

impl Packet {
    /// Reads one whole packet, sharing the memory of `octets`.
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        let (packet_type, contents) = open_envelope(octets)?;
        match packet_type {
            TYPE_PREPARE => Prepare::decode_contents(contents).map(Self::Prepare),
            TYPE_FULFILL => Fulfill::decode_contents(contents).map(Self::Fulfill),
            TYPE_REJECT => Reject::decode_contents(contents).map(Self::Reject),
            other => Err(unexpected_type(other)),
        }
    }

    /// Writes the packet.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        match self {
            Self::Prepare(prepare) => prepare.encode(),
            Self::Fulfill(fulfill) => fulfill.encode(),
            Self::Reject(reject) => reject.encode(),
        }
    }
}

impl Reply {
    /// Reads a Fulfill or a Reject, sharing the memory of `octets`.
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        match Packet::decode(octets)? {
            Packet::Fulfill(fulfill) => Ok(Self::Fulfill(fulfill)),
            Packet::Reject(reject) => Ok(Self::Reject(reject)),
            Packet::Prepare(_) => Err(unexpected_type(TYPE_PREPARE)),
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

fn unexpected_type(found: u8) -> DecodeError {
    DecodeError::new("ILP packet type", 0, Problem::UnexpectedType(found))
}

/// Takes off type and length: the type, and a reader of the contents.
fn open_envelope(octets: Bytes) -> Result<(u8, Reader), DecodeError> {
    let mut reader = Reader::new(octets);
    let packet_type = reader.u8("ILP packet type")?;
    let contents = reader.var_octets("ILP packet contents")?;
    reader.end("ILP packet")?;
    Ok((packet_type, Reader::new(contents)))
}

/// As [`open_envelope`], for one type alone.
fn open_envelope_of(expected: u8, octets: Bytes) -> Result<Reader, DecodeError> {
    match open_envelope(octets)? {
        (found, contents) if found == expected => Ok(contents),
        (found, _) => Err(unexpected_type(found)),
    }
}

/// A buffer of the exact size, with type and length of the contents in it.
fn start_envelope(packet_type: u8, contents_length: usize) -> BytesMut {
    let mut buffer = BytesMut::with_capacity(1 + oer::var_octets_length(contents_length));
    buffer.put_u8(packet_type);
    oer::put_length(&mut buffer, contents_length);
    buffer
}

/// The `data` field, which ends every packet.
fn read_data(reader: &mut Reader) -> Result<Bytes, DecodeError> {
    let offset = reader.position();
    let data = reader.var_octets("data")?;
    if data.len() > MAX_DATA_LENGTH {
        let problem = Problem::Invalid("more than 32767 octets");
        return Err(DecodeError::new("data", offset, problem));
    }
    reader.end("ILP packet contents")?;
    Ok(data)
}

fn check_data(data: &Bytes) -> Result<(), EncodeError> {
    EncodeError::check("data", data.len(), MAX_DATA_LENGTH)
}
