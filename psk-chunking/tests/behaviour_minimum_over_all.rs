//! The minimum of each chunk is rounded down; the minimum rate holds for the whole payment all the same, whatever sizes the
//! path makes of its chunks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use common::{Hop, Run, World, config, destination, maximum, source};
use psk_chunking::send::{MinimumRate, SendConfig, Target};
use psk_codec::{Amount, ErrorCode};
use psk_quote::Rate;

/// At least 98 in a hundred have to arrive; a hop keeps a thousandth, rounds down, and says of larger packets something.
fn pay(largest: u64, target: Target, code: ErrorCode) -> Run {
    let spread = Box::new(|packet: &common::Passing<'_>| {
        Hop::Forward(Amount::new((u128::from(packet.prepare.amount.units()) * 999 / 1_000) as u64))
    });
    let limit = match code {
        ErrorCode::F08_AMOUNT_TOO_LARGE => maximum(largest),
        code => common::maximum_with(code, largest),
    };
    let minimum_rate = MinimumRate::AtLeast(Rate::new(destination(98), source(100)).unwrap());
    let max_source_amount = source(20_000);
    World::with(vec![limit, spread]).send(SendConfig { minimum_rate, max_source_amount, ..config(target) })
}

#[test]
fn small_packets_do_not_eat_the_money_up() {
    for code in [ErrorCode::F08_AMOUNT_TOO_LARGE, ErrorCode::T04_INSUFFICIENT_LIQUIDITY] {
        for target in [Target::Source(source(10_000)), Target::Destination(destination(9_900))] {
            for largest in [2, 5, 10, 20, 49, 50, 51, 100, 1_000] {
                let run = pay(largest, target, code);
                let account = run.report.account;
                let least = u128::from(account.source_sent.units()) * 98 / 100;
                // A unit, a thousandth of the payment, and a unit of the last chunk.
                let given_away = 1 + 10 + 1;
                let what = (code, target, largest, account);
                assert!(u128::from(account.delivered.units()) + given_away >= least, "{what:?}");
                assert_eq!(account.delivered, run.received, "{what:?}");
                // 99.9 of a hundred arrive, less up to a unit: 48 of 49 are nearly enough.
                assert_eq!(run.report.is_completed(), largest >= 49, "{what:?} {:?}", run.report.error);
            }
        }
    }
}

/// What many chunks in flight together give away counts before it is known, and so does what the last one does.
#[test]
fn what_is_in_flight_together_keeps_it_too() {
    let cases = [
        (333, 1, (999, 1_000), Target::Source(source(1_000))),
        (5, 1, (99, 100), Target::Destination(destination(17))),
        (25, 3, (9, 10), Target::Destination(destination(100))),
        (3, 1, (999, 1_000), Target::Destination(destination(1_000))),
        (3, 1, (4, 5), Target::Source(source(17))),
        (10, 1, (99, 100), Target::Source(source(100))),
    ];
    for (largest, hops, (above, below), target) in cases {
        let minimum = Rate::new(destination(above), source(below)).unwrap();
        let mut all = vec![maximum(largest)];
        all.extend((0..hops).map(|_| common::rate(999, 1_000)));
        let config = SendConfig { minimum_rate: MinimumRate::AtLeast(minimum), ..config(target) };
        let run = World::with(all).send(config);
        let account = run.report.account;
        let worth = match target {
            Target::Source(amount) => minimum.worth_floor(amount),
            Target::Destination(amount) => amount,
        };
        // A unit, a thousandth of the payment, and a unit of the last chunk.
        let least =
            minimum.worth_floor(account.source_sent).units().saturating_sub(worth.units() / 1_000 + 2);
        assert!(account.delivered.units() >= least, "{largest} {target:?} {:?}", run.report);
        assert_eq!(account.delivered, run.received);
    }
}
