//! The application's data beside the money (docs/frames.md): in chunks as far as there are any, in packets of its own
//! after that.

mod draws;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{CloseReason, Frame, FramesBuilder};
use psk_codec::{ErrorClass, Reply};
use psk_crypto::Random;

use super::path::PathIndex;
use super::{Output, SendEvent, SendPayment};
use crate::stream::{Reassembly, ReassemblyLimits, SendStream, WriteError};
use crate::time::Now;
use draws::Draws;

/// Both directions of a payment's data.
#[derive(Debug)]
pub(super) struct Data {
    out: SendStream<Sequence>,
    back: Reassembly,
    /// Octets of the receiver's stream have arrived: they are acknowledged with every request.
    heard: bool,
    /// The receiver's stream contradicts itself or is too long, or it does not take ours: neither is carried on.
    broken: bool,
    /// The receiver does not take ours, and why.
    refused: Option<CloseReason>,
    /// The first packet that left after it had said so.
    first_without: Option<Sequence>,
    /// Whether the application has been told that the receiver's stream is complete.
    told_complete: bool,
    messages: BTreeMap<Sequence, Message>,
    /// How far ahead of what the receiver has in order ours goes.
    ahead: Ahead,
    /// How often in a row messages were not answered authentically.
    in_vain: u32,
    /// How often in a row messages were given up because their answers were overdue.
    overdue_in_row: u32,
    /// How many packets draw the receiver's.
    draws: Draws,
    /// How often answers have brought nothing, [`MOST_IN_VAIN`] times at most; one less with each that brings something.
    drawn_in_vain: u32,
    /// So many octets of the receiver's stream had arrived when that last counted as progress.
    came_before: u64,
    /// What was sent before belongs to the last answer that brought nothing.
    in_vain_at: Option<Duration>,
    /// What was sent before belongs to the last failure.
    failed_at: Option<Duration>,
    not_before: Duration,
}

/// A packet with data alone, which no receiver can fulfill.
#[derive(Clone, Copy, Debug)]
struct Message {
    path: PathIndex,
    sent_at: Duration,
    give_up_at: Duration,
    /// Octets of ours, or their length.
    carries: bool,
}

/// How many octets beyond those that the receiver has in order are sent. Receivers have no room for all that comes before
/// what is missing, and answer T03 then: so it begins with what all of them take, doubles in a round trip, and from the
/// first T03 on grows slowly.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    octets: u64,
    refused: bool,
}

const FIRST_AHEAD: u64 = 1_536 << 10;
const LEAST_AHEAD: u64 = 256 << 10;

impl Ahead {
    fn of(out: &mut SendStream<Sequence>) -> Self {
        out.limit_ahead(FIRST_AHEAD);
        Self { octets: FIRST_AHEAD, refused: false }
    }

    fn on_acknowledged(&mut self, octets: u64, out: &mut SendStream<Sequence>) {
        self.octets = self.octets.saturating_add(if self.refused { octets / 4 } else { octets });
        out.limit_ahead(self.octets);
    }

    fn on_no_room(&mut self, out: &mut SendStream<Sequence>) {
        self.refused = true;
        self.octets = (self.octets / 4 * 3).max(LEAST_AHEAD);
        out.limit_ahead(self.octets);
    }
}

/// So many messages in a row without an authentic answer: nobody reads them.
const MAX_IN_VAIN: u32 = 50;
/// The patience with messages doubles so often.
const MOST_DOUBLINGS: u32 = 5;
/// So often the pause between two questions for more doubles, and the number of them halves.
const MOST_IN_VAIN: u32 = 8;
/// The longest pause between two questions for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A receiver that sends an octet of its data now and then does not keep the payment open for ever: of data whose length is
/// known, one of so many parts has to come within the idle time-out.
const LEAST_PART: u64 = 64;
/// So many pieces may wait for those before them.
const MAX_PIECES: usize = 4_096;
/// So much may wait for what is before it: as much as is drawn at once.
const MAX_BUFFERED: usize = 8 << 20;
/// And so much more is taken of what nothing is missing before.
const ROOM_IN_ORDER: usize = 64 << 10;

