use bytes::{BufMut, Bytes};

use super::{Condition, TYPE_PREPARE, check_data, open_envelope_of, read_data, start_envelope};
use crate::error::{DecodeError, EncodeError, Problem};
use crate::oer::{self, Reader};
use crate::{Address, Amount, Timestamp};

/// An offer of money on the condition that a fulfillment is shown in time (RFC 27, "ILP Prepare").
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub data: Bytes,
}

const FIXED_LENGTH: usize = 8 + Timestamp::LENGTH + 32;

impl Prepare {
    /// Reads one whole packet, sharing the memory of `octets`.
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        Self::decode_contents(open_envelope_of(TYPE_PREPARE, octets)?)
    }

    pub(super) fn decode_contents(mut reader: Reader) -> Result<Self, DecodeError> {
        let amount = Amount::new(reader.u64("amount")?);
        let expires_at = Timestamp::decode(reader.array("expiresAt")?)?;
        let condition = Condition::new(reader.array("executionCondition")?);
        let offset = reader.position();
        let destination = Address::from_octets(reader.var_octets("destination")?)
            .map_err(|_| DecodeError::new("destination", offset, Problem::Invalid("not an ILP address")))?;
        let data = read_data(&mut reader)?;
        Ok(Self { amount, expires_at, condition, destination, data })
    }

    /// The length of the whole packet, in octets.
    pub fn encoded_length(&self) -> usize {
        1 + oer::var_octets_length(self.contents_length())
    }

    /// Writes the packet.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        check_data(&self.data)?;
        let mut buffer = start_envelope(TYPE_PREPARE, self.contents_length());
        buffer.put_u64(self.amount.units());
        buffer.put_slice(&self.expires_at.encode());
        buffer.put_slice(self.condition.octets());
        oer::put_var_octets(&mut buffer, self.destination.as_octets());
        oer::put_var_octets(&mut buffer, &self.data);
        Ok(buffer.freeze())
    }

    fn contents_length(&self) -> usize {
        FIXED_LENGTH
            + oer::var_octets_length(self.destination.as_octets().len())
            + oer::var_octets_length(self.data.len())
    }
}
