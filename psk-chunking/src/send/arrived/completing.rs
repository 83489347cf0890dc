//! Which packet completes a fixed-destination payment.

use psk_codec::{DestinationAmount, SourceAmount};

use super::{Arrived, ONE};

/// The chunk that completes a fixed-destination payment.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::send) enum Completing {
    /// This size delivers just what is missing, or as little more as the rate allows.
    Known(SourceAmount),
    /// Ask first what arrives of these.
    Ask(Vec<SourceAmount>),
    /// Answers are under way.
    Asked,
    /// It cannot be known: no packet of less than this delivers so much.
    Unknown(SourceAmount),
    /// The smallest packet that delivers so much is this one, and it delivers so much instead: by more than a source unit
    /// is worth beyond what is missing.
    Beyond(SourceAmount, DestinationAmount),
}

/// It is enough to know the smallest packet of so many units to one part in so many.
const CLOSE: u64 = 128;
/// Sizes that are asked for at once, on each side of the likeliest one.
const EACH_SIDE: u64 = 4;
/// So many rounds ask for sizes about the likeliest one.
const NEAR_ROUNDS: u32 = 4;

impl Arrived {
    /// Which packet of at most `largest` delivers `missing`, and costs at most `dearest`. Where a hop counts in large units,
    /// about the smallest that is enough will do, if it delivers no more than `spare` beyond it.
    pub(in crate::send) fn completing(
        &self,
        missing: DestinationAmount,
        largest: SourceAmount,
        spare: DestinationAmount,
        dearest: SourceAmount,
    ) -> Completing {
        if let Some(known) = self.known_to_complete(missing).filter(|known| *known <= dearest) {
            return Completing::Known(known);
        }
        if self.effort.asked > 0 || !self.questions.is_empty() {
            return Completing::Asked;
        }
        if self.is_coarse() && self.too_small > self.surely_too_small && self.may_ask() {
            // Nobody vouches for it, and it may have been so only then.
            return Completing::Ask(vec![self.too_small]);
        }
        let too_little = self.too_little_for(missing).unwrap_or_default();
        let more = too_little.saturating_add(SourceAmount::new(1));
        let at_least = self.maybe_enough_up_to(missing, largest).max(more);
        if let Some((enough, delivers)) = self.little_beyond(missing, largest, spare, too_little)
            && (enough.saturating_sub(too_little).units() <= enough.units() / CLOSE || !self.may_ask())
        {
            return Completing::Beyond(enough, delivers);
        }
        if at_least > largest {
            return Completing::Unknown(at_least);
        }
        if self.bounds.at_least(at_least).saturating_sub(missing) >= self.worth() {
            // More than a source unit is worth would be given away: a hop takes nothing smaller. Unless what was learned does
            // not hold any more: then the answer says so.
            let one_less = at_least.saturating_sub(SourceAmount::new(1));
            let both = [one_less, at_least];
            // Both at once: what arrived at different times may have been at different rates.
            return match self.asked_both == Some(at_least) || !self.may_ask() {
                true => Completing::Beyond(at_least, self.bounds.at_least(at_least)),
                false => Completing::Ask(both.into_iter().filter(|size| !size.is_zero()).collect()),
            };
        }
        let mut sizes = self.sizes_to_ask(missing, largest);
        if self.effort.one_at_a_time > 0 && sizes.len() > 1 {
            // There was no room for all of them.
            sizes = vec![sizes[sizes.len() / 2]];
        }
        match self.may_ask() && !sizes.is_empty() {
            true => Completing::Ask(sizes),
            false => Completing::Unknown(at_least),
        }
    }

    /// The smallest packet that is known to deliver as much as is missing, when it delivers no more than `spare` beyond it and
    /// less than one unit more of the hop that counts in large units would: because it is less than what arrives of one unit,
    /// or because so little was added to what is `too_little`.
    fn little_beyond(
        &self,
        missing: DestinationAmount,
        largest: SourceAmount,
        spare: DestinationAmount,
        too_little: SourceAmount,
    ) -> Option<(SourceAmount, DestinationAmount)> {
        if !self.is_coarse() || self.too_small > self.surely_too_small {
            return None;
        }
        // The smallest packet that arrives is of one unit if it is less than twice as large as one that is too small.
        let smallest =
            self.bounds.smallest_delivering().filter(|size| size.units() / 2 < self.too_small.units());
        let unit = smallest.map_or(DestinationAmount::ZERO, |size| self.bounds.at_least(size));
        let enough = self.bounds.packets().find(|(_, delivered)| *delivered >= missing);
        enough.filter(|(size, delivered)| {
            let beyond = delivered.saturating_sub(missing);
            let is_next = size.saturating_sub(too_little).units() <= self.too_small.units() / 2;
            *size <= largest && beyond <= spare && (beyond < unit || is_next)
        })
    }

