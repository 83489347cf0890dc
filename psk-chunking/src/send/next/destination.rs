//! Chunks of a fixed destination amount: just that is delivered.

use psk_codec::{DestinationAmount, SourceAmount};
use psk_quote::ChunkPlan;

use super::{Candidate, Chunk, ONE, with_least_waste};
use crate::send::arrived::{Completing, Parts};
use crate::send::path::{Path, PathIndex};
use crate::send::{SendError, SendPayment, Target};

/// So many sizes are looked at for a chunk among the last of a fixed-destination payment.
const TAIL_CANDIDATES: u64 = 32;
/// Of a payment, so small a part is little.
const LITTLE: u64 = 64;
/// So many chunks at the end of a payment may be about even, where small ones do not keep the minimum rate.
const EVEN_PARTS: u64 = 8;
/// So often is asked for their sizes.
const EVEN_ROUNDS: u32 = 4;

impl SendPayment {
    /// Delivers exactly what is missing, as far as the rate allows.
    pub(super) fn candidate_for_destination(
        &self,
        index: PathIndex,
        missing: DestinationAmount,
        target: DestinationAmount,
    ) -> Candidate {
        let path = self.path(index);
        let plan = ChunkPlan::new(enough(path, missing), path.largest_chunk());
        if plan.chunks() <= 1 {
            return self.completing_chunk(index, missing);
        }
        let amount = part_of(path, missing, plan.first());
        let candidates = if plan.full_chunks == 0 { TAIL_CANDIDATES } else { 1 };
        let amount = with_least_waste(path, amount, candidates);
        let amount = match self.sound_part(path, amount, &plan) {
            Parts::Of(part) => part,
            Parts::Ask(sizes) => return Candidate::AskParts(sizes),
            Parts::Asked => return Candidate::Blocked,
            Parts::Unknown | Parts::None => match self.known_part(path, missing) {
                Some(part) => part,
                None => return self.completing_chunk(index, missing),
            },
        };
        if amount > self.budget_left() {
            let spent = self.account.committed().unwrap_or(SourceAmount::MAX);
            let needed = path.rate.maybe_enough(target).max(spent.saturating_add(enough(path, missing)));
            return Candidate::TooExpensive(SendError::MaxSourceAmountTooLow { needed });
        }
        if amount.is_zero() || !self.may_send(path, amount, false) {
            return Candidate::Blocked;
        }
        let minimum = self.minimum_for(path, amount, false);
        Candidate::Chunk(Chunk { path: index, amount, minimum, last: false, completing: false })
    }

    /// The first part of a plan, of `amount`, if it is sound. Near the end the smallest one has to be too, which is asked: no
    /// chunk would bring what is left at the minimum rate. If it is not, all are about even.
    fn sound_part(&self, path: &Path, amount: SourceAmount, plan: &ChunkPlan) -> Parts {
        let first = if self.is_sound(path, amount) { Parts::Of(amount) } else { Parts::Unknown };
        let smallest = plan.tail.into_iter().filter(|chunk| !chunk.is_zero()).min();
        let may_fall_short =
            |chunk: &SourceAmount| path.arrived.loses_our_units(*chunk) && path.is_dust(*chunk);
        let Some(smallest) = smallest.filter(may_fall_short) else { return first };
        let minimum = |size| self.minimum_for(path, size, false);
        let keeps = |size| path.arrived.is_enough(size, minimum(size));
        let is_known = keeps(smallest) == Some(true) || path.arrived.knows_part_like(smallest, minimum);
        if plan.chunks() > EVEN_PARTS || is_known && first != Parts::Unknown {
            return first;
        }
        let even = SourceAmount::new(amount_of(plan).units().div_ceil(plan.chunks())).min(amount);
        if keeps(even) == Some(true) {
            return Parts::Of(even);
        }
        let mut unknown = vec![smallest, even];
        unknown.dedup();
        unknown.retain(|&size| keeps(size).is_none());
        match path.arrived.ask_for(unknown, EVEN_ROUNDS) {
            Parts::Unknown | Parts::None => first,
            ask => ask,
        }
    }

    /// What is `missing`, where it is known what each chunk in flight delivers: a hop rounds away more of them than it would of all
    /// together. Otherwise too little would be missing, and what is left then no chunk could bring at the minimum rate.
    fn missing_exactly(&self, missing: DestinationAmount) -> DestinationAmount {
        let beyond = self.paths.iter().map(|path| path.outstanding().saturating_sub(path.load.most));
        beyond.fold(missing, DestinationAmount::saturating_add)
    }

