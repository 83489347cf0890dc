use std::time::Duration;

use psk_codec::DestinationAmount;
use psk_codec::psk::PaymentId;
use psk_crypto::{Credentials, refund_payment_id};

use super::{PaymentKey, ReceiveConfig};

/// A refund that is to be paid: a payment of its own, from here to the sender (`docs/frames.md`). Whoever pays it uses
/// exactly this payment id, and no RefundAccount frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundOrder {
    /// Which payment it refunds.
    pub payment: PaymentKey,
    /// The id of the payment that refunds it; another one for each attempt.
    pub payment_id: PaymentId,
    /// Where it goes, and the secret of it.
    pub credentials: Credentials,
    /// How much is to be spent on it, in units of the receiver's asset.
    pub amount: DestinationAmount,
}

/// Why nothing is refunded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefundError {
    /// No such payment is remembered.
    #[error("no such payment is known, or not any more")]
    UnknownPayment,
    /// It takes chunks still.
    #[error("the payment is not over")]
    NotEnded,
    /// The sender has not said whereto.
    #[error("the sender has named no account for refunds")]
    NoAccount,
    /// Not so much is there.
    #[error("only {0} units are left to refund")]
    TooMuch(DestinationAmount),
    /// It was tried as often as an id can be made for.
    #[error("the refund has been tried too often")]
    TriedTooOften,
}

/// What is known of the refund of a payment.
#[derive(Clone, Debug)]
pub(super) struct Refund {
    to: Credentials,
    /// What is to go back in all: never more than was received.
    total: DestinationAmount,
    /// What went back with attempts that have ended.
    settled: DestinationAmount,
    /// What has gone back with the one that runs.
    under_way: DestinationAmount,
    /// How many have begun.
    attempts: u8,
    /// How many may begin, in all.
    allowed: u8,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing is to be refunded.
    None,
    /// An attempt runs, to spend so much.
    Running(DestinationAmount),
    /// The next one begins then.
    Waiting(Duration),
    /// All has gone back, or it was given up.
    Over,
}

impl Refund {
    /// A place to refund to, and nothing to refund.
    pub(super) fn to(to: Credentials) -> Self {
        Self {
            to,
            total: DestinationAmount::ZERO,
            settled: DestinationAmount::ZERO,
            under_way: DestinationAmount::ZERO,
            attempts: 0,
            allowed: 0,
            stage: Stage::None,
        }
    }

    /// What has gone back so far, and what is to go back; `None` when nothing is.
    pub(super) fn progress(&self) -> Option<(DestinationAmount, DestinationAmount)> {
        (self.stage != Stage::None).then_some((self.settled.saturating_add(self.under_way), self.total))
    }

    /// Whether something has to be done for it, or is being done.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.stage, Stage::Running(_) | Stage::Waiting(_))
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// When the next attempt begins; the end of time while one runs.
    pub(super) fn due(&self) -> Duration {
        match self.stage {
            Stage::Waiting(until) => until,
            Stage::None | Stage::Running(_) | Stage::Over => Duration::MAX,
        }
    }

    /// So much more is to go back. Refused when the whole would exceed what was `received`.
    pub(super) fn add(
        &mut self,
        amount: DestinationAmount,
        received: DestinationAmount,
        config: &ReceiveConfig,
        now: Duration,
    ) -> Result<(), RefundError> {
        let left = received.saturating_sub(self.total);
        if amount > left {
            return Err(RefundError::TooMuch(left));
        }
        if self.attempts == u8::MAX {
            return Err(RefundError::TriedTooOften);
        }
        self.total = self.total.saturating_add(amount);
        self.allowed = self.attempts.saturating_add(config.max_refund_attempts.max(1));
        if !self.is_active() && self.total > self.settled {
            self.stage = Stage::Waiting(now);
        }
        Ok(())
    }

    /// Begins the attempt that is due.
    pub(super) fn begin(&mut self, payment: &PaymentKey, now: Duration) -> Option<RefundOrder> {
        if !matches!(self.stage, Stage::Waiting(until) if until <= now) {
            return None;
        }
        let amount = self.total.saturating_sub(self.settled);
        let id = refund_payment_id(payment.payment_id.octets(), self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        self.stage = Stage::Running(amount);
        Some(RefundOrder {
            payment: payment.clone(),
            payment_id: PaymentId::new(id),
            credentials: self.to.clone(),
            amount,
        })
    }

    /// The attempt that runs has spent so much until now.
    pub(super) fn has_spent(&mut self, spent: DestinationAmount) {
        if let Stage::Running(amount) = self.stage {
            self.under_way = self.under_way.max(spent.min(amount));
        }
    }

    /// The attempt that runs has ended, having spent so much. Whether the refund is over.
    pub(super) fn attempt_ended(
        &mut self,
        spent: DestinationAmount,
        config: &ReceiveConfig,
        now: Duration,
    ) -> bool {
        let Stage::Running(amount) = self.stage else { return false };
        // What was said to have gone back stays so.
        self.settled = self.settled.saturating_add(spent.min(amount).max(self.under_way));
        self.under_way = DestinationAmount::ZERO;
        let tried_enough = self.attempts >= self.allowed || self.attempts == u8::MAX;
        if self.settled >= self.total || tried_enough {
            self.stage = Stage::Over;
            return true;
        }
        let doublings = u32::from(self.attempts.saturating_sub(1)).min(16);
        let pause = config.refund_pause.saturating_mul(1 << doublings);
        self.stage = Stage::Waiting(now.saturating_add(pause));
        false
    }
}
