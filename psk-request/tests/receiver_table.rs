//! Each row of PROTOCOL.md section 3 that concerns requests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::time::Duration;

use common::{Pair, accept, arriving, expect_bare_refusal, expect_reject, later, now, packet, request};
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, RequestId, RequestKind, Sequence};
use psk_codec::{Amount, Condition, ErrorCode, Prepare, Reply};
use psk_crypto::fulfills;
use psk_request::{Decision, Receiver, ReceiverOptions, Request};

fn chunk(kind: ChunkKind) -> PskPacket {
    PskPacket::Chunk(ChunkPacket {
        kind,
        payment_id: PaymentId::new([1; 16]),
        sequence: Sequence::FIRST,
        payment_amount: Amount::new(10),
        chunk_amount: Amount::new(10),
        application_data: "".into(),
    })
}

#[test]
fn what_is_for_somebody_else_is_unreachable() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    for elsewhere in ["test.hub.bo", "test.hub.bobby.token", "test.hub", "g.hub.bob.token"] {
        let destination = elsewhere.parse().unwrap();
        let prepare = Prepare { destination, ..prepare.clone() };
        expect_bare_refusal(pair.open(&prepare), ErrorCode::F02_UNREACHABLE);
    }
}

#[test]
fn what_cannot_be_decrypted_is_unexpected_without_a_body() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let with = |suffix: &str| Prepare {
        destination: format!("{}{suffix}", common::ADDRESS).parse().unwrap(),
        ..prepare.clone()
    };
    let others_token = ".AAAAAAAAAAAAAAAAAAAAAAAA";
    for prepare in [
        with(""),
        with(".short"),
        with(".~~~~~~~~~~~~~~~~~~~~~~~~"),
        with(others_token),
        Prepare { data: "not sealed".into(), ..prepare.clone() },
        Prepare { data: "".into(), ..prepare.clone() },
        Prepare { data: prepare.data.slice(1..), ..prepare.clone() },
    ] {
        expect_bare_refusal(pair.open(&prepare), ErrorCode::F06_UNEXPECTED_PAYMENT);
    }
}

#[test]
fn what_is_truncated_or_of_unknown_type_is_unexpected_without_a_body() {
    let mut pair = Pair::new();
    let whole = packet(RequestKind::Request, RequestId::new(1), 1, "data").encode().unwrap();
    for length in 0..whole.len() {
        let prepare = pair.seal_plaintext(&whole[..length]);
        expect_bare_refusal(pair.open(&prepare), ErrorCode::F06_UNEXPECTED_PAYMENT);
    }
    for packet_type in 7..=255 {
        let mut unknown = whole.to_vec();
        unknown[0] = packet_type;
        let prepare = pair.seal_plaintext(&unknown);
        expect_bare_refusal(pair.open(&prepare), ErrorCode::F06_UNEXPECTED_PAYMENT);
    }
}

#[test]
fn what_does_not_belong_into_a_prepare_is_unexpected_without_a_body() {
    let mut pair = Pair::new();
    for answer in [
        packet(RequestKind::Response, RequestId::new(1), 1, ""),
        packet(RequestKind::Error, RequestId::new(1), 1, ""),
        chunk(ChunkKind::Fulfillment),
        chunk(ChunkKind::Reject),
    ] {
        let prepare = pair.seal_plaintext(&answer.encode().unwrap());
        expect_bare_refusal(pair.open(&prepare), ErrorCode::F06_UNEXPECTED_PAYMENT);
    }
    for chunk in [chunk(ChunkKind::Chunk), chunk(ChunkKind::LastChunk)] {
        let prepare = pair.seal_plaintext(&chunk.encode().unwrap());
        let arrival = pair.open(&prepare).unwrap();
        assert_eq!(arrival.packet, chunk);
        assert!(arrival.fulfillable && arrival.as_request().is_none());
    }
}

#[test]
fn what_has_expired_is_not_fulfilled() {
    // A JS receiver fulfills it: money could be lost.
    let mut pair = Pair::new();
    let (prepare, pending) = pair.seal(&request());
    for (at, expired) in [(later(29), false), (later(30), true), (later(31), true)] {
        let reply = pair.answer(&prepare, accept(), at);
        assert_eq!(matches!(reply, Reply::Reject(_)), expired, "{at}");
        if expired {
            assert_eq!(pair.body(&reply).kind, RequestKind::Error);
            assert_eq!(pair.body(&reply).request_id, pending.request_id());
            assert_eq!(expect_reject(reply).code, ErrorCode::R00_TRANSFER_TIMED_OUT);
        }
    }
}

