//! What a connector does to amounts.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use proptest::prelude::*;
use psk_codec::{Amount, ErrorCode};
use psk_plugin::connector::{
    AccountConfig, ConfigError, Connector, ConnectorConfig, Rate, RateConfig, RateError, Relation,
    RoundedToZero, TooLarge,
};
use psk_plugin::{Clock, Plugin, handler_fn};
use support::*;

fn rate(from: &str, to: &str, rate: &str) -> RateConfig {
    RateConfig { from: from.into(), to: to.into(), rate: rate.parse().unwrap(), spread_ppm: None }
}

fn asset(code: &str, scale: u8) -> AccountConfig {
    AccountConfig::new(Relation::Child, code, scale)
}

/// Alice's account is in EUR, bob's in USD; bob's answer says what arrived.
fn network(config: ConnectorConfig, scales: (u8, u8)) -> Network {
    let accounts = [("alice", asset("EUR", scales.0)), ("bob", asset("USD", scales.1))];
    let network = Network::new(config, &accounts);
    network.ends["bob"].set_handler(Some(handler_fn(|prepare| async move {
        fulfill(prepare.amount.units().to_be_bytes().to_vec())
    })));
    network
}

async fn delivered(network: &Network, units: u64) -> u64 {
    let fulfill = fulfilled(network.send("alice", "test.connector.bob", units).await);
    u64::from_be_bytes(fulfill.data[..].try_into().unwrap())
}

proptest! {
    #[test]
    fn amounts_are_the_exact_product_rounded_down(
        units in 0..=u64::from(u32::MAX),
        (numerator, denominator) in (1..=99_999u64, 1..=99_999u64),
        scales in (0..=6u8, 0..=6u8),
        spread in 0..1_000_000u32,
    ) {
        let config = ConnectorConfig {
            rates: vec![RateConfig {
                rate: Rate::new(numerator, denominator).unwrap(),
                spread_ppm: Some(spread),
                ..rate("EUR", "USD", "1")
            }],
            rounded_to_zero: RoundedToZero::Forward,
            ..ConnectorConfig::default()
        };
        // 32 + 17 + 20 + 20 bits over 17 + 20 + 20 bits.
        let above = u128::from(units) * u128::from(numerator)
            * 10u128.pow(scales.1.into()) * u128::from(1_000_000 - spread);
        let below = u128::from(denominator) * 10u128.pow(scales.0.into()) * 1_000_000;
        let expected = above / below;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let network = network(config, scales);
            match u64::try_from(expected) {
                Ok(expected) => assert_eq!(delivered(&network, units).await, expected),
                Err(_) => {
                    let reject = rejected(network.send("alice", "test.connector.bob", units).await);
                    let (received, maximum) = too_large(&reject);
                    assert_eq!(received, units);
                    // The greatest amount that passes passes, and one more does not.
                    let product = |units: u64| u128::from(units) * (above / u128::from(units)) / below;
                    assert!(product(maximum) <= u128::from(u64::MAX));
                    assert!(product(maximum + 1) > u128::from(u64::MAX));
                }
            }
        });
    }
}

#[tokio::test]
async fn a_rate_holds_in_the_other_direction_as_its_inverse_unless_that_is_given() {
    let mut config = ConnectorConfig { rates: vec![rate("EUR", "USD", "5/4")], ..ConnectorConfig::default() };
    let network = network(config.clone(), (2, 2));
    assert_eq!(delivered(&network, 1_000).await, 1_250);
    network.ends["alice"]
        .set_handler(Some(handler_fn(|prepare| async move { fulfill(prepare.amount.to_string()) })));
    let back = |network: &Network| {
        let prepare = prepare("test.connector.alice", 1_000);
        let bob = network.ends["bob"].clone();
        async move { fulfilled(bob.send(prepare).await.unwrap()).data }
    };
    assert_eq!(back(&network).await, "800");
    network.connector.set_rate(&rate("USD", "EUR", "3/4")).unwrap();
    assert_eq!(back(&network).await, "750");
    assert_eq!(delivered(&network, 1_000).await, 1_250);
    config.rates[0].rate = "2".parse().unwrap();
    network.connector.set_rate(&config.rates[0]).unwrap();
    assert_eq!(delivered(&network, 1_000).await, 2_000);
}

