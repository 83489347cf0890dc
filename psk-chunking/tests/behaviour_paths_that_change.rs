//! Paths of one payment that become better or worse while it goes on, and paths beside one that answers at once: each
//! brings what it can.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use common::{Hop, HopFn, Passing, World, config, rate, reject, source};
use psk_chunking::send::{SendConfig, Target};
use psk_chunking::sim::{Outcome, RunOptions, Scenario, run};
use psk_codec::ErrorCode;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Alice and bob with two connectors between them.
#[derive(Clone, Copy)]
struct TwoPaths<'a> {
    /// Of the narrow connector.
    narrow: &'a str,
    /// Of its links.
    narrow_us: u64,
    /// The same of the wide one.
    wide: &'a str,
    wide_us: u64,
    /// Of the payment.
    payment: &'a str,
    /// After all that.
    more: &'a str,
}

impl TwoPaths<'_> {
    #[track_caller]
    fn pay(self) -> Outcome {
        let Self { narrow, narrow_us, wide, wide_us, payment, more } = self;
        let text = format!(
            r#"
            name = "two-paths"
            expects = "completes"
            [network]
            hosts = ["alice", "bob"]
            [[network.connectors]]
            name = "narrow"
            {narrow}
            [[network.connectors]]
            name = "wide"
            {wide}
            [[network.links]]
            ends = ["alice", "narrow"]
            latency_us = {narrow_us}
            [[network.links]]
            ends = ["narrow", "bob"]
            latency_us = {narrow_us}
            [[network.links]]
            ends = ["alice", "wide"]
            latency_us = {wide_us}
            [[network.links]]
            ends = ["wide", "bob"]
            latency_us = {wide_us}
            [[payments]]
            from = "alice"
            to = "bob"
            {payment}
            {more}
            "#
        );
        let scenario: Scenario = toml::from_str(&text).unwrap();
        let outcome = run(&scenario, RunOptions::seed(1)).unwrap();
        assert!(outcome.is_well(), "{outcome}");
        outcome
    }
}

fn took(outcome: &Outcome) -> Duration {
    outcome.payments[0].took
}

/// One to one, by a rate that is so many parts per million at these times.
fn follows(curve: &[(u64, u64)]) -> String {
    let points = curve.iter().map(|(at, ppm)| format!("{{ at_ms = {at}, ppm = {ppm} }}"));
    let points = points.collect::<Vec<_>>().join(", ");
    format!("rates = [{{ from = \"XRP\", to = \"XRP\", rate = 1, curve = [{points}] }}]")
}

/// The narrow one takes 300 s or 60 s for all of it by itself.
const SLOW: &str = "liquidity = { capacity = 10_000, per_second = 10_000 }";
const BY_ITSELF: &str = "liquidity = { capacity = 10_000, per_second = 50_000 }";

#[test]
fn a_path_that_becomes_good_enough_is_used() {
    let wide = follows(&[(1_500, 900_000), (1_500, 1_000_000)]);
    for fixed in ["source", "destination"] {
        for policy in ["", "path_policy = \"cheapest\"", "min_rate = \"0.89\"", "any_rate = true"] {
            let payment = format!("amount = 3_000_000\nfixed = \"{fixed}\"\n{policy}");
            let world = TwoPaths {
                narrow: SLOW,
                narrow_us: 10_000,
                wide: &wide,
                wide_us: 10_000,
                payment: &payment,
                more: "",
            };
            let outcome = world.pay();
            assert!(took(&outcome) < ms(7_500), "{fixed} {policy}: {outcome}");
        }
    }
}

/// Within the slippage, so that nothing is rejected while it is worse.
#[test]
fn a_path_that_was_left_for_its_rate_is_used_again() {
    let wide = follows(&[(300, 1_000_000), (300, 900_000), (4_000, 900_000), (4_000, 1_000_000)]);
    let wide = format!("liquidity = {{ capacity = 20_000, per_second = 400_000 }}\n{wide}");
    for fixed in ["source", "destination"] {
        let payment = format!("amount = 3_000_000\nfixed = \"{fixed}\"\nslippage_ppm = 200_000");
        let world = TwoPaths {
            narrow: BY_ITSELF,
            narrow_us: 10_000,
            wide: &wide,
            wide_us: 20_000,
            payment: &payment,
            more: "",
        };
        let outcome = world.pay();
        // Seven seconds of both, and four or five without the wide one.
        assert!(took(&outcome) < ms(15_000), "{fixed}: {outcome}");
    }
}

/// So much passes in a second, and nothing is kept for later.
fn trickle(per_second: u64) -> HopFn {
    let mut free_at = Duration::ZERO;
    Box::new(move |packet: &Passing<'_>| {
        let amount = packet.prepare.amount;
        if packet.is_probe {
            return Hop::Forward(amount);
        }
        if packet.now < free_at {
            return reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY);
        }
        free_at = packet.now + ms(amount.units() * 1_000 / per_second);
        Hop::Forward(amount)
    })
}

