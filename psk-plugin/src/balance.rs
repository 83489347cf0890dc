//! What two nodes owe each other.

use std::fmt;
use std::str::FromStr;

use psk_codec::Amount;

/// An exact number of units of an account's asset, below zero when the connector owes them.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Balance(i128);

impl Balance {
    /// So many units.
    pub const fn new(units: i128) -> Self {
        Self(units)
    }

    /// The number of units.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The sum, if it fits.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// The difference, if it fits.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// The sum of figures that [`AccountBalance::fits`] has seen together before.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference of such figures.
    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl FromStr for Balance {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::new)
    }
}

impl From<Amount> for Balance {
    fn from(amount: Amount) -> Self {
        Self(amount.units().into())
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Balance({})", self.0)
    }
}

/// Where an account stands, in units of its own asset. None of the figures is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountBalance {
    /// The sum of the packets from the account that were fulfilled.
    pub received: Balance,
    /// The sum of the packets to the account that were fulfilled.
    pub sent: Balance,
    /// The sum of the packets from the account that are under way.
    pub incoming: Balance,
    /// The sum of the packets to the account that are under way.
    pub outgoing: Balance,
}

impl AccountBalance {
    /// What the account owes the connector, without what is under way.
    pub fn balance(&self) -> Balance {
        self.received.minus(self.sent)
    }

    /// Whether all of the sums fit, whatever becomes of the packets under way. No figure is negative, so that their
    /// differences fit as well.
    #[cfg(feature = "connector")]
    pub(crate) fn fits(&self) -> bool {
        let received = self.received.checked_add(self.incoming);
        received.is_some() && self.sent.checked_add(self.outgoing).is_some()
    }
}
