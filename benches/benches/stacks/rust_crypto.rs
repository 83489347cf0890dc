use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use ctutils::CtEq;
use hmac::{Hmac, Mac};
use psk_crypto::SharedSecret;
use sha2::{Digest, Sha256};

use super::{Stack, bare_keys, nonce, parts};

/// `aes-gcm`, `hmac`, `sha2` and `ctutils`, without ours around them.
pub(crate) struct RustCrypto {
    cipher: Aes256Gcm,
    fulfillment: Hmac<Sha256>,
}

impl Stack for RustCrypto {
    fn derive(secret: &SharedSecret) -> Self {
        let [encryption, fulfillment] = bare_keys(secret);
        Self { cipher: Aes256Gcm::new(&encryption.into()), fulfillment: hmac_key(&fulfillment) }
    }

    fn seal(&self, envelope: &mut [u8]) {
        let (place, tag, text) = parts(envelope).expect("room");
        *place = nonce();
        let sealed = self.cipher.encrypt_inout_detached(&(*place).into(), b"", text.into());
        *tag = sealed.expect("a short text").into();
    }

    fn open<'a>(&self, sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (nonce, tag, text) = parts(sealed)?;
        let (nonce, tag) = ((*nonce).into(), (*tag).into());
        self.cipher.decrypt_inout_detached(&nonce, b"", (&mut *text).into(), &tag).ok()?;
        Some(text)
    }

    fn fulfillment(&self, sealed: &[u8]) -> [u8; 32] {
        hmac(&self.fulfillment, sealed)
    }

    fn condition(fulfillment: &[u8; 32]) -> [u8; 32] {
        Sha256::digest(fulfillment).into()
    }

    fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
        left.ct_eq(right).into()
    }
}

pub(super) fn hmac_key(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("any length will do")
}

/// HMAC-SHA256 with an expanded key.
pub(super) fn hmac(key: &Hmac<Sha256>, message: &[u8]) -> [u8; 32] {
    let mut mac = key.clone();
    mac.update(message);
    mac.finalize().into_bytes().into()
}
