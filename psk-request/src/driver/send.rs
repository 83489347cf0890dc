use psk_crypto::SystemRandom;
use psk_plugin::{Plugin, SendError};

use crate::destination::Destination;
use crate::outcome::Outcome;
use crate::sender::{Request, SealRequestError};

/// Why there is no outcome of a request, told apart by what it means for the money.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request could not be sealed; nothing was sent.
    #[error(transparent)]
    Seal(#[from] SealRequestError),
    /// There was no answer.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl RequestError {
    /// Whether the money may have moved, or may still move until the request has expired and beyond. If not, it
    /// certainly has not.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Seal(_) => false,
            // Errors of plugins to come count as unknown: only certainty may free the money.
            Self::Send(error) => !matches!(error, SendError::NotSent(_)),
        }
    }
}

/// Sends one request and judges its answer. Without retries: each would be another payment.
///
/// Dropping the future does not take the request back.
pub async fn send_request(
    plugin: &dyn Plugin,
    destination: &Destination,
    request: &Request,
) -> Result<Outcome, RequestError> {
    let (prepare, pending) = destination.seal(request, &mut SystemRandom)?;
    tracing::debug!(
        destination = %destination.account(),
        source_amount = %request.source_amount,
        minimum = %request.minimum,
        expires_at = %request.expires_at,
        fulfillable = request.fulfillable,
        "sending a request"
    );
    let reply =
        plugin.send(prepare).await.inspect_err(|error| tracing::debug!(%error, "no answer to a request"))?;
    let outcome = pending.outcome(destination.keys(), reply);
    match &outcome {
        Outcome::Fulfilled { delivered, .. } => tracing::debug!(?delivered, "fulfilled"),
        Outcome::Rejected(rejection) => tracing::debug!(
            code = %rejection.code,
            authentic = rejection.authenticated.is_some(),
            "rejected"
        ),
        Outcome::InvalidFulfillment => tracing::debug!("an invalid fulfillment"),
    }
    Ok(outcome)
}
