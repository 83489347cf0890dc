//! Of a packet that is lost nobody knows before its expiry whether it may still arrive. So packets live no longer than
//! they have to, once it is known how long answers take, and as long as before where that is too little.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use common::{Hop, World, at, chunks_only, config, maximum, reject, source};
use psk_chunking::send::Target;
use psk_codec::ErrorCode;

const BRIEF: u64 = 10;
const LONG: u64 = 30;

/// For how many seconds each chunk lives; `hop` says what becomes of it, by its place, from 1, and its life.
fn lives(
    one_way: Duration,
    amount: u64,
    hop: impl Fn(u64, u64) -> Option<Hop> + 'static,
) -> (Vec<u64>, common::Run) {
    let lives = Rc::new(RefCell::new(vec![]));
    let seen = lives.clone();
    let watched = chunks_only(move |chunk, packet| {
        let left = packet.prepare.expires_at.unix_millis() - at(packet.now).wall.unix_millis();
        // It has been on its way for a moment.
        let life = u64::try_from(left).unwrap().div_ceil(1_000);
        seen.borrow_mut().push(life);
        hop(chunk, life)
    });
    let mut config = config(Target::Source(source(amount)));
    config.max_packets_in_flight = 8;
    let run = World { one_way, ..World::with(vec![maximum(1_000), watched]) }.send(config);
    let lives = lives.take();
    (lives, run)
}

#[test]
fn the_first_chunk_lives_long_and_others_briefly() {
    let (lives, run) = lives(Duration::from_millis(50), 100_000, |_, _| None);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(lives[0], LONG, "receivers may take their time over it");
    assert_eq!((lives[1..].len(), lives[1..].iter().all(|&life| life == BRIEF)), (99, true), "{lives:?}");
}

#[test]
fn where_answers_take_long_packets_live_longer() {
    let (lives, run) = lives(Duration::from_millis(600), 20_000, |_, _| None);
    assert!(run.report.is_completed(), "{:?}", run.report);
    // Sixteen round trips.
    assert!(lives[1..].iter().all(|&life| (19..=20).contains(&life)), "{lives:?}");
}

#[test]
fn what_is_lost_costs_no_more_than_its_life() {
    let (_, run) =
        lives(Duration::from_millis(50), 100_000, |chunk, _| (chunk == 50).then_some(Hop::Swallow));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert!((15..17).contains(&run.took.as_secs()), "its life, and a grace of five seconds: {:?}", run.took);
}

/// R02, as from a path of a dozen connectors that each take a second.
#[test]
fn hops_that_need_more_time_get_it() {
    let (lives, run) = lives(Duration::from_millis(50), 100_000, |_, life| {
        (life < 15).then(|| reject(ErrorCode::R02_INSUFFICIENT_TIMEOUT))
    });
    assert!(run.report.is_completed(), "{:?}", run.report);
    let brief = lives.iter().filter(|&&life| life == BRIEF).count();
    assert!((1..=8).contains(&brief) && lives.ends_with(&[LONG; 80]), "{lives:?}");
}

/// R00 long before its time: a hop's clock is 12 seconds ahead.
#[test]
fn clocks_that_are_wrong_are_made_up_for() {
    let (lives, run) = lives(Duration::from_millis(50), 100_000, |_, life| {
        (life < 12).then(|| reject(ErrorCode::R00_TRANSFER_TIMED_OUT))
    });
    assert!(run.report.is_completed(), "{:?}", run.report);
    let brief = lives.iter().filter(|&&life| life == BRIEF).count();
    assert!((1..=8).contains(&brief) && lives.ends_with(&[LONG; 80]), "{lives:?}");
}
