//! What a simulated connector is like.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::{is_default, not_empty};
use super::curve::share_at;
use crate::rate::Rate;

/// A connector: what it does with packets, honestly or not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HopConfig {
    /// Its name, the second segment of its address.
    pub name: String,
    /// What it keeps of every packet, in parts per million. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub spread_ppm: u32,
    /// What its assets are worth in each other. Default: none; an asset is worth itself. A pair that is given in one
    /// direction has the inverse rate in the other; no pair is given twice in one direction.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rates: Vec<CurveConfig>,
    /// The greatest packet that it takes, in units of the link that the packet comes over. Default: no limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_packet_amount: Option<u64>,
    /// What a greater packet is rejected with. Not without a maximum. Default: `F08` and true details.
    #[serde(default, skip_serializing_if = "is_default")]
    pub too_large: TooLargeAnswer,
    /// How much it forwards, in units of the link that packets leave on; more is rejected with `T04`. Default: no
    /// limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub liquidity: Option<LiquidityConfig>,
    /// How many packets it forwards; more are rejected with `T05`. Default: no limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub packet_rate: Option<PacketRateConfig>,
    /// How long it takes over each packet and each reply, in microseconds. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub processing_us: u64,
    /// What it takes from a packet's expiry, in milliseconds; as much must be left, else it is rejected with `R02`.
    /// Default: 1,000, as known connectors have it.
    #[serde(default = "second", skip_serializing_if = "is_second")]
    pub min_message_window_ms: u64,
    /// How far off the expiry of a packet that it forwards may be, in milliseconds. Default: 30,000, as known
    /// connectors have it.
    #[serde(default = "half_minute", skip_serializing_if = "is_half_minute")]
    pub max_hold_time_ms: u64,
    /// Whether it takes the data out of Fulfills. Default: no.
    #[serde(default, skip_serializing_if = "is_default")]
    pub strips_fulfill_data: bool,
    /// Packets that it rejects for no reason, no more than all. Default: none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub errors: Vec<ErrorConfig>,
    /// What it does to cheat or to harm. Default: nothing.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hostility: Option<HostilityConfig>,
}

impl HopConfig {
    /// A connector that forwards everything as it is.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            spread_ppm: 0,
            rates: Vec::new(),
            max_packet_amount: None,
            too_large: TooLargeAnswer::default(),
            liquidity: None,
            packet_rate: None,
            processing_us: 0,
            min_message_window_ms: second(),
            max_hold_time_ms: half_minute(),
            strips_fulfill_data: false,
            errors: Vec::new(),
            hostility: None,
        }
    }
}

/// What one asset is worth in another, over time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CurveConfig {
    /// The code of the asset that packets come in.
    pub from: String,
    /// The code of the asset that they leave in. The same asset has a curve too, if one is wanted.
    pub to: String,
    /// How much of `to` one of `from` is worth, in whole units of the assets: `5/4`, `1.25` or `2`.
    pub rate: Rate,
    /// How the rate moves. Default: not at all. Between two points it goes straight from one to the other, in steps
    /// of whole parts per million, rounded down; before the first and after the last it stays there. Times must not
    /// fall; two points at one time are a jump.
    #[serde(default, deserialize_with = "not_empty", skip_serializing_if = "is_default")]
    pub curve: Vec<CurvePoint>,
}

impl CurveConfig {
    /// Where the curve is so long after the start, in parts per million of its rate.
    pub fn share_at(&self, time: Duration) -> u32 {
        share_at(&self.curve, time)
    }
}

/// Where a rate is at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// The share of the curve's rate, in parts per million: 1,000,000 is the rate itself. Not zero.
    pub ppm: u32,
}

/// What a packet above the maximum is rejected with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TooLargeAnswer {
    /// `F08` with what arrived and the maximum.
    #[default]
    F08,
    /// `F08` without details.
    F08Empty,
    /// `F08`, 0 arrived and the maximum is 0.
    #[serde(rename = "f08_0_0")]
    F08ZeroZero,
    /// `F08`, 0 arrived and the maximum is 1.
    #[serde(rename = "f08_0_1")]
    F08ZeroOne,
    /// `F08`, 1 arrived and the maximum is 1.
    #[serde(rename = "f08_1_1")]
    F08OneOne,
    /// `F08` with what arrived, and a maximum of 2^64 - 1.
    F08Greatest,
    /// `T04`, which does not say what the matter is.
    T04,
}

/// How much a connector can forward: a bucket that fills over time.
///
/// What a packet takes is gone, whatever becomes of the packet: so npm's connector limits throughput, and probes are
/// not free.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LiquidityConfig {
    /// What the bucket holds, in units. It is full at the start.
    pub capacity: u64,
    /// What comes in every second, in units.
    pub per_second: u64,
    /// How it changes, over and over from the start. Default: it stays at `per_second`, which is not used otherwise.
    #[serde(default, deserialize_with = "not_empty", skip_serializing_if = "is_default")]
    pub cycle: Vec<LiquidityStep>,
}

/// A while of a connector's liquidity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LiquidityStep {
    /// How long it takes, in milliseconds. Not zero.
    pub for_ms: u64,
    /// What comes in every second meanwhile, in units.
    pub per_second: u64,
}

/// How many packets a connector forwards: a bucket that fills over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PacketRateConfig {
    /// So many every second.
    pub per_second: u64,
    /// So many at once. At least 1.
    pub burst: u64,
}

/// Packets that a connector rejects for no reason.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorConfig {
    /// The code, such as `T00`: F, T or R and two digits.
    pub code: String,
    /// The share of the packets.
    pub share_ppm: u32,
}

/// What a hostile connector does, and to how many packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostilityConfig {
    /// What.
    pub kind: Hostility,
    /// The share of the packets. Default: all.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub share_ppm: u32,
    /// So many packets it leaves alone first. Default: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub after_packets: u64,
}

/// What a hostile connector does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hostility {
    /// Answers Fulfills on with another preimage.
    WrongPreimage,
    /// Keeps Fulfills until half a second after the packet has expired where it came from.
    LateFulfills,
    /// Gives two packets each other's replies.
    SwappedReplies,
    /// Sends Prepares back to where they came from, as if they were for there.
    Reflect,
    /// Rejects with `R00`.
    R00,
    /// Rejects with `R01`.
    R01,
    /// Never answers, and forwards nothing.
    Swallow,
}

const fn second() -> u64 {
    1_000
}

fn is_second(time: &u64) -> bool {
    *time == second()
}

const fn half_minute() -> u64 {
    30_000
}

fn is_half_minute(time: &u64) -> bool {
    *time == half_minute()
}

const fn all() -> u32 {
    1_000_000
}

fn is_all(share: &u32) -> bool {
    *share == all()
}
