//! The machines over a link in memory, on tokio's paused time: handlers that are slow or panic, payments that are
//! cancelled or let go, links that close.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/link.rs"]
mod link;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use psk_chunking::receive::{PaymentOffer, ReceiveConfig, ReceiveEvent, Verdict};
use psk_chunking::send::{SendConfig, SendError, SendReport, Target};
use psk_chunking::{PaymentHandler, PaymentReceiver, RunningPayment, send_payment};
use psk_codec::psk::PaymentId;
use psk_codec::psk::frame::CloseReason;
use psk_codec::{DestinationAmount, SourceAmount};
use psk_crypto::{Credentials, ReceiverSecret};
use psk_plugin::memory::MemoryPlugin;
use psk_plugin::{Clock, Plugin};
use psk_request::{Endpoint, EndpointReceiver, ReceiverConfig};

/// Tells the verdict of each review, and after how long.
type Review = Box<dyn Fn(u64) -> (Duration, Verdict) + Send + Sync>;

struct Bob {
    review: Review,
    reviews: AtomicU64,
    received: Arc<Mutex<Vec<ReceiveEvent>>>,
    panics_at_events: bool,
}

#[async_trait]
impl PaymentHandler for Bob {
    async fn review(&self, _offer: PaymentOffer) -> Verdict {
        let (pause, verdict) = (self.review)(self.reviews.fetch_add(1, Ordering::SeqCst) + 1);
        tokio::time::sleep(pause).await;
        verdict
    }

    fn on_event(&self, event: ReceiveEvent) {
        self.received.lock().unwrap().push(event);
        assert!(!self.panics_at_events, "the application is broken");
    }
}

struct Pair {
    alice: Arc<MemoryPlugin>,
    clock: Clock,
    credentials: Credentials,
    events: Arc<Mutex<Vec<ReceiveEvent>>>,
    _bob: (Endpoint, EndpointReceiver),
}

impl Pair {
    async fn new(review: Review, panics_at_events: bool) -> Self {
        let (alice, bob, clock) = link::alice_and_bob();
        let events = Arc::default();
        let handler =
            Bob { review, reviews: AtomicU64::new(0), received: Arc::clone(&events), panics_at_events };
        let payments = PaymentReceiver::new(ReceiveConfig::default(), handler, clock.clone());
        let endpoint = Endpoint::attach(bob, clock.clone()).await.unwrap();
        let secret = ReceiverSecret::from_octets(&[7; 32]).unwrap();
        let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments)).unwrap();
        let credentials = receiver.credentials(b"").unwrap();
        Self { alice, clock, credentials, events, _bob: (endpoint, receiver) }
    }

    async fn accepting() -> Self {
        Self::new(Box::new(|_| (Duration::ZERO, Verdict::Accept)), false).await
    }

    fn pay(&self, config: SendConfig) -> RunningPayment {
        send_payment(self.alice.clone(), &self.credentials, config, self.clock.clone())
    }

    fn received(&self) -> u64 {
        let events = self.events.lock().unwrap();
        let amounts = events.iter().filter_map(|event| match event {
            ReceiveEvent::ChunkFulfilled { amount, .. } => Some(amount.units()),
            _ => None,
        });
        amounts.sum()
    }

    fn finished(&self) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| matches!(event, ReceiveEvent::Finished { .. })).count()
    }
}

fn config(id: u8, amount: u64) -> SendConfig {
    SendConfig::new(Target::Source(SourceAmount::new(amount)), PaymentId::new([id; 16]))
}

fn is_whole(report: &SendReport, amount: u64) {
    assert!(report.is_completed(), "{report:?}");
    assert_eq!(report.account.source_sent, SourceAmount::new(amount));
    assert_eq!(report.account.delivered, DestinationAmount::new(amount));
}

