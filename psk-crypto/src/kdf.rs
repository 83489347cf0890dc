//! Every derivation of PSKv2 is HMAC-SHA256(key, message), which is HKDF-Extract (RFC 5869 section 2.2) with the
//! key as salt and the message as input keying material.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// RFC 25's pseudocode says `ilp_psk_encryption`; every published implementation says this (PROTOCOL.md section 1).
pub(crate) const ENCRYPTION: &[u8] = b"ilp_psk2_encryption";
/// RFC 25, "Fulfillment Generation".
pub(crate) const FULFILLMENT: &[u8] = b"ilp_psk2_fulfillment";
/// From a receiver's secret to the key that makes shared secrets.
pub(crate) const GENERATION: &[u8] = b"ilp_psk2_generation";
/// From a receiver's secret to the key that makes address suffixes of registered secrets.
pub(crate) const ADDRESS_FROM_SECRET: &[u8] = b"ilp_psk2_address_from_secret";

/// From the shared secret of a payment to the key that makes the secrets of its refunds (PROTOCOL.md section 2, "Frames").
pub(crate) const REFUND: &[u8] = b"ilp_psk2_refund";

/// HMAC-SHA256(key, message).
pub(crate) fn derive(key: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    let (derived, _) = Hkdf::<Sha256>::extract(Some(key), message);
    Zeroizing::new(derived.into())
}
