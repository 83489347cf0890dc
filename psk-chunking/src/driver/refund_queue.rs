//! Which refunds are paid now, and which wait for their turn.

use std::collections::{HashMap, VecDeque};

use psk_request::AccountSuffix;

use crate::receive::RefundOrder;

/// The refunds that are due. Each that is paid is a payment of its own and may take minutes, so there are not many at once;
/// those that wait take no more than their orders.
#[derive(Debug, Default)]
pub(super) struct RefundQueue {
    accounts: HashMap<AccountSuffix, OfAccount>,
    /// The accounts of which one more may be paid, in the order of their turns.
    turns: VecDeque<AccountSuffix>,
    /// How many are being paid.
    under_way: usize,
}

/// The refunds to the senders of one account.
#[derive(Debug, Default)]
struct OfAccount {
    waiting: VecDeque<RefundOrder>,
    /// How many are being paid.
    under_way: usize,
}

/// So many are paid at once: at some 15 kB each about a megabyte.
const MOST_AT_ONCE: usize = 64;
/// Of one account, so that one whose refunds go nowhere does not hold up those of all others.
const MOST_OF_ACCOUNT: usize = 8;

impl OfAccount {
    fn has_turn(&self) -> bool {
        !self.waiting.is_empty() && self.under_way < MOST_OF_ACCOUNT
    }
}

impl RefundQueue {
    /// One more is due.
    pub(super) fn add(&mut self, order: RefundOrder) {
        let account = order.payment.account.clone();
        let all = self.accounts.entry(account.clone()).or_default();
        let had_turn = all.has_turn();
        all.waiting.push_back(order);
        if !had_turn && all.has_turn() {
            self.turns.push_back(account);
        }
    }

    /// The next one that is to be paid now; [`ended`](Self::ended) has to follow when it is.
    pub(super) fn begin_next(&mut self) -> Option<RefundOrder> {
        if self.under_way >= MOST_AT_ONCE {
            return None;
        }
        let account = self.turns.pop_front()?;
        let all = self.accounts.get_mut(&account)?;
        let order = all.waiting.pop_front()?;
        all.under_way += 1;
        self.under_way += 1;
        if all.has_turn() {
            self.turns.push_back(account);
        }
        Some(order)
    }

    /// One of this account that was paid has ended.
    pub(super) fn ended(&mut self, account: &AccountSuffix) {
        let Some(all) = self.accounts.get_mut(account) else { return };
        let had_turn = all.has_turn();
        all.under_way = all.under_way.saturating_sub(1);
        self.under_way = self.under_way.saturating_sub(1);
        if !had_turn && all.has_turn() {
            self.turns.push_back(account.clone());
        }
        if all.under_way == 0 && all.waiting.is_empty() {
            self.accounts.remove(account);
        }
    }
}
