//! What the answers to packets mean for the payment (PROTOCOL.md section 4, the reply table).

use psk_codec::psk::{ChunkKind, ChunkPacket, Sequence};
use psk_codec::{
    AmountTooLarge, DestinationAmount, ErrorClass, ErrorCode, Fulfill, Reject, Reply, SourceAmount,
};
use psk_crypto::{Random, fulfills};
use psk_quote::{ProbeResult, RateInterval};

use super::{AccountError, Lost, SendError, SendEvent, SendPayment, SentChunk, SentProbe};
use crate::chunk;
use crate::time::Now;

/// A receiver that refuses so many chunks in a row means it.
const MAX_REFUSALS: u32 = 3;
/// A path that fails so often in a row is given up.
const MAX_PATH_FAILURES: u32 = 10;
/// Packets are valid for at most so long: what connectors cap it to.
const MAX_PACKET_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
/// By so many destination units a packet may fall short for the rounding of several hops.
const ROUNDING: u64 = 4;

impl SendPayment {
    pub(super) fn handle_reply(&mut self, packet: Sequence, reply: Reply, now: Now, random: &mut dyn Random) {
        if let Some(SentProbe { source: amount, .. }) = self.probes.remove(&packet) {
            let result = self.probe(packet).result(&self.keys, &reply);
            return self.handle_probe_result(amount, result, now);
        }
        if self.query.is(packet) {
            return self.handle_query_reply(packet, &reply, now);
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
        if let Some(SentProbe { source: amount, .. }) = self.probes.remove(&packet) {
            let result = ProbeResult::Busy(ErrorCode::T01_PEER_UNREACHABLE);
            return self.handle_probe_result(amount, result, now);
        }
        if self.query.is(packet) {
            return self.handle_query_failure(now);
        }
        let Some(sent) = self.take_sent(packet) else {
            return;
        };
        if let Err(error) = self.account.reject(sent.source) {
            return self.fail(error.into());
        }
        if self.is_news(sent) {
            // The link is down; the idle time-out ends it if it stays so.
            self.trouble = Some(SendError::LinkFailed(reason));
            self.pause_for_path(now, random);
        }
    }

    pub(super) fn handle_unanswered(&mut self, packet: Sequence, now: Now, random: &mut dyn Random) {
        if let Some(SentProbe { source: amount, .. }) = self.probes.remove(&packet) {
            return self.handle_probe_result(amount, ProbeResult::Unanswered, now);
        }
        if self.query.is(packet) {
            return self.handle_query_failure(now);
        }
        if let Some(sent) = self.chunks.remove(&packet)
            && let Err(error) = self.doubt(packet, sent, SendError::Unanswered, now, random)
        {
            self.fail(error.into());
        }
    }

    /// Packets whose answer is overdue are in doubt.
    pub(super) fn give_up_unanswered(&mut self, now: Now, random: &mut dyn Random) {
        self.give_up_probes(now);
        while let Some((&packet, sent)) = self.chunks.first_key_value()
            && sent.give_up_at <= now.monotonic
        {
            self.handle_unanswered(packet, now, random);
        }
    }

    /// The chunk that an answer belongs to, taken out of flight or out of doubt.
    fn take_sent(&mut self, packet: Sequence) -> Option<SentChunk> {
        if let Some(sent) = self.chunks.remove(&packet) {
            return Some(sent);
        }
        let sent = self.doubts.remove(&packet)?;
        match self.account.undoubt(sent.source) {
            Ok(()) => Some(sent),
            Err(error) => {
                self.fail(error.into());
                None
            }
        }
    }

    /// Holds the amount back, and slows down: a path that only makes doubts would soon have the whole budget in them.
    fn doubt(
        &mut self,
        packet: Sequence,
        sent: SentChunk,
        error: SendError,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(), AccountError> {
        self.account.doubt(sent.source)?;
        self.sizing.on_lost(sent.source);
        self.doubts.insert(packet, sent);
        self.retry_or_fail(sent, error, MAX_PATH_FAILURES, now, random);
        Ok(())
    }

    fn handle_fulfill(
        &mut self,
        packet: Sequence,
        sent: SentChunk,
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
        let answer = self.open_answer(packet, &fulfill.data, ChunkKind::Fulfillment);
        let claimed = answer.map(|answer| answer.chunk_amount.at_destination());
        // Who fulfills has got the minimum. A claim of less is a lie, and one that cannot be read leaves the rest
        // open (ENGINE.md section 4, "Fulfill without data").
        let delivered = claimed.unwrap_or(sent.minimum).max(sent.minimum);
        let unverified = match claimed {
            Some(_) => DestinationAmount::ZERO,
            None => {
                let most = self.rate.delivers_at_most(sent.source);
                most.max(self.shown_rate.delivers_at_most(sent.source)).saturating_sub(delivered)
            }
        };
        self.account.fulfill(sent.source, delivered, unverified)?;
        self.controller.on_fulfilled(sent.source, self.account.in_flight);
        self.sizing.on_fulfilled(sent.source);
        self.path_patience.restore();
        self.rate_patience.restore();
        self.refusals = 0;
        self.cautious = false;
        self.trouble = None;
        self.restart_completing();
        self.last_progress = now.monotonic;
        if claimed.is_some() {
            // Without the lie, or chunks in flight would be counted for less than their minimums.
            self.learn_rate(sent.source, delivered);
        }
        let (source, delivered) = (sent.source, claimed);
        self.events.push_back(SendEvent::ChunkFulfilled { sequence: packet, source, delivered });
        Ok(())
    }

    fn handle_reject(
        &mut self,
        packet: Sequence,
        sent: SentChunk,
        reject: &Reject,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(), AccountError> {
        if reject.code == ErrorCode::R00_TRANSFER_TIMED_OUT {
            // A hop gave up waiting; the receiver may have fulfilled all the same.
            return self.doubt(packet, sent, rejected(reject), now, random);
        }
        self.account.reject(sent.source)?;
        self.sizing.on_lost(sent.source);
        let answer = self.open_answer(packet, &reject.data, ChunkKind::Reject);
        let arrived = answer.map(|answer| answer.chunk_amount.at_destination());
        match (reject.code, arrived) {
            (ErrorCode::F99_APPLICATION_ERROR, Some(arrived)) if arrived < sent.minimum => {
                self.handle_too_little(sent, arrived, now, random);
            }
            (ErrorCode::F99_APPLICATION_ERROR, _) => self.handle_refusal(now, random),
            (ErrorCode::F08_AMOUNT_TOO_LARGE, _) => self.handle_too_large(sent, reject),
            (ErrorCode::F02_UNREACHABLE, _) => {
                // Credentials are resolved by our caller; a route may come back within moments.
                self.retry_or_fail(sent, rejected(reject), MAX_REFUSALS, now, random);
            }
            (ErrorCode::T04_INSUFFICIENT_LIQUIDITY, _) => {
                self.handle_no_liquidity(sent, reject, now, random);
            }
            (ErrorCode::T02_PEER_BUSY | ErrorCode::T03_CONNECTOR_BUSY | ErrorCode::T05_RATE_LIMITED, _) => {
                self.trouble = Some(rejected(reject));
                self.controller.on_busy(self.lost(sent), now.monotonic, random.jitter());
            }
            (ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT, _)
                if sent.completing && self.rate.delivers_at_least(sent.source).is_zero() =>
            {
                // Rounded down to nothing on the way: the same as arriving with nothing.
                self.handle_too_little(sent, DestinationAmount::ZERO, now, random);
            }
            (ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT, _) => {
                self.sizing.on_too_small(sent.source);
                self.retry_or_fail(sent, rejected(reject), MAX_PATH_FAILURES, now, random);
            }
            (ErrorCode::R02_INSUFFICIENT_TIMEOUT, _) => {
                self.packet_timeout = (self.packet_timeout.saturating_mul(3) / 2).min(MAX_PACKET_TIMEOUT);
                self.retry_or_fail(sent, rejected(reject), MAX_PATH_FAILURES, now, random);
            }
            (code, _) => match code.class() {
                ErrorClass::Temporary | ErrorClass::Relative => {
                    self.back_off_path(sent, reject, now, random);
                }
                _ => self.fail(rejected(reject)),
            },
        }
        Ok(())
    }

    /// F99 and an authentic word that less than the minimum arrived: the rate has moved, or a completing chunk was
    /// cut too small.
    fn handle_too_little(
        &mut self,
        sent: SentChunk,
        arrived: DestinationAmount,
        now: Now,
        random: &mut dyn Random,
    ) {
        self.learn_rate(sent.source, arrived);
        if sent.completing {
            let short = sent.minimum.saturating_sub(arrived);
            let more = self.rate.high().cost_floor(short).max(SourceAmount::new(1));
            self.completing_floor = sent.source.saturating_add(more);
            self.completing_failed = self.completing_failed.max(sent.source);
        } else if self.is_news(sent) {
            self.await_better_rate(now, random);
        }
    }

    /// Below the minimum rate nothing is sent: try again after a while, until a deadline ends it.
    pub(super) fn await_better_rate(&mut self, now: Now, random: &mut dyn Random) {
        self.trouble = Some(SendError::RateTooLow);
        // What was learned below the minimum is nothing to cut chunks by: fulfilled they are at a better rate only.
        self.rate = self.shown_rate;
        let (_, pause) = self.rate_patience.lose(random.jitter());
        self.pause(now, pause);
    }

    /// F99 for another reason: the receiver does not want this chunk.
    fn handle_refusal(&mut self, now: Now, random: &mut dyn Random) {
        self.refusals += 1;
        if self.refusals >= MAX_REFUSALS {
            return self.fail(SendError::Refused);
        }
        self.pause_for_path(now, random);
    }

    fn handle_too_large(&mut self, sent: SentChunk, reject: &Reject) {
        if sent.source <= self.sizing.minimum() {
            return self.fail(rejected(reject));
        }
        self.trouble = Some(rejected(reject));
        // A larger chunk that was only tried says nothing of the others in flight.
        self.cautious |= sent.source <= self.sizing.passed();
        self.sizing.on_too_large(sent.source, AmountTooLarge::decode(&reject.data).ok());
    }

    /// T04: less at once; and when it was a chunk alone, smaller or later.
    fn handle_no_liquidity(&mut self, sent: SentChunk, reject: &Reject, now: Now, random: &mut dyn Random) {
        self.trouble = Some(rejected(reject));
        if !sent.beside.is_zero() {
            self.sizing.on_no_liquidity(sent.source);
            self.controller.on_no_liquidity(self.lost(sent));
            return;
        }
        self.sizing.on_no_liquidity_alone(sent.source);
        self.pause_for_path(now, random);
    }

    fn back_off_path(&mut self, sent: SentChunk, reject: &Reject, now: Now, random: &mut dyn Random) {
        if !self.is_news(sent) {
            return;
        }
        let attempts = self.pause_for_path(now, random);
        if attempts >= MAX_PATH_FAILURES {
            return self.fail(SendError::PathFailed { code: reject.code, attempts });
        }
        self.trouble = Some(rejected(reject));
    }

    fn retry_or_fail(
        &mut self,
        sent: SentChunk,
        error: SendError,
        max_attempts: u32,
        now: Now,
        random: &mut dyn Random,
    ) {
        if !self.is_news(sent) {
            return;
        }
        if self.pause_for_path(now, random) >= max_attempts {
            return self.fail(error);
        }
        self.trouble = Some(error);
    }

    /// Counts a failure of the path and pauses, longer each time: how many there were since something worked.
    fn pause_for_path(&mut self, now: Now, random: &mut dyn Random) -> u32 {
        let (attempts, pause) = self.path_patience.lose(random.jitter());
        self.pause(now, pause);
        attempts
    }

    /// Whether a packet was sent after the last time that a failure made the payment pause. What was in flight then
    /// fails together, and counts once.
    fn is_news(&mut self, sent: SentChunk) -> bool {
        let news = sent.order > self.paused_at;
        if news {
            self.paused_at = self.chunks_sent;
            self.cautious = true;
        }
        news
    }

    /// Narrows what is known of the rate. When a packet does not fit, either several hops rounded, which says
    /// nothing new, or the rate has moved.
    fn learn_rate(&mut self, source: SourceAmount, delivered: DestinationAmount) {
        let Some(shown) = RateInterval::of_packet(source, delivered) else {
            return;
        };
        if let Some(both) = self.rate.intersect(&shown) {
            self.rate = both;
            return;
        }
        let rounding = DestinationAmount::new(ROUNDING);
        let least = self.rate.delivers_at_least(source);
        if delivered <= least && least <= delivered.saturating_add(rounding) {
            return;
        }
        self.rate = shown;
        self.rate_changes += 1;
        self.events.push_back(SendEvent::RateMoved { rate: shown });
    }

    fn lost(&self, sent: SentChunk) -> Lost {
        Lost { amount: sent.source, in_flight: sent.beside, order: sent.order, newest: self.chunks_sent }
    }

    fn open_answer(&self, packet: Sequence, data: &[u8], kind: ChunkKind) -> Option<ChunkPacket> {
        chunk::open_answer(data, kind, (self.config.payment_id, packet), &self.keys)
    }
}

fn rejected(reject: &Reject) -> SendError {
    SendError::Rejected { code: reject.code, message: reject.message_text().into_owned() }
}
