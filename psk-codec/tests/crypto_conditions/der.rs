//! Octets that are not DER, or not of the condition and the fulfillment that are read, are refused with what is wrong
//! and where; and whatever is accepted, however it came about, is the one encoding of what is read from it.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use psk_codec::crypto_condition::{CryptoCondition, CryptoFulfillment};
use psk_codec::{DecodeError, Problem};

use crate::{condition_of, octets, truncated};

/// 32 octets.
const F: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn outer(problem: Problem) -> DecodeError {
    DecodeError::new("crypto-condition", 0, problem)
}

fn fingerprint(problem: Problem) -> DecodeError {
    DecodeError::new("fingerprint", 2, problem)
}

fn cost(problem: Problem) -> DecodeError {
    DecodeError::new("cost", 36, problem)
}

#[test]
fn lengths_of_conditions_that_are_not_der_are_refused() {
    use Problem::{NotCanonical, TooLarge, TrailingOctets};
    let table = [
        // Too short, or with a length that is beyond the end.
        (String::new(), outer(truncated(1, 0))),
        ("a0".into(), outer(truncated(2, 1))),
        (format!("a025 8020{F} 8101"), outer(truncated(39, 38))),
        ("a084ffffffff".into(), outer(truncated(0xffff_ffff + 6, 6))),
        ("a088ffffffffffffffff".into(), outer(truncated(usize::MAX, 10))),
        ("a000".into(), fingerprint(truncated(1, 0))),
        ("a003 802011".into(), fingerprint(truncated(34, 3))),
        (format!("a022 8020{F}"), cost(truncated(1, 0))),
        (format!("a024 8020{F} 8101"), cost(truncated(3, 2))),
        // Lengths that no usize holds, and the one that is reserved (X.690 section 8.1.3.5).
        ("a089010000000000000000".into(), outer(TooLarge)),
        ("a0ff".into(), outer(TooLarge)),
        // Of indefinite length (10.1).
        (format!("a080 8020{F} 810120 0000"), outer(Problem::Invalid("indefinite length"))),
        (format!("a027 8080{F}0000 810120"), fingerprint(Problem::Invalid("indefinite length"))),
        (format!("a027 8020{F} 8180200000"), cost(Problem::Invalid("indefinite length"))),
        // Lengths that have a shorter form (10.1).
        (format!("a08125 8020{F} 810120"), outer(NotCanonical)),
        (format!("a0820025 8020{F} 810120"), outer(NotCanonical)),
        (format!("a026 808120{F} 810120"), fingerprint(NotCanonical)),
        (format!("a027 8020{F} 8182000120"), cost(NotCanonical)),
        // Octets after the end: of the whole, and of the fields, where compound types have `subtypes`.
        (format!("a025 8020{F} 810120 00"), DecodeError::new("crypto-condition", 39, TrailingOctets(1))),
        (
            format!("a029 8020{F} 810120 82020780"),
            DecodeError::new("SimpleSha256Condition", 39, TrailingOctets(4)),
        ),
    ];
    assert_conditions_refused(&table);
}

