use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use ctutils::CtEq;
use zeroize::Zeroizing;

use crate::kdf;
use crate::random::Random;

/// What sender and receiver of one PSKv2 connection share, and nobody else.
///
/// 32 octets; longer ones are accepted, because published implementations make and take them (PROTOCOL.md section
/// 1). Wiped when dropped, compared in constant time, never shown by `Debug`.
#[derive(Clone)]
pub struct SharedSecret(Zeroizing<Vec<u8>>);

/// Octets or text that is not a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Fewer than 32 octets.
    #[error("a secret has at least 32 octets, this one has {0}")]
    TooShort(usize),
    /// Neither base64 nor base64url.
    #[error("not base64 or base64url")]
    NotBase64,
}

impl SharedSecret {
    /// The least length, in octets.
    pub const MIN_LENGTH: usize = 32;

    /// From 32 octets or more.
    pub fn from_octets(octets: &[u8]) -> Result<Self, SecretError> {
        check_length(octets)?;
        Ok(Self(Zeroizing::new(octets.to_vec())))
    }

    /// From base64 or base64url, with padding or without.
    pub fn from_base64(text: &str) -> Result<Self, SecretError> {
        let octets = Zeroizing::new(decode_base64(text).ok_or(SecretError::NotBase64)?);
        Self::from_octets(&octets)
    }

    /// 32 fresh octets.
    pub fn generate(random: &mut dyn Random) -> Self {
        let mut octets = Zeroizing::new(vec![0; Self::MIN_LENGTH]);
        random.fill_secure(&mut octets);
        Self(octets)
    }

    /// From a derivation, which always gives 32 octets.
    pub(crate) fn from_derived(octets: Zeroizing<[u8; 32]>) -> Self {
        Self(Zeroizing::new(octets.to_vec()))
    }

    /// The shared secret of the refund of a payment made with this secret: the refund is a payment in the other
    /// direction, and its secret is HMAC(HMAC(shared secret, `ilp_psk2_refund`), payment id).
    #[must_use]
    pub fn refund(&self, payment_id: &[u8; 16]) -> Self {
        Self::from_derived(kdf::derive(&*kdf::derive(&self.0, kdf::REFUND), payment_id))
    }

    /// The octets, for derivations. Showing them to anybody gives the money away.
    pub fn expose_octets(&self) -> &[u8] {
        &self.0
    }

    /// The secret as base64url without padding, for handing it to the other side. Showing it to anybody else gives
    /// the money away.
    pub fn expose_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(&*self.0)
    }
}

impl PartialEq for SharedSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for SharedSecret {}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(redacted)")
    }
}

pub(crate) fn check_length(octets: &[u8]) -> Result<(), SecretError> {
    match octets.len() {
        length if length < SharedSecret::MIN_LENGTH => Err(SecretError::TooShort(length)),
        _ => Ok(()),
    }
}

/// Both alphabets, padding or none.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};

    use super::*;

    #[test]
    fn the_secret_of_a_refund_is_two_hmacs_away() {
        let hmac = |key: &[u8], message: &[u8]| -> [u8; 32] {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
            mac.update(message);
            mac.finalize().into_bytes().into()
        };
        for length in [32, 33, 64, 65] {
            let octets: Vec<u8> = (0..length).collect();
            let (secret, id) = (SharedSecret::from_octets(&octets).unwrap(), [length; 16]);
            let refund = hmac(&hmac(&octets, b"ilp_psk2_refund"), &id);
            assert_eq!(secret.refund(&id).expose_octets(), refund, "{length}");
        }
        // As Python's hmac module has it.
        let secret =
            SharedSecret::from_octets(&std::array::from_fn::<u8, 32, _>(|index| index as u8)).unwrap();
        let refund = secret.refund(&std::array::from_fn(|index| 0xc0 + index as u8));
        let digits: String = refund.expose_octets().iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(digits, "15b4dc389034230a7abb8674c522bbd365a8a9c4220eb8ca121511d5b4db673d");
    }

    #[test]
    fn both_alphabets_are_read_padded_or_not() {
        let octets = [0xfb; 32];
        for text in [
            "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",
            "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s",
            "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s=",
            "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
        ] {
            assert_eq!(SharedSecret::from_base64(text).unwrap().expose_octets(), octets, "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        assert_eq!(SharedSecret::from_base64("c2hvcnQ="), Err(SecretError::TooShort(5)));
        assert_eq!(SharedSecret::from_base64("not base64!"), Err(SecretError::NotBase64));
        assert_eq!(SharedSecret::from_octets(&[1; 31]), Err(SecretError::TooShort(31)));
        let secret = SharedSecret::from_octets(b"0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(format!("{secret:?}"), "SharedSecret(redacted)");
    }
}
