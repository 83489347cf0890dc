use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use psk_codec::psk::MAX_PLAINTEXT_LENGTH;
use psk_codec::{Condition, Fulfillment};

use crate::aead::{Aead, NONCE_LENGTH, TAG_LENGTH};
use crate::condition::condition_of;
use crate::hash::HmacKey;
use crate::kdf;
use crate::random::Random;
use crate::secret::SharedSecret;

/// By how many octets a sealed packet is longer than its plaintext.
pub const ENVELOPE_OVERHEAD: usize = NONCE_LENGTH + TAG_LENGTH;

/// After so many packets sealed with one key, a warning is logged once.
pub const WARN_SEALED_PACKETS: u64 = 1 << 30;

/// How many packets one key seals at most.
///
/// With random 96-bit nonces NIST SP 800-38D section 8.3 allows 2^32 under one key. Both sides seal with the same
/// key and neither sees the other's count, so each takes half, less one bit for a process that starts anew.
pub const MAX_SEALED_PACKETS: u64 = 1 << 31;

/// The keys of one shared secret, derived once, for all of its packets in both directions.
///
/// Shared by reference (or in an `Arc`) among everything that seals with them, so that they are counted together.
pub struct Keys {
    aead: Aead,
    fulfillment: HmacKey,
    sealed: AtomicU64,
}

/// Why a packet was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The plaintext does not fit into an ILP packet.
    #[error("a plaintext has at most {MAX_PLAINTEXT_LENGTH} octets, this one has {0}")]
    TooLong(usize),
    /// No room for nonce and tag: the buffer has fewer octets than [`ENVELOPE_OVERHEAD`].
    #[error("an envelope has at least {ENVELOPE_OVERHEAD} octets, this one has {0}")]
    NoRoom(usize),
    /// [`MAX_SEALED_PACKETS`] is reached: use another shared secret.
    #[error("this key has sealed 2^31 packets; use another shared secret")]
    KeyExhausted,
}

/// Octets that this key has not sealed, or that were changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the packet cannot be decrypted")]
pub struct OpenError;

impl Keys {
    /// Derives the keys of `secret`.
    pub fn derive(secret: &SharedSecret) -> Self {
        Self::derive_after(secret, 0)
    }

    /// Derives the keys of a `secret` that is known to have sealed so many packets before, in another process.
    pub fn derive_after(secret: &SharedSecret, sealed_before: u64) -> Self {
        let encryption_key = kdf::derive(secret.expose_octets(), kdf::ENCRYPTION);
        let fulfillment_key = kdf::derive(secret.expose_octets(), kdf::FULFILLMENT);
        Self {
            aead: Aead::new(&encryption_key),
            fulfillment: HmacKey::new(&fulfillment_key),
            // So far from the end of 64 bits that counting never gets there.
            sealed: AtomicU64::new(sealed_before.min(MAX_SEALED_PACKETS)),
        }
    }

    /// Encrypts: nonce, tag, ciphertext (RFC 25, "Encryption"). The packet is the only allocation.
    pub fn seal(&self, plaintext: &[u8], random: &mut dyn Random) -> Result<Bytes, SealError> {
        let mut envelope = start_envelope(plaintext.len())?;
        envelope.extend_from_slice(plaintext);
        self.seal_in_place(&mut envelope, random)?;
        Ok(envelope.into())
    }

    /// Encrypts in the buffer that becomes the packet. Its first [`ENVELOPE_OVERHEAD`] octets are room for nonce and
    /// tag, and whatever is there is written over; the rest is the plaintext, which becomes the ciphertext.
    ///
    /// On an error the buffer is as it was: **not sealed, and the plaintext readable in it**.
    pub fn seal_in_place(&self, envelope: &mut [u8], random: &mut dyn Random) -> Result<(), SealError> {
        let length = envelope.len();
        let (nonce, tag, text) = parts(envelope).ok_or(SealError::NoRoom(length))?;
        check_length(text.len())?;
        self.count_sealed()?;
        random.fill_secure(nonce);
        *tag = self.aead.seal(nonce, text);
        Ok(())
    }

