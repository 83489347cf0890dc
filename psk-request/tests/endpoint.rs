//! Senders and receivers on one link.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use common::link::{Hub, answering, config, details, expect_code, expect_data, recorder};
use common::{address, later};
use psk_codec::{DestinationAmount, ErrorCode, Prepare, Reply, SourceAmount};
use psk_crypto::{ReceiverSecret, SharedSecret};
use psk_plugin::{AccountDetails, Clock, DetailsError, Plugin, PrepareHandler, SendError};
use psk_request::{
    Decision, Delivered, Destination, Endpoint, Outcome, ReceiverConfig, ReceiverError, RegisterError,
    Request, RequestError, SealRequestError,
};

#[tokio::test(start_paused = true)]
async fn several_receivers_and_senders_share_one_link() {
    let hub = Hub::new().await;
    let bare = hub.endpoint.receiver(config(answering("bare"))).unwrap();
    let other_secret = ReceiverSecret::from_octets(&[9; 32]).unwrap();
    let shop = ReceiverConfig::new(other_secret).with_requests(answering("shop"));
    let shop = hub.endpoint.receiver(shop.with_label("shop")).unwrap();
    let bar = config(answering("bar")).with_label("bar");
    let bar = hub.endpoint.receiver(bar).unwrap();
    assert_eq!(shop.address(), address().with_suffix("shop").unwrap());

    for (receiver, answer) in [(&bare, "bare"), (&shop, "shop"), (&bar, "bar")] {
        let destination = Destination::from(&receiver.credentials(b"id").unwrap());
        let outcomes = (0..20).map(|_| hub.send(&destination));
        for outcome in futures_util::future::join_all(outcomes).await {
            let expected = Outcome::Fulfilled {
                delivered: Delivered::Exact(DestinationAmount::new(500)),
                data: answer.into(),
            };
            assert_eq!(outcome, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_without_a_receiver_is_unreachable() {
    let hub = Hub::new().await;
    let receiver = hub.endpoint.receiver(config(answering("here"))).unwrap();
    let destination = Destination::from(&receiver.credentials(b"").unwrap());
    assert_eq!(expect_data(hub.send(&destination).await), "here");

    let elsewhere = "test.hub.alice.token".parse().unwrap();
    let elsewhere = Destination::new(elsewhere, destination.keys().clone());
    assert_eq!(expect_code(hub.send(&elsewhere).await), ErrorCode::F02_UNREACHABLE);

    drop(receiver);
    let Outcome::Rejected(rejection) = hub.send(&destination).await else { panic!() };
    assert_eq!(rejection.code, ErrorCode::F02_UNREACHABLE);
    assert_eq!(rejection.triggered_by, Some(address()));
}

#[tokio::test(start_paused = true)]
async fn two_receivers_cannot_have_the_same_address() {
    let hub = Hub::new().await;
    let receiver = |label: Option<&str>| {
        let config = ReceiverConfig { label: label.map(str::to_owned), ..config(answering("")) };
        hub.endpoint.receiver(config)
    };
    let (bare, labelled) = (receiver(None).unwrap(), receiver(Some("a")).unwrap());
    let taken = receiver(None).unwrap_err();
    assert_eq!(taken, ReceiverError::AddressTaken(bare.address()));
    let taken = receiver(Some("a")).unwrap_err();
    assert_eq!(taken, ReceiverError::AddressTaken(labelled.address()));
    assert!(matches!(receiver(Some("a.b")), Err(ReceiverError::Address(_))));
    drop((bare, labelled));
    assert!(receiver(None).is_ok() && receiver(Some("a")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn each_registered_secret_has_its_own_handler() {
    let hub = Hub::new().await;
    let receiver = hub.endpoint.receiver(config(answering("default"))).unwrap();
    let secret = |octet| SharedSecret::from_octets(&[octet; 32]).unwrap();
    let one = receiver.register_secret(secret(1), "one", answering("first")).unwrap();
    let (handler, shown) = recorder(0);
    let two = receiver.register_secret(secret(2), "two", handler).unwrap();
    let again = receiver.register_secret(secret(1), "", answering(""));
    assert_eq!(again, Err(RegisterError::AlreadyRegistered));

    let fresh = receiver.credentials(b"").unwrap();
    for (credentials, answer) in [(&one, "first"), (&two, "pong"), (&fresh, "default")] {
        assert_eq!(expect_data(hub.send(&credentials.into()).await), answer);
    }
    assert_eq!(shown.lock().unwrap()[0].key_id, "two");

    assert!(receiver.deregister_secret(secret(1)));
    assert!(!receiver.deregister_secret(secret(1)));
    let outcome = hub.send(&(&one).into()).await;
    assert_eq!(expect_code(outcome), ErrorCode::F06_UNEXPECTED_PAYMENT);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_without_a_handler_takes_nothing() {
    let hub = Hub::new().await;
    let receiver = hub.endpoint.receiver(ReceiverConfig::new(common::secret())).unwrap();
    let outcome = hub.send(&(&receiver.credentials(b"").unwrap()).into()).await;
    assert_eq!(expect_code(outcome), ErrorCode::F99_APPLICATION_ERROR);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_paid_is_shown_marked_and_answered_with_data() {
    let hub = Hub::new().await;
    let (handler, shown) = recorder(0);
    let receiver = hub.endpoint.receiver(config(handler)).unwrap();
    let destination = Destination::from(&receiver.credentials(b"id").unwrap());
    let unfulfillable = Request::unfulfillable(SourceAmount::new(1_000), later(10));
    let asking = Request { fulfillable: false, ..hub.request() };
    let too_little = Request { minimum: DestinationAmount::new(501), ..hub.request() };
    for (request, code, fulfillable) in [
        (unfulfillable, ErrorCode::F99_APPLICATION_ERROR, false),
        (asking, ErrorCode::F05_WRONG_CONDITION, false),
        (too_little, ErrorCode::F99_APPLICATION_ERROR, true),
    ] {
        let outcome = hub.endpoint.send_request(&destination, &request).await.unwrap();
        let Outcome::Rejected(rejection) = outcome else { panic!("{outcome:?}") };
        assert_eq!(rejection.code, code);
        let body = rejection.authenticated.unwrap();
        assert_eq!((body.amount.units(), &body.data[..]), (500, &b"pong"[..]));
        let shown = shown.lock().unwrap().pop().unwrap();
        assert_eq!((shown.fulfillable, shown.amount.units()), (fulfillable, 500));
        assert_eq!((shown.minimum, &shown.data), (request.minimum, &request.data));
        assert_eq!((&shown.key_id[..], shown.is_payable()), (&b"id"[..], false));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_tells_whether_the_money_may_have_moved() {
    let hub = Hub::new().await;
    let receiver = hub.endpoint.receiver(config(answering(""))).unwrap();
    let destination = Destination::from(&receiver.credentials(b"").unwrap());
    let send = async |request| hub.endpoint.send_request(&destination, &request).await.unwrap_err();

    let too_long = send(hub.request().with_data(vec![0; 40_000])).await;
    assert!(matches!(too_long, RequestError::Seal(SealRequestError::DataTooLong { .. })));
    assert!(!too_long.is_outcome_unknown());

    hub.client.close().await;
    let closed = send(hub.request()).await;
    assert!(matches!(closed, RequestError::Send(SendError::NotSent(_))));
    assert!(!closed.is_outcome_unknown());
    assert!(RequestError::Send(SendError::Unknown("".into())).is_outcome_unknown());
}

/// Has a new address each time it is asked, and shows whether it has a handler.
#[derive(Default)]
struct Moving(std::sync::Mutex<(u32, Option<Arc<dyn PrepareHandler>>)>);

#[async_trait]
impl Plugin for Moving {
    async fn send(&self, prepare: Prepare) -> Result<Reply, SendError> {
        let handler = self.0.lock().unwrap().1.clone();
        let gone = || SendError::NotSent("no handler".into());
        Ok(handler.ok_or_else(gone)?.handle(prepare).await)
    }

    fn set_handler(&self, handler: Option<Arc<dyn PrepareHandler>>) {
        self.0.lock().unwrap().1 = handler;
    }

    async fn details(&self) -> Result<AccountDetails, DetailsError> {
        let mut state = self.0.lock().unwrap();
        state.0 += 1;
        let address = format!("test.lease{}", state.0).parse().unwrap();
        Ok(AccountDetails { address, ..details() })
    }

    async fn close(&self) {}
}

#[tokio::test(start_paused = true)]
async fn receivers_move_with_the_endpoints_address() {
    let plugin = Arc::new(Moving::default());
    let endpoint = Endpoint::attach(plugin, Clock::starting_at(common::now())).await.unwrap();
    let bare = endpoint.receiver(config(answering("bare"))).unwrap();
    let shop = config(answering("shop")).with_label("shop");
    let shop = endpoint.receiver(shop).unwrap();
    let old = shop.credentials(b"").unwrap();
    assert_eq!(shop.address().as_str(), "test.lease1.shop");

    let details = endpoint.refresh().await.unwrap();
    assert_eq!((details.address.as_str(), &endpoint.details()), ("test.lease2", &details));
    assert_eq!(bare.address(), details.address);
    assert_eq!(shop.address().as_str(), "test.lease2.shop");
    let request = Request::at_any_rate(SourceAmount::new(1), later(10));
    let outcome = endpoint.send_request(&(&old).into(), &request).await.unwrap();
    assert_eq!(expect_code(outcome), ErrorCode::F02_UNREACHABLE);
    let destination = (&shop.credentials(b"").unwrap()).into();
    let outcome = endpoint.send_request(&destination, &request).await.unwrap();
    assert_eq!(expect_data(outcome), "shop");
}

#[tokio::test(start_paused = true)]
async fn the_link_is_let_go_with_the_last_that_uses_it() {
    let plugin = Arc::new(Moving::default());
    let endpoint = Endpoint::attach(plugin.clone(), Clock::starting_at(common::now())).await;
    let receiver = endpoint.unwrap().receiver(config(answering(""))).unwrap();
    let has_handler = || plugin.0.lock().unwrap().1.is_some();
    assert!(has_handler(), "a receiver holds it");
    drop(receiver);
    assert!(!has_handler());
    assert_eq!(Arc::strong_count(&plugin), 1, "nothing holds the plugin in a circle");
}

#[tokio::test(start_paused = true)]
async fn a_closure_is_a_handler() {
    let hub = Hub::new().await;
    let echo = config(async |request: psk_request::IncomingRequest| Decision::Accept(request.data));
    let receiver = hub.endpoint.receiver(echo).unwrap();
    let outcome = hub.send(&(&receiver.credentials(b"").unwrap()).into()).await;
    assert_eq!(expect_data(outcome), Bytes::from("ping"));
}
