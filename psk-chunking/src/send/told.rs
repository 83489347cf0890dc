//! What a receiver's status says.

use std::time::Duration;

use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{SequenceRanges, Status};

/// What a receiver's word says of single chunks. When it has had no room for all ranges, the first one stands for several,
/// and what is between them.
#[derive(Debug)]
pub(super) struct Told<'a> {
    fulfilled: &'a SequenceRanges,
    /// Of chunks up to this one it is not certain.
    uncertain_to: Option<Sequence>,
}

impl<'a> Told<'a> {
    pub(super) fn new(status: &'a Status) -> Self {
        let first = || status.fulfilled.iter().next().map(|range| range.last());
        let uncertain_to = if status.is_exact() { None } else { first() };
        Self { fulfilled: &status.fulfilled, uncertain_to }
    }

    /// Whether it has fulfilled a chunk, for certain.
    pub(super) fn is_fulfilled(&self, sequence: Sequence) -> bool {
        self.may_be_fulfilled(sequence) && self.uncertain_to.is_none_or(|last| sequence > last)
    }

    /// Whether it may have.
    pub(super) fn may_be_fulfilled(&self, sequence: Sequence) -> bool {
        self.fulfilled.contains(sequence)
    }
}

/// The latest status that came beside the answer to a chunk, until it is looked at.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// With the time when that chunk was sent.
    latest: Option<(Status, Duration)>,
    /// How many chunks were fulfilled by those that were looked at.
    looked_at: u32,
    /// How many could have named all that was open, by their number of chunks, and did not.
    named_too_few: u32,
}

/// Receivers that say the truth name all that they have fulfilled, or have no room to do so.
const MOST_WITH_TOO_FEW: u32 = 256;

/// A status is worth a look before it is time to ask if it tells of so many chunks more.
const MUCH: u32 = 32;

impl Beside {
    /// Answers overtake each other: the one that tells of more is later.
    pub(super) fn keep(&mut self, status: Status, sent_at: Duration) {
        if self.latest.as_ref().is_none_or(|(latest, _)| latest.chunks < status.chunks) {
            self.latest = Some((status, sent_at));
        }
    }

    /// Whether it tells of more than a few chunks that the one before it did not know.
    pub(super) fn tells_much(&self) -> bool {
        let more = |(status, _): &(Status, Duration)| status.chunks.saturating_sub(self.looked_at);
        self.latest.as_ref().map(more).is_some_and(|more| more >= MUCH)
    }

    /// Whether it is worth the time to see whether a status names all that is open.
    pub(super) fn may_name_all(&self) -> bool {
        self.named_too_few < MOST_WITH_TOO_FEW
    }

    /// One did not, though it spoke of as many.
    pub(super) fn named_too_few(&mut self) {
        self.named_too_few += 1;
    }

    /// Takes it, to look at it.
    pub(super) fn take(&mut self) -> Option<(Status, Duration)> {
        let (status, sent_at) = self.latest.take()?;
        self.looked_at = self.looked_at.max(status.chunks);
        Some((status, sent_at))
    }
}
