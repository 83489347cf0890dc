//! How long answers take.

use std::time::Duration;

/// A path's round trip: smoothed, with its deviation (RFC 6298), and when answers came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundTrip {
    smoothed: Option<Duration>,
    deviation: Duration,
    /// The sending time of the newest packet that was answered.
    newest_answered: Duration,
    /// The sending time of the newest packet whose answer is overdue.
    newest_overdue: Duration,
}

/// What a clock and a scheduler add.
const GRANULARITY: Duration = Duration::from_millis(10);

impl RoundTrip {
    /// So long an answer took before the payment began.
    pub(super) fn expect(&mut self, sample: Duration) {
        (self.smoothed, self.deviation) = (Some(sample), sample / 2);
    }

    /// A packet sent at `sent_at` was answered.
    pub(super) fn on_answer(&mut self, sent_at: Duration, now: Duration) {
        self.newest_answered = self.newest_answered.max(sent_at);
        let sample = now.saturating_sub(sent_at);
        let Some(smoothed) = self.smoothed else {
            return self.expect(sample);
        };
        self.deviation = (self.deviation * 3 + smoothed.abs_diff(sample)) / 4;
        self.smoothed = Some((smoothed * 7 + sample) / 8);
    }

    /// A hop has rejected a packet sent at `sent_at`: the path works, and answers from its end take longer than that.
    pub(super) fn on_rejected_by_hop(&mut self, sent_at: Duration) {
        self.newest_answered = self.newest_answered.max(sent_at);
    }

    /// A packet sent at `sent_at` should have been answered.
    pub(super) fn on_overdue(&mut self, sent_at: Duration) {
        self.newest_overdue = self.newest_overdue.max(sent_at);
    }

    /// Whether nothing that was sent since the newest overdue packet has been answered.
    pub(super) fn is_silent(&self) -> bool {
        self.newest_answered < self.newest_overdue
    }

    /// So long most answers take, at most.
    pub(super) fn expected(&self) -> Option<Duration> {
        self.smoothed.map(|smoothed| smoothed + GRANULARITY)
    }

    /// For how long an answer is waited for before somebody asks: the smoothed time and three deviations, at least a
    /// quarter more than the smoothed time. Less patient than for sending again (RFC 6298 has four): a question too many
    /// costs a packet, and no money hangs on it. `None` before the first answer.
    pub(super) fn patience(&self) -> Option<Duration> {
        let smoothed = self.smoothed?;
        Some((smoothed + self.deviation * 3).max(smoothed * 5 / 4) + GRANULARITY)
    }

    /// The smoothed time.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn patience_follows_the_answers() {
        let mut path = RoundTrip::default();
        assert_eq!(path.patience(), None);
        path.on_answer(ms(0), ms(100));
        assert_eq!(path.patience(), Some(ms(100 + 150 + 10)));
        for step in 1..200 {
            path.on_answer(ms(step * 10), ms(step * 10 + 100));
        }
        assert_eq!(path.patience().map(|patience| patience.as_millis()), Some(135), "steady: a quarter more");
        path.on_answer(ms(5_000), ms(6_000));
        assert!(path.patience() > Some(ms(800)), "unsteady: {path:?}");
    }

    #[test]
    fn a_path_is_silent_until_something_newer_is_answered() {
        let mut path = RoundTrip::default();
        assert!(!path.is_silent());
        path.on_answer(ms(10), ms(20));
        path.on_overdue(ms(15));
        assert!(path.is_silent());
        path.on_answer(ms(14), ms(30));
        assert!(path.is_silent(), "that was sent before");
        path.on_answer(ms(16), ms(40));
        assert!(!path.is_silent());
    }
}
