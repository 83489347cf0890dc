use bytes::{BufMut, Bytes};

use super::{FulfillView, Fulfillment, PacketType, check_data, start_envelope};
use crate::error::{DecodeError, EncodeError};
use crate::oer;

/// The answer that makes the money of a [`Prepare`](crate::Prepare) move (RFC 27, "ILP Fulfill").
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Fulfill {
    /// The preimage of the Prepare's condition.
    pub fulfillment: Fulfillment,
    /// End-to-end data, at most [`MAX_DATA_LENGTH`](crate::MAX_DATA_LENGTH) octets.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_forms::octets"))]
    pub data: Bytes,
}

impl Fulfill {
    /// Reads one whole packet, sharing the memory of `octets`.
    #[inline]
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        FulfillView::new(octets).map(Self::from)
    }

    /// Writes the packet.
    #[inline]
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        check_data(self.data.len())?;
        let contents_length = 32 + oer::var_octets_length(self.data.len());
        let mut buffer = start_envelope(PacketType::FULFILL, contents_length);
        buffer.put_slice(self.fulfillment.octets());
        oer::put_var_octets(&mut buffer, &self.data);
        Ok(buffer.into())
    }
}
