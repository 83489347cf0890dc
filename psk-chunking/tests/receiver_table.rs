//! The receiver's answers to chunks, row by row of PROTOCOL.md section 3, and the bounds of what it remembers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/arrival.rs"]
mod arrival;

use std::time::Duration;

use bytes::Bytes;
use psk_chunking::receive::{
    ChunkArrival, ChunkRefusal, Decision, EndReason, Overshoot, PaymentKey, ReceiveConfig, ReceiveEvent,
    ReceivePayments, Verdict,
};
use psk_codec::DestinationAmount;
use psk_codec::psk::{PaymentId, Sequence};

const NOW: Duration = Duration::from_secs(1_000);

fn units(units: u64) -> DestinationAmount {
    DestinationAmount::new(units)
}

fn key(account: &str, id: u128) -> PaymentKey {
    PaymentKey { account: account.parse().unwrap(), payment_id: PaymentId::new(id.to_be_bytes()) }
}

/// 100 units of an open-ended payment.
fn chunk(sequence: u32) -> ChunkArrival {
    arrival::plain(key("alice", 1), sequence)
}

fn of_payment(payment: PaymentKey, sequence: u32) -> ChunkArrival {
    ChunkArrival { payment, ..chunk(sequence) }
}

/// Hands a chunk in, and again with this verdict when the application is asked.
fn decide(payments: &mut ReceivePayments, chunk: &ChunkArrival, verdict: Verdict, now: Duration) -> Decision {
    match payments.handle_chunk(chunk, now) {
        Decision::Review(offer) => {
            payments.handle_verdict(&offer.payment, offer.sequence, verdict, now);
            payments.handle_chunk(chunk, now)
        }
        decision => decision,
    }
}

fn accept(payments: &mut ReceivePayments, chunk: &ChunkArrival) -> Decision {
    decide(payments, chunk, Verdict::Accept, NOW)
}

fn refused(refusal: ChunkRefusal, total: u64) -> Decision {
    Decision::Refuse { refusal, total: units(total), frames: Bytes::new() }
}

fn fulfilled(total: u64) -> Decision {
    Decision::Fulfill { total: units(total), frames: Bytes::new() }
}

fn receiver() -> ReceivePayments {
    ReceivePayments::new(ReceiveConfig::default())
}

#[test]
fn the_first_reason_of_the_table_is_given() {
    let mut payments = receiver();
    assert_eq!(accept(&mut payments, &chunk(1)), fulfilled(100));
    let worst = ChunkArrival { expired: true, fulfillable: false, amount: units(1), ..chunk(1) };
    assert_eq!(accept(&mut payments, &worst), refused(ChunkRefusal::Expired, 100));
    let worst = ChunkArrival { expired: false, ..worst };
    assert_eq!(accept(&mut payments, &worst), refused(ChunkRefusal::TooLittle, 100));
    let worst = ChunkArrival { amount: units(100), ..worst };
    assert_eq!(accept(&mut payments, &worst), refused(ChunkRefusal::WrongCondition, 100));
    let worst = ChunkArrival { fulfillable: true, ..worst };
    assert_eq!(accept(&mut payments, &worst), refused(ChunkRefusal::SequenceUsed, 100));
    assert_eq!(accept(&mut payments, &ChunkArrival { last: true, ..chunk(2) }), fulfilled(200));
    assert_eq!(accept(&mut payments, &chunk(2)), refused(ChunkRefusal::SequenceUsed, 200));
    assert_eq!(accept(&mut payments, &chunk(3)), refused(ChunkRefusal::PaymentEnded, 200));
}

#[test]
fn what_cannot_be_fulfilled_leaves_no_record() {
    let mut payments = receiver();
    for id in 0..1_000 {
        let probe = of_payment(key("alice", id), 1);
        let probes = [
            ChunkArrival { fulfillable: false, ..probe.clone() },
            ChunkArrival { amount: units(99), ..probe.clone() },
            ChunkArrival { expired: true, ..probe },
        ];
        for probe in probes {
            assert!(matches!(payments.handle_chunk(&probe, NOW), Decision::Refuse { .. }));
        }
    }
    assert_eq!(payments.payments(), 0);
    assert_eq!(payments.poll_event(), None);
}

