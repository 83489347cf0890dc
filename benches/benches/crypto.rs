//! What it costs to seal, open and fulfill, and what the same costs with other libraries.

mod stacks;

use benches::{USUAL, measure, octets};
use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use psk_codec::psk::MAX_PLAINTEXT_LENGTH;
use psk_crypto::{Keys, SharedSecret, SystemRandom, condition_of, fulfills, same_fulfillment};
use stacks::{AwsLc, AwsLcWithRustHashes, Ring, RustCrypto, Stack};

criterion_group! {
    name = benches;
    config = benches::criterion();
    targets = derive, packets, exchanges
}
criterion_main!(benches);

const SIZES: [(&str, usize); 2] = [("100 B", USUAL), ("32 kB", MAX_PLAINTEXT_LENGTH)];

fn derive(criterion: &mut Criterion) {
    let secret = SharedSecret::generate(&mut SystemRandom);
    measure(&mut criterion.benchmark_group("crypto"), "Keys::derive", &secret, Keys::derive);
}

fn packets(criterion: &mut Criterion) {
    let keys = Keys::derive(&SharedSecret::generate(&mut SystemRandom));
    for (size, length) in SIZES {
        let plaintext = octets(length);
        let sealed = seal(&keys, &plaintext);
        let mut group = criterion.benchmark_group(format!("crypto/{size}"));
        group.throughput(Throughput::Bytes(length as u64));
        measure(&mut group, "seal", &plaintext, |plaintext| seal(&keys, plaintext));
        measure(&mut group, "open", &sealed, |sealed| keys.open(sealed).expect("ours"));
        measure(&mut group, "fulfillment and condition", &sealed, |sealed| {
            condition_of(&keys.fulfillment(sealed))
        });
    }
}

/// One whole exchange, of ours and of others, in place; ours also with a new buffer for each packet and each text.
fn exchanges(criterion: &mut Criterion) {
    let secret = SharedSecret::generate(&mut SystemRandom);
    stacks::all_agree(&secret);
    let keys = Keys::derive(&secret);
    for (size, length) in SIZES {
        let plaintext = octets(length);
        let mut group = criterion.benchmark_group(format!("crypto/exchange of {size}"));
        group.throughput(Throughput::Bytes(length as u64));
        exchange_with::<Keys>(&mut group, "ours", &secret, &plaintext);
        exchange_with::<RustCrypto>(&mut group, "RustCrypto", &secret, &plaintext);
        exchange_with::<Ring>(&mut group, "ring", &secret, &plaintext);
        exchange_with::<AwsLc>(&mut group, "aws-lc-rs", &secret, &plaintext);
        exchange_with::<AwsLcWithRustHashes>(
            &mut group,
            "aws-lc-rs, hashes of RustCrypto",
            &secret,
            &plaintext,
        );
        measure(&mut group, "ours, not in place", &plaintext, |plaintext| exchange(&keys, plaintext));
    }
}

fn exchange_with<S: Stack>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    secret: &SharedSecret,
    plaintext: &[u8],
) {
    let stack = S::derive(secret);
    measure(group, name, plaintext, |plaintext| stacks::exchange(&stack, plaintext));
}

/// [`stacks::exchange`] with `seal` and `open`, which leave what they get alone.
fn exchange(keys: &Keys, plaintext: &[u8]) -> Bytes {
    // The sender.
    let request = seal(keys, plaintext);
    let kept = keys.fulfillment(&request);
    let condition = condition_of(&kept);
    // The receiver.
    let shown = keys.fulfillment(&request);
    assert!(fulfills(&shown, &condition));
    let response = seal(keys, &keys.open(&request).expect("ours"));
    // The sender.
    assert!(same_fulfillment(&shown, &kept));
    keys.open(&response).expect("ours")
}

fn seal(keys: &Keys, plaintext: &[u8]) -> Bytes {
    keys.seal(plaintext, &mut SystemRandom).expect("a packet")
}
