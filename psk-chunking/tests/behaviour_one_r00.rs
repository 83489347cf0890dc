//! One R00 does not end a payment, nor do some; what they leave unknown is settled by the receiver's word.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::{Hop, World, chunks_only, config, destination, maximum, reject, source};
use psk_chunking::send::Target;
use psk_codec::ErrorCode;

const R00: ErrorCode = ErrorCode::R00_TRANSFER_TIMED_OUT;

#[test]
fn one_of_a_chunk_that_did_not_arrive() {
    let hop = chunks_only(|chunk, _| (chunk == 4).then(|| reject(R00)));
    let run = World::with(vec![maximum(1_000), hop]).send_source(20_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!((run.report.account.source_sent, run.received), (source(20_000), destination(20_000)));
    assert_eq!(run.report.account.chunks_rejected, 1);
}

/// A hop lost patience, and the chunk arrived all the same.
#[test]
fn one_of_a_chunk_that_arrived() {
    for destination_fixed in [false, true] {
        let mut chunks = 0;
        let world = World {
            reply: Box::new(move |_, reply| {
                let fulfilled = matches!(reply, psk_codec::Reply::Fulfill(_));
                chunks += u64::from(fulfilled);
                let common::Hop::Reject(r00) = reject(R00) else { unreachable!() };
                Some(if fulfilled && chunks == 4 { r00.into() } else { reply })
            }),
            ..World::with(vec![maximum(1_000)])
        };
        let run = if destination_fixed { world.send_destination(20_000) } else { world.send_source(20_000) };
        assert!(run.report.is_completed(), "{:?}", run.report);
        assert_eq!(run.report.account.source_sent, source(20_000));
        assert_eq!((run.report.account.delivered, run.received), (destination(20_000), destination(20_000)));
    }
}

#[test]
fn one_in_ten() {
    let hop = chunks_only(|chunk, _| (chunk % 10 == 4).then(|| reject(R00)));
    let mut config = config(Target::Source(source(50_000)));
    config.max_packets_in_flight = 8;
    let run = World::with(vec![maximum(1_000), hop]).send(config);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(50_000));
}

/// What was in flight at the first R00 cannot be helped; after it the path is tried with a chunk at a time, also while
/// the Fulfills of what passed before are still coming in.
#[test]
fn r00_to_everything_puts_no_more_than_one_window_in_doubt() {
    let (first, late) = (Rc::new(Cell::new(Duration::MAX)), Rc::new(Cell::new(0)));
    let (first_r00, sent_later) = (first.clone(), late.clone());
    let hop = chunks_only(move |chunk, packet| {
        if chunk <= 50 {
            return Some(Hop::Late(Duration::from_millis(40)));
        }
        first.set(first.get().min(packet.now));
        // Back and forth: it left after the first R00 had come.
        let is_late = packet.now > first.get() + Duration::from_millis(100);
        late.set(late.get() + u64::from(is_late));
        Some(reject(R00))
    });
    let run = World::with(vec![maximum(1_000), hop]).send_source(10_000_000);
    assert!(!run.report.is_completed());
    let account = run.report.account;
    assert_eq!((account.source_sent, run.received), (source(50_000), destination(50_000)), "{account:?}");
    // Most doubts have been settled by the receiver's word when the payment ends.
    assert!(first_r00.get() < Duration::MAX && account.chunks_rejected > 500, "{account:?}");
    assert!((1..=10).contains(&sent_later.get()), "{} after the first R00: {account:?}", sent_later.get());
}
