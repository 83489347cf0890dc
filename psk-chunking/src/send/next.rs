//! Which chunk to send next.

use psk_codec::{DestinationAmount, SourceAmount};
use psk_quote::ChunkPlan;

use super::{Account, MinimumRate, SendError, SendPayment, Target};

const ONE: DestinationAmount = DestinationAmount::new(1);
/// So many sizes are looked at for a chunk among the last of a fixed-destination payment.
const TAIL_CANDIDATES: u64 = 32;

/// What to send next.
#[derive(Debug)]
pub(super) enum NextChunk {
    /// A chunk.
    Send {
        amount: SourceAmount,
        minimum: DestinationAmount,
        /// Goes out as the payment's last one.
        last: bool,
        /// Completes a fixed-destination payment: its minimum is all that is missing.
        completing: bool,
    },
    /// Nothing until answers come.
    AwaitReplies,
    /// Nothing until the receiver has been asked about packets in doubt.
    Reconcile,
    /// All is sent and answered.
    Finished,
    /// Nothing until the rate has recovered.
    RateTooLow,
    /// It cannot go on.
    Fail(SendError),
}

impl SendPayment {
    pub(super) fn next_chunk(&self) -> NextChunk {
        // Until the receiver has shown that it fulfills, one chunk has to do: a JS receiver asks its payment
        // handler once for each chunk that arrives before the handler has accepted. The same after a failure.
        if self.cautious && !self.chunks.is_empty() {
            return NextChunk::AwaitReplies;
        }
        match self.config.target {
            Target::Source(amount) => self.next_for_source(amount),
            Target::Destination(amount) => self.next_for_destination(amount),
        }
    }

    /// Spends exactly `target`.
    fn next_for_source(&self, target: SourceAmount) -> NextChunk {
        let committed = self.account.committed().unwrap_or(SourceAmount::MAX);
        let left = target.saturating_sub(committed);
        if left.is_zero() {
            return self.finished_when_answered();
        }
        let plan = ChunkPlan::new(left, self.sizing.maximum());
        let (amount, last) = (self.first_of(&plan, left), plan.chunks() == 1);
        if !self.may_send(amount, last) {
            return NextChunk::AwaitReplies;
        }
        if last && self.must_reconcile() {
            return NextChunk::Reconcile;
        }
        let minimum = self.minimum_for(amount, last);
        NextChunk::Send { amount, minimum, last, completing: false }
    }

    /// Delivers exactly `target`, as far as the rate allows. What is in flight or in doubt counts with the most
    /// that it may deliver, so that many chunks in flight cannot deliver too much together.
    fn next_for_destination(&self, target: DestinationAmount) -> NextChunk {
        let Account { delivered, unverified, in_flight, in_doubt, .. } = self.account;
        let unanswered = in_flight.saturating_add(in_doubt);
        // No chunk is fulfilled below its minimum, whatever the last word about the rate was.
        let least = self.minimum_rate.worth_floor(unanswered);
        let outstanding = self.rate.delivers_at_most(unanswered).max(least);
        let counted = delivered.saturating_add(unverified).saturating_add(outstanding);
        let missing = target.saturating_sub(counted);
        if missing.is_zero() {
            return self.finished_when_answered();
        }
        let plan = ChunkPlan::new(self.enough(missing), self.sizing.maximum());
        if plan.chunks() <= 1 {
            return self.completing_chunk(missing);
        }
        let amount = self.part_of(missing, plan.first());
        let candidates = if plan.full_chunks == 0 { TAIL_CANDIDATES } else { 1 };
        let amount = self.with_least_waste(amount, candidates);
        let budget_left = self.budget_left();
        if amount > budget_left {
            let needed = self.rate.maybe_enough(target);
            return self.after_replies(SendError::MaxSourceAmountTooLow { needed });
        }
        if amount.is_zero() || !self.may_send(amount, false) {
            return NextChunk::AwaitReplies;
        }
        let minimum = self.minimum_for(amount, false);
        NextChunk::Send { amount, minimum, last: false, completing: false }
    }

