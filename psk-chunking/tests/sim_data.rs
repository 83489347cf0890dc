//! The application's data beside simulated payments. Every octet is compared on its way out (`sim/data.rs`), so that a run
//! is well only if all that was told was written, in order.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/one_hop.rs"]
mod one_hop;

use std::time::Duration;

use one_hop::OneHop;
use psk_chunking::sim::{DataOutcome, Outcome, RunOptions, run, standard};

/// Alice pays bob over a hop, 50 ms there and back.
fn pay(hop: &str, faults: &str, payment: &str, receivers: &str, seed: u64) -> Outcome {
    pays(100_000, hop, faults, payment, receivers, seed)
}

fn pays(amount: u64, hop: &str, faults: &str, payment: &str, receivers: &str, seed: u64) -> Outcome {
    let hop = format!("max_packet_amount = 10_000\n{hop}");
    let payment = format!("amount = {amount}\n{payment}");
    let more = format!("[receivers]\n{receivers}");
    let world = OneHop { hop: &hop, latency_us: 12_500, faults, payment: &payment, more: &more, head: "" };
    let scenario = world.scenario();
    run(&scenario, RunOptions::seed(seed)).unwrap()
}

fn data(outcome: &Outcome) -> DataOutcome {
    assert!(outcome.is_well(), "{outcome}");
    assert_eq!(outcome.payments[0].ending(), "completed");
    outcome.payments[0].data.unwrap()
}

#[test]
fn ten_megabytes_take_hardly_more_packets_than_they_fill() {
    let outcome = run(&standard::scenario("data").unwrap(), RunOptions::seed(1)).unwrap();
    let DataOutcome { acknowledged, delivered, returned, .. } = data(&outcome);
    assert_eq!((acknowledged, delivered, returned), (10_000_000, true, 50_000));
    // Of 32 kB, and what the money, questions and probes take.
    assert!(outcome.payments[0].packets < 10_000_000 / 32_000 + 150, "{outcome}");
}

#[test]
fn lost_and_repeated_packets_lose_and_repeat_no_octet() {
    let faults =
        "reply_loss_ppm = 50_000\nrequest_loss_ppm = 50_000\nrepeat_ppm = 50_000\njitter_us = 20_000";
    for seed in 1..=10 {
        let both = "data_octets = 1_000_000\nreturned_octets = 60_000";
        let data = data(&pay("", faults, both, "bob = { max_data_octets = 1_000_000 }", seed));
        assert!(data.delivered && data.returned == 60_000, "{data:?}");
    }
}

#[test]
fn data_is_as_fast_as_the_path_takes_packets() {
    let hop = "packet_rate = { burst = 20, per_second = 150 }";
    let both = "data_octets = 3_000_000\nreturned_octets = 60_000";
    let outcome = pay(hop, "", both, "bob = { max_data_octets = 3_000_000 }", 1);
    assert!(data(&outcome).delivered);
    // 94 packets of 32 kB, of which 20 at once, and a round trip: 0.55 s at best.
    assert!(outcome.payments[0].took < Duration::from_millis(800), "{outcome}");
}

#[test]
fn data_that_is_too_long_is_not_taken_and_the_money_is() {
    let outcome = pay("", "", "data_octets = 1_000_001", "bob = { max_data_octets = 1_000_000 }", 1);
    let DataOutcome { delivered, .. } = data(&outcome);
    assert!(!delivered);
    assert_eq!(outcome.payments[0].received, 100_000);
}

/// The first part comes with the only chunk, and the rest in packets that nobody can fulfill.
#[test]
fn data_that_is_too_long_is_not_said_to_be_delivered() {
    let faults = "reply_loss_ppm = 200_000";
    for seed in 1..=10 {
        let data =
            data(&pays(10, "", faults, "data_octets = 131_072", "bob = { max_data_octets = 65_536 }", seed));
        assert!(!data.delivered, "{data:?}");
    }
}

#[test]
fn a_payment_ends_at_the_first_chunk_beyond_what_the_receiver_takes() {
    let outcome = pay("", "", "", "bob = { max_amount = 99_999 }", 1);
    assert!(outcome.is_well(), "{outcome}");
    assert_eq!(outcome.payments[0].ending(), "the receiver refuses the payment, or what is left of it");
    assert_eq!(outcome.payments[0].received, 90_000, "nine chunks of 10,000");
}

#[test]
fn names_of_receivers_are_those_of_hosts() {
    let mut scenario = standard::scenario("lan").unwrap();
    scenario.receivers.insert("bbo".to_owned(), Default::default());
    assert!(run(&scenario, RunOptions::seed(1)).is_err());
}

/// Nearly all of it comes after the money, in answers to packets that nobody can fulfill.
fn back(octets: u64, hop: &str, faults: &str, seed: u64) -> Outcome {
    let payment = format!("data_octets = 1\nreturned_octets = {octets}");
    pays(1_000, hop, faults, &payment, "bob = { max_data_octets = 100_000_000 }", seed)
}

#[test]
fn data_comes_back_as_fast_as_it_goes() {
    for (octets, within) in [(100_000, 200), (1_000_000, 200), (10_000_000, 350)] {
        let outcome = back(octets, "", "", 1);
        assert_eq!(data(&outcome).returned, octets);
        // Two round trips of 50 ms are the least, for the path and the first chunk.
        let took = outcome.payments[0].took;
        assert!(took <= Duration::from_millis(within), "{octets}: {took:?}");
        // And nobody is asked for more than there is.
        assert!(outcome.payments[0].packets < octets / 32_000 + 12, "{outcome}");
    }
}

#[test]
fn data_comes_back_as_fast_as_the_path_takes_packets() {
    let outcome = back(3_000_000, "packet_rate = { burst = 20, per_second = 150 }", "", 1);
    assert_eq!(data(&outcome).returned, 3_000_000);
    // 94 packets of 32 kB, of which 20 at once: 0.6 s at best.
    assert!(outcome.payments[0].took < Duration::from_millis(1_500), "{outcome}");
    assert!(outcome.payments[0].packets < 400, "{outcome}");
}

/// More than is kept while something is missing before it.
#[test]
fn data_comes_back_over_paths_that_lose_and_reorder() {
    let faults =
        "reply_loss_ppm = 20_000\nrequest_loss_ppm = 20_000\nreorder_ppm = 100_000\nreorder_us = 20_000";
    for seed in 1..=5 {
        let outcome = back(20_000_000, "", faults, seed);
        assert_eq!(data(&outcome).returned, 20_000_000, "{outcome}");
        assert!(outcome.payments[0].took < Duration::from_secs(60), "{outcome}");
    }
}

#[test]
fn of_no_data_all_is_delivered() {
    let data = data(&pay("", "", "returned_octets = 1_000", "", 1));
    assert_eq!((data.octets, data.acknowledged, data.delivered, data.returned), (0, 0, true, 1_000));
}
