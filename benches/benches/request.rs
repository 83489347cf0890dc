//! One request and its answer.

use std::time::Duration;

use benches::{Path, USUAL, destination, noon, octets, one_thread, receive, request, send};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use psk_crypto::{ReceiverSecret, SystemRandom};
use psk_plugin::Clock;
use psk_request::{Decision, Destination, Endpoint, Outcome, Receiver, ReceiverOptions, Request};

criterion_group! {
    name = benches;
    config = benches::criterion();
    targets = without_io, between_endpoints
}
criterion_main!(benches);

/// The least room for data that every request and every answer has.
const LARGE: usize = 32_000;
const LIFE: Duration = Duration::from_secs(1);
const SIZES: [(&str, usize); 2] = [("100 B", USUAL), ("32 kB", LARGE)];

fn without_io(criterion: &mut Criterion) {
    let secret = ReceiverSecret::generate(&mut SystemRandom);
    let bob = "test.connector.bob".parse().expect("an address");
    let receiver = Receiver::new(bob, secret, ReceiverOptions::default());
    let credentials = receiver.credentials(b"", &mut SystemRandom).expect("credentials");
    let destination = Destination::from(&credentials);
    let mut group = criterion.benchmark_group("request/without I-O");
    group.throughput(Throughput::Elements(1));
    for (size, length) in SIZES {
        let request = request(octets(length), noon().saturating_add(LIFE));
        group.bench_function(size, |bencher| bencher.iter(|| exchange(&receiver, &destination, &request)));
    }
}

/// The machines alone, of both sides.
fn exchange(receiver: &Receiver, destination: &Destination, request: &Request) -> Bytes {
    let random = &mut SystemRandom;
    let (prepare, pending) = destination.seal(request, random).expect("a request");
    let arrival = receiver.open(&prepare, noon()).expect("sealed for this receiver");
    let incoming = arrival.as_request().expect("a request");
    let reply = incoming.answer(Decision::Accept(incoming.data().clone()), noon(), random);
    match pending.outcome(destination.keys(), reply) {
        Outcome::Fulfilled { data, .. } => data,
        other => panic!("{other:?}"),
    }
}

fn between_endpoints(criterion: &mut Criterion) {
    let runtime = one_thread();
    let path = Path::in_memory();
    let receiver = runtime.block_on(receive(&path));
    let alice = Endpoint::attach(path.alice.clone(), Clock::system());
    let alice = runtime.block_on(alice).expect("Alice's details");
    let destination = destination(&receiver);
    let mut group = criterion.benchmark_group("request/between endpoints");
    group.throughput(Throughput::Elements(1));
    for (size, length) in SIZES {
        let data = octets(length);
        group.bench_function(size, |bencher| {
            bencher.to_async(&runtime).iter(|| send(&alice, &destination, &data, LIFE));
        });
    }
}
