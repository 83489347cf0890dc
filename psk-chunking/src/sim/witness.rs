//! Looks on while a receiver decides, with a ledger of its own.

use std::collections::{BTreeMap, HashMap, HashSet};

use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{SequenceRange, SequenceRanges};

use crate::receive::{ChunkArrival, ChunkFrames, Decision, PaymentKey};

/// What a receiver has taken, counted apart from it, and the rules that it broke (ENGINE.md section 2, invariants 3
/// and 4).
#[derive(Debug, Default)]
pub(super) struct Witness {
    payments: BTreeMap<PaymentKey, Taken>,
    received: u128,
    /// Payments whose senders let hops and the receiver keep all: no chunk of theirs has a minimum.
    any_rate: HashSet<PaymentKey>,
    problem: Option<String>,
}

/// What was taken of one payment.
#[derive(Debug, Default)]
struct Taken {
    received: u128,
    expected: Option<u128>,
    /// What arrived with each chunk.
    chunks: HashMap<Sequence, u128>,
    /// What the latest last chunk named.
    outstanding: Option<SequenceRanges>,
    ended: bool,
}

impl Witness {
    pub(super) fn decided(&mut self, chunk: &ChunkArrival, decision: &Decision) {
        let Decision::Fulfill { total, .. } = decision else { return };
        let taken = self.payments.entry(chunk.payment.clone()).or_default();
        let problem = taken.judge(chunk, self.any_rate.contains(&chunk.payment));
        if taken.received == 0 {
            taken.expected = chunk.expected.map(|amount| amount.units().into());
        }
        let amount = u128::from(chunk.amount.units());
        taken.received += amount;
        self.received += amount;
        let reached = taken.expected.is_some_and(|expected| taken.received >= expected);
        if chunk.last {
            taken.outstanding = match &chunk.frames {
                ChunkFrames::Read(frames) => {
                    Some(frames.outstanding.clone().unwrap_or(SequenceRanges::EMPTY))
                }
                _ => Some(SequenceRanges::EMPTY),
            };
        }
        let all_named = taken.outstanding.as_ref().is_some_and(|named| {
            let numbers = |range: SequenceRange| range.first().number()..=range.last().number();
            named.iter().flat_map(numbers).all(|number| taken.chunks.contains_key(&Sequence::new(number)))
        });
        taken.ended |= all_named || reached;
        let problem = problem.or((taken.received != u128::from(total.units())).then_some("a wrong total"));
        if let Some(problem) = problem {
            self.problem.get_or_insert_with(|| format!("{problem}: {chunk:?}"));
        }
    }

    /// A payment is made at any rate.
    pub(super) fn expect_any_rate(&mut self, payment: PaymentKey) {
        self.any_rate.insert(payment);
    }

    /// What has been received for a payment, in destination units.
    pub(super) fn received(&self, payment: &PaymentKey) -> u128 {
        self.payments.get(payment).map_or(0, |taken| taken.received)
    }

    /// What has been received for a payment with these chunks.
    pub(super) fn received_with<'a>(
        &self,
        payment: &PaymentKey,
        chunks: impl IntoIterator<Item = &'a Sequence>,
    ) -> u128 {
        let taken = self.payments.get(payment);
        taken.map_or(0, |taken| chunks.into_iter().filter_map(|chunk| taken.chunks.get(chunk)).sum())
    }

    /// What has been received in all.
    pub(super) fn received_in_all(&self) -> u128 {
        self.received
    }

    /// What has been received for all payments of an account.
    pub(super) fn received_by(&self, account: &str) -> u128 {
        let of_account = self.payments.iter().filter(|(key, _)| key.account.as_str() == account);
        of_account.map(|(_, taken)| taken.received).sum()
    }

    /// Another rule is broken.
    pub(super) fn report(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    /// The first rule that was broken.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

impl Taken {
    /// What is wrong with taking this chunk.
    fn judge(&mut self, chunk: &ChunkArrival, any_rate: bool) -> Option<&'static str> {
        if chunk.minimum.is_zero() && !any_rate {
            Some("a fulfillable packet without a minimum")
        } else if chunk.amount < chunk.minimum {
            Some("a chunk below its minimum is fulfilled")
        } else if !chunk.fulfillable || chunk.expired {
            Some("a chunk is fulfilled that must not be")
        } else if self.chunks.insert(chunk.sequence, chunk.amount.units().into()).is_some() {
            Some("a sequence number is fulfilled twice")
        } else if self.ended {
            Some("a chunk is fulfilled after the end")
        } else {
            None
        }
    }
}
