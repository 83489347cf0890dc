//! What was not sealed with the key, or was changed since, is refused, and leaves nothing to read.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use psk_codec::psk::MAX_PLAINTEXT_LENGTH;
use psk_crypto::{ENVELOPE_OVERHEAD, Keys, OpenError, SeededRandom, SharedSecret};

/// None, less than a block of AES, a block, more, a usual packet, and the longest.
const LENGTHS: [usize; 7] = [0, 1, 15, 16, 17, 100, MAX_PLAINTEXT_LENGTH];
/// Bits of nonce and tag.
const OVERHEAD_BITS: usize = ENVELOPE_OVERHEAD * 8;

fn secret() -> [u8; 32] {
    std::array::from_fn(|index| index as u8)
}

fn keys_of(secret: &[u8]) -> Keys {
    Keys::derive(&SharedSecret::from_octets(secret).unwrap())
}

/// A text without a zero in it, so that what is wiped can be told from what is not.
fn plaintext(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 255 + 1) as u8).collect()
}

fn sealed(keys: &Keys, length: usize, seed: u64) -> Vec<u8> {
    keys.seal(&plaintext(length), &mut SeededRandom::new(seed)).unwrap().to_vec()
}

/// Neither way of opening does, and the buffer that was to be opened in place has no text in it afterwards.
fn assert_refused(keys: &Keys, octets: &[u8], what: &str) {
    assert_eq!(keys.open(octets), Err(OpenError), "{what}");
    let mut buffer = octets.to_vec();
    assert_eq!(keys.open_in_place(&mut buffer), Err(OpenError), "{what}");
    let (overhead, text) = buffer.split_at(ENVELOPE_OVERHEAD.min(buffer.len()));
    assert_eq!(overhead, &octets[..overhead.len()], "{what}");
    assert!(text.iter().all(|octet| *octet == 0), "{what}: there is text");
}

/// All of them when there are few, and otherwise some 300, from both ends and in between.
fn some(all: usize) -> impl Iterator<Item = usize> {
    let step = if all <= 2_000 { 1 } else { all / 100 };
    (0..all).filter(move |at| *at < 100 || all - at <= 100 || at % step == 0)
}

fn flipped(octets: &[u8], bit: usize) -> Vec<u8> {
    let mut changed = octets.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    changed
}

#[test]
fn what_was_not_changed_is_opened() {
    let keys = keys_of(&secret());
    for length in LENGTHS {
        let mut sealed = sealed(&keys, length, 1);
        assert_eq!(keys.open(&sealed).unwrap(), plaintext(length));
        assert_eq!(keys.open_in_place(&mut sealed).unwrap(), plaintext(length));
    }
}

#[test]
fn every_flipped_bit_of_nonce_and_tag_is_refused() {
    let keys = keys_of(&secret());
    for length in LENGTHS {
        let sealed = sealed(&keys, length, 1);
        for bit in 0..OVERHEAD_BITS {
            assert_refused(&keys, &flipped(&sealed, bit), &format!("bit {bit} of a text of {length}"));
        }
    }
}

#[test]
fn every_flipped_bit_of_the_ciphertext_is_refused() {
    let keys = keys_of(&secret());
    for length in LENGTHS {
        let sealed = sealed(&keys, length, 1);
        for bit in some(length * 8) {
            let changed = flipped(&sealed, OVERHEAD_BITS + bit);
            assert_refused(&keys, &changed, &format!("bit {bit} of a text of {length}"));
        }
    }
}

#[test]
fn truncations_are_refused_at_either_end() {
    let keys = keys_of(&secret());
    for length in LENGTHS {
        let sealed = sealed(&keys, length, 1);
        for left in some(sealed.len()) {
            assert_refused(&keys, &sealed[..left], &format!("{left} of {}", sealed.len()));
            assert_refused(
                &keys,
                &sealed[sealed.len() - left..],
                &format!("last {left} of {}", sealed.len()),
            );
        }
    }
}

#[test]
fn extensions_are_refused() {
    let keys = keys_of(&secret());
    for length in LENGTHS {
        let sealed = sealed(&keys, length, 1);
        for more in [&[0; 1][..], &[1; 1], &[0; 15], &[0; 16], &[0; 64], &sealed] {
            assert_refused(&keys, &[&sealed, more].concat(), &format!("{} after {length}", more.len()));
            assert_refused(&keys, &[more, &sealed].concat(), &format!("{} before {length}", more.len()));
        }
    }
}

#[test]
fn parts_of_other_packets_are_refused() {
    let keys = keys_of(&secret());
    for length in LENGTHS {
        let (one, other) = (sealed(&keys, length, 1), sealed(&keys, length, 2));
        for part in [0..12, 12..28, 0..28, 28..one.len()] {
            let mut mixed = one.clone();
            mixed[part.clone()].copy_from_slice(&other[part.clone()]);
            if mixed != one && mixed != other {
                assert_refused(&keys, &mixed, &format!("{part:?} of another packet, length {length}"));
            }
        }
        // The order of other protocols: nonce, ciphertext, tag.
        let tag_last = [&one[..12], &one[28..], &one[12..28]].concat();
        assert!(length == 0 || keys.open(&tag_last).is_err(), "length {length}");
    }
}

#[test]
fn another_secret_is_refused_if_only_one_bit_differs() {
    let keys = keys_of(&secret());
    for length in [0, 100] {
        let sealed = sealed(&keys, length, 1);
        for bit in 0..256 {
            let other = keys_of(&flipped(&secret(), bit));
            assert_refused(&other, &sealed, &format!("bit {bit} of the secret"));
            assert_ne!(other.fulfillment(&sealed), keys.fulfillment(&sealed), "bit {bit} of the secret");
        }
        // HMAC fills a key up with zeros, so a longer secret of zeros is the same; any other is not.
        assert_refused(&keys_of(&[&secret()[..], &[1]].concat()), &sealed, "a longer secret");
    }
}

#[test]
fn what_was_never_sealed_is_refused() {
    let keys = keys_of(&secret());
    assert_refused(&keys, &[], "nothing");
    for length in 0..200 {
        assert_refused(&keys, &vec![0; length], &format!("{length} zeros"));
        assert_refused(&keys, &plaintext(length), &format!("{length} octets of text"));
    }
}

#[test]
fn every_flipped_bit_gives_another_fulfillment_and_condition() {
    let keys = keys_of(&secret());
    let sealed = sealed(&keys, 100, 1);
    let (fulfillment, condition) = (keys.fulfillment(&sealed), keys.condition(&sealed));
    for bit in 0..sealed.len() * 8 {
        let changed = flipped(&sealed, bit);
        assert!(!psk_crypto::same_fulfillment(&keys.fulfillment(&changed), &fulfillment), "bit {bit}");
        assert!(!psk_crypto::fulfills(&keys.fulfillment(&changed), &condition), "bit {bit}");
    }
}
