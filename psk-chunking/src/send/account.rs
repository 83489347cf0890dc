use psk_codec::{DestinationAmount, SourceAmount};

/// Where the money of one payment is. Every ending of a payment carries it.
///
/// All amounts count fulfillable packets only; probes move nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Fulfilled: gone for good, in source units.
    pub source_sent: SourceAmount,
    /// Sent and not answered yet, in source units.
    pub in_flight: SourceAmount,
    /// Sent, and whether it arrived cannot be known (R00, a lost link, a wrong preimage), in source units. Never
    /// sent again as if it were free.
    pub in_doubt: SourceAmount,
    /// What the receiver, authenticated, says arrived; where it could not say, the chunk's minimum. In
    /// destination units.
    pub delivered: DestinationAmount,
    /// What probably arrived on top of `delivered` with chunks that were fulfilled without readable data, at
    /// most, in destination units.
    pub unverified: DestinationAmount,
    /// What has come back to the refund account, in source units.
    pub refunded: SourceAmount,
    /// Chunks that were fulfilled.
    pub chunks_fulfilled: u64,
    /// Chunks that were rejected; their money did not move.
    pub chunks_rejected: u64,
}

/// A sum that does not add up: a bug here, or a receiver whose numbers go beyond 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment's account does not add up")]
pub struct AccountError;

impl Account {
    /// All that has left or may have left, in source units: it never exceeds the payment's budget (ENGINE.md
    /// section 2, invariant 1).
    pub fn committed(&self) -> Option<SourceAmount> {
        self.source_sent.checked_add(self.in_flight)?.checked_add(self.in_doubt)
    }

    /// What was sent and has not come back, in source units: the price of a payment that has failed.
    pub fn lost(&self) -> SourceAmount {
        self.source_sent.saturating_sub(self.refunded)
    }

    /// A chunk leaves. Refused when that would exceed `budget`.
    pub(super) fn send(&mut self, amount: SourceAmount, budget: SourceAmount) -> Result<(), AccountError> {
        let committed = self.committed().and_then(|committed| committed.checked_add(amount));
        if committed.is_none_or(|committed| committed > budget) {
            return Err(AccountError);
        }
        self.in_flight = self.in_flight.checked_add(amount).ok_or(AccountError)?;
        Ok(())
    }

    /// A chunk in flight was fulfilled.
    pub(super) fn fulfill(
        &mut self,
        amount: SourceAmount,
        delivered: DestinationAmount,
        unverified: DestinationAmount,
    ) -> Result<(), AccountError> {
        self.in_flight = self.in_flight.checked_sub(amount).ok_or(AccountError)?;
        self.source_sent = self.source_sent.checked_add(amount).ok_or(AccountError)?;
        self.delivered = self.delivered.checked_add(delivered).ok_or(AccountError)?;
        self.unverified = self.unverified.checked_add(unverified).ok_or(AccountError)?;
        self.chunks_fulfilled += 1;
        Ok(())
    }

    /// A chunk in flight was rejected, or never left.
    pub(super) fn reject(&mut self, amount: SourceAmount) -> Result<(), AccountError> {
        self.in_flight = self.in_flight.checked_sub(amount).ok_or(AccountError)?;
        self.chunks_rejected += 1;
        Ok(())
    }

    /// Nobody can tell what became of a chunk in flight.
    pub(super) fn doubt(&mut self, amount: SourceAmount) -> Result<(), AccountError> {
        self.in_flight = self.in_flight.checked_sub(amount).ok_or(AccountError)?;
        self.in_doubt = self.in_doubt.checked_add(amount).ok_or(AccountError)?;
        Ok(())
    }

    /// The answer to a chunk in doubt has come after all: it is in flight again, for a moment.
    pub(super) fn undoubt(&mut self, amount: SourceAmount) -> Result<(), AccountError> {
        self.in_doubt = self.in_doubt.checked_sub(amount).ok_or(AccountError)?;
        self.in_flight = self.in_flight.checked_add(amount).ok_or(AccountError)?;
        Ok(())
    }

    /// The receiver's total, authenticated, replaces what was assumed of chunks without readable data.
    pub(super) fn verify(&mut self, total: DestinationAmount) {
        if self.delivered <= total {
            self.delivered = total;
            self.unverified = DestinationAmount::ZERO;
        }
    }
}
