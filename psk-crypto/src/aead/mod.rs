//! AES-256-GCM with nonce and tag apart, no associated data (RFC 25, "Encryption").

mod rust_crypto;

pub(crate) use rust_crypto::Aead;

/// Octets of a nonce: 96 bits.
pub(crate) const NONCE_LENGTH: usize = 12;
/// Octets of an authentication tag: 128 bits, all of it.
pub(crate) const TAG_LENGTH: usize = 16;
