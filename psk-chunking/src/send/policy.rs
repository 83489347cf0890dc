//! Which path the next chunk takes.

use std::time::Duration;

use psk_codec::{DestinationAmount, SourceAmount};

use super::SendPayment;
use super::path::{Path, PathIndex};

/// A packet that delivers so many of the path's units shows its rate to a hundredth of a percent.
const SHOWS_THE_RATE_WELL: u64 = 10_000;

/// How a payment over several paths weighs cost against speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sim", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "sim", serde(rename_all = "snake_case"))]
pub enum PathPolicy {
    /// Only the path with the best rate, and others as good. Until all paths have shown their rates, or a second has passed,
    /// chunks wait; here and with `Weighed`.
    Cheapest,
    /// All paths whatever they cost, the one with the shortest round trip first.
    Fastest,
    /// All paths that cost at most so many parts per million more than the cheapest one, the cheapest first.
    Weighed(u32),
}

impl SendPayment {
    /// The open paths that the policy allows, in the order in which it prefers them.
    pub(super) fn preferred_paths(&self) -> Vec<PathIndex> {
        if self.paths.len() == 1 {
            return self.path_indices().filter(|&index| self.path(index).is_open()).collect();
        }
        // One that delivers less than it has to, or answers nothing, gets nothing while there are others.
        let answers = |path: &Path| !path.round_trip.is_silent();
        let works = |path: &Path| answers(path) && !path.awaits_rate;
        let mut paths = self.usable_paths(works);
        if paths.is_empty() {
            paths = self.usable_paths(answers);
        }
        if paths.is_empty() {
            paths = self.usable_paths(|_| true);
        }
        let rate = |index: PathIndex| self.path(index).rate.low();
        let Some(best) = paths.iter().map(|&index| rate(index)).max() else { return Vec::new() };
        let round_trip = |path: &Path| path.round_trip.smoothed().unwrap_or(Duration::MAX);
        let least = match self.config.path_policy {
            PathPolicy::Cheapest => best,
            PathPolicy::Fastest => psk_quote::Rate::ZERO,
            PathPolicy::Weighed(ppm) => best.less_ppm(ppm),
        };
        // What is known of a rate is an interval: a path is as good as another when it may be.
        paths.retain(|&index| self.path(index).rate.high() > least);
        match self.config.path_policy {
            PathPolicy::Fastest => paths.sort_by_key(|&index| round_trip(self.path(index))),
            PathPolicy::Cheapest | PathPolicy::Weighed(_) => {
                paths.sort_by_key(|&index| std::cmp::Reverse(rate(index)));
            }
        }
        paths
    }

    /// The open paths that are not too dear, and good for this.
    fn usable_paths(&self, is_good: impl Fn(&Path) -> bool) -> Vec<PathIndex> {
        let is_usable = |path: &Path| path.is_open() && !path.is_too_dear() && is_good(path);
        self.path_indices().filter(|&index| is_usable(self.path(index))).collect()
    }

    /// Whether an open path gets nothing because others are better, or answer. One on which answers are still overdue is
    /// left alone: it would get more before it is known what became of those chunks. And one that is silent when others
    /// bring what is left before it would be known what became of another.
    pub(super) fn is_left_unused(&self, index: PathIndex, now: Duration) -> bool {
        if self.paths.len() == 1 {
            return false;
        }
        let path = self.path(index);
        let preferred = self.preferred_paths();
        if preferred.contains(&index) || !path.is_open() || path.load.overdue_packets > 0 {
            return false;
        }
        let brings_it =
            |other: &PathIndex| self.path(*other).brings_within(self.left_over(path), path.lifetime(), now);
        !path.round_trip.is_silent() || !preferred.iter().any(brings_it)
    }
}

impl Path {
    /// Whether it has a limit, and brings so much through in less than this time, answers included: by what its controller
    /// allows in a round trip, if that is something, and if what has passed so far does not show that it takes more than
    /// twice as long. Where answers come at once, windows say little.
    pub(super) fn brings_within(&self, amount: SourceAmount, time: Duration, now: Duration) -> bool {
        let window = self.controller.windows().map(|windows| windows.amount);
        let Some((round_trip, window)) = self.round_trip.smoothed().zip(window) else { return false };
        if self.cautious || window == SourceAmount::MAX || window.is_zero() || round_trip.is_zero() {
            return false;
        }
        let round_trips = u128::from(amount.units()) * 1_000 / u128::from(window.units()) + 1_000;
        let is_in_time = round_trips.saturating_mul(round_trip.as_nanos()) / 1_000 < time.as_nanos();
        is_in_time && self.has_passed_in(time, now).saturating_mul(2) >= u128::from(amount.units())
    }

    /// How much has passed in such a time on average, since the first chunk that did left.
    fn has_passed_in(&self, time: Duration, now: Duration) -> u128 {
        let since = now.saturating_sub(self.first_passed).max(time).as_nanos().max(1);
        u128::from(self.passed.amount.units()).saturating_mul(time.as_nanos()) / since
    }

    /// A size that shows the rate well, the smallest of those that the search has seen pass; else the largest that has.
    pub(super) fn amount_to_ask_again(&self) -> SourceAmount {
        let unit = self.unit().units();
        let shows_it = |delivered: DestinationAmount| delivered.units() / unit >= SHOWS_THE_RATE_WELL;
        let seen = self.search.arrivals().iter().find(|(_, delivered)| shows_it(**delivered));
        let amount = seen.map_or(self.arrived.largest(), |(&amount, _)| amount);
        amount.max(self.question_size.floor()).min(self.sizing.maximum()).max(self.sizing.minimum())
    }

    /// It is left unused, and asked at the time that this says, later each time.
    pub(super) fn ask_again_later(&mut self, now: Duration, jitter: u64) -> Duration {
        let (_, pause) = self.unused_patience.lose(jitter);
        *self.ask_again_at.insert(now.saturating_add(pause))
    }
}
