//! What requests say beside the money, and what the receiver says in its answers (docs/frames.md).

use bytes::Bytes;
use psk_codec::psk::frame::{
    CloseReason, Frame, Frames, FramesBuilder, PaymentState, RefundAccount, SequenceRange, SequenceRanges,
    Status, VERSION,
};
use psk_codec::psk::{ChunkPacket, Sequence};
use psk_request::max_chunk_request_data_length;

use super::{SendError, SendPayment};

/// What the receiver is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Peer {
    /// No authentic word has come from it yet.
    #[default]
    Unknown,
    /// It knows the first draft of RFC 25 and nothing else.
    Plain,
    /// It answers with frames.
    Framed,
}

/// Frames without any frame: says that they are understood.
const NO_FRAMES: Bytes = Bytes::from_static(&[VERSION]);
/// A last chunk that has to name more ranges of unanswered chunks than that waits.
const MAX_OUTSTANDING_RANGES: usize = 512;
/// A question for the status names so many chunks at most.
const MAX_ASKED_ABOUT: usize = 256;

impl Peer {
    pub(super) fn knows_frames(self) -> bool {
        self == Self::Framed
    }
}

impl SendPayment {
    /// What a request carries that has nothing to say.
    pub(super) fn no_frames() -> Bytes {
        NO_FRAMES
    }

    /// What a chunk carries: what has to be told once, the question for the receiver's status if it `asks`, and as much
    /// data as there is room for.
    pub(super) fn frames_of_chunk(&mut self, sequence: Sequence, last: bool, asks: bool) -> Bytes {
        let asks = asks && self.peer.knows_frames();
        let outstanding =
            last && self.peer.knows_frames() && !(self.chunks.is_empty() && self.doubts.is_empty());
        let refund_account = self.config.refund_account.clone().filter(|_| !self.has_begun());
        if !asks && !outstanding && refund_account.is_none() && !self.has_data_to_say() {
            return NO_FRAMES;
        }
        let mut frames = self.new_frames();
        // There is room: an address and as many ranges as `may_name_outstanding` allows take less than a third of it.
        let mut say = |frame| {
            let pushed = frames.push(frame);
            debug_assert!(pushed.is_ok(), "no room in an empty packet");
        };
        if let Some(address) = refund_account {
            say(Frame::RefundAccount(RefundAccount::from(address)));
        }
        if outstanding && let Some(ranges) = SequenceRanges::from_ranges(self.unanswered_ranges()) {
            say(Frame::Outstanding(ranges));
        }
        if asks {
            say(Frame::StatusRequest);
        }
        self.fill_with_data(&mut frames, sequence);
        frames.encode()
    }

    /// The question for the receiver's status. If it has no room to name all that it has fulfilled, it speaks of the chunks
    /// that are named here: the lowest that are open, of which it may know, up to the one that is returned.
    pub(super) fn question_for_status(&self) -> (Bytes, Option<Sequence>) {
        let may_be_known = |sequence: &&Sequence| !self.status.is_known_to_nobody(**sequence);
        let doubts = self.doubts.keys().filter(may_be_known).take(MAX_ASKED_ABOUT);
        let in_flight = self.chunks.keys().take(MAX_ASKED_ABOUT);
        let mut named: Vec<Sequence> = doubts.chain(in_flight).copied().collect();
        named.sort_unstable();
        named.truncate(MAX_ASKED_ABOUT);
        let last = named.last().copied();
        // Whether it names this one tells whether it remembers the payment.
        named.extend(self.first_fulfilled.filter(|_| last.is_some()));
        named.sort_unstable();
        let mut frames = self.new_frames();
        // They fit always.
        let _ = frames.push(Frame::StatusRequest);
        if last.is_some()
            && let Some(ranges) = SequenceRanges::from_ranges(ranges_of(named))
        {
            let _ = frames.push(Frame::Outstanding(ranges));
        }
        (frames.encode(), last)
    }

