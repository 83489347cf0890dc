//! BTP 2.0 packets (RFC 23) as npm `btp-packet` 2.2.1 writes them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bytes::Bytes;
use common::{hex, time};
use psk_codec::btp::{
    ContentType, ErrorCode, ErrorDetails, ErrorTime, Kind, Packet, RequestId, SubProtocol, Text,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    #[serde(rename = "type")]
    packet_type: u8,
    request_id: u32,
    protocol_data: Vec<ProtocolData>,
    amount: Option<String>,
    #[serde(flatten)]
    error: Option<ErrorFields>,
    #[serde(deserialize_with = "hex")]
    packet: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProtocolData {
    protocol_name: String,
    content_type: u8,
    #[serde(deserialize_with = "hex")]
    data: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorFields {
    code: String,
    name: String,
    triggered_at: String,
    #[serde(deserialize_with = "hex")]
    data: Bytes,
}

impl Vector {
    fn packet(self) -> Packet {
        let kind = match (self.packet_type, self.amount, self.error) {
            (1, None, None) => Kind::Response,
            (2, None, Some(error)) => Kind::Error(ErrorDetails {
                code: ErrorCode::new(error.code.as_bytes().try_into().unwrap()),
                name: Text::from(error.name),
                triggered_at: ErrorTime::from(time(&error.triggered_at)),
                data: error.data,
            }),
            (6, None, None) => Kind::Message,
            (7, Some(amount), None) => Kind::Transfer { amount: amount.parse().unwrap() },
            (other, ..) => panic!("a vector of type {other} with unexpected fields"),
        };
        let protocol_data = self.protocol_data.into_iter().map(|data| SubProtocol {
            name: Text::from(data.protocol_name),
            content_type: ContentType::new(data.content_type),
            data: data.data,
        });
        Packet { request_id: RequestId::new(self.request_id), kind, protocol_data: protocol_data.collect() }
    }
}

#[test]
fn packets_of_npm_btp_packet_are_read_and_written_alike() {
    for (name, vector) in common::npm_vectors::<Vector>("btp-packets.json") {
        let octets = vector.packet.clone();
        let packet = vector.packet();
        assert_eq!(Packet::decode(octets.clone()).as_ref(), Ok(&packet), "{name}");
        assert_eq!(packet.encode(), Ok(octets), "{name}");
        if let Kind::Error(details) = &packet.kind {
            let registered = details.code.name().unwrap_or(details.name.as_str());
            assert_eq!(registered, details.name.as_str(), "{name}");
            let time = details.triggered_at.timestamp().unwrap();
            assert_eq!(ErrorTime::from(time), details.triggered_at, "{name}");
        }
    }
}
