//! Paths that limit what is sent, lose or change packets, honestly.

use psk_plugin::sim::{
    BalanceLimitConfig, HopConfig, LinkConfig, LiquidityConfig, LiquidityStep, NetworkConfig,
    PacketRateConfig, TooLargeAnswer,
};

use super::super::scenario::{Expectation, PaymentConfig, ReceiverConfig, Scenario};
use super::{honest, line, pays};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        lan(),
        quoted(lan()),
        wan("wan", 10_000_000),
        quoted(wan("wan", 10_000_000)),
        wan("wan-long", 256_000_000),
        steady(wan("wan", 50_000_000), 10_000_000),
        thin("thin", 100_000),
        quoted(thin("thin", 100_000)),
        thin("thin-long", 2_560_000),
        steady(thin("thin", 500_000), 100_000),
        liquidity(),
        burst(),
        busy(),
        lossy("lossy", 500_000),
        quoted(lossy("lossy", 500_000)),
        lossy("lossy-long", 20_480_000),
        steady(lossy("lossy", 5_000_000), 1_000_000),
        stripped(),
        two_paths(),
        several(),
        refund(),
        cancelled(),
        data(),
        owed(),
    ]
}

fn hop(name: &str) -> HopConfig {
    HopConfig::new(name)
}

/// The same from a quote, which is asked for in the second before.
fn quoted(scenario: Scenario) -> Scenario {
    let Scenario { name, about, payments, .. } = &scenario;
    let quoted =
        |payment: &PaymentConfig| PaymentConfig { quoted: true, starts_at_ms: 1_000, ..payment.clone() };
    Scenario {
        name: format!("{name}-quoted"),
        about: format!("{about}; from a quote"),
        payments: payments.iter().map(quoted).collect(),
        ..scenario
    }
}

/// The same with a bandwidth: so much passes the last connector in a second, and a tenth of it at once.
fn steady(scenario: Scenario, per_second: u64) -> Scenario {
    let Scenario { name, about, mut network, .. } = scenario.clone();
    let liquidity = Some(LiquidityConfig { capacity: per_second / 10, per_second, cycle: vec![] });
    if let Some(last) = network.connectors.last_mut() {
        last.liquidity = liquidity;
    }
    let about = format!("{about}; {per_second} units per second, a tenth of that at once, T04 beyond");
    Scenario { name: format!("{name}-steady"), about, network, ..scenario }
}

fn lan() -> Scenario {
    let network = line(vec![hop("hop")], 250);
    honest("lan", "a millisecond there and back, no limits", network, pays(1_000_000))
}

/// A thousand packets, or twenty-five times as many.
fn wan(name: &str, amount: u64) -> Scenario {
    let spread = |name| HopConfig { spread_ppm: 2_000, ..hop(name) };
    let second = HopConfig { max_packet_amount: Some(10_000), ..spread("two") };
    let network = line(vec![spread("one"), second, spread("three")], 12_500);
    let about = "three hops, 100 ms there and back, packets of 10,000 at the second hop, 0.2 % spread each";
    honest(name, about, network, pays(amount))
}

/// Likewise, of 100.
fn thin(name: &str, amount: u64) -> Scenario {
    let too_large = TooLargeAnswer::F08Empty;
    let third = HopConfig { max_packet_amount: Some(100), too_large, ..hop("three") };
    let network = line(vec![hop("one"), hop("two"), third], 12_500);
    honest(name, "packets of 100 at the third hop, F08 without details", network, pays(amount))
}

fn liquidity() -> Scenario {
    let liquidity = Some(LiquidityConfig { capacity: 100_000, per_second: 1_000_000, cycle: vec![] });
    let network = line(vec![HopConfig { liquidity, ..hop("hop") }], 12_500);
    let about = "1,000,000 units per second, 100,000 at once, T04 beyond, 50 ms there and back";
    honest("liquidity", about, network, pays(20_000_000))
}

fn burst() -> Scenario {
    let step = |per_second| LiquidityStep { for_ms: 5_000, per_second };
    let cycle = vec![step(1_000_000), step(500_000), step(1_000_000), step(2_000_000)];
    let liquidity = Some(LiquidityConfig { capacity: 100_000, per_second: 1_000_000, cycle });
    let network = line(vec![HopConfig { liquidity, ..hop("hop") }], 12_500);
    let about = "liquidity that halves and doubles every five seconds";
    honest("burst", about, network, pays(40_000_000))
}

fn busy() -> Scenario {
    let packet_rate = Some(PacketRateConfig { per_second: 150, burst: 15 });
    let busy = HopConfig { packet_rate, max_packet_amount: Some(1_000), ..hop("hop") };
    let about = "T05 above 150 packets per second, packets of 1,000";
    honest("busy", about, line(vec![busy], 12_500), pays(3_000_000))
}

