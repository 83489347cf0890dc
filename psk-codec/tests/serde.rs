//! The feature `serde`: every packet comes back from a format for people and from a binary one, and what a type
//! forbids is refused.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::fmt::Debug;

use common::arbitrary::{account_details, btp_packet, frame, ilp_packet, psk_packet, timestamp};
use proptest::prelude::*;
use psk_codec::psk::frame::Frame;
use psk_codec::psk::{PskPacket, RequestId, RequestKind, RequestPacket};
use psk_codec::{
    Address, Amount, AmountTooLarge, Condition, DestinationAmount, ErrorCode, Packet, Prepare, Reject,
    Timestamp, UnknownPacket, btp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Both ways, through JSON and through postcard.
fn comes_back<T: Debug + DeserializeOwned + PartialEq + Serialize>(value: &T) {
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
    let octets = postcard::to_allocvec(value).unwrap();
    assert_eq!(&postcard::from_bytes::<T>(&octets).unwrap(), value);
}

/// Exactly this JSON, and back.
fn is_json<T: Debug + DeserializeOwned + PartialEq + Serialize>(value: &T, json: &str) {
    let expected: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_value(value).unwrap(), expected);
    comes_back(value);
}

fn refused<T: Debug + DeserializeOwned>(json: &str) {
    serde_json::from_str::<T>(json).unwrap_err();
}

proptest! {
    #[test]
    fn packets_come_back(
        ilp in ilp_packet(), psk in psk_packet(), btp in btp_packet(), frame in frame(),
        details in account_details(), time in timestamp(),
    ) {
        comes_back(&ilp);
        comes_back(&psk);
        comes_back(&btp);
        comes_back(&frame);
        comes_back(&details);
        comes_back(&time);
    }
}

#[test]
fn packets_in_json_are_for_people() {
    let prepare = Prepare {
        amount: Amount::MAX,
        expires_at: Timestamp::from_unix_millis(1_700_000_000_000).unwrap(),
        condition: Condition::new([7; 32]),
        destination: "test.alice".parse().unwrap(),
        data: "hi".into(),
    };
    is_json(
        &Packet::Prepare(prepare),
        r#"{"prepare": {
            "amount": "18446744073709551615",
            "expires_at": "2023-11-14T22:13:20.000Z",
            "condition": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
            "destination": "test.alice",
            "data": "aGk"
        }}"#,
    );
    let reject =
        Reject::new(ErrorCode::F08_AMOUNT_TOO_LARGE, "g.hop".parse().unwrap()).with_message("too much");
    is_json(&reject, r#"{"code": "F08", "triggered_by": "g.hop", "message": "too much", "data": ""}"#);
    is_json(
        &Reject {
            code: ErrorCode::new([255, 0, 1]),
            triggered_by: None,
            message: vec![0xc0].into(),
            ..reject
        },
        r#"{"code": [255, 0, 1], "triggered_by": null, "message": [192], "data": ""}"#,
    );
    let (kind, request_id, amount) = (RequestKind::Request, RequestId::new(7), Amount::new(5));
    is_json(
        &PskPacket::Request(RequestPacket { kind, request_id, amount, data: b"hi".to_vec() }),
        r#"{"request": {"kind": "request", "request_id": 7, "amount": "5", "data": "aGk"}}"#,
    );
    is_json(
        &Frame::RefundStatus { refunded: DestinationAmount::new(1), total: DestinationAmount::new(2) },
        r#"{"refund_status": {"refunded": "1", "total": "2"}}"#,
    );
    is_json(&Frame::DataAck { offset: u64::MAX }, r#"{"data_ack": {"offset": "18446744073709551615"}}"#);
    let details = AmountTooLarge { received: Amount::new(10), maximum: Amount::new(5) };
    is_json(&details, r#"{"received": "10", "maximum": "5"}"#);
    assert_eq!(serde_json::from_str::<AmountTooLarge>(r#"{"received": 10, "maximum": 5}"#).unwrap(), details);
}

#[cfg(feature = "crypto-conditions")]
#[test]
fn crypto_conditions_are_their_texts() {
    let condition = psk_codec::crypto_condition::CryptoCondition::from(psk_codec::ildcp::CONDITION);
    is_json(&condition, &format!("\"{condition}\""));
    let fulfillment = psk_codec::crypto_condition::CryptoFulfillment::from(psk_codec::ildcp::FULFILLMENT);
    is_json(&fulfillment, &format!("\"{fulfillment}\""));
}

#[test]
fn what_a_type_forbids_is_refused() {
    refused::<Address>(r#""test4.alice""#);
    refused::<Amount>(r#""-1""#);
    refused::<Amount>("-1");
    refused::<Amount>("1.5");
    refused::<Amount>(r#""18446744073709551616""#);
    refused::<Timestamp>(r#""2023-02-29T00:00:00.000Z""#);
    refused::<Condition>(r#""BwcH""#);
    refused::<Condition>(r#""BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=""#);
    refused::<ErrorCode>(r#""F8""#);
    refused::<UnknownPacket>(r#"{"type": 12, "contents": ""}"#);
    refused::<btp::UnknownContents>(r#"{"type": 6, "contents": ""}"#);
    refused::<PskPacket>(r#"{"unknown": {"type": 4, "contents": ""}}"#);
    let status = |ranges| {
        format!(r#"{{"status": {{"received": "1", "chunks": 1, "state": 1, "fulfilled": {ranges}}}}}"#)
    };
    assert!(serde_json::from_str::<Frame>(&status("[[0, 4], [6, 9]]")).is_ok());
    refused::<Frame>(&status("[[0, 4], [5, 9]]"));
    refused::<Frame>(&status("[[4, 0]]"));
    let outstanding = r#"{"outstanding": [[0, 4], [6, 9]]}"#;
    let read: Frame = serde_json::from_str(outstanding).unwrap();
    is_json(&read, outstanding);
    refused::<Frame>(r#"{"outstanding": [[0, 4], [5, 9]]}"#);
    refused::<Frame>(r#"{"data": {"offset": "18446744073709551615", "data": "aGk"}}"#);
    refused::<Frame>(r#"{"unknown": {"type": 1, "contents": ""}}"#);
}
