//! When and how a receiver refunds (`docs/frames.md`, "Refunds"), and that it never refunds more than it received.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/arrival.rs"]
mod arrival;

use std::time::Duration;

use psk_chunking::receive::{
    ChunkArrival, ChunkFrames, Decision, OnIncomplete, PaymentKey, ReceiveConfig, ReceiveEvent,
    ReceivePayments, RefundError, RefundOrder, RequestFrames, Verdict,
};
use psk_codec::DestinationAmount;
use psk_codec::psk::frame::{Frame, Frames, PaymentState};
use psk_codec::psk::{PaymentId, Sequence};
use psk_crypto::{Credentials, SharedSecret};

const NOW: Duration = Duration::from_secs(1_000);

fn units(units: u64) -> DestinationAmount {
    DestinationAmount::new(units)
}

fn key() -> PaymentKey {
    PaymentKey { account: "alice".parse().unwrap(), payment_id: PaymentId::new([1; 16]) }
}

fn refund_to(name: &str) -> Credentials {
    Credentials {
        destination_account: format!("test.{name}").parse().unwrap(),
        shared_secret: SharedSecret::from_octets(&[7; 32]).unwrap(),
    }
}

/// 100 units of a payment of 1,000.
fn chunk(sequence: u32, refund: Option<Credentials>) -> ChunkArrival {
    let frames = RequestFrames { refund, ..RequestFrames::default() };
    ChunkArrival { expected: Some(units(1_000)), ..arrival::framed(key(), sequence, frames) }
}

fn ask(abort: bool) -> ChunkArrival {
    let frames = RequestFrames { abort, status_request: !abort, ..RequestFrames::default() };
    let frames = ChunkFrames::Read(Box::new(frames));
    ChunkArrival { fulfillable: false, minimum: units(0), amount: units(0), frames, ..chunk(9_999, None) }
}

fn give(payments: &mut ReceivePayments, chunk: &ChunkArrival) -> Vec<Frame> {
    let mut decision = payments.handle_chunk(chunk, NOW);
    if let Decision::Review(offer) = &decision {
        payments.handle_verdict(&offer.payment, offer.sequence, Verdict::Accept, NOW);
        decision = payments.handle_chunk(chunk, NOW);
    }
    match decision {
        Decision::Fulfill { frames, .. } | Decision::Refuse { frames, .. } => {
            Frames::read(frames).unwrap().into_iter().collect()
        }
        waits => panic!("{waits:?}"),
    }
}

/// State, refunded, to be refunded.
fn status(payments: &mut ReceivePayments) -> (PaymentState, Option<(u64, u64)>) {
    let frames = give(payments, &ask(false));
    let state = frames.iter().find_map(|frame| match frame {
        Frame::Status(status) => Some(status.state),
        _ => None,
    });
    let refund = frames.iter().find_map(|frame| match frame {
        Frame::RefundStatus { refunded, total } => Some((refunded.units(), total.units())),
        _ => None,
    });
    (state.unwrap(), refund)
}

/// A payment of 300 units of 1,000, with an account for refunds or without.
fn begun(on_incomplete: OnIncomplete, refund: Option<Credentials>) -> ReceivePayments {
    let mut payments = ReceivePayments::new(ReceiveConfig { on_incomplete, ..ReceiveConfig::default() });
    give(&mut payments, &chunk(1, refund));
    // The first account is kept.
    give(&mut payments, &chunk(2, Some(refund_to("mallory"))));
    give(&mut payments, &chunk(3, None));
    payments
}

fn order(payments: &mut ReceivePayments) -> Option<RefundOrder> {
    std::iter::from_fn(|| payments.poll_event()).find_map(|event| match event {
        ReceiveEvent::RefundDue(order) => Some(order),
        _ => None,
    })
}

fn ended(payments: &mut ReceivePayments) -> Option<(u64, u64)> {
    std::iter::from_fn(|| payments.poll_event()).find_map(|event| match event {
        ReceiveEvent::RefundEnded { refunded, total, .. } => Some((refunded.units(), total.units())),
        _ => None,
    })
}

#[test]
fn what_ends_incomplete_goes_back_by_the_policy() {
    let silence = |payments: &mut ReceivePayments| {
        payments.handle_time(NOW + Duration::from_secs(200));
    };
    let abort = |payments: &mut ReceivePayments| drop(give(payments, &ask(true)));
    let stop = |payments: &mut ReceivePayments| payments.stop(NOW);
    let ends: [fn(&mut ReceivePayments); 3] = [silence, abort, stop];
    for end in ends {
        let mut payments = begun(OnIncomplete::Refund, Some(refund_to("alice.refund")));
        assert_eq!(status(&mut payments), (PaymentState::OPEN, None));
        end(&mut payments);
        let order = order(&mut payments).unwrap();
        assert_eq!((order.amount, &order.payment), (units(300), &key()));
        assert_eq!(order.payment_id, key().payment_id);
        assert_eq!(order.credentials, refund_to("alice.refund"));
        assert_eq!(status(&mut payments), (PaymentState::REFUNDING, Some((0, 300))));
        payments.refund_progress(&key(), units(120));
        assert_eq!(status(&mut payments), (PaymentState::REFUNDING, Some((120, 300))));
        payments.refund_ended(&key(), units(300), NOW);
        assert_eq!(ended(&mut payments), Some((300, 300)));
        assert_eq!(status(&mut payments), (PaymentState::REFUNDED, Some((300, 300))));

        let mut payments = begun(OnIncomplete::Keep, Some(refund_to("alice.refund")));
        end(&mut payments);
        assert_eq!(self::order(&mut payments), None);
        assert_eq!(status(&mut payments), (PaymentState::CLOSED, None));
    }
}

