//! The accounts of the connector, with their limits and what is under way.

use std::sync::{Mutex, MutexGuard, PoisonError};

use psk_codec::Amount;

use super::config::AccountConfig;
use super::{AccountBalance, Balance};

/// An account's limits and where it stands.
#[derive(Debug)]
pub(super) struct Ledger {
    minimum: Option<Balance>,
    maximum: Option<Balance>,
    now: Mutex<AccountBalance>,
}

impl Ledger {
    pub(super) fn new(config: &AccountConfig) -> Self {
        Self { minimum: config.minimum_balance, maximum: config.maximum_balance, now: Mutex::default() }
    }

    pub(super) fn now(&self) -> AccountBalance {
        *self.lock()
    }

    /// Notes a packet from the account. False, and nothing noted, when the account would owe more than it may, should
    /// everything from it be fulfilled and nothing to it.
    fn hold_incoming(&self, amount: Balance) -> bool {
        let mut now = self.lock();
        let then = AccountBalance { incoming: now.incoming.plus(amount), ..*now };
        let most = then.balance().plus(then.incoming);
        let held = then.fits() && self.maximum.is_none_or(|maximum| most <= maximum);
        if held {
            *now = then;
        }
        held
    }

    /// Notes a packet to the account. False, and nothing noted, when the connector would owe more than it may, should
    /// everything to it be fulfilled and nothing from it.
    fn hold_outgoing(&self, amount: Balance) -> bool {
        let mut now = self.lock();
        let then = AccountBalance { outgoing: now.outgoing.plus(amount), ..*now };
        let least = then.balance().minus(then.outgoing);
        let held = then.fits() && self.minimum.is_none_or(|minimum| least >= minimum);
        if held {
            *now = then;
        }
        held
    }

    fn lock(&self) -> MutexGuard<'_, AccountBalance> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a packet cannot be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutOfBounds {
    /// The account it comes from owes too much.
    Incoming,
    /// The account it goes to is owed too much.
    Outgoing,
}

/// A packet under way, on both accounts. Dropping it takes it back: that is what a Reject means, and it is the only
/// thing to do when the outcome is not known.
#[derive(Debug)]
pub(super) struct Hold<'a> {
    from: &'a Ledger,
    to: &'a Ledger,
    incoming: Balance,
    outgoing: Balance,
}

impl<'a> Hold<'a> {
    pub(super) fn new(
        (from, incoming): (&'a Ledger, Amount),
        (to, outgoing): (&'a Ledger, Amount),
    ) -> Result<Self, OutOfBounds> {
        if !from.hold_incoming(incoming.into()) {
            return Err(OutOfBounds::Incoming);
        }
        let mut hold = Self { from, to, incoming: incoming.into(), outgoing: Balance::default() };
        if !to.hold_outgoing(outgoing.into()) {
            return Err(OutOfBounds::Outgoing);
        }
        hold.outgoing = outgoing.into();
        Ok(hold)
    }

    /// The packet was fulfilled: what was under way is final.
    pub(super) fn settle(mut self) {
        let incoming = std::mem::take(&mut self.incoming);
        let outgoing = std::mem::take(&mut self.outgoing);
        {
            let mut from = self.from.lock();
            from.incoming = from.incoming.minus(incoming);
            from.received = from.received.plus(incoming);
        }
        let mut to = self.to.lock();
        to.outgoing = to.outgoing.minus(outgoing);
        to.sent = to.sent.plus(outgoing);
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        {
            let mut from = self.from.lock();
            from.incoming = from.incoming.minus(self.incoming);
        }
        let mut to = self.to.lock();
        to.outgoing = to.outgoing.minus(self.outgoing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(minimum: i128, maximum: i128) -> Ledger {
        Ledger {
            minimum: Some(Balance::new(minimum)),
            maximum: Some(Balance::new(maximum)),
            now: Mutex::default(),
        }
    }

    fn hold<'a>(from: &'a Ledger, to: &'a Ledger, units: u64) -> Result<Hold<'a>, OutOfBounds> {
        Hold::new((from, Amount::new(units)), (to, Amount::new(units)))
    }

    #[test]
    fn what_is_under_way_counts_to_the_limits_until_it_is_rejected() {
        let (from, to) = (ledger(0, 100), ledger(-60, 0));
        let first = hold(&from, &to, 60).unwrap();
        assert_eq!(hold(&from, &to, 41).unwrap_err(), OutOfBounds::Incoming);
        assert_eq!(hold(&from, &to, 1).unwrap_err(), OutOfBounds::Outgoing);
        assert_eq!(from.now().incoming, Balance::new(60), "nothing is left of the failures");
        drop(first);
        assert_eq!((from.now(), to.now()), Default::default());
        hold(&from, &to, 60).unwrap().settle();
        assert_eq!(from.now().balance(), Balance::new(60));
        assert_eq!(to.now().balance(), Balance::new(-60));
        assert_eq!(hold(&from, &to, 1).unwrap_err(), OutOfBounds::Outgoing);
        hold(&to, &from, 60).unwrap().settle();
        assert_eq!(from.now().balance(), to.now().balance());
    }

    #[test]
    fn sums_that_would_not_fit_are_refused() {
        let nearly = Balance::new(i128::MAX - 5);
        let (mut from, to) = (ledger(i128::MIN, i128::MAX), ledger(i128::MIN, i128::MAX));
        from.now = Mutex::new(AccountBalance { received: nearly, ..Default::default() });
        hold(&from, &to, 5).unwrap().settle();
        assert_eq!(hold(&from, &to, 1).unwrap_err(), OutOfBounds::Incoming);
        from.now = Mutex::new(AccountBalance { sent: nearly, ..Default::default() });
        assert_eq!(hold(&to, &from, 6).unwrap_err(), OutOfBounds::Outgoing);
    }

    #[test]
    fn a_packet_back_to_where_it_came_from_is_held_on_both_sides() {
        let account = ledger(-10, 10);
        let held = hold(&account, &account, 10).unwrap();
        assert_eq!(account.now().incoming, account.now().outgoing);
        held.settle();
        assert_eq!(account.now().balance(), Balance::default());
    }
}
