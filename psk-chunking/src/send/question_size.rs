//! How large questions over a path are, by what hops have said of those before.

use std::time::Duration;

use psk_codec::SourceAmount;

/// What hops have said of the sizes of questions. Nobody vouches for it: who contradicts himself is not believed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuestionSize {
    /// Questions are of so much,
    amount: SourceAmount,
    /// and have been since then.
    since: Duration,
    /// R01 came at this size.
    too_small: SourceAmount,
    /// F08 came at this size.
    too_large: Option<SourceAmount>,
}

/// After R01 the next question is so many times as large.
const LARGER: u64 = 8;

impl QuestionSize {
    pub(super) fn on_sent(&mut self, amount: SourceAmount, now: Duration) {
        if amount != self.amount {
            (self.amount, self.since) = (amount, now);
        }
    }

    /// The size of a question that left at `sent_at`, if those since were of the same: others say nothing new.
    pub(super) fn of_question(&self, sent_at: Duration) -> Option<SourceAmount> {
        (sent_at >= self.since && !self.amount.is_zero()).then_some(self.amount)
    }

    /// R01.
    pub(super) fn on_too_small(&mut self, amount: SourceAmount) {
        self.too_small = self.too_small.max(amount);
        if self.leaves_nothing() {
            self.too_large = None;
        }
    }

    /// F08.
    pub(super) fn on_too_large(&mut self, amount: SourceAmount) {
        self.too_large = Some(self.too_large.map_or(amount, |too_large| too_large.min(amount)));
        if self.leaves_nothing() {
            self.too_small = SourceAmount::ZERO;
        }
    }

    /// All hops have passed on so much.
    pub(super) fn on_passed(&mut self, amount: SourceAmount) {
        if amount <= self.too_small {
            self.too_small = SourceAmount::ZERO;
        }
        self.too_large = self.too_large.filter(|too_large| amount < *too_large);
    }

    /// Whether no size is between what is too small and what is too large.
    fn leaves_nothing(&self) -> bool {
        let next = self.too_small.saturating_add(SourceAmount::new(1));
        self.too_large.is_some_and(|too_large| too_large <= next)
    }

    /// Questions are of so much at least, unless that is too large.
    pub(super) fn floor(&self) -> SourceAmount {
        SourceAmount::new(self.too_small.units().saturating_mul(LARGER))
    }

    /// `amount`, or more where that is too small; between the two when it is too large.
    pub(super) fn fit(&self, amount: SourceAmount) -> SourceAmount {
        let wanted = amount.max(self.floor());
        match self.too_large.filter(|too_large| wanted >= *too_large) {
            Some(too_large) => {
                let half = too_large.saturating_sub(self.too_small).units() / 2;
                self.too_small.saturating_add(SourceAmount::new(half.max(1)))
            }
            None => wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn units(units: u64) -> SourceAmount {
        SourceAmount::new(units)
    }

    #[test]
    fn a_size_is_found_between_what_is_too_small_and_what_is_too_large() {
        let mut size = QuestionSize::default();
        size.on_too_small(units(50));
        assert_eq!(size.fit(units(10)), units(400));
        size.on_too_large(units(400));
        assert_eq!(size.fit(units(10)), units(225));
        size.on_too_large(units(225));
        assert_eq!(size.fit(units(10)), units(137));
        assert_eq!(size.fit(units(137)), units(137));
    }

    #[test]
    fn who_contradicts_himself_is_not_believed() {
        let mut size = QuestionSize::default();
        size.on_too_small(units(199));
        size.on_too_large(units(200));
        assert_eq!(size.fit(units(10)), units(10), "nothing is left between the two");
        size.on_too_small(units(10));
        assert_eq!(size.fit(units(10)), units(80));
        size.on_passed(units(10));
        assert_eq!(size.fit(units(10)), units(10), "it passes after all");
    }

    #[test]
    fn an_answer_to_a_question_of_another_size_says_nothing() {
        let mut size = QuestionSize::default();
        assert_eq!(size.of_question(Duration::ZERO), None, "none has left");
        size.on_sent(units(10), Duration::from_secs(1));
        size.on_sent(units(10), Duration::from_secs(2));
        assert_eq!(size.of_question(Duration::from_secs(1)), Some(units(10)));
        size.on_sent(units(80), Duration::from_secs(3));
        assert_eq!(size.of_question(Duration::from_secs(2)), None);
        assert_eq!(size.of_question(Duration::from_secs(3)), Some(units(80)));
    }
}
