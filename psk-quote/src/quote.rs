//! What a quote says.

use psk_codec::{Address, DestinationAmount, SourceAmount, Timestamp};
use psk_request::SealRequestError;

use crate::plan::ChunkPlan;
use crate::rate::{Rate, RateInterval};
use crate::search::{PathSearch, PathView, Precision, SearchError};
use crate::segments::RateSegment;

/// What an amount delivers over a path, or what it costs to deliver one.
///
/// Every amount is that of a payment in the chunks of [`Quote::plan`], each of which rounds on its own. The path may
/// change at any time: a quote is an observation and not a promise of anybody. So it is used once, with
/// [`redeem`](Quote::redeem), and cannot be copied.
#[derive(Debug, PartialEq, Eq)]
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
    /// The rates, in destination units per source unit, that fit what arrived of single packets; where the rate
    /// depends on their size, those of the chunks of the plan.
    pub rate: RateInterval,
    /// The rate by the size of a packet, from small to large: one segment where the rate is the same for all packets
    /// but for rounding, several where it is not (fees in steps, a fee on each packet), at most eight.
    pub segments: Vec<RateSegment>,
    /// A packet with a better rate than the largest, beyond rounding, where one was seen. For information: the
    /// amounts are those of [`Quote::plan`], which is of the largest packets.
    pub best_chunk: Option<SourceAmount>,
    /// The largest packet that passes; `None` when the path took the largest that was probed, so that no chunk of
    /// this payment needs to be smaller.
    pub max_packet_amount: Option<SourceAmount>,
    /// Whether [`Quote::max_packet_amount`] is the path's maximum to the unit. Otherwise it is less by up to a
    /// sixteenth ([`Precision::Near`]), or what liquidity allowed at the time.
    pub max_packet_exact: bool,
    /// The smallest packet of which anything arrives.
    pub smallest_delivering: SourceAmount,
    /// Whether the rate moved while it was asked for: a packet of the same size did not deliver the same when it was
    /// probed again. [`Quote::rate`] and the bounds are widened by that.
    pub rate_moved: bool,
    /// Whether amounts are exact to the unit. Otherwise the probes ran out, or larger packets deliver less than smaller
    /// ones, or the rate moved: at least the destination amount arrives, as far as was seen, and a smaller source
    /// amount may do.
    pub exact: bool,
    /// How many probes were sent.
    pub probes: u32,
    /// Whom it was asked of, by [`Prober::receiver`](crate::Prober::receiver): for whoever drives the search to say,
    /// which sees neither packets nor answers. A payment to anybody else refuses the quote.
    pub receiver: Option<QuotedReceiver>,
    /// When to ask again.
    pub expires_at: Timestamp,
    pub(crate) plan: ChunkPlan,
    pub(crate) view: PathView,
    /// All that the path has answered.
    pub(crate) search: Box<PathSearch>,
    pub(crate) lowest_chunk_rate: Rate,
}

/// Whom a quote was asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotedReceiver {
    /// The destination account, which with a shared secret's token in it is that secret's alone.
    pub account: Address,
    /// Whether an answer had frames in it (docs/frames.md). A payment that knows it sends more than one chunk at first.
    pub knows_frames: bool,
}

impl Quote {
    /// The chunks for which this quote holds: as large as may be, or of about one size where the last ones would
    /// otherwise deliver nothing.
    pub const fn plan(&self) -> ChunkPlan {
        self.plan
    }

    /// Whether the rate depends on the size of the packet: the same packet, probed again, delivered the same, and
    /// another one another rate.
    pub fn depends_on_size(&self) -> bool {
        self.segments.len() > 1
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
    /// The most that all probes that wait for their answers hold together, in source units: what is probed is set
    /// aside by every hop until it is answered. No packet that is larger is probed, so that
    /// [`Quote::max_packet_amount`] is at most this. Default (`None`): twice the amount that is asked for, or the cost
    /// in question. So a quote holds for a moment what the payment itself will, and as much again in smaller packets,
    /// which is what it takes to ask for both in one round trip; with the amount alone each quote takes one more. (To
    /// say which amount would do when nothing arrives of the one that is asked for, larger ones are probed.)
    pub max_probe_amount: Option<SourceAmount>,
    /// Probes after which a quote makes do with what it knows; never are there more. Four fifths of them at most are
    /// for the search for the largest packet. Default: 200, enough for the longest search and 40 for the amounts in
    /// question. A few dozen are usual.
    pub max_probes: u32,
}

impl Default for QuoteOptions {
    fn default() -> Self {
        Self {
            precision: Precision::Near,
            max_source_amount: SourceAmount::MAX,
            max_probe_amount: None,
            max_probes: 200,
        }
    }
}

/// Why there is no quote. Money never moves for one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// The caller asked for a quote of no money.
    #[error("there is no quote for an amount of zero")]
    ZeroAmount,
    /// The amount is too small: of some of its packets, or of its only one, nothing would arrive.
    #[error(
        "too small for the path, which loses packets to rounding; the next amount that works is {smallest} units"
    )]
    AmountTooSmall {
        /// The smallest amount above the one asked for of which every packet delivers something.
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
        /// What it costs, as far as is known; `None` when it is more than 2^64 - 1 units, or when no packet up to the
        /// maximum delivers anything, so that there is no rate to tell by.
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
