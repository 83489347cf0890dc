//! Which path the next chunk takes.

use std::time::Duration;

use super::SendPayment;
use super::path::{Path, PathIndex};

/// How a payment over several paths weighs cost against speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "sim", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "sim", serde(rename_all = "snake_case"))]
pub enum PathPolicy {
    /// Only the path with the best rate, and others as good.
    Cheapest,
    /// All paths, the one with the shortest round trip first.
    Fastest,
    /// All paths that cost at most so many parts per million more than the cheapest one, the cheapest first.
    Weighed(u32),
}

impl SendPayment {
    /// The open paths that the policy allows, in the order in which it prefers them.
    pub(super) fn preferred_paths(&self) -> Vec<PathIndex> {
        let open = || self.path_indices().filter(|&index| self.path(index).is_open());
        if self.paths.len() == 1 {
            return open().collect();
        }
        // One that answers nothing gets nothing while there are others.
        let answers = |index: &PathIndex| !self.path(*index).round_trip.is_silent();
        let none_answers = !open().any(|index| answers(&index));
        let open = || open().filter(|index| none_answers || answers(index));
        let rate = |index: PathIndex| self.path(index).rate.low();
        let Some(best) = open().map(rate).max() else { return Vec::new() };
        let round_trip = |path: &Path| path.round_trip.smoothed().unwrap_or(Duration::MAX);
        let least = match self.config.path_policy {
            PathPolicy::Cheapest => best,
            PathPolicy::Fastest => psk_quote::Rate::ZERO,
            PathPolicy::Weighed(ppm) => best.less_ppm(ppm),
        };
        // What is known of a rate is an interval: a path is as good as another when it may be.
        let mut paths: Vec<PathIndex> =
            open().filter(|&index| self.path(index).rate.high() > least).collect();
        match self.config.path_policy {
            PathPolicy::Fastest => paths.sort_by_key(|&index| round_trip(self.path(index))),
            PathPolicy::Cheapest | PathPolicy::Weighed(_) => {
                paths.sort_by_key(|&index| std::cmp::Reverse(rate(index)));
            }
        }
        paths
    }
}
