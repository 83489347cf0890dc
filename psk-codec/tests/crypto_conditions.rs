//! PREIMAGE-SHA-256 crypto-conditions (draft-thomas-crypto-conditions-04) as npm `five-bells-condition` writes them
//! and as the XRP Ledger's documentation shows them; and what is not DER is refused.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;
#[path = "crypto_conditions/der.rs"]
mod der;
#[path = "crypto_conditions/uri.rs"]
mod uri;

use bytes::Bytes;
use common::hex;
use proptest::collection::vec;
use proptest::prelude::*;
use psk_codec::crypto_condition::{
    CryptoCondition, CryptoFulfillment, MAX_PREIMAGE_LENGTH, NotIlpError, XRPL_MAX_PREIMAGE_LENGTH,
};
use psk_codec::{Condition, DecodeError, EncodeError, Fulfillment, Problem};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    #[serde(deserialize_with = "hex")]
    preimage: Bytes,
    #[serde(deserialize_with = "hex")]
    fulfillment: Bytes,
    #[serde(deserialize_with = "hex")]
    condition: Bytes,
    condition_uri: String,
    fulfillment_uri: String,
}

fn vectors() -> impl Iterator<Item = (String, Vector)> {
    common::npm_vectors("crypto-conditions.json")
}

/// The condition of a preimage.
fn condition_of(preimage: &[u8]) -> CryptoCondition {
    CryptoCondition { fingerprint: Sha256::digest(preimage).into(), cost: preimage.len() as u32 }
}

#[test]
fn conditions_of_five_bells_are_read_and_written_alike() {
    for (name, vector) in vectors() {
        let condition = CryptoCondition::decode(vector.condition.clone()).unwrap();
        assert_eq!(condition, condition_of(&vector.preimage), "{name}");
        assert_eq!(condition.encode(), vector.condition, "{name}");
        assert_eq!(vector.condition_uri.parse(), Ok(condition), "{name}");
        assert_eq!(condition.to_string(), vector.condition_uri, "{name}");
    }
}

#[test]
fn fulfillments_of_five_bells_are_read_and_written_alike() {
    for (name, vector) in vectors() {
        let fulfillment = CryptoFulfillment::decode(vector.fulfillment.clone()).unwrap();
        assert_eq!(fulfillment.preimage(), &vector.preimage, "{name}");
        assert_eq!(CryptoFulfillment::new(vector.preimage).as_ref(), Ok(&fulfillment), "{name}");
        assert_eq!(fulfillment.encode(), vector.fulfillment, "{name}");
        assert_eq!(vector.fulfillment_uri.parse().as_ref(), Ok(&fulfillment), "{name}");
        assert_eq!(fulfillment.to_string(), vector.fulfillment_uri, "{name}");
    }
}

#[test]
fn those_with_preimages_of_32_octets_and_no_others_are_of_ilp() {
    for (name, vector) in vectors() {
        let condition = CryptoCondition::decode(vector.condition).unwrap();
        let fulfillment = CryptoFulfillment::decode(vector.fulfillment).unwrap();
        if let Ok(preimage) = <[u8; 32]>::try_from(&vector.preimage[..]) {
            let of_ilp = Condition::new(Sha256::digest(preimage).into());
            assert_eq!(Condition::try_from(condition), Ok(of_ilp), "{name}");
            assert_eq!(CryptoCondition::from(of_ilp), condition, "{name}");
            let of_ilp = Fulfillment::new(preimage);
            assert_eq!(Fulfillment::try_from(&fulfillment), Ok(of_ilp), "{name}");
            assert_eq!(CryptoFulfillment::from(of_ilp), fulfillment, "{name}");
            assert_eq!(Fulfillment::try_from(fulfillment), Ok(of_ilp), "{name}");
        } else {
            let error = NotIlpError { length: vector.preimage.len() as u32 };
            assert_eq!(Condition::try_from(condition), Err(error), "{name}");
            assert_eq!(Fulfillment::try_from(&fulfillment), Err(error), "{name}");
            assert_eq!(Fulfillment::try_from(fulfillment), Err(error), "{name}");
        }
    }
}

