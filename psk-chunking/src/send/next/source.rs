//! Chunks of a fixed source amount: all of it is spent.

use psk_codec::{DestinationAmount, SourceAmount};
use psk_quote::ChunkPlan;

use super::{Candidate, Chunk, with_least_waste};
use crate::send::SendPayment;
use crate::send::arrived::Parts;
use crate::send::path::{FEW, Path, PathIndex};

/// When liquidity was short so often in a row, packets may be smaller than is known to be good.
const LONG_SHORTAGE: u32 = 32;

impl SendPayment {
    /// Spends exactly what is left.
    pub(super) fn candidate_for_source(&self, index: PathIndex, left: SourceAmount) -> Candidate {
        let path = self.path(index);
        let first = first_of(path, left);
        let few = path.rate.low().worth_floor(first) < FEW;
        let amount = if few && first < left { with_little_waste(path, left, first) } else { first };
        let amount = match path.arrived.is_doubtful(amount) {
            false => amount,
            true => match self.sound_parts(path, left) {
                Parts::Of(part) => part,
                Parts::Ask(sizes) => return Candidate::AskParts(sizes),
                Parts::Asked => return Candidate::Blocked,
                Parts::Unknown => self.known_part(path, DestinationAmount::MAX).unwrap_or(amount).min(left),
                Parts::None => return Candidate::RateTooLow,
            },
        };
        let last = amount == left;
        if !self.may_send(path, amount, last) {
            return Candidate::Blocked;
        }
        if last && self.must_reconcile() {
            return Candidate::Reconcile;
        }
        let minimum = self.minimum_for(path, amount, last);
        Candidate::Chunk(Chunk { path: index, amount, minimum, last, completing: false })
    }

    /// Equal parts of what is left of a fixed source amount that keep the minimum rate: as small as the controller wants
    /// them, when it is known that these do; else as large as liquidity allows with time.
    fn sound_parts(&self, path: &Path, left: SourceAmount) -> Parts {
        let minimum = |amount| self.minimum_for(path, amount, false);
        let parts = |largest| path.arrived.equal_parts(left, largest, minimum);
        match (parts(path.largest_chunk()), parts(path.largest_in_time())) {
            (Parts::Of(part), _) => Parts::Of(part),
            // None of what is known to pass: perhaps of what is not known to be too large.
            (Parts::None, Parts::None) => parts(path.sizing.not_refused()),
            // What small packets deliver is worse as a rule, and to ask for it takes liquidity too.
            (parts, Parts::None) => parts,
            (parts, _) if parts != Parts::None && path.liquidity_patience.failures() >= LONG_SHORTAGE => {
                parts
            }
            (_, later) => later,
        }
    }
}

/// The first chunk of what is left. When the last ones would be so small that rounding takes too much of them, or all,
/// what is left goes in one, or in chunks of about the same size.
fn first_of(path: &Path, left: SourceAmount) -> SourceAmount {
    let plan = ChunkPlan::new(left, path.largest_chunk());
    let smallest = plan.tail.into_iter().filter(|chunk| !chunk.is_zero()).min();
    let is_dust = |chunk: SourceAmount| path.is_dust(chunk) || path.rate.delivers_at_least(chunk).is_zero();
    if !smallest.is_some_and(is_dust) {
        return plan.first();
    }
    if plan.full_chunks == 0 && left <= path.sizing.maximum() {
        return left;
    }
    let nothing = smallest.is_some_and(|chunk| path.rate.delivers_at_least(chunk).is_zero());
    if nothing { SourceAmount::new(left.units().div_ceil(plan.chunks().max(1))) } else { plan.first() }
}

/// A first part of `left` that delivers as much as `first` with about the least that takes, and the parts after it too.
fn with_little_waste(path: &Path, left: SourceAmount, first: SourceAmount) -> SourceAmount {
    let least = with_least_waste(path, first, 1);
    let parts = left.units() / least.units().max(1);
    // What is over is spread: it would deliver nothing by itself.
    let even = SourceAmount::new(left.units().div_ceil(parts.max(1)));
    if even <= path.largest_chunk() { even } else { least }
}