/// Swallows everything from one time to another.
fn silent(from: Duration, until: Duration) -> HopFn {
    Box::new(move |packet: &Passing<'_>| match (from..until).contains(&packet.now) {
        true => Hop::Swallow,
        false => Hop::Forward(packet.prepare.amount),
    })
}

/// It is asked now and then, by packets that cost nothing.
#[test]
fn a_path_that_stays_worse_costs_a_few_packets() {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let times = asked.clone();
    let listens: HopFn = Box::new(move |packet: &Passing<'_>| {
        if packet.now > ms(500) {
            assert!(packet.is_probe);
            times.borrow_mut().push(packet.now);
        }
        Hop::Forward(packet.prepare.amount)
    });
    let mut world = World::with(vec![common::maximum(1_000), trickle(10_000)]);
    world.others = vec![vec![listens, rate(9, 10)]];
    let run = world.send_source(500_000);
    assert!(run.report.is_completed() && run.took > ms(49_000), "{:?}", run.report);
    let asked = asked.borrow();
    // After two seconds, then four, eight and ten, give or take a quarter.
    assert!((4..=8).contains(&asked.len()), "{asked:?}");
    let pauses = asked.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(asked[0] > ms(1_500) && pauses.min().unwrap() >= ms(3_000), "{asked:?}");
}

/// The path that is left unused is dumb when it is asked: the payment ends when it would end without it.
#[test]
fn nothing_waits_for_an_answer_of_a_path_that_is_left_unused() {
    for amount in (25_000..70_000).step_by(1_000) {
        let hops = || vec![common::maximum(1_000), trickle(20_000)];
        let alone = World::with(hops()).send_source(amount);
        let others = vec![vec![rate(9, 10), silent(ms(300), Duration::MAX)]];
        let run = World { others, ..World::with(hops()) }.send_source(amount);
        assert!(run.report.is_completed(), "{:?}", run.report);
        assert_eq!(run.report.account.delivered, run.received);
        assert!(run.took <= alone.took + ms(50), "{amount}: {:?} {:?}", run.took, alone.took);
    }
}

/// What is in doubt was lost, the receiver says, and the path works again.
#[test]
fn a_path_that_was_silent_for_a_while_is_used_again() {
    let mut world = World::with(vec![common::maximum(1_000), trickle(4_000)]);
    world.others = vec![vec![common::maximum(1_000), silent(ms(400), ms(4_000))]];
    let target = Target::Source(source(400_000));
    let run = world.send(SendConfig { max_packets_in_flight: 4, ..config(target) });
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.account.delivered, run.received);
    // A hundred seconds without it.
    assert!(run.took < ms(45_000), "{:?}", run.took);
}

/// What a window says of a path that answers at once is nothing.
#[test]
fn a_path_that_answers_at_once_does_not_starve_another() {
    let narrow = "liquidity = { capacity = 20_000, per_second = 20_000 }";
    for (wide, longest) in [
        ("", ms(100)),
        ("max_packet_amount = 1_000", ms(250)),
        ("liquidity = { capacity = 20_000, per_second = 200_000 }", ms(2_000)),
    ] {
        for fixed in ["source", "destination"] {
            for policy in ["\"fastest\"", "{ weighed = 10_000 }"] {
                for controller in ["paced", "window"] {
                    for narrow_us in [0, 1_000] {
                        let payment = format!(
                            "amount = 400_000\nfixed = \"{fixed}\"\npath_policy = {policy}\ncontroller = \"{controller}\""
                        );
                        let payment = &payment;
                        let outcome =
                            TwoPaths { narrow, narrow_us, wide, wide_us: 5_000, payment, more: "" }.pay();
                        assert!(took(&outcome) < longest, "{wide} {narrow_us} {payment}: {outcome}");
                    }
                }
            }
        }
    }
}

/// It could complete a fixed destination amount by a single chunk, and nobody knows which while the others go on.
#[test]
fn a_wide_path_does_not_wait_for_what_others_bring() {
    for rates in [("1", "1"), ("0.97", "0.97"), ("0.97", "0.969"), ("1.37", "1.37")] {
        for more in ["", "[receivers]\nbob = { plain = true }"] {
            for (narrow_us, wide_us) in [(10_000, 10_000), (5_000, 50_000), (50_000, 5_000)] {
                let at = |rate| format!("rates = [{{ from = \"XRP\", to = \"XRP\", rate = \"{rate}\" }}]");
                let narrow = format!("{BY_ITSELF}\n{}", at(rates.0));
                let payment = "amount = 1_000_000\nfixed = \"destination\"";
                let wide = at(rates.1);
                let outcome =
                    TwoPaths { narrow: &narrow, narrow_us, wide: &wide, wide_us, payment, more }.pay();
                assert!(took(&outcome) < ms(1_000), "{rates:?} {more} {narrow_us}: {outcome}");
            }
        }
    }
}
