//! A hop that counts in larger units than the sender and the receiver do, as one in whole euros between two in cents: packets
//! of most sizes lose much of a unit, and amounts between its multiples cannot be delivered.

mod common;

use std::time::Duration;

use common::{HopFn, Run, World, config, destination, maximum, reject, source};
use psk_chunking::send::{SendError, Target};
use psk_codec::{Amount, ErrorCode};

const R01: ErrorCode = ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT;
const T04: ErrorCode = ErrorCode::T04_INSUFFICIENT_LIQUIDITY;

/// So many source units make one of the hop's units, which is worth so many destination units.
fn units(source: u64, destination: u64) -> HopFn {
    Box::new(move |packet| match packet.prepare.amount.units() / source {
        0 => reject(R01),
        units => common::Hop::Forward(Amount::new(units * destination)),
    })
}

/// No more than so much at once.
fn window(most: u64) -> HopFn {
    Box::new(move |packet| match packet.prepare.amount.units() {
        amount if packet.in_flight + u128::from(amount) > u128::from(most) => reject(T04),
        amount => common::Hop::Forward(Amount::new(amount)),
    })
}

/// So many units that make `unit` source units each, at once and in a second; what only asks gives it back.
fn refills(unit: u64, capacity: u64, per_second: u64) -> HopFn {
    let (mut level, mut at) = (u128::from(capacity) * 1_000_000, Duration::ZERO);
    Box::new(move |packet| {
        let more = (packet.now - at).as_micros() * u128::from(per_second);
        (level, at) = ((level + more).min(u128::from(capacity) * 1_000_000), packet.now);
        let amount = packet.prepare.amount;
        match level.checked_sub(u128::from(amount.units() / unit) * 1_000_000) {
            None => reject(T04),
            Some(_) if packet.is_probe => common::Hop::Forward(amount),
            Some(left) => {
                level = left;
                common::Hop::Forward(amount)
            }
        }
    })
}

fn is_soon(run: &Run) -> bool {
    run.took < Duration::from_secs(30)
}

/// A packet of 1,203 units delivers what one of 970 does; smaller ones deliver nothing.
#[test]
fn all_parts_of_a_source_amount_keep_the_rate() {
    for amount in [100_000, 97_000, 98_000] {
        let run = World::with(vec![maximum(1_203), units(970, 1_000_000)]).send_source(amount);
        assert!(run.report.is_completed(), "{amount}: {:?} {:?}", run.report, run.rejects);
        assert!(run.received >= destination(amount / 1_203 * 1_000_000), "{amount}: {:?}", run.received);
        assert!(is_soon(&run), "{amount}: {:?}", run.took);
    }
}

/// Where little may be on its way, chunks do not become smaller than a unit.
#[test]
fn chunks_wait_rather_than_become_too_small() {
    let run = World::with(vec![window(1_203), units(970, 1_000_000)]).send_source(97_000);
    assert!(run.report.is_completed(), "{:?} {:?}", run.report, run.rejects);
    assert!(run.received >= destination(80_000_000), "{:?}", run.received);
    assert!(run.rejects.get(&R01).is_none_or(|&count| count < 40), "{:?}", run.rejects);
}

/// The receiver's units are large, and little may pass at once: larger packets that are tried deliver no more than those
/// before.
#[test]
fn what_is_tried_is_not_larger_than_it_is_worth() {
    for (capacity, per_second) in [(2, 3), (1, 10), (3, 10)] {
        let hops = vec![refills(100_000, capacity, per_second), units(100_000, 1)];
        let run = World::with(hops).send_source(7_000_000);
        assert!(run.report.is_completed(), "{:?} {:?}", run.report, run.rejects);
        assert!(run.received >= destination(69), "{:?} {:?}", run.received, run.rejects);
    }
}

/// What is left over by the last whole chunk is spread over all of them.
#[test]
fn what_would_deliver_nothing_is_spread() {
    let run = World::with(vec![maximum(111_333), units(100_101, 1)]).send_source(1_000_000);
    assert!(run.report.is_completed(), "{:?} {:?}", run.report, run.rejects);
    assert_eq!(run.received, destination(9));
    assert!(is_soon(&run), "{:?}", run.took);
}

/// By less than one unit of the hop, if that is at most a hundredth.
#[test]
fn a_destination_amount_between_two_units_is_exceeded_a_little() {
    let run = World::with(vec![maximum(200_000), units(100_000, 9_990)]).send_destination(1_000_000);
    assert!(run.report.is_completed(), "{:?} {:?}", run.report, run.rejects);
    assert_eq!(run.received, destination(1_008_990));
    assert!(is_soon(&run), "{:?}", run.took);
}

/// Not by more: then the payment ends at once, before any money has moved if it is to be one packet.
#[test]
fn a_destination_amount_between_two_large_units_is_refused() {
    let run = World::with(vec![units(100_301, 9_970)]).send_destination(50_000);
    let error = run.report.error.as_ref();
    assert!(matches!(error, Some(SendError::BetweenPackets { .. })), "{:?}", run.report);
    assert_eq!(run.received, destination(0));
    assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
}

/// What a hop calls too small delivers nothing, also of a question: the packet that brings the last unit is larger.
#[test]
fn the_last_unit_may_take_more_than_its_worth() {
    let hops = || {
        let up: HopFn = common::rate(10_000, 1);
        let last: HopFn = Box::new(|packet| match packet.prepare.amount.units() * 999 / 10_000 {
            0 => reject(R01),
            units => common::Hop::Forward(Amount::new(units)),
        });
        vec![maximum(100_000), up, units(1_000_000, 1), last]
    };
    for amount in [99, 100, 101] {
        let run = World::with(hops()).send_destination(amount);
        assert!(run.report.is_completed(), "{amount}: {:?} {:?}", run.report, run.rejects);
        assert_eq!(run.received, destination(amount));
        assert!(is_soon(&run), "{amount}: {:?}", run.took);
    }
}

/// Where no single packet delivers what is missing, two may.
#[test]
fn two_packets_bring_what_one_does_not() {
    let mut config = config(Target::Destination(destination(2_294_000)));
    config.max_source_amount = source(2_000_000_000);
    let run = World::with(vec![maximum(749_999), units(500_000, 997_000)]).send(config);
    let error = run.report.error.as_ref();
    // Three units are 2,991,000, which is too much; two are not enough.
    assert!(matches!(error, Some(SendError::BetweenPackets { .. })), "{:?} {:?}", run.report, run.rejects);
    let run = World::with(vec![maximum(749_999), units(500_000, 997_000)]).send_destination(100_000_000);
    assert!(run.report.is_completed(), "{:?} {:?}", run.report, run.rejects);
    assert_eq!(run.received, destination(100_697_000));
    assert!(is_soon(&run), "{:?}", run.took);
}
