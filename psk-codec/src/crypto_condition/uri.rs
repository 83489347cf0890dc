//! The text of crypto-conditions: `ni:` URIs of conditions (RFC 6920; draft-thomas-crypto-conditions-04, section 9),
//! and base64url of fulfillments.

use core::fmt;
use core::str::FromStr;

use base64::Engine;
// Strict both ways: no padding, and the bits that fill up the last character are zero.
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{CryptoCondition, CryptoFulfillment, MAX_PREIMAGE_LENGTH};
use crate::error::{DecodeError, Problem};

const SCHEME: &str = "ni:///sha-256;";

/// The names of the types of crypto-conditions, at the index that is their number (section 8).
const TYPES: [&str; 5] =
    ["preimage-sha-256", "prefix-sha-256", "threshold-sha-256", "rsa-sha-256", "ed25519-sha-256"];

/// How many characters of base64url hold 32 octets.
const FINGERPRINT_CHARACTERS: usize = 43;

/// The longest fulfillment as text: the preimage, with two identifiers and two lengths of three octets in front.
const MAX_FULFILLMENT_CHARACTERS: usize = ((MAX_PREIMAGE_LENGTH + 8) * 4).div_ceil(3);

/// The `ni:` URI: `ni:///sha-256;<fingerprint>?fpt=preimage-sha-256&cost=<cost>`, the fingerprint in base64url.
impl fmt::Display for CryptoCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = URL_SAFE_NO_PAD.encode(self.fingerprint);
        write!(f, "{SCHEME}{fingerprint}?fpt={}&cost={}", TYPES[0], self.cost)
    }
}

/// Reads the `ni:` URI, with `fpt` and `cost` in either order.
///
/// Refused are an authority, a truncated hash (section 9.1) and another type. So is a parameter that is not known,
/// or is there twice: parameters say what it takes to fulfil the condition, and one that is passed over may say
/// that it takes more. Scheme and names are read in lower case alone, as all implementations write them.
impl FromStr for CryptoCondition {
    type Err = DecodeError;

    fn from_str(uri: &str) -> Result<Self, DecodeError> {
        let rest = uri
            .strip_prefix(SCHEME)
            .ok_or_else(|| invalid("crypto-condition URI", 0, "not ni:///sha-256;"))?;
        let (fingerprint, query) = rest
            .split_once('?')
            .ok_or_else(|| invalid("crypto-condition URI", uri.len(), "no parameters"))?;
        let query_offset = uri.len() - query.len();
        let fingerprint = read_fingerprint(fingerprint)?;
        Ok(Self { fingerprint, cost: read_query(query, query_offset)? })
    }
}

/// The DER in base64url without padding: what section 9 recommends, and calls no URI, although five-bells-condition
/// does.
impl fmt::Display for CryptoFulfillment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.encode()))
    }
}

/// Reads base64url without padding, then as [`CryptoFulfillment::decode`].
impl FromStr for CryptoFulfillment {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        const READING: &str = "crypto-fulfillment text";
        if text.len() > MAX_FULFILLMENT_CHARACTERS {
            return Err(invalid(READING, MAX_FULFILLMENT_CHARACTERS, "too long"));
        }
        let octets = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid(READING, 0, "not base64url"))?;
        Self::decode(octets.into())
    }
}

fn read_fingerprint(text: &str) -> Result<[u8; 32], DecodeError> {
    let refuse = |what| invalid("fingerprint", SCHEME.len(), what);
    if text.len() != FINGERPRINT_CHARACTERS {
        return Err(refuse("not 32 octets"));
    }
    let octets = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse("not base64url"))?;
    octets.try_into().map_err(|_| refuse("not 32 octets"))
}

/// The cost, if the type is the one that is read here. `offset` is that of the query.
fn read_query(query: &str, mut offset: usize) -> Result<u32, DecodeError> {
    let end = offset + query.len();
    let (mut has_type, mut cost) = (false, None);
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "fpt" if !has_type => {
                check_type(value).map_err(|problem| DecodeError::new("fpt", offset, problem))?;
                has_type = true;
            }
            "cost" if cost.is_none() => {
                let number = read_cost(value);
                cost = Some(number.map_err(|problem| DecodeError::new("cost", offset, problem))?);
            }
            "fpt" | "cost" => return Err(invalid("crypto-condition URI", offset, "parameter given twice")),
            _ => return Err(invalid("crypto-condition URI", offset, "unknown parameter")),
        }
        offset += parameter.len() + 1;
    }
    if !has_type {
        return Err(invalid("fpt", end, "missing"));
    }
    cost.ok_or_else(|| invalid("cost", end, "missing"))
}

fn check_type(name: &str) -> Result<(), Problem> {
    match (0u8..).zip(TYPES).find(|(_, known)| *known == name) {
        Some((0, _)) => Ok(()),
        Some((other, _)) => Err(Problem::UnexpectedType(other)),
        None => Err(Problem::Invalid("unknown crypto-condition type")),
    }
}

/// A number in decimal digits, without a sign and without zeros in front.
fn read_cost(digits: &str) -> Result<u32, Problem> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Problem::Invalid("not a decimal number"));
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(Problem::NotCanonical);
    }
    digits.parse().map_err(|_| Problem::TooLarge)
}

fn invalid(reading: &'static str, offset: usize, what: &'static str) -> DecodeError {
    DecodeError::new(reading, offset, Problem::Invalid(what))
}
