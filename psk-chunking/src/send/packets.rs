//! Packets as they leave: chunks, and what nobody can fulfill.

use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::{ChunkKind, ChunkPacket, Sequence};
use psk_codec::{SourceAmount, Timestamp};
use psk_crypto::Random;
use psk_quote::ChunkProbe;

use super::next::Chunk;
use super::path::PathIndex;
use super::{Output, SendError, SendPayment, SentChunk, Target};
use crate::chunk;
use crate::time::Now;

/// A question to the receiver, or the word that the payment is over, on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) packet: Sequence,
    pub(super) path: PathIndex,
    pub(super) sent_at: Duration,
    pub(super) give_up_at: Duration,
    /// How many chunks had been sent by then, if none of them was in flight any more.
    pub(super) chunks_before: Option<u64>,
    /// It asks about the chunks up to this one, if there is no room for more.
    pub(super) about: Option<Sequence>,
}

impl SendPayment {
    /// A question that has just left.
    pub(super) fn asked(
        &self,
        (path, packet): (PathIndex, Sequence),
        give_up_at: Duration,
        now: Now,
    ) -> Asked {
        let chunks_before = self.chunks.is_empty().then(|| self.chunks_sent());
        Asked { packet, path, sent_at: now.monotonic, give_up_at, chunks_before, about: None }
    }

    pub(super) fn chunks_sent(&self) -> u64 {
        self.paths.iter().map(|path| path.chunks_sent).sum()
    }

    pub(super) fn send_chunk(
        &mut self,
        chunk: Chunk,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<Output, SendError> {
        let Chunk { path, amount, minimum, last, completing } = chunk;
        let sequence = self.take_sequence()?;
        let asks = self.is_among_the_last(&chunk);
        let application_data = self.frames_of_chunk(sequence, last, asks);
        let packet = ChunkPacket {
            kind: if last { ChunkKind::LastChunk } else { ChunkKind::Chunk },
            payment_id: self.config.payment_id,
            sequence,
            payment_amount: match self.config.target {
                Target::Source(_) => ChunkPacket::OPEN_ENDED,
                Target::Destination(amount) => amount.into(),
            },
            chunk_amount: minimum.into(),
            application_data,
        };
        let expires_at = self.expires_at(path, now);
        let prepare = chunk::fulfillable(packet, amount, &self.keys, &self.destination, expires_at, random)?;
        self.account.send(amount, self.config.budget())?;
        let give_up_at = self.give_up_at(path, now);
        let way = &mut self.paths[path.0];
        let beside = way.load.in_flight;
        way.chunks_sent += 1;
        way.controller.on_sent(amount, now.monotonic);
        way.sizing.on_sent(amount);
        let (least, most) = way.delivers(amount, minimum);
        let sent = SentChunk {
            path,
            source: amount,
            minimum,
            lacking: Some(minimum).filter(|it| *it < way.minimum_rate.worth_ceil(amount)),
            most,
            least,
            condition: prepare.condition,
            sent_at: now.monotonic,
            give_up_at,
            overdue: false,
            beside,
            passed_before: way.passed,
            order: way.chunks_sent,
            completing,
        };
        way.load.add(&sent);
        if self.peer.knows_frames() {
            way.awaited.push_back((now.monotonic, sequence));
        }
        self.no_doubt_before = self.no_doubt_before.min(give_up_at);
        self.chunks.insert(sequence, Box::new(sent));
        Ok(Output::Send { packet: sequence, path, prepare })
    }

    /// A question, or data without money: a packet that no receiver can fulfill, with frames, of the path's size for that.
    pub(super) fn send_unfulfillable(
        &mut self,
        path: PathIndex,
        amount: SourceAmount,
        application_data: Bytes,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(Sequence, Output), SendError> {
        let sent = self.send_of_any_size(path, amount, application_data, now, random)?;
        self.path_mut(path).on_question_sent(amount, now.monotonic);
        Ok(sent)
    }

    /// The same of another size, to see what becomes of it.
    pub(super) fn send_of_any_size(
        &mut self,
        path: PathIndex,
        amount: SourceAmount,
        application_data: Bytes,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(Sequence, Output), SendError> {
        let packet = self.take_sequence()?;
        let (expires_at, keys, destination) = (self.expires_at(path, now), &self.keys, &self.destination);
        let probe = self.probe(packet);
        let prepare = probe.seal_with(application_data, amount, keys, destination, expires_at, random)?;
        self.probes_sent += 1;
        Ok((packet, Output::Send { packet, path, prepare }))
    }

    pub(super) fn probe(&self, sequence: Sequence) -> ChunkProbe {
        ChunkProbe { payment_id: self.config.payment_id, sequence }
    }

    /// A question to the receiver, over a path that answers, of an amount that passes.
    pub(super) fn send_question(
        &mut self,
        application_data: Bytes,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(PathIndex, Sequence, Output), SendError> {
        let path = self.path_for_questions();
        let amount = self.path(path).amount_for_questions();
        let (packet, output) = self.send_unfulfillable(path, amount, application_data, now, random)?;
        Ok((path, packet, output))
    }

    /// Every packet has a number of its own, probes included.
    fn take_sequence(&mut self) -> Result<Sequence, SendError> {
        let sequence = self.next_sequence.ok_or(SendError::SequencesExhausted)?;
        self.next_sequence = sequence.next();
        Ok(sequence)
    }

    /// How long a packet that leaves now is valid. Receivers may take their time over the first chunk; plain ones over
    /// more, until one is fulfilled.
    fn lifetime(&self, path: PathIndex) -> Duration {
        let is_first = self.chunks_sent() == 0;
        let path = self.path(path);
        match self.has_begun() || self.peer.knows_frames() && !is_first {
            true => path.lifetime(),
            false => path.packet_timeout,
        }
    }

    fn expires_at(&self, path: PathIndex, now: Now) -> Timestamp {
        now.wall.saturating_add(self.lifetime(path))
    }

    /// Until when the answer to a packet that leaves now is awaited.
    pub(super) fn give_up_at(&self, path: PathIndex, now: Now) -> Duration {
        now.monotonic.saturating_add(self.lifetime(path)).saturating_add(self.config.expiry_grace)
    }
}