    /// The chunk that completes a fixed-destination payment: the smallest that may deliver what is missing, which
    /// is its minimum. When it delivers less, the receiver rejects it, which costs nothing, and a larger one
    /// follows. So the amount is hit exactly whenever a source unit is worth at most one destination unit.
    fn completing_chunk(&self, missing: DestinationAmount) -> NextChunk {
        if !self.chunks.is_empty() {
            return NextChunk::AwaitReplies;
        }
        if self.must_reconcile() {
            return NextChunk::Reconcile;
        }
        // Not raised to what R01 says is too small: what is beyond `missing` would be given away.
        let wanted = self.enough(missing).max(self.completing_floor);
        let (largest, budget_left) = (self.sizing.maximum(), self.budget_left());
        let most = largest.min(budget_left);
        // The step that would be right may be too large, and less do: anything above what has failed.
        let amount = if most > self.completing_failed { wanted.min(most) } else { wanted };
        if amount > budget_left || self.enough(missing) > budget_left {
            let needed = self.account.committed().unwrap_or_default().saturating_add(wanted);
            return NextChunk::Fail(SendError::MaxSourceAmountTooLow { needed });
        }
        if amount > largest {
            return self.part_before_completing(missing);
        }
        // One unit of slack on the completing chunk (ENGINE.md section 4).
        let one_less = amount.saturating_sub(SourceAmount::new(1));
        if self.minimum_rate.worth_floor(one_less) > missing.saturating_add(ONE) {
            return NextChunk::RateTooLow;
        }
        NextChunk::Send { amount, minimum: missing, last: true, completing: true }
    }

    /// When no single packet delivers what is missing after all: a packet for a part of it.
    fn part_before_completing(&self, missing: DestinationAmount) -> NextChunk {
        let amount = self.part_of(missing, self.sizing.maximum());
        if amount.is_zero() {
            return NextChunk::RateTooLow;
        }
        let minimum = self.minimum_for(amount, false);
        NextChunk::Send { amount, minimum, last: false, completing: false }
    }

    /// About `amount`, at least what delivers one unit for sure, and never so much that it could deliver more than
    /// `missing`.
    fn part_of(&self, missing: DestinationAmount, amount: SourceAmount) -> SourceAmount {
        let one_unit = self.rate.surely_enough(ONE).unwrap_or(SourceAmount::MAX);
        let highest = self.rate.high().max(self.minimum_rate);
        amount.max(one_unit).min(self.sizing.maximum()).min(highest.cost_floor(missing))
    }

    /// The first chunk of the plan. When the last ones would be too small to deliver anything for sure, all are of
    /// about the same size instead.
    fn first_of(&self, plan: &ChunkPlan, left: SourceAmount) -> SourceAmount {
        let smallest = plan.tail.into_iter().filter(|chunk| !chunk.is_zero()).min();
        let dust = smallest.is_some_and(|chunk| self.rate.delivers_at_least(chunk).is_zero());
        if dust { SourceAmount::new(left.units().div_ceil(plan.chunks().max(1))) } else { plan.first() }
    }

    /// At most `amount`, and as little as delivers the same, or, with more candidates, a little less with the least
    /// fraction of a unit lost to rounding. So a payment costs no more than it was quoted. A size that is only being
    /// tried stays as it is.
    fn with_least_waste(&self, amount: SourceAmount, candidates: u64) -> SourceAmount {
        let low = self.rate.low();
        let most = low.worth_floor(amount);
        if amount > self.sizing.passed() || most.is_zero() {
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

    /// The smallest amount that may deliver `missing`; never more than that costs at the minimum rate, for a chunk
    /// that is fulfilled at all has at least that rate.
    fn enough(&self, missing: DestinationAmount) -> SourceAmount {
        let at_worst = self.minimum_rate.cost_ceil(missing).unwrap_or(SourceAmount::MAX);
        self.rate.maybe_enough(missing).min(at_worst)
    }

    /// The last chunk waits until nothing else is in flight; others wait for the controller.
    fn may_send(&self, amount: SourceAmount, last: bool) -> bool {
        let packets = self.chunks.len();
        if last { packets == 0 } else { self.controller.allows(amount, self.account.in_flight, packets) }
    }

    /// The least that a chunk of `amount` has to deliver: floor(amount x minimum rate), at least one unit.
    ///
    /// Rounded down, because honest paths round down: rounded up, a 1:1 minimum with zero slippage would refuse
    /// 3,699 units for 9,999 at a rate of 0.37.
    fn minimum_for(&self, amount: SourceAmount, last: bool) -> DestinationAmount {
        if self.config.minimum_rate == MinimumRate::AnyRate {
            return DestinationAmount::ZERO;
        }
        let slack = if last { ONE } else { DestinationAmount::ZERO };
        self.minimum_rate.worth_floor(amount).saturating_sub(slack).max(ONE)
    }

    fn budget_left(&self) -> SourceAmount {
        let committed = self.account.committed().unwrap_or(SourceAmount::MAX);
        self.config.budget().saturating_sub(committed)
    }

    fn finished_when_answered(&self) -> NextChunk {
        if !self.chunks.is_empty() {
            NextChunk::AwaitReplies
        } else if self.must_reconcile() {
            NextChunk::Reconcile
        } else {
            NextChunk::Finished
        }
    }

    fn after_replies(&self, error: SendError) -> NextChunk {
        if self.chunks.is_empty() { NextChunk::Fail(error) } else { NextChunk::AwaitReplies }
    }
}
