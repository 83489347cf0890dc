//! Worlds in which payments once took far too long, far too many packets, or did not come to a good end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::time::Duration;

use psk_chunking::sim::{Outcome, RunOptions, Scenario, run};

/// All goes well, whatever becomes of the payment.
fn run_world(world: &str, seed: u64) -> Outcome {
    let path = format!("{}/tests/worlds/{world}.toml", env!("CARGO_MANIFEST_DIR"));
    let scenario: Scenario = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let outcome = run(&scenario, RunOptions::seed(seed)).unwrap();
    assert!(outcome.is_well(), "{outcome}");
    outcome
}

/// Its only payment completes.
fn pay(world: &str, seed: u64) -> Outcome {
    let outcome = run_world(world, seed);
    let completed = outcome.payments[0].report.as_ref().is_some_and(|report| report.is_completed());
    assert!(completed, "{outcome}");
    outcome
}

/// With at most so many packets, in at most so many times the ideal.
fn pays_within(world: &str, seed: u64, packets: u64, times: u32) {
    let outcome = pay(world, seed);
    let payment = &outcome.payments[0];
    assert!(payment.packets <= packets && payment.took <= payment.ideal * times, "{outcome}");
}

/// Little liquidity, and a unit of the receiver is worth 100,000 of the sender's: what is a little larger delivers no more.
#[test]
fn a_coarse_receiver() {
    pays_within("coarse-receiver", 1, 1_000, 2);
}

/// F08 to a question is believed like F08 to a chunk.
#[test]
fn maximums_in_other_units() {
    pays_within("maximums-in-other-units", 1, 40, 10);
}

/// A chunk of twice the size was to be tried, and the maximum came to be known before.
#[test]
fn a_maximum_that_is_known_late() {
    pays_within("maximum-known-late", 21, 60, 20);
}

/// The same, with doubts: each is settled when its packet has expired.
#[test]
fn doubts_before_the_end() {
    pays_within("doubts-before-the-end", 5, 60, 70);
}

/// R02 to a question is answered with a longer life, like R02 to a chunk.
#[test]
fn windows_of_messages() {
    pays_within("windows-of-messages", 1, 50, 15);
}

/// What no answer has said is in the total of the last one.
#[test]
fn a_plain_receiver_behind_a_stripping_hop() {
    for seed in [1, 3, 4, 5] {
        pays_within("plain-receiver-behind-a-stripping-hop", seed, 70, 20);
    }
}

/// R01 by chance is no rule: a word that the payment is over is no larger than what the path takes, and all comes back.
#[test]
fn random_r01_costs_no_refund() {
    for seed in 1..=20 {
        let outcome = run_world("random-r01-and-a-refund", seed);
        let payment = &outcome.payments[0];
        let account = payment.report.as_ref().unwrap().account;
        assert!(!account.source_sent.is_zero() && account.lost().is_zero(), "{seed}: {outcome}");
        assert!(payment.took < Duration::from_secs(55), "{seed}: {outcome}");
    }
}

/// The same with questions for the status: what is in doubt is settled.
#[test]
fn random_r01_leaves_nothing_in_doubt() {
    for seed in 1..=20 {
        pay("random-r01-and-doubts", seed);
    }
}

/// A busy hop next door is not asked for ever at one instant, by no controller.
#[test]
fn aimd_without_a_round_trip() {
    let payment = &pay("aimd-without-a-round-trip", 1).payments[0];
    assert!(payment.packets < 20_000, "{payment:?}");
}

/// What completes the payment is larger than the hop ever has room for: it goes in parts.
#[test]
fn a_last_part_without_liquidity() {
    pays_within("last-part-without-liquidity", 1, 60, 5);
}
