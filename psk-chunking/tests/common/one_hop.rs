//! Scenarios of alice and bob with one connector between them, most of which is the same in all.

use psk_chunking::sim::Scenario;

/// What scenarios with one connector differ in: lines of TOML, each in its place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OneHop<'a> {
    /// Of the scenario itself.
    pub(crate) head: &'a str,
    /// Of the connector.
    pub(crate) hop: &'a str,
    /// Of each link.
    pub(crate) latency_us: u64,
    /// Of the link to bob.
    pub(crate) faults: &'a str,
    /// Of the payment from alice to bob.
    pub(crate) payment: &'a str,
    /// After all that.
    pub(crate) more: &'a str,
}

impl OneHop<'_> {
    /// The scenario.
    ///
    /// # Panics
    ///
    /// When that is none.
    pub(crate) fn scenario(self) -> Scenario {
        let Self { head, hop, latency_us, faults, payment, more } = self;
        let text = format!(
            r#"
            name = "one-hop"
            {head}
            [network]
            hosts = ["alice", "bob"]
            [[network.connectors]]
            name = "hop"
            {hop}
            [[network.links]]
            ends = ["alice", "hop"]
            latency_us = {latency_us}
            [[network.links]]
            ends = ["hop", "bob"]
            latency_us = {latency_us}
            {faults}
            [[payments]]
            from = "alice"
            to = "bob"
            {payment}
            {more}
            "#
        );
        toml::from_str(&text).expect("a scenario")
    }
}
