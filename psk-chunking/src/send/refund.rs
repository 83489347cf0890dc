//! After a payment has failed half way: giving up, and getting the money back (docs/frames.md, "Refunds").

use std::time::Duration;

use psk_codec::psk::Sequence;
use psk_codec::psk::frame::Frame;
use psk_codec::{DestinationAmount, Reply, SourceAmount};
use psk_crypto::Random;

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
    unanswered: u32,
    asked: u32,
    /// When waiting began.
    began_at: Duration,
    /// When something last came back, or waiting began.
    progress_at: Option<Duration>,
    /// The caller waits for it no longer.
    given_up: bool,
}

/// So often is a receiver told in vain that the payment is over.
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
        let knows = *error == SendError::Refused && self.config.refund_account.is_none();
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
            self.refund_failed(now);
        }
        let silent = self.refund.unanswered >= MAX_UNANSWERED && self.refund.told.is_none();
        if self.refund.is_over() || silent || now.monotonic >= deadline {
            if let Phase::Refunding(error) = &self.phase {
                self.phase = Phase::Ended(Some(error.clone()));
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
                self.phase = Phase::Ended(Some(error));
                None
            }
        }
    }

    pub(super) fn is_refund_question(&self, packet: Sequence) -> bool {
        self.refund.questions.find(packet).is_some()
    }

    pub(super) fn handle_refund_reply(&mut self, packet: Sequence, reply: &Reply, now: Now) {
        let Some(asked) = self.refund.questions.find(packet) else { return };
        self.learn_from_question(asked.path, asked.sent_at, reply, now);
        let Some(answer) = self.open_answer_to_question(packet, reply) else {
            return self.refund_unanswered(packet, now);
        };
        let said = self.read_frames(&answer);
        self.refund.aborted = true;
        self.refund.unanswered = 0;
        if self.refund.questions.land(packet) {
            self.ask_for_refund_later(now);
        }
        // Some of what is in doubt may have arrived, as it says here.
        let settled = said
            .status
            .map(|status| self.apply_status(&status, &Told::new(&status), asked.sent_at, true, now));
        if let Some(Err(error)) = settled {
            self.phase = Phase::Ended(Some(error.into()));
        }
    }

    /// There is no answer to a question, or none that says anything.
    pub(super) fn refund_unanswered(&mut self, packet: Sequence, now: Now) {
        if self.refund.questions.land(packet) {
            self.refund_failed(now);
        }
    }

    fn refund_failed(&mut self, now: Now) {
        self.refund.unanswered = self.refund.unanswered.saturating_add(1);
        self.ask_for_refund_later(now);
    }

    fn ask_for_refund_later(&mut self, now: Now) {
        let patience = self.patience_of(self.path_for_questions());
        let pause = (patience * (1 << self.refund.asked.min(8))).min(LONGEST_PAUSE);
        self.refund.asked = self.refund.asked.saturating_add(1);
        self.refund.not_before = now.monotonic.saturating_add(pause);
    }
}
