//! Random troubles on a path at a rate of one, against a ledger of two sums: what arrived, and what the sender says.

mod common;

use std::time::Duration;

use common::{Hop, World, config, destination, maximum, reject, source};
use proptest::prelude::*;
use psk_chunking::send::{SendConfig, SendError, Target};
use psk_codec::{Amount, ErrorCode, Fulfillment, Reply};

/// What befalls a chunk.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Passes,
    Rejected(ErrorCode),
    Swallowed,
    NotSent,
    LinkLost {
        arrives: bool,
    },
    Late(u64),
    /// Arrives, and its answer is lost.
    AnswerLost,
    /// Arrives, and its answer loses its data.
    Stripped,
    /// Arrives, and its answer has a wrong preimage.
    WrongPreimage,
    /// So many per mille of it arrive.
    Shortened(u64),
}

fn fate() -> impl Strategy<Value = Fate> {
    let codes = [
        ErrorCode::T00_INTERNAL_ERROR,
        ErrorCode::T04_INSUFFICIENT_LIQUIDITY,
        ErrorCode::T05_RATE_LIMITED,
        ErrorCode::F08_AMOUNT_TOO_LARGE,
        ErrorCode::F99_APPLICATION_ERROR,
        ErrorCode::R00_TRANSFER_TIMED_OUT,
        ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT,
        ErrorCode::R02_INSUFFICIENT_TIMEOUT,
        ErrorCode::F02_UNREACHABLE,
    ];
    prop_oneof![
        20 => Just(Fate::Passes),
        4 => proptest::sample::select(codes.to_vec()).prop_map(Fate::Rejected),
        1 => Just(Fate::Swallowed),
        1 => Just(Fate::NotSent),
        1 => any::<bool>().prop_map(|arrives| Fate::LinkLost { arrives }),
        1 => (1..60_000_u64).prop_map(Fate::Late),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::Stripped),
        1 => Just(Fate::WrongPreimage),
        1 => (900..1_000_u64).prop_map(Fate::Shortened),
    ]
}

/// A path where the fates come one after the other, again and again.
fn world(fates: Vec<Fate>, one_way: Duration) -> World {
    let befallen = std::rc::Rc::new(std::cell::Cell::new(Fate::Passes));
    let answered = befallen.clone();
    let mut chunk = 0;
    let hop = Box::new(move |packet: &common::Passing<'_>| {
        let forward = Hop::Forward(packet.prepare.amount);
        befallen.set(Fate::Passes);
        if packet.is_probe {
            return forward;
        }
        befallen.set(fates[chunk % fates.len()]);
        chunk += 1;
        match befallen.get() {
            Fate::Rejected(code) => reject(code),
            Fate::Swallowed => Hop::Swallow,
            Fate::NotSent => Hop::NotSent,
            Fate::LinkLost { arrives } => Hop::LinkLost { arrives },
            Fate::Late(millis) => Hop::Late(Duration::from_millis(millis)),
            Fate::Shortened(per_mille) => {
                Hop::Forward(Amount::new(packet.prepare.amount.units() * per_mille / 1_000))
            }
            Fate::Passes | Fate::AnswerLost | Fate::Stripped | Fate::WrongPreimage => forward,
        }
    });
    let reply = Box::new(move |_: &_, reply| match (answered.get(), reply) {
        (Fate::AnswerLost, _) => None,
        (Fate::Stripped, Reply::Fulfill(mut fulfill)) => {
            fulfill.data = bytes::Bytes::new();
            Some(fulfill.into())
        }
        (Fate::WrongPreimage, Reply::Fulfill(mut fulfill)) => {
            fulfill.fulfillment = Fulfillment::new([0; 32]);
            Some(fulfill.into())
        }
        (_, reply) => Some(reply),
    });
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
