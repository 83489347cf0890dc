//! A destination that nobody reaches costs a few packets.

mod common;

use std::time::Duration;

use common::{World, chunks_only, config, every, maximum, reject, source};
use psk_chunking::receive::Verdict;
use psk_chunking::send::{SendError, Target};
use psk_codec::ErrorCode;
use psk_codec::psk::frame::CloseReason;

const F02: ErrorCode = ErrorCode::F02_UNREACHABLE;

#[test]
fn nobody_there() {
    let run = World::with(vec![every(1, F02)]).send_source(1_000_000);
    assert!(matches!(run.report.error, Some(SendError::NoPath(_))), "{:?}", run.report);
    assert!(run.packets <= 10, "{}", run.packets);
    assert!(run.took < Duration::from_secs(1), "{:?}", run.took);
}

#[test]
fn nobody_there_on_any_path() {
    let others = vec![vec![every(1, F02)], vec![every(1, ErrorCode::T01_PEER_UNREACHABLE)]];
    let run = World { others, ..World::with(vec![every(1, F02)]) }.send_source(1_000_000);
    assert!(matches!(run.report.error, Some(SendError::NoPath(_))), "{:?}", run.report);
    assert!(run.packets <= 100, "{}", run.packets);
    assert!(run.took < Duration::from_secs(70), "{:?}", run.took);
}

/// It was there, and has gone: a window of packets, and no more.
#[test]
fn nobody_there_any_more() {
    let gone = chunks_only(|chunk, _| (chunk > 5).then(|| reject(F02)));
    let run = World::with(vec![maximum(1_000), gone]).send_source(100_000);
    assert!(matches!(run.report.error, Some(SendError::Rejected { code: F02, .. })), "{:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(5_000));
    assert_eq!(run.report.account.delivered, run.received);
    assert!(run.packets < 200, "{}", run.packets);
}

/// Those that are on their way when it says so are refused with it.
#[test]
fn somebody_who_refuses_is_not_asked_for_ever() {
    let mut config = config(Target::Source(source(100_000)));
    config.max_packets_in_flight = 5;
    let world = World { verdict: Verdict::Refuse, ..World::with(vec![maximum(1_000)]) };
    let run = world.send(config);
    assert_eq!(
        run.report.error,
        Some(SendError::Closed { reason: CloseReason::REFUSED, message: String::new() })
    );
    assert!(run.received.is_zero());
    assert!(run.packets < 20, "{}", run.packets);
}
