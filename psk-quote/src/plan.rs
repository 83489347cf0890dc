//! How an amount is cut into chunks.

use psk_codec::SourceAmount;

/// An amount cut into chunks: full ones first, then at most two smaller ones.
///
/// No dust is left for the end: what remains after the full chunks is joined with the last of them and halved when
/// it is less than half a chunk, because a tiny chunk may round to nothing on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkPlan {
    /// How many chunks of [`ChunkPlan::full_chunk`] there are.
    pub full_chunks: u64,
    /// The size of a full chunk.
    pub full_chunk: SourceAmount,
    /// The chunks after the full ones, zero for none.
    pub tail: [SourceAmount; 2],
}

impl ChunkPlan {
    /// Cuts `amount` into chunks of at most `maximum`, which is taken as 1 if it is zero.
    pub fn new(amount: SourceAmount, maximum: SourceAmount) -> Self {
        let (amount, maximum) = (amount.units(), maximum.units().max(1));
        let (full, rest) = (amount / maximum, amount % maximum);
        let plan = |full_chunks, first: u64, second: u64| Self {
            full_chunks,
            full_chunk: SourceAmount::new(maximum),
            tail: [SourceAmount::new(first), SourceAmount::new(second)],
        };
        if full == 0 || rest == 0 || rest >= maximum.div_ceil(2) {
            return plan(full, rest, 0);
        }
        // rest is less than half of maximum, so the sum is less than 1.5 times a 64 bit number: halved apart.
        let half = maximum / 2 + rest / 2;
        let odd = maximum % 2 + rest % 2;
        plan(full - 1, half + odd.div_ceil(2), half + odd / 2)
    }

    /// The plan for `amount` of which no chunk is smaller than `smallest` nor larger than `maximum`; `Err` with the next
    /// amount for which there is one, zero if there is none below 2^64.
    ///
    /// Full chunks, if that does; else as few as possible of about one size.
    pub(crate) fn without_dust(
        amount: SourceAmount,
        smallest: SourceAmount,
        maximum: SourceAmount,
    ) -> Result<Self, SourceAmount> {
        let full = Self::new(amount, amount.min(maximum));
        if full.is_within(smallest, maximum) {
            return Ok(full);
        }
        let chunks = amount.units().div_ceil(maximum.units().max(1)).max(1);
        let (floor, ceil) = (amount.units() / chunks, amount.units().div_ceil(chunks));
        let of = |size: u64| {
            let rest = amount.units().checked_sub(size * (chunks - 1))?;
            let (full_chunk, last) = (SourceAmount::new(size), SourceAmount::new(rest));
            let plan = Self { full_chunks: chunks - 1, full_chunk, tail: [last, SourceAmount::ZERO] };
            (plan.chunks() == chunks && plan.is_within(smallest, maximum)).then_some(plan)
        };
        let next = || chunks.checked_mul(ceil.max(smallest.units())).unwrap_or(0);
        of(ceil).or_else(|| of(floor)).ok_or_else(|| SourceAmount::new(next()))
    }

    fn is_within(&self, smallest: SourceAmount, largest: SourceAmount) -> bool {
        let full = (self.full_chunks > 0).then_some(self.full_chunk);
        let mut chunks = full.into_iter().chain(self.tail).filter(|chunk| !chunk.is_zero());
        chunks.all(|chunk| smallest <= chunk && chunk <= largest)
    }

    /// The first chunk of the plan; zero for an amount of zero.
    pub fn first(&self) -> SourceAmount {
        if self.full_chunks > 0 { self.full_chunk } else { self.tail[0] }
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> u64 {
        self.full_chunks + self.tail.iter().filter(|chunk| !chunk.is_zero()).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_plan_adds_up_and_leaves_no_dust(amount: u64, maximum in 1..u64::MAX) {
            let plan = ChunkPlan::new(SourceAmount::new(amount), SourceAmount::new(maximum));
            let tail: u128 = plan.tail.iter().map(|chunk| u128::from(chunk.units())).sum();
            let full = u128::from(plan.full_chunks) * u128::from(maximum);
            prop_assert_eq!(full + tail, u128::from(amount));
            for chunk in plan.tail {
                prop_assert!(chunk.units() <= maximum);
                prop_assert!(amount < maximum || chunk.is_zero() || chunk.units() >= maximum / 2);
            }
        }

        #[test]
        fn a_plan_without_dust_has_none(amount in 1..3_000u64, smallest in 1..60u64, more in 0..60u64) {
            let maximum = smallest + more;
            let units = SourceAmount::new;
            let plan = |amount| ChunkPlan::without_dust(units(amount), units(smallest), units(maximum));
            let check = |amount, plan: ChunkPlan| {
                assert!(plan.is_within(units(smallest), units(maximum)), "{plan:?}");
                let tail = plan.tail[0].units() + plan.tail[1].units();
                assert_eq!(plan.full_chunks * plan.full_chunk.units() + tail, amount);
            };
            match plan(amount) {
                Ok(plan) => check(amount, plan),
                Err(next) => {
                    prop_assert!(amount < next.units());
                    check(next.units(), plan(next.units()).unwrap());
                    // One packet: nothing below it works.
                    prop_assert!(amount > maximum || next.units() == smallest);
                }
            }
        }

        #[test]
        fn sending_chunk_by_chunk_follows_the_plan(amount in 1..100_000u64, maximum in 1..10_000u64) {
            let plan = ChunkPlan::new(SourceAmount::new(amount), SourceAmount::new(maximum));
            let (mut left, mut chunks) = (amount, 0);
            while left > 0 {
                left -= ChunkPlan::new(SourceAmount::new(left), plan.full_chunk).first().units();
                chunks += 1;
            }
            prop_assert_eq!(chunks, plan.chunks());
        }
    }
}
