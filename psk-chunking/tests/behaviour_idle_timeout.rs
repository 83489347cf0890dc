//! A payment without progress ends, with its account; one that waits for somebody's word, or is only slow, does not.

mod common;

use std::time::Duration;

use common::{Hop, World, chunks_only, config, destination, maximum, reject, source};
use psk_chunking::send::{Input, SendConfig, SendError, Target};
use psk_codec::ErrorCode;

fn impatient(amount: u64) -> SendConfig {
    let mut config = config(Target::Source(source(amount)));
    config.idle_timeout = Duration::from_secs(10);
    config
}

#[test]
fn a_payment_without_progress_ends() {
    let hop = chunks_only(|chunk, _| (chunk > 3).then(|| reject(ErrorCode::T05_RATE_LIMITED)));
    let run = World::with(vec![maximum(1_000), hop]).send(impatient(50_000));
    // What has kept it from going on is said.
    assert!(matches!(run.report.error, Some(SendError::Rejected { .. })), "{:?}", run.report);
    assert_eq!((run.report.account.source_sent, run.received), (source(3_000), destination(3_000)));
    assert!((10_000..14_000).contains(&run.took.as_millis()), "{:?}", run.took);
}

#[test]
fn a_payment_that_nobody_resumes_ends() {
    let commands: Vec<(Duration, fn() -> Input)> = vec![(Duration::from_millis(250), || Input::Pause)];
    let mut config = impatient(1_000_000);
    config.max_packets_in_flight = 10;
    let run = World { commands, ..World::with(vec![maximum(1_000)]) }.send(config);
    assert_eq!(run.report.error, Some(SendError::IdleTimeout));
    assert_eq!(run.report.account.delivered, run.received);
    assert!(!run.received.is_zero());
    assert!((10_000..11_000).contains(&run.took.as_millis()), "{:?}", run.took);
}

/// What is in flight is awaited until it is in doubt, even though that is longer than the idle time-out.
#[test]
fn what_is_in_flight_when_it_ends_is_accounted_for() {
    let hop = chunks_only(|chunk, _| (chunk > 3).then_some(Hop::Swallow));
    let run = World::with(vec![maximum(1_000), hop]).send(impatient(50_000));
    assert!(run.report.error.is_some());
    let account = run.report.account;
    assert_eq!((account.source_sent, run.received), (source(3_000), destination(3_000)));
    assert!(account.in_flight.is_zero());
    assert!(run.took < Duration::from_secs(60), "{:?}", run.took);
}

#[test]
fn a_slow_payment_goes_on() {
    // One packet in eight seconds passes, for more than a minute.
    let mut next = Duration::ZERO;
    let hop = chunks_only(move |_, packet| {
        if packet.now < next {
            return Some(reject(ErrorCode::T05_RATE_LIMITED));
        }
        next = packet.now + Duration::from_secs(8);
        None
    });
    let mut config = impatient(10_000);
    config.idle_timeout = Duration::from_secs(15);
    let run = World::with(vec![maximum(1_000), hop]).send(config);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert!(run.took > Duration::from_secs(60), "{:?}", run.took);
}
