//! A plain receiver is asked for its total as often as that settles something, and over a hop that is busy for a moment.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use common::{Answer, Hop, HopFn, Run, World, chunks_only, config, destination, maximum, source};
use psk_chunking::send::{MinimumRate, SendConfig, Target};
use psk_codec::{ErrorCode, Reply};

fn plain(hops: Vec<HopFn>) -> World {
    World { peer: Some(Box::new(|_, honest: Answer| honest)), ..World::with(hops) }
}

/// A hop takes the data out of Fulfills: half of what each chunk delivers is unverified until the receiver is asked.
#[test]
fn what_it_has_not_confirmed_stays_within_its_bound() {
    for target in [Target::Source(source(100_000)), Target::Destination(destination(100_000))] {
        let world = World {
            reply: Box::new(|_, reply| match reply {
                Reply::Fulfill(mut fulfill) => {
                    fulfill.data = Bytes::new();
                    Some(fulfill.into())
                }
                reject => Some(reject),
            }),
            ..plain(vec![maximum(1_000)])
        };
        let run = world.send(SendConfig {
            minimum_rate: MinimumRate::Slippage(500_000),
            max_packets_in_flight: 2,
            ..config(target)
        });
        assert!(run.report.is_completed(), "{:?}", run.report);
        // A tenth of the payment, and what was in flight then.
        assert!(run.report.account.unverified <= destination(11_000), "{:?}", run.report);
        assert_eq!(run.received, destination(100_000), "{:?}", run.report);
    }
}

/// The fifth chunk is lost. When it can arrive no more, and the receiver is asked for it, a hop answers `code` for so long.
fn behind_a_busy_hop(code: ErrorCode, busy: Duration) -> Run {
    let first_asked = Rc::new(Cell::new(None));
    let lost = Rc::new(Cell::new(false));
    let loses = lost.clone();
    let hop = chunks_only(move |chunk, _| {
        (chunk == 5).then(|| {
            loses.set(true);
            Hop::LinkLost { arrives: false }
        })
    });
    let busy: HopFn = Box::new(move |packet| {
        let asks = packet.is_probe && lost.get();
        let first = first_asked.get().or(asks.then_some(packet.now));
        first_asked.set(first);
        match first.is_some_and(|first| packet.now < first + busy) {
            true => common::reject(code),
            false => Hop::Forward(packet.prepare.amount),
        }
    });
    plain(vec![maximum(1_000), hop, busy]).send_source(20_000)
}

#[test]
fn a_hop_that_is_busy_for_a_moment_leaves_nothing_in_doubt() {
    let busy = [
        ErrorCode::T02_PEER_BUSY,
        ErrorCode::T03_CONNECTOR_BUSY,
        ErrorCode::T04_INSUFFICIENT_LIQUIDITY,
        ErrorCode::T05_RATE_LIMITED,
    ];
    for code in busy {
        for seconds in [2, 12] {
            let run = behind_a_busy_hop(code, Duration::from_secs(seconds));
            assert!(run.report.is_completed(), "{code} {seconds}: {:?}", run.report);
            assert_eq!(run.received, destination(20_000), "{code} {seconds}");
            // Less and less often.
            assert!(run.rejects[&code] < 12, "{code} {seconds}: {:?}", run.rejects);
        }
    }
}

#[test]
fn a_hop_that_stays_busy_is_not_asked_for_ever() {
    let run = behind_a_busy_hop(ErrorCode::T05_RATE_LIMITED, Duration::from_secs(1_000));
    assert_eq!(run.report.account.in_doubt, source(1_000), "{:?}", run.report);
    assert_ne!(run.report.error, None);
    assert!(run.took < Duration::from_secs(200), "{:?}", run.took);
}
