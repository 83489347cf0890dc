//! How a receiver finds the secret of a packet.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;

use common::{Pair, address, now, request, secret};
use psk_codec::{Address, ErrorCode, Prepare};
use psk_crypto::{Credentials, Keys, SeededRandom, SharedSecret};
use psk_request::{AccountSuffix, Arrival, Destination, Receiver, ReceiverOptions, RegisterError};

/// Sends one request and opens it.
fn arrival(receiver: &Receiver, destination: &Destination, seed: u64) -> Arrival {
    let random = &mut SeededRandom::new(seed);
    let (prepare, _) = destination.seal(&request(), random).unwrap();
    receiver.open(&prepare, now()).unwrap()
}

fn registered(receiver: &Receiver, key_id: &'static str) -> (Credentials, AccountSuffix) {
    let shared_secret = SharedSecret::from_octets(&[5; 32]).unwrap();
    receiver.register(shared_secret, key_id.into()).unwrap()
}

#[test]
fn an_arrival_names_its_account_and_key_id() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let arrival = pair.open(&prepare).unwrap();
    assert_eq!(arrival.key_id, "key id");
    assert_eq!(arrival.receiver, address());
    let account = prepare.destination.suffix_after(&address());
    assert_eq!(Some(arrival.account.as_str()), account);
}

#[test]
fn segments_after_the_token_are_ignored() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let destination = prepare.destination.with_suffix("invoice.7").unwrap();
    let longer = pair.open(&Prepare { destination, ..prepare.clone() }).unwrap();
    assert_eq!(longer.account, pair.open(&prepare).unwrap().account);
    assert!(longer.fulfillable);
}

#[test]
fn a_registered_secret_is_found_until_it_is_deregistered() {
    let receiver = Receiver::new(address(), secret(), Default::default());
    let (credentials, account) = registered(&receiver, "shop");
    let destination = Destination::from(&credentials);
    let first = arrival(&receiver, &destination, 1);
    assert_eq!((&first.account, &first.key_id[..]), (&account, &b"shop"[..]));

    let again = receiver.register(credentials.shared_secret.clone(), "".into());
    assert_eq!(again.unwrap_err(), RegisterError::AlreadyRegistered);

    let forgotten = receiver.deregister(credentials.shared_secret.clone());
    assert_eq!(forgotten, Some(account));
    assert_eq!(receiver.deregister(credentials.shared_secret), None);
    let random = &mut SeededRandom::new(2);
    let (prepare, _) = destination.seal(&request(), random).unwrap();
    let reject = receiver.open(&prepare, now()).unwrap_err();
    assert_eq!(reject.code, ErrorCode::F06_UNEXPECTED_PAYMENT);
}

#[test]
fn packets_of_one_account_share_their_keys() {
    let pair = Pair::new();
    let first = arrival(&pair.receiver, &pair.destination, 1);
    let second = arrival(&pair.receiver, &pair.destination, 2);
    assert!(Arc::ptr_eq(&first.keys, &second.keys), "they are counted together");
    let (credentials, _) = registered(&pair.receiver, "");
    let destination = Destination::from(&credentials);
    let first = arrival(&pair.receiver, &destination, 1);
    let second = arrival(&pair.receiver, &destination, 2);
    assert!(Arc::ptr_eq(&first.keys, &second.keys));
}

#[test]
fn the_account_that_was_used_longest_ago_is_dropped_and_found_again() {
    let options =
        ReceiverOptions { max_cached_keys: NonZeroUsize::new(2).unwrap(), ..ReceiverOptions::default() };
    let receiver = Receiver::new(address(), secret(), options);
    let random = &mut SeededRandom::new(3);
    let mut destination = || Destination::from(&receiver.credentials(b"", random).unwrap());
    let (one, two, three) = (destination(), destination(), destination());
    let keys = |destination, seed| -> Arc<Keys> { arrival(&receiver, destination, seed).keys };
    let keys_of_one = keys(&one, 1);
    let keys_of_two = keys(&two, 2);
    assert!(Arc::ptr_eq(&keys_of_one, &keys(&one, 3)), "used again");
    keys(&three, 4);
    assert!(Arc::ptr_eq(&keys_of_one, &keys(&one, 5)), "used lately, so kept");
    assert!(!Arc::ptr_eq(&keys_of_two, &keys(&two, 6)), "dropped, derived anew");
}

#[test]
fn packets_that_cannot_be_opened_drop_no_keys() {
    let options = ReceiverOptions { max_cached_keys: NonZeroUsize::MIN, ..ReceiverOptions::default() };
    let receiver = Receiver::new(address(), secret(), options);
    let random = &mut SeededRandom::new(4);
    let honest = Destination::from(&receiver.credentials(b"", random).unwrap());
    let keys = arrival(&receiver, &honest, 1).keys;
    for seed in 0..10 {
        let elsewhere = Receiver::new(address(), secret(), Default::default());
        let account = elsewhere.credentials(b"", random).unwrap().destination_account;
        let wrong_keys = Keys::derive(&SharedSecret::generate(random));
        let forged = Destination::new(account, wrong_keys.into());
        let (prepare, _) = forged.seal(&request(), &mut SeededRandom::new(seed)).unwrap();
        assert!(receiver.open(&prepare, now()).is_err());
    }
    assert!(Arc::ptr_eq(&keys, &arrival(&receiver, &honest, 2).keys));
}

#[test]
fn after_a_move_the_new_address_receives_and_the_old_one_does_not() {
    let mut pair = Pair::new();
    let (prepare, _) = pair.seal(&request());
    let suffix = prepare.destination.suffix_after(&address()).unwrap();
    let moved: Address = "test.hub.moved".parse().unwrap();
    let there = Prepare { destination: moved.with_suffix(suffix).unwrap(), ..prepare.clone() };
    pair.receiver.set_address(moved.clone());
    assert_eq!(pair.open(&prepare).unwrap_err().code, ErrorCode::F02_UNREACHABLE);
    // The secret follows from the token alone, so who has only the address to change may do so.
    assert_eq!(pair.open(&there).unwrap().receiver, moved);
}
