//! T04 makes a payment slower, never endless, and never so fine that nothing of it survives rounding.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::{
    Hop, World, chunks_only, config, destination, every, maximum, maximum_with, rate, reject, source,
};
use psk_chunking::send::Target;
use psk_chunking::send::control::ControllerKind;
use psk_codec::{Amount, ErrorCode};

const T04: ErrorCode = ErrorCode::T04_INSUFFICIENT_LIQUIDITY;

#[test]
fn a_maximum_that_is_answered_with_t04_is_found() {
    // npm psk2 ends this one at 103,659 of 109,000 without an error.
    let run = World::with(vec![maximum_with(T04, 10_000)]).send_source(109_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(109_000));
    assert!(run.took < Duration::from_secs(3), "{:?}", run.took);
}

#[test]
fn t04_now_and_then_does_not_stop_a_payment() {
    let run = World::with(vec![every(3, T04), maximum(10_000)]).send_source(1_000_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(1_000_000));
    assert!(run.took < Duration::from_secs(20), "{:?} {}", run.took, run.packets);
}

#[test]
fn t04_for_ever_ends_in_a_few_packets() {
    for kind in ControllerKind::ALL {
        let hop = chunks_only(|chunk, _| (chunk > 20).then(|| reject(T04)));
        let mut config = config(Target::Source(source(1_000_000)));
        (config.controller, config.max_packets_in_flight) = (kind, 100);
        let run = World::with(vec![maximum(1_000), hop]).send(config);
        assert!(run.report.error.is_some());
        assert!(run.report.account.source_sent >= source(1_000));
        assert_eq!(run.report.account.delivered, run.received);
        assert!(run.took < Duration::from_secs(200), "{kind:?}: {:?}", run.took);
        assert!(
            run.packets < if kind == ControllerKind::Aimd { 5_000 } else { 1_500 },
            "{kind:?}: {}",
            run.packets
        );
    }
}

/// Of less than 100 units nothing arrives, and of what is not in full hundreds a part is lost: windows shrink, but no
/// chunk becomes so small.
#[test]
fn windows_shrink_to_no_less_than_what_survives_rounding() {
    for kind in [ControllerKind::Paced, ControllerKind::Window] {
        let smallest = Rc::new(Cell::new(u64::MAX));
        let seen = smallest.clone();
        // Of twenty packets one passes.
        let hop = chunks_only(move |chunk, packet| {
            seen.set(seen.get().min(packet.prepare.amount.units()));
            (chunk % 20 != 0).then(|| reject(T04))
        });
        let mut config = config(Target::Source(source(20_000)));
        config.controller = kind;
        config.minimum_rate = psk_chunking::send::MinimumRate::Slippage(500_000);
        let run = World::with(vec![maximum(1_000), hop, rate(1, 100)]).send(config);
        assert!(smallest.get() >= 100, "{kind:?} {}", smallest.get());
        assert!(
            run.report.account.delivered == run.received && run.received > destination(0),
            "{:?}",
            run.report
        );
        assert!(run.packets < 5_000, "{}", run.packets);
    }
}

#[test]
fn little_liquidity_is_used_by_every_controller() {
    for kind in ControllerKind::ALL {
        // At most 5,000 units on their way.
        let hop = Box::new(|packet: &common::Passing<'_>| {
            let amount = packet.prepare.amount.units();
            match packet.in_flight + u128::from(amount) > 5_000 {
                true => reject(T04),
                false => Hop::Forward(Amount::new(amount)),
            }
        });
        let mut config = config(Target::Source(source(200_000)));
        config.controller = kind;
        let run = World::with(vec![hop]).send(config);
        assert!(run.report.is_completed(), "{kind:?}: {:?}", run.report);
        assert_eq!(run.received, destination(200_000));
    }
}
