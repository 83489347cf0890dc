use std::time::Duration;

use super::ReceiveConfig;

/// When a payment counts as silent: as TCP reckons when to send again (RFC 6298 section 2), from the times between
/// chunks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// When the last chunk was fulfilled, the application said something, or the payment began.
    last: Duration,
    /// When the sender was last heard of.
    heard: Duration,
    /// Mean and deviation; `None` until there are two chunks.
    smoothed: Option<(Duration, Duration)>,
    /// When the last one of the packets that were seen expires.
    packets_until: Duration,
    begun: bool,
}

/// Connectors let no packet live longer than 30 s; what claims more does not keep a payment alive.
const MAX_EXPIRY: Duration = Duration::from_secs(60);

impl Silence {
    pub(super) fn starting(now: Duration) -> Self {
        Self { last: now, heard: now, smoothed: None, packets_until: now, begun: false }
    }

    /// The sender has said something, if only to ask, or to be told that too little arrives. It may be waiting for a
    /// better rate, for liquidity, or for connectors to settle.
    pub(super) fn heard(&mut self, now: Duration) {
        self.heard = self.heard.max(now);
    }

    /// A packet of the payment has come that may be fulfilled.
    pub(super) fn seen(&mut self, now: Duration, expires_in: Duration) {
        self.packets_until = self.packets_until.max(now.saturating_add(expires_in.min(MAX_EXPIRY)));
    }

    /// A chunk is fulfilled.
    pub(super) fn fulfilled(&mut self, now: Duration) {
        let interval = now.saturating_sub(self.last);
        self.last = now;
        if !std::mem::replace(&mut self.begun, true) {
            return;
        }
        self.smoothed = Some(match self.smoothed {
            None => (interval, interval / 2),
            Some((mean, deviation)) => {
                let off = mean.abs_diff(interval);
                ((mean - mean / 8).saturating_add(interval / 8), (deviation - deviation / 4) + off / 4)
            }
        });
    }

    /// The application has made the sender wait: that was no silence of the sender's.
    pub(super) fn starts_again(&mut self, now: Duration) {
        self.last = self.last.max(now);
    }

    /// When the payment is over if nothing comes. Neither words nor packets that are refused keep it open for ever: both
    /// cost nothing.
    pub(super) fn ends_at(&self, config: &ReceiveConfig) -> Duration {
        let estimate = match self.smoothed {
            Some((mean, deviation)) => mean.saturating_add(deviation.saturating_mul(4)),
            None => Duration::ZERO,
        };
        let patience = estimate.min(config.max_silence).max(config.min_silence);
        let heard = self.heard.max(self.last).saturating_add(patience);
        // So long that no packet that was fulfilled lives longer.
        let at_most = self.last.saturating_add(patience.max(config.max_silence).max(MAX_EXPIRY));
        heard.max(self.packets_until).min(at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn slow_payments_are_given_more_time_within_bounds() {
        let config =
            ReceiveConfig { min_silence: seconds(5), max_silence: seconds(100), ..ReceiveConfig::default() };
        let mut silence = Silence::starting(seconds(1_000));
        assert_eq!(silence.ends_at(&config), seconds(1_005));
        // The application took long before it accepted: that is no interval between chunks.
        silence.fulfilled(seconds(1_003));
        assert_eq!(silence.ends_at(&config), seconds(1_008));
        // RFC 6298 (2.2): mean R, deviation R/2; then 4 deviations on top.
        silence.fulfilled(seconds(1_007));
        assert_eq!(silence.ends_at(&config), seconds(1_007 + 4 + 4 * 2));
        // (2.3): the mean stays, the deviation is 3/4 of it.
        silence.fulfilled(seconds(1_011));
        assert_eq!(silence.ends_at(&config), seconds(1_011 + 4 + 4) + seconds(2));
        let mut now = 1_011;
        for _ in 0..30 {
            now += 90;
            silence.fulfilled(seconds(now));
        }
        assert!(silence.ends_at(&config) > seconds(now + 90), "{silence:?}");
        for _ in 0..200 {
            now += 1;
            silence.fulfilled(seconds(now));
        }
        assert_eq!(silence.ends_at(&config), seconds(now + 5));
        now += 10_000;
        silence.fulfilled(seconds(now));
        assert_eq!(silence.ends_at(&config), seconds(now + 100));
    }

    #[test]
    fn who_is_heard_is_not_silent_but_money_must_come_at_last() {
        let config =
            ReceiveConfig { min_silence: seconds(5), max_silence: seconds(100), ..ReceiveConfig::default() };
        let mut silence = Silence::starting(seconds(1_000));
        silence.fulfilled(seconds(1_001));
        assert_eq!(silence.ends_at(&config), seconds(1_006));
        for now in [1_004, 1_008, 1_050, 1_096] {
            silence.heard(seconds(now));
            assert_eq!(silence.ends_at(&config), seconds(now + 5));
        }
        for now in [1_097, 1_100, 2_000] {
            silence.heard(seconds(now));
            assert_eq!(silence.ends_at(&config), seconds(1_101));
        }
        silence.fulfilled(seconds(2_000));
        assert!(silence.ends_at(&config) > seconds(2_005));
    }

    #[test]
    fn no_payment_ends_before_its_packets_have() {
        let config = ReceiveConfig { min_silence: seconds(1), ..ReceiveConfig::default() };
        let mut silence = Silence::starting(seconds(0));
        silence.seen(seconds(2), seconds(30));
        silence.seen(seconds(3), seconds(5));
        silence.fulfilled(seconds(3));
        assert_eq!(silence.ends_at(&config), seconds(32));
        silence.seen(seconds(4), Duration::MAX);
        assert_eq!(silence.ends_at(&config), seconds(64));
    }

    #[test]
    fn packets_that_are_not_fulfilled_keep_no_payment_open_for_ever() {
        for (max_silence, over) in [(100, 103), (10, 63)] {
            let max_silence = seconds(max_silence);
            let config = ReceiveConfig { min_silence: seconds(1), max_silence, ..ReceiveConfig::default() };
            let mut silence = Silence::starting(seconds(0));
            silence.seen(seconds(3), seconds(60));
            silence.fulfilled(seconds(3));
            assert_eq!(silence.ends_at(&config), seconds(63));
            for now in 4..10_000 {
                silence.heard(seconds(now));
                silence.seen(seconds(now), seconds(60));
            }
            assert_eq!(silence.ends_at(&config), seconds(over));
        }
    }
}
