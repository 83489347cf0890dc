//! What the answers to packets mean for the payment (PROTOCOL.md section 4, the reply table).

use std::time::Duration;

use psk_codec::psk::{ChunkKind, ChunkPacket, Sequence};
use psk_codec::{
    AmountTooLarge, DestinationAmount, ErrorClass, ErrorCode, Fulfill, Reject, Reply, SourceAmount,
};
use psk_crypto::{Random, fulfills};
use psk_quote::{Learned, ProbeResult};

use super::path::{PathIndex, ROUNDING};
use super::{AccountError, SendError, SendEvent, SendPayment, SentChunk};
use crate::chunk;
use crate::time::Now;

/// A receiver that refuses so many chunks in a row means it.
const MAX_REFUSALS: u32 = 3;
/// A path that fails so often in a row is given up.
const MAX_PATH_FAILURES: u32 = 10;
/// So many completing chunks in a row may deliver too little before there are pauses between them.
const MAX_COMPLETING_TRIES: u32 = 16;

impl SendPayment {
    pub(super) fn handle_reply(&mut self, packet: Sequence, reply: Reply, now: Now, random: &mut dyn Random) {
        if let Some(probe) = self.probes.remove(&packet) {
            let result = self.probe_result(packet, &probe, &reply, now);
            return self.handle_probe_result(probe, result, now);
        }
        if self.query.is(packet) {
            return self.handle_query_reply(packet, &reply, now);
        }
        if self.is_status_query(packet) {
            return self.handle_status_reply(packet, &reply, now);
        }
        if self.is_message(packet) {
            return self.handle_message_reply(packet, Some(&reply), now, random);
        }
        if self.is_refund_question(packet) {
            return self.handle_refund_reply(packet, &reply, now, random);
        }
        // An answer to a packet that was never sent or was answered before changes nothing.
        let Some(sent) = self.take_sent(packet) else {
            return;
        };
        let handled = match reply {
            Reply::Fulfill(fulfill) => self.handle_fulfill(packet, sent, &fulfill, now, random),
            Reply::Reject(reject) => self.handle_reject(packet, sent, &reject, now, random),
        };
        if let Err(error) = handled {
            self.fail(error.into());
        }
    }

    pub(super) fn handle_not_sent(
        &mut self,
        packet: Sequence,
        reason: String,
        now: Now,
        random: &mut dyn Random,
    ) {
        let result = ProbeResult::Busy(ErrorCode::T01_PEER_UNREACHABLE);
        if self.handle_unfulfillable_lost(packet, result, now, random) {
            return;
        }
        let Some(sent) = self.take_sent(packet) else {
            return;
        };
        self.data_lost(packet);
        if let Err(error) = self.account.reject(sent.source) {
            return self.fail(error.into());
        }
        // The link is down; the idle time-out ends the payment if it stays so, and other paths go on without it.
        let attempts = self.paths.len() > 1;
        let path = self.path_mut(sent.path);
        if path.is_news(&sent) {
            let error = SendError::LinkFailed(reason);
            if path.pause_for_failure(now.monotonic, random.jitter()) >= MAX_PATH_FAILURES && attempts {
                return self.fail_path(sent.path, error);
            }
            path.trouble = Some(error);
        }
    }

    pub(super) fn handle_unanswered(&mut self, packet: Sequence, now: Now, random: &mut dyn Random) {
        if self.handle_unfulfillable_lost(packet, ProbeResult::Unanswered, now, random) {
            return;
        }
        if let Some(sent) = self.chunks.remove(&packet) {
            self.path_mut(sent.path).load.land(&sent);
            if let Err(error) = self.doubt(packet, sent, SendError::Unanswered, now, random) {
                self.fail(error.into());
            }
        }
    }

    /// A packet has no answer. Whether it was one that nobody can fulfill, which asks or says something; `result` is what
    /// it means for a probe.
    fn handle_unfulfillable_lost(
        &mut self,
        packet: Sequence,
        result: ProbeResult,
        now: Now,
        random: &mut dyn Random,
    ) -> bool {
        if let Some(probe) = self.probes.remove(&packet) {
            self.handle_probe_result(probe, result, now);
        } else if self.query.is(packet) {
            self.handle_query_failure(now);
        } else if self.is_status_query(packet) {
            self.handle_status_failure(packet, now);
        } else if self.is_message(packet) {
            self.handle_message_reply(packet, None, now, random);
        } else if self.is_refund_question(packet) {
            self.refund_unanswered(packet, now);
        } else {
            return false;
        }
        true
    }

