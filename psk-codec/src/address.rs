//! ILP addresses (RFC 15).

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

/// A valid ILP address, such as `test.connector.alice`.
///
/// At most 1,023 characters of `[A-Za-z0-9_~-]` in segments joined by `.`, no segment empty, the first one an
/// allocation scheme (RFC 15, section "Allocation Schemes"). Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Bytes);

/// Text that is not an ILP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// More than 1,023 characters.
    #[error("address longer than 1023 characters")]
    TooLong,
    /// A segment without characters, or no segment at all.
    #[error("address with an empty segment")]
    EmptySegment,
    /// A character outside of `[A-Za-z0-9_~-]` and `.`.
    #[error("address with a character outside of A-Z a-z 0-9 _ ~ - and .")]
    InvalidCharacter,
    /// The first segment is no allocation scheme.
    #[error(
        "address without an allocation scheme first (g, private, example, peer, self, test, test1, test2, test3, local)"
    )]
    UnknownScheme,
}

const SCHEMES: [&[u8]; 10] =
    [b"g", b"private", b"example", b"peer", b"self", b"test", b"test1", b"test2", b"test3", b"local"];

impl Address {
    /// The greatest length in characters.
    pub const MAX_LENGTH: usize = 1023;

    /// Checks octets and keeps their memory.
    pub fn from_octets(octets: Bytes) -> Result<Self, AddressError> {
        check(&octets)?;
        Ok(Self(octets))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        // Checked to be ASCII when it was made; the fallback is never taken.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The address as octets.
    pub fn as_octets(&self) -> &Bytes {
        &self.0
    }

    /// The address with `suffix` (one segment or several) after it.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self, AddressError> {
        format!("{self}.{suffix}").parse()
    }

    /// The segments from left to right.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.as_str().split('.')
    }

    /// What follows `prefix` and its `.` in this address; empty for the same address; `None` when this address is
    /// not below `prefix`.
    pub fn suffix_after(&self, prefix: &Address) -> Option<&str> {
        let rest = self.as_str().strip_prefix(prefix.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
    }
}

fn check(octets: &[u8]) -> Result<(), AddressError> {
    if octets.len() > Address::MAX_LENGTH {
        return Err(AddressError::TooLong);
    }
    let mut segments = octets.split(|&octet| octet == b'.');
    if octets.iter().any(|&octet| !is_address_octet(octet)) {
        return Err(AddressError::InvalidCharacter);
    }
    if segments.clone().any(<[u8]>::is_empty) {
        return Err(AddressError::EmptySegment);
    }
    match segments.next() {
        Some(scheme) if SCHEMES.contains(&scheme) => Ok(()),
        _ => Err(AddressError::UnknownScheme),
    }
}

fn is_address_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'~' | b'-' | b'.')
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        check(text.as_bytes())?;
        Ok(Self(Bytes::copy_from_slice(text.as_bytes())))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_the_rules_of_rfc_15() {
        for text in ["g.a", "test.us-usd.~x_9", "test1.b", "local", &format!("g.{}", "a".repeat(1021))] {
            assert_eq!(text.parse::<Address>().unwrap().as_str(), text);
        }
        let cases = [
            ("", AddressError::EmptySegment),
            ("g.", AddressError::EmptySegment),
            (".g", AddressError::EmptySegment),
            ("g..a", AddressError::EmptySegment),
            ("g.a b", AddressError::InvalidCharacter),
            ("g.ä", AddressError::InvalidCharacter),
            ("test4.a", AddressError::UnknownScheme),
            ("G.a", AddressError::UnknownScheme),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Address>(), Err(error), "{text:?}");
        }
        assert_eq!(format!("g.{}", "a".repeat(1022)).parse::<Address>(), Err(AddressError::TooLong));
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let address: Address = "test.alice.token.more".parse().unwrap();
        let suffix = |prefix: &str| address.suffix_after(&prefix.parse().unwrap());
        assert_eq!(suffix("test.alice"), Some("token.more"));
        assert_eq!(suffix("test.ali"), None);
        assert_eq!(suffix("test.alice.token.more"), Some(""));
    }
}