#[test]
fn the_example_of_the_xrp_ledger_is_read_and_written_alike() {
    let condition = "A0258020E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855810100";
    assert_eq!(CryptoCondition::decode(octets(condition)), Ok(condition_of(b"")));
    assert_eq!(format!("{:X}", condition_of(b"")), condition);
    let fulfillment = CryptoFulfillment::new("").unwrap();
    assert_eq!(CryptoFulfillment::decode(octets("A0028000")).as_ref(), Ok(&fulfillment));
    assert_eq!(format!("{fulfillment:X}"), "A0028000");
}

#[test]
fn the_example_of_the_specification_is_read_and_written_alike() {
    // Section 10: the preimage is "Hello World!".
    let uri = "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk?fpt=preimage-sha-256&cost=12";
    let condition = condition_of(b"Hello World!");
    assert_eq!(uri.parse(), Ok(condition));
    assert_eq!(condition.to_string(), uri);
    let der = octets("A02580207F83B1657FF1FC53B92DC18148A1D65DFC2D4B1FA3D677284ADDD200126D906981010C");
    assert_eq!(condition.encode(), der);
}

#[test]
fn the_longest_preimage_is_read_and_written_and_a_longer_one_refused() {
    let longest = CryptoFulfillment::new(vec![7; MAX_PREIMAGE_LENGTH]).unwrap();
    assert_eq!(CryptoFulfillment::decode(longest.encode()).as_ref(), Ok(&longest));
    assert_eq!(longest.to_string().parse(), Ok(longest));

    let (length, maximum) = (MAX_PREIMAGE_LENGTH + 1, MAX_PREIMAGE_LENGTH);
    let error = EncodeError { field: "preimage", length, maximum };
    assert_eq!(CryptoFulfillment::new(vec![7; length]), Err(error));
    let der = format!("a0820405 80820401{}", "07".repeat(length));
    let error = invalid("preimage", 4, "longer than 1024 octets");
    assert_eq!(CryptoFulfillment::decode(octets(&der)), Err(error));
}

#[test]
fn an_xrp_ledger_fulfillment_has_at_most_256_octets() {
    // `maxSerializedFulfillment` of rippled.
    let longest = CryptoFulfillment::new(vec![7; XRPL_MAX_PREIMAGE_LENGTH]).unwrap();
    assert!(longest.encode().len() <= 256);
}

proptest! {
    #[test]
    fn conditions_come_back(fingerprint: [u8; 32], cost: u32) {
        let condition = CryptoCondition { fingerprint, cost };
        prop_assert_eq!(CryptoCondition::decode(condition.encode()), Ok(condition));
        prop_assert_eq!(condition.to_string().parse(), Ok(condition));
        prop_assert_eq!(octets(&format!("{condition:X}")), condition.encode());
    }

    #[test]
    fn fulfillments_come_back(preimage in vec(any::<u8>(), 0..=MAX_PREIMAGE_LENGTH)) {
        let fulfillment = CryptoFulfillment::new(preimage).unwrap();
        prop_assert_eq!(CryptoFulfillment::decode(fulfillment.encode()), Ok(fulfillment.clone()));
        prop_assert_eq!(octets(&format!("{fulfillment:X}")), fulfillment.encode());
        prop_assert_eq!(fulfillment.to_string().parse(), Ok(fulfillment));
    }
}

/// Octets, written as hexadecimal digits with spaces between them.
fn octets(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.bytes().filter(|digit| *digit != b' ').collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    assert!(rest.is_empty(), "{hex}");
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn truncated(needed: usize, available: usize) -> Problem {
    Problem::Truncated { needed, available }
}

fn invalid(reading: &'static str, offset: usize, what: &'static str) -> DecodeError {
    DecodeError::new(reading, offset, Problem::Invalid(what))
}
