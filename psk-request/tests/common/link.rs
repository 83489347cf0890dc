//! A link to a hub that sends packets back to where they came from, with half of their amount. Tests that use it pause
//! tokio's time, which the clock follows.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use psk_codec::{Amount, DestinationAmount, ErrorCode, Fulfill, Prepare, Reject, Reply, SourceAmount};
use psk_plugin::memory::{Link, MemoryPlugin};
use psk_plugin::{AccountDetails, Clock, Plugin, PrepareHandler, SendError};
use psk_request::{Decision, Destination, Endpoint, IncomingRequest, Outcome, Request};
use psk_request::{ReceiverConfig, RequestHandler};
use tokio::time::sleep;

use super::{address, now, secret};

pub(crate) struct Hub {
    pub(crate) endpoint: Endpoint,
    pub(crate) client: Arc<MemoryPlugin>,
    /// The hub's end: what it sends arrives at the endpoint.
    pub(crate) hub: Arc<MemoryPlugin>,
}

impl Hub {
    pub(crate) async fn new() -> Self {
        Self::with_clock(Clock::starting_at(now())).await
    }

    pub(crate) async fn with_clock(clock: Clock) -> Self {
        let link = Link { left_details: Some(details()), clock: clock.clone(), ..Link::default() };
        let (client, hub) = link.pair();
        hub.set_handler(Some(Arc::new(Hairpin(Arc::downgrade(&hub)))));
        let endpoint = Endpoint::attach(client.clone(), clock).await.unwrap();
        Self { endpoint, client, hub }
    }

    pub(crate) fn request(&self) -> Request {
        let (amount, minimum) = (SourceAmount::new(1_000), DestinationAmount::new(500));
        let expires_at = self.endpoint.clock().now();
        let expires_at = expires_at.saturating_add(Duration::from_secs(10));
        Request::new(amount, minimum, expires_at).with_data("ping")
    }

    /// Sends the usual request, and expects an outcome.
    pub(crate) async fn send(&self, destination: &Destination) -> Outcome {
        let request = self.request();
        let outcome = self.endpoint.send_request(destination, &request);
        outcome.await.unwrap()
    }

    /// Brings a Prepare to the endpoint, as it is.
    pub(crate) async fn deliver(&self, prepare: Prepare) -> Result<Reply, SendError> {
        self.hub.send(prepare).await
    }
}

struct Hairpin(Weak<MemoryPlugin>);

#[async_trait]
impl PrepareHandler for Hairpin {
    async fn handle(&self, prepare: Prepare) -> Reply {
        let amount = Amount::new(prepare.amount.units() / 2);
        let hub = self.0.upgrade().unwrap();
        let unknown = |_| Reject::new(ErrorCode::R00_TRANSFER_TIMED_OUT, address()).into();
        let reply = hub.send(Prepare { amount, ..prepare }).await;
        reply.unwrap_or_else(unknown)
    }
}

pub(crate) fn details() -> AccountDetails {
    AccountDetails { address: address(), asset_scale: 9, asset_code: "XRP".into() }
}

pub(crate) fn config(handler: impl RequestHandler) -> ReceiverConfig {
    ReceiverConfig::new(secret()).with_requests(handler)
}

/// A handler that takes `seconds`, writes down what it was shown, and accepts.
pub(crate) fn recorder(seconds: u64) -> (Arc<Recorder>, Arc<Mutex<Vec<IncomingRequest>>>) {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let recorder = Recorder { seconds, shown: shown.clone() };
    (Arc::new(recorder), shown)
}

pub(crate) struct Recorder {
    seconds: u64,
    shown: Arc<Mutex<Vec<IncomingRequest>>>,
}

#[async_trait]
impl RequestHandler for Recorder {
    async fn handle_request(&self, request: IncomingRequest) -> Decision {
        self.shown.lock().unwrap().push(request);
        sleep(Duration::from_secs(self.seconds)).await;
        Decision::Accept("pong".into())
    }
}

/// Accepts with this answer.
pub(crate) fn answering(answer: &'static str) -> impl RequestHandler {
    move |_| async move { Decision::Accept(answer.into()) }
}

#[track_caller]
pub(crate) fn expect_data(outcome: Outcome) -> Bytes {
    match outcome {
        Outcome::Fulfilled { data, .. } => data,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn expect_code(outcome: Outcome) -> ErrorCode {
    match outcome {
        Outcome::Rejected(rejection) => rejection.code,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn expect_fulfill(reply: Result<Reply, SendError>) -> Fulfill {
    match reply.unwrap() {
        Reply::Fulfill(fulfill) => fulfill,
        Reply::Reject(reject) => panic!("{reject:?}"),
    }
}
