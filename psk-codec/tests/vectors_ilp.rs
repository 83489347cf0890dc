//! ILPv4 packets (RFC 27) as npm `ilp-packet` 2.2.0 writes them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bytes::Bytes;
use common::{hex, time};
use psk_codec::{Condition, ErrorCode, Fulfill, Fulfillment, Packet, Prepare, Reject, Reply};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    #[serde(flatten)]
    fields: Fields,
    #[serde(deserialize_with = "hex")]
    data: Bytes,
    #[serde(deserialize_with = "hex")]
    packet: Bytes,
}

#[derive(Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Fields {
    Prepare {
        amount: String,
        expires_at: String,
        #[serde(deserialize_with = "hex")]
        execution_condition: Bytes,
        destination: String,
    },
    Fulfill {
        #[serde(deserialize_with = "hex")]
        fulfillment: Bytes,
    },
    Reject {
        code: String,
        triggered_by: String,
        message: String,
    },
}

impl Fields {
    fn packet(self, data: Bytes) -> Packet {
        match self {
            Self::Prepare { amount, expires_at, execution_condition, destination } => {
                Packet::Prepare(Prepare {
                    amount: amount.parse().unwrap(),
                    expires_at: time(&expires_at),
                    condition: Condition::new(execution_condition[..].try_into().unwrap()),
                    destination: destination.parse().unwrap(),
                    data,
                })
            }
            Self::Fulfill { fulfillment } => Packet::Fulfill(Fulfill {
                fulfillment: Fulfillment::new(fulfillment[..].try_into().unwrap()),
                data,
            }),
            Self::Reject { code, triggered_by, message } => Packet::Reject(Reject {
                code: ErrorCode::new(code.as_bytes().try_into().unwrap()),
                triggered_by: match &triggered_by[..] {
                    "" => None,
                    address => Some(address.parse().unwrap()),
                },
                message: message.into(),
                data,
            }),
        }
    }
}

#[test]
fn packets_of_npm_ilp_packet_are_read_and_written_alike() {
    for (name, vector) in common::npm_vectors::<Vector>("ilp-packets.json") {
        let packet = vector.fields.packet(vector.data);
        assert_eq!(Packet::decode(vector.packet.clone()).as_ref(), Ok(&packet), "{name}");
        assert_eq!(packet.encode(), Ok(vector.packet.clone()), "{name}");
        let octets = vector.packet;
        match packet {
            Packet::Prepare(prepare) => {
                assert_eq!(prepare.encoded_length(), octets.len(), "{name}");
                assert_eq!(Prepare::decode(octets.clone()), Ok(prepare), "{name}");
                Reply::decode(octets).unwrap_err();
            }
            Packet::Fulfill(fulfill) => {
                assert_eq!(Fulfill::decode(octets.clone()), Ok(fulfill.clone()), "{name}");
                assert_eq!(Reply::decode(octets), Ok(fulfill.into()), "{name}");
            }
            Packet::Unknown(packet) => panic!("{packet:?}"),
            Packet::Reject(reject) => {
                assert_eq!(Reject::decode(octets.clone()), Ok(reject.clone()), "{name}");
                assert_eq!(Reply::decode(octets), Ok(reject.into()), "{name}");
            }
        }
    }
}
