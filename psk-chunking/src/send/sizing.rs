//! How large a chunk may be, and what is learned about that on the way.

use psk_codec::{AmountTooLarge, SourceAmount};
use psk_quote::{PathView, suggested_maximum};

/// The range of chunk sizes that the path takes, as far as is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizing {
    /// Chunks are at most so large, but for one trial.
    maximum: SourceAmount,
    /// Known not to pass; `None` while nothing is.
    refused: Option<SourceAmount>,
    /// It was refused for liquidity, which may change.
    refused_for_liquidity: bool,
    /// The largest chunk that was fulfilled or probed with success, below `refused`.
    passed: SourceAmount,
    /// R01 came at this size: chunks must be larger.
    too_small: SourceAmount,
    /// Fulfilled chunks of the maximum size since it changed.
    successes: u32,
    /// A larger chunk, of which one is sent to see whether it passes.
    trial: Option<Trial>,
    /// T04 in a row for a chunk that was alone in flight.
    alone_without_liquidity: u32,
    /// The maximum before it was lowered for liquidity, as long as nothing has passed since.
    before_drought: Option<SourceAmount>,
    /// Something passes again, and that maximum is not reached yet.
    revives: bool,
    /// F08 since a chunk was fulfilled.
    too_large: u32,
}

#[derive(Clone, Copy, Debug)]
struct Trial {
    size: SourceAmount,
    in_flight: bool,
    /// How often a hop had no room for it.
    busy: u32,
}

/// So many chunks of the maximum size pass before a larger one is tried.
const GROW_AFTER: u32 = 8;
/// So often is a trial made that finds no room.
const MOST_BUSY_TRIALS: u32 = 8;
/// F08 details are followed so often in a row, once for each of several hops with maximums of their own.
const MAX_BROKEN_HINTS: u32 = 4;

impl Sizing {
    /// Before the path has been searched.
    pub(super) fn unknown() -> Self {
        Self {
            maximum: SourceAmount::ZERO,
            refused: None,
            refused_for_liquidity: false,
            passed: SourceAmount::ZERO,
            too_small: SourceAmount::ZERO,
            successes: 0,
            trial: None,
            alone_without_liquidity: 0,
            before_drought: None,
            revives: false,
            too_large: 0,
        }
    }

    /// What the search has found, what F08 details promised, and what is too small.
    pub(super) fn new(view: &PathView, hinted: Option<SourceAmount>, too_small: SourceAmount) -> Self {
        let below_refused = |hint: &SourceAmount| view.refused.is_some_and(|refused| *hint < refused);
        Self {
            maximum: hinted.filter(below_refused).unwrap_or_default().max(view.passes),
            refused: view.refused,
            refused_for_liquidity: !view.refused_for_size,
            passed: view.passes,
            too_small: Some(too_small).filter(|size| *size < view.passes).unwrap_or_default(),
            ..Self::unknown()
        }
    }

    /// Takes what the search has found since.
    pub(super) fn widen(&mut self, view: &PathView) {
        let passes = view.passes;
        if passes > self.maximum && self.refused.is_none_or(|refused| refused > passes) {
            self.maximum = passes;
            self.passed = self.passed.max(passes);
            self.trial = None;
        }
        if let Some(refused) = view.refused
            && refused > self.maximum
            && self.refused.is_none_or(|known| refused < known)
        {
            (self.refused, self.refused_for_liquidity) = (Some(refused), !view.refused_for_size);
            self.trial = self.trial.filter(|trial| trial.size < refused);
        }
    }

    /// The largest chunk to send now, at least one unit.
    pub(super) fn maximum(&self) -> SourceAmount {
        let trial = self.trial.filter(|trial| !trial.in_flight).map(|trial| trial.size);
        trial.unwrap_or(self.maximum).max(self.minimum())
    }

    /// The largest size that is not known to be too large; the maximum if none is known to be.
    pub(super) fn not_refused(&self) -> SourceAmount {
        let below = self.refused.map(|refused| refused.saturating_sub(SourceAmount::new(1)));
        below.unwrap_or_default().max(self.maximum())
    }

