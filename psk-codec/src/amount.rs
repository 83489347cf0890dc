//! Amounts of money as newtypes, so that the units of two assets are never mixed, with checked arithmetic only.

use core::fmt;
use core::str::FromStr;

/// Text that is not an amount: not a whole number of units, or more than 64 bits hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// Something else than decimal digits, such as a sign, a point or nothing at all.
    #[error("not a whole number of units (decimal digits only)")]
    NotAWholeNumber,
    /// More than 18,446,744,073,709,551,615.
    #[error("more than 18446744073709551615, the greatest amount that ILPv4 carries")]
    TooLarge,
}

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// No money.
            pub const ZERO: Self = Self(0);
            /// The greatest amount that a packet can carry, 2^64 - 1 units.
            pub const MAX: Self = Self(u64::MAX);

            /// So many units.
            pub const fn new(units: u64) -> Self {
                Self(units)
            }

            /// The number of units.
            pub const fn units(self) -> u64 {
                self.0
            }

            /// Whether there is no money.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// The sum, if it fits.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(units) => Some(Self(units)),
                    None => None,
                }
            }

            /// The difference, if `other` is not greater.
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(units) => Some(Self(units)),
                    None => None,
                }
            }

            /// The difference, or zero if `other` is greater.
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// The sum, or the greatest amount if it does not fit.
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = AmountError;

            fn from_str(text: &str) -> Result<Self, AmountError> {
                parse_units(text).map(Self)
            }
        }
    };
}

amount! {
    /// Units of the asset of one hop, as they stand in a packet there.
    ///
    /// Which asset that is, only the one who reads the packet can know: the sender makes a [`SourceAmount`] of it,
    /// the receiver a [`DestinationAmount`].
    Amount
}

amount! {
    /// Units of the sender's asset, at the scale of the sender's own account.
    SourceAmount
}

amount! {
    /// Units of the receiver's asset, at the scale of the receiver's own account.
    DestinationAmount
}

impl From<SourceAmount> for Amount {
    fn from(amount: SourceAmount) -> Self {
        Self(amount.0)
    }
}

impl From<DestinationAmount> for Amount {
    fn from(amount: DestinationAmount) -> Self {
        Self(amount.0)
    }
}

impl Amount {
    /// This amount as units of the sender's asset: right for a packet on the sender's own link.
    pub const fn at_source(self) -> SourceAmount {
        SourceAmount(self.0)
    }

    /// This amount as units of the receiver's asset: right for a packet on the receiver's own link, and for the
    /// amounts inside of PSK packets.
    pub const fn at_destination(self) -> DestinationAmount {
        DestinationAmount(self.0)
    }
}

fn parse_units(text: &str) -> Result<u64, AmountError> {
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(AmountError::NotAWholeNumber);
    }
    text.parse().map_err(|_| AmountError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_of_64_bits_are_amounts() {
        assert_eq!("18446744073709551615".parse(), Ok(Amount::MAX));
        assert_eq!("007".parse(), Ok(SourceAmount::new(7)));
        assert_eq!("18446744073709551616".parse::<Amount>(), Err(AmountError::TooLarge));
        for text in ["", "1.5", "-1", "+1", "1e3", " 1", "0x10", "١"] {
            assert_eq!(text.parse::<Amount>(), Err(AmountError::NotAWholeNumber), "{text:?}");
        }
    }
}
