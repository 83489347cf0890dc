//! Receivers that lie (ENGINE.md section 7, "hostile receiver"): they get no more than the sender meant to pay, and the
//! sender's books are wrong by the lie alone.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use common::{Answer, Hop, World, chunks_only, config, destination, maximum, reject, source};
use psk_chunking::send::{Input, MinimumRate, SendError, Target};
use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{Frame, Frames, FramesBuilder, SequenceRange, SequenceRanges, Status};
use psk_codec::{ErrorCode, Prepare, Reply};

type Lie = fn(u64, Answer) -> Answer;

/// Takes every chunk that has its minimum, also beyond the amount, and lies about it. Chunks are counted from 1.
fn fulfilling(lie: Lie) -> World {
    let mut chunks = 0;
    World {
        peer: Some(Box::new(move |chunk, honest| {
            let fulfills = chunk.fulfillable && chunk.amount >= chunk.minimum;
            chunks += u64::from(fulfills);
            if fulfills { lie(chunks, Answer { fulfills, ..honest }) } else { honest }
        })),
        ..World::with(vec![maximum(1_000)])
    }
}

#[test]
fn under_claims_win_at_most_the_slippage() {
    let lies: [Lie; 3] = [
        |_, honest| Answer { claimed: 0, total: 0, ..honest },
        |_, honest| Answer { claimed: 1, total: 1, ..honest },
        |chunk, honest| Answer { claimed: honest.claimed * (chunk % 2), ..honest },
    ];
    for lie in lies {
        let run = fulfilling(lie).send_destination(500_000);
        assert!(run.received.units() <= 506_000, "{:?} {:?}", run.received, run.report);
        let run = fulfilling(lie).send_source(500_000);
        assert!(run.report.account.source_sent <= source(500_000));
        assert!(run.report.account.delivered <= run.received, "{:?}", run.report);
    }
}

#[test]
fn a_receiver_that_refuses_with_zero_and_then_fulfills_wins_nothing() {
    let mut chunks = 0;
    let world = World {
        peer: Some(Box::new(move |chunk, honest| {
            chunks += u64::from(chunk.fulfillable);
            match honest.fulfills && chunks % 3 == 0 {
                true => Answer { fulfills: false, claimed: 0, ..honest },
                false => honest,
            }
        })),
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send_destination(50_000);
    assert!(run.received.units() <= 50_000 + 500, "{:?} {:?}", run.received, run.report);
}

#[test]
fn over_claims_end_a_payment_early_and_never_in_a_panic() {
    let lies: [Lie; 3] = [
        |_, honest| Answer { claimed: u64::MAX, total: u64::MAX, ..honest },
        |chunk, honest| Answer { claimed: if chunk > 3 { u64::MAX / 2 } else { honest.claimed }, ..honest },
        |_, honest| Answer { claimed: honest.claimed * 2, ..honest },
    ];
    for lie in lies {
        for by_source in [true, false] {
            let run = match by_source {
                true => fulfilling(lie).send_source(100_000),
                false => fulfilling(lie).send_destination(100_000),
            };
            assert!(run.received <= destination(100_000), "{:?}", run.report);
            assert!(run.report.account.source_sent.units() >= run.received.units(), "{:?}", run.report);
            assert!(run.took < Duration::from_secs(100), "{:?}", run.took);
        }
    }
}

/// A receiver whose totals are always zero: a JS receiver with a request handler (PROTOCOL.md section 2).
fn without_totals(hops: Vec<common::HopFn>) -> World {
    World { peer: Some(Box::new(|_, honest| Answer { total: 0, ..honest })), ..World::with(hops) }
}

#[test]
fn receivers_without_totals_are_paid_exactly() {
    let run = without_totals(vec![maximum(1_000)]).send_source(20_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(20_000));
    let run = without_totals(vec![maximum(1_000)]).send_destination(20_500);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(20_500));
}

#[test]
fn a_total_of_zero_is_no_proof_that_the_first_chunk_did_not_arrive() {
    for amount in [500, 20_000] {
        for to_destination in [false, true] {
            let hop = chunks_only(|chunk, _| (chunk == 1).then_some(Hop::LinkLost { arrives: true }));
            let world = without_totals(vec![maximum(1_000), hop]);
            let run = match to_destination {
                true => world.send_destination(amount),
                false => world.send_source(amount),
            };
            assert!(run.received <= destination(amount), "paid twice: {:?} {:?}", run.received, run.report);
            assert_eq!(run.report.error, Some(SendError::InDoubt));
        }
    }
}

#[test]
fn one_of_two_in_doubt_is_not_taken_for_both() {
    // Both minimums together are less than what one of them brings. Sixty are in flight together: after them the path is
    // tried with a chunk at a time.
    for (minimum_rate, lost) in
        [(MinimumRate::Slippage(500_000), 2), (MinimumRate::Slippage(10_000), 60), (MinimumRate::AnyRate, 3)]
    {
        for arrived in [0, 1, lost - 1, lost] {
            let hop = chunks_only(move |chunk, _| {
                let doubtful = (200..200 + lost).contains(&chunk);
                doubtful.then_some(Hop::LinkLost { arrives: chunk < 200 + arrived })
            });
            let mut config = config(Target::Source(source(500_000)));
            config.minimum_rate = minimum_rate;
            let run = World::with(vec![maximum(1_000), hop]).send(config);
            let account = run.report.account;
            assert!(account.source_sent.units() <= run.received.units(), "{arrived}: {account:?}");
            assert!(
                account.source_sent.units() + account.in_doubt.units() >= run.received.units(),
                "{account:?}"
            );
            assert!(run.received <= destination(500_000), "{arrived}: {:?} {account:?}", run.received);
            if minimum_rate != MinimumRate::AnyRate {
                // All of one size at a rate that has not moved: the total says how many arrived.
                assert!(run.report.is_completed(), "{arrived} of {lost}: {:?}", run.report);
                assert_eq!((account.source_sent, run.received), (source(500_000), destination(500_000)));
            }
        }
    }
}

