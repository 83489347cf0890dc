//! From the shared secret of Interledger PSKv2 to sealed packets, conditions and fulfillments.
//!
//! Sender and receiver share 32 octets, the [`SharedSecret`]. [`Keys`] derives from it, once, what every packet
//! needs: the encryption key and the fulfillment key (RFC 25, "Encryption" and "Fulfillment Generation"). A
//! receiver needs no table of secrets: [`ReceiverSecret`] derives each one from the token in the address.
//!
//! ```
//! # #[cfg(feature = "system-random")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use psk_crypto::{Keys, ReceiverSecret, SystemRandom, condition_of, fulfills};
//!
//! let mut random = SystemRandom;
//! // The receiver makes credentials and gives them to the sender.
//! let receiver = ReceiverSecret::generate(&mut random);
//! let credentials = receiver.credentials(&"test.alice".parse()?, b"", &mut random)?;
//!
//! // The sender seals what it has to say; only the receiver can show the fulfillment for it.
//! let keys = Keys::derive(&credentials.shared_secret);
//! let sealed = keys.seal(b"hello", &mut random)?;
//! let condition = condition_of(&keys.fulfillment(&sealed));
//!
//! // The receiver finds the secret from the address, reads the message and fulfills the condition.
//! let account = credentials.destination_account.suffix_after(&"test.alice".parse()?);
//! let token = account.and_then(psk_crypto::Token::parse).ok_or("no token")?;
//! let keys = Keys::derive(&receiver.shared_secret(&token));
//! assert_eq!(keys.open(&sealed)?, "hello");
//! assert!(fulfills(&keys.fulfillment(&sealed), &condition));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "system-random"))]
//! # fn main() {}
//! ```
//!
//! # In place
//!
//! The same without a copy: the text is written behind room for nonce and tag, and sealed in the buffer that becomes
//! the packet's data. A sender that keeps the fulfillment need not hash again when the answer comes.
//!
//! ```
//! # #[cfg(feature = "system-random")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use psk_crypto::{ENVELOPE_OVERHEAD, Keys, SharedSecret, SystemRandom, condition_of, fulfills, same_fulfillment};
//!
//! let keys = Keys::derive(&SharedSecret::generate(&mut SystemRandom));
//! let mut packet = vec![0; ENVELOPE_OVERHEAD];
//! packet.extend_from_slice(b"hello");
//! keys.seal_in_place(&mut packet, &mut SystemRandom)?;
//! let kept = keys.fulfillment(&packet);
//! let condition = condition_of(&kept);
//!
//! // The receiver takes the fulfillment from the sealed octets, and then opens them.
//! let shown = keys.fulfillment(&packet);
//! assert!(fulfills(&shown, &condition));
//! assert_eq!(keys.open_in_place(&mut packet)?, b"hello");
//!
//! // The sender again.
//! assert!(same_fulfillment(&shown, &kept));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "system-random"))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! - `system-random` (on by default) adds [`SystemRandom`]; without it this crate reads no random source of its own.
//! - `aws-lc-rs` encrypts with AWS-LC instead of the crate `aes-gcm`. Nothing else changes: the octets and the errors
//!   are the same. It needs a C compiler. On an AMD EPYC of 2024 the cryptography of a packet and its answer takes
//!   670 ns with it instead of 920 ns for 100 octets, and 37 µs instead of 61 µs for 32 kB
//!   (`cargo bench -p benches --bench crypto_in_turns`, with `--features aws-lc-rs` for the former).

mod aead;
mod condition;
mod credentials;
mod envelope;
mod hash;
mod kdf;
mod packet;
mod random;
mod secret;

pub use condition::{condition_of, fulfills, same_fulfillment, unfulfillable_condition};
pub use credentials::{Credentials, CredentialsError, ReceiverSecret, Token};
pub use envelope::{ENVELOPE_OVERHEAD, Keys, MAX_SEALED_PACKETS, OpenError, SealError, WARN_SEALED_PACKETS};
pub use kdf::refund_payment_id;
#[cfg(feature = "system-random")]
pub use random::SystemRandom;
pub use random::{Random, SeededRandom};
pub use secret::{SecretError, SharedSecret};
