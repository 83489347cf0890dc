//! IL-DCP requests and responses (RFC 31) as npm `ilp-protocol-ildcp` 1.0.0 writes them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bytes::Bytes;
use common::hex;
use psk_codec::ildcp::{self, AccountDetails};
use psk_codec::{Fulfill, Prepare};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    client_address: String,
    asset_code: String,
    asset_scale: u8,
    #[serde(deserialize_with = "hex")]
    packet: Bytes,
    #[serde(deserialize_with = "hex")]
    request: Bytes,
}

#[test]
fn requests_of_npm_ildcp_are_read_and_written_alike() {
    for (name, vector) in common::npm_vectors::<Vector>("ildcp.json") {
        let request = Prepare::decode(vector.request.clone()).unwrap();
        assert!(ildcp::is_request(&request), "{name}");
        let ours = ildcp::request(request.expires_at);
        assert_eq!(ours, request, "{name}");
        assert_eq!(ours.encode(), Ok(vector.request), "{name}");
    }
}

#[test]
fn responses_of_npm_ildcp_are_read_and_written_alike() {
    for (name, vector) in common::npm_vectors::<Vector>("ildcp.json") {
        let details = AccountDetails {
            address: vector.client_address.parse().unwrap(),
            asset_scale: vector.asset_scale,
            asset_code: vector.asset_code,
        };
        let fulfill = Fulfill::decode(vector.packet.clone()).unwrap();
        assert_eq!(AccountDetails::from_fulfill(&fulfill).as_ref(), Ok(&details), "{name}");
        assert_eq!(details.to_fulfill().unwrap().encode(), Ok(vector.packet), "{name}");
    }
}
