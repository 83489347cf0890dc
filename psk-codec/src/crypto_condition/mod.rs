//! PREIMAGE-SHA-256 crypto-conditions (draft-thomas-crypto-conditions-04): how a ledger outside of Interledger,
//! such as the XRP Ledger, takes an ILP condition and its fulfillment.
//!
//! Each has a binary form, which is DER, and a text: a [`CryptoCondition`] the `ni:` URI, a [`CryptoFulfillment`]
//! its DER in base64url. Both are read as strictly as they are written: whatever is read is written back as the
//! same octets. Of the five types of crypto-conditions this is the only one that ILP has a use for; the others
//! (1 PREFIX-SHA-256, 2 THRESHOLD-SHA-256, 3 RSA-SHA-256, 4 ED25519-SHA-256) are refused with
//! [`Problem::UnexpectedType`] and their number.
//!
//! No hashing is done here: that a fulfillment belongs to a condition is for the caller to find out.
//!
//! # XRP Ledger
//!
//! `Condition` of an EscrowCreate and `Fulfillment` of an EscrowFinish are the DER in upper-case hexadecimal digits,
//! which `{:X}` writes:
//!
//! ```
//! use psk_codec::crypto_condition::{CryptoCondition, CryptoFulfillment};
//! use psk_codec::ildcp;
//!
//! let condition = CryptoCondition::from(ildcp::CONDITION);
//! assert_eq!(
//!     format!("{condition:X}"),
//!     "A025802066687AADF862BD776C8FC18B8E9F8E20089714856EE233B3902A591D0D5F2925810120",
//! );
//! let fulfillment = CryptoFulfillment::from(ildcp::FULFILLMENT);
//! assert_eq!(
//!     format!("{fulfillment:X}"),
//!     "A02280200000000000000000000000000000000000000000000000000000000000000000",
//! );
//!
//! // And back, from the octets or from the text.
//! assert_eq!(CryptoCondition::decode(condition.encode())?, condition);
//! assert_eq!(fulfillment.to_string().parse(), Ok(fulfillment));
//! let uri = "ni:///sha-256;Zmh6rfhivXdsj8GLjp-OIAiXFIVu4jOzkCpZHQ1fKSU?fpt=preimage-sha-256&cost=32";
//! assert_eq!(uri.parse(), Ok(condition));
//! # Ok::<(), psk_codec::DecodeError>(())
//! ```

mod der;
mod uri;

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use self::der::Elements;
use crate::error::{DecodeError, EncodeError, Problem};
use crate::{Condition, Fulfillment};

/// The longest preimage that is read or written, in octets.
///
/// The specification sets no limit and wants every implementation to set its own (section 7.2.2). ILP needs 32
/// octets, the XRP Ledger takes at most [`XRPL_MAX_PREIMAGE_LENGTH`], and the longest in the vectors of other
/// implementations has 300; this is beyond all of them, and little enough to hold for every fulfillment that a
/// stranger sends.
pub const MAX_PREIMAGE_LENGTH: usize = 1_024;

/// The longest preimage that the XRP Ledger takes, in octets (`maxPreimageLength` of its server `rippled`).
///
/// Longer ones are read and written here all the same; who makes an escrow with one can never finish it.
pub const XRPL_MAX_PREIMAGE_LENGTH: usize = 128;

/// The cost of an ILP condition: the length of its preimage, in octets.
const ILP_COST: u32 = 32;

const CONDITION: &str = "crypto-condition";
const FULFILLMENT: &str = "crypto-fulfillment";

/// A PREIMAGE-SHA-256 condition: `Condition` of the specification (section 7.2), alternative `preimageSha256`.
///
/// Displayed and parsed as `ni:` URI (section 9); `{:X}` are the octets in upper-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CryptoCondition {
    /// SHA-256 of the preimage.
    pub fingerprint: [u8; 32],
    /// The length of the preimage, in octets (section 8.1.1). May be more than [`MAX_PREIMAGE_LENGTH`], as a
    /// condition is of the same size for any; but no [`CryptoFulfillment`] fulfils it then.
    pub cost: u32,
}

/// A PREIMAGE-SHA-256 fulfillment: `Fulfillment` of the specification (section 7.3), alternative `preimageSha256`.
///
/// Displayed and parsed as base64url; `{:X}` are the octets in upper-case hexadecimal digits. As
/// [`Fulfillment`], it is a secret until it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CryptoFulfillment {
    preimage: Bytes,
}

/// Not of ILP: a preimage of another length than 32 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a preimage of {length} octets, those of ILP have 32")]
pub struct NotIlpError {
    /// The length of the preimage, in octets: for a condition, its cost.
    pub length: u32,
}

