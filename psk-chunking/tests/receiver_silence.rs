//! When a payment is over because nothing comes any more: what keeps it open, and what does not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/arrival.rs"]
mod arrival;
#[path = "common/framed_receiver.rs"]
mod framed_receiver;

use std::time::Duration;

use framed_receiver::{NOW, brings, chunk, end_of, events, give, hand_in, units};
use psk_chunking::receive::{
    ChunkArrival, ChunkRefusal, Decision, EndReason, Overshoot, ReceiveConfig, ReceivePayments,
};

/// The same one again, sealed anew: a number that is used, more than the payment's amount, data that is too long.
#[test]
fn chunks_that_are_refused_keep_no_payment_open_for_ever() {
    let expires_in = Duration::from_secs(30);
    let much = ChunkArrival { amount: units(901), ..chunk(2) };
    let refused = [
        (chunk(1), ChunkRefusal::SequenceUsed),
        (much, ChunkRefusal::TooMuch),
        (brings(3, 1_000_000, "too far"), ChunkRefusal::DataTooLong),
    ];
    for (again, refusal) in refused {
        let config = ReceiveConfig { overshoot: Overshoot::AtMost(units(0)), ..ReceiveConfig::default() };
        let max_silence = config.max_silence;
        let mut payments = ReceivePayments::new(config);
        let first = ChunkArrival { expected: Some(units(1_000)), expires_in, ..chunk(1) };
        assert_eq!(give(&mut payments, &first).refusal, None);
        events(&mut payments);
        let again = ChunkArrival { expires_in, ..again };
        let mut now = NOW;
        let over = loop {
            now += Duration::from_secs(25);
            payments.handle_time(now);
            if let Some(reason) = end_of(&mut payments) {
                break reason;
            }
            assert_eq!(hand_in(&mut payments, &again, now).refusal, Some(refusal));
            assert!(now < NOW + Duration::from_secs(3_600), "{refusal:?} keeps it open");
        };
        assert_eq!((over, now), (EndReason::Silence, NOW + max_silence), "{refusal:?}");
    }
}

#[test]
fn nor_does_an_application_that_never_says_anything() {
    let config = ReceiveConfig::default();
    let mut payments = ReceivePayments::new(config.clone());
    let mut now = NOW;
    for sequence in 0.. {
        match payments.handle_chunk(&chunk(sequence), now) {
            Decision::Review(_) => {}
            Decision::Refuse { refusal, .. } => {
                assert_eq!(refusal, ChunkRefusal::PaymentEnded);
                break;
            }
            other => panic!("{other:?}"),
        }
        pass_time(&mut payments, now, now + Duration::from_secs(25));
        now += Duration::from_secs(25);
        assert!(now <= NOW + config.max_silence + config.review_timeout, "it is open after {:?}", now - NOW);
    }
    assert_eq!(end_of(&mut payments), Some(EndReason::Silence));
}

/// Until then everything that is due is done, and no more.
fn pass_time(payments: &mut ReceivePayments, from: Duration, until: Duration) {
    let mut due = payments.handle_time(from);
    while let Some(now) = due.filter(|due| *due <= until) {
        due = payments.handle_time(now);
    }
}

#[test]
fn a_payment_that_was_slow_and_has_become_quick_ends_as_a_quick_one() {
    for slow in 2..20 {
        let mut payments = ReceivePayments::new(ReceiveConfig::default());
        let mut now = NOW;
        for sequence in 0..slow + 300 {
            assert_eq!(hand_in(&mut payments, &chunk(sequence), now).refusal, None);
            let next = now
                + match sequence < slow {
                    true if sequence % 2 == 0 => Duration::from_secs(74),
                    true => Duration::from_millis(100),
                    false => Duration::from_millis(10),
                };
            pass_time(&mut payments, now, next);
            now = next;
        }
        events(&mut payments);
        pass_time(&mut payments, now, now + Duration::from_secs(75));
        assert_eq!(end_of(&mut payments), Some(EndReason::Silence), "after {slow} slow chunks");
    }
}
