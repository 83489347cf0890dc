//! Which chunk to send next, and over which path.

use std::time::Duration;

use psk_codec::{DestinationAmount, SourceAmount};
use psk_quote::ChunkPlan;

use super::arrived::{Completing, Parts};
use super::path::{FEW, Path, PathIndex};
use super::{Account, MinimumRate, PathPolicy, SendError, SendPayment, Target};

const ONE: DestinationAmount = DestinationAmount::new(1);
/// So many sizes are looked at for a chunk among the last of a fixed-destination payment.
const TAIL_CANDIDATES: u64 = 32;
/// A path that is doubted gets nothing more when no more than so many chunks are left, and others are there.
const NEAR_THE_END: u64 = 16;
/// Of a payment, so small a part is little.
const LITTLE: u64 = 64;
/// So many chunks at the end of a payment may be about even, where small ones do not keep the minimum rate.
const EVEN_PARTS: u64 = 8;
/// So often is asked for their sizes.
const EVEN_ROUNDS: u32 = 4;
/// The part of a payment that the rounding of minimums may take.
const GIVEN_AWAY: u64 = 1_000;
/// So many chunks at the end of a payment ask for the receiver's status.
const LAST: u64 = 1_024;
/// When liquidity was short so often in a row, packets may be smaller than is known to be good.
const LONG_SHORTAGE: u32 = 32;

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Send a chunk.
    Send(Chunk),
    /// Ask what arrives of these, over this path.
    Ask(PathIndex, Vec<SourceAmount>),
    /// The same of parts of a fixed source amount.
    AskParts(PathIndex, Vec<SourceAmount>),
    /// Nothing until answers come, or until this time.
    AwaitReplies(Duration),
    /// Nothing until a plain receiver has been asked about packets in doubt.
    Reconcile,
    /// All is sent and answered.
    Finished,
    /// Nothing over this path until its rate has recovered.
    RateTooLow(PathIndex),
    /// It cannot go on.
    Fail(SendError),
}

/// A chunk to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) path: PathIndex,
    pub(super) amount: SourceAmount,
    pub(super) minimum: DestinationAmount,
    /// Goes out as the payment's last one.
    pub(super) last: bool,
    /// Completes a fixed-destination payment: its minimum is all that is missing.
    pub(super) completing: bool,
}

/// What a path has to offer for what is left.
#[derive(Debug)]
enum Candidate {
    Chunk(Chunk),
    /// Ask what arrives of these.
    Ask(Vec<SourceAmount>),
    /// The same of parts of a fixed source amount.
    AskParts(Vec<SourceAmount>),
    /// Nothing until answers come.
    Blocked,
    /// Nothing until a plain receiver has been asked.
    Reconcile,
    RateTooLow,
    /// What is left costs more over this path than may be spent.
    TooExpensive(SendError),
}

impl SendPayment {
    pub(super) fn next(&self, now: Duration) -> Next {
        if self.nothing_is_left() {
            return self.finished_when_answered();
        }
        // Until a plain receiver has shown that it fulfills, one chunk has to do: a JS receiver asks its payment
        // handler once for each chunk that arrives before the handler has accepted.
        let alone = !self.has_begun() && !self.peer.knows_frames() && !self.chunks.is_empty();
        if alone || self.is_much_unverified(1) && self.awaits_word() {
            return self.await_word();
        }
        let mut until = Duration::MAX;
        let mut too_expensive = None;
        let paths = self.preferred_paths();
        for &path in &paths {
            if paths.len() > 1 && self.leaves_it_to_others(path, &paths, now) {
                continue;
            }
            let not_before = self.path(path).not_before();
            if now < not_before {
                until = until.min(not_before);
                continue;
            }
            let candidate = match self.config.target {
                Target::Source(amount) => self.candidate_for_source(path, self.left(amount)),
                Target::Destination(amount) => {
                    self.candidate_for_destination(path, self.missing(amount), amount)
                }
            };
            match candidate {
                Candidate::Chunk(chunk) => return Next::Send(chunk),
                Candidate::Ask(sizes) => return Next::Ask(path, sizes),
                Candidate::AskParts(sizes) => return Next::AskParts(path, sizes),
                Candidate::Blocked => {}
                Candidate::Reconcile => return Next::Reconcile,
                Candidate::RateTooLow => return Next::RateTooLow(path),
                Candidate::TooExpensive(error) => too_expensive = Some(error),
            }
        }
        let may_change =
            !self.chunks.is_empty() || self.awaits_status() || self.paths.iter().any(Path::is_searching);
        match too_expensive {
            Some(error) if !may_change && until == Duration::MAX => Next::Fail(error),
            _ => Next::AwaitReplies(until),
        }
    }