    /// Whether a packet is known that delivers so much.
    pub(in crate::send) fn knows_enough(&self, missing: DestinationAmount) -> bool {
        self.enough_for(missing).is_some()
    }

    /// What one source unit is worth, rounded up.
    fn worth(&self) -> DestinationAmount {
        self.rate().low().worth_ceil(SourceAmount::new(1)).max(ONE)
    }

    fn known_to_complete(&self, missing: DestinationAmount) -> Option<SourceAmount> {
        let likely = self.rate().maybe_enough(missing);
        if self.bounds.at_least(likely) == missing && self.bounds.at_most(likely) == missing {
            // Of a hop's large unit the same may be known to arrive of less.
            let known = self.bounds.packets().find(|(_, delivered)| *delivered == missing);
            return Some(known.map_or(likely, |(size, _)| size.min(likely)));
        }
        // More is never less: the first that suffices is the smallest.
        let (&enough, &delivered) = self.seen.iter().find(|(_, delivered)| **delivered >= missing)?;
        let one_less = enough.saturating_sub(SourceAmount::new(1));
        let is_smallest = self.bounds.at_most(one_less) < missing;
        let is_less = delivered.saturating_sub(missing) < self.worth();
        (delivered == missing || (is_smallest && is_less)).then_some(enough)
    }

    /// Around the likeliest size, each about one unit's worth from the next; between what is too little and what is
    /// too much, once that is known.
    fn sizes_to_ask(&self, missing: DestinationAmount, largest: SourceAmount) -> Vec<SourceAmount> {
        let rate = self.rate();
        let Some(likely) = rate.surely_enough(missing) else { return Vec::new() };
        let too_little = self.too_little_for(missing);
        let is_near = self.effort.rounds < NEAR_ROUNDS;
        // About the likeliest size it is asked for what is known by chance too: it may be the smallest.
        let too_much =
            if is_near && !self.is_coarse() { self.seen_enough(missing) } else { self.enough_for(missing) };
        let is_bounded = too_much.is_some();
        let too_much = too_much.filter(|size| *size <= largest);
        let floor = too_little.map_or(0, SourceAmount::units);
        let ceiling = too_much.map_or(largest.units().saturating_add(1), SourceAmount::units);
        let unit = rate.low().cost_floor(ONE).units().max(1);
        let side = unit.saturating_mul(EACH_SIDE);
        let between = ceiling.saturating_sub(floor);
        let (first, step) = if too_little.is_some() && between / 2 <= side {
            let step = (between / (2 * EACH_SIDE + 1)).clamp(1, unit);
            (floor.saturating_add(step), step)
        } else {
            let around = likely.units().saturating_sub(side);
            let below = ceiling.saturating_sub(side.saturating_mul(2));
            let first = if too_much.is_some() { around.min(below) } else { around };
            (first.max(floor.saturating_add(unit)), unit)
        };
        // A hop that counts in large units delivers the same of many sizes: what is not near is further away each time, or
        // somewhere between.
        let further = unit.saturating_mul(1 << (4 * self.effort.rounds.saturating_sub(NEAR_ROUNDS)).min(40));
        let (first, step) = if is_near {
            (first, step)
        } else if is_bounded || further >= between {
            let step = (between / (2 * EACH_SIDE + 2)).max(1);
            (floor.saturating_add(step), step)
        } else {
            (first, further)
        };
        let sizes = (0..=2 * EACH_SIDE).map(|place| first.saturating_add(place.saturating_mul(step)));
        let mut sizes: Vec<u64> = sizes.filter(|&size| floor < size && size < ceiling && size > 0).collect();
        sizes.dedup();
        sizes.into_iter().map(SourceAmount::new).collect()
    }

    /// The largest size that is known to deliver less.
    fn too_little_for(&self, missing: DestinationAmount) -> Option<SourceAmount> {
        let seen = self.seen.iter().rev().find(|(_, delivered)| **delivered < missing).map(|(&size, _)| size);
        let too_small = Some(self.surely_too_small).filter(|size| !size.is_zero());
        seen.into_iter().chain(too_small).max()
    }

    /// The smallest size that is known to deliver as much.
    fn enough_for(&self, missing: DestinationAmount) -> Option<SourceAmount> {
        let learned =
            self.bounds.packets().find(|(_, delivered)| *delivered >= missing).map(|(size, _)| size);
        self.seen_enough(missing).into_iter().chain(learned).min()
    }

    /// The same of those that were asked for.
    fn seen_enough(&self, missing: DestinationAmount) -> Option<SourceAmount> {
        self.seen.iter().find(|(_, delivered)| **delivered >= missing).map(|(&size, _)| size)
    }
}
