//! After a payment has failed half way: giving up, and getting the money back (docs/frames.md, "Refunds").

use std::time::Duration;

use psk_codec::psk::Sequence;
use psk_codec::psk::frame::Frame;
use psk_codec::{DestinationAmount, ErrorClass, ErrorCode, Reply, SourceAmount};
use psk_crypto::Random;

use super::control::jittered;
use super::questions::Questions;
use super::told::Told;
use super::{Output, Phase, SendError, SendPayment};
use crate::time::Now;

/// What is known of a refund.
#[derive(Debug, Default)]
pub(super) struct Refund {
    /// What the receiver says that it has sent back, and that it will in all, in its own units.
    told: Option<(DestinationAmount, DestinationAmount)>,
    questions: Questions,
    not_before: Duration,
    /// Whether the receiver has read that the payment is aborted.
    aborted: bool,
    /// Questions in a row without an answer.
    unanswered: u32,
    /// Questions in a row of which a hop says that nobody is there to answer them.
    dead: u32,
    asked: u32,
    /// When waiting began.
    began_at: Duration,
    /// When something last came back, or waiting began.
    progress_at: Option<Duration>,
    /// The caller waits for it no longer.
    given_up: bool,
}

/// So often is a receiver told in vain that the payment is over, where no money can come back, or a hop says each time that
/// nobody is there.
const MAX_UNANSWERED: u32 = 5;
/// In all, so many refund time-outs are waited for, however much has come back lately.
const MOST_TIMEOUTS: u32 = 20;
/// Between two questions.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Refund {
    pub(super) fn told(&mut self, refunded: DestinationAmount, total: DestinationAmount) {
        self.told = Some((refunded, total));
    }

    pub(super) fn give_up(&mut self) {
        self.given_up = true;
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up
    }

    fn is_over(&self) -> bool {
        if self.given_up {
            return true;
        }
        // A receiver that has read the end and says nothing of a refund keeps the money.
        self.aborted && self.told.is_none_or(|(refunded, total)| refunded >= total)
    }

    /// Whether the receiver has said that it sends something back.
    pub(super) fn is_announced(&self) -> bool {
        self.told.is_some_and(|(_, total)| !total.is_zero())
    }
}

impl SendPayment {
    /// So much, in source units, has come back to the refund account until now.
    pub(super) fn handle_refunded(&mut self, total: SourceAmount, now: Now) {
        if total > self.account.refunded {
            self.account.refunded = total;
            self.refund.progress_at = Some(now.monotonic);
        }
    }

    /// Whether the receiver is told that the payment has failed: it may send money back, also of what is in doubt here, and
    /// does not wait for more.
    pub(super) fn tells_the_end(&self, error: &SendError) -> bool {
        let sent = !(self.account.source_sent.is_zero() && self.account.in_doubt.is_zero());
        let refused = matches!(error, SendError::Refused | SendError::Closed { .. });
        let knows = refused && self.config.refund_account.is_none();
        sent && self.peer.knows_frames() && !knows
    }

    pub(super) fn begin_refund(&mut self, error: SendError, now: Now) {
        self.refund.began_at = now.monotonic;
        self.refund.progress_at = Some(now.monotonic);
        self.phase = Phase::Refunding(error);
    }

    pub(super) fn poll_refund(&mut self, now: Now, random: &mut dyn Random) -> Option<Output> {
        let since = self.refund.progress_at.unwrap_or(now.monotonic);
        // A receiver that sends a unit back now and then does not keep the payment open for ever.
        let at_most = self.config.refund_timeout.saturating_mul(MOST_TIMEOUTS);
        let latest = self.refund.began_at.saturating_add(at_most);
        let deadline = since.saturating_add(self.config.refund_timeout).min(latest);
        if let Some(asked) = self.refund.questions.in_flight() {
            if now.monotonic < asked.give_up_at && now.monotonic < deadline && !self.refund.given_up {
                return Some(self.wait(now, Some(asked.give_up_at.min(deadline))));
            }
            self.refund.questions.miss();
            self.refund_failed(self.pause_before_question(), now);
        }
        if self.refund.is_over() || self.tells_in_vain() || now.monotonic >= deadline {
            if let Phase::Refunding(error) = &self.phase {
                self.phase = Phase::Ended(self.ending(error));
            }
            return None;
        }
        if now.monotonic < self.refund.not_before {
            return Some(self.wait(now, Some(self.refund.not_before.min(deadline))));
        }
        // Once the end is known, it is asked how far the refund is.
        let frame = if self.refund.aborted { Frame::StatusRequest } else { Frame::Abort };
        match self.send_question(self.alone(frame), now, random) {
            Ok((path, packet, output)) => {
                let give_up_at = now.monotonic.saturating_add(self.patience_of(path) * 2);
                let asked = self.asked((path, packet), give_up_at, now);
                self.refund.questions.ask(asked);
                Some(output)
            }
            Err(error) => {
                self.phase = Phase::Ended(self.ending(&error));
                None
            }
        }
    }

