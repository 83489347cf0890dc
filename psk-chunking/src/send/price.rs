//! The least that every path of a payment has to deliver. It counts from the best of them, whichever is there at a moment: a
//! path that is found first, or that is alone for a while, does not set a price of its own.

use std::time::Duration;

use psk_quote::Rate;

use super::path::{Path, PathIndex};
use super::{MinimumRate, PathPolicy, SendError, SendPayment};

/// So long after its start a payment over several paths waits for the first answer of each: it may be the best one. Longer
/// round trips are few, and a path that does not answer should not cost much time.
const AWAITS_RATES: Duration = Duration::from_secs(1);

impl SendPayment {
    /// Until when no chunks leave because a path may be better than those that are known already, if there is one.
    pub(super) fn awaits_rates_until(&self, now: Duration) -> Option<Duration> {
        if self.paths.len() == 1 || self.from_quote || self.config.path_policy == PathPolicy::Fastest {
            return None;
        }
        let until = self.started.saturating_add(AWAITS_RATES);
        let may_be_better = |path: &Path| path.is_searching() && path.search.arrivals().is_empty();
        (now < until && self.paths.iter().any(may_be_better)).then_some(until)
    }

    /// What one path promises holds for all of them.
    pub(super) fn set_minimum_rates(&mut self) {
        if self.paths.len() == 1 {
            return;
        }
        let least = self.least_rate();
        for path in &mut self.paths {
            path.set_minimum_rate(least);
        }
    }

    /// The worst rate at which a payment goes on, whatever the path: below the best one by what the policy allows, and by what
    /// a rate may slip. Zero where the caller has said what it takes, or wants all paths.
    fn least_rate(&self) -> Rate {
        let (MinimumRate::Slippage(slippage) | MinimumRate::Both(_, slippage)) = self.config.minimum_rate
        else {
            return Rate::ZERO;
        };
        let dearer = match self.config.path_policy {
            PathPolicy::Cheapest => 0,
            PathPolicy::Weighed(ppm) => ppm,
            PathPolicy::Fastest => return Rate::ZERO,
        };
        let promised = self.path_indices().filter_map(|index| self.believed_promise(index));
        let best = promised.max().unwrap_or(Rate::ZERO);
        best.less_ppm(dearer).less_ppm(slippage)
    }

    /// At which rate a path was found, if it has shown by what it delivered that it means that, or may still do so. One that
    /// delivers less, or has delivered nothing and answers no more, may have promised anything.
    fn believed_promise(&self, index: PathIndex) -> Option<Rate> {
        let path = self.path(index);
        if path.is_searching() {
            return path.search.view().map(|view| view.rate.low());
        }
        let works = path.is_open() && !path.round_trip.is_silent();
        let is_agreed = self.from_quote && index == super::quoted::QUOTED;
        let is_believed = !path.awaits_rate && (works || is_agreed || path.passed.packets > 0);
        is_believed.then_some(path.promised)
    }
}

impl Path {
    /// Chunks deliver its own minimum, and not less than `least`.
    fn set_minimum_rate(&mut self, least: Rate) {
        let minimum = self.own_minimum_rate.max(least);
        if minimum != self.minimum_rate {
            self.hold_to(minimum);
        }
        if self.is_too_dear() {
            self.trouble.get_or_insert(SendError::RateTooLow);
        }
    }

    /// Whether others are so much better that the payment would rather wait than use it.
    pub(super) fn is_too_dear(&self) -> bool {
        self.minimum_rate > self.own_minimum_rate && self.rate.high() <= self.minimum_rate
    }
}
