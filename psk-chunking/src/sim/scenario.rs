//! What a simulation is of: a network, payments over it, and receivers that may lie.

use std::collections::BTreeMap;
use std::time::Duration;

use psk_codec::psk::PaymentId;
use psk_codec::{DestinationAmount, SourceAmount};
use psk_plugin::sim::{NetworkConfig, Rate};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::receive::ReceiveConfig;
use crate::send::control::ControllerKind;
use crate::send::{MinimumRate, PathPolicy, SendConfig, Target};

/// A network and what happens on it. To fill in, or to read from TOML.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name, such as `wan`.
    pub name: String,
    /// What it is about, in a line.
    #[serde(default, skip_serializing_if = "is_default")]
    pub about: String,
    /// What is certain of its end. Default: nothing but what holds of every payment.
    #[serde(default, skip_serializing_if = "is_default")]
    pub expects: Expectation,
    /// Hosts, connectors, links.
    pub network: NetworkConfig,
    /// What is paid.
    #[serde(default, skip_serializing_if = "is_default")]
    pub payments: Vec<PaymentConfig>,
    /// What receivers lie about, by the names of their hosts. Default: they are honest.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lies: BTreeMap<String, Lie>,
    /// What receivers take, by the names of their hosts. Default: all that comes, and data as [`ReceiveConfig`](crate::receive::ReceiveConfig) says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub receivers: BTreeMap<String, ReceiverConfig>,
    /// Whether receivers refund what ends incomplete, where [`receivers`](Self::receivers) says nothing else. Default:
    /// they keep it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub refunds: bool,
    /// Hosts that send chunks as no honest sender would. Default: none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attacks: Vec<AttackConfig>,
}

/// What is certain of a scenario's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// All payments end, with accounts that hold.
    #[default]
    Ends,
    /// All payments reach their targets exactly.
    Completes,
    /// No payment reaches its target.
    Fails,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentConfig {
    /// The host that pays.
    pub from: String,
    /// The host that is paid.
    pub to: String,
    /// How much: in source units, or in destination units when that is what is fixed.
    pub amount: u64,
    /// What is fixed. Default: what is sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: Fixed,
    /// When it starts, in milliseconds. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub starts_at_ms: u64,
    /// Whether it starts from a quote, which its host asks for five seconds before, over the first of its paths. It starts
    /// when the quote is there, and without one when there is none. Default: no.
    #[serde(default, skip_serializing_if = "is_default")]
    pub quoted: bool,
    /// How far below the rate at its start chunks may deliver, in parts per million: less than all of it. Default: that
    /// of [`SendConfig`], or nothing to do with it when there is a [`min_rate`](Self::min_rate).
    #[serde(default, skip_serializing_if = "is_default")]
    pub slippage_ppm: Option<u32>,
    /// The least that every chunk must deliver, in destination units per source unit, such as `37/100`. With
    /// [`slippage_ppm`](Self::slippage_ppm) too, both hold. Default: none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub min_rate: Option<Rate>,
    /// Whether it takes any rate: hops and the receiver may keep all of the money. Not together with the two above.
    /// Default: no.
    #[serde(default, skip_serializing_if = "is_default")]
    pub any_rate: bool,
    /// The most that may be sent, in source units. Default: no limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_source_amount: Option<u64>,
    /// For how long each packet is valid, in milliseconds. Default: that of [`SendConfig`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub packet_timeout_ms: Option<u64>,
    /// After how long the payment is given up, in milliseconds. Default: that of [`SendConfig`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub timeout_ms: Option<u64>,
    /// After how long without a fulfilled chunk it is given up, in milliseconds. Default: that of [`SendConfig`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub idle_timeout_ms: Option<u64>,
    /// After how long without anything that comes back a failed payment waits no longer for its refund, in
    /// milliseconds. Default: that of [`SendConfig`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub refund_timeout_ms: Option<u64>,
    /// When the sender pauses it. What is in flight is awaited, and time-outs go on. Default: never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pauses: Vec<PauseConfig>,
    /// How many packets may be in flight; at least 1. Default: that of [`SendConfig`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_packets_in_flight: Option<usize>,
    /// The neighbours of the paying host over whose links the payment goes. Default: all that lead to the receiver.
    #[serde(default, deserialize_with = "not_empty", skip_serializing_if = "is_default")]
    pub via: Vec<String>,
    /// How it weighs the cost of several paths against their speed: `"cheapest"`, `"fastest"`, or `{ weighed = PPM }`, those
    /// that cost at most so many parts per million more than the cheapest. Default: that of [`SendConfig`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub path_policy: Option<PathPolicy>,
    /// How many octets of data go with the money. Default: none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub data_octets: u64,
    /// How many octets of data the receiver sends back beside it. Default: none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub returned_octets: u64,
    /// After how long the sender cancels it, in milliseconds. Default: never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cancel_after_ms: Option<u64>,
    /// What decides how much is sent at once: `paced`, `window`, `aimd` or `psk2`. Default: that of [`SendConfig`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub controller: Option<ControllerKind>,
}

