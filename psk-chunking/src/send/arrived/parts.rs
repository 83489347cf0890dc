//! Parts of which it is known that they keep the minimum rate, where a hop counts in such large units that most packets
//! lose much of one.

use psk_codec::{DestinationAmount, SourceAmount};

use super::{Arrived, SEVERAL};

/// Parts of a fixed source amount that all keep the minimum rate.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::send) enum Parts {
    /// The next part.
    Of(SourceAmount),
    /// Ask first what arrives of these.
    Ask(Vec<SourceAmount>),
    /// Answers are under way.
    Asked,
    /// It cannot be known.
    Unknown,
    /// There are none.
    None,
}

/// Of a packet of so many units of a hop less than the slippage is lost, also where its unit is a few times what is known to
/// be too small.
const MANY: u64 = 256;
/// So many numbers of parts are looked at,
const MOST_PARTS: usize = 1_000;
/// so many of which are asked for at once,
const MOST_QUESTIONS: usize = 8;
/// and so often.
const MAX_PART_ROUNDS: u32 = 16;
/// So few of our units are not worth more to a hop than a few of its own.
const FEW_UNITS: SourceAmount = SourceAmount::new(8);
/// Packets are of about the same size when they differ by one part in so many.
const ALIKE: u64 = 8;
/// When hops refused some that are larger than any that has arrived so often, they are too large.
const MAX_REFUSED_LARGER: u32 = 12;

impl Arrived {
    /// A chunk has delivered too little, which fits all that is known.
    pub(in crate::send) fn fell_short(&mut self) {
        self.falls_short = true;
    }

    /// Whether it has to be known first what a packet of `amount` delivers: a hop counts in such large units that rounding
    /// may take a good part of it, for what that hop calls too small would be worth several units here.
    pub(in crate::send) fn is_doubtful(&self, amount: SourceAmount) -> bool {
        let has_few = self.is_coarse() && amount.units() / MANY < self.too_small.units();
        self.falls_short || has_few || amount <= self.too_small
    }

    /// Whether that hop counts in units of about ours, so that it is known to a few of them what packets lose.
    pub(in crate::send) fn loses_our_units(&self, amount: SourceAmount) -> bool {
        self.is_doubtful(amount) && self.too_small <= FEW_UNITS
    }

    pub(super) fn is_coarse(&self) -> bool {
        self.rate().low().worth_floor(self.too_small) >= SEVERAL
    }

    /// Whether a packet of `amount` delivers so much; `None` when that is not known.
    pub(in crate::send) fn is_enough(&self, amount: SourceAmount, least: DestinationAmount) -> Option<bool> {
        if amount <= self.too_small || self.at_most(amount) < least {
            return Some(false);
        }
        (self.bounds.at_least(amount) >= least).then_some(true)
    }

    /// How to cut `amount` into equal parts of at most `largest`, each of which delivers its `minimum`.
    pub(in crate::send) fn equal_parts(
        &self,
        amount: SourceAmount,
        largest: SourceAmount,
        minimum: impl Fn(SourceAmount) -> DestinationAmount,
    ) -> Parts {
        let (units, fewest) = (amount.units(), amount.units().div_ceil(largest.units().max(1)).max(1));
        let mut unknown = Vec::new();
        for parts in (fewest..=units).take(MOST_PARTS) {
            let (low, high) = (SourceAmount::new(units / parts), SourceAmount::new(units.div_ceil(parts)));
            if low <= self.too_small {
                break;
            }
            match (self.is_enough(low, minimum(low)), self.is_enough(high, minimum(high))) {
                (Some(true), Some(true)) => return Parts::Of(high),
                (Some(false), _) | (_, Some(false)) => {}
                _ => unknown.extend([low, high]),
            }
            if unknown.len() > MOST_QUESTIONS {
                break;
            }
        }
        unknown.dedup();
        self.ask_for(unknown, MAX_PART_ROUNDS)
    }

    /// Whether a packet of about `amount` is known to deliver its `minimum`, so that others of that size are likely to.
    pub(in crate::send) fn knows_part_like(
        &self,
        amount: SourceAmount,
        minimum: impl Fn(SourceAmount) -> DestinationAmount,
    ) -> bool {
        let about = SourceAmount::new(amount.units() / ALIKE);
        let (least, most) = (amount.saturating_sub(about), amount.saturating_add(about));
        self.known_part(DestinationAmount::MAX, most, minimum).is_some_and(|size| size >= least)
    }

    /// Of these sizes it is not known what they deliver. It is asked for, unless that has been done in so many rounds.
    pub(in crate::send) fn ask_for(&self, unknown: Vec<SourceAmount>, most_rounds: u32) -> Parts {
        if self.effort.asked > 0 || !self.questions.is_empty() {
            return Parts::Asked;
        }
        let is_refused = self.effort.refused_larger >= MAX_REFUSED_LARGER
            && unknown.iter().all(|size| *size > self.largest());
        let ask = self.effort.part_rounds < most_rounds && !is_refused && self.may_ask();
        match unknown.is_empty() {
            true => Parts::None,
            false if !ask => Parts::Unknown,
            false if self.effort.one_at_a_time > 0 => Parts::Ask(unknown.into_iter().take(1).collect()),
            false => Parts::Ask(unknown),
        }
    }

    /// Of packets of at most `largest` that are known to deliver their `minimum` and no more than `missing`: the one that
    /// delivers most.
    pub(in crate::send) fn known_part(
        &self,
        missing: DestinationAmount,
        largest: SourceAmount,
        minimum: impl Fn(SourceAmount) -> DestinationAmount,
    ) -> Option<SourceAmount> {
        let fits = |(size, delivered): &(SourceAmount, DestinationAmount)| {
            *size <= largest && *delivered <= missing && *delivered >= minimum(*size)
        };
        // Of those that deliver the same the smallest.
        let best = self.bounds.packets().filter(fits).rev().max_by_key(|(_, delivered)| *delivered);
        best.map(|(size, _)| size)
    }

    /// These parts are to be asked for.
    pub(in crate::send) fn ask_parts(&mut self, sizes: Vec<SourceAmount>) {
        self.effort.part_rounds += 1;
        self.effort.all_rounds += 1;
        self.effort.lost = false;
        self.asked_both = None;
        self.questions = sizes.into();
    }
}
