use bytes::Bytes;

use super::view::{FIXED_LENGTH, PrepareView, put_fixed};
use super::{Condition, PacketType, check_data, start_envelope};
use crate::error::{DecodeError, EncodeError};
use crate::oer;
use crate::{Address, Amount, Timestamp};

/// An offer of money on the condition that a fulfillment is shown in time (RFC 27, "ILP Prepare").
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Prepare {
    /// Units of the asset of the link it travels on.
    pub amount: Amount,
    /// When the offer ends.
    pub expires_at: Timestamp,
    /// What the fulfillment must hash to.
    pub condition: Condition,
    /// Whom it is for.
    pub destination: Address,
    /// End-to-end data, at most [`MAX_DATA_LENGTH`](crate::MAX_DATA_LENGTH) octets.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_forms::octets"))]
    pub data: Bytes,
}

impl Prepare {
    /// Reads one whole packet, sharing the memory of `octets`.
    #[inline]
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        PrepareView::new(octets).map(Self::from)
    }

    /// The length of the whole packet, in octets.
    pub fn encoded_length(&self) -> usize {
        1 + oer::var_octets_length(self.contents_length())
    }

    /// Writes the packet.
    #[inline]
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        check_data(self.data.len())?;
        let mut buffer = start_envelope(PacketType::PREPARE, self.contents_length());
        put_fixed(&mut buffer, self.amount, self.expires_at, &self.condition);
        oer::put_var_octets(&mut buffer, self.destination.as_octets());
        oer::put_var_octets(&mut buffer, &self.data);
        Ok(buffer.into())
    }

    fn contents_length(&self) -> usize {
        FIXED_LENGTH
            + oer::var_octets_length(self.destination.as_octets().len())
            + oer::var_octets_length(self.data.len())
    }
}