    /// The chunk that completes a fixed-destination payment: the smallest that may deliver what is missing, which
    /// is its minimum. When it delivers less, the receiver rejects it, which costs nothing, and a larger one
    /// follows. So the amount is hit exactly whenever a source unit is worth at most one destination unit.
    fn completing_chunk(&self, index: PathIndex, missing: DestinationAmount) -> Candidate {
        let path = self.path(index);
        let half = || self.half_beside_others(index, missing).map(Candidate::Chunk);
        let (alone, exact) = (self.chunks.is_empty(), self.is_exact_in_flight());
        // With a plain receiver it is the last chunk, which is alone. And when it is not known exactly what those in flight
        // deliver, a few units would be left, of which rounding takes more than they are worth.
        if !(alone || exact && self.peer.knows_frames()) {
            return half().unwrap_or(Candidate::Blocked);
        }
        if let Some(first) = self.before_completing() {
            return first;
        }
        let is_doubtful = path.arrived.is_doubtful(path.largest_chunk());
        let loses_ours = path.arrived.loses_our_units(path.largest_chunk());
        let missing = if loses_ours && exact { self.missing_exactly(missing) } else { missing };
        if is_doubtful
            && !path.arrived.knows_enough(missing)
            && self.known_part(path, missing).is_some_and(|part| path.delivers_half(part, missing))
        {
            return self.part_before_completing(index, missing);
        }
        let largest = path.largest_completing();
        let budget_left = self.budget_left();
        let (floor, failed) = path.too_small_to_complete.sizes_for(missing);
        // Not raised to what R01 says is too small: what is beyond `missing` would be given away.
        let slack = self.slack(path);
        let dearest = dearest(path, missing.saturating_add(slack));
        let completing = path.arrived.completing(missing, largest.min(budget_left), self.spare(), dearest);
        let wanted = match completing {
            Completing::Known(amount) => amount,
            Completing::Ask(sizes) => return half().unwrap_or(Candidate::Ask(sizes)),
            Completing::Asked => return half().unwrap_or(Candidate::Blocked),
            // From below: too little is rejected, at no cost, and says how much it was.
            Completing::Unknown(at_least) if at_least > largest && largest <= budget_left => {
                return self.part_before_completing(index, missing);
            }
            Completing::Unknown(at_least) => at_least.max(floor),
            Completing::Beyond(smallest, delivers) => {
                return self.chunk_beyond(index, missing, (smallest, delivers));
            }
        };
        let most = largest.min(budget_left);
        // The step that would be right may be too large, and less do: anything above what has failed.
        let amount = if most > failed { wanted.min(most) } else { wanted };
        if amount > budget_left || enough(path, missing) > budget_left {
            let needed = self.account.committed().unwrap_or_default().saturating_add(wanted);
            return Candidate::TooExpensive(SendError::MaxSourceAmountTooLow { needed });
        }
        if amount > largest {
            return self.part_before_completing(index, missing);
        }
        if !self.may_complete(path, amount, missing) {
            return Candidate::RateTooLow;
        }
        if !path.allows(amount) {
            return Candidate::Blocked;
        }
        let last = alone && self.doubts.is_empty() && self.account.unverified.is_zero();
        Candidate::Chunk(Chunk { path: index, amount, minimum: missing, last, completing: true })
    }

    /// The receiver's word that has to come before a payment can be completed, if any has.
    fn before_completing(&self) -> Option<Candidate> {
        // More may be missing than is known: the receiver says in a moment how much.
        if !self.account.unverified.is_zero() && self.awaits_status() {
            return Some(Candidate::Blocked);
        }
        self.must_reconcile().then_some(Candidate::Reconcile)
    }

    /// Whether it is known exactly what the chunks in flight deliver.
    fn is_exact_in_flight(&self) -> bool {
        self.paths.iter().all(|path| path.load.uncertain.is_zero())
    }

    /// Half of what is missing, while chunks are in flight over other paths. Until they are answered nobody can say what
    /// completes the payment, and by then more have followed: the others would bring all of it. Of little they do.
    fn half_beside_others(&self, index: PathIndex, missing: DestinationAmount) -> Option<Chunk> {
        let Target::Destination(target) = self.config.target else { return None };
        let others_bring_some = self.chunks.len() > self.path(index).load.packets;
        if !others_bring_some || missing.units() <= target.units() / LITTLE {
            return None;
        }
        let path = self.path(index);
        let half = enough(path, DestinationAmount::new(missing.units() / 2));
        let amount = with_least_waste(path, part_of(path, missing, half), 1);
        let is_worth_it =
            amount >= path.smallest_chunk() && !path.is_dust(amount) && self.is_sound(path, amount);
        if !is_worth_it || amount > self.budget_left() || !path.allows(amount) {
            return None;
        }
        let minimum = self.minimum_for(path, amount, false);
        Some(Chunk { path: index, amount, minimum, last: false, completing: false })
    }