#[test]
fn the_first_chunk_fixes_the_amount() {
    let mut payments = receiver();
    let expecting = |sequence, expected| ChunkArrival { expected: Some(units(expected)), ..chunk(sequence) };
    assert_eq!(accept(&mut payments, &expecting(1, 250)), fulfilled(100));
    assert_eq!(accept(&mut payments, &expecting(2, 100_000)), fulfilled(200));
    assert_eq!(accept(&mut payments, &expecting(3, 100_000)), fulfilled(300));
    assert_eq!(accept(&mut payments, &expecting(4, 100_000)), refused(ChunkRefusal::PaymentEnded, 300));
}

#[test]
fn a_last_chunk_that_is_not_fulfilled_ends_nothing() {
    let mut payments = receiver();
    assert_eq!(accept(&mut payments, &chunk(1)), fulfilled(100));
    let last = ChunkArrival { last: true, ..chunk(2) };
    for unfit in [
        ChunkArrival { amount: units(1), ..last.clone() },
        ChunkArrival { fulfillable: false, ..last.clone() },
        ChunkArrival { expired: true, ..last },
    ] {
        assert!(matches!(accept(&mut payments, &unfit), Decision::Refuse { .. }));
    }
    assert_eq!(accept(&mut payments, &chunk(3)), fulfilled(200));
}

#[test]
fn nothing_beyond_the_amount_and_the_overshoot_is_taken() {
    let overshoot = Overshoot::AtMost(units(50));
    let mut payments = ReceivePayments::new(ReceiveConfig { overshoot, ..ReceiveConfig::default() });
    let bringing = |sequence, amount| ChunkArrival {
        expected: Some(units(250)),
        amount: units(amount),
        ..chunk(sequence)
    };
    assert_eq!(accept(&mut payments, &bringing(1, 200)), fulfilled(200));
    assert_eq!(accept(&mut payments, &bringing(2, 101)), refused(ChunkRefusal::TooMuch, 200));
    assert_eq!(accept(&mut payments, &bringing(3, u64::MAX)), refused(ChunkRefusal::TooMuch, 200));
    assert_eq!(accept(&mut payments, &bringing(4, 100)), fulfilled(300));
}

#[test]
fn totals_near_the_end_of_64_bits_do_not_overflow() {
    let mut payments = receiver();
    let bringing = |sequence, amount| ChunkArrival { amount: units(amount), ..chunk(sequence) };
    assert_eq!(accept(&mut payments, &bringing(1, u64::MAX - 100)), fulfilled(u64::MAX - 100));
    assert_eq!(accept(&mut payments, &bringing(2, 101)), refused(ChunkRefusal::TooMuch, u64::MAX - 100));
    assert_eq!(accept(&mut payments, &bringing(3, 100)), fulfilled(u64::MAX));
}

#[test]
fn equal_payment_ids_of_two_accounts_are_two_payments() {
    let mut payments = receiver();
    assert_eq!(accept(&mut payments, &of_payment(key("alice", 1), 1)), fulfilled(100));
    assert_eq!(accept(&mut payments, &of_payment(key("mallory", 1), 1)), fulfilled(100));
    let ask = ChunkArrival { fulfillable: false, ..of_payment(key("carol", 1), 2) };
    assert_eq!(accept(&mut payments, &ask), refused(ChunkRefusal::WrongCondition, 0));
}

