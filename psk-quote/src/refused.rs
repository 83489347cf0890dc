//! What does not pass, and what was said of that.

use psk_codec::{AmountTooLarge, SourceAmount};

use crate::probe::suggested_maximum;

/// The smallest amount known not to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) amount: SourceAmount,
    pub(crate) cause: Cause,
    pub(crate) times: u32,
    /// What F08 details promise.
    pub(crate) hint: Option<Hint>,
}

/// What F08 details say of the maximum, in source units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hint {
    /// Passes, if they are honest. Below the amount that was refused.
    pub(crate) passes: SourceAmount,
    /// Does not pass. The two are apart where several source units make one unit of the hop.
    pub(crate) refused: SourceAmount,
}

impl Refused {
    /// The smallest amount believed not to pass, when `passes` does.
    pub(crate) fn amount_beyond(&self, passes: SourceAmount) -> SourceAmount {
        match self.hint {
            Some(hint) if hint.passes == passes => hint.refused.min(self.amount),
            _ => self.amount,
        }
    }

    /// Whether details promised that just this amount passes. If it does, it is the maximum, but for rounding.
    pub(crate) fn promises(&self, amount: SourceAmount) -> bool {
        self.hint.is_some_and(|hint| hint.passes == amount)
    }
}

impl Hint {
    pub(crate) fn new(sent: SourceAmount, details: AmountTooLarge) -> Option<Self> {
        let passes = suggested_maximum(sent, details)?;
        let more_than_allowed = u128::from(details.maximum.units()) + 1;
        let refused =
            (u128::from(sent.units()) * more_than_allowed).div_ceil(u128::from(details.received.units()));
        let refused = SourceAmount::new(u64::try_from(refused).unwrap_or(u64::MAX));
        Some(Self { passes, refused })
    }
}

/// Why an amount does not pass, the best reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    Size,
    Liquidity,
    /// Temporary errors or silence, again and again.
    Failure,
}
