//! What one account may have of a receiver's memory, and that no open payment is forgotten for others.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/arrival.rs"]
mod arrival;
#[path = "common/framed_receiver.rs"]
mod framed_receiver;

use std::time::Duration;

use framed_receiver::{NOW, answer, asks_about, asks_status, chunk, hand_in, ranges, units};
use psk_chunking::receive::{
    ChunkArrival, ChunkRefusal, Decision, PaymentKey, ReceiveConfig, ReceivePayments, Verdict,
};
use psk_codec::psk::PaymentId;

fn of(account: &str, payment: u8, chunk: ChunkArrival) -> ChunkArrival {
    let payment_id = PaymentId::new([payment; 16]);
    ChunkArrival { payment: PaymentKey { account: account.parse().unwrap(), payment_id }, ..chunk }
}

/// It brings nothing, so it costs nothing.
fn of_nothing(sequence: u32) -> ChunkArrival {
    ChunkArrival { amount: units(0), minimum: units(0), ..chunk(sequence) }
}

/// Why a chunk about which the application is asked is not fulfilled after its word.
fn reviewed(
    payments: &mut ReceivePayments,
    chunk: &ChunkArrival,
    verdict: Verdict,
    now: Duration,
) -> Option<ChunkRefusal> {
    let Decision::Review(offer) = payments.handle_chunk(chunk, now) else { panic!("it is not asked about") };
    payments.handle_verdict(&offer.payment, offer.sequence, verdict, now);
    answer(payments.handle_chunk(chunk, now)).refusal
}

/// Mallory's first payment is refused after a chunk of it was taken, where a silence is shorter than an ended payment is
/// kept; long after, when it is forgotten, the second one is open.
fn after_a_payment_that_was_refused_late() -> (ReceivePayments, Duration) {
    let mut payments = ReceivePayments::new(ReceiveConfig {
        min_silence: Duration::from_secs(5),
        max_payments_per_account: 3,
        retention: Duration::from_secs(120),
        ..ReceiveConfig::default()
    });
    assert_eq!(reviewed(&mut payments, &of("mallory", 1, chunk(1)), Verdict::AcceptChunk, NOW), None);
    let refusal = reviewed(&mut payments, &of("mallory", 1, chunk(2)), Verdict::Refuse, NOW);
    assert_eq!(refusal, Some(ChunkRefusal::PaymentRefused));
    let mut now = NOW;
    for second in 0..150 {
        now += Duration::from_secs(1);
        payments.handle_time(now);
        assert_eq!(hand_in(&mut payments, &of("mallory", 2, chunk(second)), now).refusal, None);
    }
    assert_eq!(payments.payments(), 1);
    (payments, now)
}

#[test]
fn an_account_has_no_more_payments_than_it_may_have() {
    let (mut payments, now) = after_a_payment_that_was_refused_late();
    for payment in 3..23 {
        payments.handle_chunk(&of("mallory", payment, chunk(1)), now);
    }
    assert_eq!(payments.payments(), 3);
}

#[test]
fn an_open_payment_with_the_id_of_a_forgotten_one_is_not_forgotten() {
    let (mut payments, now) = after_a_payment_that_was_refused_late();
    for payment in [1, 3] {
        assert_eq!(hand_in(&mut payments, &of("mallory", payment, chunk(100)), now).refusal, None);
    }
    // The account is full.
    let refusal = hand_in(&mut payments, &of("mallory", 4, chunk(1)), now).refusal;
    assert_eq!(refusal, Some(ChunkRefusal::TooManyPayments));
    let refusal = hand_in(&mut payments, &of("mallory", 1, chunk(100)), now).refusal;
    assert_eq!(refusal, Some(ChunkRefusal::SequenceUsed));
}

#[test]
fn what_one_account_asks_about_takes_no_more_than_its_share() {
    let config = ReceiveConfig { max_sequence_ranges: 8_000, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(config);
    // 55 x 17 ranges are less than an eighth.
    for payment in 0..55 {
        for sequence in 0..17 {
            let cheap = ChunkArrival { amount: units(1), minimum: units(1), ..chunk(sequence * 2) };
            assert_eq!(hand_in(&mut payments, &of("mallory", payment, cheap), NOW).refusal, None);
        }
    }
    for payment in 0..55 {
        hand_in(&mut payments, &of("mallory", payment, asks_about(5_000, &[(1_000, 1_511)])), NOW);
    }
    // An honest payment whose chunks overtake each other.
    for sequence in (0..40).map(|it| it * 2) {
        assert_eq!(hand_in(&mut payments, &of("alice", 1, chunk(sequence)), NOW).refusal, None);
    }
    for sequence in (0..39).map(|it| it * 2 + 1) {
        let late = hand_in(&mut payments, &of("alice", 1, chunk(sequence)), NOW);
        assert_eq!(late.refusal, None, "chunk {sequence} of another account");
    }
}

#[test]
fn chunks_that_bring_nothing_get_no_more_ranges_than_all_have() {
    let mut payments = ReceivePayments::new(ReceiveConfig::default());
    let named = |payments: &mut ReceivePayments, payment| {
        let answer = hand_in(payments, &of("mallory", payment, asks_status()), NOW);
        ranges(&answer.status().unwrap().fulfilled).len()
    };
    for sequence in 0..1_000 {
        assert_eq!(hand_in(&mut payments, &of("mallory", 1, of_nothing(sequence * 2)), NOW).refusal, None);
        assert_eq!(hand_in(&mut payments, &of("mallory", 2, chunk(sequence * 2)), NOW).refusal, None);
    }
    assert_eq!((named(&mut payments, 1), named(&mut payments, 2)), (16, 1_000));
    // Nor do they take any away from a payment that brings something.
    assert_eq!(hand_in(&mut payments, &of("mallory", 2, of_nothing(5_000)), NOW).refusal, None);
    assert_eq!(named(&mut payments, 2), 1_000);
}
