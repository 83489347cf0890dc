//! What a simulated network is made of: structs to fill in, or to read from TOML or JSON.
//!
//! Everything is an integer or an exact ratio. Shares are in parts per million (`_ppm`) of the packets that they are
//! about, times have their unit in their name.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::hop_config::HopConfig;

/// A network: hosts at its edge, connectors between them, links that join two of either.
///
/// ```
/// use psk_plugin::sim::NetworkConfig;
///
/// let config: NetworkConfig = toml::from_str(r#"
///     hosts = ["alice", "bob"]
///
///     [[connectors]]
///     name = "hop"
///     spread_ppm = 2_000
///     max_packet_amount = 10_000
///
///     [[links]]
///     ends = ["alice", "hop"]
///     latency_us = 20_000
///
///     [[links]]
///     ends = ["hop", "bob"]
///     latency_us = 30_000
///     reply_loss_ppm = 20_000
/// "#)?;
/// assert_eq!(config.links[1].reply_loss_ppm, 20_000);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The names of the hosts, which are the second segments of their addresses: `alice` is `test.alice`.
    pub hosts: Vec<String>,
    /// The connectors. Default: none; two hosts may have a link.
    #[serde(default, skip_serializing_if = "is_default")]
    pub connectors: Vec<HopConfig>,
    /// The links, one between two nodes. Packets take the way with the fewest links; among equals, the one whose links
    /// stand first.
    pub links: Vec<LinkConfig>,
}

/// A link between two nodes, the same in both directions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LinkConfig {
    /// The names of the two nodes.
    #[serde(deserialize_with = "two_names")]
    pub ends: [String; 2],
    /// The code of the asset that the link's accounts are kept in. Default: `XRP`.
    #[serde(default = "xrp", skip_serializing_if = "is_xrp")]
    pub asset: String,
    /// One unit is 10^-scale of the asset. Default: 9.
    #[serde(default = "nine", skip_serializing_if = "is_nine")]
    pub scale: u8,
    /// How long a packet travels at least, each way, in microseconds. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub latency_us: u64,
    /// Up to so much more, evenly distributed, in microseconds. It does not change the order. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub jitter_us: u64,
    /// The share of Prepares that never arrive. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub request_loss_ppm: u32,
    /// The share of replies that never arrive. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reply_loss_ppm: u32,
    /// The share of Prepares, and of replies, that arrive twice, as under a link layer that sends again when in
    /// doubt. A host gets such a Prepare twice; a connector knows that it has seen it. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub repeat_ppm: u32,
    /// The share of packets that may be overtaken: they travel up to [`reorder_us`](Self::reorder_us) longer, and the
    /// others do not wait for them. The two stand together. Default: 0, which keeps the order in each direction.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reorder_ppm: u32,
    /// How much longer a packet that may be overtaken travels at most, in microseconds. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reorder_us: u64,
    /// The share of Prepares that arrive only after they have expired. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late_request_ppm: u32,
    /// The share of replies that arrive only after their Prepare has expired. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late_reply_ppm: u32,
    /// How long after the expiry those arrive, in microseconds. Not where nothing is late. Default: 1 s, within the
    /// grace of plugins.
    #[serde(default = "one_second", skip_serializing_if = "is_one_second")]
    pub late_by_us: u64,
    /// How much a connector at one of its ends lets the node at the other end owe it. Default: any amount.
    #[serde(default, skip_serializing_if = "is_default")]
    pub balance_limits: Vec<BalanceLimitConfig>,
}

/// How much a connector lets a neighbour owe it over a link, and how the neighbour pays.
///
/// A neighbour owes what has been fulfilled of its packets, less what has been fulfilled of packets to it, less what
/// it has paid. A Prepare that would bring that, and all of its that are under way, above the limit is rejected with
/// `T04`. Paying is settlement outside of Interledger: the accounts of the network do not show it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceLimitConfig {
    /// The connector that is owed, one end of the link.
    pub at: String,
    /// What it may be owed at most, in units of the link.
    pub max_balance: u64,
    /// How often the neighbour pays all that it owes, in milliseconds from the start. Not zero. Default: never; then
    /// only packets the other way make room.
    #[serde(default, skip_serializing_if = "is_default")]
    pub settle_every_ms: Option<u64>,
}

