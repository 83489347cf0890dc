//! `ni:` URIs of conditions and base64url of fulfillments: what is read, and what is refused.

use proptest::prelude::*;
use psk_codec::crypto_condition::{CryptoCondition, CryptoFulfillment};
use psk_codec::{DecodeError, Problem};

use crate::{condition_of, invalid, truncated};

/// The fingerprint of the URIs below, and where what follows `?` starts.
const FINGERPRINT: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
const QUERY: usize = "ni:///sha-256;?".len() + FINGERPRINT.len();

#[test]
fn the_parameters_of_a_uri_are_read_in_either_order() {
    let uri = format!("ni:///sha-256;{FINGERPRINT}?cost=0&fpt=preimage-sha-256");
    assert_eq!(uri.parse(), Ok(condition_of(b"")));
    let uri = format!("ni:///sha-256;{FINGERPRINT}?fpt=preimage-sha-256&cost=4294967295");
    assert_eq!(uri.parse(), Ok(CryptoCondition { cost: u32::MAX, ..condition_of(b"") }));
}

#[test]
fn bad_parameters_of_a_uri_are_refused() {
    const FPT: &str = "fpt=preimage-sha-256";
    let whole = |offset, what| invalid("crypto-condition URI", QUERY + offset, what);
    let cost = |problem| DecodeError::new("cost", QUERY + 21, problem);
    let fpt = |problem| DecodeError::new("fpt", QUERY, problem);
    let table = [
        (String::new(), whole(0, "unknown parameter")),
        (FPT.into(), invalid("cost", QUERY + 20, "missing")),
        ("cost=0".into(), invalid("fpt", QUERY + 6, "missing")),
        ("fpt=prefix-sha-256&cost=0".into(), fpt(Problem::UnexpectedType(1))),
        ("fpt=threshold-sha-256&cost=0".into(), fpt(Problem::UnexpectedType(2))),
        ("fpt=rsa-sha-256&cost=0".into(), fpt(Problem::UnexpectedType(3))),
        ("fpt=ed25519-sha-256&cost=0".into(), fpt(Problem::UnexpectedType(4))),
        ("fpt=PREIMAGE-SHA-256&cost=0".into(), fpt(Problem::Invalid("unknown crypto-condition type"))),
        ("fpt&cost=0".into(), fpt(Problem::Invalid("unknown crypto-condition type"))),
        (format!("{FPT}&cost"), cost(Problem::Invalid("not a decimal number"))),
        (format!("{FPT}&cost="), cost(Problem::Invalid("not a decimal number"))),
        (format!("{FPT}&cost=+1"), cost(Problem::Invalid("not a decimal number"))),
        (format!("{FPT}&cost=-1"), cost(Problem::Invalid("not a decimal number"))),
        (format!("{FPT}&cost=1.0"), cost(Problem::Invalid("not a decimal number"))),
        (format!("{FPT}&cost=0x1"), cost(Problem::Invalid("not a decimal number"))),
        (format!("{FPT}&cost=%31"), cost(Problem::Invalid("not a decimal number"))),
        (format!("{FPT}&cost=1#x"), cost(Problem::Invalid("not a decimal number"))),
        (format!("{FPT}&cost=\u{663}"), cost(Problem::Invalid("not a decimal number"))),
        (format!("{FPT}&cost=01"), cost(Problem::NotCanonical)),
        (format!("{FPT}&cost=4294967296"), cost(Problem::TooLarge)),
        (format!("{FPT}&cost=0&"), whole(28, "unknown parameter")),
        (format!("{FPT}&&cost=0"), whole(21, "unknown parameter")),
        (format!("{FPT}&cost=0&cost=0"), whole(28, "parameter given twice")),
        (format!("{FPT}&{FPT}&cost=0"), whole(21, "parameter given twice")),
        (format!("{FPT}&cost=0&subtypes=rsa-sha-256"), whole(28, "unknown parameter")),
        (format!("{FPT}&cost=0&ct=text/plain"), whole(28, "unknown parameter")),
    ];
    for (query, error) in table {
        let uri = format!("ni:///sha-256;{FINGERPRINT}?{query}");
        assert_eq!(uri.parse::<CryptoCondition>(), Err(error), "{uri}");
    }
}

