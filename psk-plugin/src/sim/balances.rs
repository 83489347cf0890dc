//! What everybody owes everybody, and the proof that it adds up.

use psk_codec::Amount;

use super::assets::assets;
use super::config::LinkConfig;
use super::topology::LinkIndex;
use crate::balance::{AccountBalance, Balance};

/// The books of both ends of every link, each kept by its own node from what it sees, and what has left one end and
/// has not reached the other.
///
/// For every asset, the balances of all accounts less what is unacknowledged add up to zero after every event
/// (ENGINE.md section 2, invariant 7). The sums are kept as the accounts change, so checking them is cheap;
/// [`Books::recount`] makes them anew.
#[derive(Debug)]
pub(super) struct Books {
    accounts: Vec<[AccountBalance; 2]>,
    unacknowledged: Vec<Balance>,
    asset_of: Vec<usize>,
    /// The code and scale of each asset, and what its accounts add up to.
    assets: Vec<(String, u8)>,
    sums: Vec<Balance>,
    /// The first thing that was wrong after a change.
    problem: Option<&'static str>,
}

/// Which figure of an account changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Received,
    Sent,
}

impl Books {
    pub(super) fn new(links: &[LinkConfig]) -> Self {
        let (asset_of, assets) = assets(links);
        Self {
            accounts: vec![Default::default(); links.len()],
            unacknowledged: vec![Balance::default(); links.len()],
            sums: vec![Balance::default(); assets.len()],
            asset_of,
            assets,
            problem: None,
        }
    }

    /// The account that an end (0 or 1) of a link keeps of the other end.
    pub(super) fn account(&self, link: LinkIndex, end: usize) -> AccountBalance {
        self.accounts[link][end & 1]
    }

    /// The code and scale of what a link's accounts are kept in.
    pub(super) fn asset(&self, link: LinkIndex) -> (String, u8) {
        self.assets[self.asset_of[link]].clone()
    }

    /// What one end of a link has fulfilled and the other has not learned, or not in time.
    pub(super) fn unacknowledged(&self, link: LinkIndex) -> Balance {
        self.unacknowledged[link]
    }

    /// A Prepare has arrived at an end and waits for its answer, or has got it.
    pub(super) fn hold_incoming(&mut self, link: LinkIndex, end: usize, amount: Amount, held: bool) {
        let account = &mut self.accounts[link][end & 1];
        account.incoming = moved(account.incoming, amount, held);
        let sound = account.incoming >= Balance::default();
        self.holds(sound, "less than nothing is under way from a node");
    }

    /// The same for a Prepare that an end has sent.
    pub(super) fn hold_outgoing(&mut self, link: LinkIndex, end: usize, amount: Amount, held: bool) {
        let account = &mut self.accounts[link][end & 1];
        account.outgoing = moved(account.outgoing, amount, held);
        let sound = account.outgoing >= Balance::default();
        self.holds(sound, "less than nothing is under way to a node");
    }

    /// An end has fulfilled (`Received`), or has seen the fulfillment of what it sent (`Sent`): `amount` by its own
    /// record of the packet. `on_wire` is what the other end says; it is noted apart until both agree.
    pub(super) fn settle(
        &mut self,
        link: LinkIndex,
        end: usize,
        amount: Amount,
        on_wire: Amount,
        figure: Figure,
    ) {
        let account = &mut self.accounts[link][end & 1];
        let before = account.balance();
        match figure {
            Figure::Received => account.received = account.received.plus(amount.into()),
            Figure::Sent => account.sent = account.sent.plus(amount.into()),
        }
        let change = account.balance().minus(before);
        let wire = &mut self.unacknowledged[link];
        let wire_before = *wire;
        *wire = moved(*wire, on_wire, figure == Figure::Received);
        let sum = &mut self.sums[self.asset_of[link]];
        *sum = sum.plus(change).minus(wire.minus(wire_before));
        let (adds_up, known) = (*sum == Balance::default(), *wire >= Balance::default());
        self.holds(adds_up, "the accounts of an asset do not add up to zero");
        self.holds(known, "a node has seen a fulfillment that was not given");
    }

    /// What was wrong with the accounts first, after whichever change: `None` when the accounts of every asset have
    /// always added up to zero and no figure was below it.
    pub(super) fn problem(&self) -> Option<&'static str> {
        self.problem
    }

    fn holds(&mut self, sound: bool, problem: &'static str) {
        if !sound {
            self.problem.get_or_insert(problem);
        }
    }

    /// The sums of all accounts, asset by asset, counted anew: zero each.
    pub(super) fn recount(&self) -> Vec<(String, u8, Balance)> {
        let mut sums = vec![Balance::default(); self.assets.len()];
        for (link, [one, other]) in self.accounts.iter().enumerate() {
            let sum = &mut sums[self.asset_of[link]];
            *sum = sum.plus(one.balance()).plus(other.balance()).minus(self.unacknowledged[link]);
        }
        let assets = self.assets.iter().cloned();
        assets.zip(sums).map(|((code, scale), sum)| (code, scale, sum)).collect()
    }
}

fn moved(figure: Balance, amount: Amount, up: bool) -> Balance {
    if up { figure.plus(amount.into()) } else { figure.minus(amount.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Amount = Amount::new(10);

    fn books() -> Books {
        Books::new(&[LinkConfig::new("alice", "hop", 1), LinkConfig::new("hop", "bob", 1)])
    }

    #[test]
    fn what_is_given_and_seen_adds_up() {
        let mut books = books();
        books.hold_outgoing(0, 0, TEN, true);
        books.settle(0, 1, TEN, TEN, Figure::Received);
        assert_eq!(books.unacknowledged(0).units(), 10);
        books.settle(0, 0, TEN, TEN, Figure::Sent);
        books.hold_outgoing(0, 0, TEN, false);
        assert_eq!((books.unacknowledged(0).units(), books.problem()), (0, None));
        assert!(books.recount().iter().all(|(.., sum)| sum.units() == 0));
    }

    #[test]
    fn what_is_wrong_once_stays_wrong() {
        // Seen before it was given: the sums are right, the order is not.
        let mut early = books();
        early.settle(0, 0, TEN, TEN, Figure::Sent);
        early.settle(0, 1, TEN, TEN, Figure::Received);
        assert!(early.problem().is_some());
        // The two ends do not agree about the amount, until another error makes up for it.
        let mut unequal = books();
        unequal.settle(0, 1, TEN, Amount::new(9), Figure::Received);
        assert!(unequal.problem().is_some());
        unequal.settle(0, 0, TEN, Amount::new(9), Figure::Sent);
        assert!(unequal.problem().is_some());
        let mut less_than_nothing = books();
        less_than_nothing.hold_incoming(1, 1, TEN, false);
        assert!(less_than_nothing.problem().is_some());
    }
}