#[test]
fn a_payment_without_an_account_for_it_or_with_nothing_received_is_not_refunded() {
    let mut payments = ReceivePayments::new(ReceiveConfig {
        on_incomplete: OnIncomplete::Refund,
        ..ReceiveConfig::default()
    });
    let first = chunk(1, Some(refund_to("alice.refund")));
    assert!(matches!(payments.handle_chunk(&first, NOW), Decision::Review(_)));
    payments.handle_verdict(&key(), Sequence::new(1), Verdict::Refuse, NOW);
    give(&mut payments, &first);
    assert_eq!(order(&mut payments), None);

    let config = ReceiveConfig { on_incomplete: OnIncomplete::Refund, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(config);
    give(&mut payments, &chunk(1, None));
    give(&mut payments, &ask(true));
    assert_eq!(order(&mut payments), None);
    assert_eq!(payments.refund(&key(), units(1), NOW), Err(RefundError::NoAccount));
    assert_eq!(status(&mut payments), (PaymentState::CLOSED, None));
}

#[test]
fn a_complete_payment_is_refunded_only_when_the_application_says_so() {
    let mut payments = begun(OnIncomplete::Refund, Some(refund_to("alice.refund")));
    assert_eq!(payments.refund(&key(), units(1), NOW), Err(RefundError::NotEnded));
    give(&mut payments, &ChunkArrival { last: true, ..chunk(4, None) });
    assert_eq!(order(&mut payments), None);
    assert_eq!(status(&mut payments), (PaymentState::FINISHED, None));
    payments.refund(&key(), units(150), NOW).unwrap();
    assert_eq!(order(&mut payments).unwrap().amount, units(150));
    assert_eq!(payments.refund(&key(), units(251), NOW), Err(RefundError::TooMuch(units(250))));
    // More, while the first part is under way: a payment of its own afterwards.
    payments.refund(&key(), units(250), NOW).unwrap();
    assert_eq!(order(&mut payments), None);
    payments.refund_ended(&key(), units(150), NOW);
    let next = payments.handle_time(NOW).unwrap();
    payments.handle_time(next);
    assert_eq!(order(&mut payments).unwrap().amount, units(250));
    let unknown = PaymentKey { payment_id: PaymentId::new([2; 16]), ..key() };
    assert_eq!(payments.refund(&unknown, units(1), NOW), Err(RefundError::UnknownPayment));
}

#[test]
fn a_refund_that_stops_half_way_is_begun_again_under_another_id_and_given_up_at_last() {
    let mut payments = begun(OnIncomplete::Refund, Some(refund_to("alice.refund")));
    give(&mut payments, &ask(true));
    let (mut now, mut left, mut pause) = (NOW, 300, Duration::from_secs(10));
    for attempt in 0..5 {
        let order = order(&mut payments).unwrap();
        assert_eq!(order.payment_id, PaymentId::new(psk_crypto::refund_payment_id(&[1; 16], attempt)));
        assert_eq!(order.amount, units(left));
        payments.refund_progress(&key(), units(5));
        assert_eq!(status(&mut payments), (PaymentState::REFUNDING, Some((305 - left, 300))));
        payments.refund_ended(&key(), units(10), now);
        left -= 10;
        if attempt < 4 {
            assert_eq!(payments.handle_time(now), Some(now + pause), "attempt {attempt}");
            now += pause;
            pause *= 2;
            payments.handle_time(now);
        }
    }
    assert_eq!(ended(&mut payments), Some((50, 300)));
    assert_eq!(status(&mut payments), (PaymentState::REFUNDED, Some((50, 300))));
    // The application may have what is left tried again.
    payments.refund(&key(), units(0), now).unwrap();
    assert_eq!(order(&mut payments).unwrap().amount, units(250));
    payments.refund_ended(&key(), units(250), now);
    assert_eq!(ended(&mut payments), Some((300, 300)));
    payments.refund(&key(), units(0), now).unwrap();
    assert_eq!(order(&mut payments), None);
}

#[test]
fn what_was_said_to_have_gone_back_stays_so_and_more_than_ordered_is_not_believed() {
    let mut payments = begun(OnIncomplete::Refund, Some(refund_to("alice.refund")));
    give(&mut payments, &ask(true));
    payments.refund_progress(&key(), units(u64::MAX));
    assert_eq!(status(&mut payments).1, Some((300, 300)));
    payments.refund_ended(&key(), units(10), NOW);
    assert_eq!(ended(&mut payments), Some((300, 300)));
    // Reports about a refund that is over change nothing.
    payments.refund_progress(&key(), units(5));
    payments.refund_ended(&key(), units(5), NOW);
    assert_eq!(status(&mut payments).1, Some((300, 300)));
}

#[test]
fn a_payment_that_is_being_refunded_is_not_forgotten() {
    let limits = ReceiveConfig {
        on_incomplete: OnIncomplete::Refund,
        max_payments_per_account: 2,
        ..ReceiveConfig::default()
    };
    let mut payments = ReceivePayments::new(limits);
    give(&mut payments, &chunk(1, Some(refund_to("alice.refund"))));
    give(&mut payments, &ask(true));
    for id in 10..100 {
        let payment = PaymentKey { payment_id: PaymentId::new([id; 16]), ..key() };
        give(&mut payments, &ChunkArrival { payment, last: true, ..chunk(1, None) });
    }
    payments.handle_time(NOW + Duration::from_secs(100_000));
    assert_eq!(payments.payments(), 1);
    assert_eq!(status(&mut payments), (PaymentState::REFUNDING, Some((0, 100))));
    payments.refund_ended(&key(), units(100), NOW + Duration::from_secs(100_000));
    payments.handle_time(NOW + Duration::from_secs(200_000));
    assert_eq!(payments.payments(), 0);
}
