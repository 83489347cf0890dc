//! Two clients of a BTP server on the loopback, with a connector between them.

use std::sync::Arc;
use std::time::Duration;

use benches::{Path, USUAL, all_cores, destination, octets, pay, receive, send};
use bytes::Bytes;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use psk_codec::Amount;
use psk_plugin::Clock;
use psk_request::{Destination, Endpoint};
use tokio::task::JoinSet;
use tokio::time::Instant;

criterion_group! {
    name = benches;
    config = benches::criterion().sample_size(10).measurement_time(Duration::from_secs(4));
    targets = requests, payment
}
criterion_main!(benches);

/// The connector takes a second off and wants another one to be left.
const LIFE: Duration = Duration::from_secs(3);

fn requests(criterion: &mut Criterion) {
    let runtime = all_cores();
    let path = runtime.block_on(Path::over_btp(None, Duration::ZERO));
    let receiver = runtime.block_on(receive(&path));
    let alice = Endpoint::attach(path.alice.clone(), Clock::system());
    let alice = runtime.block_on(alice).expect("Alice's details");
    let alice = Arc::new(Alice { endpoint: alice, bob: destination(&receiver), data: octets(USUAL) });
    let mut group = criterion.benchmark_group("end to end/requests over BTP");
    group.throughput(Throughput::Elements(1)).sampling_mode(SamplingMode::Flat);
    for in_flight in [1, 32, 256] {
        group.bench_function(format!("{in_flight} in flight"), |bencher| {
            let alice = &alice;
            bencher.to_async(&runtime).iter_custom(async |requests| alice.send(requests, in_flight).await);
        });
    }
}

struct Alice {
    endpoint: Endpoint,
    bob: Destination,
    data: Bytes,
}

impl Alice {
    /// How long so many requests take when so many are always in flight.
    async fn send(self: &Arc<Self>, requests: u64, in_flight: u64) -> Duration {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for task in 0..in_flight {
            let share = requests / in_flight + u64::from(task < requests % in_flight);
            let alice = self.clone();
            tasks.spawn(async move {
                for _ in 0..share {
                    send(&alice.endpoint, &alice.bob, &alice.data, LIFE).await;
                }
            });
        }
        tasks.join_all().await;
        start.elapsed()
    }
}

fn payment(criterion: &mut Criterion) {
    const UNITS: u64 = 1_000_000;
    let maximum = Amount::new(10_000);
    let runtime = all_cores();
    let path = runtime.block_on(Path::over_btp(Some(maximum), Duration::from_millis(100)));
    let receiver = runtime.block_on(receive(&path));
    let credentials = receiver.credentials(b"").expect("credentials");
    let mut group = criterion.benchmark_group("end to end/payment over a round trip of 100 ms");
    group.sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(8));
    group.bench_function("1,000,000 units in packets of at most 10,000", |bencher| {
        bencher.to_async(&runtime).iter(|| pay(&path, &credentials, UNITS));
    });
}
