//! What a receiver does with the data beside the money, and with its own (`docs/frames.md`), rule by rule.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/arrival.rs"]
mod arrival;
#[path = "common/framed_receiver.rs"]
mod framed_receiver;

use std::time::Duration;

use framed_receiver::{NOW, asks_status, brings, chunk, give, hand_in, key, last, receiver, told, with};
use psk_chunking::receive::{
    ChunkArrival, ChunkFrames, ChunkRefusal, Decision, ReceiveConfig, ReceivePayments, RequestFrames, Verdict,
};
use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{CloseReason, Frame, PaymentState};

#[test]
fn data_is_told_in_order_once_a_chunk_is_fulfilled() {
    let mut payments = receiver();
    let decision = payments.handle_chunk(&brings(1, 0, "hello"), NOW);
    let Decision::Review(offer) = decision else { panic!("{decision:?}") };
    assert_eq!(offer.data, "hello");
    assert_eq!(told(&mut payments), "");
    payments.handle_verdict(&key(), Sequence::new(1), Verdict::Accept, NOW);
    assert_eq!(give(&mut payments, &brings(1, 0, "hello")).refusal, None);
    assert_eq!(told(&mut payments), "0:hello ");
    // Out of order, repeated, in chunks that cannot be fulfilled, and after the end of the payment.
    give(&mut payments, &brings(2, 8, "rld"));
    assert_eq!(told(&mut payments), "");
    give(&mut payments, &ChunkArrival { fulfillable: false, ..brings(3, 3, "lo wo") });
    assert_eq!(told(&mut payments), "5: world ");
    give(&mut payments, &last(4, &[]));
    let mut end = brings(5, 11, "!");
    let ChunkFrames::Read(frames) = &mut end.frames else { panic!() };
    frames.data_end = Some(12);
    assert_eq!(give(&mut payments, &end).refusal, Some(ChunkRefusal::PaymentEnded));
    assert_eq!(told(&mut payments), "11:! complete:12 ");
    give(&mut payments, &end);
    assert_eq!(told(&mut payments), "");
}

/// It comes once more then, and its data is there already.
#[test]
fn data_of_a_chunk_that_is_reviewed_needs_its_room_once() {
    // An eighth of it is for one account: less than these data twice.
    let config = ReceiveConfig { max_data_waiting: 8 * 3_000, ..ReceiveConfig::default() };
    let long = "0123456789".repeat(180).leak();
    for offset in [0, 5] {
        let mut payments = ReceivePayments::new(config.clone());
        let answer = give(&mut payments, &brings(1, offset, long));
        assert_eq!((answer.refusal, answer.total), (None, 100), "data at {offset}");
    }
}

#[test]
fn data_of_a_refused_payment_is_told_to_nobody() {
    let mut payments = receiver();
    let decision = payments.handle_chunk(&brings(1, 0, "hello"), NOW);
    assert!(matches!(decision, Decision::Review(_)));
    payments.handle_verdict(&key(), Sequence::new(1), Verdict::Refuse, NOW);
    let answer = give(&mut payments, &brings(1, 0, "hello"));
    assert_eq!(
        (answer.refusal, answer.closed()),
        (Some(ChunkRefusal::PaymentRefused), Some(CloseReason::REFUSED))
    );
    give(&mut payments, &brings(2, 5, "world"));
    assert_eq!(told(&mut payments), "");
}

