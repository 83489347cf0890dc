//! What is in doubt at the sender may have arrived, and comes back with the rest: then more comes back than was sent for
//! certain, and the account says between what the loss lies.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Run, World, config, maximum, reject, source};
use psk_chunking::receive::{OnIncomplete, ReceiveConfig};
use psk_chunking::send::{Input, SendConfig, SendError, Target};
use psk_codec::psk::frame::{Frame, Frames, FramesBuilder};
use psk_codec::{ErrorCode, Reply};

/// A receiver's frames without the one that would settle the doubt.
fn without_status(frames: Bytes) -> Bytes {
    let Ok(read) = Frames::read(frames.clone()) else { return frames };
    let mut builder = FramesBuilder::new(30_000);
    for frame in read {
        if !matches!(frame, Frame::Status(_)) {
            let _ = builder.push(frame);
        }
    }
    builder.encode()
}

/// Chunks of a thousand, three of which a hop says R00 of: all of them arrive, or none;
/// cancelled after a while, and so many thousandths come back of what has arrived.
fn refunded(per_mille: u64, arrive: bool) -> Run {
    let mut chunks = 0;
    let r00 = || {
        let common::Hop::Reject(r00) = reject(ErrorCode::R00_TRANSFER_TIMED_OUT) else { unreachable!() };
        r00
    };
    let lost = common::chunks_only(move |chunk, _| {
        (!arrive && (2..=4).contains(&chunk)).then(|| common::Hop::Reject(r00()))
    });
    let mut world = World {
        reply: Box::new(move |_, reply| {
            chunks += u64::from(matches!(reply, Reply::Fulfill(_)));
            let lies = arrive && matches!(reply, Reply::Fulfill(_)) && (2..=4).contains(&chunks);
            Some(if lies { r00().into() } else { reply })
        }),
        receive: ReceiveConfig { on_incomplete: OnIncomplete::Refund, ..ReceiveConfig::default() },
        lie: Some(Box::new(without_status)),
        refunds: per_mille,
        ..World::with(vec![maximum(1_000), lost])
    };
    world.commands.push((Duration::from_secs(5), || Input::Cancel));
    world.send(SendConfig {
        refund_account: Some("test.sender.refund".parse().unwrap()),
        max_packets_in_flight: 1,
        ..config(Target::Source(source(10_000_000)))
    })
}

#[test]
fn all_of_what_arrived_comes_back() {
    let run = refunded(1_000, true);
    let account = run.report.account;
    assert_eq!(run.report.error, Some(SendError::Cancelled));
    assert_eq!(account.in_doubt, source(3_000), "{account:?}");
    assert_eq!(account.refunded.units(), run.received.units());
    assert_eq!(account.refunded, account.source_sent.checked_add(source(3_000)).unwrap());
    assert_eq!((account.lost(), account.lost_at_most()), (source(0), Some(source(0))), "{account:?}");
}

#[test]
fn more_comes_back_than_was_sent_for_certain_and_less_than_arrived() {
    let run = refunded(950, true);
    let account = run.report.account;
    assert!(account.source_sent < account.refunded, "{account:?}");
    let gone = source(run.received.units() - account.refunded.units());
    assert!(gone > source(0));
    assert_eq!((account.lost(), account.lost_at_most()), (source(0), Some(gone)), "{account:?}");
}

#[test]
fn what_did_not_arrive_comes_back_not_at_all() {
    let run = refunded(1_000, false);
    let account = run.report.account;
    assert_eq!((account.in_doubt, account.refunded), (source(3_000), account.source_sent), "{account:?}");
    assert_eq!((account.lost(), account.lost_at_most()), (source(0), Some(source(3_000))), "{account:?}");
}

/// From the moment of the cancelling on answers take a second longer: a refund that is promised is awaited all the same.
#[test]
fn a_promise_that_comes_late_is_one() {
    for late in [0, 1_000] {
        let cancelled = Duration::from_millis(480);
        let slow =
            Box::new(move |packet: &common::Passing<'_>| match packet.is_probe && packet.now > cancelled {
                true => common::Hop::Late(Duration::from_millis(late)),
                false => common::Hop::Forward(packet.prepare.amount),
            });
        let mut world = World::with(vec![maximum(1_000), slow]);
        world.receive.on_incomplete = OnIncomplete::Refund;
        world.refunds = 0;
        let comes_back: fn() -> Input = || Input::Refunded(source(5_000));
        world.commands = vec![(cancelled, || Input::Cancel), (Duration::from_secs(20), comes_back)];
        let run = world.send(SendConfig {
            refund_account: Some("test.sender.refund".parse().unwrap()),
            max_packets_in_flight: 5,
            ..config(Target::Source(source(10_000_000)))
        });
        assert_eq!(run.report.account.refunded, source(5_000), "{late}: {:?}", run.report);
    }
}
