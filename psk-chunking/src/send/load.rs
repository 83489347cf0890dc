//! What of a payment is on its way over a path.

use psk_codec::{DestinationAmount, SourceAmount};

use super::SentChunk;

/// What of the payment is on a path and not settled.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// In flight.
    pub(super) in_flight: SourceAmount,
    /// Chunks in flight.
    pub(super) packets: usize,
    /// In flight, and the answer is overdue.
    pub(super) overdue: SourceAmount,
    /// Chunks in flight whose answer is overdue.
    pub(super) overdue_packets: usize,
    /// In doubt.
    pub(super) in_doubt: SourceAmount,
    /// The most that what is in flight or in doubt delivers, chunk by chunk, as it was reckoned when they left.
    pub(super) most: DestinationAmount,
    /// By how much less they may deliver.
    pub(super) uncertain: DestinationAmount,
    /// Those of them whose minimum is less than the minimum rate asks for,
    pub(super) lacking: SourceAmount,
    /// and those minimums.
    pub(super) lacking_bring: DestinationAmount,
}

impl Load {
    pub(super) fn add(&mut self, chunk: &SentChunk) {
        self.in_flight = self.in_flight.saturating_add(chunk.source);
        self.packets += 1;
        self.reckon(chunk);
    }

    fn reckon(&mut self, chunk: &SentChunk) {
        self.most = self.most.saturating_add(chunk.most);
        if let Some(minimum) = chunk.lacking {
            self.lacking = self.lacking.saturating_add(chunk.source);
            self.lacking_bring = self.lacking_bring.saturating_add(minimum);
        }
        self.uncertain = self.uncertain.saturating_add(chunk.most.saturating_sub(chunk.least));
    }

    fn forget(&mut self, chunk: &SentChunk) {
        self.most = self.most.saturating_sub(chunk.most);
        if let Some(minimum) = chunk.lacking {
            self.lacking = self.lacking.saturating_sub(chunk.source);
            self.lacking_bring = self.lacking_bring.saturating_sub(minimum);
        }
        self.uncertain = self.uncertain.saturating_sub(chunk.most.saturating_sub(chunk.least));
    }

    /// A chunk is in flight no more.
    pub(super) fn land(&mut self, chunk: &SentChunk) {
        self.in_flight = self.in_flight.saturating_sub(chunk.source);
        self.packets = self.packets.saturating_sub(1);
        if chunk.overdue {
            self.overdue = self.overdue.saturating_sub(chunk.source);
            self.overdue_packets = self.overdue_packets.saturating_sub(1);
        }
        self.forget(chunk);
    }

    /// A chunk is in doubt no more.
    pub(super) fn settle(&mut self, chunk: &SentChunk) {
        self.in_doubt = self.in_doubt.saturating_sub(chunk.source);
        self.forget(chunk);
    }

    /// A chunk that was taken out of flight is in doubt.
    pub(super) fn hold(&mut self, chunk: &SentChunk) {
        self.in_doubt = self.in_doubt.saturating_add(chunk.source);
        self.reckon(chunk);
    }

    /// A chunk in flight or in doubt delivers within other bounds than was reckoned.
    pub(super) fn reckon_anew(
        &mut self,
        chunk: &mut SentChunk,
        (least, most): (DestinationAmount, DestinationAmount),
    ) {
        self.forget(chunk);
        (chunk.least, chunk.most) = (least, most);
        self.reckon(chunk);
    }

    /// The answer to a chunk in flight is overdue.
    pub(super) fn miss(&mut self, chunk: &SentChunk) {
        self.overdue = self.overdue.saturating_add(chunk.source);
        self.overdue_packets += 1;
    }
}