    /// A frame that has no contents, and nothing else.
    pub(super) fn alone(&self, frame: Frame) -> Bytes {
        let mut frames = self.new_frames();
        // It fits always.
        let _ = frames.push(frame);
        frames.encode()
    }

    pub(super) fn new_frames(&self) -> FramesBuilder {
        FramesBuilder::new(max_chunk_request_data_length(&self.destination))
    }

    /// Whether a last chunk has room to name all chunks that are not answered.
    pub(super) fn may_name_outstanding(&self) -> bool {
        // As many ranges as chunks at most.
        self.chunks.len() + self.doubts.len() <= MAX_OUTSTANDING_RANGES
            || self.unanswered_ranges().len() <= MAX_OUTSTANDING_RANGES
    }

    /// The numbers of the chunks in flight and in doubt, as ranges.
    fn unanswered_ranges(&self) -> Vec<SequenceRange> {
        let mut sequences: Vec<Sequence> = self.chunks.keys().chain(self.doubts.keys()).copied().collect();
        if !self.doubts.is_empty() {
            sequences.sort_unstable();
        }
        ranges_of(sequences)
    }

    /// Learns from an authentic answer what the receiver is, and what it says. Once it has used frames it is not taken
    /// for less: a version of it without them would be another program.
    pub(super) fn read_frames(&mut self, answer: &ChunkPacket) -> Said {
        let mut said = Said::default();
        let frames = match Frames::read(answer.application_data.clone()) {
            Ok(frames) => frames,
            Err(error) if error.is_plain() => {
                if self.peer == Peer::Unknown {
                    self.peer = Peer::Plain;
                }
                return said;
            }
            Err(error) => {
                tracing::debug!(%error, "frames that cannot be read");
                self.peer = Peer::Framed;
                return said;
            }
        };
        self.peer = Peer::Framed;
        for frame in frames {
            match frame {
                Frame::Data(data) => {
                    said.data = true;
                    self.take_data(data.offset(), data.data());
                }
                Frame::DataEnd { length } => self.take_data_end(length),
                Frame::Closed(closed) => match closed.reason() {
                    // The payment goes on without the data.
                    reason @ (CloseReason::DATA_TOO_LONG | CloseReason::PROTOCOL_VIOLATION) => {
                        said.data_refused = true;
                        self.refuse_data(reason);
                    }
                    reason => {
                        let message = closed.message().to_owned();
                        said.closed = Some(SendError::Closed { reason, message });
                    }
                },
                Frame::Status(status) => said.status = Some(status),
                Frame::Outstanding(sequences) => said.unknown = Some(sequences),
                Frame::RefundStatus { refunded, total } => self.refund.told(refunded, total),
                _ => {}
            }
        }
        said
    }
}

/// Ascending numbers as ranges.
fn ranges_of(sequences: Vec<Sequence>) -> Vec<SequenceRange> {
    let mut ranges: Vec<(Sequence, Sequence)> = Vec::new();
    for sequence in sequences {
        match ranges.last_mut() {
            Some((_, last)) if last.next() == Some(sequence) => *last = sequence,
            _ => ranges.push((sequence, sequence)),
        }
    }
    ranges.into_iter().filter_map(|(first, last)| SequenceRange::new(first, last)).collect()
}

/// What a receiver has said in frames that concern the question.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// It takes no more of the payment, and why.
    pub(super) closed: Option<SendError>,
    /// It does not take the data, and goes on without it.
    pub(super) data_refused: bool,
    /// It sends octets of its own.
    pub(super) data: bool,
    pub(super) status: Option<Status>,
    /// The status speaks of what it was asked about alone, and nothing is known of these.
    pub(super) unknown: Option<SequenceRanges>,
}

impl Said {
    /// Whether it has a record of the payment: without one it has looked at nothing else in the request.
    pub(super) fn has_record(&self) -> bool {
        self.status.as_ref().is_none_or(|status| status.state != PaymentState::NOT_FOUND)
    }
}