/// A while in which a sender sends nothing of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PauseConfig {
    /// When it begins, in milliseconds from the start of the run, as [`PaymentConfig::starts_at_ms`].
    pub at_ms: u64,
    /// How long it takes, in milliseconds. Not zero.
    pub for_ms: u64,
}

/// What a receiver takes, and what it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    /// The most of one payment, in its units: the first chunk beyond it ends the payment. Default: no limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_amount: Option<u64>,
    /// The longest data that comes with a payment, in octets. Default: that of [`ReceiveConfig`](crate::receive::ReceiveConfig).
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_data_octets: Option<u64>,
    /// Whether it refunds what ends incomplete. Default: what [`Scenario::refunds`] says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub refunds: Option<bool>,
    /// Whether it knows the first draft of RFC 25 and nothing else, as npm's ilp-protocol-psk2: it does not look at
    /// frames, answers have none, and the last chunk ends a payment whatever is still under way. So it takes no data,
    /// sends none, and refunds nothing. Default: no.
    #[serde(default, skip_serializing_if = "is_default")]
    pub plain: bool,
}

/// What is fixed of a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fixed {
    /// What is sent.
    #[default]
    Source,
    /// What is delivered.
    Destination,
}

/// What a receiver says instead of the truth. It fulfills as an honest one does, but where it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// A tenth of what arrived with each chunk, and in all.
    UnderClaims,
    /// Ten times what arrived with each chunk, and in all.
    OverClaims,
    /// Totals that become less with each chunk.
    DecreasingTotals,
    /// Two of ten chunks are refused as if the payment were over; then chunks are taken again.
    ClosesAndOpens,
    /// Nothing: Fulfills carry no data.
    SaysNothing,
}

/// A host that sends chunks as no honest sender would.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AttackConfig {
    /// The host that sends.
    pub from: String,
    /// The host that receives.
    pub to: String,
    /// What it does.
    pub kind: Attack,
    /// How many packets it sends.
    pub packets: u32,
    /// The amount of each, in source units.
    pub amount: u64,
    /// How many it sends in a second; at least 1.
    pub per_second: u32,
}

/// What a hostile sender does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// Every number twice, sealed anew.
    DuplicateSequences,
    /// Another payment amount with every chunk.
    ChangingTotals,
    /// A payment id of its own for every chunk.
    NewIds,
    /// Every packet twice, octet by octet.
    Replays,
    /// Packets that live 0 to 49 ms, one after the other.
    Expired,
    /// Minimums above what arrives.
    TooLittle,
    /// Chunks after the last one.
    AfterTheLast,
}

