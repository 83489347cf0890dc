//! Senders that cheat get nothing for it, and do not disturb others (ENGINE.md section 7, "hostile sender").
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use psk_chunking::sim::{RunOptions, run, standard};

/// Two thousand packets of 100 units, beside an honest payment of 500,000.
const HONEST: u128 = 500_000;

/// What bob has of mallory.
fn taken(attack: &str) -> u128 {
    let scenario = standard::scenario(&format!("sender-{attack}")).unwrap();
    let outcome = run(&scenario, RunOptions::seed(3)).unwrap();
    assert!(outcome.is_well(), "{outcome}");
    assert_eq!(outcome.payments[0].received, HONEST);
    outcome.received["bob"] - HONEST
}

#[test]
fn a_number_counts_once() {
    assert_eq!(taken("duplicate-sequences"), 100_000, "every other packet");
}

#[test]
fn a_payment_is_for_what_its_first_chunk_says() {
    // The first says 100, and that is what it brings.
    assert_eq!(taken("changing-totals"), 100);
}

#[test]
fn floods_of_payments_are_bounded() {
    // Payments without an amount do not end, and an account has a thousand at most.
    assert_eq!(taken("new-ids"), 100_000);
}

#[test]
fn a_repeated_packet_is_counted_once() {
    assert_eq!(taken("replays"), 100_000);
}

#[test]
fn what_has_expired_is_not_taken() {
    // They live 0 to 49 ms, and it takes 25 ms to the receiver: 24 of 50 arrive with a millisecond left or more.
    assert_eq!(taken("expired"), 96_000);
}

#[test]
fn less_than_the_minimum_is_not_taken() {
    assert_eq!(taken("too-little"), 0);
}

#[test]
fn nothing_is_taken_after_the_last_chunk() {
    assert_eq!(taken("after-the-last"), 100);
}
