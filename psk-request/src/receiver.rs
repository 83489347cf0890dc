//! The receiver's half: from a Prepare to an [`Arrival`], by the first rows of PROTOCOL.md section 3.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ahash::RandomState;
use bytes::Bytes;
use lru::LruCache;
use psk_codec::psk::{ChunkKind, PskPacket, RequestKind};
use psk_codec::{Address, Prepare, Reject, Timestamp};
use psk_crypto::{
    Credentials, CredentialsError, Keys, Random, ReceiverSecret, SharedSecret, Token, fulfills,
};

use crate::account::AccountSuffix;
use crate::arrival::Arrival;
use crate::refusal::Refusal;

/// How a [`Receiver`] behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverOptions {
    /// For how long a packet is still fulfilled after it expired by our clock. Zero by default: the hop before us
    /// takes a late Fulfill and need not pay for it. Raise it only if our clock is known to be ahead.
    pub clock_tolerance: Duration,
    /// For how many accounts derived keys are kept. 10,000 by default, which is a few megabytes. Keys count what
    /// they seal ([`psk_crypto::MAX_SEALED_PACKETS`]) and the count is lost with them, so it should be more than are
    /// used at one time. What was used last is dropped last, and only packets that were sealed with the right
    /// secret count as use.
    pub max_cached_keys: NonZeroUsize,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        const TEN_THOUSAND: NonZeroUsize = NonZeroUsize::new(10_000).expect("10,000 is not zero");
        Self { clock_tolerance: Duration::ZERO, max_cached_keys: TEN_THOUSAND }
    }
}

/// Opens the packets that come in for one address. Does no I/O and reads no clock; shared by reference among threads.
///
/// It keeps no table of the credentials that it made: each shared secret follows from the [`ReceiverSecret`] and the
/// token in the destination account. Only secrets that were agreed upon elsewhere are registered.
#[derive(Debug)]
pub struct Receiver {
    secret: ReceiverSecret,
    clock_tolerance: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    address: Address,
    /// Of registered secrets. Never dropped by themselves.
    registered: HashMap<AccountSuffix, Account>,
    /// Of tokens, derived.
    derived: LruCache<AccountSuffix, Account, RandomState>,
}

/// What is known about one sender's account.
#[derive(Clone, Debug)]
struct Account {
    suffix: AccountSuffix,
    key_id: Bytes,
    keys: Arc<Keys>,
    shared_secret: Arc<SharedSecret>,
}

