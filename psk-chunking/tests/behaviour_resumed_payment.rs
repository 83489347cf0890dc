//! A payment that was paused and resumed neither repeats nor forgets anything.

mod common;

use std::time::Duration;

use common::{Hop, World, chunks_only, config, destination, maximum, source};
use psk_chunking::send::{Input, SendConfig, Target};
use psk_codec::Reply;

const PAUSED: Duration = Duration::from_millis(350);
const RESUMED: Duration = Duration::from_secs(20);

fn pays() -> SendConfig {
    let mut config = config(Target::Source(source(200_000)));
    config.max_packets_in_flight = 20;
    config
}

fn paused(world: World) -> World {
    World { commands: vec![(PAUSED, || Input::Pause), (RESUMED, || Input::Resume)], ..world }
}

#[test]
fn nothing_leaves_while_it_is_paused_and_all_of_it_arrives() {
    let run = paused(World::with(vec![maximum(1_000)])).send(pays());
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!((run.report.account.source_sent, run.received), (source(200_000), destination(200_000)));
    assert!(run.took > RESUMED, "{:?}", run.took);
    let meanwhile = run.sent_at.iter().filter(|time| **time > PAUSED && **time < RESUMED).count();
    assert_eq!(meanwhile, 0);
    // 200 chunks and a few probes: nothing was sent twice.
    assert!(run.packets < 210, "{}", run.packets);
}

/// Chunks that were in flight when it was paused, and whose answers never come.
#[test]
fn what_was_lost_meanwhile_is_settled_afterwards() {
    for arrives in [true, false] {
        let hop =
            chunks_only(move |chunk, _| (!arrives && (21..31).contains(&chunk)).then_some(Hop::Swallow));
        let mut fulfills = 0;
        let reply = Box::new(move |_: &_, reply| {
            fulfills += u64::from(matches!(reply, Reply::Fulfill(_)));
            (!arrives || !(21..31).contains(&fulfills)).then_some(reply)
        });
        let world = World { reply, ..World::with(vec![maximum(1_000), hop]) };
        let run = paused(world).send(pays());
        assert!(run.report.is_completed(), "{:?}", run.report);
        let account = run.report.account;
        assert_eq!((account.source_sent, run.received), (source(200_000), destination(200_000)));
        assert_eq!(account.delivered, destination(200_000));
        let meanwhile = run.sent_at.iter().filter(|time| **time > PAUSED && **time < RESUMED).count();
        assert_eq!(meanwhile, 0);
    }
}

#[test]
fn a_payment_may_be_paused_again_and_again() {
    let mut commands: Vec<(Duration, fn() -> Input)> = vec![];
    for second in 0..30 {
        commands.push((Duration::from_millis(1_000 * second + 310), || Input::Pause));
        commands.push((Duration::from_millis(1_000 * second + 777), || Input::Resume));
    }
    let mut config = pays();
    config.max_packets_in_flight = 3;
    let run = World { commands, ..World::with(vec![maximum(1_000)]) }.send(config);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!((run.report.account.source_sent, run.received), (source(200_000), destination(200_000)));
}

/// Paused before anything is known of the path.
#[test]
fn a_payment_may_be_paused_from_the_start() {
    for paused_at in [0, 20, 50, 99, 100, 150, 199, 200, 201] {
        let commands: Vec<(Duration, fn() -> Input)> = vec![];
        let mut world = World { commands, ..World::with(vec![maximum(1_000)]) };
        world.commands.push((Duration::from_millis(paused_at), || Input::Pause));
        world.commands.push((RESUMED, || Input::Resume));
        let run = world.send(pays());
        assert!(run.report.is_completed(), "{paused_at}: {:?}", run.report);
        assert_eq!(run.received, destination(200_000), "{paused_at}");
    }
}
