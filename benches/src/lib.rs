//! What the benchmarks share. The benchmarks themselves are in `benches/`, one file per layer:
//!
//! - `codec`: each packet, written and read, those of ILPv4 beside other implementations,
//! - `crypto`: keys, envelope, fulfillments, and one whole exchange of them, of ours and of other stacks,
//! - `crypto_in_turns`: these exchanges again, so measured that they can be compared on a machine that others use,
//! - `exchange`: codec and cryptography of both sides together,
//! - `request`: one request and its answer, without I/O and between two endpoints,
//! - `chunking`: a payment of 10,000 chunks, without I/O and through the drivers,
//! - `sim`: the simulated network alone, and a payment over it,
//! - `end_to_end`: requests over BTP on the loopback, and a payment over a path with a round trip of 100 ms.
//!
//! `cargo bench -p benches` runs all of them in some two minutes, `cargo bench -p benches --bench codec` one,
//! and `-- --test` behind either only tries whether they work.

mod parties;

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use psk_codec::{Address, Timestamp};
use tokio::runtime::{Builder, Runtime};

pub use parties::{Limited, Path, destination, pay, receive, request, send};

/// The length of the data of a usual packet, in octets.
pub const USUAL: usize = 100;

/// How long each benchmark is measured: its median then moves by some percent on a quiet machine, and all of them
/// together take some two minutes.
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(50)
        .without_plots()
}

/// Measures a function whose argument the compiler must not know.
pub fn measure<I: ?Sized, O>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    input: &I,
    function: impl Fn(&I) -> O,
) {
    group.bench_function(name, |bencher| bencher.iter(|| function(black_box(input))));
}

/// One thread, so that what is measured is the work and not how the system spreads it.
pub fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// As a program would run: as many threads as there are cores.
pub fn all_cores() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// A destination account of 50 characters: a connector, its child, and a token.
pub fn address() -> Address {
    "test.connector.receiver-1.XaJnORQQUwgugMdv7cP84qDC".parse().expect("an address")
}

/// So many octets, no two neighbours the same.
pub fn octets(length: usize) -> Bytes {
    (0..length).map(|index| (index % 251) as u8).collect()
}

/// A time of day for those who are told it.
pub fn noon() -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000).expect("a time")
}
