//! Paths whose rates move, are far from one, or are lost to rounding.

use psk_plugin::sim::{CurveConfig, CurvePoint, HopConfig, PacketRateConfig, Rate};

use super::super::scenario::{PaymentConfig, Scenario};
use super::{honest, line, pays};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        falling(),
        step(),
        recovery(),
        cross("crossrate-up", 1_000, 1, pays(1_000_000)),
        cross("crossrate-down", 1, 1_000, pays(1_000_000_000)),
        Scenario {
            payments: vec![PaymentConfig::delivering("alice", "bob", 1_000_500)],
            ..cross("crossrate-up-delivering", 1_000, 1, pays(0))
        },
        Scenario {
            payments: vec![PaymentConfig::delivering("alice", "bob", 1_000_000)],
            ..cross("crossrate-down-delivering", 1, 1_000, pays(0))
        },
        rounding(),
    ]
}

/// Half a second of packets at once: 200 per second of 1,000 units each, at a rate that moves by these points.
fn drifting(points: &[(u64, u32)]) -> HopConfig {
    let curve = points.iter().map(|&(at_ms, ppm)| CurvePoint { at_ms, ppm }).collect();
    HopConfig {
        rates: vec![CurveConfig { from: "XRP".to_owned(), to: "XRP".to_owned(), rate: Rate::ONE, curve }],
        max_packet_amount: Some(1_000),
        packet_rate: Some(PacketRateConfig { per_second: 200, burst: 100 }),
        ..HopConfig::new("hop")
    }
}

fn drift(name: &str, about: &str, points: &[(u64, u32)], slippage_ppm: u32) -> Scenario {
    let payment = PaymentConfig { slippage_ppm: Some(slippage_ppm), ..pays(2_000_000) };
    honest(name, about, line(vec![drifting(points)], 12_500), payment)
}

fn falling() -> Scenario {
    let about = "the rate falls 5 % over ten seconds; the sender takes 6 %";
    drift("drift-fall", about, &[(0, 1_000_000), (10_000, 950_000)], 60_000)
}

fn step() -> Scenario {
    let about = "the rate falls 3 % at once; the sender takes 4 %";
    drift("drift-step", about, &[(4_000, 1_000_000), (4_000, 970_000)], 40_000)
}

fn recovery() -> Scenario {
    let about = "the rate falls 3 % for eight seconds, below the 1 % that the sender takes, and recovers";
    let points = [(4_000, 1_000_000), (4_000, 970_000), (12_000, 970_000), (14_000, 1_000_000)];
    drift("drift-recovery", about, &points, 10_000)
}

fn cross(name: &str, above: u64, below: u64, payment: PaymentConfig) -> Scenario {
    let rate = Rate::new(above, below).unwrap_or(Rate::ONE);
    let rates = vec![CurveConfig { from: "EUR".to_owned(), to: "USD".to_owned(), rate, curve: vec![] }];
    let hop = HopConfig { rates, max_packet_amount: Some(100_000 * below), ..HopConfig::new("hop") };
    let mut network = line(vec![hop], 12_500);
    for (link, asset) in network.links.iter_mut().zip(["EUR", "USD"]) {
        *link = link.clone().with_asset(asset, 2);
    }
    let about = match below {
        1 => format!("1 source unit is {above} destination units"),
        _ => {
            format!("{below} source units are {above} destination unit{}", if above == 1 { "" } else { "s" })
        }
    };
    honest(name, &about, network, payment)
}

/// A packet of ten becomes nine, eight, seven, six.
fn rounding() -> Scenario {
    let hop = |place| HopConfig { spread_ppm: 2_000, ..HopConfig::new(format!("hop{place}")) };
    let mut hops: Vec<HopConfig> = (1..=4).map(hop).collect();
    hops[0].max_packet_amount = Some(10);
    let about = "four hops that round down, packets of at most ten units";
    let payment = PaymentConfig { slippage_ppm: Some(400_000), ..pays(1_000) };
    honest("rounding", about, line(hops, 12_500), payment)
}
