//! The Interledger Dynamic Configuration Protocol (RFC 31): how a client learns its address and its asset.
//!
//! ```
//! use psk_codec::Timestamp;
//! use psk_codec::ildcp::{self, AccountDetails};
//!
//! let request = ildcp::request(Timestamp::from_unix_millis(1_700_000_000_000)?);
//! assert!(ildcp::is_request(&request));
//! let details = AccountDetails {
//!     address: "test.connector.alice".parse()?,
//!     asset_scale: 9,
//!     asset_code: "XRP".into(),
//! };
//! assert_eq!(AccountDetails::from_fulfill(&details.to_fulfill()?)?, details);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use bytes::{BufMut, Bytes};

use crate::error::{DecodeError, EncodeError, Problem};
use crate::oer::{self, Reader};
use crate::{Address, AddressRef, Amount, Condition, Fulfill, Fulfillment, Prepare, Timestamp};

/// What every request is fulfilled with: no money moves, so it is no secret.
pub const FULFILLMENT: Fulfillment = Fulfillment::new([0; 32]);

/// The condition of every request: SHA-256 of 32 zero octets.
pub const CONDITION: Condition = Condition::new([
    0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77, 0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f, 0x8e, 0x20, 0x08,
    0x97, 0x14, 0x85, 0x6e, 0xe2, 0x33, 0xb3, 0x90, 0x2a, 0x59, 0x1d, 0x0d, 0x5f, 0x29, 0x25,
]);

static PEER_CONFIG: Address = Address::from_static(b"peer.config");

/// What IL-DCP tells about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct AccountDetails {
    /// The ILP address of the one who asked.
    pub address: Address,
    /// One unit of the account is 10^-scale of the asset.
    pub asset_scale: u8,
    /// Such as `USD` or `XRP`.
    pub asset_code: String,
}

/// The Prepare that asks the peer for the details of our account with it. Connectors cap its life at 30 s.
pub fn request(expires_at: Timestamp) -> Prepare {
    Prepare {
        amount: Amount::ZERO,
        expires_at,
        condition: CONDITION,
        destination: PEER_CONFIG.clone(),
        data: Bytes::new(),
    }
}

/// Whether a Prepare asks for details: it is for `peer.config`. JS looks at nothing else.
pub fn is_request(prepare: &Prepare) -> bool {
    prepare.destination == PEER_CONFIG
}

impl AccountDetails {
    /// Reads the answer to a [`request`]; refuses one that does not show the fulfillment, or with a bad address.
    pub fn from_fulfill(fulfill: &Fulfill) -> Result<Self, DecodeError> {
        if fulfill.fulfillment != FULFILLMENT {
            let problem = Problem::Invalid("not 32 zero octets");
            return Err(DecodeError::new("IL-DCP fulfillment", 0, problem));
        }
        Self::decode(fulfill.data.clone())
    }

    /// The answer to a [`request`]. Fails for an asset code of more than 31 KiB.
    pub fn to_fulfill(&self) -> Result<Fulfill, EncodeError> {
        Ok(Fulfill { fulfillment: FULFILLMENT, data: self.encode()? })
    }

    /// Reads the data of the answer.
    pub fn decode(data: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(&data);
        let address = reader.var_octets("IL-DCP address")?;
        AddressRef::new(address)
            .map_err(|error| DecodeError::new("IL-DCP address", 0, Problem::InvalidAddress(error)))?;
        let asset_scale = reader.u8("IL-DCP asset scale")?;
        let offset = reader.position();
        let asset_code = reader.var_octets("IL-DCP asset code")?;
        let asset_code = str::from_utf8(asset_code)
            .map_err(|_| DecodeError::new("IL-DCP asset code", offset, Problem::Invalid("not UTF-8")))?;
        reader.end("IL-DCP response")?;
        let address = Address::from_checked(data.slice_ref(address));
        Ok(Self { address, asset_scale, asset_code: String::from(asset_code) })
    }

    /// Writes the data of the answer.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let address = self.address.as_octets();
        let length =
            oer::var_octets_length(address.len()) + 1 + oer::var_octets_length(self.asset_code.len());
        EncodeError::check("IL-DCP response", length, crate::MAX_DATA_LENGTH)?;
        let mut buffer = Vec::with_capacity(length);
        oer::put_var_octets(&mut buffer, address);
        buffer.put_u8(self.asset_scale);
        oer::put_var_octets(&mut buffer, self.asset_code.as_bytes());
        Ok(buffer.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_must_show_the_fulfillment_and_a_valid_address() {
        let details = AccountDetails {
            address: "test.alice".parse().unwrap(),
            asset_scale: 2,
            asset_code: "USD".into(),
        };
        let good = details.to_fulfill().unwrap();
        let bad = Fulfill { fulfillment: Fulfillment::new([1; 32]), ..good.clone() };
        let error = AccountDetails::from_fulfill(&bad).unwrap_err();
        assert_eq!(error.reading, "IL-DCP fulfillment");
        let bad = Fulfill { data: "\x04nope\x02\x03USD".into(), ..good };
        let error = AccountDetails::from_fulfill(&bad).unwrap_err();
        assert_eq!(error.problem, Problem::InvalidAddress(crate::AddressError::UnknownScheme));
    }

    #[test]
    fn peer_config_is_an_address() {
        assert_eq!("peer.config".parse(), Ok(PEER_CONFIG.clone()));
    }

    #[test]
    fn an_asset_code_too_long_for_a_packet_is_refused() {
        let details = AccountDetails {
            address: "test.alice".parse().unwrap(),
            asset_scale: 2,
            asset_code: "x".repeat(crate::MAX_DATA_LENGTH),
        };
        details.encode().unwrap_err();
    }
}
