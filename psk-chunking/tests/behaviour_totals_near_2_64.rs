//! Amounts and totals near 2^64 overflow nothing: they are exact, or the payment ends.

mod common;

use common::{Answer, Hop, World, config, destination, maximum, rate, source};
use psk_chunking::send::control::ControllerKind;
use psk_chunking::send::{SendError, Target};
use psk_codec::Amount;

const MOST: u64 = u64::MAX;

#[test]
fn the_greatest_source_amount_is_spent_exactly() {
    for kind in ControllerKind::ALL {
        let mut config = config(Target::Source(source(MOST)));
        config.controller = kind;
        let run = World::with(vec![maximum(1 << 60)]).send(config);
        assert!(run.report.is_completed(), "{kind:?}: {:?}", run.report);
        assert_eq!(
            (run.report.account.source_sent, run.received),
            (source(MOST), destination(MOST)),
            "{kind:?}"
        );
    }
}

/// 2^64 - 1 itself means an open end: the receiver would wait for more, and refund all after a silence.
#[test]
fn an_amount_that_means_an_open_end_is_refused_before_anything_moves() {
    let run = World::default().send_destination(MOST);
    assert_eq!((run.report.error, run.packets), (Some(SendError::MeansOpenEnd), 0));
}

#[test]
fn the_greatest_destination_amount_is_hit_exactly() {
    for amount in [MOST - 1, MOST - 2, MOST / 2 + 1] {
        let run = World::with(vec![maximum(1 << 58)]).send_destination(amount);
        assert!(run.report.is_completed(), "{amount}: {:?}", run.report);
        assert_eq!((run.report.account.delivered, run.received), (destination(amount), destination(amount)));
    }
}

#[test]
fn a_destination_amount_that_costs_more_than_64_bits_is_refused_before_anything_moves() {
    let run = World::with(vec![maximum(1 << 58), rate(1, 1_000)]).send_destination(MOST / 10);
    assert!(run.report.error.is_some(), "{:?}", run.report);
    assert!(run.received <= destination(MOST / 10));
    assert_eq!(run.report.account.delivered, run.received);
}

/// More than 2^64 would arrive in all: the receiver refuses what does not fit, and nothing wraps.
#[test]
fn more_than_64_bits_at_the_receiver() {
    let up = Box::new(|packet: &common::Passing<'_>| {
        let amount = u128::from(packet.prepare.amount.units()) * 1_000;
        Hop::Forward(Amount::new(u64::try_from(amount).unwrap_or(MOST)))
    });
    let run = World::with(vec![maximum(1 << 52), up]).send_source(1 << 60);
    assert!(run.report.error.is_some(), "{:?}", run.report);
    let account = run.report.account;
    assert!(account.source_sent < source(1 << 60) && account.delivered == run.received, "{account:?}");
}

/// A receiver that claims as much as can be said.
#[test]
fn claims_of_2_64() {
    for (claimed, total) in [(MOST, MOST), (MOST, 0), (MOST / 2, MOST), (MOST - 1, 1)] {
        for fixed_destination in [true, false] {
            let world = World {
                peer: Some(Box::new(move |chunk, honest| match chunk.fulfillable {
                    true => Answer { claimed, total, ..honest },
                    false => honest,
                })),
                ..World::with(vec![maximum(1_000)])
            };
            let target = match fixed_destination {
                true => Target::Destination(destination(MOST - 1)),
                false => Target::Source(source(50_000)),
            };
            let mut config = config(target);
            config.max_source_amount = source(50_000);
            let run = world.send(config);
            let account = run.report.account;
            assert!(account.source_sent <= source(50_000), "{account:?}");
            if account.committed().is_none() {
                panic!("{account:?}");
            }
        }
    }
}

/// The same with probes: a rate of 2^64 to one.
#[test]
fn rates_of_2_64() {
    let world = World {
        peer: Some(Box::new(|_, honest| Answer { claimed: MOST, total: MOST, ..honest })),
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send_destination(5_000);
    assert!(run.report.account.source_sent <= source(5_000), "{:?}", run.report);
    assert_ne!(run.report.error, Some(SendError::ZeroAmount));
}