impl CryptoCondition {
    /// Reads the DER of one condition and nothing after it.
    ///
    /// Refuses what is not DER, other types of crypto-conditions, `subtypes` (which only compound types have), a
    /// fingerprint of another length than 32 octets, and a cost of more than 32 bits.
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        let mut fields = Elements::of_preimage_sha_256(&octets, CONDITION)?;
        let offset = fields.position();
        let fingerprint = fields
            .octet_string(0, "fingerprint")?
            .try_into()
            .map_err(|_| DecodeError::new("fingerprint", offset, Problem::Invalid("not 32 octets")))?;
        let cost = fields.integer(1, "cost")?;
        fields.end("SimpleSha256Condition")?;
        Ok(Self { fingerprint, cost })
    }

    /// Writes the DER, of 39 octets for an ILP condition.
    pub fn encode(&self) -> Bytes {
        let mut fields = Vec::new();
        der::put(&mut fields, false, 0, &self.fingerprint);
        der::put(&mut fields, false, 1, &der::integer_contents(self.cost));
        encode_preimage_sha_256(&fields)
    }
}

impl CryptoFulfillment {
    /// With a preimage of at most [`MAX_PREIMAGE_LENGTH`] octets; refuses a longer one.
    pub fn new(preimage: impl Into<Bytes>) -> Result<Self, EncodeError> {
        let preimage = preimage.into();
        EncodeError::check("preimage", preimage.len(), MAX_PREIMAGE_LENGTH)?;
        Ok(Self { preimage })
    }

    /// The preimage, of at most [`MAX_PREIMAGE_LENGTH`] octets.
    pub fn preimage(&self) -> &Bytes {
        &self.preimage
    }

    /// Reads the DER of one fulfillment and nothing after it, sharing the memory of `octets`.
    ///
    /// Refuses what is not DER, other types of crypto-conditions, and a preimage of more than
    /// [`MAX_PREIMAGE_LENGTH`] octets.
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        let mut fields = Elements::of_preimage_sha_256(&octets, FULFILLMENT)?;
        let offset = fields.position();
        let preimage = fields.octet_string(0, "preimage")?;
        fields.end("PreimageFulfillment")?;
        // A part of `octets`, as `slice_ref` wants it.
        Self::new(octets.slice_ref(preimage))
            .map_err(|_| DecodeError::new("preimage", offset, Problem::Invalid("longer than 1024 octets")))
    }

    /// Writes the DER, of 36 octets for an ILP fulfillment.
    pub fn encode(&self) -> Bytes {
        let mut fields = Vec::new();
        der::put(&mut fields, false, 0, &self.preimage);
        encode_preimage_sha_256(&fields)
    }
}

/// A CHOICE of which alternative `[0]` is taken. Its SEQUENCE has no tag of its own, as the tags are implicit.
fn encode_preimage_sha_256(fields: &[u8]) -> Bytes {
    let mut octets = Vec::new();
    der::put(&mut octets, true, 0, fields);
    octets.into()
}

impl From<Condition> for CryptoCondition {
    fn from(condition: Condition) -> Self {
        Self { fingerprint: *condition.octets(), cost: ILP_COST }
    }
}

/// Refuses a cost other than 32: what fulfils that condition is no ILP fulfillment.
impl TryFrom<CryptoCondition> for Condition {
    type Error = NotIlpError;

    fn try_from(condition: CryptoCondition) -> Result<Self, NotIlpError> {
        match condition.cost {
            ILP_COST => Ok(Self::new(condition.fingerprint)),
            length => Err(NotIlpError { length }),
        }
    }
}

impl From<Fulfillment> for CryptoFulfillment {
    fn from(fulfillment: Fulfillment) -> Self {
        Self { preimage: Bytes::copy_from_slice(fulfillment.octets()) }
    }
}

/// Refuses a preimage of another length than 32 octets.
impl TryFrom<&CryptoFulfillment> for Fulfillment {
    type Error = NotIlpError;

    fn try_from(fulfillment: &CryptoFulfillment) -> Result<Self, NotIlpError> {
        let preimage = &fulfillment.preimage[..];
        // At most MAX_PREIMAGE_LENGTH, which fits.
        preimage.try_into().map(Self::new).map_err(|_| NotIlpError { length: preimage.len() as u32 })
    }
}

/// Refuses a preimage of another length than 32 octets.
impl TryFrom<CryptoFulfillment> for Fulfillment {
    type Error = NotIlpError;

    fn try_from(fulfillment: CryptoFulfillment) -> Result<Self, NotIlpError> {
        Self::try_from(&fulfillment)
    }
}

/// The DER in upper-case hexadecimal digits, as in `Condition` of an XRP Ledger EscrowCreate.
impl fmt::UpperHex for CryptoCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::UpperHex::fmt(&self.encode(), f)
    }
}

/// The DER in upper-case hexadecimal digits, as in `Fulfillment` of an XRP Ledger EscrowFinish.
impl fmt::UpperHex for CryptoFulfillment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::UpperHex::fmt(&self.encode(), f)
    }
}
