use std::time::Duration;

use psk_codec::SourceAmount;

use super::{Controller, Fulfilled, Lost, Windows};

/// The rule of npm `ilp-protocol-psk2` 1.0, for comparison: one packet at a time, the first one of 1,000 units, then
/// each a tenth larger, and half as large after an error of the path.
#[derive(Debug)]
pub(super) struct Psk2Controller {
    size: SourceAmount,
    next_send: Duration,
}

const FIRST_SIZE: SourceAmount = SourceAmount::new(1_000);
const RETRY_PAUSE: Duration = Duration::from_millis(100);

impl Default for Psk2Controller {
    fn default() -> Self {
        Self { size: FIRST_SIZE, next_send: Duration::ZERO }
    }
}

impl Psk2Controller {
    fn halve(&mut self) {
        self.size = SourceAmount::new((self.size.units() / 2).max(1));
    }
}

impl Controller for Psk2Controller {
    fn allows(&self, _amount: SourceAmount, _in_flight: SourceAmount, packets: usize) -> bool {
        packets == 0
    }

    fn next_send(&self) -> Duration {
        self.next_send
    }

    fn largest(&self, _in_flight: SourceAmount) -> SourceAmount {
        self.size
    }

    fn windows(&self) -> Option<Windows> {
        Some(Windows { amount: self.size, packets: 1 })
    }

    fn on_sent(&mut self, _amount: SourceAmount, _now: Duration) {}

    fn on_fulfilled(&mut self, _fulfilled: &Fulfilled) {
        let units = self.size.units();
        self.size = SourceAmount::new(units.saturating_add(units.div_ceil(10)));
    }

    fn on_no_liquidity(&mut self, lost: &Lost) {
        self.halve();
        self.next_send = lost.now.saturating_add(RETRY_PAUSE);
    }

    fn on_busy(&mut self, lost: &Lost, _jitter: u64) {
        self.halve();
        self.next_send = lost.now.saturating_add(RETRY_PAUSE);
    }
}