impl PaymentConfig {
    /// A payment of so many source units, with the defaults.
    pub fn new(from: impl Into<String>, to: impl Into<String>, amount: u64) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
            amount,
            fixed: Fixed::Source,
            starts_at_ms: 0,
            quoted: false,
            slippage_ppm: None,
            min_rate: None,
            any_rate: false,
            max_source_amount: None,
            packet_timeout_ms: None,
            timeout_ms: None,
            idle_timeout_ms: None,
            refund_timeout_ms: None,
            pauses: Vec::new(),
            max_packets_in_flight: None,
            via: Vec::new(),
            path_policy: None,
            data_octets: 0,
            returned_octets: 0,
            cancel_after_ms: None,
            controller: None,
        }
    }

    /// A payment of so many destination units, with the defaults.
    pub fn delivering(from: impl Into<String>, to: impl Into<String>, amount: u64) -> Self {
        Self { fixed: Fixed::Destination, ..Self::new(from, to, amount) }
    }

    /// What the machine is told.
    pub fn send_config(&self, payment_id: PaymentId) -> SendConfig {
        let target = match self.fixed {
            Fixed::Source => Target::Source(SourceAmount::new(self.amount)),
            Fixed::Destination => Target::Destination(DestinationAmount::new(self.amount)),
        };
        let mut config = SendConfig::new(target, payment_id);
        config.minimum_rate = self.minimum_rate().unwrap_or(config.minimum_rate);
        if let Some(units) = self.max_source_amount {
            config.max_source_amount = SourceAmount::new(units);
        }
        if let Some(millis) = self.packet_timeout_ms {
            config.packet_timeout = Duration::from_millis(millis);
        }
        config.total_timeout = self.timeout_ms.map(Duration::from_millis);
        config.idle_timeout = self.idle_timeout_ms.map_or(config.idle_timeout, Duration::from_millis);
        config.refund_timeout = self.refund_timeout_ms.map_or(config.refund_timeout, Duration::from_millis);
        config.controller = self.controller.unwrap_or_default();
        config.path_policy = self.path_policy.unwrap_or(config.path_policy);
        config.max_received_data = config.max_received_data.max(self.returned_octets);
        if let Some(packets) = self.max_packets_in_flight {
            config.max_packets_in_flight = packets;
        }
        config
    }

    /// What its chunks have to deliver at least, if it says so.
    fn minimum_rate(&self) -> Option<MinimumRate> {
        if self.any_rate {
            return Some(MinimumRate::AnyRate);
        }
        let rate = self.min_rate.map(Rate::parts).and_then(|(destination, source)| {
            psk_quote::Rate::new(DestinationAmount::new(destination), SourceAmount::new(source))
        });
        match (rate, self.slippage_ppm) {
            (Some(rate), Some(ppm)) => Some(MinimumRate::Both(rate, ppm)),
            (Some(rate), None) => Some(MinimumRate::AtLeast(rate)),
            (None, ppm) => ppm.map(MinimumRate::Slippage),
        }
    }
}

impl Scenario {
    /// Whether any receiver refunds what ends incomplete.
    pub(super) fn any_refunds(&self) -> bool {
        self.payments.iter().any(|payment| self.refunds_at(&payment.to))
    }

    /// Whether the receiver at this host refunds what ends incomplete.
    pub(super) fn refunds_at(&self, host: &str) -> bool {
        self.receivers.get(host).and_then(|receiver| receiver.refunds).unwrap_or(self.refunds)
    }

    /// How much data the receiver at this host takes, and may send back.
    pub(super) fn max_data_at(&self, host: &str) -> u64 {
        let most = self.receivers.get(host).and_then(|receiver| receiver.max_data_octets);
        most.unwrap_or(ReceiveConfig::default().max_data_length)
    }

    /// The payments without the data that their receivers do not take: then none goes back either.
    pub(super) fn payments_as_taken(&self) -> Vec<PaymentConfig> {
        let mut payments = self.payments.clone();
        for payment in &mut payments {
            if payment.data_octets > self.max_data_at(&payment.to) {
                (payment.data_octets, payment.returned_octets) = (0, 0);
            }
        }
        payments
    }
}

/// Serde: names, at least one. None would be taken for all.
fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::deserialize(deserializer)?;
    match names.is_empty() {
        true => Err(D::Error::custom("the list has nothing in it: leave it out")),
        false => Ok(names),
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
