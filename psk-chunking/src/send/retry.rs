use std::time::Duration;

use super::control::jittered;

/// Counts failures in a row and says how long to pause after each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    failures: u32,
    first_pause: Duration,
    longest_pause: Duration,
}

impl Patience {
    /// Pauses that double from `first_pause` to `longest_pause`.
    pub(super) const fn new(first_pause: Duration, longest_pause: Duration) -> Self {
        Self { failures: 0, first_pause, longest_pause }
    }

    /// Something worked.
    pub(super) fn restore(&mut self) {
        self.failures = 0;
    }

    /// How often in a row something failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Something failed: how often in a row, and for how long to pause, give or take a quarter.
    pub(super) fn lose(&mut self, jitter: u64) -> (u32, Duration) {
        let doubled = self.first_pause * (1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        (self.failures, jittered(doubled.min(self.longest_pause), jitter))
    }
}
