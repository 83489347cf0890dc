//! Short round trips, in which next to nothing comes in at a connector: what was rejected is not offered again before more
//! may pass. Long ones, in which much more comes in than the connector has at hand: the pace that it takes is found soon.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/one_hop.rs"]
mod one_hop;

use one_hop::OneHop;
use psk_chunking::sim::{Outcome, RunOptions, run};

/// Over a hop and two links of so many microseconds.
fn pay(hop: &str, latency_us: u64, faults: &str, amount: u64) -> Outcome {
    let (head, payment) = ("expects = \"completes\"", format!("amount = {amount}"));
    let scenario = OneHop { head, hop, latency_us, faults, payment: &payment, more: "" }.scenario();
    well(run(&scenario, RunOptions::seed(1)).unwrap())
}

/// Four payments at once from four hosts.
fn four(hop: &str, latency_us: u64, amount: u64, seed: u64) -> Outcome {
    let hosts = ["a", "b", "c", "d"];
    let link = |host| format!("[[network.links]]\nends = [\"{host}\", \"hop\"]\nlatency_us = {latency_us}\n");
    let payment = |host| format!("[[payments]]\nfrom = \"{host}\"\nto = \"bob\"\namount = {amount}\n");
    let text = format!(
        r#"
        name = "four"
        expects = "completes"
        [network]
        hosts = ["a", "b", "c", "d", "bob"]
        [[network.connectors]]
        name = "hop"
        {hop}
        [[network.links]]
        ends = ["hop", "bob"]
        latency_us = {latency_us}
        {}
        {}
        "#,
        hosts.map(link).concat(),
        hosts.map(payment).concat(),
    );
    well(run(&toml::from_str(&text).unwrap(), RunOptions::seed(seed)).unwrap())
}

fn well(outcome: Outcome) -> Outcome {
    assert!(outcome.is_well(), "{outcome}");
    outcome
}

/// Hundredths of the best possible time, of the slowest payment.
fn over_ideal(outcome: &Outcome) -> u128 {
    let over =
        outcome.payments.iter().map(|payment| payment.took.as_nanos() * 100 / payment.ideal.as_nanos());
    over.max().unwrap()
}

/// Tenths of a packet sent for each that moved money, by all payments.
fn packets_for_one(outcome: &Outcome) -> u64 {
    let packets: u64 = outcome.payments.iter().map(|payment| payment.packets).sum();
    let reports = outcome.payments.iter().filter_map(|payment| payment.report.as_ref());
    let fulfilled: u64 = reports.map(|report| report.account.chunks_fulfilled).sum();
    packets * 10 / fulfilled
}

/// The first flight is more than passes; after it about two packets are sent for one that passes, at no cost in time.
#[test]
fn liquidity_is_not_stormed() {
    let hop = "max_packet_amount = 1000\nliquidity = { capacity = 20000, per_second = 200000 }";
    let reordered = "reorder_ppm = 200000\nreorder_us = 1";
    for (latency, faults) in [(0, ""), (0, reordered), (3, ""), (25, ""), (250, ""), (1_250, "")] {
        for amount in [100_000, 1_000_000] {
            let outcome = pay(hop, latency, faults, amount);
            assert!(packets_for_one(&outcome) <= 30, "{latency} us {faults} {outcome}");
            assert!(over_ideal(&outcome) <= 103, "{latency} us {faults} {outcome}");
        }
    }
}

/// Little fits into the hop at once: a pace that was measured in no time at all left most of what came in unused.
#[test]
fn a_small_bucket_is_used() {
    for latency in [0, 3, 25, 250] {
        let hop = "liquidity = { capacity = 1000, per_second = 200000 }";
        let outcome = pay(hop, latency, "", 100_000);
        assert!(over_ideal(&outcome) <= 110, "{latency} us {outcome}");
        let hop = "max_packet_amount = 1000\nliquidity = { capacity = 100000, per_second = 5000000 }";
        let outcome = pay(hop, latency, "", 3_000_000);
        assert!(over_ideal(&outcome) <= 103 && packets_for_one(&outcome) <= 20, "{latency} us {outcome}");
    }
}

/// Others take what comes in too.
#[test]
fn payments_at_once_do_not_storm_it_either() {
    let hop = "max_packet_amount = 1000\nliquidity = { capacity = 20000, per_second = 200000 }";
    for latency in [0, 3, 25, 250] {
        let outcome = four(hop, latency, 100_000, 1);
        assert!(packets_for_one(&outcome) <= 30, "{latency} us {outcome}");
        assert!(over_ideal(&outcome) <= 125, "{latency} us {outcome}");
    }
}

/// Where packets are counted, whoever comes after the first ones does not wait for seconds.
#[test]
fn who_finds_a_busy_hop_at_first_tries_again_soon() {
    let hop = "max_packet_amount = 1000\npacket_rate = { per_second = 400, burst = 15 }";
    for latency in [0, 3, 25, 250] {
        let mut over: Vec<_> = (1..=5).map(|seed| over_ideal(&four(hop, latency, 150_000, seed))).collect();
        over.sort_unstable();
        assert!(over[2] <= 150, "{latency} us {over:?}");
    }
}

/// And the same where one payment alone is counted.
#[test]
fn a_busy_hop_is_not_stormed() {
    for latency in [0, 3, 25, 250] {
        for (per_second, amount) in [(150, 300_000), (2_000, 2_000_000)] {
            let hop = format!(
                "max_packet_amount = 1000\npacket_rate = {{ per_second = {per_second}, burst = 15 }}"
            );
            let outcome = pay(&hop, latency, "", amount);
            assert!(packets_for_one(&outcome) <= 30, "{latency} us {outcome}");
            assert!(over_ideal(&outcome) <= 105, "{latency} us {outcome}");
        }
    }
}

/// The first packets show what the connector has at hand, and not what comes in. To try twice as much after each answer took
/// ten round trips and more.
#[test]
fn the_pace_of_a_long_path_is_found_soon() {
    for (latency, at_most) in [(50_000, 115), (100_000, 130), (250_000, 165)] {
        for limit in ["liquidity = { capacity = 10000,", "packet_rate = { burst = 10,"] {
            let per_second = if limit.starts_with("liquidity") { 1_000_000 } else { 1_000 };
            let hop = format!("max_packet_amount = 1000\n{limit} per_second = {per_second} }}");
            let outcome = pay(&hop, latency, "", 10_000_000);
            assert!(over_ideal(&outcome) <= at_most, "{latency} us {outcome}");
            assert!(packets_for_one(&outcome) <= 13, "{latency} us {outcome}");
        }
    }
}
