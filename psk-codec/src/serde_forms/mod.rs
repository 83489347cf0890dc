//! How values look to `serde` (feature `serde`).
//!
//! In formats for people, such as JSON, amounts are strings of decimal digits (a JSON number is exact up to 2^53
//! only; both are read), addresses and times their usual text, codes their three characters, and octets base64url
//! without padding. In binary formats amounts are 64-bit numbers, times milliseconds since 1970, octets octets.
//! Whatever a type forbids is refused here too. None of this is on the wire of any protocol.

mod fields;
mod frames;

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::{Address, Amount, DestinationAmount, SourceAmount, Timestamp};

/// Octets: base64url for people, octets in binary formats.
pub(crate) mod octets {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        octets: &impl AsRef<[u8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_str(&URL_SAFE_NO_PAD.encode(octets)),
            false => serializer.serialize_bytes(octets.as_ref()),
        }
    }

    pub(crate) fn deserialize<'de, O: From<Vec<u8>>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<O, D::Error> {
        let octets = match deserializer.is_human_readable() {
            true => deserializer.deserialize_str(Octets { of_text: true })?,
            false => deserializer.deserialize_byte_buf(Octets { of_text: false })?,
        };
        Ok(octets.into())
    }
}

/// So many octets, as [`octets`].
pub(crate) mod array {
    use super::*;

    pub(crate) use super::octets::serialize;

    pub(crate) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let octets: Vec<u8> = octets::deserialize(deserializer)?;
        let length = octets.len();
        octets.try_into().map_err(|_| D::Error::custom(format_args!("{length} octets, not {N}")))
    }
}

/// Octets that are text if the other side keeps the rules: text for people where they are, a list of numbers where
/// they are not.
pub(crate) mod text {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        octets: &impl AsRef<[u8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let octets = octets.as_ref();
        match str::from_utf8(octets) {
            Ok(text) if serializer.is_human_readable() => serializer.serialize_str(text),
            Err(_) if serializer.is_human_readable() => serializer.collect_seq(octets),
            _ => serializer.serialize_bytes(octets),
        }
    }

    pub(crate) fn deserialize<'de, O: From<Vec<u8>>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<O, D::Error> {
        let octets = match deserializer.is_human_readable() {
            true => deserializer.deserialize_any(TextOrNumbers)?,
            false => deserializer.deserialize_byte_buf(Octets { of_text: false })?,
        };
        Ok(octets.into())
    }
}

struct Octets {
    /// Whether a text is base64url, or its own octets.
    of_text: bool,
}

impl<'de> Visitor<'de> for Octets {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.of_text { "base64url without padding" } else { "octets" })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        match self.of_text {
            true => URL_SAFE_NO_PAD.decode(text).map_err(|_| E::custom("not base64url without padding")),
            false => Ok(text.into()),
        }
    }

    fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Vec<u8>, E> {
        Ok(octets.into())
    }

    fn visit_byte_buf<E: Error>(self, octets: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(octets)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, numbers: A) -> Result<Vec<u8>, A::Error> {
        TextOrNumbers.visit_seq(numbers)
    }
}

struct TextOrNumbers;

impl<'de> Visitor<'de> for TextOrNumbers {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, or a list of octets as numbers")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Vec<u8>, A::Error> {
        // Grows with what is there, not with what a length claims.
        let mut octets = Vec::new();
        while let Some(octet) = numbers.next_element()? {
            octets.push(octet);
        }
        Ok(octets)
    }
}

/// A type whose `Display` is what its `FromStr` reads.
macro_rules! as_text {
    ($($name:ty),* $(,)?) => {
        $(impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(Self::from_str))
            }
        })*
    };
}

as_text!(Address);
#[cfg(feature = "crypto-conditions")]
as_text!(crate::crypto_condition::CryptoCondition, crate::crypto_condition::CryptoFulfillment);

/// Reads a text with this function.
struct Text<T, F>(fn(&str) -> Result<T, F>);

impl<T, F: fmt::Display> Visitor<'_> for Text<T, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => serializer.serialize_i64(self.unix_millis()),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => deserializer.deserialize_str(Text(Self::from_str)),
            false => {
                let unix_millis = i64::deserialize(deserializer)?;
                Self::from_unix_millis(unix_millis).map_err(D::Error::custom)
            }
        }
    }
}

macro_rules! amounts {
    ($($name:ident),*) => {
        $(impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match serializer.is_human_readable() {
                    true => serializer.serialize_str(&self.to_string()),
                    false => serializer.serialize_u64(self.units()),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let units = match deserializer.is_human_readable() {
                    true => deserializer.deserialize_any(Units)?,
                    false => deserializer.deserialize_u64(Units)?,
                };
                Ok(Self::new(units))
            }
        })*
    };
}

amounts!(Amount, SourceAmount, DestinationAmount);

struct Units;

impl Visitor<'_> for Units {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of units, as text or as a number")
    }

    fn visit_u64<E: Error>(self, units: u64) -> Result<u64, E> {
        Ok(units)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        text.parse::<Amount>().map(Amount::units).map_err(E::custom)
    }
}