    /// Whether a chunk of `amount` keeps the minimum rate well enough to complete the payment, when it may deliver no more than
    /// `missing`: but for what a source unit is worth, to which the amount is rounded up, and the slack.
    fn may_complete(&self, path: &Path, amount: SourceAmount, missing: DestinationAmount) -> bool {
        let one_less = amount.saturating_sub(SourceAmount::new(1));
        let falls_short = path.minimum_rate.worth_floor(one_less).saturating_sub(missing);
        let may_lack = self.given_away().saturating_add(ONE);
        // Where a source unit is worth no more than one of the receiver's, that is in the slack already.
        let is_dear = path.minimum_rate.worth_ceil(SourceAmount::new(1)) > ONE;
        let due = path.has_to_bring(if is_dear { one_less } else { amount }, may_lack);
        falls_short <= self.slack(path) && due <= missing
    }

    /// By so much the completing chunk may fall short of the minimum rate: one unit (ENGINE.md section 4), of the receiver's or,
    /// where that is more and the path keeps the minimum rate all the same, of ours. A hop may round down to those too.
    fn slack(&self, path: &Path) -> DestinationAmount {
        path.minimum_rate.worth_ceil(SourceAmount::new(1)).min(self.given_away()).max(ONE)
    }

    /// What is missing lies between what packets can deliver, for a hop counts in large units: the smallest that is enough,
    /// where that is little beside the whole payment. The receiver gets it at the minimum rate or better.
    fn chunk_beyond(
        &self,
        index: PathIndex,
        missing: DestinationAmount,
        (amount, delivers): (SourceAmount, DestinationAmount),
    ) -> Candidate {
        let path = self.path(index);
        let is_little = delivers.saturating_sub(missing) <= self.spare();
        let minimum = self.minimum_for(path, amount, false);
        let is_worth_it = is_little && delivers >= minimum;
        if !is_worth_it || amount > self.budget_left() || amount > path.largest_completing() {
            return Candidate::TooExpensive(SendError::BetweenPackets { enough: amount });
        }
        if !path.allows(amount) {
            return Candidate::Blocked;
        }
        let minimum = minimum.max(missing);
        let last = self.chunks.is_empty() && self.doubts.is_empty() && self.account.unverified.is_zero();
        Candidate::Chunk(Chunk { path: index, amount, minimum, last, completing: true })
    }

    /// Where a hop counts in large units, so little may be delivered beyond a fixed destination amount.
    fn spare(&self) -> DestinationAmount {
        match self.config.target {
            Target::Destination(amount) => DestinationAmount::new(amount.units() / 100),
            Target::Source(_) => DestinationAmount::ZERO,
        }
    }

    /// When no single packet delivers what is missing after all: a packet for a part of it.
    fn part_before_completing(&self, index: PathIndex, missing: DestinationAmount) -> Candidate {
        let path = self.path(index);
        let amount = part_of(path, missing, path.largest_chunk());
        let amount = match self.is_sound(path, amount) {
            true => amount,
            false => self.known_part(path, missing).unwrap_or_default(),
        };
        if amount.is_zero() {
            return Candidate::RateTooLow;
        }
        if !path.allows(amount) {
            return Candidate::Blocked;
        }
        let minimum = self.minimum_for(path, amount, false);
        Candidate::Chunk(Chunk { path: index, amount, minimum, last: false, completing: false })
    }
}

/// About `amount`, at least what delivers one unit for sure, and never so much that it could deliver more than
/// `missing`.
fn part_of(path: &Path, missing: DestinationAmount, amount: SourceAmount) -> SourceAmount {
    let one_unit = path.rate.surely_enough(ONE).unwrap_or(SourceAmount::MAX);
    let highest = path.rate.high().max(path.minimum_rate);
    amount.max(one_unit).min(path.largest_chunk()).min(highest.cost_floor(missing))
}

/// All of a plan's chunks together.
fn amount_of(plan: &ChunkPlan) -> SourceAmount {
    let full = SourceAmount::new(plan.full_chunk.units().saturating_mul(plan.full_chunks));
    plan.tail.into_iter().fold(full, SourceAmount::saturating_add)
}

/// The most that a chunk which completes the payment may cost, for so much, with its slack: one source unit more.
fn dearest(path: &Path, worth: DestinationAmount) -> SourceAmount {
    path.minimum_rate.cost_floor(worth).saturating_add(SourceAmount::new(1))
}

/// The smallest amount that may deliver `missing`; never more than that costs at the minimum rate, for a chunk
/// that is fulfilled at all has at least that rate.
fn enough(path: &Path, missing: DestinationAmount) -> SourceAmount {
    let at_worst = path.minimum_rate.cost_ceil(missing).unwrap_or(SourceAmount::MAX);
    path.rate.maybe_enough(missing).min(at_worst)
}
