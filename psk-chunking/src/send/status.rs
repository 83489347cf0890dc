//! Asking a receiver that knows frames which chunks it has fulfilled (docs/frames.md, StatusRequest).
//!
//! Its word settles what is overdue or in doubt. *Fulfilled* is believed at once: then the money counts as sent, which
//! it was. *Not fulfilled* is believed only of chunks that can arrive no more, after their expiry and a grace: a
//! receiver that lies must not get more than the budget.
//!
//! The last chunks of a payment ask too, so that a lost answer to one is made good by the answer to another.

use std::collections::BTreeSet;
use std::time::Duration;

use psk_codec::Reply;
use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{SequenceRanges, Status};
use psk_crypto::Random;
use psk_quote::ProbeResult;

use super::packets::Asked;
use super::path::PathIndex;
use super::questions::Questions;
use super::told::{Beside, Told};
use super::{AccountError, Output, Phase, SendPayment, SentChunk, Target, Unread};
use crate::time::Now;

/// The question for the receiver's status.
#[derive(Debug, Default)]
pub(super) struct StatusQuery {
    questions: Questions,
    not_before: Duration,
    /// When it was last asked.
    asked_at: Duration,
    /// Questions in a row that settled nothing.
    in_vain: u32,
    /// Questions in a row without an answer.
    unanswered: u32,
    /// When the first of them was asked, and when the last of them was given up.
    silent: (Duration, Duration),
    /// The path over which the last one had no answer: the next one goes over another, if there is one.
    failed_over: Option<PathIndex>,
    /// The receiver has told all that it can, or what it tells contradicts itself.
    over: bool,
    /// The receiver has answered a question that was asked after the payment failed, when nothing was in flight any more.
    last_word: bool,
    /// Since when, after the payment failed, a hop has had no room for questions.
    busy_since: Option<Duration>,
    /// Chunks in doubt of which the receiver has said that it does not know.
    known_to_nobody: BTreeSet<Sequence>,
    beside: Beside,
}

/// So many questions in a row without an answer, for so long: nobody will answer.
const MAX_UNANSWERED: (u32, Duration) = (8, Duration::from_secs(15));
/// After a payment has failed, less is enough; but a process or a link that works may stand still for a moment, whatever
/// its round trip.
const MAX_UNANSWERED_AT_THE_END: (u32, Duration) = (3, Duration::from_secs(3));
/// For so long a payment that has failed, or whose receiver is plain, asks a hop again that has no room for its questions, and
/// takes that for no silence.
pub(super) const PATIENCE_WHEN_BUSY: Duration = Duration::from_secs(15);
/// The longest pause between two questions.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The pause doubles so often while the path is busy.
const MOST_DOUBLINGS_WHEN_BUSY: u32 = 3;
/// Before so many chunks have been fulfilled without a word, the receiver is asked what has arrived.
const MOST_UNREAD: u64 = 16;
/// For so long receivers remember a payment at least, whatever becomes of it: ours does so when it has no room.
const SURELY_REMEMBERED: Duration = Duration::from_secs(60);
/// Before anything is known of the path's round trip.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);

impl SendPayment {
    /// Asks, if there is something to ask and it is time.
    pub(super) fn poll_status(&mut self, now: Now, random: &mut dyn Random) -> Option<Output> {
        if let Some(asked) = self.status.questions.in_flight() {
            if now.monotonic < asked.give_up_at {
                return None;
            }
            self.status.questions.miss();
            self.question_failed(asked, now);
        }
        let wants = |payment: &Self| payment.wants_status() || payment.waits_for_late_answers(now.monotonic);
        if !wants(self) || !self.can_ask() {
            return None;
        }
        let is_time = now.monotonic >= self.status.not_before;
        // What has been told already need not be asked.
        let settled = (is_time || self.status.beside.tells_much()) && self.applies_status_beside(now);
        if !is_time || settled && !wants(self) {
            return None;
        }
        let (question, about) = self.question_for_status();
        match self.send_question(question, now, random) {
            Ok((path, packet, output)) => {
                let give_up_at = now.monotonic.saturating_add(self.patience_of(path));
                let asked = Asked { about, ..self.asked((path, packet), give_up_at, now) };
                self.status.asked_at = now.monotonic;
                self.status.questions.ask(asked);
                Some(output)
            }
            Err(error) => {
                // The key must not seal more: what is unknown stays unknown.
                self.status.over = true;
                self.fail(error);
                None
            }
        }
    }