impl Data {
    pub(super) fn new(data: Option<Bytes>, max_received: u64) -> Self {
        let mut out = SendStream::new(u64::MAX);
        if let Some(data) = data {
            // A stream without a limit takes everything.
            let _ = out.write(data);
            out.finish();
        }
        let ahead = Ahead::of(&mut out);
        let max_buffered =
            usize::try_from(max_received).unwrap_or(usize::MAX).min(MAX_BUFFERED + ROOM_IN_ORDER);
        let limits = ReassemblyLimits { max_length: max_received, max_buffered, max_pieces: MAX_PIECES };
        Self {
            out,
            back: Reassembly::new(limits),
            heard: false,
            broken: false,
            refused: None,
            first_without: None,
            told_complete: false,
            messages: BTreeMap::new(),
            ahead,
            in_vain: 0,
            overdue_in_row: 0,
            draws: Draws::new(),
            drawn_in_vain: 0,
            came_before: 0,
            in_vain_at: None,
            failed_at: None,
            not_before: Duration::ZERO,
        }
    }

    /// Whether a stream has begun and is not at its end.
    fn is_incomplete(&self) -> bool {
        let out = self.out.length() > 0 && !self.out.is_acknowledged();
        let back = self.back.length().is_some() && !self.back.is_complete();
        out || back
    }

    /// How many octets of the receiver's stream have arrived, in order or not.
    fn came_back(&self) -> u64 {
        self.back.in_order().saturating_add(self.back.buffered() as u64)
    }

    /// Whether enough of the receiver's stream has arrived, since that was last so, to be progress of the payment.
    fn has_come_on(&mut self) -> bool {
        let came_back = self.came_back();
        let enough = self.back.length().map_or(1, |length| (length / LEAST_PART).max(1));
        let comes_on = came_back.saturating_sub(self.came_before) >= enough;
        if comes_on {
            self.came_before = came_back;
        }
        comes_on
    }

    /// How many packets may be in flight to draw what is missing of the receiver's stream, when its length is known: half as
    /// many each time that they bring nothing.
    fn draws_wanted(&self) -> u64 {
        let length = self.back.length().unwrap_or_default();
        let missing = length.saturating_sub(self.back.in_order());
        let wanted = self.draws.wanted(missing, self.back.buffered() as u64);
        wanted >> self.drawn_in_vain
    }

    /// Whether there is room for a piece of the receiver's stream. What is not taken comes again: what the sender
    /// acknowledges is in order.
    fn has_room_for(&self, offset: u64, octets: usize) -> bool {
        let fits = self.back.buffered().saturating_add(octets) <= MAX_BUFFERED;
        offset <= self.back.in_order() || (fits && self.back.pieces() < MAX_PIECES)
    }
}

impl SendPayment {
    /// Adds octets to what goes to the receiver beside the money.
    ///
    /// # Errors
    ///
    /// When the stream has been finished.
    pub fn write(&mut self, data: Bytes) -> Result<(), WriteError> {
        self.data.out.write(data)
    }

    /// Nothing more will be written. The payment does not end before the receiver has all of it.
    pub fn finish_data(&mut self) {
        self.data.out.finish();
    }

    /// Whether the receiver has all that was written, and knows that it is all.
    pub fn data_is_delivered(&self) -> bool {
        self.data.out.is_acknowledged() && self.data.refused.is_none()
    }

    /// Why the receiver does not take the data, if it has said so: then the payment goes on without it.
    pub fn data_refused(&self) -> Option<CloseReason> {
        self.data.refused
    }

    /// So many octets of what was written has the receiver, without a gap before them.
    pub fn data_acknowledged(&self) -> u64 {
        self.data.out.acknowledged_in_order()
    }

    /// The receiver takes no data: nothing more of it is sent.
    pub(super) fn refuse_data(&mut self, reason: CloseReason) {
        self.data.broken = true;
        if self.data.refused.is_none() {
            self.data.first_without = self.next_sequence;
        }
        self.data.refused = Some(reason);
    }

    /// Whether a packet left after the receiver had said that it takes no data: it carries none.
    pub(super) fn left_without_data(&self, packet: Sequence) -> bool {
        self.data.first_without.is_some_and(|first| packet >= first)
    }

    /// Whether data is still to be carried, in either direction, and somebody is there to carry it with.
    pub(super) fn wants_data(&self) -> bool {
        let carried = self.peer.knows_frames() && self.has_begun() && !self.data.broken;
        carried && self.data.is_incomplete() && self.data.in_vain < MAX_IN_VAIN
    }

    pub(super) fn awaits_data(&self) -> bool {
        !self.data.messages.is_empty() || self.wants_data()
    }

    pub(super) fn has_data_to_say(&self) -> bool {
        self.peer.knows_frames() && !self.data.broken && (self.data.heard || self.data.out.has_more())
    }

