use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::frame::{CloseReason, FramesBuilder, StreamData};

use super::ReceiveConfig;
use super::arrival::RequestFrames;
use crate::stream::{Reassembly, ReassemblyError, ReassemblyLimits, SendStream, WriteError};

/// The application's data of one payment, both ways.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    from_sender: Reassembly,
    to_sender: SendStream<()>,
    /// How much has been told to the application.
    told: u64,
    told_end: bool,
    /// Nothing more is taken: it was too long, contradicted itself, or nobody wants it.
    closed: bool,
    /// What was wrong with it, to be said to whoever sends more of it.
    problem: Option<DataProblem>,
}

/// A packet loses at most one piece, and no sender has more packets in flight than this.
const MAX_PIECES: usize = 2_048;

/// What each piece that waits takes beside its own octets.
const OVERHEAD_OF_PIECE: usize = 96;

/// What is wrong with the data in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataProblem {
    TooLong,
    Conflict,
    /// For now.
    NoRoom,
}

/// What of the sender's data may be told now.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Octets in order, and the offset of the first one.
    pub(super) data: Option<(u64, Bytes)>,
    /// All is told: this many octets.
    pub(super) complete: Option<u64>,
}

impl Streams {
    /// What the two streams take, empty, in octets.
    pub(super) const OVERHEAD: usize = size_of::<Self>() + 64;

    pub(super) fn new(config: &ReceiveConfig) -> Self {
        let limits = ReassemblyLimits {
            max_length: config.max_data_length,
            // All of the stream may wait.
            max_buffered: usize::try_from(config.max_data_length).unwrap_or(usize::MAX),
            max_pieces: MAX_PIECES,
        };
        Self {
            from_sender: Reassembly::new(limits),
            to_sender: SendStream::new(config.max_data_length),
            told: 0,
            told_end: false,
            closed: false,
            problem: None,
        }
    }

    /// How many octets this takes: those of the sender's that wait, and what is around them.
    pub(super) fn waiting(&self) -> usize {
        let pieces = self.from_sender.pieces().saturating_mul(OVERHEAD_OF_PIECE);
        Self::OVERHEAD.saturating_add(self.from_sender.buffered()).saturating_add(pieces)
    }

    /// Takes what a chunk brings; `room` is how many octets more may wait, and `passes` whether what is in order is
    /// told at once.
    pub(super) fn read(
        &mut self,
        frames: &RequestFrames,
        room: usize,
        passes: bool,
        now: Duration,
    ) -> Result<(), DataProblem> {
        if let Some(offset) = frames.data_ack {
            self.to_sender.acknowledged_to(offset, now);
        }
        if self.closed {
            let old = |data: &StreamData| data.end() <= self.from_sender.in_order();
            return match frames.data.iter().all(old) {
                true => Ok(()),
                false => Err(DataProblem::TooLong),
            };
        }
        // What is missing in front lets others go, so there is always room for it.
        let passes = |data: &&StreamData| passes && data.offset() <= self.from_sender.in_order();
        let waits = frames.data.iter().filter(|data| !passes(data));
        // What is there already has its room, as when a chunk comes again after its review.
        let missing = waits.map(|data| self.from_sender.missing(data.offset(), data.data()));
        let wanted = missing.filter(|missing| *missing > 0).fold(0_usize, |wanted, missing| {
            wanted.saturating_add(missing).saturating_add(OVERHEAD_OF_PIECE)
        });
        if wanted > room {
            return Err(DataProblem::NoRoom);
        }
        let result = self.insert(frames);
        if let Err(problem) = result {
            self.problem = Some(problem);
            self.close();
        }
        result
    }

    fn insert(&mut self, frames: &RequestFrames) -> Result<(), DataProblem> {
        let problem = |error| match error {
            ReassemblyError::Conflict => DataProblem::Conflict,
            ReassemblyError::TooLong | ReassemblyError::TooManyPieces => DataProblem::TooLong,
        };
        for data in &frames.data {
            self.from_sender.insert(data.offset(), data.data()).map_err(problem)?;
        }
        frames.data_end.map_or(Ok(()), |length| self.from_sender.end(length).map_err(problem))
    }

    /// What has arrived in order and was not told yet.
    pub(super) fn so_far(&self) -> Bytes {
        self.from_sender.peek()
    }

    /// What is to be told to the application, which is then told.
    pub(super) fn tell(&mut self) -> Told {
        let mut told = Told::default();
        let data = self.from_sender.take();
        if !data.is_empty() {
            told.data = Some((self.told, data.clone()));
            self.told = self.told.saturating_add(data.len() as u64);
        }
        if !self.told_end && self.from_sender.is_complete() {
            self.told_end = true;
            told.complete = self.from_sender.length();
        }
        told
    }

    /// Whether the sender has not acknowledged all that goes to it.
    pub(super) fn speaks(&self) -> bool {
        self.to_sender.acknowledged_in_order() < self.to_sender.length()
    }

    /// Whether something of the sender's was told, and the rest will not be.
    pub(super) fn is_cut_off(&self) -> bool {
        self.told > 0 && !self.told_end
    }

    /// Why nothing more of the sender's is taken, when something was wrong with it.
    pub(super) fn refused_for(&self) -> Option<CloseReason> {
        match self.problem? {
            DataProblem::TooLong => Some(CloseReason::DATA_TOO_LONG),
            DataProblem::Conflict => Some(CloseReason::PROTOCOL_VIOLATION),
            DataProblem::NoRoom => None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes no more, and forgets what waits.
    pub(super) fn close(&mut self) {
        self.closed = true;
        let (in_order, length) = (self.from_sender.in_order(), self.from_sender.length());
        tracing::debug!(in_order, ?length, "a payment's data is cut off");
        self.from_sender.clear();
    }

    pub(super) fn write(&mut self, data: Bytes) -> Result<(), WriteError> {
        self.to_sender.write(data)
    }

    pub(super) fn finish(&mut self) {
        self.to_sender.finish();
    }

    pub(super) fn fill(&mut self, frames: &mut FramesBuilder, now: Duration, config: &ReceiveConfig) {
        self.to_sender.fill_response(frames, now, config.data_patience);
    }
}
