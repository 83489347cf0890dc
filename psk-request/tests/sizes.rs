//! Whole packets of at most 32,767 octets (PROTOCOL.md section 2, "Sizes").
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use bytes::Bytes;
use common::{Pair, accept, expect_reject, now, request};
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Address, Amount, DestinationAmount, ErrorCode, Reject, Reply};
use psk_crypto::{Keys, SeededRandom, SharedSecret};
use psk_request::{
    Decision, MAX_PACKET_LENGTH, SealRequestError, max_chunk_answer_data_length, max_error_data_length,
    max_request_data_length, max_response_data_length,
};

#[test]
fn the_longest_request_fills_a_packet_to_any_destination() {
    let random = &mut SeededRandom::new(1);
    let keys = Keys::derive(&SharedSecret::generate(random));
    let long = format!("g.{}", "a".repeat(Address::MAX_LENGTH - 2));
    let (limit, beyond) = (format!("g.{}", "a".repeat(125)), format!("g.{}", "a".repeat(126)));
    for text in ["g.a", &limit, &beyond, &long] {
        let destination: Address = text.parse().unwrap();
        let maximum = max_request_data_length(&destination);
        let longest = request().with_data(vec![7; maximum]);
        let (prepare, _) = longest.seal(&keys, &destination, random).unwrap();
        assert_eq!(prepare.encode().unwrap().len(), MAX_PACKET_LENGTH);
        let length = maximum + 1;
        let error = request().with_data(vec![7; length]).seal(&keys, &destination, random);
        assert_eq!(error.unwrap_err(), SealRequestError::DataTooLong { length, maximum });
    }
}

#[test]
fn the_longest_answers_fill_a_packet() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let accept = Decision::Accept(vec![7; max_response_data_length()].into());
    let reply = pair.answer(&prepare, accept, now());
    assert!(matches!(reply, Reply::Fulfill(_)));
    assert_eq!(reply.encode().unwrap().len(), MAX_PACKET_LENGTH);
    let refusal = vec![7; max_error_data_length(&common::address())];
    let reply = pair.answer(&prepare, Decision::Reject(refusal.into()), now());
    assert_eq!(reply.encode().unwrap().len(), MAX_PACKET_LENGTH);
}

#[test]
fn the_longest_answers_to_chunks_fit_into_a_packet() {
    let random = &mut SeededRandom::new(1);
    let keys = Keys::derive(&SharedSecret::generate(random));
    for address in [common::address(), format!("g.{}", "a".repeat(Address::MAX_LENGTH - 2)).parse().unwrap()]
    {
        let mut reject_of = |length: usize| {
            let chunk = PskPacket::Chunk(ChunkPacket {
                kind: ChunkKind::Reject,
                payment_id: PaymentId::new([1; 16]),
                sequence: Sequence::new(1),
                payment_amount: Amount::new(1),
                chunk_amount: Amount::new(1),
                application_data: Bytes::from(vec![7; length]),
            });
            let data = keys.seal_packet(&chunk, random).unwrap();
            Reject::new(ErrorCode::F99_APPLICATION_ERROR, address.clone())
                .with_data(data)
                .encode()
                .unwrap()
                .len()
        };
        let longest = max_chunk_answer_data_length(&address);
        // A Fulfill is longer than a Reject by an address that is shorter than a fulfillment.
        let spare =
            max_error_data_length(&address) - max_error_data_length(&address).min(max_response_data_length());
        assert_eq!(reject_of(longest), MAX_PACKET_LENGTH - spare);
    }
}

#[test]
fn an_answer_that_does_not_fit_takes_no_money_and_still_tells_what_arrived() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let (error, response) = (max_error_data_length(&common::address()), max_response_data_length());
    let too_long = vec![7; error.max(response) + 1];
    for decision in [Decision::Accept(too_long.clone().into()), Decision::Reject(too_long.into())] {
        let reply = pair.answer(&prepare, decision, now());
        assert_eq!(pair.body(&reply).amount.at_destination(), DestinationAmount::new(1_000));
        assert!(pair.body(&reply).data.is_empty());
        assert_eq!(expect_reject(reply).code, ErrorCode::F99_APPLICATION_ERROR);
    }
}

#[test]
fn an_exhausted_key_takes_no_money() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let secret = SharedSecret::generate(&mut pair.random);
    let mut arrival = pair.open(&prepare).unwrap();
    arrival.keys = Keys::derive_after(&secret, psk_crypto::MAX_SEALED_PACKETS).into();
    let request = arrival.as_request().unwrap();
    let reject = expect_reject(request.answer(accept(), now(), &mut pair.random));
    assert_eq!(reject.code, ErrorCode::F99_APPLICATION_ERROR);
    assert!(reject.data.is_empty());
}
