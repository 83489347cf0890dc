//! Sealing and opening in place: the same packets as with new buffers, and a buffer left alone on an error.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::HashSet;

use proptest::prelude::*;
use psk_codec::psk::MAX_PLAINTEXT_LENGTH;
use psk_crypto::{
    ENVELOPE_OVERHEAD, Keys, MAX_SEALED_PACKETS, SealError, SeededRandom, SharedSecret, condition_of,
    fulfills, same_fulfillment,
};

fn secret() -> SharedSecret {
    SharedSecret::from_octets(&[1; 32]).unwrap()
}

/// The buffer of a packet before it is sealed; what is in the room for nonce and tag does not matter.
fn envelope(plaintext: &[u8]) -> Vec<u8> {
    [&[0xaa; ENVELOPE_OVERHEAD], plaintext].concat()
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened_whichever_way(
        octets: [u8; 32],
        seed: u64,
        plaintext in prop::collection::vec(any::<u8>(), 0..1_000),
    ) {
        let keys = Keys::derive(&SharedSecret::from_octets(&octets).unwrap());
        let sealed = keys.seal(&plaintext, &mut SeededRandom::new(seed)).unwrap();
        let mut in_place = envelope(&plaintext);
        keys.seal_in_place(&mut in_place, &mut SeededRandom::new(seed)).unwrap();
        prop_assert_eq!(&sealed, &in_place);
        prop_assert_eq!(sealed.len(), plaintext.len() + ENVELOPE_OVERHEAD);
        prop_assert_eq!(keys.sealed_packets(), 2);
        // The fulfillment is that of the sealed octets, so before they are gone.
        let fulfillment = keys.fulfillment(&in_place);
        prop_assert!(fulfills(&fulfillment, &keys.condition(&in_place)));
        prop_assert!(same_fulfillment(&fulfillment, &keys.fulfillment(&sealed)));
        prop_assert_eq!(condition_of(&fulfillment), keys.condition(&sealed));
        prop_assert_eq!(keys.open(&sealed).unwrap(), &plaintext);
        prop_assert_eq!(keys.open_in_place(&mut in_place).unwrap(), &plaintext);
        prop_assert_eq!(&in_place[ENVELOPE_OVERHEAD..], &plaintext);
    }
}

#[test]
fn every_packet_has_a_nonce_and_a_condition_of_its_own() {
    let (keys, random) = (Keys::derive(&secret()), &mut SeededRandom::new(1));
    let mut nonces = HashSet::new();
    let mut conditions = HashSet::new();
    for _ in 0..1_000 {
        let mut packet = envelope(b"the same text");
        keys.seal_in_place(&mut packet, random).unwrap();
        assert!(nonces.insert(packet[..12].to_vec()));
        assert!(conditions.insert(keys.condition(&packet)));
        let packet = keys.seal(b"the same text", random).unwrap();
        assert!(nonces.insert(packet[..12].to_vec()));
        assert!(conditions.insert(keys.condition(&packet)));
    }
    assert_eq!(keys.sealed_packets(), 2_000);
}

#[test]
fn a_buffer_without_room_is_refused_and_left_alone() {
    let keys = Keys::derive(&secret());
    for length in 0..ENVELOPE_OVERHEAD {
        let mut short = vec![7; length];
        assert_eq!(keys.seal_in_place(&mut short, &mut SeededRandom::new(1)), Err(SealError::NoRoom(length)));
        assert_eq!(short, vec![7; length]);
    }
    assert_eq!(keys.sealed_packets(), 0);
    let mut empty = envelope(b"");
    keys.seal_in_place(&mut empty, &mut SeededRandom::new(1)).unwrap();
    assert_eq!(keys.open_in_place(&mut empty).unwrap(), b"");
}

#[test]
fn a_text_that_is_too_long_is_refused_and_left_alone() {
    let keys = Keys::derive(&secret());
    let mut longest = envelope(&vec![7; MAX_PLAINTEXT_LENGTH]);
    keys.seal_in_place(&mut longest, &mut SeededRandom::new(1)).unwrap();
    assert_eq!(longest.len(), psk_codec::MAX_DATA_LENGTH);
    let text = vec![7; MAX_PLAINTEXT_LENGTH + 1];
    let mut too_long = envelope(&text);
    let refused = keys.seal_in_place(&mut too_long, &mut SeededRandom::new(1));
    assert_eq!(refused, Err(SealError::TooLong(text.len())));
    assert_eq!(too_long, envelope(&text));
    assert_eq!(keys.seal(&text, &mut SeededRandom::new(1)), Err(SealError::TooLong(text.len())));
    assert_eq!(keys.sealed_packets(), 1);
}

#[test]
fn an_exhausted_key_seals_nothing_more_and_still_opens() {
    // ENGINE.md section 8: 2^31 packets under one key are refused, not wrapped.
    let keys = Keys::derive_after(&secret(), MAX_SEALED_PACKETS - 1);
    let random = &mut SeededRandom::new(1);
    let mut last = envelope(b"the last");
    keys.seal_in_place(&mut last, random).unwrap();
    let mut next = envelope(b"one more");
    assert_eq!(keys.seal_in_place(&mut next, random), Err(SealError::KeyExhausted));
    assert_eq!(next, envelope(b"one more"));
    assert_eq!(keys.seal(b"one more", random), Err(SealError::KeyExhausted));
    assert_eq!(keys.sealed_packets(), MAX_SEALED_PACKETS);
    assert_eq!(keys.open_in_place(&mut last).unwrap(), b"the last");
}

#[test]
fn secrets_are_compared_whole() {
    let octets: [u8; 40] = std::array::from_fn(|index| index as u8);
    let secret = |octets: &[u8]| SharedSecret::from_octets(octets).unwrap();
    assert_eq!(secret(&octets), secret(&octets));
    for length in 32..40 {
        assert_ne!(secret(&octets[..length]), secret(&octets), "{length}");
    }
    for bit in 0..320 {
        let mut other = octets;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(secret(&other), secret(&octets), "bit {bit}");
    }
}
