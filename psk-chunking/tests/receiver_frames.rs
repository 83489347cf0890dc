//! What a receiver does with the frames in chunks, and which it writes (`docs/frames.md`), rule by rule. Those of data:
//! receiver_data.rs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/arrival.rs"]
mod arrival;
#[path = "common/framed_receiver.rs"]
mod framed_receiver;

use std::time::Duration;

use framed_receiver::{
    NOW, aborts, answer, ask, asks_about, asks_status, brings, chunk, end_of, events, give, hand_in, key,
    last, ranges, receiver, units, with,
};
use psk_chunking::receive::{
    ChunkArrival, ChunkFrames, ChunkRefusal, Decision, EndReason, PaymentKey, ReceiveConfig, ReceivePayments,
    RequestFrames, Verdict,
};
use psk_chunking::send::{SendConfig, Target};
use psk_codec::psk::frame::{CloseReason, PaymentState};
use psk_codec::psk::{PaymentId, Sequence};
use psk_codec::{ErrorCode, SourceAmount};

#[test]
fn who_writes_frames_gets_frames_and_who_does_not_gets_none() {
    let mut payments = receiver();
    let answer = give(&mut payments, &chunk(1));
    assert!(answer.refusal.is_none() && !answer.plain && answer.frames.is_empty());
    let plain = ChunkArrival { frames: ChunkFrames::Plain, ..chunk(2) };
    assert!(give(&mut payments, &plain).plain);
    assert_eq!(give(&mut payments, &last(3, &[])).refusal, None);
    let answer = give(&mut payments, &chunk(4));
    assert_eq!(answer.refusal, Some(ChunkRefusal::PaymentEnded));
    assert_eq!(answer.closed(), Some(CloseReason::LAST_CHUNK));
    assert_eq!(answer.status().unwrap().state, PaymentState::FINISHED);
    let plain = ChunkArrival { frames: ChunkFrames::Plain, ..chunk(4) };
    let answer = give(&mut payments, &plain);
    assert!(answer.plain && answer.refusal == Some(ChunkRefusal::PaymentEnded));
}

#[test]
fn a_status_has_the_exact_numbers() {
    let mut payments = receiver();
    let answer = give(&mut payments, &asks_status());
    assert_eq!(answer.refusal, Some(ChunkRefusal::WrongCondition));
    assert_eq!(answer.status().unwrap().state, PaymentState::NOT_FOUND);
    for sequence in [1, 2, 3, 7, 9] {
        give(&mut payments, &chunk(sequence));
    }
    let answer = give(&mut payments, &asks_status());
    assert_eq!((answer.refusal, answer.total), (Some(ChunkRefusal::WrongCondition), 500));
    let status = answer.status().unwrap();
    assert_eq!((status.received, status.chunks, status.state), (units(500), 5, PaymentState::OPEN));
    assert!(status.is_exact());
    for sequence in 0..20 {
        let fulfilled = [1, 2, 3, 7, 9].contains(&sequence);
        assert_eq!(status.fulfilled.contains(Sequence::new(sequence)), fulfilled, "{sequence}");
    }
    assert_eq!(answer.closed(), None);
}

#[test]
fn a_status_without_room_joins_neighbours_and_leaves_no_number_out() {
    let mut payments = receiver();
    for sequence in 0..100 {
        give(&mut payments, &chunk(3 * sequence));
    }
    let small = ChunkArrival { answer_room: 100, ..asks_status() };
    let decision = payments.handle_chunk(&small, NOW);
    let Decision::Refuse { frames, .. } = &decision else { panic!("{decision:?}") };
    assert!(frames.len() <= 100);
    let answer = answer(decision);
    let status = answer.status().unwrap();
    assert!(!status.is_exact() && status.fulfilled.len() > 5);
    assert!((0..100).all(|sequence| status.fulfilled.contains(Sequence::new(3 * sequence))));
}