    /// Packets whose answer is overdue are in doubt.
    pub(super) fn give_up_unanswered(&mut self, now: Now, random: &mut dyn Random) {
        self.give_up_probes(now);
        if now.monotonic < self.no_doubt_before {
            return;
        }
        let due = self.chunks.iter().filter(|(_, sent)| sent.give_up_at <= now.monotonic);
        let due: Vec<Sequence> = due.map(|(&packet, _)| packet).collect();
        for packet in due {
            self.handle_unanswered(packet, now, random);
        }
        let next = self.chunks.values().map(|sent| sent.give_up_at).min();
        self.no_doubt_before = next.unwrap_or(Duration::MAX);
    }

    /// The chunk that an answer belongs to, taken out of flight or out of doubt. In the account it is in flight.
    fn take_sent(&mut self, packet: Sequence) -> Option<Box<SentChunk>> {
        if let Some(sent) = self.chunks.remove(&packet) {
            self.path_mut(sent.path).load.land(&sent);
            return Some(sent);
        }
        let sent = self.doubts.remove(&packet)?;
        self.path_mut(sent.path).load.settle(&sent);
        match self.account.undoubt(sent.source) {
            Ok(()) => Some(sent),
            Err(error) => {
                self.fail(error.into());
                None
            }
        }
    }

