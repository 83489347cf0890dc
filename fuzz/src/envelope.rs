//! Sealing and opening.

use psk_crypto::{ENVELOPE_OVERHEAD, Keys, OpenError, Random, SharedSecret, condition_of, fulfills};

const SECRET_LENGTH: usize = SharedSecret::MIN_LENGTH;

/// Encrypted packets. Octets are a secret of 32 octets, and then
///
/// - as they are: what somebody sealed with that secret. It is refused, or sealing what was opened with the same
///   nonce gives the same octets;
/// - again as they are: a plaintext, which is sealed and comes back, but not once it is changed or cut, anywhere.
pub fn envelope(octets: &[u8]) {
    let Some((secret, octets)) = octets.split_first_chunk::<SECRET_LENGTH>() else { return };
    // A secret may be longer; nothing below depends on how long it is.
    let secret = SharedSecret::from_octets(secret).expect("32 octets are a secret");
    let keys = Keys::derive(&secret);
    open(&keys, octets);
    seal(&keys, octets);
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
    let Ok(plaintext) = keys.open(sealed) else { return };
    assert_eq!(plaintext.len() + ENVELOPE_OVERHEAD, sealed.len());
    // No envelope of an ILP packet is longer than what is sealed.
    if let Ok(again) = keys.seal(&plaintext, &mut Given(sealed)) {
        assert_eq!(again, sealed);
    }
    let fulfillment = keys.fulfillment(sealed);
    assert!(fulfills(&fulfillment, &condition_of(&fulfillment)));
}

fn seal(keys: &Keys, octets: &[u8]) {
    // Where it is changed, into what, and the nonce.
    let Some((&[high, low, flip], plaintext)) = octets.split_first_chunk() else { return };
    let Ok(sealed) = keys.seal(plaintext, &mut Given(octets)) else { return };
    assert_eq!(keys.open(&sealed).as_ref().map(|opened| &opened[..]), Ok(plaintext));

    let position = usize::from(u16::from_be_bytes([high, low])) % sealed.len();
    let mut changed = sealed.to_vec();
    changed[position] ^= flip.max(1);
    refused(keys, &changed, &sealed);
    refused(keys, &sealed[..position], &sealed);
    refused(keys, &[&sealed[..], &[flip]].concat(), &sealed);
    refused(keys, &[&sealed[..position], &[flip], &sealed[position..]].concat(), &sealed);
}

/// Octets that were made from what these keys have sealed.
fn refused(keys: &Keys, changed: &[u8], sealed: &[u8]) {
    assert_eq!(keys.open(changed), Err(OpenError));
    assert_ne!(keys.fulfillment(changed), keys.fulfillment(sealed));
}