impl LinkConfig {
    /// A link without faults between two nodes, for units of 10^-9 XRP, with so many microseconds of latency.
    pub fn new(one: impl Into<String>, other: impl Into<String>, latency_us: u64) -> Self {
        Self {
            ends: [one.into(), other.into()],
            asset: xrp(),
            scale: nine(),
            latency_us,
            jitter_us: 0,
            request_loss_ppm: 0,
            reply_loss_ppm: 0,
            repeat_ppm: 0,
            reorder_ppm: 0,
            reorder_us: 0,
            late_request_ppm: 0,
            late_reply_ppm: 0,
            late_by_us: one_second(),
            balance_limits: Vec::new(),
        }
    }

    /// The same for another asset.
    pub fn with_asset(self, asset: impl Into<String>, scale: u8) -> Self {
        Self { asset: asset.into(), scale, ..self }
    }
}

/// What is wrong with the description of a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Where in the description something is wrong.
    #[error("{place}: {problem}")]
    At {
        /// Where, such as `links[1]`; lists are counted from zero.
        place: String,
        /// What is wrong there.
        problem: Box<ConfigError>,
    },
    /// A name that is no segment of an ILP address.
    #[error("{0:?} cannot be a node's name: it is no segment of an address")]
    Name(String),
    /// Two nodes have the same name.
    #[error("two nodes are called {0:?}")]
    NameTaken(String),
    /// Something names a node that is not there.
    #[error("there is no node {0:?}")]
    UnknownNode(String),
    /// A link leads back to where it starts.
    #[error("a link joins {0:?} to itself")]
    Loop(String),
    /// More than a million parts per million.
    #[error("{what} is more than 1000000 parts per million")]
    Share {
        /// Which setting.
        what: &'static str,
    },
    /// A connector joins two assets and has no rate between them, or one that cannot be applied exactly.
    #[error("{connector}: the rate from {from} to {to}: {problem}")]
    Rate {
        /// The connector.
        connector: String,
        /// The asset that packets come in.
        from: String,
        /// The asset that they leave in.
        to: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting of a link or a connector is of no use.
    #[error("{setting}: {problem}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A time is beyond what the virtual clock can show.
    #[error("{what} is more than a hundred years")]
    TooLong {
        /// Which setting.
        what: &'static str,
    },
    /// A balance limit is of no use.
    #[error("the balance limit at {at:?}: {problem}")]
    BalanceLimit {
        /// Who is owed.
        at: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl ConfigError {
    /// The same, with where in the description it is.
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self::At { place: place.to_string(), problem: Box::new(self) }
    }

    /// What is wrong, wherever it is.
    pub fn problem(&self) -> &Self {
        match self {
            Self::At { problem, .. } => problem.problem(),
            problem => problem,
        }
    }
}

/// Serde: the two ends of a link. An array by itself would take the first two of any number.
fn two_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[String; 2], D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let count = names.len();
    names.try_into().map_err(|_| D::Error::custom(format_args!("a link has two ends, not {count}")))
}

/// Serde: a list with something in it. Nothing in it would be taken for its default, which is another thing.
pub(super) fn not_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    match list.is_empty() {
        true => Err(D::Error::custom("the list has nothing in it: leave it out")),
        false => Ok(list),
    }
}

/// Serde: leaves out what stands at its default.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn xrp() -> String {
    "XRP".to_owned()
}

fn is_xrp(asset: &str) -> bool {
    asset == "XRP"
}

const fn nine() -> u8 {
    9
}

fn is_nine(scale: &u8) -> bool {
    *scale == nine()
}

/// How long after the expiry packets arrive that are late, where the link says nothing else.
pub(super) const LATE_BY_US: u64 = 1_000_000;

const fn one_second() -> u64 {
    LATE_BY_US
}

fn is_one_second(time: &u64) -> bool {
    *time == one_second()
}