#[tokio::test(start_paused = true)]
async fn many_payments_on_one_secret_do_not_disturb_each_other() {
    let pair = Pair::accepting().await;
    let running: Vec<_> = (0..50).map(|id| pair.pay(config(id, 1_000 + u64::from(id)))).collect();
    for (id, payment) in (0..).zip(running) {
        is_whole(&payment.finished().await, 1_000 + id);
    }
    assert_eq!((pair.received(), pair.finished()), ((0..50).map(|id| 1_000 + id).sum(), 50));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_too_slow_refuses_one_chunk_and_not_the_payment() {
    for verdict in [Verdict::Accept, Verdict::AcceptChunk] {
        let slow_at_first = move |review| match review {
            1 => (Duration::from_secs(1_000), verdict),
            _ => (Duration::from_millis(100), verdict),
        };
        let pair = Pair::new(Box::new(slow_at_first), false).await;
        // After the review time-out of 10 s the chunk is refused for now, and the application asked again: nothing
        // waits for the review that came to nothing.
        let start = tokio::time::Instant::now();
        is_whole(&pair.pay(config(1, 1_000)).finished().await, 1_000);
        assert_eq!(pair.received(), 1_000);
        let took = start.elapsed();
        assert!((10..20).contains(&took.as_secs()), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_at_events_does_not_falsify_the_books() {
    let pair = Pair::new(Box::new(|_| (Duration::ZERO, Verdict::Accept)), true).await;
    let report = pair.pay(config(1, 1_000)).finished().await;
    is_whole(&report, 1_000);
    assert_eq!(pair.received(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_ends_the_payment_with_its_account() {
    let pair = Pair::new(Box::new(|_| panic!("the application is broken")), false).await;
    let report = pair.pay(config(1, 1_000)).finished().await;
    assert_eq!(
        report.error,
        Some(SendError::Closed { reason: CloseReason::REFUSED, message: String::new() })
    );
    assert_eq!((report.account.source_sent, pair.received()), (SourceAmount::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn a_chunk_under_review_is_accounted_for_when_its_payment_is_cancelled() {
    let pair = Pair::new(Box::new(|_| (Duration::from_secs(10), Verdict::Accept)), false).await;
    let payment = pair.pay(config(1, 1_000));
    tokio::time::sleep(Duration::from_secs(2)).await;
    payment.control().cancel();
    // It was all of the payment, so that was too late.
    is_whole(&payment.finished().await, 1_000);
    assert_eq!(pair.received(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_is_let_go_goes_on() {
    let pair = Pair::accepting().await;
    drop(pair.pay(config(1, 1_000)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((pair.received(), pair.finished()), (1_000, 1));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_closes_ends_the_payment_with_its_account() {
    for millis in (0..400).step_by(20) {
        let pair = Pair::new(Box::new(|_| (Duration::from_millis(100), Verdict::AcceptChunk)), false).await;
        let payment = pair.pay(config(1, 1_000_000));
        tokio::time::sleep(Duration::from_millis(millis)).await;
        pair.alice.close().await;
        let report = payment.finished().await;
        let (sent, in_doubt) = (report.account.source_sent.units(), report.account.in_doubt.units());
        assert!(sent <= pair.received() && pair.received() <= sent + in_doubt, "{report:?}");
        assert!(report.is_completed() == (sent == 1_000_000), "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn endless_and_zero_time_outs_are_no_trouble() {
    let pair = Pair::accepting().await;
    let endless = SendConfig {
        idle_timeout: Duration::MAX,
        total_timeout: Some(Duration::MAX),
        packet_timeout: Duration::MAX,
        expiry_grace: Duration::MAX,
        max_packets_in_flight: 0,
        ..config(1, 1_000)
    };
    is_whole(&pair.pay(endless).finished().await, 1_000);
    let none = SendConfig {
        idle_timeout: Duration::ZERO,
        total_timeout: Some(Duration::ZERO),
        packet_timeout: Duration::ZERO,
        expiry_grace: Duration::ZERO,
        ..config(2, 1_000)
    };
    let report = pair.pay(none).finished().await;
    assert!(report.error.is_some());
    let expired =
        SendConfig { packet_timeout: Duration::ZERO, expiry_grace: Duration::ZERO, ..config(3, 1_000) };
    let report = pair.pay(expired).finished().await;
    assert!(report.error.is_some());
    assert_eq!(pair.received(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_paused_payment_can_be_cancelled() {
    let pair = Pair::accepting().await;
    let payment = pair.pay(config(1, 1_000));
    let control = payment.control();
    control.pause();
    tokio::time::sleep(Duration::from_secs(1)).await;
    control.cancel();
    let report = payment.finished().await;
    assert_eq!(report.error, Some(SendError::Cancelled));
    control.resume();
}