fn lossy(name: &str, amount: u64) -> Scenario {
    let mut network = line(vec![HopConfig { max_packet_amount: Some(1_000), ..hop("hop") }], 12_500);
    network.links[1] = LinkConfig {
        jitter_us: 5_000,
        reply_loss_ppm: 20_000,
        repeat_ppm: 10_000,
        reorder_ppm: 50_000,
        reorder_us: 20_000,
        late_reply_ppm: 50_000,
        ..network.links[1].clone()
    };
    let about = "2 % of replies lost, 1 % repeated, reordering, 5 % delayed beyond expiry";
    honest(name, about, network, pays(amount))
}

fn stripped() -> Scenario {
    let strips = HopConfig { strips_fulfill_data: true, max_packet_amount: Some(1_000), ..hop("hop") };
    let about = "the data is taken out of Fulfills";
    honest("stripped", about, line(vec![strips], 12_500), pays(500_000))
}

fn two_paths() -> Scenario {
    let limited = |name, spread_ppm, per_second| HopConfig {
        spread_ppm,
        liquidity: Some(LiquidityConfig { capacity: per_second / 10, per_second, cycle: vec![] }),
        ..hop(name)
    };
    let network = NetworkConfig {
        hosts: vec!["alice".to_owned(), "bob".to_owned()],
        connectors: vec![limited("cheap", 1_000, 200_000), limited("dear", 10_000, 2_000_000)],
        links: vec![
            LinkConfig::new("alice", "cheap", 50_000),
            LinkConfig::new("cheap", "bob", 50_000),
            LinkConfig::new("alice", "dear", 5_000),
            LinkConfig::new("dear", "bob", 5_000),
        ],
    };
    honest("twopath", "two connectors, one cheap and slow, one dear and fast", network, pays(4_000_000))
}

/// Given up half way, and all comes back.
fn refund() -> Scenario {
    let liquidity = Some(LiquidityConfig { capacity: 100_000, per_second: 1_000_000, cycle: vec![] });
    let network = line(vec![HopConfig { liquidity, spread_ppm: 1_000, ..hop("hop") }], 12_500);
    let payment = PaymentConfig { timeout_ms: Some(5_000), ..pays(20_000_000) };
    let about = "the sender gives up after five seconds, and the receiver refunds";
    Scenario { expects: Expectation::Fails, refunds: true, ..honest("refund", about, network, payment) }
}

/// The same by the sender's word (Abort) instead of a time-out.
fn cancelled() -> Scenario {
    let Scenario { mut payments, .. } = refund();
    for payment in &mut payments {
        (payment.timeout_ms, payment.cancel_after_ms) = (None, Some(2_000));
    }
    let about = "the sender cancels after two seconds, and the receiver refunds".to_owned();
    Scenario { name: "cancelled".to_owned(), about, payments, ..refund() }
}

/// A large document with a small payment, and a letter back.
fn data() -> Scenario {
    let Scenario { mut payments, .. } = wan("data", 1_000_000);
    for payment in &mut payments {
        (payment.data_octets, payment.returned_octets) = (10_000_000, 50_000);
    }
    let takes = ReceiverConfig { max_data_octets: Some(16_000_000), ..ReceiverConfig::default() };
    let about = "10,000,000 octets of data with the money, 50,000 back; the path of wan".to_owned();
    let receivers = [("bob".to_owned(), takes)].into();
    Scenario { about, payments, receivers, ..wan("data", 1_000_000) }
}

/// What a neighbour owes is paid now and then, and until then packets wait.
fn owed() -> Scenario {
    let mut network = line(vec![HopConfig { max_packet_amount: Some(10_000), ..hop("hop") }], 12_500);
    let limit = BalanceLimitConfig { at: "hop".to_owned(), max_balance: 500_000, settle_every_ms: Some(500) };
    network.links[0].balance_limits.push(limit);
    let about = "the sender may owe 500,000 to the hop, T04 beyond, and pays twice in a second";
    honest("owed", about, network, pays(10_000_000))
}

/// Two senders, two receivers and one narrow connector.
fn several() -> Scenario {
    let liquidity = Some(LiquidityConfig { capacity: 100_000, per_second: 1_000_000, cycle: vec![] });
    let hosts = ["alice", "carol", "bob", "dave"];
    let network = NetworkConfig {
        hosts: hosts.map(str::to_owned).to_vec(),
        connectors: vec![HopConfig { liquidity, max_packet_amount: Some(10_000), ..hop("hop") }],
        links: hosts.iter().map(|host| LinkConfig::new(*host, "hop", 10_000)).collect(),
    };
    let later = |payment, starts_at_ms| PaymentConfig { starts_at_ms, ..payment };
    Scenario {
        payments: vec![
            pays(2_000_000),
            later(PaymentConfig::new("alice", "dave", 1_000_000), 500),
            later(PaymentConfig::delivering("carol", "bob", 2_000_000), 1_000),
            later(PaymentConfig::new("bob", "alice", 500_000), 1_500),
        ],
        ..honest("several", "four payments at once through one narrow connector", network, pays(0))
    }
}
