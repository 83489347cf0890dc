use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{NONCE_LENGTH, TAG_LENGTH};
use crate::envelope::OpenError;

/// An expanded key of the crate `aws-lc-rs`, which wipes it when dropped.
pub(crate) struct Aead(LessSafeKey);

impl Aead {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the only error is a key of another length");
        Self(LessSafeKey::new(key))
    }

    /// Turns the plaintext into ciphertext and returns the tag.
    pub(crate) fn seal(&self, nonce: &[u8; NONCE_LENGTH], text: &mut [u8]) -> [u8; TAG_LENGTH] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::empty(), text);
        let tag = tag.expect("the only error is a text of more than 64 GiB");
        tag.as_ref().try_into().expect("tags of AES-GCM have 16 octets here")
    }

    /// Turns the ciphertext into plaintext if the tag is right. If not, the text is not to be read: this backend
    /// wipes it, another may not.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        tag: &[u8; TAG_LENGTH],
        text: &mut [u8],
    ) -> Result<(), OpenError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        match self.0.open_in_place_separate_tag(nonce, Aad::empty(), tag, text) {
            Ok(_) => Ok(()),
            Err(_) => Err(OpenError),
        }
    }
}
