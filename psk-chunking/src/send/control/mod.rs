//! How much may be in flight, how fast packets leave and how large they are: controllers, and what a payment tells them.

mod aimd;
mod lately;
mod paced;
mod psk2;
mod window;

use std::fmt::Debug;
use std::time::Duration;

use psk_codec::SourceAmount;

use aimd::AimdController;
pub(super) use paced::DROUGHT;
use paced::PacedController;
use psk2::Psk2Controller;
use window::WindowController;

/// Decides how much is sent at once over one path. A payment tells it what happens and asks before every chunk.
///
/// What was sent before the last cut and is rejected after it is answered by that cut: [`Lost`] says which packet it
/// was and which was sent last.
pub trait Controller: Debug + Send {
    /// Whether a packet of `amount` may leave now, next to what is in flight. When nothing is in flight it always
    /// may: windows never close altogether.
    fn allows(&self, amount: SourceAmount, in_flight: SourceAmount, packets: usize) -> bool;

    /// The earliest time for the next packet.
    fn next_send(&self) -> Duration;

    /// Packets should not be larger than this, whatever the path takes, next to what is in flight; at least one unit.
    /// Default: no limit.
    fn largest(&self, in_flight: SourceAmount) -> SourceAmount {
        let _ = in_flight;
        SourceAmount::MAX
    }

    /// What it allows at most at this moment, for those who watch; `None` when it has no such figures.
    fn windows(&self) -> Option<Windows> {
        None
    }

    /// A packet left.
    fn on_sent(&mut self, amount: SourceAmount, now: Duration);

    /// A packet was fulfilled.
    fn on_fulfilled(&mut self, fulfilled: &Fulfilled);

    /// T04: the packet was too much beside what was in flight with it.
    fn on_no_liquidity(&mut self, lost: &Lost);

    /// T02, T03, T05: packets come too fast.
    fn on_busy(&mut self, lost: &Lost, jitter: u64);
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

/// A packet that was fulfilled.
#[derive(Clone, Copy, Debug)]
pub struct Fulfilled {
    /// Its amount.
    pub amount: SourceAmount,
    /// When it left.
    pub sent_at: Duration,
    /// When its answer came.
    pub now: Duration,
    /// What had been fulfilled of the path's packets when it left.
    pub before: Passed,
    /// What has been fulfilled of them now, with it.
    pub after: Passed,
    /// What is in flight without it.
    pub in_flight: SourceAmount,
}

/// What has passed over a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// How much, in source units.
    pub amount: SourceAmount,
    /// In how many packets.
    pub packets: u64,
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
    /// When it left.
    pub sent_at: Duration,
    /// When its answer came.
    pub now: Duration,
}

/// The controllers that are here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "sim", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "sim", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ControllerKind {
    /// Measures how much and how many packets pass in a time, and sends a little more than that.
    #[default]
    Paced,
    /// Two windows, of amount and of packets, that grow with what is fulfilled and are cut by what is rejected.
    Window,
    /// As `interledger-rs` does it: one window, of amount; additive increase, multiplicative decrease.
    Aimd,
    /// As npm `ilp-protocol-psk2` does it: one packet at a time, a tenth larger each time, half as large after an
    /// error.
    Psk2,
}

impl ControllerKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Paced, Self::Window, Self::Aimd, Self::Psk2];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Paced => "paced",
            Self::Window => "window",
            Self::Aimd => "aimd",
            Self::Psk2 => "psk2",
        }
    }

    /// One for a path of a payment of about so many source units, at most so many packets of which are in flight.
    pub fn controller(self, payment: SourceAmount, max_packets: usize) -> Box<dyn Controller> {
        match self {
            Self::Paced => Box::new(PacedController::new(max_packets)),
            Self::Window => Box::new(WindowController::new(max_packets)),
            Self::Aimd => Box::new(AimdController::new(payment)),
            Self::Psk2 => Box::new(Psk2Controller::default()),
        }
    }
}

/// Between 3/4 and 5/4 of `pause`.
pub(super) fn jittered(pause: Duration, jitter: u64) -> Duration {
    let per_mille = 750 + u32::try_from(jitter % 501).unwrap_or_default();
    pause * per_mille / 1_000
}
