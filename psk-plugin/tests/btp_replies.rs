//! Every packet gets its own answer, and what an answer means.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use psk_codec::btp::{ErrorCode as BtpCode, Packet, RequestId};
use psk_codec::{ErrorCode, Prepare, Reject, Reply, Timestamp};
use psk_plugin::btp::{BtpClient, BtpServerConfig};
use psk_plugin::{Plugin, SendError, handler_fn};
use support::*;
use tokio::net::{TcpListener, TcpStream};

async fn client_and_peer() -> (BtpClient, RawPeer<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url_at(listener.local_addr().unwrap());
    let (client, peer) = tokio::join!(BtpClient::connect(url), RawPeer::accept(&listener));
    (client.unwrap(), peer)
}

/// A packet that carries its number as data.
fn numbered(number: u32) -> Prepare {
    let mut prepare = prepare("test.x", 1);
    prepare.data = number.to_be_bytes().to_vec().into();
    prepare
}

#[tokio::test]
async fn a_thousand_packets_at_once_get_their_own_answers_in_any_order() {
    let (client, mut peer) = client_and_peer().await;
    let sends = join_all((0..1000).map(|number| client.send(numbered(number))));
    let answers = async {
        let mut requests = Vec::new();
        let mut ids = HashSet::new();
        while requests.len() < 1000 {
            let request = peer.receive().await.unwrap();
            assert!(ids.insert(request.request_id), "an id twice");
            requests.push(request);
        }
        for request in requests.iter().rev() {
            let prepare = Prepare::decode(request.ilp().unwrap().clone()).unwrap();
            let reply = fulfill(prepare.data).encode().unwrap();
            // What was not asked for must not be taken for it.
            let foreign = RequestId::new(request.request_id.number().wrapping_add(5_000));
            peer.send(&Packet::ilp_response(foreign, fulfill("foreign").encode().unwrap())).await;
            peer.send(&Packet::ilp_response(request.request_id, reply)).await;
            peer.send(&Packet::ilp_response(request.request_id, "again".into())).await;
        }
    };
    let (replies, ()) = tokio::join!(sends, answers);
    for (number, reply) in (0u32..).zip(replies) {
        assert_eq!(fulfilled(reply.unwrap()).data, number.to_be_bytes()[..]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_packets_each_way_at_once_get_their_own_answers() {
    let server = server(BtpServerConfig::default()).await;
    let client = Arc::new(BtpClient::connect(url(&server)).await.unwrap());
    let account = server.account("alice");
    let late_echo = || {
        handler_fn(|prepare| async move {
            // Some are overtaken by others.
            for _ in 0..prepare.data[3] % 7 {
                tokio::task::yield_now().await;
            }
            fulfill(prepare.data)
        })
    };
    client.set_handler(Some(late_echo()));
    account.set_handler(Some(late_echo()));
    let all = |plugin: Arc<dyn Plugin>| {
        let sends = (0u32..1000).map(move |number| {
            let plugin = plugin.clone();
            tokio::spawn(async move { (number, plugin.send(numbered(number)).await) })
        });
        sends.collect::<Vec<_>>()
    };
    let sends: Vec<_> = all(client.clone()).into_iter().chain(all(account)).collect();
    for send in sends {
        let (number, reply) = send.await.unwrap();
        assert_eq!(fulfilled(reply.unwrap()).data, number.to_be_bytes()[..]);
    }
}

/// What the client makes of an answer.
async fn taken_as(answer: impl FnOnce(RequestId) -> Packet) -> Result<Reply, SendError> {
    let (client, mut peer) = client_and_peer().await;
    let answer = async {
        let request = peer.receive().await.unwrap();
        peer.send(&answer(request.request_id)).await;
    };
    let (reply, ()) = tokio::join!(client.send(prepare("test.x", 1)), answer);
    reply
}

#[tokio::test]
async fn btp_errors_say_that_the_packet_was_not_forwarded() {
    let cases = [
        (BtpCode::T00_UNREACHABLE, ErrorCode::T01_PEER_UNREACHABLE),
        (BtpCode::F00_NOT_ACCEPTED, ErrorCode::T00_INTERNAL_ERROR),
        (BtpCode::F08_INSUFFICIENT_BALANCE, ErrorCode::T00_INTERNAL_ERROR),
        (BtpCode::new(*b"X99"), ErrorCode::T00_INTERNAL_ERROR),
    ];
    for (btp, ilp) in cases {
        let text = "because ".repeat(2_000);
        let reply = taken_as(|id| Packet::error(id, btp, Timestamp::UNIX_EPOCH, &text)).await;
        let reject = rejected(reply.unwrap());
        assert_eq!(reject.code, ilp);
        assert!(reject.message_text().contains(&format!("BTP error {btp}")));
        assert!(reject.message.len() <= Reject::MAX_MESSAGE_LENGTH);
    }
}

#[tokio::test]
async fn a_response_without_ilp_is_a_rejection() {
    let reply = taken_as(Packet::empty_response).await;
    assert_eq!(code(reply.unwrap()), ErrorCode::T00_INTERNAL_ERROR);
}

#[tokio::test]
async fn a_response_that_cannot_be_read_may_have_been_a_fulfill() {
    for ilp in ["garbage".into(), prepare("test.x", 1).encode().unwrap()] {
        let error = taken_as(|id| Packet::ilp_response(id, ilp)).await.unwrap_err();
        assert!(matches!(error, SendError::Unknown(_)), "{error}");
    }
}

#[tokio::test]
async fn a_reply_that_is_too_long_to_be_written_becomes_a_rejection() {
    let server = server(BtpServerConfig::default()).await;
    let client = BtpClient::connect(url(&server)).await.unwrap();
    let too_long = |_| async { fulfill(vec![0; psk_codec::MAX_DATA_LENGTH + 1]) };
    server.account("alice").set_handler(Some(handler_fn(too_long)));
    let reply = client.send(prepare("test.x", 1)).await.unwrap();
    assert_eq!(code(reply), ErrorCode::T00_INTERNAL_ERROR);
    let longest = |_| async { fulfill(vec![0; psk_codec::MAX_DATA_LENGTH]) };
    server.account("alice").set_handler(Some(handler_fn(longest)));
    fulfilled(client.send(prepare("test.x", 1)).await.unwrap());
}

#[tokio::test]
async fn a_packet_that_is_too_long_to_be_written_is_not_sent() {
    let (client, _peer) = client_and_peer().await;
    let mut prepare = prepare("test.x", 1);
    prepare.data = vec![0; psk_codec::MAX_DATA_LENGTH + 1].into();
    let error = client.send(prepare).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error}");
}

#[tokio::test]
async fn without_a_handler_packets_are_rejected_for_now() {
    let server = server(BtpServerConfig::default()).await;
    let client = BtpClient::connect(url(&server)).await.unwrap();
    let reply = client.send(prepare("test.x", 1)).await.unwrap();
    assert_eq!(code(reply), ErrorCode::T01_PEER_UNREACHABLE);
    server.account("alice").set_handler(Some(echo()));
    fulfilled(client.send(prepare("test.x", 1)).await.unwrap());
    server.account("alice").set_handler(None);
    let reply = client.send(prepare("test.x", 1)).await.unwrap();
    assert_eq!(code(reply), ErrorCode::T01_PEER_UNREACHABLE);
}
