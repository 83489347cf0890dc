//! What scenarios say of single payments and receivers: rates, pauses, time-outs, refunds, receivers of the first draft.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/one_hop.rs"]
mod one_hop;

use std::time::Duration;

use one_hop::OneHop;
use psk_chunking::sim::{Outcome, PaymentOutcome, RunOptions, run};

/// Alice pays bob 100,000 over a hop, 50 ms there and back, in packets of 1,000.
fn outcome(hop: &str, payment: &str, more: &str) -> Outcome {
    let hop = format!("max_packet_amount = 1_000\n{hop}");
    let payment = format!("amount = 100_000\n{payment}");
    let world = OneHop { hop: &hop, latency_us: 12_500, payment: &payment, more, ..OneHop::default() };
    let scenario = world.scenario();
    let outcome = run(&scenario, RunOptions::seed(1)).unwrap();
    assert!(outcome.is_well(), "{outcome}");
    outcome
}

fn pay(hop: &str, payment: &str, more: &str) -> PaymentOutcome {
    outcome(hop, payment, more).payments.remove(0)
}

const THIRD: &str = r#"rates = [{ from = "XRP", to = "XRP", rate = "1/3" }]"#;
/// A hundred packets per second: a second for the payment.
const SLOW: &str = "packet_rate = { per_second = 100, burst = 1 }";

#[test]
fn a_minimum_rate_is_kept() {
    assert_eq!(pay(THIRD, "min_rate = \"33/100\"", "").ending(), "completed");
    let ending = |payment| pay(THIRD, payment, "").ending();
    assert_eq!(ending("min_rate = \"34/100\""), "the exchange rate is below the minimum");
    assert_eq!(
        ending("min_rate = \"34/100\"\nslippage_ppm = 900_000"),
        "the exchange rate is below the minimum"
    );
    // A third that falls to a sixth after half a second.
    let falling = r#"rates = [{ from = "XRP", to = "XRP", rate = "1/3", curve = [
        { at_ms = 500, ppm = 1_000_000 }, { at_ms = 500, ppm = 500_000 }] }]"#;
    let falling = format!("{SLOW}\n{falling}");
    let ending = |payment| pay(&falling, payment, "").ending();
    assert_eq!(ending("min_rate = \"1/10\""), "completed");
    assert_ne!(ending("min_rate = \"1/10\"\nslippage_ppm = 100_000"), "completed", "both hold");
    assert_ne!(ending(""), "completed");
    assert_eq!(ending("any_rate = true"), "completed");
}

#[test]
fn nothing_is_sent_in_a_pause() {
    let took = |payment| {
        let payment = pay(SLOW, payment, "");
        assert_eq!(payment.ending(), "completed");
        payment.took
    };
    let at_once = took("");
    let paused = took("pauses = [{ at_ms = 300, for_ms = 5_000 }]");
    assert!(paused > at_once + Duration::from_millis(4_500), "{at_once:?} {paused:?}");
    let twice = "pauses = [{ at_ms = 300, for_ms = 5_000 }, { at_ms = 5_500, for_ms = 7_000 }]";
    assert!(took(twice) > Duration::from_millis(12_500));
    // It begins in a pause, which is over when the whole run is so old.
    let begins = took("starts_at_ms = 1_000\npauses = [{ at_ms = 0, for_ms = 3_000 }]");
    assert!(begins > Duration::from_secs(2) && begins < at_once + Duration::from_secs(3), "{begins:?}");
}

#[test]
fn time_outs_are_those_of_the_scenario() {
    let stuck = "liquidity = { capacity = 20_000, per_second = 0 }";
    let took = |payment| pay(stuck, payment, "").took;
    let (short, default) = (took("idle_timeout_ms = 2_000"), took(""));
    assert!(
        short > Duration::from_secs(2) && default > short + Duration::from_secs(30),
        "{short:?} {default:?}"
    );
}

#[test]
fn receivers_refund_or_do_not_each_for_itself() {
    let cancelled = format!("{SLOW}\n");
    let refunded = |more: &str| {
        let payment = pay(&cancelled, "cancel_after_ms = 600", more);
        assert_eq!(payment.ending(), "cancelled");
        let account = payment.report.unwrap().account;
        assert!(!account.source_sent.is_zero());
        (account.refunded == account.source_sent, account.refunded.is_zero())
    };
    assert_eq!(refunded(""), (false, true));
    assert_eq!(refunded("[receivers]\nbob = { refunds = true }"), (true, false));
    assert_eq!(refunded("[receivers]\nalice = { refunds = true }"), (false, true));
}

#[test]
fn a_refund_is_awaited_for_as_long_as_the_scenario_says() {
    // Nothing comes back: bob's refund is swallowed, as all is after the first packets.
    let hop = format!("{SLOW}\nhostility = {{ kind = \"swallow\", after_packets = 70 }}");
    let took = |wait: &str| {
        let payment = format!("cancel_after_ms = 600\n{wait}");
        pay(&hop, &payment, "[receivers]\nbob = { refunds = true }").took
    };
    assert!(took("refund_timeout_ms = 100") < took(""), "{:?}", took(""));
}

#[test]
fn a_plain_receiver_is_paid_without_frames() {
    let plain = "[receivers]\nbob = { plain = true }";
    for fixed in ["source", "destination"] {
        let payment = pay("", &format!("fixed = {fixed:?}"), plain);
        assert_eq!((payment.ending().as_str(), payment.received), ("completed", 100_000));
    }
    let faults = pay(r#"errors = [{ code = "T00", share_ppm = 50_000 }]"#, "fixed = \"destination\"", plain);
    assert_eq!((faults.ending().as_str(), faults.received), ("completed", 100_000));
}

#[test]
fn a_plain_receiver_refunds_nothing() {
    let plain = "[receivers]\nbob = { plain = true }";
    let refunds = pay(SLOW, "cancel_after_ms = 600", plain);
    let account = refunds.report.unwrap().account;
    assert!(account.refunded.is_zero() && !account.source_sent.is_zero(), "{account:?}");
}

/// What is said of a scenario with an empty list in it.
#[track_caller]
fn complaint(scenario: &str) -> String {
    toml::from_str::<psk_chunking::sim::Scenario>(scenario).unwrap_err().message().to_owned()
}

#[test]
fn a_payment_over_no_neighbours_is_not_one_over_all() {
    let scenario = "name = \"none\"\n[network]\nhosts = [\"a\", \"b\"]\nlinks = [{ ends = [\"a\", \"b\"] }]\n\
        [[payments]]\nfrom = \"a\"\nto = \"b\"\namount = 1\nvia = ";
    assert_eq!(complaint(&format!("{scenario}[]")), "the list has nothing in it: leave it out");
    assert!(toml::from_str::<psk_chunking::sim::Scenario>(&format!("{scenario}[\"b\"]")).is_ok());
}
