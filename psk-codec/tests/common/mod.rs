//! Reading of the vectors that foreign implementations made.

#![allow(dead_code, reason = "every test file is a crate of its own and uses a part of this")]

pub(crate) mod arbitrary;
pub(crate) mod properties;
mod vector_files;

use bytes::Bytes;
use psk_codec::Timestamp;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use vector_files::VectorFile;

/// A file of `vectors/`.
#[derive(serde::Deserialize)]
struct File<T> {
    vectors: Vec<T>,
}

/// The vectors of a file, with their positions.
pub(crate) fn vectors<T: DeserializeOwned>(json: &str) -> impl Iterator<Item = (usize, T)> {
    let file: File<T> = serde_json::from_str(json).unwrap();
    assert!(!file.vectors.is_empty());
    file.vectors.into_iter().enumerate()
}

/// The vectors of the npm packages in the file of this name, committed and fresh, each with what to call it.
pub(crate) fn npm_vectors<T: DeserializeOwned>(name: &str) -> impl Iterator<Item = (String, T)> {
    VectorFile::all(env!("CARGO_MANIFEST_DIR"), name).flat_map(|file| {
        let vectors = vectors(&file.text).map(|(_, vector)| vector);
        file.numbered(vectors.collect())
    })
}

/// Octets, written as hexadecimal digits.
pub(crate) fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(D::Error::custom("an odd number of hexadecimal digits"));
    }
    let octet = |pair: &[u8; 2]| {
        let digits = std::str::from_utf8(pair).map_err(D::Error::custom)?;
        u8::from_str_radix(digits, 16).map_err(D::Error::custom)
    };
    pairs.iter().map(octet).collect()
}

/// A point in time such as `2018-04-05T06:07:08.000Z`.
pub(crate) fn time(text: &str) -> Timestamp {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    let time = Timestamp::decode(digits.try_into().unwrap()).unwrap();
    assert_eq!(time.to_string(), text);
    time
}
