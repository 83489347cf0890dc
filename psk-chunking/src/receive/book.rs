use std::collections::BTreeSet;
use std::time::Duration;

use ahash::AHashMap;
use psk_codec::psk::PaymentId;
use psk_request::AccountSuffix;

use super::ReceiveConfig;
use super::payment::{Payment, PaymentKey};
use super::sequences::{FEW_RANGES, MAX_RANGES};

/// All payments that are remembered, by key and by the time when something has to be done about them.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Boxed, since a map has room for twice as many as it holds.
    payments: AHashMap<PaymentKey, Box<Payment>>,
    per_account: AHashMap<AccountSuffix, OfAccount>,
    /// Payments that are not settled: when to look at them again; one entry each, at or before the deadline.
    live: BTreeSet<(Duration, PaymentKey)>,
    /// Settled payments, by when they may be forgotten for others ([`KEPT`]).
    settled: BTreeSet<(Duration, PaymentKey)>,
    /// How many octets of data wait, in all.
    waiting: usize,
    /// How many ranges of sequence numbers there are, in all.
    ranges: usize,
}

/// The payments of one account.
#[derive(Debug, Default)]
struct OfAccount {
    /// How many there are, live and settled.
    payments: usize,
    /// The settled ones, by when they may be forgotten for others.
    settled: BTreeSet<(Duration, PaymentId)>,
    /// How many octets of data wait.
    waiting: usize,
    /// How many ranges of sequence numbers they have.
    ranges: usize,
}

/// One account may have this part of the octets that may wait, and of the ranges of sequence numbers.
const SHARE_OF_ACCOUNT: usize = 8;
/// So long a settled payment of which something was fulfilled is kept whatever else wants its place: a packet's life and a
/// grace, as long as its sender may not know what became of a chunk. Told then that there is no such payment, it would
/// take the chunk for not fulfilled (`SURELY_REMEMBERED` in `send/status.rs`).
const KEPT: Duration = Duration::from_secs(60);

/// For how long it is kept beyond that, while there is room.
fn retained(config: &ReceiveConfig) -> Duration {
    config.retention.saturating_sub(KEPT)
}

impl Book {
    pub(super) fn len(&self) -> usize {
        self.payments.len()
    }

    pub(super) fn payment(&self, key: &PaymentKey) -> Option<&Payment> {
        self.payments.get(key).map(|payment| &**payment)
    }

    pub(super) fn payment_mut(&mut self, key: &PaymentKey) -> Option<&mut Payment> {
        self.payments.get_mut(key).map(|payment| &mut **payment)
    }

    /// Makes room for one more payment of the account, by forgetting a settled one. What was forgotten, or `None`
    /// when there is no room. Live payments are never forgotten, nor those that have ended just now.
    pub(super) fn make_room(
        &mut self,
        account: &AccountSuffix,
        config: &ReceiveConfig,
        now: Duration,
    ) -> Option<Vec<(PaymentKey, Payment)>> {
        let mut forgotten = Vec::new();
        let of_account = self.per_account.get(account);
        if of_account.is_some_and(|all| all.payments >= config.max_payments_per_account) {
            // An account whose payments have ended may begin others, at the cost of its own memory alone.
            let first = of_account.and_then(|all| all.settled.first().copied());
            let (since, payment_id) = first.filter(|(since, _)| *since <= now)?;
            forgotten.extend(self.forget(since, &PaymentKey { account: account.clone(), payment_id }));
        }
        if self.payments.len() >= config.max_payments {
            let (since, key) = self.settled.first().filter(|(since, _)| *since <= now).cloned()?;
            forgotten.extend(self.forget(since, &key));
        }
        Some(forgotten)
    }

    pub(super) fn insert(&mut self, key: PaymentKey, mut payment: Payment, config: &ReceiveConfig) {
        payment.indexed_at = payment.deadline(config);
        self.live.insert((payment.indexed_at, key.clone()));
        self.per_account.entry(key.account.clone()).or_default().payments += 1;
        self.payments.insert(key, Box::new(payment));
    }

    /// Puts a payment that is not settled under its deadline, when that is earlier than where it stands: later ones
    /// are found when their time has come.
    pub(super) fn hasten(&mut self, key: &PaymentKey, config: &ReceiveConfig) {
        let Some(payment) = self.payments.get_mut(key).filter(|payment| !payment.is_settled()) else {
            return;
        };
        let due = payment.deadline(config);
        if due < payment.indexed_at {
            self.live.remove(&(payment.indexed_at, key.clone()));
            payment.indexed_at = due;
            self.live.insert((due, key.clone()));
        }
    }

    /// Takes a payment out of the index whose time may have come; it must be put back with
    /// [`index`](Self::index).
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<PaymentKey> {
        let (due, _) = self.live.first()?;
        (*due <= now).then(|| self.live.pop_first().map(|(_, key)| key)).flatten()
    }

