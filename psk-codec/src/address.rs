//! ILP addresses (RFC 15).

use alloc::format;
use core::fmt;
use core::str::FromStr;

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

impl Address {
    /// The greatest length in characters.
    pub const MAX_LENGTH: usize = 1023;

    /// Checks octets and keeps their memory.
    pub fn from_octets(octets: Bytes) -> Result<Self, AddressError> {
        AddressRef::new(&octets)?;
        Ok(Self(octets))
    }

    /// Octets of which an [`AddressRef`] was made before.
    pub(crate) fn from_checked(octets: Bytes) -> Self {
        debug_assert!(AddressRef::new(&octets).is_ok());
        Self(octets)
    }

    /// Octets that a test has seen to be an address.
    pub(crate) const fn from_static(octets: &'static [u8]) -> Self {
        Self(Bytes::from_static(octets))
    }

    /// The address, borrowed.
    pub fn view(&self) -> AddressRef<'_> {
        AddressRef(&self.0)
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.view().as_str()
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
        self.view().segments()
    }

    /// What follows `prefix` and its `.` in this address; empty for the same address; `None` when this address is
    /// not below `prefix`.
    pub fn suffix_after(&self, prefix: &Address) -> Option<&str> {
        self.view().suffix_after(prefix)
    }
}

/// A valid ILP address in somebody else's memory, such as a packet's; otherwise as [`Address`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRef<'a>(&'a [u8]);

impl<'a> AddressRef<'a> {
    /// Checks octets.
    #[inline]
    pub fn new(octets: &'a [u8]) -> Result<Self, AddressError> {
        match is_valid(octets) {
            true => Ok(Self(octets)),
            false => Err(refusal(octets)),
        }
    }

    /// Octets that have been checked before.
    pub(crate) fn from_checked(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The address as text.
    pub fn as_str(self) -> &'a str {
        // Checked to be ASCII when it was made; the fallback is never taken.
        str::from_utf8(self.0).unwrap_or_default()
    }

    /// The address as octets.
    pub fn as_octets(self) -> &'a [u8] {
        self.0
    }

    /// The segments from left to right.
    pub fn segments(self) -> impl Iterator<Item = &'a str> {
        self.as_str().split('.')
    }

    /// What follows `prefix` and its `.` in this address; empty for the same address; `None` when this address is
    /// not below `prefix`.
    pub fn suffix_after(self, prefix: &Address) -> Option<&'a str> {
        let rest = self.as_str().strip_prefix(prefix.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
    }

    /// A copy with memory of its own.
    pub fn to_address(self) -> Address {
        Address(Bytes::copy_from_slice(self.0))
    }
}

impl fmt::Display for AddressRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AddressRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl PartialEq<Address> for AddressRef<'_> {
    fn eq(&self, other: &Address) -> bool {
        self.0 == other.0
    }
}

#[inline]
fn is_valid(octets: &[u8]) -> bool {
    octets.len() <= Address::MAX_LENGTH
        && starts_with_scheme(octets)
        && octets.last() != Some(&b'.')
        && continues_well(octets)
}

/// Whether every octet but the first may be in an address and does not follow a dot as a second one.
///
/// Goes over blocks without a branch for each octet, which the compiler turns into vector instructions. The octets
/// before those of a block are read from memory a second time, one octet further back, and the last block overlaps
/// the one before it, so that nothing is copied.
#[inline]
fn continues_well(octets: &[u8]) -> bool {
    let (before, after) = (&octets[..octets.len() - 1], &octets[1..]);
    let ((blocks_before, _), (blocks_after, rest)) = (before.as_chunks(), after.as_chunks());
    let mut blocks = blocks_before.iter().zip(blocks_after);
    if !blocks.all(|(before, after)| is_valid_block(before, after)) {
        return false;
    }
    match (before.last_chunk(), after.last_chunk()) {
        (Some(before), Some(after)) => rest.is_empty() || is_valid_block(before, after),
        _ => before.iter().zip(after).all(|(&before, &after)| is_valid_pair(before, after)),
    }
}

const BLOCK: usize = 16;

#[inline]
fn is_valid_block(before: &[u8; BLOCK], after: &[u8; BLOCK]) -> bool {
    let mut invalid = [0; BLOCK];
    for (invalid, (&before, &after)) in invalid.iter_mut().zip(before.iter().zip(after)) {
        *invalid = u8::from(!is_valid_pair(before, after));
    }
    u128::from_ne_bytes(invalid) == 0
}

/// Whether an octet may be in an address, after this one.
#[inline]
fn is_valid_pair(before: u8, after: u8) -> bool {
    is_address_octet(after) & !((before == b'.') & (after == b'.'))
}

#[inline]
fn is_address_octet(octet: u8) -> bool {
    // Bit 5 makes letters lower-case. Not lazy, so that there is no branch.
    let is_letter = (octet | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = octet.wrapping_sub(b'0') < 10;
    let is_hyphen_or_dot = octet.wrapping_sub(b'-') < 2;
    is_letter | is_digit | is_hyphen_or_dot | (octet == b'_') | (octet == b'~')
}

/// RFC 15, section "Allocation Schemes".
#[inline]
fn starts_with_scheme(octets: &[u8]) -> bool {
    let scheme = |scheme: &[u8]| {
        octets.strip_prefix(scheme).is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
    };
    match octets.first() {
        Some(b'g') => scheme(b"g"),
        Some(b't') => match octets.get(4) {
            Some(b'1') => scheme(b"test1"),
            Some(b'2') => scheme(b"test2"),
            Some(b'3') => scheme(b"test3"),
            _ => scheme(b"test"),
        },
        Some(b'p') => scheme(b"private") || scheme(b"peer"),
        Some(b'e') => scheme(b"example"),
        Some(b's') => scheme(b"self"),
        Some(b'l') => scheme(b"local"),
        _ => false,
    }
}

/// What is wrong with octets that are no address.
#[cold]
fn refusal(octets: &[u8]) -> AddressError {
    if octets.len() > Address::MAX_LENGTH {
        AddressError::TooLong
    } else if !octets.iter().copied().all(is_address_octet) {
        AddressError::InvalidCharacter
    } else if octets.split(|&octet| octet == b'.').any(<[u8]>::is_empty) {
        AddressError::EmptySegment
    } else {
        AddressError::UnknownScheme
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        AddressRef::new(text.as_bytes()).map(AddressRef::to_address)
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
    fn every_octet_at_every_position_is_judged() {
        let address = b"test.connector.receiver-1.XaJnORQQUwgugMdv7cP84qDC";
        for position in 5..address.len() {
            for octet in 0..=u8::MAX {
                let mut changed = *address;
                changed[position] = octet;
                let text = str::from_utf8(&changed).unwrap_or_default();
                let allowed = !text.is_empty()
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || "_~-.".contains(c))
                    && text.split('.').all(|segment| !segment.is_empty());
                assert_eq!(AddressRef::new(&changed).is_ok(), allowed, "{octet} at {position}");
            }
        }
        for length in 1..=70 {
            let mut address = b"g.".repeat(length);
            assert_eq!(AddressRef::new(&address), Err(AddressError::EmptySegment));
            address.pop();
            assert!(AddressRef::new(&address).is_ok());
            address.extend(b"..a");
            assert_eq!(AddressRef::new(&address), Err(AddressError::EmptySegment));
        }
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