    /// When the question has to be looked at again.
    pub(super) fn status_wakes_at(&self, now: Duration) -> Option<Duration> {
        match self.status.questions.in_flight() {
            Some(asked) => Some(asked.give_up_at),
            None => {
                let late = if self.wants_status() { Some(now) } else { self.last_answers_late_at() };
                let at = late.filter(|_| self.can_ask())?;
                Some(at.max(self.status.not_before))
            }
        }
    }

    /// Whether the answers to the last chunks should have come, and the payment waits for nothing else: then asking costs
    /// a packet and saves time. Sooner than they are overdue, for those are taken for lost.
    fn waits_for_late_answers(&self, now: Duration) -> bool {
        self.late_at().is_some_and(|late| late <= now) && self.nothing_is_left()
    }

    /// When that will be so, if nothing comes.
    fn last_answers_late_at(&self) -> Option<Duration> {
        self.late_at().filter(|_| self.nothing_is_left())
    }

    /// When the answer to the newest chunk in flight should have come.
    fn late_at(&self) -> Option<Duration> {
        let (_, newest) = self.chunks.last_key_value().filter(|_| self.peer.knows_frames())?;
        let expected = self.path(newest.path).round_trip.expected()?;
        Some(newest.sent_at.saturating_add(expected))
    }

    pub(super) fn is_status_query(&self, packet: Sequence) -> bool {
        self.status.questions.find(packet).is_some()
    }

    /// Whether the receiver can be asked at all.
    fn can_ask(&self) -> bool {
        let (most, longest) = match self.phase {
            // One word at the end is enough: what it leaves unknown is reported.
            Phase::Draining(_) if self.status.last_word => return false,
            Phase::Draining(_) => MAX_UNANSWERED_AT_THE_END,
            _ => MAX_UNANSWERED,
        };
        // What can still arrive is asked about until it cannot.
        let drains = matches!(self.phase, Phase::Draining(_));
        let on_its_way =
            || !drains && self.doubts.values().any(|chunk| chunk.give_up_at > self.status.asked_at);
        let (since, until) = self.status.silent;
        let is_silent = self.status.unanswered >= most && until.saturating_sub(since) >= longest;
        let may_answer = !is_silent || on_its_way();
        self.peer.knows_frames() && !self.status.over && may_answer
    }

    fn wants_status(&self) -> bool {
        let overdue = self.paths.iter().any(|path| path.load.overdue_packets > 0);
        let quiet = self.chunks.is_empty() && self.unread.chunks > 0;
        overdue || quiet || !self.doubts.is_empty() || self.is_much_unread()
    }

    /// Whether something is unknown that the receiver can still tell.
    pub(super) fn awaits_status(&self) -> bool {
        // A chunk without a word may have brought more than was thought possible.
        self.is_something_unknown() && (self.can_ask() || self.status.questions.in_flight().is_some())
    }

    fn is_something_unknown(&self) -> bool {
        !self.doubts.is_empty() || self.unread.chunks > 0
    }

    /// What became of a chunk has just become unknown, or known although questions have no answer: it is asked once more.
    pub(super) fn hope_for_answers(&mut self) {
        let status = &mut self.status;
        status.unanswered = status.unanswered.min(MAX_UNANSWERED.0 - MAX_UNANSWERED_AT_THE_END.0);
        status.in_vain = status.in_vain.min(MOST_DOUBLINGS_WHEN_BUSY);
        status.busy_since = None;
    }

    /// A chunk that was sent at `sent_at` is fulfilled: if questions had no answer before, the path works again.
    pub(super) fn status_path_works(&mut self, sent_at: Duration) {
        if self.status.unanswered > 0 && sent_at > self.status.silent.1 {
            self.hope_for_answers();
        }
    }

    /// A payment that has failed asks about what is unknown too.
    pub(super) fn wants_last_word(&self) -> bool {
        self.awaits_status() || self.status.questions.in_flight().is_some()
    }

    /// Whether more than a `part` of what may be unverified at once is: then it is time to ask, and with a part of 1 to
    /// stop.
    pub(super) fn is_much_unverified(&self, part: u64) -> bool {
        if self.account.unverified.is_zero() {
            return false;
        }
        let unverified = self.account.unverified.units();
        let allowed = self.config.max_unverified_ppm;
        let payment = match self.config.target {
            Target::Destination(amount) => amount.units(),
            Target::Source(amount) => {
                let worth = self.paths.iter().map(|path| path.shown_rate.delivers_at_least(amount).units());
                worth.max().unwrap_or_default()
            }
        };
        let budget = u128::from(payment) * u128::from(allowed) / u128::from(psk_quote::PPM);
        // One chunk is always allowed, or nothing could be sent.
        u128::from(unverified) * u128::from(part) > budget && self.account.chunks_fulfilled > 1
    }

