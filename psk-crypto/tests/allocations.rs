//! No allocation beyond the packet and its plaintext.

use psk_codec::psk::MAX_PLAINTEXT_LENGTH;
use psk_crypto::{ENVELOPE_OVERHEAD, Keys, OpenError, SeededRandom, SharedSecret, condition_of, fulfills};

/// How many allocations `work` makes, on this thread.
fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

#[test]
fn a_packet_is_one_allocation_and_in_place_none() {
    let keys = Keys::derive(&SharedSecret::from_octets(&[1; 32]).unwrap());
    let random = &mut SeededRandom::new(1);
    for length in [1, 100, MAX_PLAINTEXT_LENGTH] {
        let plaintext = vec![7; length];
        let sealed = keys.seal(&plaintext, random).unwrap();
        let sealing = allocations(|| drop(keys.seal(&plaintext, random).unwrap()));
        let opening = allocations(|| drop(keys.open(&sealed).unwrap()));
        assert_eq!((sealing, opening), (1, 1), "a text of {length} octets");

        let mut envelope = [&[0; ENVELOPE_OVERHEAD], &plaintext[..]].concat();
        let in_place = allocations(|| {
            keys.seal_in_place(&mut envelope, random).unwrap();
            let fulfillment = keys.fulfillment(&envelope);
            assert!(fulfills(&fulfillment, &keys.condition(&envelope)));
            assert_eq!(condition_of(&fulfillment), keys.condition(&envelope));
            keys.open_in_place(&mut envelope).unwrap();
            assert_eq!(keys.open_in_place(&mut envelope), Err(OpenError));
        });
        assert_eq!(in_place, 0, "a text of {length} octets");
    }
}
