//! Paths where hops have no room for every packet: what they reject says nothing of sizes, of what became of chunks or
//! of the payment.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/one_hop.rs"]
mod one_hop;

use one_hop::OneHop;
use psk_chunking::sim::{Outcome, RunOptions, run};

/// Over a hop and two links of so many microseconds, of which the second has faults.
fn pay(hop: &str, latency: u64, faults: &str, payment: &str, seed: u64) -> Outcome {
    let head = "expects = \"completes\"";
    let world = OneHop { head, hop, latency_us: latency, faults, payment, more: "" };
    let scenario = world.scenario();
    let outcome = run(&scenario, RunOptions::seed(seed)).unwrap();
    assert!(outcome.is_well(), "{outcome}");
    outcome
}

/// Tenths of the best possible time.
fn over_ideal(outcome: &Outcome) -> u128 {
    let payment = &outcome.payments[0];
    payment.took.as_nanos() * 10 / payment.ideal.as_nanos()
}

/// Questions for the status are rejected like chunks: that is no sign that nobody will ever answer.
#[test]
fn questions_that_find_no_room_are_asked_again() {
    for seed in 1..=3 {
        let outcome = pay(
            "max_packet_amount = 100\npacket_rate = { burst = 100, per_second = 5000 }",
            500,
            "reply_loss_ppm = 10000",
            "amount = 1_000_000",
            seed,
        );
        assert!(over_ideal(&outcome) <= 14, "{outcome}");
    }
}

/// So many chunks are rejected that the receiver cannot remember all between those that it has fulfilled. Of those that
/// are lost beside them it says nevertheless what became of them.
#[test]
fn chunks_that_are_lost_among_many_rejected_are_not_in_doubt_for_good() {
    let hop = "max_packet_amount = 100\nliquidity = { capacity = 5000, per_second = 100000 }\n\
               errors = [{ code = \"T04\", share_ppm = 500000 }]";
    for faults in ["request_loss_ppm = 1000", "request_loss_ppm = 1000\nreply_loss_ppm = 1000"] {
        let outcome = pay(hop, 500, faults, "amount = 1_000_000", 1);
        let rejects: u64 = outcome.payments[0].rejects.values().sum();
        assert!(rejects > 5_000, "{outcome}");
    }
}

/// Several probes at once find no room, whatever their size.
#[test]
fn the_search_is_not_misled_by_a_limit_of_packets() {
    for latency in [500, 25_000] {
        let outcome = pay(
            "max_packet_amount = 10000\npacket_rate = { burst = 3, per_second = 20 }",
            latency,
            "",
            "amount = 1_200_000",
            1,
        );
        assert!(over_ideal(&outcome) <= 15, "{outcome}");
    }
}

/// Where packets are limited, and so is what they bring, few large ones are right.
#[test]
fn few_packets_carry_much() {
    let outcome = pay(
        "packet_rate = { burst = 10, per_second = 100 }\nliquidity = { capacity = 500000, per_second = 10000000 }",
        15_000,
        "",
        "amount = 40_000_000",
        1,
    );
    assert!(over_ideal(&outcome) <= 14, "{outcome}");
}

/// The bucket is full again long before the pause after a failure would be over.
#[test]
fn a_small_bucket_is_not_left_full() {
    let outcome = pay(
        "max_packet_amount = 5000\nliquidity = { capacity = 20000, per_second = 1000000 }",
        250,
        "",
        "amount = 8_000_000",
        1,
    );
    assert!(over_ideal(&outcome) <= 11, "{outcome}");
}

/// While it is not known what arrived, no chunk is the last one.
#[test]
fn without_data_in_fulfills_the_payment_is_not_closed_too_early() {
    for seed in 1..=5 {
        pay(
            "max_packet_amount = 300\nstrips_fulfill_data = true\nliquidity = { capacity = 500, per_second = 10000 }",
            60_000,
            "jitter_us = 15000\nreorder_ppm = 30000\nreorder_us = 60000",
            "amount = 60_000\nfixed = \"destination\"",
            seed,
        );
    }
}
