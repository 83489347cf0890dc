use std::borrow::Cow;

use bytes::{BufMut, Bytes};

use super::{TYPE_REJECT, check_data, open_envelope_of, read_data, start_envelope};
use crate::error::{DecodeError, EncodeError, Problem};
use crate::oer::{self, Reader};
use crate::{Address, Amount, ErrorCode};

/// The answer that says that the money did not move, and why (RFC 27, "ILP Reject").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub code: ErrorCode,
    /// Who says so; some stacks leave it empty.
    pub triggered_by: Option<Address>,
    /// A message for people, UTF-8 if the other side keeps the rules, at most [`Reject::MAX_MESSAGE_LENGTH`]
    /// octets. It is readable by every hop.
    pub message: Bytes,
    /// Data for the sender, at most [`MAX_DATA_LENGTH`](crate::MAX_DATA_LENGTH) octets: encrypted when the
    /// receiver wrote it, in the clear when a connector did.
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
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        Self::decode_contents(open_envelope_of(TYPE_REJECT, octets)?)
    }

    pub(super) fn decode_contents(mut reader: Reader) -> Result<Self, DecodeError> {
        let code = ErrorCode::new(reader.array("code")?);
        let offset = reader.position();
        let triggered_by = reader.var_octets("triggeredBy")?;
        // PROTOCOL.md section 2: triggeredBy may be empty on the wire.
        let triggered_by = match triggered_by.is_empty() {
            true => None,
            false => Some(Address::from_octets(triggered_by).map_err(|_| {
                DecodeError::new("triggeredBy", offset, Problem::Invalid("not an ILP address"))
            })?),
        };
        let offset = reader.position();
        let message = reader.var_octets("message")?;
        if message.len() > Self::MAX_MESSAGE_LENGTH {
            let problem = Problem::Invalid("more than 8191 octets");
            return Err(DecodeError::new("message", offset, problem));
        }
        Ok(Self { code, triggered_by, message, data: read_data(&mut reader)? })
    }

    /// Writes the packet.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        EncodeError::check("message", self.message.len(), Self::MAX_MESSAGE_LENGTH)?;
        check_data(&self.data)?;
        let triggered_by = self.triggered_by.as_ref().map_or(&[][..], |by| by.as_octets());
        let contents_length = 3
            + oer::var_octets_length(triggered_by.len())
            + oer::var_octets_length(self.message.len())
            + oer::var_octets_length(self.data.len());
        let mut buffer = start_envelope(TYPE_REJECT, contents_length);
        buffer.put_slice(&self.code.octets());
        oer::put_var_octets(&mut buffer, triggered_by);
        oer::put_var_octets(&mut buffer, &self.message);
        oer::put_var_octets(&mut buffer, &self.data);
        Ok(buffer.freeze())
    }
}

/// The data of an `F08` rejection (RFC 27, "F08: Amount Too Large"). Written by a connector in the clear: nobody
/// vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub fn decode(data: &Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data.clone());
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
