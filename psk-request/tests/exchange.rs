//! Any request that a sender seals, the receiver opens; and nothing that is changed on the way is believed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use bytes::Bytes;
use common::{Pair, arriving, later, now};
use proptest::prelude::*;
use psk_codec::{DestinationAmount, Prepare, Reply, SourceAmount};
use psk_request::{Decision, Delivered, Outcome, Request};

fn data() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn requests() -> impl Strategy<Value = Request> {
    (any::<u64>(), any::<u64>(), data(), 1..60_u64, any::<bool>()).prop_map(
        |(amount, minimum, data, seconds, fulfillable)| Request {
            source_amount: SourceAmount::new(amount),
            minimum: DestinationAmount::new(minimum),
            data,
            expires_at: later(seconds),
            fulfillable,
        },
    )
}

/// Flips some bits, cuts or appends.
fn mutate(octets: &Bytes, flips: &[(usize, u8)], cut: usize, append: &[u8]) -> Bytes {
    let mut mutated = octets.to_vec();
    for (at, mask) in flips {
        if let Some(octet) = (!mutated.is_empty()).then(|| at % octets.len()) {
            mutated[octet] ^= mask;
        }
    }
    mutated.truncate(octets.len() - cut.min(octets.len()));
    mutated.extend_from_slice(append);
    mutated.into()
}

fn mutations() -> impl Strategy<Value = (Vec<(usize, u8)>, usize, Vec<u8>)> {
    let flips = proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4);
    (flips, 0..8_usize, proptest::collection::vec(any::<u8>(), 0..4))
}

proptest! {
    #[test]
    fn what_a_sender_seals_the_receiver_opens_and_what_it_answers_the_sender_believes(
        request in requests(), arrives in any::<u64>(), answer in data(), accepts in any::<bool>(),
    ) {
        let mut pair = Pair::new();
        let (prepare, pending) = pair.seal(&request);
        let prepare = arriving(prepare, arrives);
        let arrival = pair.open(&prepare).unwrap();
        let incoming = arrival.as_request().unwrap();
        prop_assert_eq!(incoming.request_id(), pending.request_id());
        prop_assert_eq!((incoming.minimum(), incoming.data()), (request.minimum, &request.data));
        prop_assert_eq!(arrival.fulfillable, request.fulfillable);
        prop_assert!(!arrival.expired);

        let decision = match accepts {
            true => Decision::Accept(answer.clone()),
            false => Decision::Reject(answer.clone()),
        };
        let reply = pair.answer(&prepare, decision, now());
        let arrived = DestinationAmount::new(arrives);
        let pays = accepts && request.fulfillable && arrived >= request.minimum;
        match pending.outcome(pair.destination.keys(), reply) {
            Outcome::Fulfilled { delivered, data } => {
                prop_assert!(pays);
                prop_assert_eq!((delivered, data), (Delivered::Exact(arrived), answer));
            }
            Outcome::Rejected(rejection) => {
                prop_assert!(!pays);
                let body = rejection.authenticated.unwrap();
                prop_assert_eq!((body.amount, body.data), (arrived, answer));
            }
            Outcome::InvalidFulfillment => prop_assert!(false),
        }
    }

    #[test]
    fn a_changed_prepare_is_never_opened(
        request in requests(), (flips, cut, append) in mutations(),
    ) {
        let mut pair = Pair::new();
        let (prepare, _) = pair.seal(&request);
        let data = mutate(&prepare.data, &flips, cut, &append);
        prop_assume!(data != prepare.data);
        let changed = Prepare { data, ..prepare };
        prop_assert!(pair.open(&changed).is_err());
    }

    #[test]
    fn a_changed_reply_is_never_authentic(
        request in requests(), accepts in any::<bool>(), (flips, cut, append) in mutations(),
    ) {
        let mut pair = Pair::new();
        let (prepare, pending) = pair.seal(&request);
        let decision = if accepts { common::accept() } else { Decision::Reject(Bytes::new()) };
        let mut reply = pair.answer(&prepare, decision, now());
        let (Reply::Fulfill(psk_codec::Fulfill { data, .. })
        | Reply::Reject(psk_codec::Reject { data, .. })) = &mut reply;
        let changed = mutate(data, &flips, cut, &append);
        prop_assume!(changed != *data);
        *data = changed.clone();
        match pending.outcome(pair.destination.keys(), reply) {
            Outcome::Fulfilled { delivered, data } => {
                prop_assert_eq!(delivered, Delivered::AtLeast(request.minimum));
                prop_assert!(data.is_empty());
            }
            Outcome::Rejected(rejection) => {
                prop_assert_eq!(rejection.authenticated, None);
                prop_assert_eq!(rejection.unauthenticated_data, changed);
            }
            Outcome::InvalidFulfillment => prop_assert!(false),
        }
    }

    #[test]
    fn any_octets_are_survived(octets in data(), amount in any::<u64>()) {
        let mut pair = Pair::new();
        let (prepare, pending) = pair.seal(&common::request());
        let noise = Prepare { data: octets.clone(), ..arriving(prepare.clone(), amount) };
        prop_assert!(pair.open(&noise).is_err());
        let plaintext = pair.seal_plaintext(&octets);
        // Opened or not: no panic, and what is opened is of a type that belongs into a Prepare.
        let _ = pair.open(&plaintext);
        if let Ok(reply) = Reply::decode(octets) {
            let outcome = pending.outcome(pair.destination.keys(), reply);
            let fulfilled = matches!(outcome, Outcome::Fulfilled { .. });
            prop_assert!(!fulfilled);
        }
    }
}

#[test]
fn junk_after_a_request_is_ignored() {
    // RFC 25, "PSK Packet": junk hides the length of the data.
    use psk_codec::psk::{RequestId, RequestKind};
    let mut pair = Pair::new();
    let whole = common::packet(RequestKind::Request, RequestId::new(1), 5, "data");
    let padded = [&whole.encode().unwrap()[..], &[0; 500]].concat();
    let prepare = pair.seal_plaintext(&padded);
    assert_eq!(pair.open(&prepare).unwrap().packet, whole);
}
