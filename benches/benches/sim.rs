//! The simulated network: alone, with hosts that do next to nothing, and under the payment engine.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use psk_chunking::sim::{Expectation, PaymentConfig, RunOptions, Scenario, run};
use psk_codec::ildcp::{CONDITION, FULFILLMENT};
use psk_codec::{Address, Amount, Fulfill, Prepare};
use psk_plugin::sim::{HopConfig, LinkConfig, NetworkConfig, Output, World};

criterion_group! {
    name = benches;
    config = benches::criterion().sample_size(10).measurement_time(Duration::from_secs(4));
    targets = network, payments
}
criterion_main!(benches);

const PACKETS: u64 = 100_000;
/// Under way at once.
const WINDOW: u64 = 1_000;

/// So many connectors in a row, 10 ms for each link, packets of at most 1,000.
fn line(connectors: usize) -> NetworkConfig {
    let connectors: Vec<HopConfig> = (0..connectors)
        .map(|place| HopConfig { max_packet_amount: Some(1_000), ..HopConfig::new(format!("hop{place}")) })
        .collect();
    let names: Vec<String> = ["alice".to_owned()]
        .into_iter()
        .chain(connectors.iter().map(|hop| hop.name.clone()))
        .chain(["bob".to_owned()])
        .collect();
    let links = names.windows(2).map(|ends| LinkConfig::new(&ends[0], &ends[1], 10_000)).collect();
    NetworkConfig { hosts: vec!["alice".to_owned(), "bob".to_owned()], connectors, links }
}

fn network(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sim/100,000 packets");
    group.throughput(Throughput::Elements(PACKETS)).sampling_mode(SamplingMode::Flat);
    for connectors in [1, 3] {
        let network = line(connectors);
        group.bench_function(format!("network alone, connectors: {connectors}"), |bencher| {
            bencher.iter(|| exchange(World::new(black_box(&network), 1).expect("a network")));
        });
    }
    let network = line(1);
    group.bench_function("network alone, connectors: 1, through octets", |bencher| {
        bencher.iter(|| exchange(World::new(black_box(&network), 1).expect("a network").with_encoding()));
    });
}

/// Alice keeps a thousand packets under way; bob fulfills them at once.
fn exchange(mut world: World) {
    let alice = world.host("alice").expect("alice");
    let destination: Address = "test.bob.x".parse().expect("an address");
    let data = Bytes::from_static(&[7; benches::USUAL]);
    let mut sent = 0;
    let mut fulfilled = 0;
    let mut due = VecDeque::from_iter(0..WINDOW);
    while fulfilled < PACKETS {
        while let Some(tag) = due.pop_front() {
            let prepare = Prepare {
                amount: Amount::new(1_000),
                expires_at: world.wall().saturating_add(Duration::from_secs(30)),
                condition: CONDITION,
                destination: destination.clone(),
                data: data.clone(),
            };
            world.send(alice, None, tag, prepare).expect("a link");
            sent += 1;
        }
        match world.poll(Duration::MAX) {
            Output::Request { request, prepare, .. } => {
                world.answer(request, Fulfill { fulfillment: FULFILLMENT, data: prepare.data }.into());
            }
            Output::Reply { tag, .. } => {
                fulfilled += 1;
                if sent < PACKETS {
                    due.push_back(tag);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(world.balances_add_up());
    assert_eq!(world.totals(alice).sent.units(), i128::from(PACKETS) * 1_000);
}

/// Both machines of a payment, and the checks of all invariants after every step.
fn payments(criterion: &mut Criterion) {
    const CHUNKS: u64 = 10_000;
    let scenario = Scenario {
        name: "bench".to_owned(),
        expects: Expectation::Completes,
        network: line(1),
        payments: vec![PaymentConfig::new("alice", "bob", CHUNKS * 1_000)],
        ..Scenario::default()
    };
    let mut group = criterion.benchmark_group("sim/10,000 chunks");
    group.throughput(Throughput::Elements(CHUNKS)).sampling_mode(SamplingMode::Flat);
    group.bench_function("a payment", |bencher| {
        bencher.iter(|| {
            let outcome = run(black_box(&scenario), RunOptions::seed(1)).expect("a scenario");
            assert!(outcome.is_well(), "{outcome}");
        });
    });
}