/// Where there is no room for all, of what the sender asks about alone.
#[test]
fn a_status_without_room_speaks_of_what_it_is_asked_about() {
    let mut payments = receiver();
    for sequence in 0..100 {
        give(&mut payments, &chunk(3 * sequence));
    }
    let small = |question| ChunkArrival { answer_room: 100, ..question };
    let answer = give(&mut payments, &small(asks_about(9_999, &[(2, 4), (9, 9), (299, 305)])));
    let status = answer.status().unwrap();
    assert_eq!((status.received, status.chunks), (units(10_000), 100));
    assert_eq!(ranges(&status.fulfilled), [(3, 3), (9, 9)]);
    assert_eq!(answer.outstanding(), Some(vec![]), "nothing that is not known");
    // With room, of all.
    let answer = give(&mut payments, &asks_about(9_999, &[(2, 4)]));
    assert!(answer.status().unwrap().is_exact() && answer.outstanding().is_none());
    // What is asked about has no room either.
    let much: Vec<_> = (0..30).map(|number| (6 * number, 6 * number)).collect();
    let answer = give(&mut payments, &small(asks_about(9_999, &much)));
    assert!(!answer.status().unwrap().is_exact() && answer.outstanding().is_none());
    // A last chunk names others for another reason.
    let frames = RequestFrames { status_request: true, ..RequestFrames::default() };
    let ends = ChunkArrival { last: true, ..with(300, frames) };
    assert!(give(&mut payments, &ends).outstanding().is_none());
}

/// There is memory for so many ranges. What was asked about while it was known stays known.
#[test]
fn what_is_asked_about_is_remembered_among_many() {
    let mut payments = receiver();
    for sequence in 0..2_000 {
        give(&mut payments, &chunk(2 * sequence));
    }
    give(&mut payments, &asks_about(9_999, &[(999, 1_001)]));
    for sequence in 2_000..6_000 {
        give(&mut payments, &chunk(2 * sequence));
    }
    // A question that comes late changes nothing.
    give(&mut payments, &asks_about(9_998, &[(77, 77)]));
    let answer = give(&mut payments, &asks_about(12_001, &[(998, 1_003), (11_997, 11_998)]));
    let status = answer.status().unwrap();
    assert_eq!(status.chunks, 6_000);
    assert_eq!(ranges(&status.fulfilled), [(998, 998), (1_000, 1_000), (1_002, 1_003), (11_998, 11_998)]);
    assert_eq!(answer.outstanding(), Some(vec![(998, 998), (1_002, 1_003)]));
    // What was not fulfilled and is remembered may still come; what is not known counts as there.
    assert_eq!(give(&mut payments, &chunk(999)).refusal, None);
    assert_eq!(give(&mut payments, &chunk(1_003)).refusal, Some(ChunkRefusal::SequenceUsed));
    let answer = give(&mut payments, &asks_about(12_002, &[(999, 1_001)]));
    assert_eq!(ranges(&answer.status().unwrap().fulfilled), [(999, 1_000)]);
    assert_eq!(answer.outstanding(), Some(vec![]));
}

/// A chunk may ask too: its Fulfill counts the chunk itself, and is not made long by what has arrived long ago.
#[test]
fn a_fulfill_tells_what_has_arrived_lately() {
    let mut payments = receiver();
    for sequence in 0..1_000 {
        give(&mut payments, &chunk(2 * sequence));
    }
    let asks = RequestFrames { status_request: true, ..RequestFrames::default() };
    let answer = give(&mut payments, &with(2_000, asks));
    assert_eq!(answer.refusal, None);
    let status = answer.status().unwrap();
    assert_eq!((status.received, status.chunks, status.fulfilled.len()), (units(100_100), 1_001, 128));
    assert!((0..=1_000).all(|sequence| status.fulfilled.contains(Sequence::new(2 * sequence))));
    assert!((900..1_000).all(|sequence| !status.fulfilled.contains(Sequence::new(2 * sequence + 1))));
}