    /// Puts a payment where it belongs: under its deadline, or among those that are settled, where it stays for the
    /// retention from now on.
    pub(super) fn index(&mut self, key: &PaymentKey, config: &ReceiveConfig, now: Duration) {
        let Some(payment) = self.payments.get_mut(key) else { return };
        let entry = (payment.indexed_at, key.clone());
        self.live.remove(&entry);
        let of_account = self.per_account.entry(key.account.clone()).or_default();
        if self.settled.remove(&entry) {
            of_account.settled.remove(&(payment.indexed_at, key.payment_id));
        }
        if payment.is_settled() {
            payment.indexed_at = match payment.chunks {
                // Nobody can miss it: there is nothing to be known of it.
                0 => now,
                _ => now.saturating_add(KEPT),
            };
            self.settled.insert((payment.indexed_at, key.clone()));
            of_account.settled.insert((payment.indexed_at, key.payment_id));
        } else {
            payment.indexed_at = payment.deadline(config);
            self.live.insert((payment.indexed_at, key.clone()));
        }
    }

    /// Forgets a settled payment whose time has come.
    pub(super) fn forget_due(
        &mut self,
        config: &ReceiveConfig,
        now: Duration,
    ) -> Option<(PaymentKey, Payment)> {
        let is_due = |since: Duration| since.saturating_add(retained(config)) <= now;
        let (since, key) = self.settled.first().filter(|(since, _)| is_due(*since)).cloned()?;
        self.forget(since, &key)
    }

    /// When something has to be done.
    pub(super) fn next_due(&self, config: &ReceiveConfig) -> Option<Duration> {
        let first = |index: &BTreeSet<(Duration, PaymentKey)>| index.first().map(|(due, _)| *due);
        let forget = first(&self.settled).map(|since| since.saturating_add(retained(config)));
        first(&self.live).into_iter().chain(forget).min()
    }

    /// The payments that are not over.
    pub(super) fn live(&self) -> Vec<PaymentKey> {
        let live = self.live.iter().map(|(_, key)| key);
        let open = live.filter(|key| self.payment(key).is_some_and(|payment| payment.ended().is_none()));
        open.cloned().collect()
    }

    /// How many octets of data may wait for a payment of this account beside those that do.
    pub(super) fn room_for_data(&self, account: &AccountSuffix, config: &ReceiveConfig) -> usize {
        let of_account = self.per_account.get(account).map_or(0, |all| all.waiting);
        let left = config.max_data_waiting.saturating_sub(self.waiting);
        left.min((config.max_data_waiting / SHARE_OF_ACCOUNT).saturating_sub(of_account))
    }

    /// The payment's data that waits has become more or less.
    pub(super) fn data_waits(&mut self, account: &AccountSuffix, before: usize, after: usize) {
        if before == after {
            return;
        }
        self.waiting = self.waiting.saturating_sub(before).saturating_add(after);
        if let Some(all) = self.per_account.get_mut(account) {
            all.waiting = all.waiting.saturating_sub(before).saturating_add(after);
        }
    }

    /// How many ranges of sequence numbers a payment of this account may have.
    pub(super) fn max_ranges(&self, account: &AccountSuffix, config: &ReceiveConfig) -> usize {
        match self.room_for_ranges(account, config) {
            0 => FEW_RANGES,
            _ => MAX_RANGES,
        }
    }

    /// How many ranges of sequence numbers the payments of this account may have beside those that they have.
    pub(super) fn room_for_ranges(&self, account: &AccountSuffix, config: &ReceiveConfig) -> usize {
        let of_account = self.per_account.get(account).map_or(0, |all| all.ranges);
        let left = config.max_sequence_ranges.saturating_sub(self.ranges);
        left.min((config.max_sequence_ranges / SHARE_OF_ACCOUNT).saturating_sub(of_account))
    }

    /// A payment of this account has more or fewer ranges of sequence numbers.
    pub(super) fn has_ranges(&mut self, account: &AccountSuffix, before: usize, after: usize) {
        if before == after {
            return;
        }
        self.ranges = self.ranges.saturating_sub(before).saturating_add(after);
        if let Some(all) = self.per_account.get_mut(account) {
            all.ranges = all.ranges.saturating_sub(before).saturating_add(after);
        }
    }

    fn forget(&mut self, since: Duration, key: &PaymentKey) -> Option<(PaymentKey, Payment)> {
        self.settled.remove(&(since, key.clone()));
        if let Some(all) = self.per_account.get_mut(&key.account) {
            all.settled.remove(&(since, key.payment_id));
        }
        let payment = self.payments.remove(key)?;
        self.data_waits(&key.account, payment.waiting(), 0);
        self.has_ranges(&key.account, payment.fulfilled.len(), 0);
        if let Some(all) = self.per_account.get_mut(&key.account) {
            all.payments = all.payments.saturating_sub(1);
            if all.payments == 0 {
                self.per_account.remove(&key.account);
            }
        }
        Some((key.clone(), *payment))
    }
}