    /// Whether it is time to ask for what answers do not say. Where an amount is to be hit, often: the rate may rise, and
    /// what has arrived beyond it does not come back.
    fn is_much_unread(&self) -> bool {
        let aims = matches!(self.config.target, Target::Destination(_));
        aims && self.unread.chunks >= MOST_UNREAD || self.is_much_unverified(2)
    }

    pub(super) fn handle_status_reply(&mut self, packet: Sequence, reply: &Reply, now: Now) {
        let Some(asked) = self.status.questions.find(packet) else { return };
        self.learn_from_question(asked.path, asked.sent_at, reply);
        let answer = match self.probe(packet).open_answer(&self.keys, reply) {
            Err(result) if is_busy(result) && self.is_patient_with_busy(asked.sent_at, now) => {
                return self.ask_a_busy_path_again(asked, now);
            }
            answer => answer.ok(),
        };
        let said = answer.map(|answer| self.read_frames(&answer)).unwrap_or_default();
        let Some(status) = said.status else { return self.handle_status_failure(packet, now) };
        let of_some = asked.about.zip(said.unknown.as_ref());
        let told =
            of_some.map_or_else(|| Told::new(&status), |(last, unknown)| Told::about(&status, last, unknown));
        if self.status.questions.is_in_time(packet) {
            self.paths[asked.path.0].round_trip.on_answer(asked.sent_at, now.monotonic);
        }
        self.status.unanswered = 0;
        self.status.failed_over = None;
        // Chunks in time are left to their answers, which say more; but where answers say nothing, they are not, nor when
        // the payment waits for nothing else.
        let all = self.waits_for_late_answers(now.monotonic) || self.is_much_unread();
        match self.apply_status(&status, &told, asked.sent_at, all, now) {
            Ok(settled) => {
                let settled = self.status.learn_unknown(said.unknown.as_ref(), self.doubts.keys()) || settled;
                // Otherwise the receiver may have spoken before the last chunks arrived.
                let knows_all = asked.chunks_before == Some(self.chunks_sent());
                // Of what may still arrive, only fulfilled is believed.
                let on_its_way = self.doubts.values().any(|chunk| chunk.give_up_at > asked.sent_at);
                let is_final = knows_all && !on_its_way && (!settled || self.is_about_all(&told));
                self.status.last_word |= is_final && matches!(self.phase, Phase::Draining(_));
                // Nothing is on its way any more, and nothing was settled: the next answer will be the same.
                self.status.over |= !settled && !on_its_way && knows_all && self.is_something_unknown();
                if self.status.questions.land(packet) {
                    self.ask_again_after(asked.path, settled, now);
                }
            }
            Err(error) => self.fail(error.into()),
        }
    }

    /// A status has come with the answer to a chunk that was sent at `sent_at`. If it names all that has no answer, nothing
    /// need be awaited; else it is kept until answers are late.
    pub(super) fn handle_status_beside(
        &mut self,
        status: Status,
        sent_at: Duration,
        now: Now,
    ) -> Result<(), AccountError> {
        let unanswered = (self.chunks.len() + self.doubts.len()) as u64;
        let most = self.account.chunks_fulfilled.saturating_add(unanswered);
        let chunks = u64::from(status.chunks);
        if chunks > most {
            // More than was sent: whatever that is, it is not looked through.
            return Ok(());
        }
        // The receiver's data may be in the answers that are still to come.
        let ends = self.nothing_is_left() && !self.awaits_data() && chunks == most;
        if ends && self.status.beside.may_name_all() {
            if self.is_all_fulfilled(&status) {
                self.status.beside.take();
                let told = Told::new(&status);
                return self.apply_status(&status, &told, sent_at, true, now).map(|_| ());
            }
            self.status.beside.named_too_few();
        }
        self.status.beside.keep(status, sent_at);
        Ok(())
    }

    /// Whether the receiver has fulfilled all that has not been answered.
    fn is_all_fulfilled(&self, status: &Status) -> bool {
        let told = Told::new(status);
        let mut sequences = self.chunks.keys().chain(self.doubts.keys());
        sequences.all(|&sequence| told.is_fulfilled(sequence))
    }

    /// Whether there was a word beside an answer, and it settles something.
    fn applies_status_beside(&mut self, now: Now) -> bool {
        let Some((status, sent_at)) = self.status.beside.take() else { return false };
        let all = self.waits_for_late_answers(now.monotonic);
        self.apply_status(&status, &Told::new(&status), sent_at, all, now).unwrap_or_else(|error| {
            self.fail(error.into());
            true
        })
    }

