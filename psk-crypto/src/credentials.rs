use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use psk_codec::{Address, AddressError};
use zeroize::Zeroizing;

use crate::kdf;
use crate::random::Random;
use crate::secret::{SecretError, SharedSecret, check_length};

const TOKEN_LENGTH: usize = 18;

/// What a receiver gives to a sender, over a channel that nobody else reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Where packets go: the receiver's address with a suffix by which it finds the secret again.
    pub destination_account: Address,
    /// What both sides share.
    pub shared_secret: SharedSecret,
}

/// Why there are no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Address, token and key id together are longer than an address may be.
    #[error("the destination account is no ILP address: {0}")]
    Address(#[from] AddressError),
}

/// A receiver's own secret, from which all of its shared secrets follow, so that it keeps no table of them.
///
/// 32 octets or more. Whoever learns it can open and fulfill everything this receiver ever gets.
#[derive(Clone)]
pub struct ReceiverSecret {
    generation_key: Zeroizing<[u8; 32]>,
    address_key: Zeroizing<[u8; 32]>,
}

impl ReceiverSecret {
    /// From 32 octets or more, kept by the caller so that credentials survive a restart.
    pub fn from_octets(octets: &[u8]) -> Result<Self, SecretError> {
        check_length(octets)?;
        Ok(Self {
            generation_key: kdf::derive(octets, kdf::GENERATION),
            address_key: kdf::derive(octets, kdf::ADDRESS_FROM_SECRET),
        })
    }

    /// A fresh one, which ends with the process.
    pub fn generate(random: &mut dyn Random) -> Self {
        let mut octets = Zeroizing::new([0; 32]);
        random.fill_secure(&mut *octets);
        Self {
            generation_key: kdf::derive(&*octets, kdf::GENERATION),
            address_key: kdf::derive(&*octets, kdf::ADDRESS_FROM_SECRET),
        }
    }

    /// Fresh credentials below `address`. The `key_id` comes back with every packet sent with them, such as an
    /// order number; it is part of the address and **readable by the whole network**.
    pub fn credentials(
        &self,
        address: &Address,
        key_id: &[u8],
        random: &mut dyn Random,
    ) -> Result<Credentials, CredentialsError> {
        let mut octets = vec![0; TOKEN_LENGTH];
        random.fill_secure(&mut octets);
        octets.extend_from_slice(key_id);
        let token = Token(octets);
        Ok(Credentials {
            destination_account: address.with_suffix(&token.to_string())?,
            shared_secret: self.shared_secret(&token),
        })
    }

    /// The shared secret of a token from an address.
    pub fn shared_secret(&self, token: &Token) -> SharedSecret {
        SharedSecret::from_derived(kdf::derive(&*self.generation_key, &token.0))
    }

    /// Credentials below `address` for a secret that was agreed upon elsewhere. The receiver has to know the
    /// secret when packets come in: it cannot be derived from the suffix.
    pub fn credentials_for(
        &self,
        address: &Address,
        shared_secret: SharedSecret,
    ) -> Result<Credentials, CredentialsError> {
        let derived = kdf::derive(&*self.address_key, shared_secret.expose_octets());
        let suffix = URL_SAFE_NO_PAD.encode(&derived[..TOKEN_LENGTH]);
        Ok(Credentials { destination_account: address.with_suffix(&suffix)?, shared_secret })
    }
}

impl fmt::Debug for ReceiverSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiverSecret(redacted)")
    }
}

/// The suffix of a destination account: 18 random octets, then the key id.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(Vec<u8>);

impl Token {
    /// Reads the first segment of `suffix`; further segments are the application's and not looked at. `None` when
    /// it is not base64url or too short.
    pub fn parse(suffix: &str) -> Option<Self> {
        let segment = suffix.split('.').next()?;
        let octets = URL_SAFE_NO_PAD.decode(segment).ok()?;
        (octets.len() >= TOKEN_LENGTH).then_some(Self(octets))
    }

    /// What the receiver put there when it made the credentials; empty for none. Readable by the whole network.
    pub fn key_id(&self) -> &[u8] {
        self.0.get(TOKEN_LENGTH..).unwrap_or_default()
    }
}

impl fmt::Display for Token {
    /// base64url without padding, as in the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}
