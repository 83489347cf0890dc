use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use psk_codec::psk::RequestId;
use psk_codec::{DestinationAmount, Reply, Timestamp};

use crate::account::AccountSuffix;
use crate::arrival::{Arrival, Decision, RequestArrival};
use crate::size::{max_error_data_length, max_response_data_length};

/// A request as the application sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncomingRequest {
    /// By whom: one per shared secret. Readable by the whole network.
    pub account: AccountSuffix,
    /// What the receiver named these credentials when it made or registered them.
    pub key_id: Bytes,
    /// The sender's id of the request. Two requests may have the same.
    pub request_id: RequestId,
    /// What arrived, in units of the receiver's asset.
    pub amount: DestinationAmount,
    /// The least that must arrive, as the sender says.
    pub minimum: DestinationAmount,
    /// The sender's data. Not trustworthy beyond that the sender knows the shared secret.
    pub data: Bytes,
    /// Whether there is a fulfillment for it. If not, the sender only asks.
    pub fulfillable: bool,
    /// When the offer ends; the decision counts only if it is made before.
    pub expires_at: Timestamp,
    /// How many octets of data fit into the answer, whatever the decision is.
    pub max_answer_length: usize,
}

impl IncomingRequest {
    pub(super) fn of(request: RequestArrival<'_>) -> Self {
        let arrival = request.arrival();
        Self {
            account: arrival.account.clone(),
            key_id: arrival.key_id.clone(),
            request_id: request.request_id(),
            amount: arrival.amount,
            minimum: request.minimum(),
            data: request.data().clone(),
            fulfillable: arrival.fulfillable,
            expires_at: arrival.expires_at,
            max_answer_length: max_error_data_length(&arrival.receiver).min(max_response_data_length()),
        }
    }

    /// Whether [`Decision::Accept`] takes the money. Otherwise the request is only shown for its data, and whatever
    /// the decision is, its data goes into a rejection.
    pub fn is_payable(&self) -> bool {
        self.fulfillable && self.amount >= self.minimum
    }
}

/// The application's side of a receiver. A closure from an [`IncomingRequest`] to a future of a [`Decision`] is one.
///
/// Called once for a request however often it is repeated before it expires, and not at all when it has expired on
/// arrival. Requests that cannot be paid ([`IncomingRequest::is_payable`]) are shown too, since they may carry data.
#[async_trait]
pub trait RequestHandler: Send + Sync + 'static {
    /// Decides on one request. Called for many at once.
    ///
    /// After the packet has expired the future is dropped and the request rejected; a panic rejects it at once.
    /// Money has moved for sure only when a Fulfill has been sent *and* came in time, so what is handed out for it
    /// should be what its receiver can afford to lose.
    async fn handle_request(&self, request: IncomingRequest) -> Decision;
}

#[async_trait]
impl<F, Answer> RequestHandler for F
where
    F: Fn(IncomingRequest) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Decision> + Send,
{
    async fn handle_request(&self, request: IncomingRequest) -> Decision {
        self(request).await
    }
}

#[async_trait]
impl<H: RequestHandler + ?Sized> RequestHandler for Arc<H> {
    async fn handle_request(&self, request: IncomingRequest) -> Decision {
        (**self).handle_request(request).await
    }
}

/// Takes no money; the handler of a receiver that was given none.
#[derive(Clone, Copy, Debug, Default)]
pub struct RejectAll;

#[async_trait]
impl RequestHandler for RejectAll {
    async fn handle_request(&self, _request: IncomingRequest) -> Decision {
        Decision::Reject(Bytes::new())
    }
}

/// Answers chunks of payments, the packets of RFC 25's first draft.
#[async_trait]
pub trait ChunkHandler: Send + Sync + 'static {
    /// Answers one chunk. Called for many at once, and once for a chunk that is repeated before it expires.
    ///
    /// All rows of PROTOCOL.md section 3 after the opening of the packet are this handler's business, also expired
    /// packets ([`Arrival::expired`]) and the time that passes while it works ([`Arrival::is_expired_at`]): a
    /// Fulfill that it returns too late is replaced by a Reject, after which its books would be wrong. The future
    /// is never dropped, so what it writes down is written down; it has to end by itself. A panic rejects the chunk.
    async fn handle_chunk(&self, arrival: Arrival) -> Reply;
}

#[async_trait]
impl<H: ChunkHandler + ?Sized> ChunkHandler for Arc<H> {
    async fn handle_chunk(&self, arrival: Arrival) -> Reply {
        (**self).handle_chunk(arrival).await
    }
}
