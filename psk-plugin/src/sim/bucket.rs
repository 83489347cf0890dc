//! Buckets that fill over time: liquidity, and numbers of packets.

use std::time::Duration;

use super::hop_config::{LiquidityConfig, LiquidityStep, PacketRateConfig};

const NANOS: u128 = 1_000_000_000;

/// Holds units in billionths, so that what a nanosecond brings is exact.
#[derive(Debug)]
pub(super) struct Bucket {
    capacity: u128,
    level: u128,
    filled_at: Duration,
    /// How fast it fills, in turns; at least one, and none is of no time.
    cycle: Vec<Turn>,
    /// The turn at `filled_at`, and when it ends.
    turn: usize,
    turn_ends: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    lasts: Duration,
    per_second: u64,
}

impl Bucket {
    pub(super) fn of_liquidity(config: &LiquidityConfig) -> Self {
        let turn = |step: &LiquidityStep| Turn {
            lasts: Duration::from_millis(step.for_ms.max(1)),
            per_second: step.per_second,
        };
        let cycle = match config.cycle.is_empty() {
            true => vec![Turn { lasts: Duration::MAX, per_second: config.per_second }],
            false => config.cycle.iter().map(turn).collect(),
        };
        Self::new(config.capacity, cycle)
    }

    pub(super) fn of_packets(config: &PacketRateConfig) -> Self {
        Self::new(config.burst.max(1), vec![Turn { lasts: Duration::MAX, per_second: config.per_second }])
    }

    fn new(capacity: u64, cycle: Vec<Turn>) -> Self {
        let capacity = u128::from(capacity) * NANOS;
        let turn_ends = cycle.first().map_or(Duration::MAX, |turn| turn.lasts);
        Self { capacity, level: capacity, filled_at: Duration::ZERO, cycle, turn: 0, turn_ends }
    }

    /// Takes so many units, or says that they are not there.
    pub(super) fn take(&mut self, units: u64, now: Duration) -> bool {
        self.fill(now);
        match self.level.checked_sub(u128::from(units) * NANOS) {
            Some(level) => {
                self.level = level;
                true
            }
            None => false,
        }
    }

    fn fill(&mut self, now: Duration) {
        while self.filled_at < now {
            let until = now.min(self.turn_ends);
            let nanos = until.saturating_sub(self.filled_at).as_nanos();
            let per_second = self.cycle.get(self.turn).map_or(0, |turn| turn.per_second);
            let more = nanos.saturating_mul(per_second.into());
            self.level = self.level.saturating_add(more).min(self.capacity);
            self.filled_at = until;
            if until == self.turn_ends {
                self.turn = (self.turn + 1) % self.cycle.len().max(1);
                let lasts = self.cycle.get(self.turn).map_or(Duration::MAX, |turn| turn.lasts);
                self.turn_ends = until.saturating_add(lasts);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fills_exactly_and_to_the_brim() {
        let mut bucket =
            Bucket::of_liquidity(&LiquidityConfig { capacity: 10, per_second: 3, cycle: vec![] });
        assert!(bucket.take(10, Duration::ZERO));
        assert!(!bucket.take(1, Duration::from_nanos(333_333_333)));
        assert!(bucket.take(1, Duration::from_nanos(333_333_334)));
        assert!(!bucket.take(11, Duration::from_secs(100)));
        assert!(bucket.take(10, Duration::from_secs(100)));
    }

    #[test]
    fn it_fills_in_turns() {
        let step = |per_second| LiquidityStep { for_ms: 5_000, per_second };
        let cycle = vec![step(100), step(50)];
        let mut bucket = Bucket::of_liquidity(&LiquidityConfig { capacity: 10_000, per_second: 0, cycle });
        assert!(bucket.take(10_000, Duration::ZERO));
        assert!(!bucket.take(851, Duration::from_secs(11)));
        assert!(bucket.take(850, Duration::from_secs(11)), "5 s of 100, 5 s of 50, 1 s of 100");
    }
}
