//! Requests that npm ilp-protocol-psk2 0.5.0 made are opened and fulfilled; its answers to others are not believed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use bytes::Bytes;
use common::{address, later, now, secret};
use psk_codec::{Amount, Condition, DestinationAmount, Fulfill, Fulfillment, Prepare, Reply};
use psk_crypto::{SeededRandom, SharedSecret};
use psk_request::{Decision, Destination, Receiver};
use serde_json::Value;

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("vectors/psk-packets.json")).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn octets(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    let octet = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(octet).collect()
}

#[test]
fn requests_of_the_npm_package_are_opened_and_fulfilled() {
    let mut opened = 0;
    for vector in vectors().iter().filter(|vector| vector["type"] == 4) {
        let receiver = Receiver::new(address(), secret(), Default::default());
        let shared_secret = SharedSecret::from_octets(&octets(&vector["sharedSecret"])).unwrap();
        let (credentials, _) = receiver.register(shared_secret, Bytes::new()).unwrap();
        let condition: [u8; 32] = octets(&vector["condition"]).try_into().unwrap();
        let prepare = Prepare {
            amount: Amount::MAX,
            expires_at: later(30),
            condition: Condition::new(condition),
            destination: credentials.destination_account,
            data: octets(&vector["encrypted"]).into(),
        };
        let arrival = receiver.open(&prepare, now()).unwrap();
        let request = arrival.as_request().unwrap();
        let id = u64::from(request.request_id().number());
        assert_eq!(vector["requestId"].as_u64(), Some(id));
        let minimum: DestinationAmount = vector["amount"].as_str().unwrap().parse().unwrap();
        assert_eq!(request.minimum(), minimum);
        assert_eq!(request.data(), &octets(&vector["data"]));
        let decision = Decision::Accept(Bytes::new());
        let reply = request.answer(decision, now(), &mut SeededRandom::new(id));
        let fulfillment: [u8; 32] = octets(&vector["fulfillment"]).try_into().unwrap();
        assert!(matches!(reply, Reply::Fulfill(Fulfill { fulfillment: shown, .. })
                if shown == Fulfillment::new(fulfillment)));
        opened += 1;
    }
    assert!(opened > 5, "{opened}");
}

#[test]
fn answers_of_the_npm_package_to_other_requests_are_not_believed() {
    let random = &mut SeededRandom::new(7);
    for vector in vectors().iter().filter(|vector| vector["type"] != 4) {
        let receiver = Receiver::new(address(), secret(), Default::default());
        let shared_secret = SharedSecret::from_octets(&octets(&vector["sharedSecret"])).unwrap();
        let (credentials, _) = receiver.register(shared_secret, Bytes::new()).unwrap();
        let destination = Destination::from(&credentials);
        let (prepare, pending) = destination.seal(&common::request(), random).unwrap();
        let reply = Fulfill {
            fulfillment: destination.keys().fulfillment(&prepare.data),
            data: octets(&vector["encrypted"]).into(),
        };
        match pending.outcome(destination.keys(), reply.into()) {
            psk_request::Outcome::Fulfilled { delivered, .. } => assert!(!delivered.is_verified()),
            other => panic!("{other:?}"),
        }
    }
}
