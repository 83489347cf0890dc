//! Every derivation of PSKv2 is HMAC-SHA256(key, message), which is HKDF-Extract (RFC 5869 section 2.2) with the
//! key as salt and the message as input keying material.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
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

/// The id of the payment that refunds a payment: its own at first; when an attempt has not brought all of it, the next
/// one has SHA-256(id, number of attempts before)[0..16] (`docs/frames.md`).
pub fn refund_payment_id(payment_id: &[u8; 16], attempts_before: u8) -> [u8; 16] {
    if attempts_before == 0 {
        return *payment_id;
    }
    let digest = Sha256::new().chain_update(payment_id).chain_update([attempts_before]).finalize();
    std::array::from_fn(|index| digest[index])
}

/// HMAC-SHA256(key, message).
pub(crate) fn derive(key: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    let (derived, _) = Hkdf::<Sha256>::extract(Some(key), message);
    Zeroizing::new(derived.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_refunds_follow_from_the_payments_id() {
        let digits = |attempts| {
            let id = refund_payment_id(&std::array::from_fn(|index| 0xc0 + index as u8), attempts);
            id.iter().map(|octet| format!("{octet:02x}")).collect::<String>()
        };
        assert_eq!(digits(0), "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
        // As Python's hashlib has them.
        assert_eq!(digits(1), "598244a2efe775cd5e8a468950a8dfe2");
        assert_eq!(digits(2), "18e8c2a38ba0034838fca0675281ba02");
    }
}
