//! What a receiver's status says.

use std::time::Duration;

use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{SequenceRanges, Status};

/// What a receiver's word says of single chunks.
#[derive(Debug)]
pub(super) struct Told<'a> {
    fulfilled: &'a SequenceRanges,
    about: About<'a>,
}

/// Of which chunks it speaks.
#[derive(Debug)]
enum About<'a> {
    /// Of all.
    All,
    /// Of all, but there was no room for all ranges: the first one stands for several, and what is between them. Of chunks
    /// up to this one it is not certain.
    AllAfter(Sequence),
    /// Of those that it was asked about alone, which were all up to this one of which anything could be known; but nothing
    /// is known of these.
    UpTo(Sequence, &'a SequenceRanges),
}

impl<'a> Told<'a> {
    pub(super) fn new(status: &'a Status) -> Self {
        let first = || status.fulfilled.iter().next().map(|range| range.last());
        let uncertain_to = if status.is_exact() { None } else { first() };
        Self { fulfilled: &status.fulfilled, about: uncertain_to.map_or(About::All, About::AllAfter) }
    }

    /// The answer to a question about all chunks up to `last`, of which nothing is known of those that are `unknown`.
    pub(super) fn about(status: &'a Status, last: Sequence, unknown: &'a SequenceRanges) -> Self {
        Self { fulfilled: &status.fulfilled, about: About::UpTo(last, unknown) }
    }

    /// Whether it has fulfilled a chunk, for certain.
    pub(super) fn is_fulfilled(&self, sequence: Sequence) -> bool {
        self.fulfilled.contains(sequence) && self.is_certain(sequence)
    }

    /// Whether it may have.
    pub(super) fn may_be_fulfilled(&self, sequence: Sequence) -> bool {
        self.fulfilled.contains(sequence) || !self.speaks_of(sequence)
    }

    /// Whether it speaks of a chunk at all.
    pub(super) fn speaks_of(&self, sequence: Sequence) -> bool {
        match self.about {
            About::All | About::AllAfter(_) => true,
            About::UpTo(last, _) => sequence <= last,
        }
    }

    /// Whether it is certain of a chunk that it names.
    fn is_certain(&self, sequence: Sequence) -> bool {
        match self.about {
            About::All => true,
            About::AllAfter(first) => sequence > first,
            About::UpTo(last, unknown) => sequence <= last && !unknown.contains(sequence),
        }
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
