//! What a connector does to expiries, on virtual time.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::time::Duration;

use psk_codec::{ErrorCode, Reply};
use psk_plugin::connector::ConnectorConfig;
use psk_plugin::{Clock, Plugin, handler_fn};
use support::*;
use tokio::time::{self, Instant};

fn network(config: ConnectorConfig) -> Network {
    let clock = Clock::starting_at(some_day());
    Network::with_clock(config, &[("alice", child()), ("bob", child())], clock)
}

async fn send_for(network: &Network, life: Duration) -> Reply {
    let expires_at = network.clock.now().saturating_add(life);
    let prepare = prepare_until("test.connector.bob", 1, expires_at);
    network.ends["alice"].send(prepare).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_second_is_taken_from_the_expiry_which_is_at_most_half_a_minute_off() {
    let network = network(ConnectorConfig::default());
    let clock = network.clock.clone();
    network.ends["bob"].set_handler(Some(handler_fn(move |prepare| {
        let left = prepare.expires_at.saturating_since(clock.now());
        async move { fulfill(left.as_millis().to_string()) }
    })));
    for (life, left) in [(2_000, "1000"), (10_500, "9500"), (31_000, "30000"), (900_000, "30000")] {
        let reply = send_for(&network, Duration::from_millis(life)).await;
        assert_eq!(fulfilled(reply).data, left, "{life}");
    }
}

#[tokio::test(start_paused = true)]
async fn packets_that_have_expired_or_will_too_soon_are_rejected() {
    let network = network(ConnectorConfig::default());
    let too_soon = send_for(&network, Duration::from_millis(1_999)).await;
    assert_eq!(code(too_soon), ErrorCode::R02_INSUFFICIENT_TIMEOUT);
    let expired = send_for(&network, Duration::ZERO).await;
    assert_eq!(code(expired), ErrorCode::R00_TRANSFER_TIMED_OUT);
    time::sleep(Duration::from_secs(5)).await;
    let long_ago = prepare_until("test.connector.bob", 1, some_day());
    let reply = network.ends["alice"].send(long_ago).await.unwrap();
    assert_eq!(code(reply), ErrorCode::R00_TRANSFER_TIMED_OUT);
}

#[tokio::test(start_paused = true)]
async fn a_packet_without_an_answer_times_out_when_it_expires_at_the_next_hop() {
    let network = network(ConnectorConfig::default());
    network.ends["bob"].set_handler(Some(silence()));
    let start = Instant::now();
    let reply = send_for(&network, Duration::from_secs(10)).await;
    assert_eq!(code(reply), ErrorCode::R00_TRANSFER_TIMED_OUT);
    assert_eq!(start.elapsed(), Duration::from_secs(9));
    let balances = network.connector.balances();
    assert_eq!(balances["alice"], Default::default());
    assert_eq!(balances["bob"], Default::default());
}

#[tokio::test(start_paused = true)]
async fn windows_are_configurable() {
    let network = network(ConnectorConfig {
        min_message_window_ms: 0,
        max_hold_time_ms: 500,
        ..ConnectorConfig::default()
    });
    let clock = network.clock.clone();
    network.ends["bob"].set_handler(Some(handler_fn(move |prepare| {
        let left = prepare.expires_at.saturating_since(clock.now());
        async move { fulfill(left.as_millis().to_string()) }
    })));
    for (life, left) in [(1, "1"), (10_000, "500")] {
        let reply = send_for(&network, Duration::from_millis(life)).await;
        assert_eq!(fulfilled(reply).data, left, "{life}");
    }
}

#[tokio::test(start_paused = true)]
async fn latency_is_added_each_way() {
    let network = network(ConnectorConfig { latency_ms: 30, ..ConnectorConfig::default() });
    let start = Instant::now();
    fulfilled(send_for(&network, Duration::from_secs(10)).await);
    assert_eq!(start.elapsed(), Duration::from_millis(60));
}
