use psk_codec::SourceAmount;
use psk_quote::RateInterval;

use super::{Account, SendPayment, Windows};

/// Where a payment stands at a moment, for plots and people. Nothing is decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Where the money is.
    pub account: Account,
    /// Chunks in flight; probes are none.
    pub chunks_in_flight: usize,
    /// The largest chunk that would be sent now; at least one unit.
    pub chunk_size: SourceAmount,
    /// What the controller allows.
    pub windows: Option<Windows>,
    /// The rates that fit what is known.
    pub rate: RateInterval,
}

impl SendPayment {
    /// Where it stands.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            account: self.account,
            chunks_in_flight: self.chunks.len(),
            chunk_size: self.sizing.maximum(),
            windows: self.controller.windows(),
            rate: self.rate,
        }
    }
}
