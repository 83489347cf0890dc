//! An account whose client has several connections, or none.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use psk_plugin::btp::{AnyToken, BtpClient, BtpServer, BtpServerConfig, BtpUrl};
use psk_plugin::{Plugin, SendError, handler_fn};
use support::*;

async fn client(server: &BtpServer, name: &'static str) -> BtpClient {
    let client = BtpClient::connect(url(server)).await.unwrap();
    client.set_handler(Some(handler_fn(move |_| async move { fulfill(name) })));
    client
}

#[tokio::test]
async fn packets_go_out_on_the_newest_connection_and_come_in_on_all() {
    let server = server(BtpServerConfig::default()).await;
    let account = server.account("alice");
    account.set_handler(Some(echo()));
    let mut connections = account.connections();
    let old = client(&server, "old").await;
    connections.wait_for(|count| *count == 1).await.unwrap();
    let new = client(&server, "new").await;
    connections.wait_for(|count| *count == 2).await.unwrap();
    for client in [&old, &new] {
        fulfilled(client.send(prepare("test.x", 1)).await.unwrap());
    }
    let answer = || async { account.send(prepare("test.x", 1)).await };
    assert_eq!(fulfilled(answer().await.unwrap()).data, "new");
    drop(new);
    connections.wait_for(|count| *count == 1).await.unwrap();
    assert_eq!(fulfilled(answer().await.unwrap()).data, "old");
    drop(old);
    connections.wait_for(|count| *count == 0).await.unwrap();
    let error = answer().await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error}");
}

#[tokio::test]
async fn closing_an_account_hangs_up_and_its_client_may_come_back() {
    let server = server(BtpServerConfig::default()).await;
    let account = server.account("alice");
    account.set_handler(Some(echo()));
    let client = BtpClient::connect(impatient(url(&server))).await.unwrap();
    let mut state = client.state();
    state.borrow_and_update();
    account.close().await;
    // Lost, and there again.
    state.changed().await.unwrap();
    fulfilled(client.send(prepare("test.x", 1)).await.unwrap());
}

#[tokio::test]
async fn many_clients_have_an_account_each() {
    let config = BtpServerConfig::default();
    let server = BtpServer::bind("127.0.0.1:0", AnyToken::new(100), config).await.unwrap();
    let mut clients = Vec::new();
    for number in 0..100 {
        let url = format!("btp+ws://user{number}:token{number}@{}", server.local_addr());
        let client = BtpClient::connect(url.parse::<BtpUrl>().unwrap()).await.unwrap();
        client.set_handler(Some(handler_fn(move |_| async move { fulfill(number.to_string()) })));
        clients.push(client);
    }
    for number in 0..100 {
        let account = server.account(&format!("user{number}"));
        account.connections().wait_for(|count| *count == 1).await.unwrap();
        let reply = account.send(prepare("test.x", 1)).await.unwrap();
        assert_eq!(fulfilled(reply).data, number.to_string());
    }
}
