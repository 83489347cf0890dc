use psk_codec::SourceAmount;
use psk_quote::RateInterval;

use super::control::Windows;
use super::{Account, SendPayment};

/// Where a payment stands at a moment, for plots and people. Nothing is decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Where the money is.
    pub account: Account,
    /// Chunks in flight; probes are none.
    pub chunks_in_flight: usize,
    /// Chunks of which nobody can tell what became of them.
    pub chunks_in_doubt: usize,
    /// The largest chunk that would be sent now, over any path; at least one unit.
    pub chunk_size: SourceAmount,
    /// What the controllers of all paths allow together.
    pub windows: Option<Windows>,
    /// The rates that fit what is known of the path with the best rate.
    pub rate: RateInterval,
}

impl SendPayment {
    /// Where it stands.
    pub fn snapshot(&self) -> Snapshot {
        let open = || self.paths.iter().filter(|path| path.is_open());
        let best = open().max_by_key(|path| path.rate.low());
        Snapshot {
            account: self.account,
            chunks_in_flight: self.chunks.len(),
            chunks_in_doubt: self.doubts.len(),
            chunk_size: open().map(|path| path.largest_chunk()).max().unwrap_or(SourceAmount::new(1)),
            windows: open().filter_map(|path| path.controller.windows()).reduce(Windows::plus),
            rate: best.map_or(RateInterval::UNKNOWN, |path| path.rate),
        }
    }
}