    /// Adds an acknowledgement, and data as far as there is room, to a request. Whether there was any data.
    pub(super) fn fill_with_data(&mut self, frames: &mut FramesBuilder, sequence: Sequence) -> bool {
        if !self.peer.knows_frames() || self.data.broken {
            return false;
        }
        if self.data.heard {
            // An acknowledgement that finds no room comes with the next packet.
            let _ = frames.push(Frame::DataAck { offset: self.data.back.in_order() });
        }
        self.data.out.fill(frames, sequence)
    }

    /// Nothing has come of it for too long: it is carried on no more.
    pub(super) fn give_up_data(&mut self) {
        self.data.broken = true;
        self.data.messages.clear();
    }

    /// A request was read by the receiver.
    pub(super) fn data_arrived(&mut self, sequence: Sequence) {
        let data = &mut self.data;
        let before = data.out.acknowledged_in_order();
        data.out.acknowledged(sequence);
        data.ahead.on_acknowledged(data.out.acknowledged_in_order() - before, &mut data.out);
    }

    /// The receiver, or a hop, had no room for a chunk that was sent at this time.
    pub(super) fn data_had_no_room(&mut self, sent_at: Duration, now: Now) {
        if self.data_failed(sent_at, now) {
            self.data.ahead.on_no_room(&mut self.data.out);
        }
    }

    /// Something that was sent at this time has failed. Whether that is news: what was in flight together fails together,
    /// and counts once.
    fn data_failed(&mut self, sent_at: Duration, now: Now) -> bool {
        let news = self.data.failed_at.is_none_or(|failed_at| sent_at > failed_at);
        if news {
            self.data.failed_at = Some(now.monotonic);
        }
        news
    }

    /// A request may not have been read.
    pub(super) fn data_lost(&mut self, sequence: Sequence) {
        self.data.out.lost(sequence);
    }

