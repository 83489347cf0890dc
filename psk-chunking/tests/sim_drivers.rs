//! The drivers over the simulated network, on tokio's paused clock: what they do there is what the machines do.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use psk_chunking::receive::{PaymentOffer, ReceiveConfig, ReceiveEvent, Verdict};
use psk_chunking::send::{SendConfig, SendReport, Target};
use psk_chunking::sim::{RunOptions, run, standard};
use psk_chunking::{PaymentHandler, PaymentReceiver, send_payment};
use psk_codec::psk::PaymentId;
use psk_codec::{DestinationAmount, SourceAmount};
use psk_crypto::ReceiverSecret;
use psk_plugin::sim::{LiveNetwork, World};
use psk_request::{Endpoint, ReceiverConfig};
use tokio::time::Instant;

#[derive(Clone, Default)]
struct Till(Arc<AtomicU64>);

#[async_trait]
impl PaymentHandler for Till {
    async fn review(&self, _offer: PaymentOffer) -> Verdict {
        Verdict::Accept
    }

    fn on_event(&self, event: ReceiveEvent) {
        if let ReceiveEvent::ChunkFulfilled { amount, .. } = event {
            self.0.fetch_add(amount.units(), Ordering::SeqCst);
        }
    }
}

struct Ended {
    reports: Vec<SendReport>,
    received: u64,
    took: Duration,
    network: LiveNetwork,
}

/// Alice pays bob over a standard path, with so many payments at once.
async fn pay(scenario: &str, targets: &[Target]) -> Ended {
    let scenario = standard::scenario(scenario).unwrap();
    let network = LiveNetwork::start(World::new(&scenario.network, 1).unwrap());
    let clock = network.clock();
    let till = Till::default();
    let payments = PaymentReceiver::new(ReceiveConfig::default(), till.clone(), clock.clone());
    let endpoint = Endpoint::attach(network.plugin("bob").unwrap(), clock.clone()).await.unwrap();
    let secret = ReceiverSecret::from_octets(&[7; 32]).unwrap();
    let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments)).unwrap();
    let alice = network.plugin("alice").unwrap();
    let started = Instant::now();
    let running: Vec<_> = (0u8..)
        .zip(targets)
        .map(|(place, target)| {
            let credentials = receiver.credentials(b"").unwrap();
            let config = SendConfig::new(*target, PaymentId::new([place; 16]));
            send_payment(alice.clone(), &credentials, config, clock.clone())
        })
        .collect();
    let mut reports = Vec::new();
    for payment in running {
        reports.push(payment.finished().await);
    }
    let took = started.elapsed();
    assert!(network.look(World::balances_add_up));
    Ended { reports, received: till.0.load(Ordering::SeqCst), took, network }
}

#[tokio::test(start_paused = true)]
async fn a_payment_over_the_drivers_takes_as_long_as_over_the_machines() {
    let alone = run(&standard::scenario("wan").unwrap(), RunOptions::seed(1)).unwrap();
    let amount = SourceAmount::new(10_000_000);
    let ended = pay("wan", &[Target::Source(amount)]).await;
    let report = &ended.reports[0];
    assert!(report.is_completed(), "{report:?}");
    assert_eq!(report.account.source_sent, amount);
    assert_eq!(report.account.delivered, DestinationAmount::new(ended.received));
    assert_eq!(report.account.delivered, alone.payments[0].delivered());
    let longer = ended.took.saturating_sub(alone.payments[0].took);
    // Timers of a millisecond, eight links there and back.
    assert!(longer < Duration::from_millis(500), "{:?} {:?}", ended.took, alone.payments[0].took);
    let sent = ended.network.look(|world| world.totals(world.host("alice").unwrap()).sent.units());
    assert_eq!(sent, 10_000_000);
}

#[tokio::test(start_paused = true)]
async fn payments_at_once_complete_where_replies_are_lost() {
    let targets =
        [Target::Source(SourceAmount::new(100_000)), Target::Destination(DestinationAmount::new(150_000))];
    let ended = pay("lossy", &targets).await;
    let delivered: u64 = ended.reports.iter().map(|report| report.account.delivered.units()).sum();
    assert!(delivered <= ended.received, "{delivered} {}", ended.received);
    for (report, target) in ended.reports.iter().zip(targets) {
        let account = &report.account;
        assert!(account.in_flight.is_zero(), "{report:?}");
        if let Target::Source(amount) = target {
            assert!(account.committed().unwrap() <= amount, "{report:?}");
        }
    }
    assert!(ended.received >= 200_000, "{}", ended.received);
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_is_closed_sends_nothing() {
    use psk_plugin::Plugin;
    let scenario = standard::scenario("lan").unwrap();
    let network = LiveNetwork::start(World::new(&scenario.network, 1).unwrap());
    let alice = network.plugin("alice").unwrap();
    alice.close().await;
    let secret = ReceiverSecret::from_octets(&[7; 32]).unwrap();
    let receiver = psk_request::Receiver::new("test.bob".parse().unwrap(), secret, Default::default());
    let credentials = receiver.credentials(b"", &mut psk_crypto::SystemRandom).unwrap();
    let config = SendConfig::new(Target::Source(SourceAmount::new(5)), PaymentId::new([1; 16]));
    let report = send_payment(alice, &credentials, config, network.clock()).finished().await;
    assert!(!report.is_completed(), "{report:?}");
    assert_eq!(network.look(World::under_way), 0);
}