    /// `amount`, or the maximum where that is less and known. A larger size that is to be tried is none.
    pub(super) fn at_most_maximum(&self, amount: SourceAmount) -> SourceAmount {
        if self.maximum.is_zero() { amount } else { amount.min(self.maximum) }
    }

    /// A question of so much was too large. What has passed is not doubted for it.
    pub(super) fn on_question_too_large(&mut self, amount: SourceAmount, details: Option<AmountTooLarge>) {
        if amount <= self.passed {
            return;
        }
        self.trial = self.trial.filter(|trial| trial.size < amount);
        if self.refused.is_none_or(|refused| amount < refused) {
            (self.refused, self.refused_for_liquidity) = (Some(amount), false);
        }
        if amount <= self.maximum {
            let suggested = details.and_then(|details| suggested_maximum(amount, details));
            self.maximum = suggested.unwrap_or_else(|| self.middle_below(amount)).max(self.passed);
        }
    }

    /// Whether this size was not refused for good.
    pub(super) fn may_pass(&self, amount: SourceAmount) -> bool {
        self.refused_for_liquidity || self.refused.is_none_or(|refused| amount < refused)
    }

    /// A size that has passed lately.
    pub(super) fn passed(&self) -> SourceAmount {
        self.passed.max(self.minimum())
    }

    /// The smallest chunk that is worth a try: half as much again as what was too small, one unit at least, and no
    /// more than what has passed.
    pub(super) fn minimum(&self) -> SourceAmount {
        let more = |units| self.too_small.saturating_add(SourceAmount::new(units));
        let half_more = more((self.too_small.units() / 2).max(1));
        half_more.min(self.passed.max(more(1)))
    }

    pub(super) fn on_sent(&mut self, amount: SourceAmount) {
        if let Some(trial) = &mut self.trial {
            trial.in_flight |= trial.size == amount;
        }
    }

    /// One was fulfilled, after a drought, or not long after another.
    pub(super) fn on_fulfilled(&mut self, amount: SourceAmount, after_drought: bool) {
        self.alone_without_liquidity = 0;
        self.too_large = 0;
        self.passed = self.passed.max(amount);
        if self.refused.is_some_and(|refused| refused <= amount) {
            self.refused = None;
        }
        self.revives |= after_drought;
        self.before_drought =
            self.before_drought.filter(|size| self.revives && *size > self.maximum.max(amount));
        self.revives = self.before_drought.is_some();
        if self.revives && self.trial.is_none() && self.successes == 0 {
            // Nothing has passed, of whatever size: perhaps the size was not the matter.
            self.successes = GROW_AFTER - 1;
        }
        if amount > self.maximum {
            self.maximum = amount;
            self.trial = None;
            // A trial that passed is soon followed by another.
            self.successes = GROW_AFTER - 1;
        }
        // Chunks are cut a little smaller where that delivers the same.
        let (units, maximum) = (amount.units(), self.maximum.units());
        if units < maximum - maximum / 16 {
            return;
        }
        self.successes += 1;
        if self.successes >= GROW_AFTER && self.trial.is_none() {
            self.successes = 0;
            self.try_larger();
        }
    }

    /// Tries half of what is left below a size that was refused, or twice as much. One chunk of it costs one
    /// rejection at most.
    fn try_larger(&mut self) {
        let units = self.maximum.units();
        let larger = match self.refused.map(SourceAmount::units) {
            _ if self.before_drought.is_some() => {
                // As large as before, and half of that when it does not pass yet.
                let size = self.before_drought.map_or(0, SourceAmount::units);
                self.before_drought = Some(SourceAmount::new(size / 2)).filter(|half| half.units() > units);
                size
            }
            Some(refused) => units + refused.saturating_sub(units) / 2,
            None => units.saturating_mul(2),
        };
        if larger <= units && self.refused_for_liquidity {
            // Liquidity comes and goes: what was refused may pass by now.
            self.refused = None;
        }
        if larger > units {
            self.trial = Some(Trial { size: SourceAmount::new(larger), in_flight: false, busy: 0 });
        }
    }

