//! A receiver that has forgotten a payment, or has begun it anew since, knows nothing of its chunks: what it does not name
//! is not sent again.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::{Hop, HopFn, ReplyFn, World, config, destination, maximum, source};
use psk_chunking::receive::ReceiveConfig;
use psk_chunking::send::{Input, SendConfig, SendError, Target};
use psk_codec::{ErrorCode, Reply};

/// The answers to a window of twenty chunks are lost, and the payment is paused until then.
fn resumed_after(pause: Duration, target: Target) -> common::Run {
    let now = Rc::new(Cell::new(Duration::ZERO));
    let seen = Rc::clone(&now);
    let clock: HopFn = Box::new(move |packet| {
        seen.set(packet.now);
        Hop::Forward(packet.prepare.amount)
    });
    let reply: ReplyFn =
        Box::new(move |_, reply| (!(240..260).contains(&now.get().as_millis())).then_some(reply));
    let mut world = World { reply, ..World::with(vec![clock, maximum(1_000)]) };
    world.commands.push((Duration::from_millis(255), || Input::Pause));
    world.commands.push((pause, || Input::Resume));
    let config =
        SendConfig { idle_timeout: Duration::from_secs(7_200), max_packets_in_flight: 20, ..config(target) };
    world.send(config)
}

fn targets() -> [Target; 2] {
    [Target::Source(source(200_000)), Target::Destination(destination(200_000))]
}

#[test]
fn one_that_remembers_settles_what_was_lost() {
    for target in targets() {
        let run = resumed_after(Duration::from_secs(20), target);
        assert!(run.report.is_completed(), "{:?}", run.report);
        assert_eq!(run.received, destination(200_000));
    }
}

/// It has ended the payment by silence, and forgotten it ten minutes later.
#[test]
fn one_that_has_forgotten_is_not_paid_twice() {
    for target in targets() {
        let run = resumed_after(Duration::from_secs(900), target);
        assert_eq!(run.report.error, Some(SendError::InDoubt));
        let account = run.report.account;
        assert_eq!(account.in_doubt, source(20_000), "{account:?}");
        assert_eq!(account.source_sent, source(180_000), "{account:?}");
        assert_eq!(run.received, destination(200_000), "no more than was to be paid");
    }
}

/// The answer to a payment's only chunk is lost, and the receiver has forgotten the payment before it can be asked.
fn only_chunk(world: World) -> common::Run {
    let mut fulfills = 0;
    let reply: ReplyFn = Box::new(move |_, reply| {
        let fulfilled = matches!(reply, Reply::Fulfill(_));
        fulfills += u64::from(fulfilled);
        (!fulfilled || fulfills != 1).then_some(reply)
    });
    // No longer than it has to.
    let receive = ReceiveConfig { retention: Duration::ZERO, ..ReceiveConfig::default() };
    let world = World { reply, receive, ..world };
    let idle_timeout = Duration::from_secs(7_200);
    world.send(SendConfig { idle_timeout, ..config(Target::Source(source(1_000))) })
}

#[test]
fn a_single_chunk_is_not_paid_twice() {
    let paused = Duration::from_millis(205);
    let mut outcomes = std::collections::BTreeSet::new();
    for resumed in [1, 30, 50, 58, 60, 62, 70, 300] {
        let mut world = World::with(vec![maximum(1_000)]);
        world.commands = vec![(paused, || Input::Pause), (Duration::from_secs(resumed), || Input::Resume)];
        let run = only_chunk(world);
        let account = run.report.account;
        assert_eq!(run.received, destination(1_000), "{resumed}: paid once");
        assert_eq!(account.committed(), Some(source(1_000)), "{resumed}: {account:?}");
        outcomes.insert(run.report.is_completed());
    }
    assert_eq!(outcomes.len(), 2, "remembered for a while, then not");
}

/// Hops have no room for questions until then.
#[test]
fn nor_where_questions_find_no_room() {
    for until in [10, 40, 60, 61, 90] {
        let busy: HopFn = Box::new(move |packet| {
            match (Duration::from_millis(200)..Duration::from_secs(until)).contains(&packet.now) {
                true => common::reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY),
                false => Hop::Forward(packet.prepare.amount),
            }
        });
        let run = only_chunk(World::with(vec![maximum(1_000), busy]));
        assert_eq!(run.received, destination(1_000), "{until}: paid once");
        assert_eq!(run.report.account.committed(), Some(source(1_000)), "{until}: {:?}", run.report);
    }
}
