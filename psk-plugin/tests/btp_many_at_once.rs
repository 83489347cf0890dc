//! As many packets at once as a sender may have in flight: every one gets its answer, and none is rejected for there
//! being too many, over a connector and in both directions.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::sync::Arc;

use futures_util::future::join_all;
use psk_codec::Reply;
use psk_plugin::btp::{AnyToken, BtpClient, BtpServer, BtpServerConfig, BtpUrl};
use psk_plugin::connector::{Connector, ConnectorConfig};
use psk_plugin::{Clock, Plugin, SendError};
use support::*;

/// The most that a payment has in flight.
const AT_ONCE: u64 = 16_384;

/// A connector that lets everybody in, and its server, with this much for each connection.
async fn connector(concurrent_requests: usize) -> (Connector, BtpServer) {
    let mut config =
        ConnectorConfig { address: Some("test.connector".parse().unwrap()), ..ConnectorConfig::default() };
    config.latency_ms = 1;
    let connector = Connector::new(config, Clock::system()).unwrap();
    let mut config =
        BtpServerConfig { new_account: Some(connector.accept_all(child())), ..BtpServerConfig::default() };
    config.limits.concurrent_requests = concurrent_requests;
    let server = BtpServer::bind("127.0.0.1:0", AnyToken::new(10), config).await.unwrap();
    (connector, server)
}

async fn client(server: &BtpServer, credentials: &str) -> Arc<BtpClient> {
    let url = format!("btp+ws://{credentials}@{}", server.local_addr());
    let client = BtpClient::connect(url.parse::<BtpUrl>().unwrap()).await.unwrap();
    client.set_handler(Some(echo()));
    Arc::new(client)
}

/// Sends them all, each in a task of its own.
async fn send_all(from: &Arc<BtpClient>, destination: &'static str) -> Vec<Result<Reply, SendError>> {
    let sends = (0..AT_ONCE).map(|_| {
        let from = from.clone();
        tokio::spawn(async move { from.send(prepare(destination, 1)).await })
    });
    join_all(sends).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_rejects_and_loses_none_of_the_packets_that_a_payment_has_in_flight() {
    let limits = BtpServerConfig::default().limits;
    let (connector, server) = connector(limits.concurrent_requests).await;
    let (alice, bob) = (client(&server, "alice:a").await, client(&server, "bob:b").await);
    // Both ways at once, as a refund goes.
    let (there, back) =
        tokio::join!(send_all(&alice, "test.connector.bob.x"), send_all(&bob, "test.connector.alice.x"));
    for reply in there.into_iter().chain(back) {
        fulfilled(reply.unwrap());
    }
    assert_eq!(connector.balances()["bob"].balance().units(), 0);
}

/// The sender's limit is greater than the connector's: most packets are rejected, but every one is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_beyond_what_a_peer_takes_are_all_answered() {
    let (_connector, server) = connector(16).await;
    let (alice, bob) = (client(&server, "alice:a").await, client(&server, "bob:b").await);
    let (there, back) =
        tokio::join!(send_all(&alice, "test.connector.bob.x"), send_all(&bob, "test.connector.alice.x"));
    let answers: Vec<Reply> = there.into_iter().chain(back).map(Result::unwrap).collect();
    let (fulfills, rejects): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|reply| matches!(reply, Reply::Fulfill(_)));
    assert!(!fulfills.is_empty());
    for reply in rejects {
        assert_eq!(code(reply), psk_codec::ErrorCode::T03_CONNECTOR_BUSY);
    }
}
