//! The octets on the wire, as npm `btp-packet` 2.2.0 and `ilp-packet` 3.1.3 write them: what only talks to itself can
//! have everything the wrong way round.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use psk_codec::{Prepare, Timestamp};
use psk_plugin::Plugin;
use psk_plugin::btp::{BtpClient, BtpServerConfig, BtpUrl, Limits};
use support::*;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

/// Message 01020304: auth, auth_username "alice", auth_token "secret".
const AUTH: &str = "0601020304310103046175746800000d617574685f757365726e616d650105616c6963650a617574685f746f6b656e0106736563726574";
/// The same with an empty auth_username.
const AUTH_WITHOUT_USER: &str =
    "06010203042c0103046175746800000d617574685f757365726e616d6501000a617574685f746f6b656e0106736563726574";
/// Response 01020304, empty.
const WELCOME: &str = "0101020304020100";
/// Error 01020304: F00 NotAcceptedError, 2023-11-14T22:13:20.000Z, "unknown user or wrong token".
const REFUSAL: &str = "020102030446463030104e6f7441636365707465644572726f721332303233313131343232313332302e3030305a1b\
     756e6b6e6f776e2075736572206f722077726f6e6720746f6b656e0100";
/// Message 0a0b0c0d: ilp, the Prepare below.
const PREPARE: &str = "060a0b0c0d4d010103696c7000450c430000000000000005323039393031303230333034303536373866687aadf862\
     bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f292506746573742e78026869";
/// Response 0a0b0c0d: ilp, a Fulfill with 32 zero octets and the data "yo".
const FULFILL: &str = "010a0b0c0d2d010103696c7000250d2300000000000000000000000000000000000000000000000000000000000000\
     0002796f";

fn octets(hex: &str) -> Bytes {
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    let octet = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(|pair| octet(&pair[..])).collect()
}

/// With another request id.
fn with_id(hex: &str, id: [u8; 4]) -> Bytes {
    let mut octets = BytesMut::from(octets(hex));
    octets[1..5].copy_from_slice(&id);
    octets.freeze()
}

fn id(octets: &Bytes) -> [u8; 4] {
    octets[1..5].try_into().unwrap()
}

fn the_prepare() -> Prepare {
    let expires_at = Timestamp::decode(*b"20990102030405678").unwrap();
    Prepare { data: "hi".into(), ..prepare_until("test.x", 5, expires_at) }
}

async fn receive<S: AsyncRead + AsyncWrite + Unpin>(peer: &mut RawPeer<S>) -> Bytes {
    match peer.0.next().await.unwrap().unwrap() {
        Message::Binary(octets) => octets,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_writes_and_reads_what_npm_does() {
    for (credentials, auth) in [("alice:secret", AUTH), (":secret", AUTH_WITHOUT_USER)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("btp+ws://{credentials}@{}", listener.local_addr().unwrap());
        let client = async {
            let client = BtpClient::connect(url.parse::<BtpUrl>().unwrap()).await.unwrap();
            client.set_handler(Some(handler("yo")));
            client.send(the_prepare()).await.unwrap()
        };
        let peer = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut peer = RawPeer(tokio_tungstenite::accept_async(stream).await.unwrap());
            let first = receive(&mut peer).await;
            assert_eq!(first, with_id(auth, id(&first)));
            peer.send_octets(with_id(WELCOME, id(&first))).await;
            let request = receive(&mut peer).await;
            assert_eq!(request, with_id(PREPARE, id(&request)));
            peer.send_octets(octets(PREPARE)).await;
            assert_eq!(receive(&mut peer).await, octets(FULFILL));
            peer.send_octets(with_id(FULFILL, id(&request))).await;
            peer
        };
        let (reply, _peer) = tokio::join!(client, peer);
        assert_eq!(fulfilled(reply).data, "yo");
    }
}

#[tokio::test]
async fn a_server_writes_and_reads_what_npm_does() {
    let clock = psk_plugin::Clock::starting_at(some_day());
    let config =
        BtpServerConfig { limits: Limits { clock, ..Limits::default() }, ..BtpServerConfig::default() };
    let server = server(config).await;
    let account = server.account("alice");
    account.set_handler(Some(handler("yo")));
    let mut peer = RawPeer::connect(&server).await;
    peer.send_octets(octets(AUTH)).await;
    assert_eq!(receive(&mut peer).await, octets(WELCOME));
    peer.send_octets(octets(PREPARE)).await;
    assert_eq!(receive(&mut peer).await, octets(FULFILL));
    let answer = async {
        let request = receive(&mut peer).await;
        assert_eq!(request, with_id(PREPARE, id(&request)));
        peer.send_octets(with_id(FULFILL, id(&request))).await;
    };
    let (reply, ()) = tokio::join!(account.send(the_prepare()), answer);
    assert_eq!(fulfilled(reply.unwrap()).data, "yo");
}

#[tokio::test]
async fn a_server_refuses_as_npm_does() {
    let server = server(BtpServerConfig::default()).await;
    let mut peer = RawPeer::connect(&server).await;
    let wrong = AUTH.replace("736563726574", "736563726575");
    peer.send_octets(octets(&wrong)).await;
    let refusal = receive(&mut peer).await;
    let expected = octets(REFUSAL);
    // But for the time.
    let time = 26..45;
    assert_eq!(refusal.len(), expected.len());
    assert_eq!(
        (&refusal[..time.start], &refusal[time.end..]),
        (&expected[..time.start], &expected[time.end..])
    );
}

/// Fulfills everything with this.
fn handler(data: &'static str) -> std::sync::Arc<dyn psk_plugin::PrepareHandler> {
    psk_plugin::handler_fn(move |_| async move { fulfill(data) })
}
