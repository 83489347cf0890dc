use std::time::Duration;

use psk_codec::SourceAmount;

use super::{Controller, Fulfilled, Lost, Windows};

/// The rule of `interledger-stream` (interledger-rs), for comparison: a window of amount alone, which begins with the
/// whole payment, doubles with each packet until one is rejected with T04, is halved by that, and from then on grows by a tenth of
/// the payment with each packet that is fulfilled. The rule has no pause after T02, T03 and T05. Where those come
/// sooner than [`LEAST_INTERVAL`] it has one here: packets are so far apart then, or a busy hop would be asked for ever at one instant.
#[derive(Debug)]
pub(super) struct AimdController {
    window: SourceAmount,
    step: SourceAmount,
    starting: bool,
    /// The last reject of a busy hop came in less than [`LEAST_INTERVAL`].
    is_near: bool,
    next_send: Duration,
}

const LEAST_INTERVAL: Duration = Duration::from_millis(1);

impl AimdController {
    /// For a payment of so many source units.
    pub(super) fn new(payment: SourceAmount) -> Self {
        let step = SourceAmount::new((payment.units() / 10).max(1));
        Self { window: payment, step, starting: true, is_near: false, next_send: Duration::ZERO }
    }
}

impl Controller for AimdController {
    fn allows(&self, amount: SourceAmount, in_flight: SourceAmount, packets: usize) -> bool {
        packets == 0 || in_flight.checked_add(amount).is_some_and(|sum| sum <= self.window)
    }

    fn next_send(&self) -> Duration {
        self.next_send
    }

    fn largest(&self, in_flight: SourceAmount) -> SourceAmount {
        self.window.saturating_sub(in_flight).max(SourceAmount::new(1))
    }

    fn windows(&self) -> Option<Windows> {
        Some(Windows { amount: self.window, packets: usize::MAX })
    }

    fn on_sent(&mut self, _amount: SourceAmount, now: Duration) {
        if self.is_near {
            self.next_send = now.saturating_add(LEAST_INTERVAL);
        }
    }

    fn on_fulfilled(&mut self, _fulfilled: &Fulfilled) {
        let more = if self.starting { self.window } else { self.step };
        self.window = self.window.saturating_add(more);
    }

    fn on_no_liquidity(&mut self, _lost: &Lost) {
        self.starting = false;
        self.window = SourceAmount::new((self.window.units() / 2).max(1));
    }

    fn on_busy(&mut self, lost: &Lost, _jitter: u64) {
        self.is_near = lost.now.saturating_sub(lost.sent_at) < LEAST_INTERVAL;
        if self.is_near {
            self.next_send = self.next_send.max(lost.now.saturating_add(LEAST_INTERVAL));
        }
    }
}
