//! What the receiver says of a payment may come late, be overtaken by chunks, or not come for a while: it is asked until it
//! has told what it can.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use common::{Hop, HopFn, Passing, ReplyFn, Run, World, chunks_only, config, destination, maximum, source};
use psk_chunking::receive::{EndReason, ReceiveEvent};
use psk_chunking::send::{Input, SendConfig, SendError, Target};
use psk_codec::{ErrorCode, Reply};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Every third question, from this one on, has its answer so much later.
fn late_answers(first: u64, late: Duration) -> HopFn {
    let (mut begun, mut questions) = (false, first);
    Box::new(move |packet: &Passing<'_>| {
        begun |= !packet.is_probe;
        questions += u64::from(begun && packet.is_probe);
        match begun && packet.is_probe && questions.is_multiple_of(3) {
            true => Hop::Late(late),
            false => Hop::Forward(packet.prepare.amount),
        }
    })
}

/// While that is so, what is asked gets no further.
fn swallows(mut lost: impl FnMut(&Passing<'_>) -> bool + 'static) -> HopFn {
    Box::new(move |packet: &Passing<'_>| match lost(packet) {
        true => Hop::Swallow,
        false => Hop::Forward(packet.prepare.amount),
    })
}

/// Fulfills say nothing of what has arrived.
fn strips() -> ReplyFn {
    Box::new(|_, reply| {
        match reply {
            Reply::Fulfill(mut fulfill) => {
                fulfill.data = Bytes::new();
                fulfill.into()
            }
            reply => reply,
        }
        .into()
    })
}

#[track_caller]
fn assert_all_is_known(run: &Run, what: &dyn std::fmt::Debug) {
    let account = run.report.account;
    assert!(run.report.is_completed(), "{what:?}: {:?}", run.report);
    assert_eq!((account.delivered, account.unverified), (run.received, destination(0)), "{what:?}");
}

#[test]
fn a_late_answer_does_not_end_the_asking() {
    for target in [Target::Source(source(20_000)), Target::Destination(destination(20_000))] {
        for (in_flight, first) in [(1, 0), (1, 1), (1, 2), (4, 1), (20, 0)] {
            for late in (0..2_500).step_by(170) {
                let hops = vec![maximum(1_000), late_answers(first, ms(late))];
                let world = World { reply: strips(), ..World::with(hops) };
                let run = world.send(SendConfig { max_packets_in_flight: in_flight, ..config(target) });
                assert_all_is_known(&run, &(target, in_flight, first, late));
            }
        }
    }
}

/// Two questions about the same are answered, and the second settles nothing; then sizes are asked for, and the answer to the
/// completing chunk says nothing.
#[test]
fn what_was_asked_twice_is_not_the_end_of_the_asking() {
    for (numerator, denominator) in [(37, 100), (250, 100), (997, 1_000)] {
        for late in (0..400).step_by(30) {
            for (first, amount) in [(0, 13_993), (1, 5_017), (2, 5_017)] {
                let rate = common::rate(numerator, denominator);
                let hops = vec![maximum(1_000), rate, late_answers(first, ms(late))];
                let world = World { reply: strips(), ..World::with(hops) };
                let config = SendConfig {
                    max_packets_in_flight: 1,
                    max_unverified_ppm: 1_000_000,
                    ..config(Target::Destination(destination(amount)))
                };
                assert_all_is_known(&world.send(config), &(numerator, late, first, amount));
            }
        }
    }
}

/// A question is asked, then a chunk's link is lost after it has arrived, and the payment is cancelled: the answer does not
/// know that chunk.
#[test]
fn the_last_word_knows_all_chunks() {
    for cancelled in (360..=480).step_by(20) {
        for late in [0, 50, 100, 200] {
            let lost =
                chunks_only(|chunk, _| matches!(chunk, 2 | 3).then_some(Hop::LinkLost { arrives: true }));
            let state = Rc::new(Cell::new(0));
            let first_question: HopFn = Box::new(move |packet: &Passing<'_>| {
                match (packet.is_probe, state.get()) {
                    (false, _) => state.set(state.get().max(1)),
                    (true, 1) => {
                        state.set(2);
                        return Hop::Late(ms(late));
                    }
                    _ => {}
                }
                Hop::Forward(packet.prepare.amount)
            });
            let mut world = World::with(vec![maximum(1_000), first_question, lost]);
            world.commands = vec![(ms(cancelled), || Input::Cancel)];
            let target = Target::Source(source(10_000_000));
            let run = world.send(SendConfig { max_packets_in_flight: 1, ..config(target) });
            let account = run.report.account;
            let known = (account.delivered, account.in_doubt);
            assert_eq!(known, (run.received, source(0)), "{cancelled} {late}: {account:?}");
        }
    }
}

