use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::Aes256Enc;

use super::{NONCE_LENGTH, TAG_LENGTH};
use crate::envelope::OpenError;

/// An expanded key of the crate `aes-gcm`, which wipes it when dropped.
///
/// GCM only ever encrypts with AES, so the half of the key that decrypts is not expanded.
pub(crate) struct Aead(AesGcm<Aes256Enc, U12>);

impl Aead {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(AesGcm::new(key.into()))
    }

    /// Turns the plaintext into ciphertext and returns the tag.
    pub(crate) fn seal(&self, nonce: &[u8; NONCE_LENGTH], text: &mut [u8]) -> [u8; TAG_LENGTH] {
        let tag = self.0.encrypt_inout_detached(nonce.into(), b"", text.into());
        tag.expect("the only error is a text of more than 64 GiB").into()
    }

    /// Turns the ciphertext into plaintext if the tag is right. If not, the text is not to be read: this backend
    /// leaves it alone, another may not.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_LENGTH],
        tag: &[u8; TAG_LENGTH],
        text: &mut [u8],
    ) -> Result<(), OpenError> {
        self.0.decrypt_inout_detached(nonce.into(), b"", text.into(), tag.into()).map_err(|_| OpenError)
    }
}
