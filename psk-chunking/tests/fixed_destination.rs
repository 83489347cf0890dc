//! Fixed destination amounts: exact, whatever a unit is worth and however the rate moves; within the maximum source
//! amount, which is hard.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::time::Duration;

use common::{Hop, HopFn, World, config, destination, maximum, rate, source};
use proptest::prelude::*;
use psk_chunking::send::Target;
use psk_codec::Amount;

#[test]
fn less_than_the_worth_of_a_unit_costs_one_unit() {
    for amount in [1, 5, 999, 1_000, 1_001, 50_005, 1_234_005, 1_234_995] {
        let run = World::with(vec![maximum(100), rate(1_000, 1)]).send_destination(amount);
        assert!(run.report.is_completed(), "{amount}: {:?}", run.report);
        assert_eq!(run.received, destination(amount.next_multiple_of(1_000)), "{amount}");
    }
}

/// A rate, in per mille of one, that depends on the time.
fn moving(per_mille: impl Fn(Duration) -> u64 + 'static) -> HopFn {
    Box::new(move |packet| {
        let amount = u128::from(packet.prepare.amount.units()) * u128::from(per_mille(packet.now)) / 1_000;
        Hop::Forward(Amount::new(u64::try_from(amount).unwrap()))
    })
}

#[test]
fn a_rate_that_steps_down_within_the_slippage_stays_exact() {
    for at in [150, 350, 450, 550, 650] {
        let step = moving(move |now| if now.as_millis() < at { 1_000 } else { 995 });
        let run = World::with(vec![maximum(1_000), step]).send_destination(1_000_000);
        assert!(run.report.is_completed(), "{at}: {:?}", run.report);
        assert_eq!(run.received, destination(1_000_000), "{at}");
    }
}

#[test]
fn a_rate_that_steps_up_overshoots_by_less_than_a_packet_and_completes() {
    for at in [350, 450, 500, 550, 600, 650] {
        let step = moving(move |now| if now.as_millis() < at { 1_000 } else { 1_030 });
        let run = World::with(vec![maximum(1_000), step]).send_destination(1_000_000);
        assert!(run.report.is_completed(), "{at}: {:?}", run.report);
        assert!(run.received.units() <= 1_001_030, "{at}: {:?}", run.received);
    }
}

#[test]
fn a_rate_that_drifts_up_stays_exact_but_for_a_packet() {
    let drift = moving(|now| 1_000 + u64::try_from(now.as_millis() / 50).unwrap().min(50));
    let run = World::with(vec![maximum(1_000), drift]).send_destination(2_000_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert!(run.received.units() <= 2_001_050, "{:?}", run.received);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What a quote by the payment's own chunks says it costs is enough, and not a unit more is spent.
    #[test]
    fn the_maximum_source_amount_is_hard(
        amount in 1..1_000_000u64,
        (numerator, denominator) in (1..2_000u64, 1..2_000u64),
        limit in 2_000..1_000_000u64,
        less in 0..3u64,
    ) {
        let hops = || vec![maximum(limit), rate(numerator, denominator)];
        // With any limit at all, the path is searched to its end before money moves, and chunks are cut accordingly.
        let mut config = config(Target::Destination(destination(amount)));
        config.max_source_amount = source(u64::MAX - 1);
        let run = World::with(hops()).send(config.clone());
        prop_assert!(run.report.is_completed(), "{:?}", run.report);
        let spent = run.report.account.source_sent.units();
        config.max_source_amount = source(spent.saturating_sub(less));
        let run = World::with(hops()).send(config);
        prop_assert!(run.report.account.source_sent.units() <= spent - less.min(spent));
        if less == 0 {
            prop_assert!(run.report.is_completed(), "{spent} {:?}", run.report);
        }
    }
}