    pub(super) fn is_refund_question(&self, packet: Sequence) -> bool {
        self.refund.questions.find(packet).is_some()
    }

    /// Whether nobody will be told any more that the payment is over. Where money can come back, only a hop's word that
    /// nobody is there ends that before the refund time-out: a path that is busy or down for a while would else cost all
    /// that the receiver would have sent back.
    fn tells_in_vain(&self) -> bool {
        let in_vain = match self.config.refund_account {
            Some(_) => self.refund.dead,
            None => self.refund.unanswered,
        };
        in_vain >= MAX_UNANSWERED && self.refund.told.is_none()
    }

    pub(super) fn handle_refund_reply(
        &mut self,
        packet: Sequence,
        reply: &Reply,
        now: Now,
        random: &mut dyn Random,
    ) {
        let Some(asked) = self.refund.questions.find(packet) else { return };
        self.learn_from_question(asked.path, asked.sent_at, reply);
        let Some(answer) = self.open_answer_to_question(packet, reply) else {
            return self.refund_question_rejected(packet, reply, now, random);
        };
        let said = self.read_frames(&answer);
        if !self.refund.aborted {
            // From now on it may send something back.
            self.refund.aborted = true;
            self.refund.progress_at = Some(now.monotonic);
        }
        (self.refund.unanswered, self.refund.dead) = (0, 0);
        if self.refund.questions.land(packet) {
            self.ask_for_refund_after(self.pause_before_question(), now);
        }
        // Some of what is in doubt may have arrived, as it says here.
        let settled = said
            .status
            .map(|status| self.apply_status(&status, &Told::new(&status), asked.sent_at, true, now));
        if let Some(Err(error)) = settled {
            self.phase = Phase::Ended(Some(error.into()));
        }
    }

    /// A hop has rejected a question, which comes again later; if the hop was busy, not in step with what keeps it so.
    fn refund_question_rejected(
        &mut self,
        packet: Sequence,
        reply: &Reply,
        now: Now,
        random: &mut dyn Random,
    ) {
        let Reply::Reject(reject) = reply else { return self.refund_unanswered(packet, now) };
        let dead = reject.code == ErrorCode::F02_UNREACHABLE;
        self.refund.dead = if dead { self.refund.dead.saturating_add(1) } else { 0 };
        let pause = self.pause_before_question();
        let is_busy = reject.code.class() == ErrorClass::Temporary;
        let pause = if is_busy { jittered(pause, random.jitter()) } else { pause };
        if self.refund.questions.land(packet) {
            self.refund_failed(pause, now);
        }
    }

    /// There is no answer to a question, or none that says anything.
    pub(super) fn refund_unanswered(&mut self, packet: Sequence, now: Now) {
        if self.refund.questions.land(packet) {
            self.refund_failed(self.pause_before_question(), now);
        }
    }

    fn refund_failed(&mut self, pause: Duration, now: Now) {
        self.refund.unanswered = self.refund.unanswered.saturating_add(1);
        self.ask_for_refund_after(pause, now);
    }

    /// Twice as long each time.
    fn pause_before_question(&self) -> Duration {
        let patience = self.patience_of(self.path_for_questions());
        (patience * (1 << self.refund.asked.min(8))).min(LONGEST_PAUSE)
    }

    fn ask_for_refund_after(&mut self, pause: Duration, now: Now) {
        self.refund.asked = self.refund.asked.saturating_add(1);
        self.refund.not_before = now.monotonic.saturating_add(pause);
    }
}
