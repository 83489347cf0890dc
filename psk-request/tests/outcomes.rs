//! Each item of PROTOCOL.md section 4 that concerns one request.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use bytes::Bytes;
use common::{Pair, accept, arriving, expect_reject, now, packet, request};
use psk_codec::psk::{RequestId, RequestKind};
use psk_codec::{
    Address, Amount, AmountTooLarge, DestinationAmount, ErrorCode, Fulfill, Fulfillment, Reject, Reply,
};
use psk_request::{Decision, Delivered, Outcome, PendingRequest, Rejection};

const MINIMUM: DestinationAmount = DestinationAmount::new(100);

fn unverified() -> Outcome {
    Outcome::Fulfilled { delivered: Delivered::AtLeast(MINIMUM), data: Bytes::new() }
}

/// A fulfilled request, with its reply.
fn fulfilled(pair: &mut Pair) -> (PendingRequest, Fulfill) {
    let (prepare, pending) = pair.seal(&request());
    match pair.answer(&arriving(prepare, 120), accept(), now()) {
        Reply::Fulfill(fulfill) => (pending, fulfill),
        Reply::Reject(reject) => panic!("{reject:?}"),
    }
}

fn rejected(pair: &mut Pair) -> (PendingRequest, Reject) {
    let (prepare, pending) = pair.seal(&request());
    let refusal = Decision::Reject("no".into());
    let reply = pair.answer(&arriving(prepare, 120), refusal, now());
    (pending, expect_reject(reply))
}

fn outcome(pair: &Pair, pending: &PendingRequest, reply: impl Into<Reply>) -> Outcome {
    pending.outcome(pair.destination.keys(), reply.into())
}