    /// There is no answer to a question, or none that says anything.
    pub(super) fn handle_status_failure(&mut self, packet: Sequence, now: Now) {
        let Some(asked) = self.status.questions.find(packet) else { return };
        // One that was overdue has counted as one without an answer before.
        if self.status.questions.land(packet) {
            self.question_failed(asked, now);
        }
    }

    fn question_failed(&mut self, asked: Asked, now: Now) {
        let since = if self.status.unanswered == 0 { asked.sent_at } else { self.status.silent.0 };
        self.status.silent = (since, now.monotonic);
        self.status.unanswered += 1;
        self.status.failed_over = Some(asked.path);
        self.path_mut(asked.path).round_trip.on_overdue(asked.sent_at);
        self.ask_again_after(asked.path, false, now);
    }

    /// Whether a hop that has no room for a question is no silence of the receiver's: after the payment has failed, only for a
    /// while, for nobody else ends that.
    fn is_patient_with_busy(&mut self, asked_at: Duration, now: Now) -> bool {
        if !matches!(self.phase, Phase::Draining(_)) {
            return true;
        }
        let since = *self.status.busy_since.get_or_insert(asked_at);
        now.monotonic.saturating_sub(since) < PATIENCE_WHEN_BUSY
    }

    /// A hop had no room for the question just now, as it has none for some chunks: it works, and is asked again soon; by a
    /// payment that has failed, less and less often.
    fn ask_a_busy_path_again(&mut self, asked: Asked, now: Now) {
        if !matches!(self.phase, Phase::Draining(_)) {
            self.status.in_vain = self.status.in_vain.min(MOST_DOUBLINGS_WHEN_BUSY);
        }
        if self.status.questions.land(asked.packet) {
            self.ask_again_after(asked.path, false, now);
        }
    }

    /// The newest question has its answer or is given up: when the next one may be asked.
    fn ask_again_after(&mut self, path: PathIndex, settled: bool, now: Now) {
        self.status.in_vain = if settled { 0 } else { self.status.in_vain.saturating_add(1) };
        // A question that was lost is asked again at once; one that settled nothing, later each time.
        let doublings = self.status.in_vain.saturating_sub(1).min(8);
        let pause = self.patience_of(path) / 4 * (1 << doublings);
        self.status.not_before = now.monotonic.saturating_add(pause.min(LONGEST_PAUSE));
    }

    /// Settles what the receiver's word settles, of chunks that are in doubt or overdue, or of `all`; whether that was
    /// anything.
    pub(super) fn apply_status(
        &mut self,
        status: &Status,
        told: &Told<'_>,
        asked_at: Duration,
        all: bool,
        now: Now,
    ) -> Result<bool, AccountError> {
        let doubts: Vec<_> = self.doubts.iter().map(|(&sequence, chunk)| (sequence, **chunk)).collect();
        let mut settled = false;
        for (sequence, chunk) in doubts {
            let fulfilled = told.is_fulfilled(sequence);
            if told.may_be_fulfilled(sequence) != fulfilled || self.status.is_known_to_nobody(sequence) {
                // It may be one of those that the receiver cannot tell apart, or was not asked about.
                continue;
            }
            if !fulfilled && (chunk.give_up_at > asked_at || !self.remembers(status, &chunk, now)) {
                continue;
            }
            settled = true;
            self.doubts.remove(&sequence);
            self.account.undoubt(chunk.source)?;
            self.path_mut(chunk.path).load.settle(&chunk);
            match fulfilled {
                true => self.count_unread(sequence, &chunk, now)?,
                false => self.account.reject(chunk.source)?,
            }
        }
        let has_landed = |sequence, chunk: &SentChunk| (chunk.overdue || all) && told.is_fulfilled(sequence);
        let chunks = self.chunks.iter().map(|(&sequence, chunk)| (sequence, **chunk));
        let landed: Vec<_> = chunks.filter(|(sequence, chunk)| has_landed(*sequence, chunk)).collect();
        for (sequence, chunk) in landed {
            settled = true;
            self.chunks.remove(&sequence);
            self.path_mut(chunk.path).load.land(&chunk);
            self.count_unread(sequence, &chunk, now)?;
        }
        Ok(self.verify_total(status, told) || settled)
    }

    /// Whether it was asked about all that is in doubt, and in flight.
    fn is_about_all(&self, told: &Told<'_>) -> bool {
        let last = self.chunks.last_key_value().into_iter().map(|(&sequence, _)| sequence);
        last.chain(self.doubts.keys().next_back().copied()).all(|sequence| told.speaks_of(sequence))
    }

