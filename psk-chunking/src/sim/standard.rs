//! The standard paths (ENGINE.md section 7): what the engine is judged by.
//!
//! Amounts are chosen so that a path's bandwidth, not its latency, decides how long a payment takes, where it has one.
//! Without limits a payment of up to a thousand packets, as of `wan`, `thin` and `lossy`, shows what a round trip more
//! or less makes, and one of twenty-five times as many, as of `wan-long`, how fast the number in flight grows. The same
//! scenarios stand in `psk-chunking/scenarios/` as TOML.

mod hostile;
mod limits;
mod rates;

use psk_plugin::sim::{HopConfig, LinkConfig, NetworkConfig};

use super::scenario::{Expectation, PaymentConfig, Scenario};

/// All of them, in the order of ENGINE.md.
pub fn scenarios() -> Vec<Scenario> {
    let mut all = limits::scenarios();
    all.extend(rates::scenarios());
    all.extend(hostile::scenarios());
    all
}

/// The one of this name.
pub fn scenario(name: &str) -> Option<Scenario> {
    scenarios().into_iter().find(|scenario| scenario.name == name)
}

/// A scenario that has to complete: alice pays bob.
fn honest(name: &str, about: &str, network: NetworkConfig, payment: PaymentConfig) -> Scenario {
    Scenario {
        name: name.to_owned(),
        about: about.to_owned(),
        expects: Expectation::Completes,
        network,
        payments: vec![payment],
        ..Scenario::default()
    }
}

/// Alice and bob with these connectors between them, and so many microseconds for each link.
fn line(connectors: Vec<HopConfig>, latency_us: u64) -> NetworkConfig {
    let names: Vec<&str> =
        ["alice"].into_iter().chain(connectors.iter().map(|hop| hop.name.as_str())).chain(["bob"]).collect();
    let links = names.windows(2).map(|ends| LinkConfig::new(ends[0], ends[1], latency_us)).collect();
    NetworkConfig { hosts: vec!["alice".to_owned(), "bob".to_owned()], links, connectors }
}

/// From alice to bob, a fixed source amount.
fn pays(amount: u64) -> PaymentConfig {
    PaymentConfig::new("alice", "bob", amount)
}