#[test]
fn totals_that_fall_settle_nothing() {
    let asked = Rc::new(Cell::new(0_u64));
    let hop = chunks_only(|chunk, _| (chunk == 5).then_some(Hop::LinkLost { arrives: true }));
    let world = World {
        peer: Some(Box::new(move |chunk, honest| {
            asked.set(asked.get() + u64::from(!chunk.fulfillable));
            Answer { total: honest.total / 2, ..honest }
        })),
        ..World::with(vec![maximum(1_000), hop])
    };
    let run = world.send_source(20_000);
    assert_eq!(run.report.error, Some(SendError::InDoubt));
    assert_eq!(run.report.account.in_doubt, source(1_000));
    assert_eq!(run.received, destination(20_000));
}

#[test]
fn a_receiver_that_closes_in_the_middle_is_left_soon() {
    let mut chunks = 0;
    let world = World {
        peer: Some(Box::new(move |chunk, honest| {
            chunks += u64::from(chunk.fulfillable);
            // Closed, but it takes one now and then.
            match chunks > 10 && chunks % 7 != 0 {
                true => Answer { fulfills: false, has_body: false, ..honest },
                false => honest,
            }
        })),
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send_source(1_000_000);
    assert_eq!(run.report.error, Some(SendError::Refused));
    assert_eq!(run.report.account.delivered, run.received);
    // A window.
    assert!(run.packets < 1_100, "{}", run.packets);
}

#[test]
fn a_cancelled_payment_stays_cancelled_when_the_receivers_total_comes() {
    // The question for the total leaves at about 36 s; cancelled while it is answered.
    for at in (35_000..37_000).step_by(25) {
        let hop = chunks_only(|chunk, _| (chunk == 3).then(|| reject(ErrorCode::R00_TRANSFER_TIMED_OUT)));
        let commands: Vec<(Duration, fn() -> Input)> = vec![(Duration::from_millis(at), || Input::Cancel)];
        let run = World { commands, ..World::with(vec![maximum(1_000), hop]) }.send_source(10_000);
        if let Some(error) = run.report.error {
            assert_eq!(error, SendError::Cancelled);
        }
        assert_eq!(run.report.account.delivered, run.received);
    }
}

#[test]
fn the_total_timeout_holds_but_for_what_can_still_be_settled() {
    let mut config = config(Target::Source(source(10_000)));
    config.total_timeout = Some(Duration::from_secs(5));
    let hop = chunks_only(|chunk, _| (chunk == 3).then(|| reject(ErrorCode::R00_TRANSFER_TIMED_OUT)));
    let run = World::with(vec![maximum(1_000), hop]).send(config);
    assert_eq!(run.report.error, Some(SendError::TotalTimeout));
    // What is in doubt can arrive for so long, and is known then.
    assert!(run.took < Duration::from_secs(16), "{:?}", run.took);
    assert_eq!((run.report.account.in_doubt, run.report.account.source_sent), (source(0), source(9_000)));
    assert_eq!(run.received, destination(9_000));
}

/// Every answer with a status speaks of what it was asked about alone, as if there were no room for more: of nothing that it
/// has fulfilled, or of all numbers as of which it does not know.
#[test]
fn a_receiver_that_never_knows_leaves_doubt_and_no_endless_questions() {
    let everything = SequenceRange::new(Sequence::new(0), Sequence::new(u32::MAX));
    let all = SequenceRanges::from_ranges(everything).unwrap();
    for (fulfilled, unknown) in
        [(None, None), (None, Some(&all)), (Some(&all), Some(&all)), (Some(&all), None)]
    {
        let of = |ranges: Option<&SequenceRanges>| ranges.cloned().unwrap_or(SequenceRanges::EMPTY);
        let claims_all = fulfilled.is_some() && unknown.is_none();
        let (fulfilled, unknown) = (of(fulfilled), of(unknown));
        let lie = move |frames: Bytes| {
            let mut lies = FramesBuilder::new(30_000);
            for frame in Frames::read(frames).unwrap() {
                match frame {
                    Frame::Status(status) => {
                        lies.push(Frame::Status(Status { fulfilled: fulfilled.clone(), ..status })).unwrap();
                        lies.push(Frame::Outstanding(unknown.clone())).unwrap();
                    }
                    other => lies.push(other).unwrap(),
                }
            }
            lies.encode()
        };
        let mut replies = 0;
        let lost = move |_: &Prepare, reply: Reply| {
            replies += u32::from(matches!(reply, Reply::Fulfill(_)));
            (!matches!(reply, Reply::Fulfill(_)) || replies % 5 != 3).then_some(reply)
        };
        let world =
            World { lie: Some(Box::new(lie)), reply: Box::new(lost), ..World::with(vec![maximum(1_000)]) };
        let run = world.send_source(400_000);
        assert!(run.packets < 440 && run.took < Duration::from_secs(20), "{} {:?}", run.packets, run.took);
        // It may say that all was fulfilled: that only pays it.
        let in_doubt = if claims_all { 0 } else { 80_000 };
        let account = &run.report.account;
        assert_eq!((account.in_doubt, account.source_sent), (source(in_doubt), source(400_000 - in_doubt)));
    }
}
