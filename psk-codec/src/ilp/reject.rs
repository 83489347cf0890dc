use alloc::borrow::Cow;
use alloc::string::String;

use bytes::Bytes;

use super::view::{RejectView, start_reject};
use super::{check_data, check_message};
use crate::error::{DecodeError, EncodeError};
use crate::oer::{self, Reader};
use crate::{Address, Amount, ErrorCode};

/// The answer that says that the money did not move, and why (RFC 27, "ILP Reject").
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Reject {
    /// Why.
    pub code: ErrorCode,
    /// Who says so; some stacks leave it empty.
    pub triggered_by: Option<Address>,
    /// A message for people, UTF-8 if the other side keeps the rules, at most [`Reject::MAX_MESSAGE_LENGTH`]
    /// octets. It is readable by every hop.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_forms::text"))]
    pub message: Bytes,
    /// Data for the sender, at most [`MAX_DATA_LENGTH`](crate::MAX_DATA_LENGTH) octets: encrypted when the
    /// receiver wrote it, in the clear when a connector did.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_forms::octets"))]
    pub data: Bytes,
}

impl Reject {
    /// The greatest length of the message, in octets (RFC 27, `UTF8String (SIZE (0..8191))`).
    pub const MAX_MESSAGE_LENGTH: usize = 8_191;

    /// A rejection without message and data.
    pub fn new(code: ErrorCode, triggered_by: Address) -> Self {
        Self { code, triggered_by: Some(triggered_by), message: Bytes::new(), data: Bytes::new() }
    }

    /// The same with a message for people.
    pub fn with_message(self, message: impl Into<Bytes>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// The same with data for the sender.
    pub fn with_data(self, data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), ..self }
    }

    /// The message as text; what is not UTF-8 is replaced.
    pub fn message_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.message)
    }

    /// Reads one whole packet, sharing the memory of `octets`.
    #[inline]
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        RejectView::new(octets).map(Self::from)
    }

    /// Writes the packet.
    #[inline]
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        check_message(&self.message)?;
        check_data(self.data.len())?;
        let triggered_by = self.triggered_by.as_ref().map_or(&[][..], |by| by.as_octets());
        let mut buffer = start_reject(self.code, triggered_by, &self.message, self.data.len());
        oer::put_var_octets(&mut buffer, &self.data);
        Ok(buffer.into())
    }
}

/// The data of an `F08` rejection (RFC 27, "F08: Amount Too Large"). Written by a connector in the clear: nobody
/// vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct AmountTooLarge {
    /// What arrived at the hop that rejects, in the units of that hop.
    pub received: Amount,
    /// What that hop takes at most, in the same units.
    pub maximum: Amount,
}

impl AmountTooLarge {
    /// The length on the wire, in octets.
    pub const LENGTH: usize = 16;

    /// Reads the data of a Reject. Fewer than 16 octets are an error; more are left to extensions, as npm
    /// connectors append nothing but RFC 27 does not forbid it.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let received = Amount::new(reader.u64("receivedAmount")?);
        let maximum = Amount::new(reader.u64("maximumAmount")?);
        Ok(Self { received, maximum })
    }

    /// Writes the data of a Reject.
    pub fn encode(&self) -> Bytes {
        let mut octets = [0; Self::LENGTH];
        octets[..8].copy_from_slice(&self.received.units().to_be_bytes());
        octets[8..].copy_from_slice(&self.maximum.units().to_be_bytes());
        Bytes::copy_from_slice(&octets)
    }
}
