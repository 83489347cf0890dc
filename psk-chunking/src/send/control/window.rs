use std::time::Duration;

use psk_codec::SourceAmount;

use super::{Controller, Fulfilled, Lost, Windows, jittered};

/// Two windows.
///
/// Packets: starts with 32, one more for each fulfilled one (doubling per round trip), up to a limit. Amount:
/// unlimited until the path says T04, then what fitted, plus a sixteenth of itself per window of fulfilled
/// packets. Cadence: as fast as the windows allow until the path says that packets come too fast, then an interval
/// that doubles with each such word and shrinks by a thirty-second with each fulfilled packet.
#[derive(Debug)]
pub(super) struct WindowController {
    packets: usize,
    max_packets: usize,
    amount: SourceAmount,
    /// Packets sent up to here were answered by the last cut.
    cut_at: u64,
    /// Nothing was fulfilled since the amount was last cut.
    cut_in_vain: bool,
    interval: Duration,
    next_send: Duration,
}

const FIRST_PACKETS: usize = 32;
const FIRST_INTERVAL: Duration = Duration::from_millis(2);
const MAX_INTERVAL: Duration = Duration::from_secs(2);

impl WindowController {
    /// At most `max_packets` in flight.
    pub(super) fn new(max_packets: usize) -> Self {
        Self {
            packets: FIRST_PACKETS.min(max_packets),
            max_packets,
            amount: SourceAmount::MAX,
            cut_at: 0,
            cut_in_vain: false,
            interval: Duration::ZERO,
            next_send: Duration::ZERO,
        }
    }

    /// Whether this loss is news: of a packet sent after the last cut.
    fn is_news(&mut self, lost: &Lost) -> bool {
        let news = lost.order > self.cut_at;
        if news {
            self.cut_at = lost.newest;
        }
        news
    }
}

impl Controller for WindowController {
    fn allows(&self, amount: SourceAmount, in_flight: SourceAmount, packets: usize) -> bool {
        let fits = in_flight.checked_add(amount).is_some_and(|sum| sum <= self.amount);
        packets == 0 || (packets < self.packets && fits)
    }

    fn next_send(&self) -> Duration {
        self.next_send
    }

    fn windows(&self) -> Option<Windows> {
        Some(Windows { amount: self.amount, packets: self.packets })
    }

    fn on_sent(&mut self, _amount: SourceAmount, now: Duration) {
        self.next_send = self.next_send.max(now + self.interval);
    }

    fn on_fulfilled(&mut self, fulfilled: &Fulfilled) {
        self.cut_in_vain = false;
        self.packets = (self.packets + 1).min(self.max_packets);
        self.amount = self.amount.saturating_add(SourceAmount::new(fulfilled.amount.units().div_ceil(16)));
        self.interval -= self.interval / 32;
        if self.interval < FIRST_INTERVAL / 8 {
            self.interval = Duration::ZERO;
        }
    }

    fn on_no_liquidity(&mut self, lost: &Lost) {
        if !lost.in_flight.is_zero() && self.is_news(lost) {
            // What is in flight without the packet fitted; more did not. Unless that did not fit either: then it
            // takes halves, for a window of a thousand packets less one at a time is half a million packets.
            let fitted = match self.cut_in_vain {
                true => SourceAmount::new(self.amount.min(lost.in_flight).units() / 2),
                false => lost.in_flight,
            };
            self.amount = self.amount.min(fitted.max(lost.amount));
            self.cut_in_vain = true;
        }
    }

    fn on_busy(&mut self, lost: &Lost, jitter: u64) {
        if self.is_news(lost) {
            self.packets = (self.packets / 2).max(1);
            self.interval = (self.interval * 2).clamp(FIRST_INTERVAL, MAX_INTERVAL);
        }
        self.next_send = self.next_send.max(lost.now + jittered(self.interval * 4, jitter));
    }
}
