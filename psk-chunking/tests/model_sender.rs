//! Random troubles on a path at a rate of one, against a ledger of two sums: what arrived, and what the sender says.

mod common;

use std::time::Duration;

use common::fate::Fate;
use common::{World, config, destination, maximum, source};
use proptest::prelude::*;
use psk_chunking::send::{SendConfig, SendError, Target};

fn fate() -> impl Strategy<Value = Fate> {
    common::fate::fate(1, (900..1_000_u64).prop_map(Fate::Shortened))
}

/// A path where the fates come one after the other, again and again.
fn world(fates: Vec<Fate>, one_way: Duration) -> World {
    let befallen = std::rc::Rc::new(std::cell::Cell::new(Fate::Passes));
    let answered = befallen.clone();
    let mut chunk = 0;
    let hop = Box::new(move |packet: &common::Passing<'_>| {
        befallen.set(Fate::Passes);
        if !packet.is_probe {
            befallen.set(fates[chunk % fates.len()]);
            chunk += 1;
        }
        befallen.get().of_packet(packet.prepare.amount)
    });
    let reply = Box::new(move |_: &_, reply| answered.get().of_answer(reply));
    World { one_way, reply, ..World::with(vec![maximum(1_000), hop]) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_the_books_are_true_and_the_payment_ends(
        fates in proptest::collection::vec(fate(), 1..40),
        amount in 1..100_000u64,
        one_way in prop_oneof![Just(1), Just(50), Just(500)],
        to_destination: bool,
    ) {
        let shortens = fates.iter().any(|fate| matches!(fate, Fate::Shortened(_)));
        let target = match to_destination {
            true => Target::Destination(destination(amount)),
            false => Target::Source(source(amount)),
        };
        let config = SendConfig {
            max_source_amount: source(amount + amount / 20 + 100),
            // A path that lets one unit through a minute makes progress for days.
            total_timeout: Some(Duration::from_secs(2 * 3_600)),
            ..config(target)
        };
        let run = world(fates, Duration::from_millis(one_way)).send(config);
        let account = run.report.account;
        // `World` has checked after every step that the budget holds and that no more is delivered than received.
        let (sent, in_doubt) = (account.source_sent.units(), account.in_doubt.units());
        prop_assert!(run.received.units() <= sent + in_doubt, "{:?} {:?}", run.received, run.report);
        if !shortens {
            prop_assert!(sent <= run.received.units(), "{:?} {:?}", run.received, run.report);
        }
        if run.report.is_completed() {
            // A completing chunk without data counts as its minimum, which is all when the rate does not jump.
            prop_assert!(shortens || account.delivered == run.received, "{:?} {:?}", run.received, run.report);
            match target {
                Target::Source(amount) => prop_assert_eq!(account.source_sent, amount),
                // A completing chunk made larger for a low rate may meet a higher one, by the slippage at most.
                Target::Destination(amount) => {
                    let over = run.received.checked_sub(amount).unwrap().units();
                    prop_assert!(over <= if shortens { 12 } else { 0 }, "{over} too much");
                }
            }
        }
        prop_assert!(run.report.error != Some(SendError::InDoubt) || in_doubt > 0);
        prop_assert!(run.packets < 100_000, "{}", run.packets);
        prop_assert!(run.took < Duration::from_secs(4 * 3_600), "{:?}", run.took);
    }
}
