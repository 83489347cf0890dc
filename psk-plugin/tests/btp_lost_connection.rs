//! What becomes of packets and of the client when the connection is lost.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use psk_codec::Timestamp;
use psk_codec::btp::{ErrorCode, Packet};
use psk_codec::ildcp;
use psk_codec::{Prepare, Reply};
use psk_plugin::btp::{BtpClient, BtpServerConfig, ConnectionState};
use psk_plugin::{Plugin, SendError};
use support::*;
use tokio::net::{TcpListener, TcpStream};

async fn listener() -> (TcpListener, psk_plugin::btp::BtpUrl) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url_at(listener.local_addr().unwrap());
    (listener, url)
}

/// A client and the server's side of its connection.
async fn connect(
    listener: &TcpListener,
    config: impl Into<psk_plugin::btp::BtpClientConfig>,
) -> (BtpClient, RawPeer<TcpStream>) {
    let (client, peer) = tokio::join!(BtpClient::connect(config), RawPeer::accept(listener));
    (client.unwrap(), peer)
}

/// Answers the next request, which must be an IL-DCP one.
async fn tell_address(peer: &mut RawPeer<TcpStream>, address: &str) {
    let request = peer.receive().await.unwrap();
    let prepare = Prepare::decode(request.ilp().unwrap().clone()).unwrap();
    assert!(ildcp::is_request(&prepare));
    let fulfill = details(address).to_fulfill().unwrap();
    let answer = Packet::ilp_response(request.request_id, fulfill.encode().unwrap());
    peer.send(&answer).await;
}

#[tokio::test]
async fn everything_in_flight_fails_at_once_as_unknown() {
    let (listener, url) = listener().await;
    let (client, mut peer) = connect(&listener, impatient(url)).await;
    let client = Arc::new(client);
    let sends: Vec<_> = (0..100)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.send(prepare("test.x", number)).await })
        })
        .collect();
    for _ in 0..100 {
        peer.receive().await.unwrap();
    }
    drop(peer);
    for send in sends {
        let error = send.await.unwrap().unwrap_err();
        assert!(matches!(error, SendError::Unknown(_)), "{error}");
    }
}

#[tokio::test]
async fn the_client_connects_again_and_asks_for_its_details_again() {
    let (listener, url) = listener().await;
    let (client, mut peer) = connect(&listener, impatient(url)).await;
    let mut state = client.state();
    assert_eq!(*state.borrow_and_update(), ConnectionState::Connected);
    let (first, ()) = tokio::join!(client.details(), tell_address(&mut peer, "test.first"));
    assert_eq!(first.unwrap(), details("test.first"));
    // Not asked again on the same connection: the peer would not answer.
    assert_eq!(client.details().await.unwrap(), details("test.first"));
    drop(peer);
    state.wait_for(|state| *state == ConnectionState::Connecting).await.unwrap();
    let mut peer = RawPeer::accept(&listener).await;
    let (second, ()) = tokio::join!(client.details(), tell_address(&mut peer, "test.second"));
    assert_eq!(second.unwrap(), details("test.second"));
    assert_eq!(*state.borrow_and_update(), ConnectionState::Connected);
}

#[tokio::test]
async fn a_packet_waits_for_the_reconnect() {
    let (listener, url) = listener().await;
    let (client, peer) = connect(&listener, impatient(url)).await;
    let mut state = client.state();
    drop(peer);
    state.wait_for(|state| *state == ConnectionState::Connecting).await.unwrap();
    let answer = async {
        let mut peer = RawPeer::accept(&listener).await;
        let request = peer.receive().await.unwrap();
        let reply = fulfill("").encode().unwrap();
        peer.send(&Packet::ilp_response(request.request_id, reply)).await;
        peer
    };
    let (reply, _peer) = tokio::join!(client.send(prepare("test.x", 1)), answer);
    fulfilled(reply.unwrap());
}

#[tokio::test]
async fn a_packet_is_not_sent_when_the_reconnect_takes_too_long() {
    let (listener, url) = listener().await;
    let mut config = impatient(url);
    config.reconnect.patience = Duration::from_millis(20);
    let (client, peer) = connect(&listener, config).await;
    let mut state = client.state();
    drop(peer);
    // Nobody accepts the next connection.
    state.wait_for(|state| *state == ConnectionState::Connecting).await.unwrap();
    let error = client.send(prepare("test.x", 1)).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error}");
}

#[tokio::test]
async fn a_server_that_refuses_later_is_given_up() {
    let (listener, url) = listener().await;
    let (client, peer) = connect(&listener, impatient(url)).await;
    let mut state = client.state();
    drop(peer);
    let (stream, _) = listener.accept().await.unwrap();
    let mut peer = RawPeer(tokio_tungstenite::accept_async(stream).await.unwrap());
    let id = peer.receive().await.unwrap().request_id;
    let code = ErrorCode::F00_NOT_ACCEPTED;
    peer.send(&Packet::error(id, code, Timestamp::UNIX_EPOCH, "go away")).await;
    state.wait_for(|state| *state == ConnectionState::Refused).await.unwrap();
    let error = client.send(prepare("test.x", 1)).await.unwrap_err();
    assert!(matches!(&error, SendError::NotSent(reason) if reason.contains("refused")), "{error}");
}

#[tokio::test]
async fn closing_fails_what_is_in_flight_and_sends_no_more() {
    let (listener, url) = listener().await;
    let (client, mut peer) = connect(&listener, impatient(url)).await;
    let close = async {
        peer.receive().await.unwrap();
        client.close().await;
        assert_eq!(peer.receive().await, None);
    };
    let (reply, ()) = tokio::join!(client.send(prepare("test.x", 1)), close);
    assert!(matches!(reply.unwrap_err(), SendError::Unknown(_)));
    let error = client.send(prepare("test.x", 1)).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error}");
    assert_eq!(*client.state().borrow(), ConnectionState::Closed);
}

#[tokio::test]
async fn a_client_that_is_dropped_hangs_up() {
    let (listener, url) = listener().await;
    let (client, mut peer) = connect(&listener, url).await;
    drop(client);
    assert_eq!(peer.receive().await, None);
}

#[tokio::test]
async fn a_server_that_is_closed_fails_what_is_in_flight_on_its_side() {
    let server = server(BtpServerConfig::default()).await;
    let client = BtpClient::connect(url(&server)).await.unwrap();
    let arrived = Arc::new(tokio::sync::Notify::new());
    let notify = arrived.clone();
    client.set_handler(Some(psk_plugin::handler_fn(move |_| {
        notify.notify_one();
        std::future::pending::<Reply>()
    })));
    let account = server.account("alice");
    let close = async {
        arrived.notified().await;
        server.close().await;
    };
    let (reply, ()) = tokio::join!(account.send(prepare("test.x", 1)), close);
    assert!(matches!(reply.unwrap_err(), SendError::Unknown(_)));
    let error = account.send(prepare("test.x", 1)).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error}");
}
