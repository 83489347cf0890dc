//! perf
#![allow(clippy::unwrap_used, clippy::print_stderr)]
mod support;
use psk_plugin::btp::*;
use psk_plugin::connector::*;
use psk_plugin::*;
use std::sync::Arc;
use std::time::Instant;
use support::*;

async fn run(plugin: Arc<dyn Plugin>, dest: &str, total: usize, inflight: usize) {
    let start = Instant::now();
    let mut set = tokio::task::JoinSet::new();
    let per = total / inflight;
    for _ in 0..inflight {
        let p = plugin.clone();
        let d = dest.to_owned();
        set.spawn(async move {
            for _ in 0..per {
                let mut pr = prepare(&d, 1000);
                pr.data = vec![7u8; 200].into();
                fulfilled(p.send(pr).await.unwrap());
            }
        });
    }
    while let Some(r) = set.join_next().await {
        r.unwrap();
    }
    let e = start.elapsed();
    eprintln!(
        "{dest} inflight {inflight}: {:.0} packets/s",
        (per * inflight) as f64 / e.as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn perf() {
    let (a, b) = memory::pair(details("test.a"), details("test.b"));
    b.set_handler(Some(echo()));
    run(a, "test.mem", 1_000_000, 1).await;
    let net = Network::new(
        ConnectorConfig::default(),
        &[("alice", child()), ("bob", child())],
    );
    run(net.ends["alice"].clone(), "test.connector.bob", 500_000, 1).await;
    run(
        net.ends["alice"].clone(),
        "test.connector.bob",
        500_000,
        1000,
    )
    .await;
    let s = server(Default::default()).await;
    s.account("alice").set_handler(Some(echo()));
    let c: Arc<dyn Plugin> = Arc::new(BtpClient::connect(url(&s)).await.unwrap());
    for n in [1, 10, 100, 1000] {
        run(
            c.clone(),
            "test.btp",
            if n == 1 { 20_000 } else { 200_000 },
            n,
        )
        .await;
    }
}