#[tokio::test]
async fn an_asset_is_worth_itself_less_the_spread_whatever_the_scales() {
    let config = ConnectorConfig { spread_ppm: 2_000, ..ConnectorConfig::default() };
    let accounts = [("alice", asset("XRP", 6)), ("bob", asset("XRP", 9))];
    let network = Network::new(config, &accounts);
    fulfilled(network.send("alice", "test.connector.bob", 1_000).await);
    assert_eq!((network.balance("alice"), network.balance("bob")), (1_000, -998_000));
}

#[tokio::test]
async fn without_a_rate_there_is_no_way() {
    let network = network(ConnectorConfig::default(), (0, 0));
    let reply = network.send("alice", "test.connector.bob", 1).await;
    assert_eq!(code(reply), ErrorCode::F02_UNREACHABLE);
    network.connector.set_rate(&rate("EUR", "USD", "2")).unwrap();
    assert_eq!(delivered(&network, 1).await, 2);
}

#[tokio::test]
async fn a_rate_that_cannot_be_exact_is_refused_and_changes_nothing() {
    let config = ConnectorConfig { rates: vec![rate("EUR", "USD", "2")], ..ConnectorConfig::default() };
    let network = network(config, (0, 9));
    let fine = rate("EUR", "USD", "18446744073709551615/18446744073709551614");
    let error = network.connector.set_rate(&fine).unwrap_err();
    assert!(matches!(error, ConfigError::Rate { problem: RateError::TooFine, .. }), "{error}");
    assert_eq!(delivered(&network, 1).await, 2_000_000_000);
    let mut config = ConnectorConfig::default();
    config.accounts.insert("a".into(), asset("XRP", 0));
    config.accounts.insert("b".into(), asset("XRP", 200));
    assert!(matches!(Connector::new(config, Clock::system()), Err(ConfigError::Rate { .. })));
}

#[tokio::test]
async fn packets_above_the_maximum_are_told_it() {
    let limited = AccountConfig { max_packet_amount: Some(Amount::new(1_000)), ..child() };
    let cases = [
        (TooLarge::F08, ErrorCode::F08_AMOUNT_TOO_LARGE, 16),
        (TooLarge::F08Empty, ErrorCode::F08_AMOUNT_TOO_LARGE, 0),
        (TooLarge::T04, ErrorCode::T04_INSUFFICIENT_LIQUIDITY, 0),
    ];
    for (too_large_code, expected, length) in cases {
        let config = ConnectorConfig { too_large: too_large_code, ..ConnectorConfig::default() };
        let network = Network::new(config, &[("alice", limited.clone()), ("bob", child())]);
        fulfilled(network.send("alice", "test.connector.bob", 1_000).await);
        let reject = rejected(network.send("alice", "test.connector.bob", 1_001).await);
        assert_eq!((reject.code, reject.data.len()), (expected, length));
        assert_eq!(reject.triggered_by.as_ref().unwrap().as_str(), "test.connector");
        if length > 0 {
            assert_eq!(too_large(&reject), (1_001, 1_000));
        }
        // The limit is alice's.
        fulfilled(network.send("bob", "test.connector.alice", 1_001).await);
    }
}

#[tokio::test]
async fn an_amount_that_is_rounded_to_zero_is_rejected_unless_it_was_zero() {
    let mut config =
        ConnectorConfig { rates: vec![rate("EUR", "USD", "1/10")], ..ConnectorConfig::default() };
    let strict = network(config.clone(), (0, 0));
    let reply = strict.send("alice", "test.connector.bob", 9).await;
    assert_eq!(code(reply), ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT);
    assert_eq!(delivered(&strict, 0).await, 0);
    assert_eq!(delivered(&strict, 19).await, 1);
    config.rounded_to_zero = RoundedToZero::Forward;
    let lenient = network(config, (0, 0));
    assert_eq!(delivered(&lenient, 9).await, 0);
    assert_eq!((lenient.balance("alice"), lenient.balance("bob")), (9, 0));
}
