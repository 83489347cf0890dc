use ctutils::CtEq;
use psk_crypto::SharedSecret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use ring::{digest, hmac};

use super::{Stack, bare_keys, nonce, parts};

/// `ring` for everything; its own comparison is deprecated, so `ctutils` for that.
pub(crate) struct Ring {
    key: LessSafeKey,
    fulfillment: hmac::Key,
}

impl Stack for Ring {
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
        let (nonce, tag) = (Nonce::assume_unique_for_key(*nonce), Tag::from(*tag));
        self.key.open_in_place_separate_tag(nonce, Aad::empty(), tag, text, 0..).ok()
    }

    fn fulfillment(&self, sealed: &[u8]) -> [u8; 32] {
        hmac::sign(&self.fulfillment, sealed).as_ref().try_into().expect("32 octets")
    }

    fn condition(fulfillment: &[u8; 32]) -> [u8; 32] {
        digest::digest(&digest::SHA256, fulfillment).as_ref().try_into().expect("32 octets")
    }

    fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
        left.ct_eq(right).into()
    }
}
