use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, digest, hmac};
use psk_crypto::SharedSecret;

use super::{RustCrypto, Stack, bare_keys, nonce, parts};

/// `aws-lc-rs` for everything.
pub(crate) struct AwsLc {
    key: LessSafeKey,
    fulfillment: hmac::Key,
}

impl Stack for AwsLc {
    fn derive(secret: &SharedSecret) -> Self {
        let [encryption, fulfillment] = bare_keys(secret);
        let key = UnboundKey::new(&AES_256_GCM, &encryption).expect("32 octets");
        Self { key: LessSafeKey::new(key), fulfillment: hmac::Key::new(hmac::HMAC_SHA256, &fulfillment) }
    }

    fn seal(&self, envelope: &mut [u8]) {
        let (place, tag, text) = parts(envelope).expect("room");
        *place = nonce();
        let nonce = Nonce::assume_unique_for_key(*place);
        let sealed = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), text);
        tag.copy_from_slice(sealed.expect("a short text").as_ref());
    }

    fn open<'a>(&self, sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (nonce, tag, text) = parts(sealed)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.key.open_in_place_separate_tag(nonce, Aad::empty(), tag, text).ok()
    }

    fn fulfillment(&self, sealed: &[u8]) -> [u8; 32] {
        hmac::sign(&self.fulfillment, sealed).as_ref().try_into().expect("32 octets")
    }

    fn condition(fulfillment: &[u8; 32]) -> [u8; 32] {
        digest::digest(&digest::SHA256, fulfillment).as_ref().try_into().expect("32 octets")
    }

    fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
        constant_time::verify_slices_are_equal(left, right).is_ok()
    }
}

/// The AEAD of `aws-lc-rs` with the hashes of RustCrypto.
pub(crate) struct AwsLcWithRustHashes {
    aead: AwsLc,
    hashes: RustCrypto,
}

impl Stack for AwsLcWithRustHashes {
    fn derive(secret: &SharedSecret) -> Self {
        Self { aead: AwsLc::derive(secret), hashes: RustCrypto::derive(secret) }
    }

    fn seal(&self, envelope: &mut [u8]) {
        self.aead.seal(envelope);
    }

    fn open<'a>(&self, sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.aead.open(sealed)
    }

    fn fulfillment(&self, sealed: &[u8]) -> [u8; 32] {
        self.hashes.fulfillment(sealed)
    }

    fn condition(fulfillment: &[u8; 32]) -> [u8; 32] {
        RustCrypto::condition(fulfillment)
    }

    fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
        RustCrypto::same(left, right)
    }
}
