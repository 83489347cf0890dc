//! Fixed source amounts are spent exactly, fixed destination amounts are hit exactly.

mod common;

use std::time::Duration;

use common::{World, destination, every, maximum, maximum_with, rate, source};
use proptest::prelude::*;
use psk_codec::ErrorCode;

#[test]
fn a_million_units_in_packets_of_ten_thousand_take_under_two_seconds() {
    let run = World::with(vec![maximum(10_000)]).send_source(1_000_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(1_000_000));
    assert_eq!(run.report.account.delivered, destination(1_000_000));
    assert_eq!(run.received, destination(1_000_000));
    assert!(run.took < Duration::from_secs(1), "{:?}", run.took);
    assert!(run.packets < 120, "{} packets", run.packets);
}

#[test]
fn a_limit_answered_with_f08_and_no_details_is_found() {
    let hops = vec![maximum_with(ErrorCode::F08_AMOUNT_TOO_LARGE, 100)];
    let run = World::with(hops).send_source(50_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(50_000));
    assert!(run.took < Duration::from_secs(4), "{:?}", run.took);
}

#[test]
fn a_fixed_destination_amount_is_delivered_to_the_unit() {
    let run = World::with(vec![maximum(9_999), rate(37, 100)]).send_destination(1_000_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(1_000_000));
    assert_eq!(run.report.account.delivered, destination(1_000_000));
}

#[test]
fn several_roundings_do_not_matter() {
    let spread = || rate(998, 1_000);
    for amount in [1, 2, 3, 10, 99, 1_000, 123_457] {
        let hops = vec![spread(), maximum(10_000), spread(), spread(), rate(37, 100)];
        let run = World::with(hops).send_destination(amount);
        assert!(run.report.is_completed(), "{amount}: {:?}", run.report);
        assert_eq!(run.received, destination(amount));
        let hops = vec![spread(), maximum(10_000), spread(), spread()];
        let run = World::with(hops).send_source(amount + 10);
        assert!(run.report.is_completed(), "{amount}: {:?}", run.report);
        assert_eq!(run.report.account.source_sent, source(amount + 10));
    }
}

#[test]
fn a_unit_worth_a_thousand_overshoots_by_less_than_that() {
    let run = World::with(vec![maximum(100), rate(1_000, 1)]).send_destination(1_234_567);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(1_235_000));
}

#[test]
fn no_dust_is_left_that_delivers_nothing() {
    // 17 packets of 20 leave 5 units, of which nothing arrives. Of 15 as much arrives as of 20, and it is looked for.
    let run = World::with(vec![maximum(20), rate(7, 100)]).send_source(345);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(23));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// One destination unit takes many source units, and the largest packet brings only a few.
    #[test]
    fn coarse_rates_are_exact_too(
        numerator in 1..100u64, denominator in 100..5_000u64, units in 1..6u64, more in 0..1_000u64,
        wanted in 1..60u64, kind in 0..4, zero_is_rejected: bool,
    ) {
        let unit = denominator.div_ceil(numerator);
        let largest = unit * units + more % unit;
        let limit: common::HopFn = match kind {
            0 => maximum(largest),
            1 => maximum_with(ErrorCode::F08_AMOUNT_TOO_LARGE, largest),
            2 => maximum_with(ErrorCode::T04_INSUFFICIENT_LIQUIDITY, largest),
            _ => maximum(1 << 40),
        };
        let convert: common::HopFn = Box::new(move |packet| {
            let amount = packet.prepare.amount.units() * numerator / denominator;
            match amount == 0 && zero_is_rejected {
                true => common::reject(ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT),
                false => common::Hop::Forward(psk_codec::Amount::new(amount)),
            }
        });
        let run = World::with(vec![limit, convert]).send_destination(wanted);
        prop_assert!(run.report.is_completed(), "{:?} {:?}", run.report, run.rejects);
        prop_assert_eq!(run.received, destination(wanted));
        prop_assert!(run.packets < 1_000, "{}", run.packets);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_amount_at_any_rate_is_exact(
        amount in 1..3_000_000u64,
        (numerator, denominator) in (1..2_000u64, 1..2_000u64),
        limit in 2_000..1_000_000u64,
        kind in 0..3,
        sporadic in 5..50u64,
        by_source: bool,
    ) {
        let limit: common::HopFn = match kind {
            0 => maximum(limit),
            1 => maximum_with(ErrorCode::F08_AMOUNT_TOO_LARGE, limit),
            _ => maximum_with(ErrorCode::T04_INSUFFICIENT_LIQUIDITY, limit),
        };
        let sporadic = every(sporadic, ErrorCode::T00_INTERNAL_ERROR);
        let world = World::with(vec![limit, sporadic, rate(numerator, denominator)]);
        if by_source {
            // What is worth less than a unit is refused before anything is sent.
            prop_assume!(amount * numerator / denominator > 0);
            let run = world.send_source(amount);
            prop_assert!(run.report.is_completed(), "{:?}", run.report);
            prop_assert_eq!(run.report.account.source_sent, source(amount));
            prop_assert_eq!(run.report.account.delivered, run.received);
        } else {
            let run = world.send_destination(amount);
            prop_assert!(run.report.is_completed(), "{:?}", run.report);
            prop_assert_eq!(run.report.account.delivered, run.received);
            let overshoot = run.received.checked_sub(destination(amount)).unwrap();
            prop_assert!(overshoot.units() < numerator.div_ceil(denominator).max(1), "{overshoot}");
        }
    }
}

/// What is asked for may be too large for a hop that says T04: what is left after a part is asked for anew.
#[test]
fn questions_that_were_refused_do_not_count_for_what_is_left() {
    let limit = maximum_with(ErrorCode::T04_INSUFFICIENT_LIQUIDITY, 154_056);
    let sporadic = every(12, ErrorCode::T00_INTERNAL_ERROR);
    let run = World::with(vec![limit, sporadic, rate(120, 1_721)]).send_destination(1_319_795);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(1_319_795));
    assert!(run.took.as_secs() < 20, "{:?}", run.took);
}
