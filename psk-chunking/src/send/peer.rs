//! What the receiver is known to understand, and what requests carry beside the money.

use bytes::Bytes;
use psk_codec::psk::frame::{Frame, Frames, FramesBuilder, SequenceRange, SequenceRanges};
use psk_codec::psk::{ChunkPacket, Sequence};

use super::SendPayment;

/// What the receiver is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Peer {
    /// No authentic word has come from it yet.
    #[default]
    Unknown,
    /// It knows the first draft of RFC 25 and nothing else.
    Plain,
    /// It answers with frames (docs/frames.md).
    Framed,
}

/// Frames without any frame: says that they are understood.
const NO_FRAMES: Bytes = Bytes::from_static(&[psk_codec::psk::frame::VERSION]);
/// A last chunk that has to name more ranges of unanswered chunks than that waits.
const MAX_OUTSTANDING_RANGES: usize = 512;

impl Peer {
    pub(super) fn knows_frames(self) -> bool {
        self == Self::Framed
    }
}

impl SendPayment {
    /// Learns from an authentic answer what the receiver understands. Once it has used frames it is not taken for less:
    /// a version of it without them would be another program.
    pub(super) fn learn_peer(&mut self, answer: &ChunkPacket) {
        let framed = match Frames::read(&answer.application_data[..]) {
            Ok(_) => true,
            Err(error) => !error.is_plain(),
        };
        if framed {
            self.peer = Peer::Framed;
        } else if self.peer == Peer::Unknown {
            self.peer = Peer::Plain;
        }
    }

    /// What a request carries that has nothing to say.
    pub(super) fn no_frames() -> Bytes {
        NO_FRAMES
    }

    pub(super) fn frames_of_chunk(&self, last: bool) -> Bytes {
        if !last || !self.peer.knows_frames() || (self.chunks.is_empty() && self.doubts.is_empty()) {
            return NO_FRAMES;
        }
        let mut frames: FramesBuilder = FramesBuilder::new(psk_codec::psk::MAX_APPLICATION_DATA_LENGTH);
        let ranges = SequenceRanges::from_ranges(self.unanswered_ranges());
        // There is room for as many as `may_name_outstanding` allows.
        let pushed = ranges.map(|ranges| frames.push(Frame::Outstanding(ranges)));
        debug_assert!(matches!(pushed, Some(Ok(()))), "too many ranges");
        frames.encode()
    }

    /// Whether a last chunk has room to name all chunks that are not answered.
    pub(super) fn may_name_outstanding(&self) -> bool {
        self.unanswered_ranges().len() <= MAX_OUTSTANDING_RANGES
    }

    /// The numbers of the chunks in flight and in doubt, as ranges.
    fn unanswered_ranges(&self) -> Vec<SequenceRange> {
        let mut sequences: Vec<Sequence> = self.chunks.keys().chain(self.doubts.keys()).copied().collect();
        if !self.doubts.is_empty() {
            sequences.sort_unstable();
        }
        let mut ranges: Vec<(Sequence, Sequence)> = Vec::new();
        for sequence in sequences {
            match ranges.last_mut() {
                Some((_, last)) if last.next() == Some(sequence) => *last = sequence,
                _ => ranges.push((sequence, sequence)),
            }
        }
        ranges.into_iter().filter_map(|(first, last)| SequenceRange::new(first, last)).collect()
    }
}
