//! How much may be in flight: the controller and what a payment tells it.

use std::fmt::Debug;
use std::time::Duration;

use psk_codec::SourceAmount;

/// Decides how much is sent at once. A payment tells it what happens and asks before every chunk.
///
/// What was sent before the last cut and is rejected after it is answered by that cut: [`Lost`] says which packet it
/// was and which was sent last.
pub trait Controller: Debug + Send {
    /// Whether a packet of `amount` may leave now, next to what is in flight. When nothing is in flight it always
    /// may: windows never close altogether.
    fn allows(&self, amount: SourceAmount, in_flight: SourceAmount, packets: usize) -> bool;

    /// The earliest time for the next packet.
    fn next_send(&self) -> Duration;

    /// What it allows at most at this moment, for those who watch; `None` when it has no such figures.
    fn windows(&self) -> Option<Windows> {
        None
    }

    /// A packet left.
    fn on_sent(&mut self, now: Duration);

    /// A packet was fulfilled.
    fn on_fulfilled(&mut self, amount: SourceAmount, in_flight: SourceAmount);

    /// T04: the packet was too much beside what was in flight with it.
    fn on_no_liquidity(&mut self, lost: Lost);

    /// T02, T03, T05: packets come too fast.
    fn on_busy(&mut self, lost: Lost, now: Duration, jitter: u64);
}

/// What a [`Controller`] allows at most at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// How much may be in flight, in source units; [`SourceAmount::MAX`] while the path has set no limit.
    pub amount: SourceAmount,
    /// How many packets may be in flight.
    pub packets: usize,
}

impl Windows {
    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            amount: self.amount.saturating_add(other.amount),
            packets: self.packets.saturating_add(other.packets),
        }
    }
}

/// A packet that was rejected for what was in flight with it.
#[derive(Clone, Copy, Debug)]
pub struct Lost {
    /// Its amount.
    pub amount: SourceAmount,
    /// What else was in flight when it was sent.
    pub in_flight: SourceAmount,
    /// Its place in the order of sending.
    pub order: u64,
    /// The place of the packet sent last.
    pub newest: u64,
}

/// The default controller.
///
/// Packets: starts with 32, one more for each fulfilled one (doubling per round trip), up to a limit. Amount:
/// unlimited until the path says T04, then what fitted, plus a sixteenth of itself per window of fulfilled
/// packets. Cadence: as fast as the windows allow until the path says that packets come too fast, then an interval
/// that doubles with each such word and shrinks by a thirty-second with each fulfilled packet.
#[derive(Debug)]
pub struct DefaultController {
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

impl DefaultController {
    /// At most `max_packets` in flight.
    pub fn new(max_packets: usize) -> Self {
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
    fn is_news(&mut self, lost: Lost) -> bool {
        let news = lost.order > self.cut_at;
        if news {
            self.cut_at = lost.newest;
        }
        news
    }
}

impl Controller for DefaultController {
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

    fn on_sent(&mut self, now: Duration) {
        self.next_send = self.next_send.max(now + self.interval);
    }

    fn on_fulfilled(&mut self, amount: SourceAmount, _in_flight: SourceAmount) {
        self.cut_in_vain = false;
        self.packets = (self.packets + 1).min(self.max_packets);
        self.amount = self.amount.saturating_add(SourceAmount::new(amount.units().div_ceil(16)));
        self.interval -= self.interval / 32;
        if self.interval < FIRST_INTERVAL / 8 {
            self.interval = Duration::ZERO;
        }
    }

    fn on_no_liquidity(&mut self, lost: Lost) {
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

    fn on_busy(&mut self, lost: Lost, now: Duration, jitter: u64) {
        if self.is_news(lost) {
            self.packets = (self.packets / 2).max(1);
            self.interval = (self.interval * 2).clamp(FIRST_INTERVAL, MAX_INTERVAL);
        }
        self.next_send = self.next_send.max(now + jittered(self.interval * 4, jitter));
    }
}

/// Between 3/4 and 5/4 of `pause`.
pub(super) fn jittered(pause: Duration, jitter: u64) -> Duration {
    let per_mille = 750 + u32::try_from(jitter % 501).unwrap_or_default();
    pause * per_mille / 1_000
}
