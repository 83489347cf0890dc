//! What it costs to seal, open and fulfill.

use benches::{USUAL, measure, octets};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use psk_codec::psk::MAX_PLAINTEXT_LENGTH;
use psk_crypto::{Keys, SharedSecret, SystemRandom, condition_of, fulfills};

criterion_group! {
    name = benches;
    config = benches::criterion();
    targets = derive, packets
}
criterion_main!(benches);

fn derive(criterion: &mut Criterion) {
    let secret = SharedSecret::generate(&mut SystemRandom);
    measure(&mut criterion.benchmark_group("crypto"), "Keys::derive", &secret, Keys::derive);
}

fn packets(criterion: &mut Criterion) {
    let keys = Keys::derive(&SharedSecret::generate(&mut SystemRandom));
    for (size, length) in [("100 B", USUAL), ("32 kB", MAX_PLAINTEXT_LENGTH)] {
        let plaintext = octets(length);
        let sealed = seal(&keys, &plaintext);
        let mut group = criterion.benchmark_group(format!("crypto/{size}"));
        group.throughput(Throughput::Bytes(length as u64));
        measure(&mut group, "seal", &plaintext, |plaintext| seal(&keys, plaintext));
        measure(&mut group, "open", &sealed, |sealed| keys.open(sealed).expect("ours"));
        measure(&mut group, "fulfillment and condition", &sealed, |sealed| {
            condition_of(&keys.fulfillment(sealed))
        });
        measure(&mut group, "exchange", &plaintext, |plaintext| exchange(&keys, plaintext));
    }
}

/// All the cryptography of one packet and its answer, of both sides.
fn exchange(keys: &Keys, plaintext: &[u8]) -> Bytes {
    // The sender.
    let request = seal(keys, plaintext);
    let condition = condition_of(&keys.fulfillment(&request));
    // The receiver.
    let received = keys.open(&request).expect("ours");
    let fulfillment = keys.fulfillment(&request);
    assert!(fulfills(&fulfillment, &condition));
    let response = seal(keys, &received);
    // The sender, who trusts nobody.
    assert!(fulfills(&fulfillment, &condition));
    keys.open(&response).expect("ours")
}

fn seal(keys: &Keys, plaintext: &[u8]) -> Bytes {
    keys.seal(plaintext, &mut SystemRandom).expect("a packet")
}
