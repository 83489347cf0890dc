//! A rate that depends on the size of the packet, as pieces of one rate each.

use std::collections::BTreeMap;

use psk_codec::{DestinationAmount, SourceAmount};

use crate::arrivals::ROUNDINGS;
use crate::rate::RateInterval;

/// Packets of about one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSegment {
    /// The smallest packet that was seen to have it.
    pub from: SourceAmount,
    /// The largest packet that was seen to have it. Nothing is known of sizes between this and the next segment.
    pub to: SourceAmount,
    /// The rates, less what rounding explains.
    pub rate: RateInterval,
}

/// What arrived, by what was sent.
pub(crate) type ByAmount = BTreeMap<SourceAmount, DestinationAmount>;

/// Segments of a quote at most; neighbours are merged until there are no more.
pub(crate) const MOST_SEGMENTS: usize = 8;

/// Divides what arrived into as few segments as it takes for packets of one segment to differ by rounding only, from
/// the smallest packet to the largest.
pub(crate) fn segments(by_amount: &ByAmount) -> Vec<RateSegment> {
    let mut segments: Vec<RateSegment> = Vec::new();
    for (&sent, &delivered) in by_amount {
        let Some(rate) = RateInterval::of_packet_over(sent, delivered, ROUNDINGS) else {
            continue;
        };
        let last = segments.last_mut();
        match last.and_then(|last| last.rate.intersect(&rate).map(|both| (last, both))) {
            Some((last, both)) => (last.to, last.rate) = (sent, both),
            None => segments.push(RateSegment { from: sent, to: sent, rate }),
        }
    }
    segments
}

/// Merges neighbours, those first that are most alike, until there are [`MOST_SEGMENTS`] at most.
pub(crate) fn merge(mut segments: Vec<RateSegment>) -> Vec<RateSegment> {
    let largest = segments.last().map_or(SourceAmount::ZERO, |last| last.to);
    while segments.len() > MOST_SEGMENTS {
        // The width of both together, in units that the largest packet delivers.
        let width = |place: &usize| {
            let both = segments[*place].rate.hull(&segments[*place + 1].rate);
            both.delivers_at_most(largest).saturating_sub(both.delivers_at_least(largest))
        };
        let Some(place) = (0..segments.len() - 1).min_by_key(width) else {
            return segments;
        };
        let right = segments.remove(place + 1);
        let left = &mut segments[place];
        (left.to, left.rate) = (right.to, left.rate.hull(&right.rate));
    }
    segments
}

/// The middle of each gap between neighbours in which the rate changes, unless the gap is below a sixteenth of the
/// amounts.
pub(crate) fn gaps(segments: &[RateSegment]) -> Vec<SourceAmount> {
    let middle = |pair: &[RateSegment]| {
        let (low, high) = (pair[0].to.units(), pair[1].from.units());
        let wide = high - low > (low / 16).max(1);
        wide.then(|| SourceAmount::new(low + (high - low) / 2))
    };
    segments.windows(2).filter_map(middle).collect()
}

/// The two neighbouring amounts that disagree most visibly: those around the last change, which is that of the largest
/// packets.
pub(crate) fn contradiction(segments: &[RateSegment]) -> Option<[SourceAmount; 2]> {
    let pair = segments.windows(2).next_back()?;
    Some([pair[0].to, pair[1].from])
}

/// The packet with the best rate, when it is better than that of the largest by more than rounding; the largest of
/// several that are equally good.
pub(crate) fn best_chunk(by_amount: &ByAmount) -> Option<SourceAmount> {
    let rate = |(&sent, &delivered): (&SourceAmount, &DestinationAmount)| {
        RateInterval::of_packet(sent, delivered).map(|rate| (rate.low(), sent, delivered))
    };
    let (_, sent, delivered) = by_amount.iter().filter_map(rate).max_by_key(|&(low, sent, _)| (low, sent))?;
    let (&largest, &of_largest) = by_amount.last_key_value()?;
    let best = RateInterval::of_packet(sent, delivered)?;
    let largest = RateInterval::of_packet_over(largest, of_largest, ROUNDINGS)?;
    (best.low() >= largest.high()).then_some(sent)
}
