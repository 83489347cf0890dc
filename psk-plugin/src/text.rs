//! Values in configurations as text, or as integers for those that are.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A value as text, or as an integer, which then is read as its digits.
#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrInteger {
    Unsigned(u64),
    Signed(i64),
    Text(String),
}

pub(crate) fn from_text_or_integer<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    let text = match TextOrInteger::deserialize(deserializer) {
        Ok(TextOrInteger::Unsigned(number)) => number.to_string(),
        Ok(TextOrInteger::Signed(number)) => number.to_string(),
        Ok(TextOrInteger::Text(text)) => text,
        Err(_) => return Err(D::Error::custom("expected an integer or text")),
    };
    text.parse().map_err(D::Error::custom)
}

#[cfg(feature = "connector")]
pub(crate) fn optional_text<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    from_text_or_integer(deserializer).map(Some)
}