/// Why a shared secret was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// It is registered already; two sets of keys would count apart.
    #[error("this shared secret is registered already")]
    AlreadyRegistered,
    /// There are no credentials for it.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl Receiver {
    /// Receives at `address`, the bare one: without token, as IL-DCP tells it.
    pub fn new(address: Address, secret: ReceiverSecret, options: ReceiverOptions) -> Self {
        Self {
            secret,
            clock_tolerance: options.clock_tolerance,
            state: Mutex::new(State {
                address,
                registered: HashMap::new(),
                derived: LruCache::with_hasher(options.max_cached_keys, RandomState::new()),
            }),
        }
    }

    /// The bare address.
    pub fn address(&self) -> Address {
        self.state().address.clone()
    }

    /// Changes the bare address, as after a reconnect. Credentials made before name the old one; packets that still
    /// come in for it are refused.
    pub fn set_address(&self, address: Address) {
        self.state().address = address;
    }

    /// Fresh credentials. The `key_id` comes back with every packet that is sent with them; it is part of the
    /// destination account and **readable by the whole network**.
    pub fn credentials(
        &self,
        key_id: &[u8],
        random: &mut dyn Random,
    ) -> Result<Credentials, CredentialsError> {
        self.secret.credentials(&self.address(), key_id, random)
    }

    /// Receives with a secret that was agreed upon elsewhere, until it is deregistered: its credentials, and the
    /// account that its arrivals will name. The `key_id` comes back with every packet that is sent with it; it is
    /// no part of the address, so the network does not see it.
    pub fn register(
        &self,
        shared_secret: SharedSecret,
        key_id: Bytes,
    ) -> Result<(Credentials, AccountSuffix), RegisterError> {
        let credentials = self.registered_credentials(shared_secret)?;
        let suffix = registered_suffix(&credentials);
        let mut state = self.state();
        if state.registered.contains_key(&suffix) {
            return Err(RegisterError::AlreadyRegistered);
        }
        let keys = Arc::new(Keys::derive(&credentials.shared_secret));
        let shared_secret = Arc::new(credentials.shared_secret.clone());
        let account = Account { suffix: suffix.clone(), key_id, keys, shared_secret };
        state.registered.insert(suffix.clone(), account);
        Ok((credentials, suffix))
    }

    /// Forgets a registered secret, and the count of what its keys have sealed. Its account, if it was registered.
    pub fn deregister(&self, shared_secret: SharedSecret) -> Option<AccountSuffix> {
        let credentials = self.registered_credentials(shared_secret).ok()?;
        let suffix = registered_suffix(&credentials);
        self.state().registered.remove(&suffix)?;
        Some(suffix)
    }

    /// The credentials of a secret that was agreed upon elsewhere, below the present address; the suffix is always
    /// the same.
    pub fn registered_credentials(
        &self,
        shared_secret: SharedSecret,
    ) -> Result<Credentials, CredentialsError> {
        self.secret.credentials_for(&self.address(), shared_secret)
    }

    /// Opens a Prepare: what arrived, or the refusal for who cannot be told anything in confidence.
    ///
    /// `now` is the time of day. A packet that has expired, or carries too little, or cannot be fulfilled is opened
    /// nevertheless, for its answer is encrypted ([`RequestArrival::answer`](crate::RequestArrival::answer)).
    pub fn open(&self, prepare: &Prepare, now: Timestamp) -> Result<Arrival, Reject> {
        let receiver = self.address();
        let refuse = |refusal: Refusal| {
            tracing::debug!(?refusal, destination = %prepare.destination, "refused");
            refusal.reject(receiver.clone())
        };
        let suffix = prepare.destination.suffix_after(&receiver);
        // Segments after the first one are the application's (PROTOCOL.md section 1).
        let segment = suffix.and_then(|suffix| suffix.split('.').next());
        let segment = segment.ok_or_else(|| refuse(Refusal::NotForUs))?;
        let (account, plaintext) =
            self.open_envelope(segment, &prepare.data).ok_or_else(|| refuse(Refusal::Unreadable))?;
        let packet = PskPacket::decode(plaintext).map_err(|error| {
            tracing::debug!(%error, "decrypted what is no PSK packet");
            refuse(Refusal::Unreadable)
        })?;
        if !belongs_into_prepare(&packet) {
            return Err(refuse(Refusal::UnexpectedType));
        }
        let fulfillment = account.keys.fulfillment(&prepare.data);
        let fulfill_before = prepare.expires_at.saturating_add(self.clock_tolerance);
        Ok(Arrival {
            packet,
            receiver,
            account: account.suffix,
            key_id: account.key_id,
            keys: account.keys,
            shared_secret: account.shared_secret,
            amount: prepare.amount.at_destination(),
            expires_at: prepare.expires_at,
            fulfill_before,
            condition: prepare.condition,
            fulfillment,
            fulfillable: fulfills(&fulfillment, &prepare.condition),
            expired: fulfill_before <= now,
        })
    }

    fn open_envelope(&self, segment: &str, data: &[u8]) -> Option<(Account, Bytes)> {
        // A statement of its own, at whose end the lock is released.
        let known = self.state().known(segment);
        if let Some(account) = known {
            let plaintext = account.keys.open(data).ok()?;
            self.state().derived.promote(segment);
            return Some((account, plaintext));
        }
        let token = Token::parse(segment)?;
        let shared_secret = self.secret.shared_secret(&token);
        let account = Account {
            suffix: AccountSuffix::from_segment(segment),
            key_id: Bytes::copy_from_slice(token.key_id()),
            keys: Arc::new(Keys::derive(&shared_secret)),
            shared_secret: Arc::new(shared_secret),
        };
        let plaintext = account.keys.open(data).ok()?;
        // Only now: whoever does not know the secret cannot fill the cache.
        Some((self.state().remember(account), plaintext))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and every state in between is valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Registered secrets first (PROTOCOL.md section 1: "matched before token derivation").
    fn known(&self, segment: &str) -> Option<Account> {
        self.registered.get(segment).or_else(|| self.derived.peek(segment)).cloned()
    }

    /// Keeps the account, unless another packet has been faster: then that one's keys go on counting.
    fn remember(&mut self, account: Account) -> Account {
        let suffix = account.suffix.clone();
        self.derived.get_or_insert(suffix, || account).clone()
    }
}

fn registered_suffix(credentials: &Credentials) -> AccountSuffix {
    let last = credentials.destination_account.segments().last();
    AccountSuffix::from_segment(last.unwrap_or_default())
}

/// RFC 25: types 4 to 6; its first draft: types 0 to 3.
fn belongs_into_prepare(packet: &PskPacket) -> bool {
    match packet {
        PskPacket::Request(packet) => packet.kind == RequestKind::Request,
        PskPacket::Chunk(packet) => match packet.kind {
            ChunkKind::Chunk | ChunkKind::LastChunk => true,
            ChunkKind::Fulfillment | ChunkKind::Reject => false,
        },
        PskPacket::Unknown(_) => false,
    }
}
