use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};

use super::{NONCE_LENGTH, TAG_LENGTH};
use crate::envelope::OpenError;

/// An expanded key of the crate `aes-gcm`. Wiped when dropped.
pub(crate) struct Aead(Aes256Gcm);

impl Aead {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Turns the plaintext into ciphertext and returns the tag.
    pub(crate) fn seal(&self, nonce: &[u8; NONCE_LENGTH], text: &mut [u8]) -> [u8; TAG_LENGTH] {
        let tag = self.0.encrypt_inout_detached(nonce.into(), b"", text.into());
        tag.expect("64 GiB are the most that one nonce seals, and a packet is shorter").into()
    }

    /// Turns the ciphertext into plaintext, if the tag is right. The crate looks at the tag before it decrypts.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        tag: &[u8; TAG_LENGTH],
        text: &mut [u8],
    ) -> Result<(), OpenError> {
        self.0.decrypt_inout_detached(nonce.into(), b"", text.into(), tag.into()).map_err(|_| OpenError)
    }
}
