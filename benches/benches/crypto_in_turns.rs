//! The exchanges of `crypto` in turns, a few of each at a time.
//!
//! `crypto` measures one stack after the other, and where others work on the same machine its figures move by more
//! than the stacks differ. Here whatever slows one slows all, so that the medians can be compared.
#![expect(clippy::print_stdout, reason = "this is how a benchmark says its result")]

mod stacks;

use std::hint::black_box;
use std::time::Duration;

use benches::{USUAL, octets};
use criterion::measurement::{Measurement, WallTime};
use psk_codec::psk::MAX_PLAINTEXT_LENGTH;
use psk_crypto::{Keys, SharedSecret, SystemRandom};
use stacks::{AwsLc, AwsLcWithRustHashes, Ring, RustCrypto, Stack};

/// A stack's name, and its exchange of a plaintext.
type Contender = (&'static str, Box<dyn Fn(&[u8]) -> u8>);

fn main() {
    // `cargo bench -- --test` only tries whether a benchmark works.
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { 3_000 };
    let secret = SharedSecret::generate(&mut SystemRandom);
    stacks::all_agree(&secret);
    let contenders = [
        contender::<Keys>("ours", &secret),
        contender::<RustCrypto>("RustCrypto", &secret),
        contender::<Ring>("ring", &secret),
        contender::<AwsLc>("aws-lc-rs", &secret),
        contender::<AwsLcWithRustHashes>("aws-lc-rs, hashes of RustCrypto", &secret),
    ];
    for (size, length, repeats) in [("100 B", USUAL, 100), ("32 kB", MAX_PLAINTEXT_LENGTH, 2)] {
        println!("exchange of {size}:");
        show(&contenders, &medians(&contenders, &octets(length), rounds, repeats));
    }
}

fn contender<S: Stack + 'static>(name: &'static str, secret: &SharedSecret) -> Contender {
    let stack = S::derive(secret);
    (name, Box::new(move |plaintext| stacks::exchange(&stack, plaintext)))
}

/// The median time of one exchange, in nanoseconds, of each contender.
fn medians(contenders: &[Contender], plaintext: &[u8], rounds: usize, repeats: u32) -> Vec<u128> {
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        for ((_, exchange), times) in contenders.iter().zip(&mut times) {
            let start = WallTime.start();
            for _ in 0..repeats {
                black_box(exchange(black_box(plaintext)));
            }
            let time: Duration = WallTime.end(start);
            times.push(time / repeats);
        }
    }
    times.iter_mut().for_each(|times| times.sort_unstable());
    times.iter().map(|times| times[rounds / 2].as_nanos()).collect()
}

/// Compares with the best of those that use one library for everything.
fn show(contenders: &[Contender], medians: &[u128]) {
    let best = medians[1..4].iter().min().copied().unwrap_or_default().max(1);
    for ((name, _), median) in contenders.iter().zip(medians) {
        println!("    {name:33} {median:6} ns, {:3} % of the best whole stack", median * 100 / best);
    }
}