fn rejection(pair: &Pair, pending: &PendingRequest, reject: Reject) -> Rejection {
    match outcome(pair, pending, reject) {
        Outcome::Rejected(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_authentic_response_tells_exactly_what_arrived() {
    let mut pair = Pair::new();
    let (pending, fulfill) = fulfilled(&mut pair);
    let expected =
        Outcome::Fulfilled { delivered: Delivered::Exact(DestinationAmount::new(120)), data: "pong".into() };
    assert_eq!(outcome(&pair, &pending, fulfill), expected);
}

#[test]
fn a_wrong_preimage_is_no_success_even_with_an_authentic_body() {
    // JS `sendRequest` reports `fulfilled: true`.
    let mut pair = Pair::new();
    let (pending, fulfill) = fulfilled(&mut pair);
    let wrong = Fulfill { fulfillment: Fulfillment::new([0; 32]), ..fulfill };
    assert_eq!(outcome(&pair, &pending, wrong), Outcome::InvalidFulfillment);
}

#[test]
fn a_fulfill_whose_data_was_stripped_or_changed_counts_the_minimum() {
    let mut pair = Pair::new();
    let (pending, fulfill) = fulfilled(&mut pair);
    let mut changed = fulfill.data.to_vec();
    changed[20] ^= 1;
    for data in [Bytes::new(), "noise".into(), changed.into(), fulfill.data.slice(..30)] {
        let fulfill = Fulfill { data, ..fulfill.clone() };
        assert_eq!(outcome(&pair, &pending, fulfill), unverified());
    }
    assert_eq!(Delivered::AtLeast(MINIMUM).lower_bound(), MINIMUM);
    assert!(!Delivered::AtLeast(MINIMUM).is_verified());
}

#[test]
fn swapped_responses_are_not_believed() {
    let mut pair = Pair::new();
    let (first, first_fulfill) = fulfilled(&mut pair);
    let (second, second_fulfill) = fulfilled(&mut pair);
    // The whole reply: its preimage is another's. The body alone: its id is another's.
    let whole = outcome(&pair, &first, second_fulfill.clone());
    assert_eq!(whole, Outcome::InvalidFulfillment);
    let body = Fulfill { data: second_fulfill.data, ..first_fulfill.clone() };
    assert_eq!(outcome(&pair, &first, body), unverified());
    let other = outcome(&pair, &second, first_fulfill);
    assert_eq!(other, Outcome::InvalidFulfillment);
}

#[test]
fn a_body_of_the_wrong_type_or_id_is_not_believed() {
    let mut pair = Pair::new();
    let (pending, fulfill) = fulfilled(&mut pair);
    let (_, reject) = rejected(&mut pair);
    let id = pending.request_id();
    let other = RequestId::new(id.number().wrapping_add(1));
    for (kind, id) in [(RequestKind::Request, id), (RequestKind::Error, id), (RequestKind::Response, other)] {
        let plaintext = packet(kind, id, 1_000_000, "lie").encode().unwrap();
        let data = pair.destination.keys().seal(&plaintext, &mut pair.random).unwrap();
        let fulfill = Fulfill { data, ..fulfill.clone() };
        assert_eq!(outcome(&pair, &pending, fulfill), unverified());
    }
    for (kind, id) in [(RequestKind::Request, id), (RequestKind::Response, id), (RequestKind::Error, other)] {
        let plaintext = packet(kind, id, 1_000_000, "lie").encode().unwrap();
        let data = pair.destination.keys().seal(&plaintext, &mut pair.random).unwrap();
        let rejection = rejection(&pair, &pending, reject.clone().with_data(data.clone()));
        assert_eq!(rejection.authenticated, None);
        assert_eq!(rejection.unauthenticated_data, data);
    }
}

#[test]
fn a_request_sent_back_is_no_answer() {
    let mut pair = Pair::new();
    let (prepare, pending) = pair.seal(&request());
    let reflected = Reject::new(ErrorCode::F99_APPLICATION_ERROR, common::address());
    let rejection = rejection(&pair, &pending, reflected.with_data(prepare.data));
    assert_eq!(rejection.authenticated, None);
}

#[test]
fn an_authentic_error_tells_what_arrived() {
    let mut pair = Pair::new();
    let (pending, reject) = rejected(&mut pair);
    let rejection = rejection(&pair, &pending, reject.with_message("not from the receiver"));
    let authenticated = rejection.authenticated.as_ref().unwrap();
    assert_eq!(authenticated.amount, DestinationAmount::new(120));
    assert_eq!(authenticated.data, "no");
    assert_eq!(rejection.code, ErrorCode::F99_APPLICATION_ERROR);
    assert_eq!(rejection.triggered_by, Some(common::address()));
    assert_eq!(rejection.message_text(), "not from the receiver");
    assert!(rejection.unauthenticated_data.is_empty());
}

#[test]
fn a_connectors_data_is_handed_over_as_unauthenticated() {
    let mut pair = Pair::new();
    let (_, pending) = pair.seal(&request());
    let details = AmountTooLarge { received: Amount::new(1_000), maximum: Amount::new(400) };
    let by: Address = "test.hub".parse().unwrap();
    let reject = Reject::new(ErrorCode::F08_AMOUNT_TOO_LARGE, by).with_data(details.encode());
    let rejection = rejection(&pair, &pending, reject);
    assert_eq!(rejection.authenticated, None);
    assert_eq!(AmountTooLarge::decode(&rejection.unauthenticated_data), Ok(details));
}

#[test]
fn only_an_empty_f06_from_the_receivers_own_address_is_a_receiver_of_chunks() {
    let mut pair = Pair::new();
    let (_, pending) = pair.seal(&request());
    let account = pair.destination.account().clone();
    let says = |code, by: Option<&str>, data: &'static str| {
        let reject = Reject {
            code,
            triggered_by: by.map(|by| by.parse().unwrap()),
            message: "Unable to parse data".into(),
            data: data.into(),
        };
        rejection(&pair, &pending, reject).knows_only_chunks(&account)
    };
    let f06 = ErrorCode::F06_UNEXPECTED_PAYMENT;
    assert!(says(f06, Some(common::ADDRESS), ""));
    assert!(!says(f06, Some(common::ADDRESS), "data"));
    assert!(!says(f06, Some("test.hub.bo"), ""));
    assert!(!says(f06, Some("test.other"), ""));
    assert!(!says(f06, Some(account.as_str()), ""));
    assert!(!says(f06, None, ""));
    assert!(!says(ErrorCode::F99_APPLICATION_ERROR, Some(common::ADDRESS), ""));
}
