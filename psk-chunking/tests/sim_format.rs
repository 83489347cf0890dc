//! The page on scenarios, `docs/simulate.md`: its example runs as it stands there, and it has every key and every name.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;

use psk_chunking::send::PathPolicy;
use psk_chunking::send::control::ControllerKind;
use psk_chunking::sim::{
    Attack, AttackConfig, Expectation, Fixed, Lie, PauseConfig, PaymentConfig, ReceiverConfig, RunOptions,
    Scenario, run,
};
use psk_plugin::sim::{
    BalanceLimitConfig, CurveConfig, CurvePoint, ErrorConfig, HopConfig, Hostility, HostilityConfig,
    LinkConfig, LiquidityConfig, LiquidityStep, NetworkConfig, PacketRateConfig, Rate, TooLargeAnswer,
};
use serde::Serialize;
use toml::Value;

const PAGE: &str = include_str!("../../docs/simulate.md");

#[test]
fn the_example_runs_and_is_well() {
    let example = PAGE.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let scenario: Scenario = toml::from_str(example).unwrap();
    for seed in 1..=3 {
        let outcome = run(&scenario, RunOptions::seed(seed)).unwrap();
        assert!(outcome.is_well(), "{outcome}");
        assert!(outcome.payments.iter().all(|payment| payment.ending() == "completed"), "{outcome}");
        assert!(outcome.payments[0].data.unwrap().delivered, "{outcome}");
    }
}

/// Everything, and nothing at its default: what is at its default is not written. No `..`, so that no key is forgotten.
fn everything() -> Scenario {
    Scenario {
        name: "everything".into(),
        about: "all of it".into(),
        expects: Expectation::Completes,
        network: network(),
        payments: vec![payment()],
        lies: [("bob".into(), Lie::OverClaims)].into(),
        receivers: [("bob".into(), receiver())].into(),
        refunds: true,
        attacks: vec![AttackConfig {
            from: "carol".into(),
            to: "bob".into(),
            kind: Attack::Replays,
            packets: 1,
            amount: 1,
            per_second: 1,
        }],
    }
}

fn receiver() -> ReceiverConfig {
    ReceiverConfig { max_amount: Some(1), max_data_octets: Some(1), refunds: Some(true), plain: true }
}

fn network() -> NetworkConfig {
    NetworkConfig { hosts: vec!["alice".into()], connectors: vec![hop()], links: vec![link()] }
}

fn hop() -> HopConfig {
    HopConfig {
        name: "hop".into(),
        spread_ppm: 1,
        rates: vec![CurveConfig {
            from: "EUR".into(),
            to: "USD".into(),
            rate: Rate::ONE,
            curve: vec![CurvePoint { at_ms: 1, ppm: 1 }],
        }],
        max_packet_amount: Some(1),
        too_large: TooLargeAnswer::T04,
        liquidity: Some(LiquidityConfig {
            capacity: 1,
            per_second: 1,
            cycle: vec![LiquidityStep { for_ms: 1, per_second: 1 }],
        }),
        packet_rate: Some(PacketRateConfig { per_second: 1, burst: 1 }),
        processing_us: 1,
        min_message_window_ms: 1,
        max_hold_time_ms: 1,
        strips_fulfill_data: true,
        errors: vec![ErrorConfig { code: "T00".into(), share_ppm: 1 }],
        hostility: Some(HostilityConfig { kind: Hostility::R00, share_ppm: 1, after_packets: 1 }),
    }
}

fn link() -> LinkConfig {
    LinkConfig {
        ends: ["alice".into(), "hop".into()],
        asset: "EUR".into(),
        scale: 2,
        latency_us: 1,
        jitter_us: 1,
        request_loss_ppm: 1,
        reply_loss_ppm: 1,
        repeat_ppm: 1,
        reorder_ppm: 1,
        reorder_us: 1,
        late_request_ppm: 1,
        late_reply_ppm: 1,
        late_by_us: 1,
        balance_limits: vec![BalanceLimitConfig {
            at: "hop".into(),
            max_balance: 1,
            settle_every_ms: Some(1),
        }],
    }
}

fn payment() -> PaymentConfig {
    PaymentConfig {
        from: "alice".into(),
        to: "bob".into(),
        amount: 1,
        fixed: Fixed::Destination,
        starts_at_ms: 1,
        quoted: true,
        slippage_ppm: Some(1),
        min_rate: Some(Rate::ONE),
        any_rate: true,
        max_source_amount: Some(1),
        packet_timeout_ms: Some(1),
        timeout_ms: Some(1),
        idle_timeout_ms: Some(1),
        refund_timeout_ms: Some(1),
        pauses: vec![PauseConfig { at_ms: 1, for_ms: 1 }],
        max_packets_in_flight: Some(1),
        via: vec!["hop".into()],
        path_policy: Some(PathPolicy::Weighed(1)),
        data_octets: 1,
        returned_octets: 1,
        cancel_after_ms: Some(1),
        controller: Some(ControllerKind::Window),
    }
}

/// All keys in a value, without the names of hosts.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                if key != "alice" && key != "bob" {
                    found.insert(key.clone());
                }
                keys(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_is_on_the_page() {
    let everything = Value::try_from(everything()).unwrap();
    let mut found = BTreeSet::new();
    keys(&everything, &mut found);
    assert!(found.len() > 60, "nothing is left out because it is at its default: {found:?}");
    let missing: Vec<&String> = found
        .iter()
        .filter(|key| !PAGE.contains(&format!("`{key}`")) && !PAGE.contains(&format!("`{{ {key} = ")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn name_of(value: impl Serialize) -> String {
    Value::try_from(value).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn every_name_that_a_key_may_have_is_on_the_page() {
    use {Attack as A, Hostility as H, Lie as L, TooLargeAnswer as T};
    let mut names: Vec<String> = Vec::new();
    names.extend([Expectation::Ends, Expectation::Completes, Expectation::Fails].map(name_of));
    names.extend([Fixed::Source, Fixed::Destination].map(name_of));
    let lies = [L::UnderClaims, L::OverClaims, L::DecreasingTotals, L::ClosesAndOpens, L::SaysNothing];
    names.extend(lies.map(name_of));
    names.extend([A::DuplicateSequences, A::ChangingTotals, A::NewIds, A::Replays].map(name_of));
    names.extend([A::Expired, A::TooLittle, A::AfterTheLast].map(name_of));
    names.extend([H::WrongPreimage, H::LateFulfills, H::SwappedReplies, H::Reflect].map(name_of));
    names.extend([H::R00, H::R01, H::Swallow].map(name_of));
    names.extend([T::F08, T::F08Empty, T::F08ZeroZero, T::F08ZeroOne, T::F08OneOne].map(name_of));
    names.extend([T::F08Greatest, T::T04].map(name_of));
    names.extend(ControllerKind::ALL.map(name_of));
    let missing: Vec<&String> = names.iter().filter(|name| !PAGE.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(PAGE.contains("`\"cheapest\"`") && PAGE.contains("`\"fastest\"`"), "policies");
}
