//! 2^31 packets under one key are refused, not wrapped: the payment ends with its account.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{World, at, config, destination, maximum, source};
use psk_chunking::receive::ReceiveConfig;
use psk_chunking::send::{Input, SendConfig, SendError, SendPayment, Target};
use psk_crypto::{Keys, MAX_SEALED_PACKETS, ReceiverSecret, SealError, SeededRandom};
use psk_request::{Receiver, ReceiverOptions};

/// A payment whose key may seal only so many packets more; the key, and what came of it.
fn send(config: SendConfig, left: u64, world: World) -> (Arc<Keys>, common::Run) {
    let mut random = SeededRandom::new(5);
    let secret = ReceiverSecret::generate(&mut random);
    let credentials = secret.credentials(&"test.receiver".parse().unwrap(), b"", &mut random).unwrap();
    let receiver = Receiver::new("test.receiver".parse().unwrap(), secret, ReceiverOptions::default());
    let keys = Arc::new(Keys::derive_after(&credentials.shared_secret, MAX_SEALED_PACKETS - left));
    let budget = source(1_000_000);
    let start = at(Duration::ZERO);
    let sender = SendPayment::with_keys(config, keys.clone(), credentials.destination_account, start);
    (keys, world.run(sender, &receiver, budget, &mut random))
}

#[test]
fn a_payment_ends_with_its_account_when_its_key_is_used_up() {
    for left in [0, 1, 2, 3, 5, 50, 500] {
        let (keys, run) =
            send(config(Target::Source(source(1_000_000))), left, World::with(vec![maximum(1_000)]));
        assert_eq!(run.report.error, Some(SendError::Seal(SealError::KeyExhausted)), "{left}");
        let account = run.report.account;
        assert_eq!((account.delivered, account.source_sent.units()), (run.received, run.received.units()));
        assert_eq!(run.packets, left, "every packet takes one, and not one more leaves");
        assert_eq!(keys.sealed_packets(), MAX_SEALED_PACKETS);
        assert!(account.in_flight.is_zero() && account.in_doubt.is_zero());
    }
}

/// The answer to a chunk is lost, too early in the payment for other chunks to ask what became of it, and the question
/// cannot be sealed any more.
#[test]
fn what_is_unknown_then_stays_in_doubt() {
    let mut fulfills = 0;
    let reply = Box::new(move |_: &_, reply| {
        fulfills += u64::from(matches!(reply, psk_codec::Reply::Fulfill(_)));
        (fulfills != 20 || !matches!(reply, psk_codec::Reply::Fulfill(_))).then_some(reply)
    });
    let world = World { reply, ..World::with(vec![maximum(100)]) };
    let (_, run) = send(config(Target::Source(source(1_000_000))), 50, world);
    assert_eq!(run.report.error, Some(SendError::Seal(SealError::KeyExhausted)));
    let account = run.report.account;
    assert_eq!(account.in_doubt, source(100), "{account:?}");
    assert_eq!(destination(account.source_sent.units() + 100), run.received);
    assert!(run.took < Duration::from_secs(60), "{:?}", run.took);
}

/// A cancelled payment with data and a refund to ask for ends too.
#[test]
fn an_ending_that_would_need_more_packets_does_without() {
    let mut config = config(Target::Source(source(1_000_000)));
    config.data = Some(bytes::Bytes::from(vec![7; 1 << 20]));
    config.refund_account = Some("test.sender.refund".parse().unwrap());
    let commands: Vec<(Duration, fn() -> Input)> = vec![(Duration::from_millis(310), || Input::Cancel)];
    let world = World { commands, ..World::with(vec![maximum(1_000)]) };
    let (_, run) = send(config, 150, world);
    assert!(run.report.error.is_some());
    assert_eq!(run.report.account.delivered, run.received);
    assert!(run.packets <= 150);
}

/// The receiver's data is drawn when nothing else is in flight.
#[test]
fn a_payment_that_draws_data_ends_too() {
    for left in 4..30 {
        let receive = ReceiveConfig { max_data_length: 4 << 20, ..ReceiveConfig::default() };
        let says = Bytes::from(vec![7; 1 << 20]);
        let world = World { receive, says, ..World::with(vec![maximum(1_000)]) };
        let config = SendConfig { max_received_data: 4 << 20, ..config(Target::Source(source(2_000))) };
        let (_, run) = send(config, left, world);
        assert!(run.took < Duration::from_secs(60), "{left}: {:?} {:?}", run.took, run.report);
        assert_eq!(run.report.account.source_sent.units(), run.received.units(), "{left}");
    }
}
