//! Other ways to do the cryptography of a packet, written as a careful user of each library would: keys expanded
//! once, fresh nonces from the thread-local generator that ours uses, everything in place.
//!
//! They have to agree: [`all_agree`] has every stack open what another one has sealed.

mod aws_lc;
mod ring;
mod rust_crypto;

use std::array::from_fn;

use psk_crypto::{Keys, OpenError, SharedSecret, SystemRandom, condition_of, same_fulfillment};
use rand::Rng;

pub(crate) use aws_lc::{AwsLc, AwsLcWithRustHashes};
pub(crate) use ring::Ring;
pub(crate) use rust_crypto::RustCrypto;

/// Room for nonce and tag before the text, as PSKv2 has them.
pub(crate) const OVERHEAD: usize = 28;

/// What the sender or the receiver of packets needs.
pub(crate) trait Stack {
    /// Derives and expands the keys of a secret.
    fn derive(secret: &SharedSecret) -> Self;

    /// Seals the text behind the first 28 octets, and puts nonce and tag there.
    fn seal(&self, envelope: &mut [u8]);

    /// Opens what was sealed, in place; `None` when it was changed.
    fn open<'a>(&self, sealed: &'a mut [u8]) -> Option<&'a mut [u8]>;

    /// HMAC of the sealed octets.
    fn fulfillment(&self, sealed: &[u8]) -> [u8; 32];

    /// SHA-256 of the fulfillment.
    fn condition(fulfillment: &[u8; 32]) -> [u8; 32];

    /// Whether two conditions or fulfillments are the same, in constant time.
    fn same(left: &[u8; 32], right: &[u8; 32]) -> bool;
}

/// All the cryptography of one packet and its answer, of both sides. Returns a part of the answer, so that nothing
/// is left out.
pub(crate) fn exchange<S: Stack>(stack: &S, plaintext: &[u8]) -> u8 {
    // The sender seals the packet and derives its condition.
    let mut request = envelope(plaintext);
    stack.seal(&mut request);
    let kept = stack.fulfillment(&request);
    let condition = S::condition(&kept);
    // The receiver derives the fulfillment, compares, opens, and seals the answer.
    let shown = stack.fulfillment(&request);
    assert!(S::same(&S::condition(&shown), &condition));
    let received = stack.open(&mut request).expect("sealed with this key");
    let mut response = envelope(received);
    stack.seal(&mut response);
    // The sender compares and opens.
    assert!(S::same(&shown, &kept));
    let answer = stack.open(&mut response).expect("sealed with this key");
    answer.last().copied().unwrap_or_default()
}

/// The buffer that becomes a packet.
fn envelope(plaintext: &[u8]) -> Vec<u8> {
    let mut envelope = Vec::with_capacity(OVERHEAD + plaintext.len());
    envelope.extend_from_slice(&[0; OVERHEAD]);
    envelope.extend_from_slice(plaintext);
    envelope
}

/// Checks that the stacks understand each other, in a ring.
pub(crate) fn all_agree(secret: &SharedSecret) {
    agree::<Keys, RustCrypto>(secret);
    agree::<RustCrypto, Ring>(secret);
    agree::<Ring, AwsLc>(secret);
    agree::<AwsLc, AwsLcWithRustHashes>(secret);
    agree::<AwsLcWithRustHashes, Keys>(secret);
}

fn agree<A: Stack, B: Stack>(secret: &SharedSecret) {
    let (left, right) = (A::derive(secret), B::derive(secret));
    let plaintext: [u8; 100] = from_fn(|index| index as u8);
    let mut packet = envelope(&plaintext);
    left.seal(&mut packet);
    let fulfillment = left.fulfillment(&packet);
    assert_eq!(fulfillment, right.fulfillment(&packet));
    assert_eq!(A::condition(&fulfillment), B::condition(&fulfillment));
    assert_eq!(right.open(&mut packet).expect("the other's packet"), plaintext);
    left.seal(&mut packet);
    packet[OVERHEAD] ^= 1;
    assert!(right.open(&mut packet).is_none());
}

impl Stack for Keys {
    fn derive(secret: &SharedSecret) -> Self {
        Keys::derive(secret)
    }

    fn seal(&self, envelope: &mut [u8]) {
        self.seal_in_place(envelope, &mut SystemRandom).expect("room, and a key that is not exhausted");
    }

    fn open<'a>(&self, sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.open_in_place(sealed).map_err(|OpenError| ()).ok()
    }

    fn fulfillment(&self, sealed: &[u8]) -> [u8; 32] {
        *Keys::fulfillment(self, sealed).octets()
    }

    fn condition(fulfillment: &[u8; 32]) -> [u8; 32] {
        *condition_of(&psk_codec::Fulfillment::new(*fulfillment)).octets()
    }

    fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
        same_fulfillment(&psk_codec::Fulfillment::new(*left), &psk_codec::Fulfillment::new(*right))
    }
}

/// The two keys of a secret, as bare octets: PSKv2's encryption key, then its fulfillment key.
fn bare_keys(secret: &SharedSecret) -> [[u8; 32]; 2] {
    [b"ilp_psk2_encryption".as_slice(), b"ilp_psk2_fulfillment"]
        .map(|label| rust_crypto::hmac(&rust_crypto::hmac_key(secret.expose_octets()), label))
}

/// A fresh nonce from the generator that ours uses.
fn nonce() -> [u8; 12] {
    let mut nonce = [0; 12];
    rand::rng().fill_bytes(&mut nonce);
    nonce
}

/// Nonce, tag and text of an envelope.
fn parts(envelope: &mut [u8]) -> Option<(&mut [u8; 12], &mut [u8; 16], &mut [u8])> {
    let (nonce, rest) = envelope.split_first_chunk_mut()?;
    let (tag, text) = rest.split_first_chunk_mut()?;
    Some((nonce, tag, text))
}