/// Who reads there that all has arrived awaits no other answer, and the data may be in another one.
#[test]
fn a_fulfill_tells_of_no_chunks_while_the_receivers_data_is_not_acknowledged() {
    let mut payments = receiver();
    let asks = |sequence, data_ack| {
        let frames = RequestFrames { status_request: true, data_ack, ..RequestFrames::default() };
        with(sequence, frames)
    };
    assert!(give(&mut payments, &asks(1, None)).status().is_some());
    payments.write(&key(), "thank you".into()).unwrap();
    assert!(give(&mut payments, &asks(2, None)).status().is_none());
    // A question is answered whatever else there is to say.
    assert!(give(&mut payments, &asks_status()).status().is_some());
    assert!(give(&mut payments, &asks(3, Some(4))).status().is_none());
    assert!(give(&mut payments, &asks(4, Some(9))).status().is_some());
}

#[test]
fn no_record_no_promise() {
    // Whatever is refused before there is a record says that there is none, so that nobody takes frames for read.
    for refused in [
        ChunkArrival { expired: true, ..chunk(1) },
        ChunkArrival { amount: units(1), ..chunk(1) },
        ChunkArrival { fulfillable: false, ..chunk(1) },
    ] {
        let mut payments = receiver();
        let answer = give(&mut payments, &refused);
        assert_eq!(answer.status().map(|status| status.state), Some(PaymentState::NOT_FOUND));
        assert_eq!(payments.payments(), 0);
    }
}

