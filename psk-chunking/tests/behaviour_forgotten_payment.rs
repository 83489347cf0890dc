//! A receiver that has forgotten a payment, or has begun it anew since, knows nothing of its chunks: what it does not name
//! is not sent again.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::{Hop, HopFn, ReplyFn, World, config, destination, maximum, source};
use psk_chunking::send::{Input, SendConfig, SendError, Target};

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
