use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use psk_codec::{Address, AddressError};
use psk_crypto::{Credentials, CredentialsError, SharedSecret, SystemRandom};
use psk_plugin::{AccountDetails, Clock, DetailsError, Plugin};

use super::config::ReceiverConfig;
use super::handler::RequestHandler;
use super::router::Router;
use super::send::{RequestError, send_request};
use super::served::Served;
use crate::account::AccountSuffix;
use crate::destination::Destination;
use crate::outcome::Outcome;
use crate::receiver::RegisterError;
use crate::sender::Request;

/// One end of a link: sends any number of requests over it, and receives at its address and below.
///
/// It is the plugin's [`PrepareHandler`](psk_plugin::PrepareHandler) for as long as it, a clone of it, or one of its
/// receivers is held; then it removes the handler. The plugin is not closed. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint(Arc<Shared>);

struct Shared {
    plugin: Arc<dyn Plugin>,
    clock: Clock,
    details: RwLock<AccountDetails>,
    router: Arc<Router>,
}

/// Why there is no receiver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// The label is no segment of an address, or makes it too long.
    #[error("the receiver would have no valid address: {0}")]
    Address(#[from] AddressError),
    /// Another receiver is there.
    #[error("a receiver is at {0} already")]
    AddressTaken(Address),
}

impl Endpoint {
    /// Asks the peer for our address and asset (IL-DCP), and takes what comes in.
    pub async fn attach(plugin: Arc<dyn Plugin>, clock: Clock) -> Result<Self, DetailsError> {
        let details = plugin.details().await?;
        Ok(Self::with_details(plugin, clock, details))
    }

    /// The same without asking, for who knows the details, as the parent of the peer does.
    pub fn with_details(plugin: Arc<dyn Plugin>, clock: Clock, details: AccountDetails) -> Self {
        let router = Arc::new(Router::new(details.address.clone()));
        plugin.set_handler(Some(router.clone()));
        tracing::debug!(address = %details.address, "an endpoint takes packets");
        Self(Arc::new(Shared { plugin, clock, details: RwLock::new(details), router }))
    }

    /// What the peer said last about our account.
    pub fn details(&self) -> AccountDetails {
        let details = self.0.details.read();
        details.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the peer again, as after a reconnect, and moves all receivers if the address has changed. Credentials
    /// made before then name the old address, and no longer work.
    pub async fn refresh(&self) -> Result<AccountDetails, DetailsError> {
        let details = self.0.plugin.details().await?;
        self.0
            .router
            .set_address(details.address.clone())
            .map_err(|error| DetailsError::Invalid(error.to_string()))?;
        tracing::debug!(address = %details.address, "the endpoint's details are fresh");
        let mut known = self.0.details.write().unwrap_or_else(PoisonError::into_inner);
        known.clone_from(&details);
        Ok(details)
    }

    /// The plugin, for other protocols' requests.
    pub fn plugin(&self) -> &Arc<dyn Plugin> {
        &self.0.plugin
    }

    /// The clock, by which requests should be made to expire.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Receives, until the last clone of what is returned is dropped.
    pub fn receiver(&self, config: ReceiverConfig) -> Result<EndpointReceiver, ReceiverError> {
        let label = config.label.as_deref().map(str::parse::<AccountSuffix>);
        let label = label.transpose()?;
        let clock = self.0.clock.clone();
        let served = self.0.router.add(label, |address| Served::new(address, config, clock))?;
        tracing::debug!(address = %served.receiver().address(), "receiving");
        Ok(EndpointReceiver { served, _endpoint: self.clone() })
    }

    /// Sends one request and judges its answer: [`send_request`].
    pub async fn send_request(
        &self,
        destination: &Destination,
        request: &Request,
    ) -> Result<Outcome, RequestError> {
        send_request(&*self.0.plugin, destination, request).await
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.plugin.set_handler(None);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("details", &self.details()).finish_non_exhaustive()
    }
}

/// A receiver on an [`Endpoint`]'s link, until its last clone is dropped. Cheap to clone.
#[derive(Clone)]
#[must_use = "it receives only as long as it is held"]
pub struct EndpointReceiver {
    served: Arc<Served>,
    _endpoint: Endpoint,
}

impl EndpointReceiver {
    /// Its bare address, at present.
    pub fn address(&self) -> Address {
        self.served.receiver().address()
    }

    /// Fresh credentials for a sender. The `key_id` comes back with every packet that is sent with them; it is part
    /// of the destination account and **readable by the whole network**.
    pub fn credentials(&self, key_id: &[u8]) -> Result<Credentials, CredentialsError> {
        self.served.receiver().credentials(key_id, &mut SystemRandom)
    }

    /// Receives with a secret that was agreed upon elsewhere, until it is deregistered. Its requests go to `handler`;
    /// its chunks to the receiver's chunk handler. The `key_id` comes back with every packet that is sent with it;
    /// the network does not see it.
    pub fn register_secret(
        &self,
        shared_secret: SharedSecret,
        key_id: impl Into<Bytes>,
        handler: impl RequestHandler,
    ) -> Result<Credentials, RegisterError> {
        self.served.register(shared_secret, key_id.into(), Arc::new(handler))
    }

    /// Forgets a registered secret and its handler; whether there was one.
    pub fn deregister_secret(&self, shared_secret: SharedSecret) -> bool {
        self.served.deregister(shared_secret)
    }
}

impl fmt::Debug for EndpointReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointReceiver").field("address", &self.address()).finish_non_exhaustive()
    }
}
