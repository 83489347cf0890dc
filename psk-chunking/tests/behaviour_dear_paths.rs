//! Several paths, one of them much dearer: what others do for a moment, or have promised, does not make its price that of the
//! payment. With the default policy, all that cost at most 1 % more than the best, and the default minimum rate, 1 % below it.

mod common;

use std::time::Duration;

use common::{
    Hop, HopFn, Passing, Run, World, chunks_only, config, destination, maximum, rate, reject, source,
};
use psk_chunking::send::{PathPolicy, SendConfig, SendError, Target};
use psk_codec::{Amount, ErrorCode};

/// Packets of 1,000 at most, over a hop that does this and another that does that.
fn two(one: Vec<HopFn>, other: Vec<HopFn>) -> World {
    let with_maximum = |mut hops: Vec<HopFn>| {
        hops.insert(0, maximum(1_000));
        hops
    };
    World { others: vec![with_maximum(other)], ..World::with(with_maximum(one)) }
}

fn half() -> Vec<HopFn> {
    vec![rate(1, 2)]
}

fn pays(target: Target, most_in_flight: usize) -> SendConfig {
    SendConfig { max_packets_in_flight: most_in_flight, ..config(target) }
}

fn pay(world: World) -> Run {
    world.send(pays(Target::Source(source(1_000_000)), 50))
}

/// So much less than what was sent has arrived.
fn lost(run: &Run) -> u64 {
    run.report.account.source_sent.units() - run.received.units()
}

/// Nothing comes back for the second second.
fn dark() -> HopFn {
    Box::new(|packet| match packet.now.as_secs() {
        1 => Hop::Swallow,
        _ => Hop::Forward(packet.prepare.amount),
    })
}

/// So many thousandths of what comes in, while this holds; else all.
fn less(thousandths: u64, when: impl Fn(&Passing<'_>) -> bool + 'static) -> HopFn {
    Box::new(move |packet| {
        let units = packet.prepare.amount.units();
        Hop::Forward(Amount::new(if when(packet) { units * thousandths / 1_000 } else { units }))
    })
}

#[test]
fn nothing_goes_over_it_while_the_other_is_silent() {
    for policy in [PathPolicy::Weighed(10_000), PathPolicy::Cheapest] {
        let config = SendConfig { path_policy: policy, ..pays(Target::Source(source(1_000_000)), 50) };
        let run = two(vec![dark()], half()).send(config);
        assert!(run.report.is_completed() && lost(&run) == 0, "{:?}", run.report);
    }
}

#[test]
fn nothing_goes_over_it_because_it_answers_sooner() {
    let run = pay(two(vec![Box::new(|_| Hop::Late(Duration::from_millis(800)))], half()));
    assert!(run.report.is_completed() && lost(&run) == 0, "{:?}", run.report);
}

/// Its price is another than that at which the payment began.
#[test]
fn nothing_goes_over_it_when_the_other_is_gone() {
    let gone = chunks_only(|chunk, _| (chunk > 100).then(|| reject(ErrorCode::F00_BAD_REQUEST)));
    let run = pay(two(vec![gone], half()));
    assert_eq!(run.report.error, Some(SendError::RateTooLow));
    assert!(run.received > destination(90_000) && lost(&run) == 0, "{:?}", run.report);
}

/// Unless the caller wants all paths.
#[test]
fn it_is_used_by_whoever_wants_all_paths() {
    let config =
        SendConfig { path_policy: PathPolicy::Fastest, ..pays(Target::Source(source(1_000_000)), 50) };
    let run = two(vec![dark()], half()).send(config);
    assert!(run.report.is_completed() && lost(&run) > 100_000, "{:?}", run.report);
}

#[test]
fn a_fixed_amount_costs_what_it_costs_over_the_other() {
    let run = two(vec![dark()], half()).send(pays(Target::Destination(destination(1_000_000)), 50));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(1_000_000));
}

/// The first packets are probes, of which it costs a hop nothing to deliver more than it gets.
#[test]
fn who_promises_too_much_does_not_stop_the_others() {
    let mut seen = 0;
    let promises: HopFn = Box::new(move |packet| {
        seen += 1;
        let units = packet.prepare.amount.units();
        Hop::Forward(Amount::new(if seen <= 7 { units * 2 } else { units }))
    });
    let run = two(vec![], vec![promises]).send(pays(Target::Source(source(200_000)), 20));
    assert!(run.report.is_completed() && run.took < Duration::from_secs(30), "{:?}", run.report);
}

/// Nor if it takes no money at all: it has paid nothing for its promise.
#[test]
fn who_promises_and_does_not_answer_does_not_stop_the_others() {
    let promises: HopFn = Box::new(|packet| match packet.is_probe {
        true => Hop::Forward(Amount::new(packet.prepare.amount.units() * 2)),
        false => Hop::Swallow,
    });
    let run = two(vec![], vec![promises]).send(pays(Target::Source(source(200_000)), 20));
    assert!(run.report.is_completed() && run.took < Duration::from_secs(60), "{:?}", run.report);
}

/// The rate falls below what it has to be, and another path is a little dearer than it was at first.
#[test]
fn a_path_whose_rate_falls_leaves_the_payment_to_the_others() {
    for (falls_to, other, most_in_flight) in [(970, 995, 10), (900, 980, 10), (900, 980, 1)] {
        for target in [Target::Source(source(100_000)), Target::Destination(destination(100_000))] {
            let falls = less(falls_to, |packet| packet.now >= Duration::from_millis(500));
            let run = two(vec![falls], vec![rate(other, 1_000)]).send(pays(target, most_in_flight));
            assert!(run.report.is_completed() && run.took < Duration::from_secs(30), "{:?}", run.report);
        }
    }
}
