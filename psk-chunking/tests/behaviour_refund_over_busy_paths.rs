//! A hop that has no room for a question works, and is asked again: neither a refund nor what is in doubt is written off for it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::time::Duration;

use common::{Hop, HopFn, Passing, Run, World, chunks_only, config, maximum, reject, source};
use psk_chunking::receive::OnIncomplete;
use psk_chunking::send::{Input, SendConfig, SendError, Target};
use psk_codec::ErrorCode;

const CANCELLED: Duration = Duration::from_millis(480);

/// What becomes of questions from the moment on when the payment is cancelled, until so long after.
fn questions(for_so_long: Duration, mut what: impl FnMut() -> Hop + 'static) -> HopFn {
    Box::new(move |packet: &Passing<'_>| {
        let since = packet.now.checked_sub(CANCELLED).filter(|since| packet.is_probe && *since < for_so_long);
        if since.is_some() { what() } else { Hop::Forward(packet.prepare.amount) }
    })
}

/// A payment whose receiver refunds, cancelled on its way.
fn cancelled(hops: Vec<HopFn>, refunds: bool) -> Run {
    let mut world = World::with(vec![maximum(1_000)]);
    world.hops.extend(hops);
    world.receive.on_incomplete = OnIncomplete::Refund;
    world.commands.push((CANCELLED, || Input::Cancel));
    world.send(SendConfig {
        refund_account: refunds.then(|| "test.sender.refund".parse().unwrap()),
        max_packets_in_flight: 5,
        ..config(Target::Source(source(10_000_000)))
    })
}

fn comes_back(run: &Run) {
    let account = run.report.account;
    assert_eq!(run.report.error, Some(SendError::Cancelled));
    assert!(!account.source_sent.is_zero() && account.in_doubt.is_zero(), "{account:?}");
    assert_eq!((account.refunded, account.lost()), (account.source_sent, source(0)), "{account:?}");
}

#[test]
fn a_busy_hop_costs_no_refund() {
    for code in [
        ErrorCode::T02_PEER_BUSY,
        ErrorCode::T03_CONNECTOR_BUSY,
        ErrorCode::T04_INSUFFICIENT_LIQUIDITY,
        ErrorCode::T05_RATE_LIMITED,
    ] {
        for busy in [1, 5, 10, 50] {
            let run = cancelled(vec![questions(Duration::from_secs(busy), move || reject(code))], true);
            comes_back(&run);
            // The next question comes soon after.
            assert!(run.took < Duration::from_secs(busy + 6), "{code} {busy}: {:?}", run.took);
            assert!(run.packets < 60 + busy, "{code} {busy}: {}", run.packets);
        }
    }
}

#[test]
fn a_path_that_is_down_for_a_while_costs_no_refund() {
    for (down, swallows) in [(5, true), (30, true), (30, false), (50, true)] {
        let what = move || if swallows { Hop::Swallow } else { reject(ErrorCode::T01_PEER_UNREACHABLE) };
        let run = cancelled(vec![questions(Duration::from_secs(down), what)], true);
        comes_back(&run);
        assert!(run.took < Duration::from_secs(down + 6), "{down}: {:?}", run.took);
    }
}

/// The refund time-out ends it, a hop that knows that nobody is there, or that no money can come back.
#[test]
fn a_refund_is_not_awaited_for_ever() {
    const FOR_EVER: Duration = Duration::MAX;
    let busy = || reject(ErrorCode::T05_RATE_LIMITED);
    let gone = || reject(ErrorCode::F02_UNREACHABLE);
    type What = fn() -> Hop;
    let cases: [(What, bool, u64, u64); 4] =
        [(busy, true, 60, 62), (|| Hop::Swallow, true, 60, 62), (gone, true, 0, 10), (busy, false, 0, 10)];
    for (place, (what, refunds, earliest, latest)) in cases.into_iter().enumerate() {
        let run = cancelled(vec![questions(FOR_EVER, what)], refunds);
        assert_eq!(run.report.error, Some(SendError::Cancelled));
        assert_eq!(run.report.account.refunded, source(0));
        let waited = run.took - CANCELLED;
        assert!((earliest..=latest).contains(&waited.as_secs()), "{place}: {waited:?}");
        assert!(run.packets < 80, "{place}: {}", run.packets);
    }
}

/// The last chunk before the cancel is in doubt, though it has arrived; the receiver says so when it can be asked.
#[test]
fn a_busy_hop_leaves_nothing_in_doubt() {
    for (busy, settles) in [(1, true), (5, true), (10, true), (100, false)] {
        let mut world = World::with(vec![
            maximum(1_000),
            chunks_only(|chunk, _| (chunk == 4).then_some(Hop::LinkLost { arrives: true })),
            questions(Duration::from_secs(busy), || reject(ErrorCode::T05_RATE_LIMITED)),
        ]);
        // Before that the doubt is not settled either.
        world.hops.push(Box::new(|packet| {
            match packet.is_probe && packet.now > Duration::from_millis(150) && packet.now < CANCELLED {
                true => reject(ErrorCode::T05_RATE_LIMITED),
                false => Hop::Forward(packet.prepare.amount),
            }
        }));
        world.commands.push((CANCELLED, || Input::Cancel));
        let run =
            world.send(SendConfig { max_packets_in_flight: 1, ..config(Target::Source(source(10_000_000))) });
        let account = run.report.account;
        assert_eq!(run.report.error, Some(SendError::Cancelled));
        assert_eq!(account.in_doubt.is_zero(), settles, "{busy}: {account:?}");
        assert!(!settles || account.source_sent.units() == run.received.units(), "{busy}: {account:?}");
        assert!(run.took < Duration::from_secs(40), "{busy}: {:?}", run.took);
    }
}
