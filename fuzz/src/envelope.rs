//! Sealing and opening.

use hmac::{Hmac, KeyInit, Mac};
use psk_codec::psk::PskPacket;
use psk_crypto::{ENVELOPE_OVERHEAD, Keys, OpenError, Random, SealError, SharedSecret, fulfills};
use sha2::Sha256;

const SECRET_LENGTH: usize = SharedSecret::MIN_LENGTH;

/// Encrypted packets. Octets are a secret of 32 octets, and then
///
/// - as they are: what somebody sealed with that secret. It is refused, or sealing what was opened with the same
///   nonce gives the same octets;
/// - again as they are: a plaintext, which is sealed and comes back, but not once it is changed or cut, anywhere.
///
/// In place and in memory of its own it is the same, and the fulfillment is what the crate `hmac` says.
pub fn envelope(octets: &[u8]) {
    let Some((secret, octets)) = octets.split_first_chunk::<SECRET_LENGTH>() else { return };
    // A secret may be longer; nothing below depends on how long it is.
    let shared = SharedSecret::from_octets(secret).expect("32 octets are a secret");
    let keys = Keys::derive(&shared);
    let fulfillment_key = hmac(secret, b"ilp_psk2_fulfillment");
    assert_eq!(keys.fulfillment(octets).octets(), &hmac(&fulfillment_key, octets));
    assert!(fulfills(&keys.fulfillment(octets), &keys.condition(octets)));
    open(&keys, octets);
    seal(&keys, octets);
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Hands out given octets, then zeros.
struct Given<'a>(&'a [u8]);

impl Random for Given<'_> {
    fn fill_secure(&mut self, octets: &mut [u8]) {
        let (given, rest) = self.0.split_at(self.0.len().min(octets.len()));
        octets.fill(0);
        octets[..given.len()].copy_from_slice(given);
        self.0 = rest;
    }

    fn jitter(&mut self) -> u64 {
        0
    }
}

fn open(keys: &Keys, sealed: &[u8]) {
    let mut in_place = sealed.to_vec();
    let Ok(plaintext) = keys.open(sealed) else {
        return not_opened_in_place(keys, in_place);
    };
    assert_eq!(plaintext.len() + ENVELOPE_OVERHEAD, sealed.len());
    assert_eq!(keys.open_in_place(&mut in_place).expect("opened before")[..], plaintext[..]);
    assert_eq!(in_place[ENVELOPE_OVERHEAD..], plaintext);
    // Fails for what no ILP packet could have brought.
    if let Ok(again) = keys.seal(&plaintext, &mut Given(sealed)) {
        assert_eq!(again, sealed);
    }
}

fn seal(keys: &Keys, octets: &[u8]) {
    // Where it is changed, into what, and the nonce.
    let Some((&[high, low, flip], plaintext)) = octets.split_first_chunk() else { return };
    // What is in the room for nonce and tag does not matter.
    let mut in_place = [&[flip; ENVELOPE_OVERHEAD], plaintext].concat();
    let before = in_place.clone();
    let sealed_in_place = keys.seal_in_place(&mut in_place, &mut Given(octets));
    let sealed = match keys.seal(plaintext, &mut Given(octets)) {
        Ok(sealed) => sealed,
        Err(error) => {
            assert_eq!(error, SealError::TooLong(plaintext.len()));
            assert_eq!(sealed_in_place, Err(error));
            assert_eq!(in_place, before);
            return;
        }
    };
    assert_eq!((sealed_in_place, &in_place[..]), (Ok(()), &sealed[..]));
    assert_eq!(keys.open(&sealed).expect("just sealed"), plaintext);

    if let Ok(packet) = PskPacket::read(plaintext) {
        let written = packet.encode().expect("no longer than the plaintext");
        let sealed = keys.seal_packet(&packet, &mut Given(octets));
        assert_eq!(sealed, keys.seal(&written, &mut Given(octets)));
    }

    let room = plaintext.len().min(ENVELOPE_OVERHEAD - 1);
    let error = keys.seal_in_place(&mut before.clone()[..room], &mut Given(octets));
    assert_eq!(error, Err(SealError::NoRoom(room)));

    let position = usize::from(u16::from_be_bytes([high, low])) % sealed.len();
    in_place[position] ^= flip.max(1);
    refused(keys, &in_place, &sealed);
    refused(keys, &sealed[..position], &sealed);
    refused(keys, &[&sealed[..], &[flip]].concat(), &sealed);
    refused(keys, &[&sealed[..position], &[flip], &sealed[position..]].concat(), &sealed);
}

/// Octets that were made from what these keys have sealed.
fn refused(keys: &Keys, changed: &[u8], sealed: &[u8]) {
    assert_eq!(keys.open(changed), Err(OpenError));
    not_opened_in_place(keys, changed.to_vec());
    assert_ne!(keys.fulfillment(changed), keys.fulfillment(sealed));
}

/// What is not opened cannot be read afterwards: behind nonce and tag there are zeros.
fn not_opened_in_place(keys: &Keys, sealed: Vec<u8>) {
    let mut in_place = sealed.clone();
    assert_eq!(keys.open_in_place(&mut in_place), Err(OpenError));
    let (overhead, text) = in_place.split_at(ENVELOPE_OVERHEAD.min(sealed.len()));
    assert!(sealed.starts_with(overhead));
    assert!(text.iter().all(|&octet| octet == 0));
}
