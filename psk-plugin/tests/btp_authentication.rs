//! Who is let in to a BTP server, and what a client says when it is not.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt;
use psk_codec::Timestamp;
use psk_codec::btp::{ErrorCode, Kind, Packet, RequestId, SubProtocol};
use psk_plugin::Plugin;
use psk_plugin::btp::{
    BtpClient, BtpClientConfig, BtpServer, BtpServerConfig, BtpUrl, ConnectError, Limits, StaticTokens, Token,
};
use support::*;
use tokio::net::{TcpListener, TcpSocket};
use tokio_tungstenite::tungstenite::Message;

async fn connect(url: &str) -> Result<BtpClient, ConnectError> {
    BtpClient::connect(url.parse::<BtpUrl>().unwrap()).await
}

#[tokio::test]
async fn user_and_token_let_in_and_so_does_the_token_alone() {
    let server = server(BtpServerConfig::default()).await;
    server.account("alice").set_handler(Some(echo()));
    let address = server.local_addr();
    for credentials in ["alice:secret", ":secret"] {
        let client = connect(&format!("btp+ws://{credentials}@{address}/any/path")).await.unwrap();
        fulfilled(client.send(prepare("test.x", 1)).await.unwrap());
    }
}

#[tokio::test]
async fn a_client_that_leaves_out_auth_username_is_let_in() {
    let server = server(BtpServerConfig::default()).await;
    let mut peer = RawPeer::connect(&server).await;
    let auth = Packet::auth(RequestId::new(5), None, "secret");
    assert_eq!(auth.sub_protocol(SubProtocol::AUTH_USERNAME), None);
    peer.send(&auth).await;
    assert_eq!(peer.receive().await, Some(Packet::empty_response(RequestId::new(5))));
}

#[tokio::test]
async fn credentials_in_the_url_are_sent_as_they_are_written_there() {
    let tokens = StaticTokens::new().with("al%20ice", &Token::new("to%2Fken"));
    let server = BtpServer::bind("127.0.0.1:0", tokens, BtpServerConfig::default()).await.unwrap();
    let address = server.local_addr();
    connect(&format!("btp+ws://al%20ice:to%2Fken@{address}")).await.unwrap();
}