#[test]
fn chunks_wait_while_the_application_decides() {
    let mut payments = receiver();
    assert!(matches!(payments.handle_chunk(&chunk(1), NOW), Decision::Review(_)));
    for sequence in 2..10 {
        assert_eq!(payments.handle_chunk(&chunk(sequence), NOW), Decision::AwaitReview);
    }
    payments.handle_verdict(&key("alice", 1), Sequence::new(1), Verdict::AcceptChunk, NOW);
    // Only the chunk that was reviewed may pass; then the next one to come is reviewed.
    assert_eq!(payments.handle_chunk(&chunk(2), NOW), Decision::AwaitReview);
    assert_eq!(payments.handle_chunk(&chunk(1), NOW), fulfilled(100));
    assert!(matches!(payments.handle_chunk(&chunk(3), NOW), Decision::Review(_)));
    payments.handle_verdict(&key("alice", 1), Sequence::new(3), Verdict::RefuseChunk, NOW);
    assert_eq!(payments.handle_chunk(&chunk(3), NOW), refused(ChunkRefusal::ChunkRefused, 100));
    assert!(matches!(payments.handle_chunk(&chunk(4), NOW), Decision::Review(_)));
    payments.handle_verdict(&key("alice", 1), Sequence::new(4), Verdict::Refuse, NOW);
    assert_eq!(payments.handle_chunk(&chunk(4), NOW), refused(ChunkRefusal::PaymentRefused, 100));
}

#[test]
fn a_chunk_that_expires_during_its_review_holds_up_no_other() {
    for verdict in [Verdict::AcceptChunk, Verdict::RefuseChunk, Verdict::Accept] {
        let mut payments = receiver();
        assert!(matches!(payments.handle_chunk(&chunk(1), NOW), Decision::Review(_)));
        payments.handle_verdict(&key("alice", 1), Sequence::new(1), verdict, NOW);
        let late = ChunkArrival { expired: true, ..chunk(1) };
        assert_eq!(payments.handle_chunk(&late, NOW), refused(ChunkRefusal::Expired, 0));
        assert_ne!(payments.handle_chunk(&chunk(2), NOW), Decision::AwaitReview, "{verdict:?}");
    }
}

#[test]
fn a_late_word_about_one_chunk_is_none_about_another() {
    for verdict in [Verdict::Accept, Verdict::AcceptChunk, Verdict::RefuseChunk, Verdict::Refuse] {
        let mut payments = receiver();
        assert!(matches!(payments.handle_chunk(&chunk(1), NOW), Decision::Review(_)));
        let late = NOW + ReceiveConfig::default().review_timeout;
        payments.handle_time(late);
        let Decision::Review(offer) = payments.handle_chunk(&chunk(2), late) else { panic!() };
        assert_eq!(offer.sequence, Sequence::new(2));
        payments.handle_verdict(&key("alice", 1), Sequence::new(1), verdict, late);
        assert_eq!(payments.handle_chunk(&chunk(2), late), Decision::AwaitReview, "{verdict:?}");
        payments.handle_verdict(&key("alice", 1), Sequence::new(2), Verdict::Accept, late);
        assert_eq!(payments.handle_chunk(&chunk(2), late), fulfilled(100));
    }
}

