use std::time::Duration;

use super::{Fulfilled, Passed};

/// What passes is measured in no less than this. In a shorter round trip next to nothing comes in at a connector: what passes
/// in it is what was there already, or nothing.
pub(super) const MEASURED: Duration = Duration::from_millis(10);
/// Nor in more, on short paths: what passed before stood still meanwhile.
const LONGEST: Duration = Duration::from_millis(100);

/// What has passed lately.
#[derive(Debug)]
pub(super) struct Sample {
    /// When the packet left that was fulfilled now.
    pub(super) sent_at: Duration,
    pub(super) now: Duration,
    /// No later than it left: what has passed since then is `passed`.
    pub(super) since: Duration,
    pub(super) passed: Passed,
}

impl Sample {
    /// In what time.
    pub(super) fn took(&self) -> Duration {
        self.now.saturating_sub(self.since).max(MEASURED)
    }
}

/// Remembers how much had passed at two times, so that what passes can be measured over more than a short round trip.
#[derive(Debug, Default)]
pub(super) struct Lately {
    /// [`MEASURED`] ago at least, but at the start, and not much longer as long as something passes.
    earlier: Option<Mark>,
    /// It takes the place of the other one in time.
    later: Mark,
}

/// How much had passed at a time.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    at: Duration,
    passed: Passed,
}

impl Lately {
    /// What has passed in the round trip of the packet that was just fulfilled, or in [`MEASURED`] or a little more when that
    /// was shorter.
    pub(super) fn sample(&mut self, fulfilled: &Fulfilled) -> Sample {
        let Fulfilled { now, sent_at, before, after, .. } = *fulfilled;
        let left = Mark { at: sent_at, passed: before };
        let mut earlier = *self.earlier.get_or_insert_with(|| {
            self.later = left;
            left
        });
        if now.saturating_sub(self.later.at) >= MEASURED {
            earlier = self.later;
            self.earlier = Some(earlier);
            self.later = Mark { at: now, passed: after };
        }
        let is_short = now.saturating_sub(sent_at) < MEASURED && earlier.at < sent_at;
        let from = if is_short { earlier } else { left };
        let amount = after.amount.saturating_sub(from.passed.amount);
        let packets = after.packets.saturating_sub(from.passed.packets).max(1);
        let since = from.at.max(now.saturating_sub(LONGEST)).min(sent_at);
        Sample { sent_at, now, since, passed: Passed { amount, packets } }
    }
}
