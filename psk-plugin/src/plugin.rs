//! The contract between what sends ILP packets and what carries them.

use std::sync::Arc;

use async_trait::async_trait;
use psk_codec::ildcp::AccountDetails;
use psk_codec::{Prepare, Reply};

/// A link to one peer, over which ILP packets go both ways.
///
/// A plugin is shared (`Arc<dyn Plugin>`) and takes any number of requests at once.
#[async_trait]
pub trait Plugin: Send + Sync + 'static {
    /// Sends a Prepare to the peer and waits for its answer.
    ///
    /// Answers at the latest when the Prepare has expired and a grace has passed. Dropping the future does not
    /// take the Prepare back: its outcome is then unknown to the caller.
    async fn send(&self, prepare: Prepare) -> Result<Reply, SendError>;

    /// Sets what answers the Prepares that the peer sends; `None` removes it. Without one they are rejected.
    fn set_handler(&self, handler: Option<Arc<dyn PrepareHandler>>);

    /// What the peer says about our account (IL-DCP): our address, and our asset and its scale. Asked again after
    /// a reconnect, because addresses go stale.
    async fn details(&self) -> Result<AccountDetails, DetailsError>;

    /// Closes the link. What is in flight fails with [`SendError::Unknown`].
    async fn close(&self);
}

/// Answers the Prepares that come in over a [`Plugin`].
#[async_trait]
pub trait PrepareHandler: Send + Sync + 'static {
    /// Answers one Prepare. Called for many at once.
    async fn handle(&self, prepare: Prepare) -> Reply;
}

/// Why there is no answer to a Prepare, told apart by what it means for the money.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The Prepare certainly was not forwarded: no money has moved or will move.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The Prepare may have arrived: whether money has moved is unknown until it has expired, and beyond.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// Why the account's details are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetailsError {
    /// The peer could not be asked.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The peer refused to say.
    #[error("the peer refused an IL-DCP request with {0}")]
    Refused(String),
    /// The peer answered what is no IL-DCP response.
    #[error("the peer's IL-DCP response is invalid: {0}")]
    Invalid(String),
}
