//! What a quote says.

use psk_codec::{DestinationAmount, SourceAmount, Timestamp};
use psk_request::SealRequestError;

use crate::plan::ChunkPlan;
use crate::rate::RateInterval;
use crate::search::{Precision, SearchError};

/// What an amount delivers over a path, or what it costs to deliver one.
///
/// Every amount is that of a payment in the chunks of [`Quote::plan`], each of which rounds on its own. The path may
/// change at any time: a quote is an observation and not a promise of anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// What is to be sent. Asked for a destination amount: the smallest amount whose plan is sure to deliver it.
    pub source_amount: SourceAmount,
    /// The smallest source amount that the rate allows. Asked for a source amount: that amount.
    pub source_amount_low: SourceAmount,
    /// The greatest source amount that the rate can make necessary. Asked for a source amount: that amount.
    pub source_amount_high: SourceAmount,
    /// What arrives. Asked for a destination amount: that amount.
    pub destination_amount: DestinationAmount,
    /// The least that the rate allows to arrive. Asked for a destination amount: that amount.
    pub destination_amount_low: DestinationAmount,
    /// The most that can arrive. Asked for a destination amount: what arrives if the whole plan is sent, which is
    /// more where one source unit is worth several.
    pub destination_amount_high: DestinationAmount,
    /// The rates, in destination units per source unit, that fit what arrived of single packets.
    pub rate: RateInterval,
    /// The largest packet that passes; `None` when the path took the largest that was probed, so that no chunk of
    /// this payment needs to be smaller.
    pub max_packet_amount: Option<SourceAmount>,
    /// Whether [`Quote::max_packet_amount`] is the path's maximum to the unit. Otherwise it is less by up to a
    /// sixteenth ([`Precision::Near`]), or what liquidity allowed at the time.
    pub max_packet_exact: bool,
    /// The smallest packet of which anything arrives.
    pub smallest_delivering: SourceAmount,
    /// Whether probes contradicted each other by more than rounding explains: the rate moved meanwhile, or it is not
    /// the same for small and large packets. [`Quote::rate`] and the bounds are widened by that.
    pub rate_moved: bool,
    /// Whether amounts are exact to the unit. Otherwise the probes ran out: at least the destination amount arrives,
    /// and a smaller source amount may do.
    pub exact: bool,
    /// How many probes were sent.
    pub probes: u32,
    /// When to ask again.
    pub expires_at: Timestamp,
}

impl Quote {
    /// The chunks for which this quote holds.
    pub fn plan(&self) -> ChunkPlan {
        let maximum = self.max_packet_amount.unwrap_or(self.source_amount);
        ChunkPlan::new(self.source_amount, maximum)
    }
}

/// How to ask for a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteOptions {
    /// How exactly to search for the largest packet. Default: [`Precision::Near`], because a sixteenth more or less
    /// does not change what arrives, and probes tie up liquidity.
    pub precision: Precision,
    /// The most that a quote by destination amount may cost, in source units; larger packets are not probed. Default:
    /// no limit.
    pub max_source_amount: SourceAmount,
    /// Probes after which a quote makes do with what it knows. Default: 200, which leaves 40 for the amounts in
    /// question after the longest search for the largest packet. A few dozen are usual.
    pub max_probes: u32,
}

impl Default for QuoteOptions {
    fn default() -> Self {
        Self { precision: Precision::Near, max_source_amount: SourceAmount::MAX, max_probes: 200 }
    }
}

/// Why there is no quote. Money never moves for one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// The caller asked for a quote of no money.
    #[error("there is no quote for an amount of zero")]
    ZeroAmount,
    /// The amount is too small: all of it is lost to rounding.
    #[error("nothing would arrive; the smallest packet that delivers anything is of {smallest} units")]
    AmountTooSmall {
        /// The smallest packet of which anything arrives.
        smallest: SourceAmount,
    },
    /// The amount is too large: more than 2^64 - 1 units would arrive.
    #[error("more than 18446744073709551615 units would arrive")]
    AmountTooLarge,
    /// The payment costs more than [`QuoteOptions::max_source_amount`].
    #[error("the payment costs more than the maximum of {maximum} units")]
    MaxSourceAmount {
        /// The maximum.
        maximum: SourceAmount,
        /// What it costs, as far as is known; `None` when it is more than 2^64 - 1 units.
        needed: Option<SourceAmount>,
    },
    /// Even of the largest packet that passes nothing arrives.
    #[error("of packets of up to {largest} units, the largest that pass, nothing arrives")]
    NothingArrives {
        /// The largest packet that passes.
        largest: SourceAmount,
    },
    /// The path does not answer as it should.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// [`QuoteOptions::max_probes`] were sent before anything could be said.
    #[error("{0} probes were not enough")]
    OutOfProbes(u32),
    /// The caller's time limit has passed.
    #[error("the path was not explored in time")]
    TimedOut,
    /// The shared secret seals no more packets.
    #[error(transparent)]
    Seal(#[from] SealRequestError),
}