    /// Holds the amount of a chunk back that was taken out of flight, but for the account, and slows down: a path that
    /// only makes doubts would soon have the whole budget in them.
    fn doubt(
        &mut self,
        packet: Sequence,
        sent: Box<SentChunk>,
        error: SendError,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(), AccountError> {
        self.account.doubt(sent.source)?;
        self.hope_for_answers();
        self.data_lost(packet);
        let path = self.path_mut(sent.path);
        path.load.hold(&sent);
        path.sizing.on_lost(sent.source);
        self.retry_or_fail(&sent, error, MAX_PATH_FAILURES, now, random);
        self.doubts.insert(packet, sent);
        Ok(())
    }

    fn handle_fulfill(
        &mut self,
        packet: Sequence,
        sent: Box<SentChunk>,
        fulfill: &Fulfill,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(), AccountError> {
        // First of all the preimage (PROTOCOL.md section 4): without it nobody can claim the money, but whether
        // the receiver has shown it to somebody is unknown.
        if !fulfills(&fulfill.fulfillment, &sent.condition) {
            tracing::warn!(sequence = %packet, "a fulfillment that is not the condition's preimage");
            return self.doubt(packet, sent, SendError::Unanswered, now, random);
        }
        // Who knows the preimage has read the packet.
        self.data_arrived(packet);
        let answer = self.open_answer(packet, &fulfill.data, ChunkKind::Fulfillment);
        let said = answer.as_ref().map(|answer| self.read_frames(answer));
        let claimed = answer.as_ref().map(|answer| answer.chunk_amount.at_destination());
        self.path_mut(sent.path).round_trip.on_answer(sent.sent_at, now.monotonic);
        self.status_path_works(sent.sent_at);
        self.count_fulfilled(packet, &sent, claimed, now)?;
        if let Some(answer) = answer {
            self.verify_at_the_end(answer.payment_amount.at_destination());
        }
        match said.and_then(|said| said.status) {
            Some(status) => self.handle_status_beside(status, sent.sent_at, now),
            None => Ok(()),
        }
    }

    /// Counts a chunk that was in flight, and is no more, as fulfilled.
    ///
    /// Who fulfills has got the minimum. A claim of less is a lie, and one that cannot be read leaves the rest open
    /// (ENGINE.md section 4, "Fulfill without data").
    pub(super) fn count_fulfilled(
        &mut self,
        packet: Sequence,
        sent: &SentChunk,
        claimed: Option<DestinationAmount>,
        now: Now,
    ) -> Result<(), AccountError> {
        let path = &mut self.paths[sent.path.0];
        let delivered = claimed.unwrap_or(sent.minimum).max(sent.minimum);
        let unverified = match claimed {
            Some(_) => DestinationAmount::ZERO,
            None => {
                let (_, most) = path.delivers(sent.source, sent.minimum);
                let most = most.max(sent.most);
                most.max(path.shown_rate.delivers_at_most(sent.source)).saturating_sub(delivered)
            }
        };
        self.account.fulfill(sent.source, delivered, unverified)?;
        let newest_doubt = || self.doubts.values().rev().find(|doubt| doubt.path == sent.path);
        let doubt_after = path.cautious && newest_doubt().is_some_and(|doubt| doubt.order > sent.order);
        path.on_fulfilled(sent, doubt_after, now.monotonic);
        path.delivered = path.delivered.saturating_add(delivered);
        if claimed.is_none() {
            self.unread.chunks += 1;
            self.unread.source = self.unread.source.saturating_add(sent.source);
        }
        self.refusals = 0;
        self.first_fulfilled.get_or_insert(packet);
        self.last_progress = now.monotonic;
        if claimed.is_some() {
            // Without the lie, or chunks in flight would be counted for less than their minimums.
            let _ = self.learn_rate(sent.path, sent.source, delivered);
        }
        let (source, delivered) = (sent.source, claimed);
        self.events.push_back(SendEvent::ChunkFulfilled { sequence: packet, source, delivered });
        Ok(())
    }

    fn handle_reject(
        &mut self,
        packet: Sequence,
        sent: Box<SentChunk>,
        reject: &Reject,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(), AccountError> {
        if reject.code == ErrorCode::R00_TRANSFER_TIMED_OUT {
            // A hop gave up waiting; the receiver may have fulfilled all the same.
            self.path_mut(sent.path).on_timed_out(&sent, now.monotonic);
            return self.doubt(packet, sent, rejected(reject), now, random);
        }
        let answer = self.open_answer(packet, &reject.data, ChunkKind::Reject);
        self.account.reject(sent.source)?;
        let round_trip = &mut self.path_mut(sent.path).round_trip;
        match answer.is_some() {
            true => round_trip.on_answer(sent.sent_at, now.monotonic),
            false => round_trip.on_rejected_by_hop(sent.sent_at),
        }
        let sizing = &mut self.path_mut(sent.path).sizing;
        match reject.code.is_busy() {
            true => sizing.on_busy(sent.source),
            false => sizing.on_lost(sent.source),
        }
        let said = answer.as_ref().map(|answer| self.read_frames(answer));
        let data_refused = said.as_ref().is_some_and(|said| said.data_refused);
        let was_read = said.as_ref().is_some_and(|said| said.has_record());
        match was_read && self.has_begun() && !data_refused {
            true => self.data_arrived(packet),
            // Without a record of the payment, what was read is forgotten.
            false => self.data_lost(packet),
        }
        if data_refused {
            // Not the money: it goes again, alone. If it was alone already, the receiver does not want it.
            if self.left_without_data(packet) {
                self.handle_refusal(&sent, now, random);
            }
            return Ok(());
        }
        if let Some(closed) = said.and_then(|said| said.closed) {
            self.fail(closed);
            return Ok(());
        }
        let arrived = answer.map(|answer| answer.chunk_amount.at_destination());
        self.react_to_reject(&sent, reject, arrived, now, random);
        Ok(())
    }

    /// What a payment does otherwise from now on, by the code of a reject and what the receiver says that `arrived`.
    fn react_to_reject(
        &mut self,
        sent: &SentChunk,
        reject: &Reject,
        arrived: Option<DestinationAmount>,
        now: Now,
        random: &mut dyn Random,
    ) {
        match (reject.code, arrived) {
            (ErrorCode::F99_APPLICATION_ERROR, Some(arrived)) if arrived < sent.minimum => {
                self.handle_too_little(sent, arrived, now, random);
            }
            (ErrorCode::F99_APPLICATION_ERROR, None) if self.peer.knows_frames() => {
                // Not the receiver's word: a hop's.
                self.retry_or_fail(sent, rejected(reject), MAX_PATH_FAILURES, now, random);
            }
            (ErrorCode::F99_APPLICATION_ERROR, _) => self.handle_refusal(sent, now, random),
            (ErrorCode::F08_AMOUNT_TOO_LARGE, _) => self.handle_too_large(sent, reject),
            (ErrorCode::F02_UNREACHABLE, _) => {
                // Credentials are resolved by our caller; a route may come back within moments.
                self.retry_or_fail(sent, rejected(reject), MAX_REFUSALS, now, random);
            }
            (ErrorCode::T04_INSUFFICIENT_LIQUIDITY, _) => {
                self.handle_no_liquidity(sent, reject, now, random);
            }
            (code, _) if code.is_busy() => {
                if code == ErrorCode::T03_CONNECTOR_BUSY {
                    self.data_had_no_room(sent.sent_at, now);
                }
                let path = self.path_mut(sent.path);
                path.trouble = Some(rejected(reject));
                let lost = path.lost(sent, now.monotonic);
                path.controller.on_busy(&lost, random.jitter());
            }
            (ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT, _)
                if self.path_mut(sent.path).arrived.is_too_small(sent.source) && sent.completing =>
            {
                // Rounded down to nothing on the way: of a thousandth more no second unit arrives.
                let more = SourceAmount::new((sent.source.units() / 1_024).max(1));
                self.completing_was_too_small(sent, more, now, random);
            }
            (ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT, _) => {
                self.path_mut(sent.path).sizing.on_too_small(sent.source);
                self.retry_or_fail(sent, rejected(reject), MAX_PATH_FAILURES, now, random);
            }
            (ErrorCode::R02_INSUFFICIENT_TIMEOUT, _) => {
                self.path_mut(sent.path).on_too_little_time();
                self.retry_or_fail(sent, rejected(reject), MAX_PATH_FAILURES, now, random);
            }
            (code, _) => match code.class() {
                ErrorClass::Temporary | ErrorClass::Relative => {
                    self.back_off_path(sent, reject, now, random);
                }
                _ => self.fail_path(sent.path, rejected(reject)),
            },
        }
    }

    /// F99 and an authentic word that less than the minimum arrived: the rate has moved, or a completing chunk was
    /// cut too small.
    fn handle_too_little(
        &mut self,
        sent: &SentChunk,
        arrived: DestinationAmount,
        now: Now,
        random: &mut dyn Random,
    ) {
        let learned = self.learn_rate(sent.path, sent.source, arrived);
        let path = self.path_mut(sent.path);
        if sent.completing {
            let short = sent.minimum.saturating_sub(arrived);
            // At rates of at most one, so many source units more deliver no more than that; half of it, for rates on the
            // way may be higher.
            let dear = path.rate.high().cost_floor(short);
            let more = dear.min(SourceAmount::new(short.units() / 2)).max(SourceAmount::new(1));
            self.completing_was_too_small(sent, more, now, random);
        } else if learned == Learned::Fits && path.may_round_away(sent.source, sent.minimum) {
            // The rate stands, and rounding took too much of this size: others are looked for.
            path.arrived.fell_short();
            path.trouble = Some(SendError::RateTooLow);
            let rounded_up = sent.minimum > path.minimum_rate.worth_floor(sent.source);
            if rounded_up && path.is_news(sent) {
                // Small ones have taken too much already, and larger ones may not pass at present.
                path.pause_for_rate(now.monotonic, random.jitter());
            }
        } else if path.is_news(sent) {
            self.await_better_rate(sent.path, now, random);
        }
    }

    /// The next completing chunk has to be larger by so much.
    fn completing_was_too_small(
        &mut self,
        sent: &SentChunk,
        more: SourceAmount,
        now: Now,
        random: &mut dyn Random,
    ) {
        let path = self.path_mut(sent.path);
        // Its minimum was all that was missing.
        let at_least = sent.source.saturating_add(more);
        let tries = path.too_small_to_complete.add(sent.source, sent.minimum, at_least);
        if tries > MAX_COMPLETING_TRIES {
            path.trouble = Some(SendError::RateTooLow);
            // It is no failure of the path.
            path.pause_for_rate(now.monotonic, random.jitter());
        }
    }

    /// Below the minimum rate nothing is sent: try again after a while, until a deadline ends it.
    pub(super) fn await_better_rate(&mut self, index: PathIndex, now: Now, random: &mut dyn Random) {
        let path = self.path_mut(index);
        path.trouble = Some(SendError::RateTooLow);
        path.awaits_rate = true;
        // What was learned below the minimum is nothing to cut chunks by: fulfilled they are at a better rate only.
        path.rate = path.shown_rate;
        path.arrived.start_again(&path.search);
        path.pause_for_rate(now.monotonic, random.jitter());
    }

    /// F99 for another reason, or for data that the chunk does not carry: the receiver does not want it.
    fn handle_refusal(&mut self, sent: &SentChunk, now: Now, random: &mut dyn Random) {
        if self.peer.knows_frames() && !self.path_mut(sent.path).is_news(sent) {
            // What was in flight together is refused together, and counts once. A plain receiver that means it says nothing else.
            return;
        }
        self.refusals += 1;
        if self.refusals >= MAX_REFUSALS {
            return self.fail(SendError::Refused);
        }
        self.path_mut(sent.path).pause_for_failure(now.monotonic, random.jitter());
    }

    fn handle_too_large(&mut self, sent: &SentChunk, reject: &Reject) {
        let path = self.path_mut(sent.path);
        if sent.source <= path.smallest_chunk() {
            return self.fail_path(sent.path, rejected(reject));
        }
        path.trouble = Some(rejected(reject));
        // A larger chunk that was only tried says nothing of the others in flight.
        path.cautious |= sent.source <= path.sizing.passed();
        path.sizing.on_too_large(sent.source, AmountTooLarge::decode(&reject.data).ok());
    }

    /// T04: less at once; and when it was a chunk alone, smaller or later.
    fn handle_no_liquidity(&mut self, sent: &SentChunk, reject: &Reject, now: Now, random: &mut dyn Random) {
        let path = self.path_mut(sent.path);
        path.trouble = Some(rejected(reject));
        let lost = path.lost(sent, now.monotonic);
        path.controller.on_no_liquidity(&lost);
        if !sent.beside.is_zero() {
            path.sizing.on_no_liquidity(sent.source);
            return;
        }
        let again_and_again = path.sizing.on_no_liquidity_alone(sent.source);
        // A controller that waits by itself knows better for how long, unless it is wrong.
        if again_and_again || path.controller.next_send() <= now.monotonic {
            let (_, pause) = path.liquidity_patience.lose(random.jitter());
            path.pause(now.monotonic, pause);
        }
    }

    fn back_off_path(&mut self, sent: &SentChunk, reject: &Reject, now: Now, random: &mut dyn Random) {
        let path = self.path_mut(sent.path);
        if !path.is_news(sent) {
            return;
        }
        let attempts = path.pause_for_failure(now.monotonic, random.jitter());
        if attempts >= MAX_PATH_FAILURES {
            return self.fail_path(sent.path, SendError::PathFailed { code: reject.code, attempts });
        }
        path.trouble = Some(rejected(reject));
    }

    fn retry_or_fail(
        &mut self,
        sent: &SentChunk,
        error: SendError,
        max_attempts: u32,
        now: Now,
        random: &mut dyn Random,
    ) {
        let path = self.path_mut(sent.path);
        if !path.is_news(sent) {
            return;
        }
        if path.pause_for_failure(now.monotonic, random.jitter()) >= max_attempts {
            return self.fail_path(sent.path, error);
        }
        path.trouble = Some(error);
    }

    /// Takes what arrived of a packet.
    pub(super) fn learn_rate(
        &mut self,
        index: PathIndex,
        source: SourceAmount,
        delivered: DestinationAmount,
    ) -> Learned {
        let learned = self.path_mut(index).arrived.learn(source, delivered);
        self.learned(index, source, Some(delivered), learned);
        learned
    }

    /// What arrived of a packet has been taken in. If it contradicts what was known, the rate has moved; by a few units,
    /// that is no news for anybody.
    pub(super) fn learned(
        &mut self,
        index: PathIndex,
        source: SourceAmount,
        delivered: Option<DestinationAmount>,
        learned: Learned,
    ) {
        let Some(delivered) = delivered else { return };
        let path = &mut self.paths[index.0];
        let before = path.rate;
        path.rate = path.arrived.rate();
        if !delivered.is_zero() {
            path.on_size_passed(source);
        }
        if learned == Learned::Fits {
            return;
        }
        let (least, most) = (before.delivers_at_least(source), before.delivers_at_most(source));
        let near = least <= delivered.saturating_add(ROUNDING) && delivered <= most;
        let rate = path.rate;
        self.reckon_anew(index);
        if !near {
            self.rate_changes += 1;
            self.events.push_back(SendEvent::RateMoved { path: index, rate });
        }
    }

    /// The rate has moved: what is in flight or in doubt may deliver more than it was reckoned to.
    fn reckon_anew(&mut self, index: PathIndex) {
        let path = &mut self.paths[index.0];
        for chunk in self.chunks.values_mut().chain(self.doubts.values_mut()) {
            if chunk.path == index {
                let (least, most) = path.delivers(chunk.source, chunk.minimum);
                path.load.reckon_anew(chunk, (least.min(chunk.least), most.max(chunk.most)));
            }
        }
    }

    /// The receiver's authentic answer to a packet, if this is one.
    fn open_answer(&self, packet: Sequence, data: &[u8], kind: ChunkKind) -> Option<ChunkPacket> {
        chunk::open_answer(data, kind, (self.config.payment_id, packet), &self.keys)
    }

    /// What a hop says of a question over this path, which left at `sent_at`: the next one may be another.
    pub(super) fn learn_from_question(&mut self, path: PathIndex, sent_at: Duration, reply: &Reply) {
        if let Reply::Reject(reject) = reply {
            self.path_mut(path).on_question_rejected(reject, sent_at);
        }
    }

    /// The same to a packet that nobody can fulfill.
    pub(super) fn open_answer_to_question(&self, packet: Sequence, reply: &Reply) -> Option<ChunkPacket> {
        self.probe(packet).open_answer(&self.keys, reply).ok()
    }
}

fn rejected(reject: &Reject) -> SendError {
    SendError::Rejected { code: reject.code, message: reject.message_text().into_owned() }
}