#[test]
fn what_expires_while_it_is_decided_on_is_not_fulfilled() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let arrival = pair.open(&prepare).unwrap();
    let incoming = arrival.as_request().unwrap();
    assert!(!arrival.expired);
    let reply = incoming.answer(accept(), later(30), &mut pair.random);
    assert_eq!(expect_reject(reply).code, ErrorCode::R00_TRANSFER_TIMED_OUT);
}

#[test]
fn the_tolerance_for_our_clock_extends_the_expiry() {
    let mut pair = Pair::new();
    let options = ReceiverOptions { clock_tolerance: Duration::from_secs(2), ..ReceiverOptions::default() };
    pair.receiver = Receiver::new(common::address(), common::secret(), options);
    let (prepare, _) = pair.seal(&request());
    assert!(matches!(pair.answer(&prepare, accept(), later(31)), Reply::Fulfill(_)));
    let reply = pair.answer(&prepare, accept(), later(32));
    assert_eq!(expect_reject(reply).code, ErrorCode::R00_TRANSFER_TIMED_OUT);
}

#[test]
fn too_little_is_rejected_with_what_arrived_before_the_condition_is_looked_at() {
    let mut pair = Pair::new();
    for request in [request(), Request { fulfillable: false, ..request() }] {
        let (prepare, pending) = pair.seal(&request);
        let reply = pair.answer(&arriving(prepare, 99), accept(), now());
        let body = pair.body(&reply);
        assert_eq!((body.kind, body.request_id), (RequestKind::Error, pending.request_id()));
        // The handler was shown it, and its data goes along.
        assert_eq!((body.amount, &body.data[..]), (Amount::new(99), &b"pong"[..]));
        let reject = expect_reject(reply);
        assert_eq!(reject.code, ErrorCode::F99_APPLICATION_ERROR);
        assert_eq!(reject.triggered_by, Some(common::address()));
        assert!(reject.message.is_empty(), "reasons are not for every hop");
    }
}

#[test]
fn a_condition_that_cannot_be_regenerated_is_rejected_with_what_arrived() {
    let mut pair = Pair::new();
    let (unfulfillable, _) = pair.seal(&Request { fulfillable: false, ..request() });
    let (tampered, _) = pair.seal(&request());
    let tampered = Prepare { condition: Condition::new([7; 32]), ..tampered };
    for prepare in [unfulfillable, tampered] {
        let prepare = arriving(prepare, 500);
        assert!(!pair.open(&prepare).unwrap().fulfillable);
        let reply = pair.answer(&prepare, accept(), now());
        let body = pair.body(&reply);
        assert_eq!((body.kind, body.amount), (RequestKind::Error, Amount::new(500)));
        assert_eq!(expect_reject(reply).code, ErrorCode::F05_WRONG_CONDITION);
    }
}

#[test]
fn a_refusal_carries_the_applications_data_encrypted() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let refusal = Decision::Reject("out of coffee".into());
    let reply = pair.answer(&prepare, refusal, now());
    let body = pair.body(&reply);
    assert_eq!((body.kind, body.amount), (RequestKind::Error, Amount::new(1_000)));
    assert_eq!(body.data, "out of coffee");
    let reject = expect_reject(reply);
    assert_eq!((reject.code, reject.message_text().len()), (ErrorCode::F99_APPLICATION_ERROR, 0));
}

#[test]
fn an_accepted_request_is_fulfilled() {
    let mut pair = Pair::new();
    let (prepare, pending) = pair.seal(&request());
    let reply = pair.answer(&arriving(prepare, 100), accept(), now());
    let body = pair.body(&reply);
    assert_eq!((body.kind, body.request_id), (RequestKind::Response, pending.request_id()));
    assert_eq!((body.amount, &body.data[..]), (Amount::new(100), &b"pong"[..]));
    let Reply::Fulfill(fulfill) = reply else { panic!("rejected") };
    assert!(fulfills(&fulfill.fulfillment, &pending.condition()));
}
