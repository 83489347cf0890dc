use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use psk_codec::{Address, AddressError};

/// The segment of a destination account by which its receiver finds the shared secret: the first one after the
/// receiver's own address.
///
/// One per shared secret, so it is the key under which a receiver keeps what belongs to one sender (PROTOCOL.md
/// section 3: by payment id alone, one sender would see another's totals). It is readable by the whole network.
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountSuffix(Arc<str>);

impl AccountSuffix {
    /// The suffix as it stands in the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From a segment of an address, which has been checked before.
    pub(crate) fn from_segment(segment: &str) -> Self {
        Self(segment.into())
    }
}

impl FromStr for AccountSuffix {
    type Err = AddressError;

    /// From one segment of an ILP address (RFC 15).
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains('.') {
            return Err(AddressError::InvalidCharacter);
        }
        // The rules for a segment are those of the address that it makes.
        format!("g.{text}").parse::<Address>()?;
        Ok(Self(text.into()))
    }
}

impl Borrow<str> for AccountSuffix {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountSuffix({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_suffix_is_one_segment() {
        let suffix: AccountSuffix = "XaJnORQQUwgugMdv7cP84qDC".parse().unwrap();
        assert_eq!(suffix.as_str(), "XaJnORQQUwgugMdv7cP84qDC");
        for text in ["", "a.b", "a b", &"a".repeat(1022)] {
            assert!(text.parse::<AccountSuffix>().is_err(), "{text:?}");
        }
    }
}
