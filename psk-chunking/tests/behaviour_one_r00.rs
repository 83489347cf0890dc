//! One R00 does not end a payment, nor do some; what they leave unknown is settled by the receiver's word.

mod common;

use common::{World, chunks_only, config, destination, maximum, reject, source};
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
