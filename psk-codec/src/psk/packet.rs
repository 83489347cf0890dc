use core::fmt;

use bytes::{BufMut, Bytes};

use super::{MAX_PLAINTEXT_LENGTH, PskPacketType, check_room, encoded};
use crate::Amount;
use crate::error::{DecodeError, EncodeError};
use crate::oer::{self, Reader};

/// The greatest length of the data of a request or response, in octets.
pub const MAX_REQUEST_DATA_LENGTH: usize = MAX_PLAINTEXT_LENGTH - FIXED_LENGTH - 3;

const FIXED_LENGTH: usize = 1 + 4 + 8;

/// Which of the three packets of RFC 25 it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum RequestKind {
    /// Type 4, only in a Prepare.
    Request,
    /// Type 5, only in a Fulfill.
    Response,
    /// Type 6, only in a Reject.
    Error,
}

impl RequestKind {
    #[inline]
    pub(super) fn from_type(packet_type: PskPacketType) -> Option<Self> {
        match packet_type {
            PskPacketType::REQUEST => Some(Self::Request),
            PskPacketType::RESPONSE => Some(Self::Response),
            PskPacketType::ERROR => Some(Self::Error),
            _ => None,
        }
    }

    /// The type on the wire.
    pub fn packet_type(self) -> PskPacketType {
        match self {
            Self::Request => PskPacketType::REQUEST,
            Self::Response => PskPacketType::RESPONSE,
            Self::Error => PskPacketType::ERROR,
        }
    }
}

/// Ties a response to its request. Random, unique among the requests in flight under one secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
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

/// A request, its response or its error (RFC 25, "PSK Packet"). Its data is shared ([`Bytes`]) or borrowed
/// (`&[u8]`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(
    feature = "serde",
    serde(bound(serialize = "D: AsRef<[u8]>", deserialize = "D: From<alloc::vec::Vec<u8>>"))
)]
pub struct RequestPacket<D = Bytes> {
    /// Which of the three.
    pub kind: RequestKind,
    /// The same in a request and its answer.
    pub request_id: RequestId,
    /// In a request the least that the receiver must get to fulfill it; in an answer what arrived. Units of the
    /// receiver's asset.
    pub amount: Amount,
    /// Application data, at most [`MAX_REQUEST_DATA_LENGTH`] octets.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_forms::octets"))]
    pub data: D,
}

impl<'a> RequestPacket<&'a [u8]> {
    #[inline]
    pub(super) fn read(kind: RequestKind, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            kind,
            request_id: RequestId(reader.u32("requestId")?),
            amount: Amount::new(reader.u64("amount")?),
            data: reader.var_octets("data")?,
        })
    }
}

impl<D: AsRef<[u8]>> RequestPacket<D> {
    /// The length of the plaintext without junk, in octets.
    pub fn encoded_length(&self) -> usize {
        FIXED_LENGTH + oer::var_octets_length(self.data.as_ref().len())
    }

    /// Writes the plaintext, without junk. Fails for more than [`MAX_PLAINTEXT_LENGTH`].
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        encoded(self.encoded_length(), |buffer| self.encode_into(buffer))
    }

    /// As [`encode`](RequestPacket::encode), into a buffer such as the data of a packet. Fails also for one that
    /// has no room for [`encoded_length`](RequestPacket::encoded_length) octets.
    #[inline]
    pub fn encode_into(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        check_room(self.encoded_length(), buffer)?;
        let mut fixed = [0; FIXED_LENGTH];
        fixed[0] = self.kind.packet_type().number();
        fixed[1..5].copy_from_slice(&self.request_id.0.to_be_bytes());
        fixed[5..].copy_from_slice(&self.amount.units().to_be_bytes());
        buffer.put_slice(&fixed);
        oer::put_var_octets(buffer, self.data.as_ref());
        Ok(())
    }
}