    /// Decrypts what the same keys have sealed. The plaintext is the only allocation.
    pub fn open(&self, sealed: &[u8]) -> Result<Bytes, OpenError> {
        let (nonce, rest) = sealed.split_first_chunk().ok_or(OpenError)?;
        let (tag, ciphertext) = rest.split_first_chunk().ok_or(OpenError)?;
        let mut text = ciphertext.to_vec();
        self.aead.open(nonce, tag, &mut text)?;
        Ok(text.into())
    }

    /// Decrypts what the same keys have sealed, in the buffer in which it came, and returns the plaintext, which is
    /// all behind the first [`ENVELOPE_OVERHEAD`] octets.
    ///
    /// **Take the [`fulfillment`](Self::fulfillment) before**: it is that of the sealed octets, which are gone
    /// afterwards.
    ///
    /// On an error everything behind the overhead is zeros, so that nothing that was not authentic can be read by
    /// mistake. Use [`open`](Self::open) where octets that cannot be opened are wanted all the same.
    pub fn open_in_place<'a>(&self, sealed: &'a mut [u8]) -> Result<&'a mut [u8], OpenError> {
        let (nonce, tag, text) = parts(sealed).ok_or(OpenError)?;
        let opened = self.aead.open(nonce, tag, text);
        if opened.is_err() {
            text.fill(0);
        }
        opened.map(|()| text)
    }

    /// The fulfillment for a Prepare with this data: HMAC of the *encrypted* octets (RFC 25, "Fulfillment
    /// Generation"), so to be taken before they are [opened in place](Self::open_in_place).
    pub fn fulfillment(&self, sealed: &[u8]) -> Fulfillment {
        Fulfillment::new(self.fulfillment.sign(sealed))
    }

    /// The condition of a Prepare with this data: SHA-256 of its [`fulfillment`](Self::fulfillment). A sender that
    /// keeps the fulfillment makes the condition from that, with [`condition_of`], and checks the receiver's with
    /// [`same_fulfillment`](crate::same_fulfillment).
    pub fn condition(&self, sealed: &[u8]) -> Condition {
        condition_of(&self.fulfillment(sealed))
    }

    /// How many packets these keys have sealed.
    pub fn sealed_packets(&self) -> u64 {
        self.sealed.load(Ordering::Relaxed).min(MAX_SEALED_PACKETS)
    }

    fn count_sealed(&self) -> Result<(), SealError> {
        // One instruction, and no loop. What is refused is counted too.
        match self.sealed.fetch_add(1, Ordering::Relaxed) {
            MAX_SEALED_PACKETS.. => Err(SealError::KeyExhausted),
            WARN_BEFORE => {
                tracing::warn!("a shared secret has sealed 2^30 packets, half of what it may");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The count before the packet that is warned at.
const WARN_BEFORE: u64 = WARN_SEALED_PACKETS - 1;

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("sealed", &self.sealed_packets()).finish_non_exhaustive()
    }
}

/// A buffer that holds room for nonce and tag, and takes a plaintext of this length without growing.
pub(crate) fn start_envelope(plaintext: usize) -> Result<Vec<u8>, SealError> {
    // Before the allocation, because the length is the caller's and maybe absurd.
    check_length(plaintext)?;
    let mut envelope = Vec::with_capacity(ENVELOPE_OVERHEAD + plaintext);
    envelope.extend_from_slice(&[0; ENVELOPE_OVERHEAD]);
    Ok(envelope)
}

fn check_length(plaintext: usize) -> Result<(), SealError> {
    if plaintext > MAX_PLAINTEXT_LENGTH {
        return Err(SealError::TooLong(plaintext));
    }
    Ok(())
}

/// Nonce, tag and text of an envelope; `None` when it is too short for the first two.
fn parts(envelope: &mut [u8]) -> Option<(&mut [u8; NONCE_LENGTH], &mut [u8; TAG_LENGTH], &mut [u8])> {
    let (nonce, rest) = envelope.split_first_chunk_mut()?;
    let (tag, text) = rest.split_first_chunk_mut()?;
    Some((nonce, tag, text))
}