    /// F08: never above what was sent, only ever lower. Details that lead nowhere are soon left alone: they could
    /// lower the amount by one unit at a time.
    pub(super) fn on_too_large(&mut self, amount: SourceAmount, details: Option<AmountTooLarge>) {
        self.refuse(amount, false);
        self.too_large += 1;
        let details = details.filter(|_| self.too_large <= MAX_BROKEN_HINTS);
        let suggested = details.and_then(|details| suggested_maximum(amount, details));
        let lower = suggested.unwrap_or_else(|| self.middle_below(amount));
        self.maximum = self.maximum.min(lower);
    }

    /// T04 for a chunk that was alone in flight: its own size is the matter. Believed when it comes again and again;
    /// then smaller chunks are tried, and growth finds back. Whether it did.
    pub(super) fn on_no_liquidity_alone(&mut self, amount: SourceAmount) -> bool {
        if amount > self.maximum {
            self.refuse(amount, true);
            return false;
        }
        self.alone_without_liquidity += 1;
        // A size that has passed is doubted later: what comes and goes is not a matter of size.
        let believed_after = if amount <= self.passed { 4 } else { 2 };
        let believed = self.alone_without_liquidity >= believed_after;
        if believed {
            self.alone_without_liquidity = 0;
            self.before_drought.get_or_insert(self.maximum);
            self.refuse(amount, true);
            self.maximum = self.maximum.min(self.middle_below(amount));
        }
        believed
    }

    /// T04 for a question of so much that was alone. Of what has passed it says nothing: it will again.
    pub(super) fn on_question_without_liquidity(&mut self, amount: SourceAmount) {
        if amount > self.passed {
            self.on_no_liquidity_alone(amount);
        }
    }

    /// T04 in company says nothing of the size, unless it was a larger one that was tried.
    pub(super) fn on_no_liquidity(&mut self, amount: SourceAmount) {
        if amount > self.passed {
            self.refuse(amount, true);
        }
    }

    /// R01: chunks must be larger. Not than what has passed, though: who says so errs or lies, and what is larger may
    /// not pass.
    pub(super) fn on_too_small(&mut self, amount: SourceAmount) {
        if amount < self.passed {
            self.too_small = self.too_small.max(amount);
        }
    }

    /// So much was passed on: a hop that has called it too small has contradicted itself, and is not believed.
    pub(super) fn on_not_too_small(&mut self, amount: SourceAmount) {
        if amount <= self.too_small {
            self.too_small = SourceAmount::ZERO;
        }
    }

    /// A hop had no room for another packet, whatever its size: a trial is made again, unless that goes on and on.
    pub(super) fn on_busy(&mut self, amount: SourceAmount) {
        let Some(trial) = self.trial.as_mut().filter(|trial| trial.size == amount) else { return };
        (trial.in_flight, trial.busy) = (false, trial.busy + 1);
        self.trial = self.trial.filter(|trial| trial.busy < MOST_BUSY_TRIALS);
    }

    /// Rejected for another reason, or in doubt: a trial is over.
    pub(super) fn on_lost(&mut self, amount: SourceAmount) {
        self.trial = self.trial.filter(|trial| trial.size != amount);
    }

    fn refuse(&mut self, amount: SourceAmount, for_liquidity: bool) {
        self.successes = 0;
        self.trial = self.trial.filter(|trial| trial.size < amount);
        if self.refused.is_none_or(|refused| amount <= refused) {
            self.refused = Some(amount);
            self.refused_for_liquidity = for_liquidity;
        }
        if self.passed >= amount {
            self.passed = SourceAmount::new(amount.units() / 2);
        }
    }

    fn middle_below(&self, amount: SourceAmount) -> SourceAmount {
        let (passed, amount) = (self.passed.units(), amount.units());
        SourceAmount::new((passed + amount.saturating_sub(passed) / 2).min(amount.saturating_sub(1)))
    }
}
