//! How packets travel over a link, and which do not arrive.

use std::time::Duration;

use super::chance::Chance;
use super::config::LinkConfig;

/// When a packet arrives: not at all, once or twice.
pub(super) type Arrivals = [Option<Duration>; 2];

/// A link at work.
#[derive(Debug)]
pub(super) struct Link {
    latency: Duration,
    jitter_us: u64,
    request: Faults,
    reply: Faults,
    repeat_ppm: u32,
    reorder_ppm: u32,
    reorder_us: u64,
    late_by: Duration,
    chance: Chance,
    /// When the last packet that keeps the order arrives, towards each end.
    last_arrival: [Duration; 2],
}

/// What may happen to one kind of packet.
#[derive(Clone, Copy, Debug)]
struct Faults {
    loss_ppm: u32,
    late_ppm: u32,
}

/// Whether a packet asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Reply,
}

impl Link {
    pub(super) fn new(config: &LinkConfig, chance: Chance) -> Self {
        Self {
            latency: Duration::from_micros(config.latency_us),
            jitter_us: config.jitter_us,
            request: Faults { loss_ppm: config.request_loss_ppm, late_ppm: config.late_request_ppm },
            reply: Faults { loss_ppm: config.reply_loss_ppm, late_ppm: config.late_reply_ppm },
            repeat_ppm: config.repeat_ppm,
            reorder_ppm: config.reorder_ppm,
            reorder_us: config.reorder_us,
            late_by: Duration::from_micros(config.late_by_us),
            chance,
            last_arrival: [Duration::ZERO; 2],
        }
    }

    /// When a packet that leaves now towards an end (0 or 1) arrives there. Its Prepare expires at `expiry`.
    pub(super) fn travel(&mut self, kind: Kind, towards: usize, now: Duration, expiry: Duration) -> Arrivals {
        let Faults { loss_ppm, late_ppm } = match kind {
            Kind::Request => self.request,
            Kind::Reply => self.reply,
        };
        if self.chance.hits(loss_ppm) {
            return [None, None];
        }
        if self.chance.hits(late_ppm) {
            let late = expiry.saturating_add(self.late_by);
            return [Some(late.max(now.saturating_add(self.latency))), None];
        }
        let first = self.arrival(towards, now);
        let second = self.chance.hits(self.repeat_ppm).then(|| self.arrival(towards, now));
        [Some(first), second]
    }

    fn arrival(&mut self, towards: usize, now: Duration) -> Duration {
        let jitter = Duration::from_micros(self.chance.up_to(self.jitter_us));
        let arrival = now.saturating_add(self.latency).saturating_add(jitter);
        if self.chance.hits(self.reorder_ppm) {
            return arrival.saturating_add(Duration::from_micros(self.chance.up_to(self.reorder_us)));
        }
        let last = &mut self.last_arrival[towards & 1];
        *last = arrival.max(*last);
        *last
    }
}
