//! Random chunks of a few payments, against a ledger that knows the rules and nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use psk_chunking::receive::{
    ChunkArrival, ChunkFrames, Decision, Overshoot, PaymentKey, ReceiveConfig, ReceiveEvent, ReceivePayments,
    Verdict,
};
use psk_codec::DestinationAmount;
use psk_codec::psk::{PaymentId, Sequence};

#[derive(Clone, Debug)]
enum Operation {
    Chunk(ChunkArrival),
    Verdict(PaymentKey, Verdict),
    Time(u64),
    Stop,
}

fn key() -> impl Strategy<Value = PaymentKey> {
    ("[ab]", 0..3_u8).prop_map(|(account, id)| PaymentKey {
        account: account.parse().unwrap(),
        payment_id: PaymentId::new([id; 16]),
    })
}

fn units(range: std::ops::Range<u64>) -> impl Strategy<Value = DestinationAmount> {
    range.prop_map(DestinationAmount::new)
}

fn chunk() -> impl Strategy<Value = ChunkArrival> {
    let amounts = (units(0..100), units(0..300), proptest::option::of(units(1..500)));
    let flags =
        (proptest::bool::weighted(0.05), proptest::bool::weighted(0.9), proptest::bool::weighted(0.05));
    (key(), 0..30_u32, amounts, flags).prop_map(|(payment, sequence, amounts, flags)| ChunkArrival {
        payment,
        key_id: Bytes::new(),
        sequence: Sequence::new(sequence),
        minimum: amounts.0,
        amount: amounts.1,
        expected: amounts.2,
        last: flags.0,
        fulfillable: flags.1,
        expired: flags.2,
        expires_in: Duration::ZERO,
        frames: ChunkFrames::Plain,
        answer_room: 30_000,
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let verdict = prop_oneof![
        4 => Just(Verdict::Accept),
        2 => Just(Verdict::AcceptChunk),
        1 => Just(Verdict::RefuseChunk),
        1 => Just(Verdict::Refuse),
    ];
    prop_oneof![
        30 => chunk().prop_map(Operation::Chunk),
        10 => (key(), verdict).prop_map(|(key, verdict)| Operation::Verdict(key, verdict)),
        2 => (0..100_u64).prop_map(Operation::Time),
        1 => Just(Operation::Stop),
    ]
}

/// What a payment may and may not.
#[derive(Default)]
struct Ledger {
    received: u64,
    expected: Option<u64>,
    used: HashSet<Sequence>,
    reviewed: bool,
    ended: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_rule_is_broken_in_any_order(
        operations in proptest::collection::vec(operation(), 0..150),
        overshoot in proptest::option::of(0..100_u64),
    ) {
        let allowed = overshoot.map_or(Overshoot::CompletingChunk, |units| Overshoot::AtMost(DestinationAmount::new(units)));
        let mut payments = ReceivePayments::new(ReceiveConfig {
            overshoot: allowed,
            retention: Duration::from_secs(1_000_000),
            ..ReceiveConfig::default()
        });
        let mut ledgers: HashMap<PaymentKey, Ledger> = HashMap::new();
        let mut now = Duration::ZERO;
        for operation in operations {
            match operation {
                Operation::Chunk(chunk) => {
                    let decision = payments.handle_chunk(&chunk, now);
                    if let Decision::Review(offer) = &decision {
                        let ledger = ledgers.entry(chunk.payment.clone()).or_default();
                        prop_assert!(!ledger.ended);
                        if !ledger.reviewed {
                            ledger.expected = chunk.expected.map(DestinationAmount::units);
                        }
                        ledger.reviewed = true;
                        prop_assert_eq!(offer.expected.map(DestinationAmount::units), ledger.expected);
                    }
                    if let Decision::Fulfill { total, .. } = decision {
                        let ledger = ledgers.get_mut(&chunk.payment).unwrap();
                        prop_assert!(chunk.amount >= chunk.minimum && chunk.fulfillable && !chunk.expired);
                        prop_assert!(ledger.reviewed && !ledger.ended);
                        prop_assert!(ledger.used.insert(chunk.sequence), "{:?} twice", chunk.sequence);
                        if let Some(expected) = ledger.expected {
                            prop_assert!(ledger.received < expected);
                            let over = (ledger.received + chunk.amount.units()).saturating_sub(expected);
                            prop_assert!(overshoot.is_none_or(|overshoot| over <= overshoot));
                        }
                        ledger.received += chunk.amount.units();
                        prop_assert_eq!(total.units(), ledger.received);
                        ledger.ended |= chunk.last || ledger.expected.is_some_and(|all| ledger.received >= all);
                    }
                    if let Decision::Refuse { total, .. } = decision {
                        let received = ledgers.get(&chunk.payment).map_or(0, |ledger| ledger.received);
                        prop_assert_eq!(total.units(), received);
                    }
                }
                Operation::Verdict(key, verdict) => payments.handle_verdict(&key, verdict, now),
                Operation::Time(seconds) => {
                    now += Duration::from_secs(seconds);
                    let next = payments.handle_time(now);
                    prop_assert!(next.is_none_or(|next| next > now));
                }
                Operation::Stop => payments.stop(now),
            }
            while let Some(event) = payments.poll_event() {
                if let ReceiveEvent::Finished { payment, received, .. } = event {
                    let ledger = ledgers.get_mut(&payment).unwrap();
                    prop_assert_eq!(received.units(), ledger.received);
                    ledger.ended = true;
                }
            }
        }
        prop_assert!(payments.payments() <= 6);
    }
}