    /// Whether what is left is better sent over the other paths: near the end, by one of which answers are in doubt or
    /// which answers only when others could have brought all of it.
    fn leaves_it_to_others(&self, index: PathIndex, paths: &[PathIndex], now: Duration) -> bool {
        let path = self.path(index);
        let left = self.left_over(path);
        let others = || paths.iter().filter(|&&other| other != index).map(|&other| self.path(other));
        let few = left.units() / NEAR_THE_END <= path.largest_chunk().units();
        if path.cautious && few && others().any(|other| !other.cautious) {
            return true;
        }
        let Some(round_trip) = path.round_trip.smoothed() else { return false };
        let is_sooner = |other: &Path| other.brings_within(left, round_trip, now);
        self.config.path_policy != PathPolicy::Cheapest && others().any(is_sooner)
    }

    /// Whether all that was to be sent has been, for all that is known.
    pub(super) fn nothing_is_left(&self) -> bool {
        match self.config.target {
            Target::Source(amount) => self.left(amount).is_zero(),
            Target::Destination(amount) => self.missing(amount).is_zero(),
        }
    }

    /// Whether a chunk is among the last ones. Their answers tell what else has arrived, so that a lost one is not missed.
    pub(super) fn is_among_the_last(&self, chunk: &Chunk) -> bool {
        let (left, step) = match self.config.target {
            Target::Source(amount) => (self.left(amount).units(), chunk.amount.units()),
            Target::Destination(amount) => (self.missing(amount).units(), chunk.minimum.units()),
        };
        left / step.max(1) <= LAST
    }

    /// What has not been sent, or what it would cost over this path at least.
    pub(super) fn left_over(&self, path: &Path) -> SourceAmount {
        match self.config.target {
            Target::Source(amount) => self.left(amount),
            Target::Destination(amount) => path.rate.maybe_enough(self.missing(amount)),
        }
    }

    /// What of a fixed source amount has not been sent.
    fn left(&self, target: SourceAmount) -> SourceAmount {
        target.saturating_sub(self.account.committed().unwrap_or(SourceAmount::MAX))
    }

    /// What of a fixed destination amount is certainly not there yet and not on the way. What is in flight or in doubt
    /// counts with the most that it may deliver, so that many chunks in flight cannot deliver too much together.
    fn missing(&self, target: DestinationAmount) -> DestinationAmount {
        let Account { delivered, unverified, .. } = self.account;
        let counted = delivered.saturating_add(unverified);
        let outstanding = self.paths.iter().map(Path::outstanding);
        target.saturating_sub(outstanding.fold(counted, DestinationAmount::saturating_add))
    }

    /// The same where it is known what each chunk in flight delivers, of which a hop rounds away more than it would of all together.
    /// Too little would be missing, and what is left then no chunk could bring at the minimum rate.
    fn missing_exactly(&self, missing: DestinationAmount) -> DestinationAmount {
        let beyond = self.paths.iter().map(|path| path.outstanding().saturating_sub(path.load.most));
        beyond.fold(missing, DestinationAmount::saturating_add)
    }

