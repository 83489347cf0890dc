//! A connector whose accounts are those of a BTP server.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use psk_codec::ErrorCode;
use psk_plugin::btp::{AnyToken, BtpClient, BtpServer, BtpServerConfig, BtpUrl, StaticTokens, Token};
use psk_plugin::connector::{Connector, ConnectorConfig};
use psk_plugin::{Clock, Plugin};
use support::*;

/// A connector with an account `bob` that nobody is attached to.
fn connector() -> Connector {
    let mut config =
        ConnectorConfig { address: Some("test.connector".parse().unwrap()), ..ConnectorConfig::default() };
    config.accounts.insert("bob".into(), child());
    Connector::new(config, Clock::system()).unwrap()
}

async fn client(server: &BtpServer, credentials: &str) -> BtpClient {
    let url = format!("btp+ws://{credentials}@{}", server.local_addr());
    let client = BtpClient::connect(url.parse::<BtpUrl>().unwrap()).await.unwrap();
    client.set_handler(Some(echo()));
    client
}

#[tokio::test]
async fn whoever_is_let_in_becomes_a_child() {
    let connector = connector();
    let config =
        BtpServerConfig { new_account: Some(connector.accept_all(child())), ..BtpServerConfig::default() };
    let server = BtpServer::bind("127.0.0.1:0", AnyToken::new(10), config).await.unwrap();
    let alice = client(&server, "alice:a").await;
    let bob = client(&server, "bob:b").await;
    let address = bob.details().await.unwrap().address;
    assert_eq!(address.as_str(), "test.connector.bob");
    let mut paid = prepare("test.connector.bob.invoice", 100);
    paid.data = "for you".into();
    assert_eq!(fulfilled(alice.send(paid).await.unwrap()).data, "for you");
    assert_eq!(connector.balances()["alice"].balance().units(), 100);
    assert_eq!(connector.balances()["bob"].balance().units(), -100);
    // Not a segment of an address.
    let url = format!("btp+ws://b.c:t0ken@{}", server.local_addr());
    let error = BtpClient::connect(url.parse::<BtpUrl>().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("cannot be a child"), "{error}");
    drop(bob);
    let mut connections = server.account("bob").connections();
    connections.wait_for(|count| *count == 0).await.unwrap();
    let reply = alice.send(prepare("test.connector.bob", 1)).await.unwrap();
    assert_eq!(code(reply), ErrorCode::T01_PEER_UNREACHABLE);
    client(&server, "bob:b").await.details().await.unwrap();
}

#[tokio::test]
async fn configured_accounts_are_joined_to_those_of_the_server() {
    let mut config =
        ConnectorConfig { address: Some("test.connector".parse().unwrap()), ..ConnectorConfig::default() };
    config.accounts.insert("alice".into(), child());
    config.accounts.insert("bob".into(), child());
    let connector = Connector::new(config, Clock::system()).unwrap();
    let tokens = StaticTokens::new().with("alice", &Token::new("a")).with("bob", &Token::new("b"));
    let server = BtpServer::bind("127.0.0.1:0", tokens, BtpServerConfig::default()).await.unwrap();
    connector.attach_server(&server);
    let alice = client(&server, "alice:a").await;
    let reply = alice.send(prepare("test.connector.bob", 1)).await.unwrap();
    assert_eq!(code(reply), ErrorCode::T01_PEER_UNREACHABLE);
    let _bob = client(&server, ":b").await;
    server.account("bob").connections().wait_for(|count| *count == 1).await.unwrap();
    fulfilled(alice.send(prepare("test.connector.bob", 1)).await.unwrap());
}

#[tokio::test]
async fn a_connector_is_the_child_of_another_over_btp() {
    let parent = connector();
    let config =
        BtpServerConfig { new_account: Some(parent.accept_all(child())), ..BtpServerConfig::default() };
    let server = BtpServer::bind("127.0.0.1:0", AnyToken::new(10), config).await.unwrap();
    let alice = client(&server, "alice:a").await;

    let config = r#"
        [accounts.up]
        relation = "parent"
        asset_code = "XRP"
        asset_scale = 9
        [accounts.bob]
        relation = "child"
        asset_code = "XRP"
        asset_scale = 6
    "#;
    let below = Connector::new(toml::from_str(config).unwrap(), Clock::system()).unwrap();
    let up = client(&server, "below:u").await;
    below.attach("up", std::sync::Arc::new(up)).unwrap();
    below.inherit_address().await.unwrap();
    let (bob, bobs_end) = psk_plugin::memory::Link::default().pair();
    below.attach("bob", bobs_end).unwrap();
    bob.set_handler(Some(echo()));
    assert_eq!(bob.details().await.unwrap().address.as_str(), "test.connector.below.bob");

    fulfilled(alice.send(prepare("test.connector.below.bob.x", 5_999)).await.unwrap());
    assert_eq!(parent.balances()["below"].balance().units(), -5_999);
    assert_eq!(below.balances()["up"].balance().units(), 5_999);
    assert_eq!(below.balances()["bob"].balance().units(), -5);
    fulfilled(bob.send(prepare("test.connector.alice", 5)).await.unwrap());
    assert_eq!(parent.balances()["alice"].balance().units(), 999);
}