    /// Whether the receiver can still know what became of a chunk. Its record of the payment may be gone, or be another
    /// one, begun anew after that: then what it does not name proves nothing. One that names what it fulfilled first is
    /// whole; before it has fulfilled anything, it remembers what has just been sent, as it has when it spoke, which was before
    /// `now`.
    fn remembers(&self, status: &Status, chunk: &SentChunk, now: Now) -> bool {
        match self.first_fulfilled {
            Some(first) => status.fulfilled.contains(first),
            None => now.monotonic.saturating_sub(chunk.sent_at) < SURELY_REMEMBERED,
        }
    }

    /// A chunk is fulfilled, and its own answer has not said with how much.
    fn count_unread(&mut self, sequence: Sequence, chunk: &SentChunk, now: Now) -> Result<(), AccountError> {
        self.settled_by_word += 1;
        self.data_arrived(sequence);
        self.count_fulfilled(sequence, chunk, None, now)
    }

    /// When the receiver speaks of just the chunks that are counted here, its total is exact. It does when it has
    /// fulfilled as many, and none of those whose outcome is not known here.
    fn verify_total(&mut self, status: &Status, told: &Told<'_>) -> bool {
        let as_many = u64::from(status.chunks) == self.account.chunks_fulfilled;
        let is_ours = self.first_fulfilled.is_some_and(|first| status.fulfilled.contains(first));
        if self.unread.chunks == 0 || !as_many || !is_ours {
            return false;
        }
        let mut open = self.chunks.keys().chain(self.doubts.keys());
        if open.any(|&sequence| told.may_be_fulfilled(sequence)) {
            return false;
        }
        if status.received < self.account.delivered {
            // Less than it has said chunk by chunk, or than the minimums of what it fulfilled.
            self.status.over = true;
            return false;
        }
        self.account.verify(status.received);
        self.unread = Unread::default();
        true
    }

    /// Marks chunks whose answer is overdue. Their money stays in flight; their place in the window is free.
    pub(super) fn mark_overdue(&mut self, now: Now) {
        for path in &mut self.paths {
            while let Some(&(sent_at, sequence)) = path.awaited.front() {
                if let Some(chunk) = self.chunks.get_mut(&sequence) {
                    let Some(patience) = path.round_trip.patience() else { break };
                    if sent_at.saturating_add(patience) > now.monotonic {
                        break;
                    }
                    chunk.overdue = true;
                    path.load.miss(chunk);
                    path.round_trip.on_overdue(sent_at);
                }
                path.awaited.pop_front();
            }
        }
    }

    /// When the next answer becomes overdue.
    pub(super) fn next_overdue(&self) -> Option<Duration> {
        let due = self.paths.iter().filter_map(|path| {
            let (sent_at, _) = path.awaited.front()?;
            Some(sent_at.saturating_add(path.round_trip.patience()?))
        });
        due.min()
    }

    pub(super) fn patience_of(&self, path: PathIndex) -> Duration {
        self.path(path).round_trip.patience().unwrap_or(FIRST_PATIENCE)
    }

    /// One that answers, rather than one that does not.
    pub(super) fn path_for_questions(&self) -> PathIndex {
        let usefulness = |index: &PathIndex| {
            let path = self.path(*index);
            let answers = self.status.failed_over != Some(*index);
            (path.is_open(), !path.has_failed(), answers, !path.round_trip.is_silent())
        };
        let best = self.path_indices().min_by_key(|index| std::cmp::Reverse(usefulness(index)));
        best.unwrap_or_default()
    }
}

impl StatusQuery {
    /// Whether the receiver has said that it does not know what became of a chunk.
    pub(super) fn is_known_to_nobody(&self, sequence: Sequence) -> bool {
        self.known_to_nobody.contains(&sequence)
    }

    /// The receiver says of which chunks it does not know; those of them that are in doubt stay so. Whether there are any
    /// of which it has not said so before.
    fn learn_unknown<'a>(
        &mut self,
        unknown: Option<&SequenceRanges>,
        doubts: impl Iterator<Item = &'a Sequence>,
    ) -> bool {
        let Some(unknown) = unknown else { return false };
        let before = self.known_to_nobody.len();
        self.known_to_nobody.extend(doubts.filter(|&&sequence| unknown.contains(sequence)));
        self.known_to_nobody.len() > before
    }
}

/// Whether a hop says that it has no room for the question at this moment.
pub(super) fn is_busy(result: ProbeResult) -> bool {
    match result {
        ProbeResult::NoLiquidity => true,
        ProbeResult::Busy(code) => code.is_busy(),
        _ => false,
    }
}
