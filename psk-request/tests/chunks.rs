//! Chunks go to their handler: once, and a Fulfill that comes too late is withheld.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::later;
use common::link::{Hub, answering, config, expect_fulfill};
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Amount, ErrorCode, Prepare, Reject, Reply, Timestamp};
use psk_crypto::SeededRandom;
use psk_plugin::Clock;
use psk_request::{Arrival, ChunkHandler, Destination, EndpointReceiver, Refusal};
use tokio::time::{Instant, sleep};

fn destination(receiver: &EndpointReceiver) -> Destination {
    Destination::from(&receiver.credentials(b"").unwrap())
}

/// Fulfills every chunk after so many seconds, also when it is too late.
struct Careless {
    seconds: u64,
    calls: AtomicUsize,
    ended: AtomicUsize,
}

impl Careless {
    fn new(seconds: u64) -> Arc<Self> {
        let zero = || AtomicUsize::new(0);
        Arc::new(Self { seconds, calls: zero(), ended: zero() })
    }
}

#[async_trait]
impl ChunkHandler for Careless {
    async fn handle_chunk(&self, arrival: Arrival) -> Reply {
        self.calls.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_secs(self.seconds)).await;
        self.ended.fetch_add(1, Ordering::Relaxed);
        if arrival.expired {
            return arrival.reject(Refusal::Expired, "body".into()).into();
        }
        arrival.fulfill(Bytes::new()).into()
    }
}

fn chunk(destination: &Destination, expires_at: Timestamp) -> Prepare {
    let packet = ChunkPacket {
        kind: ChunkKind::LastChunk,
        payment_id: PaymentId::new([1; 16]),
        sequence: Sequence::FIRST,
        payment_amount: Amount::new(10),
        chunk_amount: Amount::new(10),
        application_data: Bytes::new(),
    };
    let keys = destination.keys();
    let plaintext = PskPacket::Chunk(packet).encode().unwrap();
    let data = keys.seal(&plaintext, &mut SeededRandom::new(1)).unwrap();
    Prepare {
        amount: Amount::new(10),
        expires_at,
        condition: psk_crypto::condition_of(&keys.fulfillment(&data)),
        destination: destination.account().clone(),
        data,
    }
}

#[tokio::test(start_paused = true)]
async fn chunks_go_to_their_handler_once() {
    let hub = Hub::new().await;
    let handler = Careless::new(0);
    let receiver = config(answering("")).with_chunks(handler.clone());
    let receiver = hub.endpoint.receiver(receiver).unwrap();
    let chunk = chunk(&destination(&receiver), later(10));
    for _ in 0..2 {
        expect_fulfill(hub.deliver(chunk.clone()).await);
    }
    assert_eq!(handler.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_chunk_handler_chunks_are_unexpected() {
    let hub = Hub::new().await;
    let receiver = hub.endpoint.receiver(config(answering(""))).unwrap();
    let chunk = chunk(&destination(&receiver), later(10));
    let reject = common::expect_reject(hub.deliver(chunk).await.unwrap());
    let expected = Reject::new(ErrorCode::F06_UNEXPECTED_PAYMENT, common::address());
    assert_eq!(reject, expected);
}

#[tokio::test(start_paused = true)]
async fn a_chunk_handler_is_never_cut_off_but_its_late_fulfill_is_withheld() {
    for seconds in [10, 12] {
        let hub = Hub::new().await;
        let handler = Careless::new(seconds);
        let receiver = config(answering("")).with_chunks(handler.clone());
        let receiver = hub.endpoint.receiver(receiver).unwrap();
        let chunk = chunk(&destination(&receiver), later(10));
        let start = Instant::now();
        let reject = common::expect_reject(hub.deliver(chunk).await.unwrap());
        assert_eq!(reject.code, ErrorCode::R00_TRANSFER_TIMED_OUT);
        assert_eq!(start.elapsed().as_secs(), 10);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(handler.ended.load(Ordering::Relaxed), 1);
    }
}

/// Fulfills as soon as it is too late, and lets nothing else run meanwhile.
struct Blocking(Clock);

#[async_trait]
impl ChunkHandler for Blocking {
    async fn handle_chunk(&self, arrival: Arrival) -> Reply {
        while !arrival.is_expired_at(self.0.now()) {
            std::hint::spin_loop();
        }
        arrival.fulfill(Bytes::new()).into()
    }
}

#[tokio::test]
async fn a_fulfill_that_is_ready_before_anybody_saw_the_time_is_withheld_too() {
    let clock = Clock::system();
    let hub = Hub::with_clock(clock.clone()).await;
    let receiver = config(answering("")).with_chunks(Blocking(clock.clone()));
    let receiver = hub.endpoint.receiver(receiver).unwrap();
    let soon = clock.now().saturating_add(Duration::from_millis(200));
    let chunk = chunk(&destination(&receiver), soon);
    let reject = common::expect_reject(hub.deliver(chunk).await.unwrap());
    assert_eq!(reject.code, ErrorCode::R00_TRANSFER_TIMED_OUT);
}

#[tokio::test(start_paused = true)]
async fn an_expired_chunk_is_its_handlers_business() {
    let hub = Hub::new().await;
    let handler = Careless::new(1);
    let receiver = config(answering("")).with_chunks(handler.clone());
    let receiver = hub.endpoint.receiver(receiver).unwrap();
    let chunk = chunk(&destination(&receiver), common::now());
    let reject = common::expect_reject(hub.deliver(chunk).await.unwrap());
    assert_eq!(reject.code, ErrorCode::R00_TRANSFER_TIMED_OUT);
    assert_eq!(reject.data, "body");
}

#[tokio::test(start_paused = true)]
async fn a_chunk_handler_that_panics_takes_nothing() {
    struct Panics;
    #[async_trait]
    impl ChunkHandler for Panics {
        async fn handle_chunk(&self, _arrival: Arrival) -> Reply {
            panic!("on purpose")
        }
    }
    let hub = Hub::new().await;
    let receiver = config(answering("")).with_chunks(Panics);
    let receiver = hub.endpoint.receiver(receiver).unwrap();
    let chunk = chunk(&destination(&receiver), later(10));
    let reject = common::expect_reject(hub.deliver(chunk).await.unwrap());
    assert_eq!(reject.code, ErrorCode::F99_APPLICATION_ERROR);
}
