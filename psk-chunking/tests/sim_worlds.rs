//! Worlds in which payments once took far too long, far too many packets, or did not come to a good end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use psk_chunking::sim::{Outcome, RunOptions, Scenario, run};

/// Its only payment completes.
fn pay(world: &str, seed: u64) -> Outcome {
    let path = format!("{}/tests/worlds/{world}.toml", env!("CARGO_MANIFEST_DIR"));
    let scenario: Scenario = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let outcome = run(&scenario, RunOptions::seed(seed)).unwrap();
    assert!(outcome.is_well(), "{outcome}");
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