#[tokio::test]
async fn credentials_apart_from_the_url_are_sent_as_they_are() {
    let tokens = StaticTokens::new().with("al ice", &Token::new("to/ken@%"));
    let server = BtpServer::bind("127.0.0.1:0", tokens, BtpServerConfig::default()).await.unwrap();
    let url = format!("btp+ws://{}", server.local_addr());
    let url = BtpUrl::with_credentials(&url, Some("al ice"), Token::new("to/ken@%")).unwrap();
    BtpClient::connect(url).await.unwrap();
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_a_reason_and_not_shown() {
    let server = server(BtpServerConfig::default()).await;
    let address = server.local_addr();
    for credentials in ["alice:wr0ng", ":wr0ng", "bob:secret"] {
        let error = connect(&format!("btp+ws://{credentials}@{address}")).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, ConnectError::Refused { .. }), "{text}");
        assert!(text.contains(&address.to_string()), "{text}");
        assert!(text.contains("F00 NotAcceptedError"), "{text}");
        assert!(!text.contains("wr0ng") && !text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn a_token_that_the_server_repeats_in_its_error_is_not_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url_at(listener.local_addr().unwrap());
    let refuse = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut peer = RawPeer(tokio_tungstenite::accept_async(stream).await.unwrap());
        let id = peer.receive().await.unwrap().request_id;
        // As npm's mini-accounts does.
        let text = "incorrect token for account. account=alice token=secret";
        let code = ErrorCode::F00_NOT_ACCEPTED;
        peer.send(&Packet::error(id, code, Timestamp::UNIX_EPOCH, text)).await;
        peer.0.close(None).await.unwrap();
    };
    let (client, ()) = tokio::join!(BtpClient::connect(url), refuse);
    let text = client.unwrap_err().to_string();
    assert!(text.ends_with("account=alice token=[token]"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    // Bound but not listening: nobody else can get the port.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let error = connect(&format!("btp+ws://alice:secret@{address}")).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = BtpClientConfig { limits: short(), ..url_at(listener.local_addr().unwrap()).into() };
    let error = BtpClient::connect(config).await.unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_speaks_another_protocol_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url_at(listener.local_addr().unwrap());
    let hang_up = async { drop(listener.accept().await.unwrap()) };
    let (client, ()) = tokio::join!(BtpClient::connect(url), hang_up);
    let error = client.unwrap_err();
    assert!(matches!(error, ConnectError::WebSocket { .. }), "{error}");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let config = BtpServerConfig { limits: short(), ..BtpServerConfig::default() };
    let server = server(config).await;
    // On a machine that is busy it may be closed before there is a WebSocket.
    let url = format!("ws://{}", server.local_addr());
    if let Ok((socket, _)) = tokio_tungstenite::connect_async(url).await {
        assert_eq!(RawPeer(socket).receive().await, None);
    }
}

fn short() -> Limits {
    Limits { handshake: Duration::from_millis(50), ..Limits::default() }
}

#[tokio::test]
async fn pings_before_the_authentication_are_tolerated() {
    let server = server(BtpServerConfig::default()).await;
    let mut peer = RawPeer::connect(&server).await;
    peer.0.send(Message::Ping("?".into())).await.unwrap();
    let auth = Packet::auth(RequestId::new(5), Some("alice"), "secret");
    peer.send(&auth).await;
    assert_eq!(peer.receive().await, Some(Packet::empty_response(RequestId::new(5))));
}

#[tokio::test]
async fn what_is_no_authentication_is_refused_and_closed() {
    let server = server(BtpServerConfig::default()).await;
    let id = RequestId::new(3);
    let auth = Packet::auth(id, Some("alice"), "secret");
    let with = |protocol_data| Packet { protocol_data, ..auth.clone() };
    let [first, user, token] = <[SubProtocol; 3]>::try_from(auth.protocol_data.clone()).unwrap();
    let cases = [
        Packet::ilp_message(id, prepare("test.x", 1).encode().unwrap()),
        Packet::empty_response(id),
        with(vec![token.clone(), first.clone(), user.clone()]),
        with(vec![first.clone(), user.clone()]),
        with(vec![first, user, SubProtocol { data: b"\xff"[..].into(), ..token }]),
        Packet { kind: Kind::Response, ..auth.clone() },
    ];
    for packet in cases {
        let mut peer = RawPeer::connect(&server).await;
        peer.send(&packet).await;
        let answer = peer.receive().await.unwrap();
        assert_eq!(answer.request_id, id);
        assert!(
            matches!(&answer.kind, Kind::Error(details) if details.code == ErrorCode::F00_NOT_ACCEPTED),
            "{packet:?}: {answer:?}"
        );
        assert_eq!(peer.receive().await, None, "{packet:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_instead_of_an_authentication_is_closed_without_an_answer() {
    let server = server(BtpServerConfig::default()).await;
    for message in [Message::Binary("garbage".into()), Message::Text("{}".into())] {
        let mut peer = RawPeer::connect(&server).await;
        peer.0.send(message).await.unwrap();
        assert_eq!(peer.receive().await, None);
    }
}

#[tokio::test]
async fn an_account_that_is_refused_is_not_let_in() {
    let config = BtpServerConfig {
        new_account: Some(Arc::new(|account| Err(format!("no room for {}", account.name())))),
        ..BtpServerConfig::default()
    };
    let server = server(config).await;
    let error = BtpClient::connect(url(&server)).await.unwrap_err();
    assert!(error.to_string().ends_with("no room for alice"), "{error}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_until_others_go() {
    let config = BtpServerConfig { connections: 1, ..BtpServerConfig::default() };
    let server = server(config).await;
    let first = BtpClient::connect(url(&server)).await.unwrap();
    BtpClient::connect(url(&server)).await.unwrap_err();
    let mut connections = server.account("alice").connections();
    drop(first);
    connections.wait_for(|count| *count == 0).await.unwrap();
    while BtpClient::connect(url(&server)).await.is_err() {
        // The permit is given back an instant after the account has forgotten the connection.
        tokio::task::yield_now().await;
    }
}
