//! Random worlds: whatever a network, its hops and receivers do, the money invariants hold (ENGINE.md section 2); in
//! calm worlds every payment completes exactly.
//!
//! `PSK_WORLDS=10000` runs so many of each, `PSK_FIRST_SEED=77` starts there.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use psk_chunking::sim::{Outcome, PauseConfig, ReceiverConfig, RunOptions, Scenario, random, run};

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |number| number.parse().unwrap())
}

/// What came of a range of seeds. Fails with the replay commands of those that went wrong.
fn worlds(default: u64, scenario: fn(u64) -> Scenario) -> Vec<Outcome> {
    let first = from_environment("PSK_FIRST_SEED", 0);
    let seeds = first..first + from_environment("PSK_WORLDS", default);
    let outcomes: Vec<Outcome> =
        seeds.map(|seed| run(&scenario(seed), RunOptions::seed(seed)).unwrap()).collect();
    let wrong: Vec<String> =
        outcomes.iter().filter(|outcome| !outcome.is_well()).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{} went wrong\n{}", wrong.len(), wrong.join("\n"));
    outcomes
}

fn completed(outcomes: &[Outcome]) -> (usize, usize) {
    let payments: Vec<String> =
        outcomes.iter().flat_map(|outcome| &outcome.payments).map(|payment| payment.ending()).collect();
    (payments.iter().filter(|ending| *ending == "completed").count(), payments.len())
}

#[test]
fn the_invariants_hold_in_random_worlds() {
    let outcomes = worlds(300, random::scenario);
    let (completed, payments) = completed(&outcomes);
    println!("{completed} of {payments} payments completed");
    assert!(completed * 3 > payments, "most worlds are not so bad: {completed} of {payments}");
}

/// The same world, and all its payments start from quotes.
fn quoted(mut scenario: Scenario) -> Scenario {
    for payment in &mut scenario.payments {
        payment.quoted = true;
    }
    scenario
}

#[test]
fn the_invariants_hold_when_payments_start_from_quotes() {
    let outcomes = worlds(200, |seed| quoted(random::scenario(seed)));
    let (completed, payments) = completed(&outcomes);
    println!("{completed} of {payments} payments completed");
    assert!(completed * 3 > payments, "{completed} of {payments}");
}

/// The same world with receivers of the first draft, or that refund although others do not, and with payments that pause,
/// take any rate, or wait for less.
fn with_settings(mut scenario: Scenario, seed: u64) -> Scenario {
    for (payment, place) in scenario.payments.iter_mut().zip(seed..) {
        payment.pauses = vec![PauseConfig { at_ms: 500 * (place % 9), for_ms: 1 + 700 * (place % 7) }];
        if place % 4 == 0 {
            (payment.any_rate, payment.slippage_ppm) = (true, None);
        }
        payment.idle_timeout_ms = (place % 5 == 0).then_some(5_000);
        payment.refund_timeout_ms = (place % 3 == 0).then_some(5_000);
    }
    for (host, place) in scenario.network.hosts.iter().zip(seed..) {
        let plain = place % 3 == 0;
        let receiver =
            ReceiverConfig { plain, refunds: Some(!plain && place % 2 == 0), ..Default::default() };
        scenario.receivers.insert(host.clone(), receiver);
        // Which know no data.
        for payment in scenario.payments.iter_mut().filter(|payment| plain && payment.to == *host) {
            (payment.data_octets, payment.returned_octets) = (0, 0);
        }
    }
    scenario
}

#[test]
fn the_invariants_hold_with_plain_receivers_pauses_and_any_rate() {
    let outcomes = worlds(150, |seed| with_settings(random::scenario(seed), seed));
    let (completed, payments) = completed(&outcomes);
    println!("{completed} of {payments} payments completed");
    assert!(completed * 3 > payments, "{completed} of {payments}");
}

#[test]
fn all_payments_from_quotes_complete_in_calm_worlds() {
    let outcomes = worlds(50, |seed| quoted(random::calm_scenario(seed)));
    let (completed, payments) = completed(&outcomes);
    assert_eq!(completed, payments);
}

#[test]
fn all_payments_complete_in_calm_worlds() {
    let outcomes = worlds(100, random::calm_scenario);
    let (completed, payments) = completed(&outcomes);
    assert_eq!(completed, payments);
}

/// A completing chunk that was right for more than was missing in the end; a hop that counts in large units.
#[test]
fn worlds_that_went_wrong_once_are_well() {
    for seed in [1_303_658, 209_621, 1_700_079, 1_801_035] {
        let outcome = run(&random::scenario(seed), RunOptions::seed(seed)).unwrap();
        assert!(outcome.is_well(), "{outcome}");
    }
}

/// Fulfills say nothing, and the rate rises by 3 % meanwhile: whoever does not ask in time delivers 9,328 too much.
#[test]
fn a_rate_that_rises_unseen_is_asked_for_in_time() {
    let outcome = run(&random::scenario(1_407_978), RunOptions::seed(1_407_978)).unwrap();
    assert!(outcome.is_well(), "{outcome}");
    let payment = &outcome.payments[0];
    let received = payment.received;
    assert!((4_002_520..4_002_543).contains(&received), "within the worth of one source unit: {received}");
}
