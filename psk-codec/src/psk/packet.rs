use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{MAX_PLAINTEXT_LENGTH, check_plaintext};
use crate::Amount;
use crate::error::{DecodeError, EncodeError};
use crate::oer::{self, Reader};

/// The greatest length of the data of a request or response, in octets.
pub const MAX_REQUEST_DATA_LENGTH: usize = MAX_PLAINTEXT_LENGTH - FIXED_LENGTH - 3;

const FIXED_LENGTH: usize = 1 + 4 + 8;

/// Which of the three packets of RFC 25 it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// Type 4, only in a Prepare.
    Request,
    /// Type 5, only in a Fulfill.
    Response,
    /// Type 6, only in a Reject.
    Error,
}

impl RequestKind {
    pub(super) fn from_type(packet_type: u8) -> Option<Self> {
        match packet_type {
            4 => Some(Self::Request),
            5 => Some(Self::Response),
            6 => Some(Self::Error),
            _ => None,
        }
    }

    fn packet_type(self) -> u8 {
        match self {
            Self::Request => 4,
            Self::Response => 5,
            Self::Error => 6,
        }
    }
}

/// Ties a response to its request. Random, unique among the requests in flight under one secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u32);

impl RequestId {
    /// An id of this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A request, its response or its error (RFC 25, "PSK Packet").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPacket {
    /// Which of the three.
    pub kind: RequestKind,
    /// The same in a request and its answer.
    pub request_id: RequestId,
    /// In a request the least that the receiver must get to fulfill it; in an answer what arrived. Units of the
    /// receiver's asset.
    pub amount: Amount,
    /// Application data, at most [`MAX_REQUEST_DATA_LENGTH`] octets.
    pub data: Bytes,
}

impl RequestPacket {
    pub(super) fn decode_after_type(kind: RequestKind, reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            kind,
            request_id: RequestId(reader.u32("requestId")?),
            amount: Amount::new(reader.u64("amount")?),
            data: reader.var_octets("data")?,
        })
    }

    /// Writes the plaintext, without junk.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let length = FIXED_LENGTH + oer::var_octets_length(self.data.len());
        check_plaintext(length)?;
        let mut buffer = BytesMut::with_capacity(length);
        buffer.put_u8(self.kind.packet_type());
        buffer.put_u32(self.request_id.0);
        buffer.put_u64(self.amount.units());
        oer::put_var_octets(&mut buffer, &self.data);
        Ok(buffer.freeze())
    }
}