/// Nothing comes through for some seconds while the last chunks are on their way.
#[test]
fn an_outage_at_the_end_leaves_no_doubt() {
    for target in [Target::Source(source(10_000)), Target::Destination(destination(10_000))] {
        for seconds in 1..=12 {
            let out = move |packet: &Passing<'_>| (ms(240)..ms(240 + seconds * 1_000)).contains(&packet.now);
            let run = World::with(vec![maximum(1_000), swallows(out)])
                .send(SendConfig { max_packets_in_flight: 5, ..config(target) });
            assert_all_is_known(&run, &(target, seconds));
        }
    }
}

/// Nobody answers questions for a while, and Fulfills say nothing.
#[test]
fn an_outage_of_questions_does_not_end_the_asking() {
    for (in_flight, ppm) in [(2, 100_000), (20, 1_000)] {
        for begins in [200, 360, 640] {
            for lasts in [3_500, 8_000, 12_000] {
                let out = move |packet: &Passing<'_>| {
                    packet.is_probe && (ms(begins)..ms(begins + lasts)).contains(&packet.now)
                };
                let hops = vec![maximum(1_000), swallows(out)];
                let config = SendConfig {
                    max_packets_in_flight: in_flight,
                    max_unverified_ppm: ppm,
                    ..config(Target::Source(source(200_000)))
                };
                let run = World { reply: strips(), ..World::with(hops) }.send(config);
                assert_all_is_known(&run, &(in_flight, begins, lasts));
            }
        }
    }
}

/// The answer to one question is held up by a hop; then the payment is cancelled, and nothing is answered any more. Nobody
/// waits for as long as that one took.
#[test]
fn a_late_answer_makes_nobody_wait_for_long() {
    for held in [0, 2, 5, 10, 14] {
        let cancelled = ms(held * 1_000 + 1_000);
        let lost = chunks_only(|chunk, _| (chunk == 5).then_some(Hop::LinkLost { arrives: false }));
        let mut begun = 0;
        let asks: HopFn = Box::new(move |packet: &Passing<'_>| {
            match (packet.is_probe, begun) {
                (false, _) => begun = begun.max(1),
                (true, _) if packet.now > cancelled => return Hop::Swallow,
                (true, 1) => {
                    begun = 2;
                    return Hop::Late(Duration::from_secs(held));
                }
                _ => {}
            }
            Hop::Forward(packet.prepare.amount)
        });
        let mut world = World::with(vec![maximum(1_000), asks, lost]);
        world.commands = vec![(cancelled, || Input::Cancel)];
        let target = Target::Source(source(10_000_000));
        let run = world.send(SendConfig { max_packets_in_flight: 5, ..config(target) });
        assert_eq!(run.report.error, Some(SendError::Cancelled));
        assert!(run.took < cancelled + Duration::from_secs(10), "{held}: {:?}", run.took);
    }
}

/// The last chunk is held up on its way, and overtaken by the one that makes good for a chunk that was rejected: it names
/// that one, which will never come.
#[test]
fn an_overtaken_last_chunk_does_not_keep_the_payment_open() {
    let hop = chunks_only(move |chunk, _| match chunk {
        4 => Some(common::reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY)),
        5 => Some(Hop::Slow(ms(300))),
        _ => None,
    });
    let run = World::with(vec![maximum(1_000), hop]).send_source(5_000);
    assert_all_is_known(&run, &"overtaken");
    let ended = run.receive_events.iter().find_map(|event| match event {
        ReceiveEvent::Finished { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(ended, Some(EndReason::LastChunk));
}

/// Paused when all has been sent: what comes then completes the payment, and no time-out calls it failed.
#[test]
fn a_pause_at_the_end_is_no_failure() {
    let mut world = World::with(vec![maximum(1_000)]);
    world.commands = vec![(ms(180), || Input::Pause)];
    let run = world.send_source(3_000);
    assert_all_is_known(&run, &"paused");
    assert!(run.took < ms(300), "{:?}", run.took);
}