#[test]
fn data_that_is_too_long_or_contradicts_itself_costs_no_money() {
    let config = ReceiveConfig { max_data_length: 10, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(config.clone());
    give(&mut payments, &brings(1, 0, "hello"));
    let answer = give(&mut payments, &brings(2, 5, " world"));
    assert_eq!(
        (answer.refusal, answer.closed()),
        (Some(ChunkRefusal::DataTooLong), Some(CloseReason::DATA_TOO_LONG))
    );
    assert_eq!(answer.status().unwrap().state, PaymentState::OPEN);
    assert_eq!(give(&mut payments, &brings(2, 5, "!")).refusal, Some(ChunkRefusal::DataTooLong));
    assert_eq!(give(&mut payments, &chunk(2)).total, 200);

    let mut payments = ReceivePayments::new(config);
    give(&mut payments, &brings(1, 3, "lo"));
    let answer = give(&mut payments, &brings(2, 3, "LO"));
    assert_eq!(answer.refusal, Some(ChunkRefusal::ProtocolViolation));
    assert_eq!(answer.closed(), Some(CloseReason::PROTOCOL_VIOLATION));
    assert_eq!(give(&mut payments, &chunk(2)).total, 200);
}

#[test]
fn a_stream_that_stays_incomplete_is_cut_off() {
    let mut payments = receiver();
    give(&mut payments, &brings(1, 0, "hello"));
    give(&mut payments, &last(2, &[]));
    assert_eq!(told(&mut payments), "0:hello ");
    payments.handle_time(NOW + Duration::from_secs(100_000));
    assert_eq!(payments.payments(), 0);
    assert_eq!(told(&mut payments), "cut off ");
}

#[test]
fn without_room_for_data_a_chunk_is_refused_for_now_and_nothing_is_acknowledged() {
    // An account may have an eighth: some hundred pieces.
    let config = ReceiveConfig { max_data_waiting: 8 * 10_000, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(config);
    give(&mut payments, &chunk(0));
    let fits = (1..200).take_while(|&number| {
        give(&mut payments, &brings(number, 2 * u64::from(number), "x")).refusal.is_none()
    });
    let refused = fits.count() as u32 + 1;
    assert!((80..110).contains(&refused), "{refused}");
    let again = brings(refused, 2 * u64::from(refused), "x");
    let answer = give(&mut payments, &again);
    assert_eq!(answer.refusal, Some(ChunkRefusal::NoRoomForData));
    assert_eq!(give(&mut payments, &chunk(refused)).refusal, None, "without data it is taken");
    // When what is missing comes, there is room again.
    for number in 0..refused {
        give(
            &mut payments,
            &ChunkArrival { fulfillable: false, ..brings(number, 2 * u64::from(number), "xx") },
        );
    }
    assert!(told(&mut payments).starts_with("0:xx"));
    let again = ChunkArrival { sequence: Sequence::new(500), ..again };
    assert_eq!(give(&mut payments, &again).refusal, None);
}

#[test]
fn without_room_for_data_a_packet_without_money_is_refused_for_now_too() {
    for ended in [false, true] {
        let config = ReceiveConfig { max_data_waiting: 8 * 10_000, ..ReceiveConfig::default() };
        let mut payments = ReceivePayments::new(config);
        let first = ChunkArrival { last: ended, ..chunk(0) };
        give(&mut payments, &first);
        // What is missing in front never comes.
        for number in 1..200 {
            let brings = brings(number, 2 * u64::from(number), "x");
            give(&mut payments, &ChunkArrival { fulfillable: ended, ..brings });
        }
        let brings = brings(200, 400, "x");
        let answer = give(&mut payments, &ChunkArrival { fulfillable: false, ..brings });
        assert_eq!(answer.refusal, Some(ChunkRefusal::NoRoomForData), "ended: {ended}");
    }
}

#[test]
fn the_receivers_data_goes_with_its_answers_until_it_is_acknowledged() {
    let mut payments = receiver();
    assert!(payments.write(&key(), "hi".into()).is_err());
    assert!(give(&mut payments, &chunk(1)).data().is_empty());
    payments.write(&key(), "hello".into()).unwrap();
    assert_eq!(give(&mut payments, &asks_status()).data(), [(0, "hello".into())]);
    payments.write(&key(), " world".into()).unwrap();
    payments.finish_data(&key()).unwrap();
    let answer = give(&mut payments, &chunk(2));
    assert_eq!(answer.data(), [(5, " world".into())]);
    assert!(answer.frames.contains(&Frame::DataEnd { length: 11 }));
    let acknowledges = |sequence, offset| {
        with(sequence, RequestFrames { data_ack: Some(offset), ..RequestFrames::default() })
    };
    assert!(give(&mut payments, &acknowledges(3, 3)).data().is_empty());
    // After a while without a word, what is beyond is sent again.
    let later = NOW + Duration::from_secs(2);
    assert_eq!(hand_in(&mut payments, &chunk(4), later).data(), [(3, "lo world".into())]);
    hand_in(&mut payments, &acknowledges(5, 11), later);
    let answer = hand_in(&mut payments, &chunk(6), later * 2);
    assert!(answer.data().is_empty());
    assert!(payments.write(&key(), "more".into()).is_err());
    let plain = ChunkArrival { frames: ChunkFrames::Plain, ..chunk(7) };
    assert!(hand_in(&mut payments, &plain, later * 3).plain);
}
