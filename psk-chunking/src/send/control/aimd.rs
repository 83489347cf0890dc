use std::time::Duration;

use psk_codec::SourceAmount;

use super::{Controller, Fulfilled, Lost, Windows};

/// The rule of `interledger-stream` (interledger-rs), for comparison: a window of amount alone, which begins with the
/// whole payment, doubles until something is rejected with T04, is halved by that, and from then on grows by a tenth of
/// the payment with each window.
#[derive(Debug)]
pub(super) struct AimdController {
    window: SourceAmount,
    step: SourceAmount,
    starting: bool,
    /// What has been fulfilled since the window last grew.
    fulfilled: SourceAmount,
}

impl AimdController {
    /// For a payment of so many source units.
    pub(super) fn new(payment: SourceAmount) -> Self {
        let step = SourceAmount::new((payment.units() / 10).max(1));
        Self { window: payment, step, starting: true, fulfilled: SourceAmount::ZERO }
    }
}

impl Controller for AimdController {
    fn allows(&self, amount: SourceAmount, in_flight: SourceAmount, packets: usize) -> bool {
        packets == 0 || in_flight.checked_add(amount).is_some_and(|sum| sum <= self.window)
    }

    fn next_send(&self) -> Duration {
        Duration::ZERO
    }

    fn windows(&self) -> Option<Windows> {
        Some(Windows { amount: self.window, packets: usize::MAX })
    }

    fn on_sent(&mut self, _amount: SourceAmount, _now: Duration) {}

    fn on_fulfilled(&mut self, fulfilled: &Fulfilled) {
        if self.starting {
            self.window = self.window.saturating_add(fulfilled.amount);
            return;
        }
        self.fulfilled = self.fulfilled.saturating_add(fulfilled.amount);
        if self.fulfilled >= self.window {
            self.fulfilled = SourceAmount::ZERO;
            self.window = self.window.saturating_add(self.step);
        }
    }

    fn on_no_liquidity(&mut self, _lost: &Lost) {
        self.starting = false;
        self.fulfilled = SourceAmount::ZERO;
        self.window = SourceAmount::new((self.window.units() / 2).max(1));
    }

    fn on_busy(&mut self, _lost: &Lost, _jitter: u64) {}
}