#[test]
fn identifiers_of_conditions_that_are_others_are_refused() {
    use Problem::{NotCanonical, UnexpectedType};
    let other_class = || Problem::Invalid("not of context-specific class");
    let table = [
        // Tag numbers below 31 in the form for those above (8.1.2.2), and one that does not end.
        (format!("bf0025 8020{F} 810120"), outer(NotCanonical)),
        (format!("bf800025 8020{F} 810120"), outer(NotCanonical)),
        (format!("a026 9f0020{F} 810120"), fingerprint(NotCanonical)),
        (format!("a026 8020{F} 9f010120"), cost(NotCanonical)),
        ("bfffffffffffffff".into(), outer(Problem::Invalid("not DER"))),
        // Other types of crypto-conditions.
        (format!("a12a 8020{F} 81020400 82020780"), outer(UnexpectedType(1))),
        (format!("a22a 8020{F} 81020400 82020780"), outer(UnexpectedType(2))),
        (format!("a327 8020{F} 8103010000"), outer(UnexpectedType(3))),
        (format!("a427 8020{F} 8103020000"), outer(UnexpectedType(4))),
        (format!("a525 8020{F} 810120"), outer(UnexpectedType(5))),
        (format!("bf822c25 8020{F} 810120"), outer(Problem::Invalid("unknown crypto-condition type"))),
        // Of universal, application and private class.
        (format!("3025 8020{F} 810120"), outer(other_class())),
        (format!("6025 8020{F} 810120"), outer(other_class())),
        (format!("e025 8020{F} 810120"), outer(other_class())),
        (format!("a025 0420{F} 810120"), fingerprint(other_class())),
        (format!("a025 8020{F} 020120"), cost(other_class())),
        // Primitive or constructed, where it is to be the other.
        (format!("8025 8020{F} 810120"), outer(Problem::Invalid("not constructed"))),
        (format!("a025 a020{F} 810120"), fingerprint(Problem::Invalid("not primitive"))),
        (format!("a025 8020{F} a10120"), cost(Problem::Invalid("not primitive"))),
        // Fields with another tag, and in another order.
        (format!("a025 8220{F} 810120"), fingerprint(Problem::Invalid("another tag"))),
        (format!("a025 8020{F} 820120"), cost(Problem::Invalid("another tag"))),
        (format!("a025 810120 8020{F}"), fingerprint(Problem::Invalid("another tag"))),
    ];
    assert_conditions_refused(&table);
}

#[test]
fn values_of_conditions_that_are_out_of_range_or_not_der_are_refused() {
    use Problem::{NotCanonical, TooLarge};
    let table = [
        // A fingerprint that is no SHA-256.
        ("a005 8000 810120".into(), fingerprint(Problem::Invalid("not 32 octets"))),
        (format!("a024 801f{} 810120", &F[2..]), fingerprint(Problem::Invalid("not 32 octets"))),
        (format!("a026 8021{F}11 810120"), fingerprint(Problem::Invalid("not 32 octets"))),
        // A cost of no octets, with zeros in front, below zero, above 2^32 - 1 (8.3).
        (format!("a024 8020{F} 8100"), cost(NotCanonical)),
        (format!("a026 8020{F} 81020020"), cost(NotCanonical)),
        (format!("a02c 8020{F} 810800000000ffffffff"), cost(NotCanonical)),
        (format!("a025 8020{F} 8101ff"), cost(Problem::Invalid("negative"))),
        (format!("a026 8020{F} 8102ffff"), cost(Problem::Invalid("negative"))),
        (format!("a029 8020{F} 81050100000000"), cost(TooLarge)),
        (format!("a02d 8020{F} 8109010000000000000000"), cost(TooLarge)),
    ];
    assert_conditions_refused(&table);
}

fn assert_conditions_refused(table: &[(String, DecodeError)]) {
    for (der, error) in table {
        assert_eq!(CryptoCondition::decode(octets(der)).as_ref(), Err(error), "{der}");
    }
}

#[test]
fn fulfillments_that_are_not_der_are_refused() {
    let outer = |problem| DecodeError::new("crypto-fulfillment", 0, problem);
    let preimage = |problem| DecodeError::new("preimage", 2, problem);
    let table = [
        ("", outer(truncated(1, 0))),
        ("a002 80", outer(truncated(4, 3))),
        ("a000", preimage(truncated(1, 0))),
        ("a002 8001", preimage(truncated(3, 2))),
        ("a006 8084ffffffff", preimage(truncated(0xffff_ffff + 6, 6))),
        ("a080 8000 0000", outer(Problem::Invalid("indefinite length"))),
        ("a004 80800000", preimage(Problem::Invalid("indefinite length"))),
        ("a08102 8000", outer(Problem::NotCanonical)),
        ("a003 808100", preimage(Problem::NotCanonical)),
        ("a003 9f0000", preimage(Problem::NotCanonical)),
        ("a102 8000", outer(Problem::UnexpectedType(1))),
        ("a202 8000", outer(Problem::UnexpectedType(2))),
        ("a302 8000", outer(Problem::UnexpectedType(3))),
        ("a402 8000", outer(Problem::UnexpectedType(4))),
        ("3002 8000", outer(Problem::Invalid("not of context-specific class"))),
        ("8002 8000", outer(Problem::Invalid("not constructed"))),
        ("a002 0400", preimage(Problem::Invalid("not of context-specific class"))),
        // BER would have this be an OCTET STRING in pieces, and `asn1-rs` takes it for one (X.690 section 10.2).
        ("a002 a000", preimage(Problem::Invalid("not primitive"))),
        ("a002 8100", preimage(Problem::Invalid("another tag"))),
        ("a002 8000 00", DecodeError::new("crypto-fulfillment", 4, Problem::TrailingOctets(1))),
        ("a004 8000 8000", DecodeError::new("PreimageFulfillment", 4, Problem::TrailingOctets(2))),
    ];
    for (der, error) in table {
        assert_eq!(CryptoFulfillment::decode(octets(der)), Err(error), "{der}");
    }
}