#[test]
fn silence_ends_a_payment_but_not_while_its_review_is_pending() {
    let (min_silence, review_timeout) = (Duration::from_secs(1), Duration::from_secs(30));
    let config = ReceiveConfig { min_silence, review_timeout, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(config);
    assert!(matches!(payments.handle_chunk(&chunk(1), NOW), Decision::Review(_)));
    let later = NOW + Duration::from_secs(20);
    let mut now = NOW;
    while now < later {
        let next = payments.handle_time(now).unwrap();
        assert!(next > now, "it would be asked at once again");
        now = next.min(later);
    }
    payments.handle_verdict(&key("alice", 1), Sequence::new(1), Verdict::Accept, later);
    assert_eq!(payments.handle_chunk(&chunk(1), later), fulfilled(100));
    payments.handle_time(later + Duration::from_secs(2));
    let events: Vec<_> = std::iter::from_fn(|| payments.poll_event()).collect();
    let [ReceiveEvent::ChunkFulfilled { .. }, ReceiveEvent::Finished { reason, received, .. }] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((*reason, *received), (EndReason::Silence, units(100)));
    assert_eq!(
        payments.handle_chunk(&chunk(2), later + Duration::from_secs(3)),
        refused(ChunkRefusal::PaymentEnded, 100)
    );
}

/// A minute: longer than a packet lives, and a sender waits for an answer.
const KEPT: Duration = Duration::from_secs(60);

#[test]
fn an_account_full_of_ended_payments_may_begin_another() {
    let limits = ReceiveConfig { max_payments_per_account: 10, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(limits);
    let last = |id| ChunkArrival { last: true, ..of_payment(key("alice", id), 1) };
    let mut now = NOW;
    for id in 0..1_000 {
        assert_eq!(decide(&mut payments, &last(id), Verdict::Accept, now), fulfilled(100), "{id}");
        assert!(payments.payments() <= 10);
        now += KEPT / 10;
    }
    // The youngest are still known.
    assert_eq!(
        decide(&mut payments, &last(999), Verdict::Accept, now),
        refused(ChunkRefusal::SequenceUsed, 100)
    );
}

#[test]
fn what_has_ended_just_now_is_not_forgotten_for_others_of_its_account() {
    let limits = ReceiveConfig { max_payments_per_account: 10, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(limits);
    let last = |id| ChunkArrival { last: true, ..of_payment(key("alice", id), 1) };
    for id in 0..10 {
        assert_eq!(accept(&mut payments, &last(id)), fulfilled(100), "{id}");
    }
    // The sender of the first one may still have that chunk in doubt.
    let just_before = NOW + KEPT - Duration::from_millis(1);
    for now in [NOW, just_before] {
        assert_eq!(
            decide(&mut payments, &last(10), Verdict::Accept, now),
            refused(ChunkRefusal::TooManyPayments, 0)
        );
        assert_eq!(
            decide(&mut payments, &last(0), Verdict::Accept, now),
            refused(ChunkRefusal::SequenceUsed, 100)
        );
    }
    // Others are not concerned.
    assert_eq!(accept(&mut payments, &of_payment(key("bob", 0), 1)), fulfilled(100));
    assert_eq!(decide(&mut payments, &last(10), Verdict::Accept, NOW + KEPT), fulfilled(100));
}

#[test]
fn what_has_ended_just_now_is_not_forgotten_for_others_accounts() {
    let limits = ReceiveConfig { max_payments: 10, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(limits);
    for id in 0..10 {
        let last = ChunkArrival { last: true, ..of_payment(key(&format!("alice{id}"), 1), 1) };
        assert_eq!(accept(&mut payments, &last), fulfilled(100), "{id}");
    }
    let bobs = of_payment(key("bob", 1), 1);
    assert_eq!(accept(&mut payments, &bobs), refused(ChunkRefusal::TooManyPayments, 0));
    assert_eq!(decide(&mut payments, &bobs, Verdict::Accept, NOW + KEPT), fulfilled(100));
}

#[test]
fn payments_of_which_nothing_was_fulfilled_take_nobodys_place() {
    let limits = ReceiveConfig { max_payments_per_account: 10, max_payments: 15, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(limits);
    for id in 0..1_000 {
        let account = ["alice", "carol"][id as usize % 2];
        let chunk = of_payment(key(account, id), 1);
        let answer = decide(&mut payments, &chunk, Verdict::Refuse, NOW);
        assert_eq!(answer, refused(ChunkRefusal::PaymentRefused, 0), "{id}");
    }
    assert_eq!(accept(&mut payments, &of_payment(key("alice", 1_000), 1)), fulfilled(100));
    assert_eq!(accept(&mut payments, &of_payment(key("bob", 1), 1)), fulfilled(100));
}

#[test]
fn live_payments_are_never_dropped_for_new_ones() {
    let limits = ReceiveConfig { max_payments_per_account: 10, max_payments: 25, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(limits);
    for account in ["alice", "bob"] {
        for id in 0..10 {
            assert_eq!(accept(&mut payments, &of_payment(key(account, id), 1)), fulfilled(100));
        }
        let one_more = of_payment(key(account, 10), 1);
        assert_eq!(accept(&mut payments, &one_more), refused(ChunkRefusal::TooManyPayments, 0));
    }
    for id in 0..5 {
        assert_eq!(accept(&mut payments, &of_payment(key("carol", id), 1)), fulfilled(100));
    }
    assert_eq!(
        accept(&mut payments, &of_payment(key("carol", 5), 1)),
        refused(ChunkRefusal::TooManyPayments, 0)
    );
    assert_eq!(accept(&mut payments, &of_payment(key("alice", 3), 2)), fulfilled(200));
    // After the silence and the retention all may begin again.
    let later = NOW + Duration::from_secs(10_000);
    payments.handle_time(NOW + Duration::from_secs(100));
    payments.handle_time(later);
    assert_eq!(payments.payments(), 0);
    assert_eq!(
        decide(&mut payments, &of_payment(key("alice", 3), 1), Verdict::Accept, later),
        fulfilled(100)
    );
}

#[test]
fn a_payment_that_begins_again_after_it_was_forgotten_is_kept_its_full_time() {
    let retention = Duration::from_secs(100);
    let limits = ReceiveConfig { max_payments_per_account: 1, retention, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(limits);
    let last = |id| ChunkArrival { last: true, ..of_payment(key("alice", id), 1) };
    let later = |seconds| NOW + Duration::from_secs(seconds);
    assert_eq!(decide(&mut payments, &last(1), Verdict::Accept, NOW), fulfilled(100));
    assert_eq!(decide(&mut payments, &last(2), Verdict::Accept, later(60)), fulfilled(100));
    assert_eq!(decide(&mut payments, &last(1), Verdict::Accept, later(120)), fulfilled(100));
    payments.handle_time(later(219));
    assert_eq!(accept(&mut payments, &last(1)), refused(ChunkRefusal::SequenceUsed, 100));
    payments.handle_time(later(220));
    assert_eq!(payments.payments(), 0);
}

#[test]
fn a_million_payment_ids_take_bounded_memory_and_time() {
    let mut payments = receiver();
    for id in 0..1_000_000_u128 {
        let account = ["a", "b", "c", "d"][id as usize % 4];
        let flood = ChunkArrival { amount: units(0), minimum: units(0), ..of_payment(key(account, id), 1) };
        let _ = decide(&mut payments, &flood, Verdict::Refuse, NOW);
        while payments.poll_event().is_some() {}
    }
    assert!(payments.payments() <= 4_000, "{}", payments.payments());
    assert_eq!(accept(&mut payments, &of_payment(key("honest", 1), 1)), fulfilled(100));
}

/// Zero units, so that it costs nothing.
#[test]
fn numbers_with_gaps_of_one_account_take_none_from_others() {
    let limits = ReceiveConfig { max_sequence_ranges: 8_000, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(limits);
    let nothing = |payment: PaymentKey, sequence| ChunkArrival {
        amount: units(0),
        minimum: units(0),
        ..of_payment(payment, sequence)
    };
    for id in 0..20 {
        for index in 0..1_000 {
            accept(&mut payments, &nothing(key("mallory", id), 2 * index));
        }
    }
    // Whoever sends out of order has numbers between those that have arrived.
    for (count, index) in (1..).zip(0..900) {
        let chunk = of_payment(key("alice", 1), 2 * index);
        assert_eq!(accept(&mut payments, &chunk), fulfilled(100 * count), "{index}");
    }
    for (count, index) in (901..).zip(0..900) {
        let between = of_payment(key("alice", 1), 2 * index + 1);
        assert_eq!(accept(&mut payments, &between), fulfilled(100 * count), "{index}");
    }
    // Mallory's own payments have few.
    let between = nothing(key("mallory", 19), 1);
    assert_eq!(accept(&mut payments, &between), refused(ChunkRefusal::SequenceUsed, 0));
}

#[test]
fn endless_times_do_not_overflow() {
    let forever = ReceiveConfig {
        min_silence: Duration::MAX,
        max_silence: Duration::MAX,
        review_timeout: Duration::MAX,
        retention: Duration::MAX,
        ..ReceiveConfig::default()
    };
    let mut payments = ReceivePayments::new(forever);
    assert_eq!(accept(&mut payments, &chunk(1)), fulfilled(100));
    payments.handle_time(NOW * 2);
    assert_eq!(accept(&mut payments, &ChunkArrival { last: true, ..chunk(2) }), fulfilled(200));
    payments.handle_time(NOW * 3);
}
