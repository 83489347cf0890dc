use psk_codec::{DestinationAmount, SourceAmount};

/// Where the money of one payment is. Every ending of a payment carries it.
///
/// All amounts count fulfillable packets only; probes move nothing.
///
/// `refunded` may exceed `source_sent`: a chunk that is in doubt here, because its answer was lost, may have arrived and
/// come back with the others. So what comes back is set against `source_sent` first, and what is left of it against
/// `in_doubt`. It settles no chunk: when the exchange rate has moved, what comes back of the fulfilled ones alone may be
/// more than they cost. What is certain of the loss is that it lies between [`lost`](Self::lost) and
/// [`lost_at_most`](Self::lost_at_most), which are the same when nothing is in flight or in doubt.
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

    /// What was certainly sent and has not come back, in source units: the price of a payment that has failed. Zero
    /// when more has come back.
    pub fn lost(&self) -> SourceAmount {
        self.source_sent.saturating_sub(self.refunded)
    }

    /// The same if all that is in flight and in doubt was paid, in source units: no more than this can be lost. `None`
    /// when the sum is beyond 64 bits, as it never is in a payment's own account.
    pub fn lost_at_most(&self) -> Option<SourceAmount> {
        self.committed().map(|committed| committed.saturating_sub(self.refunded))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn account(source_sent: u64, in_doubt: u64, refunded: u64) -> Account {
        Account {
            source_sent: SourceAmount::new(source_sent),
            in_doubt: SourceAmount::new(in_doubt),
            refunded: SourceAmount::new(refunded),
            ..Account::default()
        }
    }

    /// Sent, in doubt, refunded; the least and the most that is lost.
    #[test]
    fn what_comes_back_beyond_what_was_sent_is_set_against_the_doubt() {
        for (sent, in_doubt, refunded, least, most) in [
            (1_000, 0, 0, 1_000, 1_000),
            (1_000, 0, 400, 600, 600),
            (1_000, 0, 1_000, 0, 0),
            (1_000, 500, 0, 1_000, 1_500),
            (1_000, 500, 1_000, 0, 500),
            (1_000, 500, 1_300, 0, 200),
            (1_000, 500, 1_500, 0, 0),
            (0, 500, 500, 0, 0),
            // At a better rate than it was sent at.
            (1_000, 0, 1_010, 0, 0),
            (1_000, 500, 1_600, 0, 0),
            (u64::MAX - 1, 1, u64::MAX, 0, 0),
        ] {
            let account = account(sent, in_doubt, refunded);
            let (least, most) = (SourceAmount::new(least), SourceAmount::new(most));
            assert_eq!((account.lost(), account.lost_at_most()), (least, Some(most)), "{account:?}");
        }
        assert_eq!(account(u64::MAX, 1, 0).lost_at_most(), None);
    }

    proptest! {
        /// Whether chunks in doubt were paid or not, the loss is no less than the one and no more than the other, also
        /// when an answer comes after all.
        #[test]
        fn the_loss_is_within_its_bounds(
            chunks in proptest::collection::vec((1..1_000_u64, any::<bool>(), any::<bool>()), 0..20), kept in 0..=1_000_u64,
        ) {
            let mut account = Account::default();
            let mut paid = 0;
            for &(units, arrives, is_answered) in &chunks {
                let amount = SourceAmount::new(units);
                account.send(amount, SourceAmount::MAX).expect("less than 64 bits");
                paid += if arrives { units } else { 0 };
                match (is_answered, arrives) {
                    (false, _) => account.doubt(amount),
                    (true, true) => account.fulfill(amount, DestinationAmount::ZERO, DestinationAmount::ZERO),
                    (true, false) => account.reject(amount),
                }
                .expect("it was in flight");
            }
            // At the rate that it was sent at.
            account.refunded = SourceAmount::new(paid - paid * kept / 1_000);
            let gone = SourceAmount::new(paid * kept / 1_000);
            prop_assert!(account.lost() <= gone && Some(gone) <= account.lost_at_most(), "{gone} {account:?}");
            for &(units, arrives, _) in chunks.iter().filter(|(.., is_answered)| !is_answered) {
                let amount = SourceAmount::new(units);
                account.undoubt(amount).expect("it is in doubt");
                match arrives {
                    true => account.fulfill(amount, DestinationAmount::ZERO, DestinationAmount::ZERO),
                    false => account.reject(amount),
                }
                .expect("it is in flight again");
                prop_assert!(account.lost() <= gone && Some(gone) <= account.lost_at_most(), "{gone} {account:?}");
            }
            prop_assert_eq!((account.lost(), account.lost_at_most()), (gone, Some(gone)));
        }
    }
}