#[test]
fn an_octet_changed_makes_another_value_or_none() {
    let condition = condition_of(&[7; 32]).encode();
    let fulfillment = CryptoFulfillment::new(vec![7; 32]).unwrap().encode();
    for (encoding, position) in
        [&condition, &fulfillment].into_iter().flat_map(|e| (0..e.len()).map(move |p| (e, p)))
    {
        for octet in 0..=u8::MAX {
            let mut damaged = encoding.to_vec();
            damaged[position] = octet;
            assert_refused_or_canonical(&damaged.into());
        }
    }
}

/// Whatever is read is written back as the same octets.
fn assert_refused_or_canonical(octets: &Bytes) {
    if let Ok(condition) = CryptoCondition::decode(octets.clone()) {
        assert_eq!(&condition.encode(), octets);
    }
    if let Ok(fulfillment) = CryptoFulfillment::decode(octets.clone()) {
        assert_eq!(&fulfillment.encode(), octets);
    }
}

/// An element of BER: an identifier that is likely to be right, zeros in front of a length that is likely to be.
fn element(
    contents: impl Strategy<Value = Vec<u8>>,
    identifiers: &'static [u8],
) -> impl Strategy<Value = Vec<u8>> {
    let identifier = prop_oneof![9 => proptest::sample::select(identifiers), 1 => any::<u8>()];
    let zeros = prop_oneof![3 => Just(None), 1 => (0usize..3).prop_map(Some)];
    let longer = prop_oneof![8 => Just(0i64), 1 => -2i64..3];
    (identifier, zeros, longer, contents).prop_map(|(identifier, zeros, longer, contents)| {
        let length = (contents.len() as i64 + longer).clamp(0, 0x7f) as u8;
        let mut element = vec![identifier];
        if let Some(zeros) = zeros {
            element.push(0x81 + zeros as u8);
            element.extend(vec![0; zeros]);
        }
        element.push(length);
        element.extend(contents);
        element
    })
}

proptest! {
    #[test]
    fn random_octets_are_refused_or_canonical(octets in vec(any::<u8>(), 0..80)) {
        assert_refused_or_canonical(&octets.into());
    }

    #[test]
    fn elements_of_ber_are_refused_or_canonical(
        octets in element(
            (
                element(vec(any::<u8>(), 32..=32), &[0x80]),
                element(vec(prop_oneof![Just(0u8), any::<u8>()], 0..6), &[0x81]),
            )
                .prop_map(|(fingerprint, cost)| [fingerprint, cost].concat()),
            &[0xa0],
        ),
    ) {
        assert_refused_or_canonical(&octets.into());
    }

    #[test]
    fn damaged_encodings_are_refused_or_canonical(
        cost: u32,
        preimage in vec(any::<u8>(), 0..200),
        position: proptest::sample::Index,
        removed in 0usize..4,
        inserted in vec(any::<u8>(), 0..4),
    ) {
        let condition = CryptoCondition { cost, ..condition_of(&preimage) };
        for encoding in [condition.encode(), CryptoFulfillment::new(preimage).unwrap().encode()] {
            let start = position.index(encoding.len());
            let end = encoding.len().min(start + removed);
            let damaged = [&encoding[..start], &inserted, &encoding[end..]].concat();
            assert_refused_or_canonical(&damaged.into());
        }
    }
}