/// Room may come, so nothing is closed.
#[test]
fn without_room_for_one_more_payment_it_is_refused_for_now() {
    let limits = ReceiveConfig { max_payments: 1, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(limits);
    let other = PaymentKey { payment_id: PaymentId::new([2; 16]), ..key() };
    let first = arrival::framed(other.clone(), 1, RequestFrames::default());
    assert_eq!(give(&mut payments, &first).refusal, None);
    let refused = give(&mut payments, &chunk(1));
    assert_eq!(refused.refusal, Some(ChunkRefusal::TooManyPayments));
    assert_eq!(ChunkRefusal::TooManyPayments.code(), ErrorCode::T03_CONNECTOR_BUSY);
    assert_eq!((refused.closed(), refused.total), (None, 0));
    assert_eq!(refused.status().map(|status| status.state), Some(PaymentState::NOT_FOUND));
    // The other payment ends, and after a minute it is forgotten for this one.
    let abort = RequestFrames { abort: true, ..RequestFrames::default() };
    give(&mut payments, &ChunkArrival { payment: other, ..ask(abort) });
    assert_eq!(give(&mut payments, &chunk(1)).refusal, Some(ChunkRefusal::TooManyPayments));
    assert_eq!(hand_in(&mut payments, &chunk(1), NOW + Duration::from_secs(60)).refusal, None);
}

#[test]
fn a_receiver_that_was_stopped_begins_nothing() {
    let mut payments = receiver();
    give(&mut payments, &chunk(1));
    let asked =
        arrival::framed(PaymentKey { payment_id: PaymentId::new([3; 16]), ..key() }, 1, <_>::default());
    assert!(matches!(payments.handle_chunk(&asked, NOW), Decision::Review(_)));
    payments.stop(NOW);
    payments.handle_verdict(&asked.payment, Sequence::new(1), Verdict::Accept, NOW);
    events(&mut payments);
    let new = PaymentKey { payment_id: PaymentId::new([2; 16]), ..key() };
    let later = NOW + Duration::from_secs(100_000);
    for now in [NOW, later] {
        // What is remembered stays over; what is not, or not any more, does not begin.
        payments.handle_time(now);
        for payment in [key(), asked.payment.clone(), new.clone()] {
            let framed = arrival::framed(payment, 2, RequestFrames::default());
            let refused = hand_in(&mut payments, &framed, now);
            assert_eq!(refused.refusal.unwrap().code(), ErrorCode::F99_APPLICATION_ERROR);
            assert_eq!(refused.closed(), Some(CloseReason::SHUTTING_DOWN));
            // A sender of the first draft stops at once.
            let plain = ChunkArrival { frames: ChunkFrames::Plain, ..framed };
            let refused = hand_in(&mut payments, &plain, now);
            assert!(refused.plain && refused.refusal.unwrap().is_final());
        }
    }
    assert_eq!(payments.payments(), 0);
    assert!(events(&mut payments).is_empty());
}

#[test]
fn a_last_chunk_waits_for_those_that_it_names() {
    let mut payments = receiver();
    for sequence in [1, 2, 5] {
        give(&mut payments, &chunk(sequence));
    }
    give(&mut payments, &last(6, &[(2, 4), (6, 6)]));
    assert_eq!(end_of(&mut payments), None);
    // Others are taken too.
    assert_eq!(give(&mut payments, &chunk(50)).refusal, None);
    give(&mut payments, &chunk(4));
    assert_eq!(end_of(&mut payments), None);
    assert_eq!(give(&mut payments, &chunk(3)).refusal, None);
    assert_eq!(end_of(&mut payments), Some(EndReason::LastChunk));
    assert_eq!(give(&mut payments, &chunk(8)).refusal, Some(ChunkRefusal::PaymentEnded));
}

#[test]
fn a_last_chunk_waits_for_those_of_which_it_is_not_known_whether_they_came() {
    let config = ReceiveConfig { max_sequence_ranges: 8, ..ReceiveConfig::default() };
    let mut payments = ReceivePayments::new(config);
    // There is room for 16 ranges: the lowest are joined.
    for sequence in 0..20 {
        give(&mut payments, &chunk(sequence * 2));
    }
    assert_eq!(give(&mut payments, &chunk(1)).refusal, Some(ChunkRefusal::SequenceUsed));
    give(&mut payments, &last(50, &[(1, 1)]));
    assert_eq!(end_of(&mut payments), None, "it is not fulfilled");
    // What is known to be fulfilled is not waited for, nor what is sent again instead.
    give(&mut payments, &last(51, &[(36, 36), (50, 50)]));
    assert_eq!(end_of(&mut payments), Some(EndReason::LastChunk));
}

#[test]
fn a_later_last_chunk_replaces_what_an_earlier_one_named() {
    let mut payments = receiver();
    give(&mut payments, &last(10, &[(1, 3)]));
    give(&mut payments, &last(11, &[(5, 5)]));
    give(&mut payments, &chunk(1));
    assert_eq!(end_of(&mut payments), None);
    give(&mut payments, &chunk(5));
    assert_eq!(end_of(&mut payments), Some(EndReason::LastChunk));

    // By its number, not by when it comes: what the earlier one named may have been sent again as the later one.
    let mut payments = receiver();
    give(&mut payments, &last(11, &[(5, 5), (10, 10)]));
    give(&mut payments, &last(10, &[(1, 5)]));
    assert_eq!(end_of(&mut payments), None);
    give(&mut payments, &chunk(5));
    assert_eq!(end_of(&mut payments), Some(EndReason::LastChunk));
    let mut payments = receiver();
    give(&mut payments, &last(11, &[(5, 5)]));
    give(&mut payments, &ChunkArrival { last: true, ..chunk(10) });
    assert_eq!(end_of(&mut payments), None);

    // One without any ends it, as in the draft.
    let mut payments = receiver();
    give(&mut payments, &last(10, &[(1, 3)]));
    give(&mut payments, &ChunkArrival { last: true, ..chunk(11) });
    assert_eq!(end_of(&mut payments), Some(EndReason::LastChunk));
}

#[test]
fn what_is_named_but_not_fulfilled_is_waited_for_until_silence() {
    let mut payments = receiver();
    give(&mut payments, &last(10, &[(1, 1)]));
    payments.handle_time(NOW + Duration::from_secs(100));
    assert_eq!(end_of(&mut payments), Some(EndReason::Silence));
}

#[test]
fn a_payment_is_not_silent_before_its_packets_have_expired_but_those_of_questions_do_not_count() {
    let min_silence = Duration::from_secs(5);
    let mut payments = ReceivePayments::new(ReceiveConfig { min_silence, ..ReceiveConfig::default() });
    let seconds = |seconds| NOW + Duration::from_secs(seconds);
    give(&mut payments, &ChunkArrival { expires_in: Duration::from_secs(30), ..chunk(1) });
    let asks = ChunkArrival { expires_in: Duration::from_secs(60), ..asks_status() };
    hand_in(&mut payments, &asks, seconds(20));
    payments.handle_time(seconds(29));
    assert_eq!(end_of(&mut payments), None);
    assert_eq!(payments.handle_time(seconds(29)), Some(seconds(30)));
    payments.handle_time(seconds(30));
    assert_eq!(end_of(&mut payments), Some(EndReason::Silence));
}

/// As when the rate is too low for it, or a connector out of liquidity: it gives up after 60 s without progress, and not
/// its receiver before.
#[test]
fn a_sender_that_waits_is_not_silent() {
    let config = ReceiveConfig::default();
    let idle_timeout = SendConfig::new(Target::Source(SourceAmount::new(1)), key().payment_id).idle_timeout;
    let seconds = |seconds| NOW + Duration::from_secs(seconds);
    let mut payments = receiver();
    give(&mut payments, &chunk(1));
    // Not a word, as long as it may last.
    let before = idle_timeout + Duration::from_secs(10);
    payments.handle_time(NOW + before);
    assert_eq!(end_of(&mut payments), None);
    // Chunks that bring too little, and questions; what has expired is no sign of life.
    let too_little = ChunkArrival { amount: units(99), ..chunk(2) };
    let mut now = 60;
    while now < 540 {
        let refusal = hand_in(&mut payments, &too_little, seconds(now)).refusal;
        assert_eq!(refusal, Some(ChunkRefusal::TooLittle));
        hand_in(&mut payments, &asks_status(), seconds(now + 60));
        hand_in(&mut payments, &ChunkArrival { expired: true, ..chunk(3) }, seconds(now + 119));
        now += 120;
        payments.handle_time(seconds(now));
        assert_eq!(end_of(&mut payments), None, "{now}");
    }
    // Not for ever.
    while now < 600 {
        now += 10;
        hand_in(&mut payments, &asks_status(), seconds(now));
    }
    payments.handle_time(NOW + config.max_silence);
    assert_eq!(end_of(&mut payments), Some(EndReason::Silence));

    // Expired packets are nothing but old.
    let mut payments = receiver();
    give(&mut payments, &chunk(1));
    hand_in(&mut payments, &ChunkArrival { expired: true, ..chunk(2) }, seconds(60));
    payments.handle_time(NOW + config.min_silence);
    assert_eq!(end_of(&mut payments), Some(EndReason::Silence));
}

#[test]
fn an_abort_ends_the_payment() {
    let mut payments = receiver();
    let answer = give(&mut payments, &aborts());
    assert_eq!(answer.closed(), Some(CloseReason::ABORTED));
    assert_eq!(answer.status().unwrap().state, PaymentState::NOT_FOUND);
    assert_eq!(payments.payments(), 0);
    give(&mut payments, &chunk(1));
    for _ in 0..2 {
        let answer = give(&mut payments, &aborts());
        assert_eq!(answer.refusal, Some(ChunkRefusal::WrongCondition));
        assert_eq!(answer.closed(), Some(CloseReason::ABORTED));
        let status = answer.status().unwrap();
        assert_eq!((status.state, status.received), (PaymentState::CLOSED, units(100)));
    }
    assert_eq!(end_of(&mut payments), Some(EndReason::Aborted));
    let answer = give(&mut payments, &chunk(2));
    assert_eq!(
        (answer.refusal, answer.closed()),
        (Some(ChunkRefusal::PaymentEnded), Some(CloseReason::ABORTED))
    );
}

#[test]
fn malformed_frames_are_refused_and_end_nothing() {
    let mut payments = receiver();
    let malformed = |sequence| ChunkArrival { frames: ChunkFrames::Malformed, ..chunk(sequence) };
    let answer = give(&mut payments, &malformed(1));
    assert_eq!(answer.refusal, Some(ChunkRefusal::ProtocolViolation));
    assert_eq!(answer.closed(), Some(CloseReason::PROTOCOL_VIOLATION));
    assert_eq!(payments.payments(), 0);
    give(&mut payments, &chunk(1));
    assert_eq!(give(&mut payments, &malformed(2)).refusal, Some(ChunkRefusal::ProtocolViolation));
    assert_eq!(give(&mut payments, &chunk(2)).refusal, None);
}

#[test]
fn more_than_the_application_takes_ends_the_payment() {
    let mut payments = receiver();
    let first = chunk(1);
    assert!(matches!(payments.handle_chunk(&first, NOW), Decision::Review(_)));
    payments.handle_verdict(&key(), Sequence::new(1), Verdict::AcceptUpTo(units(250)), NOW);
    assert_eq!(give(&mut payments, &first).total, 100);
    assert_eq!(give(&mut payments, &chunk(2)).total, 200);
    let answer = give(&mut payments, &chunk(3));
    assert_eq!((answer.refusal, answer.total), (Some(ChunkRefusal::LimitReached), 200));
    assert_eq!(answer.closed(), Some(CloseReason::REFUSED));
    assert_eq!(end_of(&mut payments), Some(EndReason::LimitReached));
    let small = ChunkArrival { amount: units(1), minimum: units(1), ..chunk(4) };
    assert_eq!(give(&mut payments, &small).refusal, Some(ChunkRefusal::PaymentEnded));
}

#[test]
fn an_application_that_says_nothing_is_asked_again() {
    let mut payments = receiver();
    assert!(matches!(payments.handle_chunk(&chunk(1), NOW), Decision::Review(_)));
    assert_eq!(payments.handle_chunk(&chunk(2), NOW), Decision::AwaitReview);
    assert_eq!(payments.handle_time(NOW), Some(NOW + Duration::from_secs(10)));
    let late = NOW + Duration::from_secs(10);
    payments.handle_time(late);
    let answer = hand_in(&mut payments, &chunk(1), late);
    assert_eq!(answer.refusal, Some(ChunkRefusal::ChunkRefused));
    assert!(matches!(payments.handle_chunk(&chunk(2), late), Decision::Review(_)));
    payments.handle_verdict(&key(), Sequence::new(2), Verdict::Accept, late);
    assert_eq!(hand_in(&mut payments, &chunk(2), late).total, 100);
    assert_eq!(hand_in(&mut payments, &chunk(1), late).total, 200);
}

#[test]
fn a_chunk_that_was_allowed_and_is_refused_nevertheless_holds_up_no_other() {
    let mut payments = receiver();
    let much = ChunkArrival { amount: units(u64::MAX), ..chunk(1) };
    give(&mut payments, &chunk(0));
    assert_eq!(give(&mut payments, &much).refusal, Some(ChunkRefusal::TooMuch));

    let mut payments = receiver();
    assert!(matches!(payments.handle_chunk(&brings(1, 3, "a"), NOW), Decision::Review(_)));
    payments.handle_verdict(&key(), Sequence::new(1), Verdict::AcceptChunk, NOW);
    assert_eq!(
        answer(payments.handle_chunk(&brings(1, 3, "b"), NOW)).refusal,
        Some(ChunkRefusal::ProtocolViolation)
    );
    assert!(matches!(payments.handle_chunk(&chunk(2), NOW), Decision::Review(_)));
}
