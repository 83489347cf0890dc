//! What is no BTP on a socket of a server disturbs nobody else.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use futures_util::SinkExt;
use psk_codec::btp::{ErrorCode, Kind, Packet, RequestId, SubProtocol};
use psk_codec::{Amount, Reply};
use psk_plugin::Plugin;
use psk_plugin::btp::{BtpClient, BtpServer, BtpServerConfig};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

async fn server_and_client() -> (BtpServer, BtpClient) {
    let server = server(BtpServerConfig::default()).await;
    server.account("alice").set_handler(Some(echo()));
    let client = BtpClient::connect(url(&server)).await.unwrap();
    (server, client)
}

async fn works(client: &BtpClient) {
    fulfilled(client.send(prepare("test.x", 1)).await.unwrap());
}

/// That a connection is not only there, but answers.
async fn answers<S>(peer: &mut RawPeer<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let id = RequestId::new(77);
    peer.send(&Packet::ilp_message(id, prepare("test.x", 1).encode().unwrap())).await;
    let answer = peer.receive().await.unwrap();
    assert_eq!(answer.request_id, id);
    fulfilled(Reply::decode(answer.ilp().unwrap().clone()).unwrap());
}

#[tokio::test]
async fn octets_that_are_no_websocket_are_hung_up_on() {
    let (server, client) = server_and_client().await;
    for octets in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 100], &[0x16, 3, 1, 0, 0, 0xff, 0xff]] {
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        stream.write_all(octets).await.unwrap();
        stream.shutdown().await.unwrap();
        // Whether it says why or just hangs up: it comes to an end.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        works(&client).await;
    }
}

#[tokio::test]
async fn unreadable_packets_get_no_answer_and_the_connection_goes_on() {
    let (server, client) = server_and_client().await;
    let mut peer = RawPeer::authenticated(&server).await;
    peer.0.send(Message::Text("text".into())).await.unwrap();
    for octets in [&b""[..], b"garbage", &[6, 0, 0, 0, 1, 2, 1, 0, 9], &[99, 0, 0, 0, 1, 2, 1, 0]] {
        peer.send_octets(octets).await;
    }
    // Answers that nobody waits for.
    peer.send(&Packet::empty_response(RequestId::new(1))).await;
    peer.send(&Packet::ilp_response(RequestId::new(2), "garbage".into())).await;
    answers(&mut peer).await;
    works(&client).await;
}

#[tokio::test]
async fn requests_that_are_not_understood_are_answered_with_errors() {
    let (server, _client) = server_and_client().await;
    let mut peer = RawPeer::authenticated(&server).await;
    let id = RequestId::new(9);
    let transfer =
        Packet { request_id: id, kind: Kind::Transfer { amount: Amount::new(5) }, protocol_data: Vec::new() };
    let unknown =
        Packet { request_id: id, kind: Kind::Message, protocol_data: vec![SubProtocol::text("info", "?")] };
    let empty = Packet { protocol_data: Vec::new(), ..unknown.clone() };
    for packet in [transfer, unknown, empty] {
        peer.send(&packet).await;
        let answer = peer.receive().await.unwrap();
        assert_eq!(answer.request_id, id);
        let Kind::Error(details) = answer.kind else {
            panic!("{answer:?}");
        };
        assert_eq!(details.code, ErrorCode::F00_NOT_ACCEPTED);
        assert!(details.triggered_at.timestamp().is_some());
    }
    let fulfill = fulfill("").encode().unwrap();
    for ilp in ["garbage".into(), fulfill] {
        peer.send(&Packet::ilp_message(id, ilp)).await;
        let answer = peer.receive().await.unwrap();
        let reply = Reply::decode(answer.ilp().unwrap().clone()).unwrap();
        assert_eq!(code(reply), psk_codec::ErrorCode::F01_INVALID_PACKET);
    }
    answers(&mut peer).await;
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_its_own_connection_alone() {
    let (server, client) = server_and_client().await;
    let mut peer = RawPeer::authenticated(&server).await;
    // The server may hang up before everything is written.
    let _ = peer.0.send(Message::Binary(vec![6; 1 << 20].into())).await;
    assert_eq!(peer.receive().await, None);
    works(&client).await;
    let mut largest = RawPeer::authenticated(&server).await;
    largest.send_octets(vec![6; 65_536]).await;
    answers(&mut largest).await;
}