    /// Spends exactly what is left.
    fn candidate_for_source(&self, index: PathIndex, left: SourceAmount) -> Candidate {
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

    /// Whether a chunk of `amount` may keep the minimum rate, and surely does where rounding takes much.
    fn is_sound(&self, path: &Path, amount: SourceAmount) -> bool {
        let arrived = &path.arrived;
        !arrived.is_doubtful(amount)
            || arrived.is_enough(amount, self.minimum_for(path, amount, false)) == Some(true)
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

    /// Delivers exactly what is missing, as far as the rate allows.
    fn candidate_for_destination(
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

    /// Where rounding takes much, a part is of a size of which it is known what arrives.
    fn known_part(&self, path: &Path, missing: DestinationAmount) -> Option<SourceAmount> {
        let minimum = |amount| self.minimum_for(path, amount, false);
        let part = |largest| path.arrived.known_part(missing, largest, minimum);
        part(path.largest_chunk()).or_else(|| part(path.largest_in_time()))
    }

    /// The chunk that completes a fixed-destination payment: the smallest that may deliver what is missing, which
    /// is its minimum. When it delivers less, the receiver rejects it, which costs nothing, and a larger one
    /// follows. So the amount is hit exactly whenever a source unit is worth at most one destination unit.
    fn completing_chunk(&self, index: PathIndex, missing: DestinationAmount) -> Candidate {
        let path = self.path(index);
        // With a plain receiver it is the last chunk, which is alone. And when it is not known exactly what those in flight
        // deliver, a few units would be left, of which rounding takes more than they are worth.
        let alone = self.chunks.is_empty();
        let exact = self.paths.iter().all(|path| path.load.uncertain.is_zero());
        let half = || self.half_beside_others(index, missing).map(Candidate::Chunk);
        if !(alone || exact && self.peer.knows_frames()) {
            return half().unwrap_or(Candidate::Blocked);
        }
        if !self.account.unverified.is_zero() && self.awaits_status() {
            // More may be missing than is known: the receiver says in a moment how much.
            return Candidate::Blocked;
        }
        if self.must_reconcile() {
            return Candidate::Reconcile;
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
        if falls_short <= ONE {
            return true;
        }
        let due = path.minimum_rate.worth_floor(path.passed.amount.saturating_add(amount));
        let brings = path.delivered.saturating_add(missing);
        falls_short <= self.slack(path) && due <= brings.saturating_add(self.given_away())
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

    /// The last chunk waits until nothing else is in flight, unless the receiver can be told what is; others wait for
    /// the controller.
    fn may_send(&self, path: &Path, amount: SourceAmount, last: bool) -> bool {
        let may_be_last = || match self.peer.knows_frames() {
            true => self.may_name_outstanding(),
            false => self.chunks.is_empty(),
        };
        path.allows(amount) && (!last || may_be_last())
    }

    /// The least that a chunk of `amount` has to deliver: amount x minimum rate, at least one unit.
    ///
    /// Rounded down, because honest paths round down: rounded up, a 1:1 minimum with zero slippage would refuse
    /// 3,699 units for 9,999 at a rate of 0.37. But what that gives away adds up, and of small chunks it is much: once it is
    /// more than `given_away` of all that went over the path, it is rounded up.
    fn minimum_for(&self, path: &Path, amount: SourceAmount, last: bool) -> DestinationAmount {
        if self.config.minimum_rate == MinimumRate::AnyRate {
            return DestinationAmount::ZERO;
        }
        let falls_short = path.falls_short_by(self.given_away());
        // Beside others, which may be refused, it may not be the last after all.
        let slack =
            if last && (!falls_short || self.chunks.is_empty()) { ONE } else { DestinationAmount::ZERO };
        let worth = match falls_short {
            true => path.minimum_rate.worth_ceil(amount),
            false => path.minimum_rate.worth_floor(amount),
        };
        worth.saturating_sub(slack).max(ONE)
    }

    /// So much may the rounding of minimums take of a payment: a unit, and a thousandth of it.
    pub(super) fn given_away(&self) -> DestinationAmount {
        let worth = match self.config.target {
            Target::Source(amount) => {
                let worth = self.paths.iter().map(|path| path.minimum_rate.worth_floor(amount));
                worth.max().unwrap_or_default()
            }
            Target::Destination(amount) => amount,
        };
        DestinationAmount::new(worth.units() / GIVEN_AWAY).saturating_add(ONE)
    }

    fn budget_left(&self) -> SourceAmount {
        let committed = self.account.committed().unwrap_or(SourceAmount::MAX);
        self.config.budget().saturating_sub(committed)
    }

    /// Whether nothing is left to send, to await or to ask.
    pub(super) fn is_done(&self) -> bool {
        self.nothing_is_left() && matches!(self.finished_when_answered(), Next::Finished)
    }

    fn finished_when_answered(&self) -> Next {
        if !self.chunks.is_empty() || self.awaits_status() || self.awaits_data() {
            Next::AwaitReplies(Duration::MAX)
        } else if self.must_reconcile() {
            Next::Reconcile
        } else {
            Next::Finished
        }
    }

    /// Whether somebody can still tell what is unverified.
    fn awaits_word(&self) -> bool {
        !self.chunks.is_empty() || self.awaits_status() || self.must_reconcile()
    }

    fn await_word(&self) -> Next {
        match self.chunks.is_empty() && self.must_reconcile() {
            true => Next::Reconcile,
            false => Next::AwaitReplies(Duration::MAX),
        }
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

/// At most `amount`, and as little as delivers the same, or, with more candidates, a little less with the least
/// fraction of a unit lost to rounding. So a payment costs no more than it was quoted. A size that is only being
/// tried stays as it is.
fn with_least_waste(path: &Path, amount: SourceAmount, candidates: u64) -> SourceAmount {
    let low = path.rate.low();
    let most = low.worth_floor(amount);
    let is_tried = amount > path.sizing.passed() && most >= FEW;
    if is_tried || most.is_zero() {
        return amount;
    }
    let candidate = |less| {
        let delivered = most.checked_sub(DestinationAmount::new(less))?;
        let cost = low.cost_ceil(delivered).filter(|cost| !cost.is_zero())?;
        Some((low.waste(cost, delivered), cost))
    };
    let best = (0..candidates).filter_map(candidate).min_by_key(|&(waste, _)| waste);
    best.map_or(amount, |(_, cost)| cost)
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
