//! A receiver that has no room for all gaps between the numbers of a payment's chunks joins ranges, and then takes numbers for
//! used that may be missing. It does not say that all has come for that.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::time::Duration;

use common::{Hop, Run, World, chunks_only, config, destination, maximum, reject, source};
use psk_chunking::receive::{EndReason, ReceiveConfig, ReceiveEvent};
use psk_chunking::send::Target;
use psk_codec::{DestinationAmount, ErrorCode};

/// What the receiver says about the end.
fn end(run: &Run) -> (EndReason, DestinationAmount) {
    let ends = run.receive_events.iter().find_map(|event| match event {
        ReceiveEvent::Finished { reason, received, .. } => Some((*reason, *received)),
        _ => None,
    });
    ends.unwrap()
}

/// 200,000 units over a hop that rejects many packets, and on which others overtake each other.
fn over_a_rough_path(seed: u64, max_sequence_ranges: usize) -> Run {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut below = move |most: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) % most
    };
    let hop = chunks_only(move |_, _| match below(1_000) {
        n if n < 300 => Some(reject(ErrorCode::T00_INTERNAL_ERROR)).filter(|_| n % 2 == 0),
        n if n < 450 => Some(Hop::Slow(Duration::from_millis(20 + below(60)))),
        _ => None,
    });
    let receive = ReceiveConfig { max_sequence_ranges, ..ReceiveConfig::default() };
    let world = World { receive, ..World::with(vec![maximum(1_000), hop]) };
    let mut config = config(Target::Source(source(200_000)));
    config.max_packets_in_flight = 150;
    world.send(config)
}

#[test]
fn a_payment_is_not_complete_while_something_is_missing() {
    for seed in 1..40 {
        // As when others have taken the room.
        let run = over_a_rough_path(seed, 8);
        let (reason, received) = end(&run);
        let is_all = received == destination(200_000);
        assert!(is_all || !reason.is_complete(), "seed {seed}: {reason:?}, {received}; {:?}", run.report);
    }
}

#[test]
fn with_room_it_is_completed() {
    for seed in 1..20 {
        let run = over_a_rough_path(seed, 1_000_000);
        assert!(run.report.is_completed(), "seed {seed}: {:?}", run.report);
        assert_eq!(end(&run), (EndReason::LastChunk, destination(200_000)), "seed {seed}");
    }
}

/// A burst of rejections leaves more gaps than any payment may have, and one packet takes its time.
#[test]
fn a_packet_that_is_overtaken_by_more_gaps_than_are_remembered_is_made_up_for() {
    let mut slow = false;
    let hop = chunks_only(move |chunk, packet| match chunk {
        n if n < 1_100 => None,
        _ if !slow => {
            slow = true;
            Some(Hop::Slow(Duration::from_secs(4)))
        }
        n if n < 15_000 && packet.now < Duration::from_secs(1) && n % 2 == 0 => {
            Some(reject(ErrorCode::T05_RATE_LIMITED))
        }
        _ => None,
    });
    let run = World::with(vec![maximum(1_000), hop]).send(config(Target::Source(source(20_000_000))));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(end(&run), (EndReason::LastChunk, destination(20_000_000)));
}
