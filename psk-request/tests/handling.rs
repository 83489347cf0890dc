//! Once for each packet, and never too late: replays, slow and failing handlers.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::link::{Hub, answering, config, expect_code, expect_data, expect_fulfill, recorder};
use common::{arriving, later, open_body};
use psk_codec::{Amount, ErrorCode, Fulfill, Prepare};
use psk_crypto::SystemRandom;
use psk_request::{
    Decision, Destination, EndpointReceiver, IncomingRequest, ReceiverConfig, ReplayLimits, Request,
};
use tokio::time::{Instant, advance, sleep};

fn destination(receiver: &EndpointReceiver) -> Destination {
    Destination::from(&receiver.credentials(b"").unwrap())
}

fn prepare(destination: &Destination, request: &Request) -> Prepare {
    let (prepare, _) = destination.seal(request, &mut SystemRandom).unwrap();
    arriving(prepare, 500)
}

#[tokio::test(start_paused = true)]
async fn a_replay_gets_the_cached_answer_and_the_handler_is_called_once() {
    let hub = Hub::new().await;
    let (handler, shown) = recorder(1);
    let receiver = hub.endpoint.receiver(config(handler)).unwrap();
    let prepare = prepare(&destination(&receiver), &hub.request());
    // At once, while the first is being handled, and later.
    let three = (0..3).map(|_| hub.deliver(prepare.clone()));
    let replies = futures_util::future::join_all(three).await;
    let first = expect_fulfill(hub.deliver(prepare.clone()).await);
    for reply in replies {
        assert_eq!(expect_fulfill(reply), first);
    }
    assert_eq!(shown.lock().unwrap().len(), 1);
    // A freshly sealed one is another request.
    expect_data(hub.send(&destination(&receiver)).await);
    assert_eq!(shown.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_replay_after_the_expiry_is_rejected_and_not_shown() {
    let hub = Hub::new().await;
    let (handler, shown) = recorder(0);
    let receiver = hub.endpoint.receiver(config(handler)).unwrap();
    let destination = destination(&receiver);
    let prepare = prepare(&destination, &hub.request());
    expect_fulfill(hub.deliver(prepare.clone()).await);
    advance(Duration::from_secs(10)).await;
    let reply = hub.deliver(prepare).await.unwrap();
    let reject = common::expect_reject(reply);
    assert_eq!(reject.code, ErrorCode::R00_TRANSFER_TIMED_OUT);
    assert_eq!(open_body(destination.keys(), &reject.data).amount, Amount::new(500));
    assert_eq!(shown.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_finished_and_remembered_when_the_link_gives_up() {
    let hub = Hub::new().await;
    let (handler, shown) = recorder(3);
    let receiver = hub.endpoint.receiver(config(handler)).unwrap();
    let prepare = prepare(&destination(&receiver), &hub.request());
    let impatient = tokio::time::timeout(Duration::from_secs(1), hub.deliver(prepare.clone()));
    assert!(impatient.await.is_err());
    let start = Instant::now();
    expect_fulfill(hub.deliver(prepare).await);
    assert_eq!(start.elapsed().as_secs(), 2, "the first call went on");
    assert_eq!(shown.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_replay_memory_refuses_new_packets_for_a_while() {
    let hub = Hub::new().await;
    let replay = ReplayLimits { max_packets: 2, ..ReplayLimits::default() };
    let receiver = ReceiverConfig { replay, ..config(answering("")) };
    let receiver = hub.endpoint.receiver(receiver).unwrap();
    let destination = destination(&receiver);
    let prepare = prepare(&destination, &hub.request());
    expect_fulfill(hub.deliver(prepare.clone()).await);
    expect_data(hub.send(&destination).await);
    assert_eq!(expect_code(hub.send(&destination).await), ErrorCode::T03_CONNECTOR_BUSY);
    expect_fulfill(hub.deliver(prepare).await);
    advance(Duration::from_secs(10)).await;
    expect_data(hub.send(&destination).await);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_is_given_up_at_the_expiry() {
    let hub = Hub::new().await;
    let never = |_| std::future::pending::<Decision>();
    let receiver = hub.endpoint.receiver(config(never)).unwrap();
    let start = Instant::now();
    let outcome = hub.send(&destination(&receiver)).await;
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(expect_code(outcome), ErrorCode::R00_TRANSFER_TIMED_OUT);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_decides_at_the_expiry_decides_too_late() {
    for (millis, in_time) in [(9_999, true), (10_000, false), (10_001, false)] {
        let hub = Hub::new().await;
        let slow = move |_: IncomingRequest| async move {
            sleep(Duration::from_millis(millis)).await;
            Decision::Accept(Bytes::new())
        };
        let receiver = hub.endpoint.receiver(config(slow)).unwrap();
        match hub.send(&destination(&receiver)).await {
            psk_request::Outcome::Fulfilled { .. } => assert!(in_time, "{millis}"),
            other => {
                assert!(!in_time, "{millis}");
                assert_eq!(expect_code(other), ErrorCode::R00_TRANSFER_TIMED_OUT);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_not_fulfilled_after_its_own_expiry() {
    let hub = Hub::new().await;
    let (handler, _) = recorder(5);
    let receiver = hub.endpoint.receiver(config(handler)).unwrap();
    let prepare = prepare(&destination(&receiver), &hub.request());
    let shorter = Prepare { expires_at: later(3), ..prepare.clone() };
    let (first, replay) = tokio::join!(hub.deliver(prepare), hub.deliver(shorter));
    expect_fulfill(first);
    let reject = common::expect_reject(replay.unwrap());
    assert_eq!(reject.code, ErrorCode::R00_TRANSFER_TIMED_OUT);
}

/// Sets a flag when it is dropped.
struct OnDrop(Arc<AtomicBool>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_claims_to_live_for_years_is_not_handled_for_years() {
    let hub = Hub::new().await;
    let given_up = Arc::new(AtomicBool::new(false));
    let flag = given_up.clone();
    let never = move |_: IncomingRequest| {
        let guard = OnDrop(flag.clone());
        async move {
            let _guard = guard;
            std::future::pending::<Decision>().await
        }
    };
    let receiver = hub.endpoint.receiver(config(never)).unwrap();
    let expires_at = later(u64::from(u32::MAX));
    let request = Request { expires_at, ..hub.request() };
    let prepare = prepare(&destination(&receiver), &request);
    assert!(hub.deliver(prepare).await.is_err(), "the link gives up after 35 s");
    sleep(Duration::from_secs(24)).await;
    assert!(!given_up.load(Ordering::Relaxed));
    sleep(Duration::from_secs(2)).await;
    assert!(given_up.load(Ordering::Relaxed), "60 s is the default of max_hold");
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_claims_to_live_for_years_is_not_remembered_for_years() {
    let hub = Hub::new().await;
    let replay = ReplayLimits { max_packets: 1, ..ReplayLimits::default() };
    let receiver = ReceiverConfig { replay, ..config(answering("")) };
    let receiver = hub.endpoint.receiver(receiver).unwrap();
    let destination = destination(&receiver);
    let expires_at = later(u64::from(u32::MAX));
    let request = Request { expires_at, ..hub.request() };
    expect_fulfill(hub.deliver(prepare(&destination, &request)).await);
    advance(Duration::from_secs(59)).await;
    let busy = expect_code(hub.send(&destination).await);
    assert_eq!(busy, ErrorCode::T03_CONNECTOR_BUSY);
    advance(Duration::from_secs(1)).await;
    expect_data(hub.send(&destination).await);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_takes_nothing_and_is_not_called_again() {
    let hub = Hub::new().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let panics = move |_: IncomingRequest| {
        count.fetch_add(1, Ordering::Relaxed);
        async { panic!("on purpose") }
    };
    let receiver = hub.endpoint.receiver(config(panics)).unwrap();
    let destination = destination(&receiver);
    let prepare = prepare(&destination, &hub.request());
    for _ in 0..2 {
        let reject = common::expect_reject(hub.deliver(prepare.clone()).await.unwrap());
        assert_eq!(reject.code, ErrorCode::F99_APPLICATION_ERROR);
        assert_eq!(open_body(destination.keys(), &reject.data).amount, Amount::new(500));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_shows_the_preimage_only_to_a_packet_that_pays() {
    let hub = Hub::new().await;
    let receiver = hub.endpoint.receiver(config(answering("x"))).unwrap();
    let prepare = prepare(&destination(&receiver), &hub.request());
    let cheap = arriving(prepare.clone(), 499);
    let reject = common::expect_reject(hub.deliver(cheap).await.unwrap());
    assert_eq!(reject.code, ErrorCode::F99_APPLICATION_ERROR);
    let Fulfill { fulfillment, .. } = expect_fulfill(hub.deliver(prepare.clone()).await);
    assert!(psk_crypto::fulfills(&fulfillment, &prepare.condition));
}
