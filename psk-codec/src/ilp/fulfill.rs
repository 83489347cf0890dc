use bytes::{BufMut, Bytes};

use super::{Fulfillment, TYPE_FULFILL, check_data, open_envelope_of, read_data, start_envelope};
use crate::error::{DecodeError, EncodeError};
use crate::oer::{self, Reader};

/// The answer that makes the money of a [`Prepare`](crate::Prepare) move (RFC 27, "ILP Fulfill").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fulfill {
    /// The preimage of the Prepare's condition.
    pub fulfillment: Fulfillment,
    /// End-to-end data, at most [`MAX_DATA_LENGTH`](crate::MAX_DATA_LENGTH) octets.
    pub data: Bytes,
}

impl Fulfill {
    /// Reads one whole packet, sharing the memory of `octets`.
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        Self::decode_contents(open_envelope_of(TYPE_FULFILL, octets)?)
    }

    pub(super) fn decode_contents(mut reader: Reader) -> Result<Self, DecodeError> {
        let fulfillment = Fulfillment::new(reader.array("fulfillment")?);
        Ok(Self { fulfillment, data: read_data(&mut reader)? })
    }

    /// Writes the packet.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        check_data(&self.data)?;
        let mut buffer = start_envelope(TYPE_FULFILL, 32 + oer::var_octets_length(self.data.len()));
        buffer.put_slice(self.fulfillment.octets());
        oer::put_var_octets(&mut buffer, &self.data);
        Ok(buffer.freeze())
    }
}
