use std::sync::Arc;

use psk_codec::{Address, Prepare};
use psk_crypto::{Credentials, Keys, Random};

use crate::sender::{PendingRequest, Request, SealRequestError};

/// Where requests go: credentials, with the keys derived once.
///
/// Make one per credentials and share its clones: packets under one secret are counted in its keys, and two sets of
/// keys count apart ([`psk_crypto::MAX_SEALED_PACKETS`]).
#[derive(Clone, Debug)]
pub struct Destination {
    account: Address,
    keys: Arc<Keys>,
}

impl Destination {
    /// With keys that are counted elsewhere already.
    pub fn new(account: Address, keys: Arc<Keys>) -> Self {
        Self { account, keys }
    }

    /// The destination account.
    pub fn account(&self) -> &Address {
        &self.account
    }

    /// The keys that seal packets to it and open its answers.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// Seals a request to this destination: [`Request::seal`].
    pub fn seal(
        &self,
        request: &Request,
        random: &mut dyn Random,
    ) -> Result<(Prepare, PendingRequest), SealRequestError> {
        request.seal(&self.keys, &self.account, random)
    }
}

impl From<&Credentials> for Destination {
    /// Derives the keys, whose count starts at zero.
    fn from(credentials: &Credentials) -> Self {
        let keys = Arc::new(Keys::derive(&credentials.shared_secret));
        Self::new(credentials.destination_account.clone(), keys)
    }
}