#[test]
fn bad_uris_of_conditions_are_refused() {
    const QUERY: &str = "?fpt=preimage-sha-256&cost=0";
    let scheme = || invalid("crypto-condition URI", 0, "not ni:///sha-256;");
    let fingerprint = |what| invalid("fingerprint", 14, what);
    let table = [
        (String::new(), scheme()),
        // Of the first drafts, without the empty authority, with an authority, in capitals, of another hash.
        ("cc:0:3:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU:0".into(), scheme()),
        (format!("ni:sha-256;{FINGERPRINT}{QUERY}"), scheme()),
        (format!("ni://example.com/sha-256;{FINGERPRINT}{QUERY}"), scheme()),
        (format!("NI:///sha-256;{FINGERPRINT}{QUERY}"), scheme()),
        (format!("ni:///sha-256-128;{FINGERPRINT}{QUERY}"), scheme()),
        (format!(" ni:///sha-256;{FINGERPRINT}{QUERY}"), scheme()),
        (format!("ni:///sha-256;{FINGERPRINT}"), invalid("crypto-condition URI", 57, "no parameters")),
        // Too short, too long, padded, of base64 for mail, and with bits set that belong to no octet.
        (format!("ni:///sha-256;{QUERY}"), fingerprint("not 32 octets")),
        (format!("ni:///sha-256;{}{QUERY}", &FINGERPRINT[1..]), fingerprint("not 32 octets")),
        (format!("ni:///sha-256;{FINGERPRINT}A{QUERY}"), fingerprint("not 32 octets")),
        (format!("ni:///sha-256;{FINGERPRINT}={QUERY}"), fingerprint("not 32 octets")),
        (format!("ni:///sha-256;{}={QUERY}", &FINGERPRINT[1..]), fingerprint("not base64url")),
        (format!("ni:///sha-256;{}{QUERY}", FINGERPRINT.replace('-', "+")), fingerprint("not base64url")),
        (format!("ni:///sha-256;{}{QUERY}", FINGERPRINT.replace('_', "/")), fingerprint("not base64url")),
        (format!("ni:///sha-256;{}V{QUERY}", &FINGERPRINT[..42]), fingerprint("not base64url")),
    ];
    for (uri, error) in table {
        assert_eq!(uri.parse::<CryptoCondition>(), Err(error), "{uri}");
    }
}

#[test]
fn bad_texts_of_fulfillments_are_refused() {
    const READING: &str = "crypto-fulfillment text";
    let table = [
        (String::new(), DecodeError::new("crypto-fulfillment", 0, truncated(1, 0))),
        ("oAKAAA==".into(), invalid(READING, 0, "not base64url")),
        ("oAKAA".into(), invalid(READING, 0, "not base64url")),
        ("oAKAAB".into(), invalid(READING, 0, "not base64url")),
        ("oAKA AA".into(), invalid(READING, 0, "not base64url")),
        ("oAOAAf+".into(), invalid(READING, 0, "not base64url")),
        ("MAKAAA".into(), invalid("crypto-fulfillment", 0, "not of context-specific class")),
        ("A".repeat(1_377), invalid(READING, 1_376, "too long")),
    ];
    for (text, error) in table {
        assert_eq!(text.parse::<CryptoFulfillment>(), Err(error), "{text}");
    }
}

#[test]
fn a_character_changed_makes_another_value_or_none() {
    let uri = condition_of(&[7; 32]).to_string();
    let text = CryptoFulfillment::from(psk_codec::ildcp::FULFILLMENT).to_string();
    for character in '\0'..='\u{ff}' {
        for (position, _) in uri.char_indices() {
            let damaged = replace(&uri, position, character);
            if let Ok(condition) = damaged.parse::<CryptoCondition>() {
                assert_eq!(condition.to_string(), damaged);
            }
        }
        for (position, _) in text.char_indices() {
            let damaged = replace(&text, position, character);
            if let Ok(fulfillment) = damaged.parse::<CryptoFulfillment>() {
                assert_eq!(fulfillment.to_string(), damaged);
            }
        }
    }
}

/// With another character at a position.
fn replace(text: &str, position: usize, character: char) -> String {
    format!("{}{character}{}", &text[..position], &text[position + 1..])
}

proptest! {
    #[test]
    fn random_texts_are_refused_or_canonical(text in "oC[A-Za-z0-9_-]{0,60}", uri in "ni:///sha-256;\\PC{0,80}") {
        if let Ok(fulfillment) = text.parse::<CryptoFulfillment>() {
            prop_assert_eq!(fulfillment.to_string(), text);
        }
        if let Ok(condition) = uri.parse::<CryptoCondition>() {
            prop_assert_eq!(condition.to_string(), uri);
        }
    }
}
