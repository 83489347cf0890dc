//! What the npm package makes, we make and read: packets, conditions, credentials.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "../../psk-codec/tests/common/vector_files.rs"]
mod vector_files;

use psk_codec::Amount;
use psk_codec::psk::{
    ChunkKind, ChunkPacket, PaymentId, PskPacket, RequestId, RequestKind, RequestPacket, Sequence,
};
use psk_crypto::{Credentials, Keys, Random, ReceiverSecret, SharedSecret, Token, condition_of, fulfills};
use serde_json::Value;
use vector_files::VectorFile;

/// Gives the vector's nonce, so that sealing can be compared octet by octet.
struct FixedNonce(Vec<u8>);

impl Random for FixedNonce {
    fn fill_secure(&mut self, octets: &mut [u8]) {
        octets.copy_from_slice(&self.0);
    }

    fn jitter(&mut self) -> u64 {
        0
    }
}

fn vectors(name: &str) -> impl Iterator<Item = (String, Value)> {
    VectorFile::all(env!("CARGO_MANIFEST_DIR"), name).flat_map(|file| {
        let json: Value = serde_json::from_str(&file.text).unwrap();
        file.numbered(json["vectors"].as_array().unwrap().clone())
    })
}

fn octets(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    let octet = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(octet).collect()
}

fn amount(value: &Value) -> Amount {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned).parse().unwrap()
}

fn number(value: &Value) -> u32 {
    amount(value).units().try_into().unwrap()
}

fn check(name: &str, vector: &Value, packet: &PskPacket) {
    let keys = Keys::derive(&SharedSecret::from_octets(&octets(&vector["sharedSecret"])).unwrap());
    let encrypted = octets(&vector["encrypted"]);
    assert_eq!(&PskPacket::decode(keys.open(&encrypted).unwrap()).unwrap(), packet, "{name}");
    // RFC 25, junk data: fresh vectors have some, which the committed ones do not.
    let junk = vector.get("junk").map(octets).unwrap_or_default();
    let plaintext = [&packet.encode().unwrap()[..], &junk].concat();
    let mut nonce = FixedNonce(octets(&vector["iv"]));
    assert_eq!(keys.seal(&plaintext, &mut nonce).unwrap(), encrypted, "{name}");
    let fulfillment = keys.fulfillment(&encrypted);
    assert_eq!(fulfillment.octets()[..], octets(&vector["fulfillment"]), "{name}");
    assert_eq!(condition_of(&fulfillment).octets()[..], octets(&vector["condition"]), "{name}");
    assert!(fulfills(&fulfillment, &condition_of(&fulfillment)), "{name}");
}

#[test]
fn requests_and_responses_of_the_npm_package() {
    for (name, vector) in vectors("psk-packets.json") {
        let kind = match vector["type"].as_u64().unwrap() {
            4 => RequestKind::Request,
            5 => RequestKind::Response,
            6 => RequestKind::Error,
            other => panic!("type {other}"),
        };
        let request_id = RequestId::new(number(&vector["requestId"]));
        let (amount, data) = (amount(&vector["amount"]), octets(&vector["data"]).into());
        check(&name, &vector, &PskPacket::Request(RequestPacket { kind, request_id, amount, data }));
    }
}

#[test]
fn chunks_of_the_npm_package() {
    for (name, vector) in vectors("psk-chunks.json") {
        let packet = ChunkPacket {
            kind: match vector["type"].as_u64().unwrap() {
                0 => ChunkKind::Chunk,
                1 => ChunkKind::LastChunk,
                2 => ChunkKind::Fulfillment,
                3 => ChunkKind::Reject,
                other => panic!("type {other}"),
            },
            payment_id: PaymentId::new(octets(&vector["paymentId"]).try_into().unwrap()),
            sequence: Sequence::new(number(&vector["sequence"])),
            payment_amount: amount(&vector["paymentAmount"]),
            chunk_amount: amount(&vector["chunkAmount"]),
            application_data: octets(&vector["applicationData"]).into(),
        };
        check(&name, &vector, &PskPacket::Chunk(packet));
    }
}

#[test]
fn credentials_of_the_npm_package() {
    for (name, vector) in vectors("receiver-keys.json") {
        let receiver = ReceiverSecret::from_octets(&octets(&vector["receiverSecret"])).unwrap();
        let address = vector["address"].as_str().unwrap().parse().unwrap();
        let made: Credentials = if let Some(token) = vector.get("token") {
            let key_id = vector["keyId"].as_str().map_or(vec![], |_| octets(&vector["keyId"]));
            let mut random = FixedNonce(octets(token));
            let made = receiver.credentials(&address, &key_id, &mut random).unwrap();
            let suffix = made.destination_account.suffix_after(&address).unwrap();
            let token = Token::parse(&format!("{suffix}.more.segments")).unwrap();
            assert_eq!(token.key_id(), key_id, "{name}");
            assert_eq!(receiver.shared_secret(&token), made.shared_secret, "{name}");
            assert_eq!(made.shared_secret.expose_octets(), octets(&vector["sharedSecret"]), "{name}");
            made
        } else {
            let secret = SharedSecret::from_octets(&octets(&vector["registeredSecret"])).unwrap();
            receiver.credentials_for(&address, secret).unwrap()
        };
        assert_eq!(made.destination_account.as_str(), vector["destinationAccount"], "{name}");
    }
}