    /// A packet with data alone, when no chunk takes it along and the path has room.
    pub(super) fn poll_data(&mut self, now: Now, random: &mut dyn Random) -> Option<Output> {
        if !self.wants_data() || now.monotonic < self.data.not_before {
            return None;
        }
        if !self.carries_or_draws() {
            return None;
        }
        let index = self.path_for_questions();
        let on_path = self.data.messages.values().filter(|message| message.path == index).count();
        let path = self.path(index);
        let amount = path.amount_for_questions();
        let packets = path.load.packets + on_path;
        if now.monotonic < path.not_before() || !path.controller.allows(amount, path.load.in_flight, packets)
        {
            return None;
        }
        let sequence = self.next_sequence?;
        let mut frames = self.new_frames();
        let carries = self.fill_with_data(&mut frames, sequence);
        match self.send_unfulfillable(index, amount, frames.encode(), now, random) {
            Ok((packet, output)) => {
                // Twice as long each time: answers may have become slower, and those that are overdue tell nothing.
                let doublings = 1 + self.data.overdue_in_row.min(MOST_DOUBLINGS);
                let patience = self.patience_of(index) * (1 << doublings);
                let give_up_at = now.monotonic.saturating_add(patience);
                let message = Message { path: index, sent_at: now.monotonic, give_up_at, carries };
                self.data.messages.insert(packet, message);
                self.path_mut(index).controller.on_sent(amount, now.monotonic);
                Some(output)
            }
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    /// Whether a packet with data alone has something to carry, or would draw what is missing of the receiver's stream: one
    /// always, and more as far as the answers on their way do not bring it.
    fn carries_or_draws(&self) -> bool {
        let answers = self.data.messages.len().saturating_add(self.chunks.len()) as u64;
        self.data.out.has_more() || self.data.messages.is_empty() || answers < self.data.draws_wanted()
    }

    /// When a packet with data alone has to be looked at.
    pub(super) fn data_wakes_at(&self, now: Duration) -> Option<Duration> {
        let answers = self.data.messages.values().map(|message| message.give_up_at).min();
        let paced = (self.wants_data() && self.carries_or_draws())
            .then(|| self.path(self.path_for_questions()).not_before().max(self.data.not_before));
        answers.into_iter().chain(paced.filter(|&paced| paced > now)).min()
    }

    pub(super) fn is_message(&self, packet: Sequence) -> bool {
        self.data.messages.contains_key(&packet)
    }

    /// The answer to a packet with data alone; `None` when there is none.
    pub(super) fn handle_message_reply(
        &mut self,
        packet: Sequence,
        reply: Option<&Reply>,
        now: Now,
        random: &mut dyn Random,
    ) {
        let Some(message) = self.data.messages.remove(&packet) else { return };
        if let Some(reply) = reply {
            self.learn_from_question(message.path, message.sent_at, reply);
        }
        let answer = reply.and_then(|reply| self.open_answer_to_question(packet, reply));
        if let Some(answer) = answer {
            self.path_mut(message.path).round_trip.on_answer(message.sent_at, now.monotonic);
            self.data.overdue_in_row = 0;
            let before = self.data.came_back();
            let said = self.read_frames(&answer);
            if !said.has_record() {
                // It has forgotten the payment, and the data before this.
                self.message_failed(packet, &message, false, now);
                return;
            }
            self.data_arrived(packet);
            let is_new = self.data.came_back() > before;
            self.data.draws.on_answer(is_new);
            if message.carries || self.data.has_come_on() {
                self.last_progress = now.monotonic;
            }
            if message.carries || is_new {
                self.data.in_vain = 0;
                self.data.drawn_in_vain = self.data.drawn_in_vain.saturating_sub(1);
            } else if !said.data || self.data.draws.repeats_itself() {
                self.drawn_in_vain(&message, now);
            }
            // What is closed for good takes no data either.
            self.data.broken |= said.closed.is_some() && !self.has_delivered_all();
            return;
        }
        let busy = match reply {
            Some(Reply::Reject(reject)) => reject.code.class() == ErrorClass::Temporary,
            _ => true,
        };
        let refused = matches!(reply, Some(Reply::Reject(reject)) if reject.code.is_busy());
        if self.message_failed(packet, &message, busy, now) && refused {
            self.data.ahead.on_no_room(&mut self.data.out);
        }
        let pause = self.patience_of(message.path) / if busy { 2 } else { 1 };
        let jittered = super::control::jittered(pause, random.jitter());
        self.data.not_before = now.monotonic.saturating_add(jittered);
    }

    /// An answer has brought nothing. What was lost comes again when the receiver has had no word for a while. One that
    /// promises data and sends none is asked until the idle time-out.
    fn drawn_in_vain(&mut self, message: &Message, now: Now) {
        let data = &mut self.data;
        if data.in_vain_at.is_some_and(|at| message.sent_at <= at) {
            // What was in flight together counts once.
            return;
        }
        data.in_vain_at = Some(now.monotonic);
        let doublings = data.drawn_in_vain;
        data.drawn_in_vain = (doublings + 1).min(MOST_IN_VAIN);
        let pause = (self.patience_of(message.path) / 2 * (1 << doublings)).min(LONGEST_PAUSE);
        self.data.not_before = now.monotonic.saturating_add(pause);
    }

    pub(super) fn give_up_messages(&mut self, now: Now) {
        if self.data.messages.is_empty() {
            return;
        }
        let late = |message: &Message| message.give_up_at <= now.monotonic;
        let lost: Vec<Sequence> = self
            .data
            .messages
            .iter()
            .filter(|(_, message)| late(message))
            .map(|(&packet, _)| packet)
            .collect();
        let mut news = false;
        for packet in lost {
            if let Some(message) = self.data.messages.remove(&packet) {
                news |= self.message_failed(packet, &message, false, now);
            }
        }
        self.data.overdue_in_row = self.data.overdue_in_row.saturating_add(u32::from(news));
    }

    /// A packet with data alone was not read, and a hop had `no_room` for it or not. Whether that is news.
    fn message_failed(&mut self, packet: Sequence, message: &Message, no_room: bool, now: Now) -> bool {
        self.data_lost(packet);
        let news = self.data_failed(message.sent_at, now);
        if news {
            self.data.in_vain = self.data.in_vain.saturating_add(1);
            self.data.draws.on_failure(no_room);
        }
        news
    }

    pub(super) fn take_data(&mut self, offset: u64, data: &Bytes) {
        if !self.data.has_room_for(offset, data.len()) {
            return;
        }
        self.data.draws.on_piece(data.len() as u64);
        let taken = self.data.back.insert(offset, data);
        self.after_taking(taken.is_ok());
    }

    pub(super) fn take_data_end(&mut self, length: u64) {
        let taken = self.data.back.end(length);
        self.after_taking(taken.is_ok());
    }

    fn after_taking(&mut self, taken: bool) {
        if self.data.broken {
            return;
        }
        self.data.heard = true;
        if !taken {
            tracing::warn!("the receiver's data contradicts itself or is too long; it is dropped");
            self.data.broken = true;
            return;
        }
        let data = self.data.back.take();
        if !data.is_empty() {
            self.events.push_back(SendEvent::Data(data));
        }
        if self.data.back.is_complete() && !self.data.told_complete {
            self.data.told_complete = true;
            self.events.push_back(SendEvent::DataComplete);
        }
    }
}
