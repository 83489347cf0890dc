//! A source unit is worth many destination units, and a hop rounds down to source units: packets of a few of them lose much of
//! one, though the rate is well above the minimum.

mod common;

use std::time::Duration;

use common::{Hop, HopFn, Run, World, config, destination, maximum, reject, source};
use psk_chunking::send::{MinimumRate, SendConfig, Target};
use psk_codec::{Amount, ErrorCode};
use psk_quote::Rate;

/// A hop that keeps 0.05 % and rounds down to a source unit.
fn spread() -> HopFn {
    Box::new(|packet| match packet.prepare.amount.units() * 9_995 / 10_000 {
        0 => reject(ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT),
        units => Hop::Forward(Amount::new(units)),
    })
}

/// A source unit is worth 99.5 here, and after so many packets half a unit less.
fn falls_after(packets: u64) -> HopFn {
    Box::new(move |packet| {
        let rate = if packet.count > packets { 990 } else { 995 };
        Hop::Forward(Amount::new(packet.prepare.amount.units() * rate / 10))
    })
}

/// Delivers it in packets of at most so much. Nothing is given away beyond what the last source unit brings.
fn pay(amount: u64, largest: u64, packets: u64) -> Run {
    let run = World::with(vec![maximum(largest), spread(), falls_after(packets)]).send_destination(amount);
    assert!(run.received < destination(amount + 100), "{amount} by {largest}: {:?}", run.received);
    run
}

/// Ten packets of 100 would leave 1,500. No packet brings that at the minimum rate.
#[test]
fn what_is_left_at_the_end_is_not_too_little_for_a_chunk() {
    let run = pay(100_000, 100, u64::MAX);
    assert!(run.report.is_completed(), "{:?} {:?}", run.report, run.rejects);
    assert_eq!(run.received, destination(100_092));
    assert_eq!(run.report.account.source_sent, source(1_017));
}

/// Where halves of what is left are too little, the last parts are even.
#[test]
fn whatever_the_amount_and_the_largest_packet() {
    for largest in [20, 40, 60, 100, 150, 300, 1_000] {
        for amount in (10_000..200_000).step_by(3_217) {
            let run = pay(amount, largest, u64::MAX);
            assert!(run.report.is_completed(), "{amount} by {largest}: {:?} {:?}", run.report, run.rejects);
            assert!(run.took < Duration::from_secs(3), "{amount} by {largest}: {:?}", run.took);
        }
    }
}

/// It leaves other amounts at the end than was planned for. For those a unit of ours may be rounded away at the end, as long as
/// the payment keeps the minimum rate but for a thousandth.
#[test]
fn whenever_the_rate_falls() {
    for largest in [40, 60, 100, 150, 300] {
        for (place, amount) in (100_000..200_000).step_by(3_217).enumerate() {
            let run = pay(amount, largest, 7 + place as u64);
            assert!(run.report.is_completed(), "{amount} by {largest}: {:?} {:?}", run.report, run.rejects);
            assert!(run.took < Duration::from_secs(5), "{amount} by {largest}: {:?}", run.took);
        }
    }
}

#[test]
fn the_minimum_rate_holds_over_all() {
    let minimum_rate = MinimumRate::AtLeast(Rate::new(destination(97), source(1)).unwrap());
    for largest in [40, 100, 150] {
        for (place, amount) in (10_000..200_000).step_by(3_217).enumerate() {
            let hops = vec![maximum(largest), spread(), falls_after(7 + place as u64 % 20)];
            let target = Target::Destination(destination(amount));
            let run = World::with(hops).send(SendConfig { minimum_rate, ..config(target) });
            let account = run.report.account;
            // A thousandth and a unit, and what the amount is rounded up to.
            let given_away = amount / 1_000 + 1 + 97;
            let what = (amount, largest, account);
            assert!(account.delivered.units() + given_away >= account.source_sent.units() * 97, "{what:?}");
            assert_eq!(account.delivered, run.received, "{what:?}");
        }
    }
}
