//! Exchange rates as exact ratios.

use std::fmt;
use std::str::FromStr;

use psk_codec::Amount;
use serde::{Deserialize, Deserializer};

/// How many whole units of one asset a whole unit of another is worth (dollars per euro, not cents per cent), as an
/// exact ratio. Written `5/4`, `1.25` or `2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    numerator: u64,
    denominator: u64,
}

/// What a rate cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Not of the form `5/4`, `1.25` or `2`.
    #[error("not a rate: write 5/4, 1.25 or 2")]
    Malformed,
    /// Nothing for something, or something for nothing.
    #[error("a rate is not zero and has no zero denominator")]
    Zero,
    /// With scales and spread, the ratio in lowest terms has a numerator of more than 64 bits or a denominator of
    /// more than 128: such a rate cannot be applied exactly.
    #[error("the rate has too many digits, with the assets' scales and the spread")]
    TooFine,
    /// A spread of one million parts and more would leave nothing.
    #[error("the spread must be less than 1000000 parts per million")]
    SpreadTooLarge,
}

impl Rate {
    /// One for one.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// So many units for so many.
    pub const fn new(numerator: u64, denominator: u64) -> Result<Self, RateError> {
        if numerator == 0 || denominator == 0 {
            return Err(RateError::Zero);
        }
        Ok(Self { numerator, denominator })
    }

    /// The rate in the other direction.
    pub const fn inverse(self) -> Self {
        Self { numerator: self.denominator, denominator: self.numerator }
    }

    /// Numerator and denominator, neither of them zero.
    pub const fn parts(self) -> (u64, u64) {
        (self.numerator, self.denominator)
    }

    /// This rate times another one, in lowest terms.
    #[cfg(feature = "sim")]
    pub(crate) fn times(self, other: Self) -> Result<Self, RateError> {
        let numerator = u128::from(self.numerator) * u128::from(other.numerator);
        let denominator = u128::from(self.denominator) * u128::from(other.denominator);
        let common = greatest_common_divisor(numerator, denominator).max(1);
        let fits = |part: u128| u64::try_from(part / common).map_err(|_| RateError::TooFine);
        Self::new(fits(numerator)?, fits(denominator)?)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let digits = |text: &str| match text.bytes().all(|digit| digit.is_ascii_digit()) {
            true => text.parse::<u64>().map_err(|_| RateError::Malformed),
            false => Err(RateError::Malformed),
        };
        if let Some((numerator, denominator)) = text.split_once('/') {
            return Self::new(digits(numerator)?, digits(denominator)?);
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if text.ends_with('.') {
            return Err(RateError::Malformed);
        }
        let places = u32::try_from(fraction.len()).map_err(|_| RateError::TooFine)?;
        let denominator = 10u64.checked_pow(places).ok_or(RateError::TooFine)?;
        let fraction = if places == 0 { 0 } else { digits(fraction)? };
        let numerator = digits(whole)?.checked_mul(denominator);
        let numerator = numerator.and_then(|whole| whole.checked_add(fraction));
        Self::new(numerator.ok_or(RateError::TooFine)?, denominator)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::from_text_or_integer(deserializer)
    }
}

#[cfg(feature = "sim")]
impl serde::Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What one unit of an account's asset becomes in another account, in the units of both, spread taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conversion {
    numerator: u64,
    denominator: u128,
}

const MILLION: u32 = 1_000_000;

impl Conversion {
    pub(crate) fn new(rate: Rate, from_scale: u8, to_scale: u8, spread_ppm: u32) -> Result<Self, RateError> {
        let kept = MILLION.checked_sub(spread_ppm).filter(|&kept| kept > 0);
        let kept = kept.ok_or(RateError::SpreadTooLarge)?;
        // Reduced before they are multiplied, so that what is exact in lowest terms never overflows.
        let mut above = [u128::from(rate.numerator), kept.into(), ten_to(to_scale, from_scale)?];
        let mut below = [u128::from(rate.denominator), MILLION.into(), ten_to(from_scale, to_scale)?];
        for a in &mut above {
            for b in &mut below {
                let common = greatest_common_divisor(*a, *b);
                *a /= common;
                *b /= common;
            }
        }
        let product = |factors: [u128; 3]| {
            let mut factors = factors.into_iter();
            factors.try_fold(1u128, u128::checked_mul).ok_or(RateError::TooFine)
        };
        Ok(Self {
            numerator: u64::try_from(product(above)?).map_err(|_| RateError::TooFine)?,
            denominator: product(below)?,
        })
    }

    /// The amount on the other side, rounded down; an error with the greatest amount that can be converted when it
    /// is more than 64 bits hold.
    pub(crate) fn apply(&self, amount: Amount) -> Result<Amount, Amount> {
        let product = u128::from(amount.units()) * u128::from(self.numerator);
        match u64::try_from(product / self.denominator) {
            Ok(units) => Ok(Amount::new(units)),
            Err(_) => Err(self.greatest()),
        }
    }

    /// The greatest amount that [`Conversion::apply`] takes: x * n / d < 2^64 where x <= (2^64 * d - 1) / n.
    fn greatest(&self) -> Amount {
        // Only called where the denominator is less than the numerator, so this does not overflow.
        let bound = self.denominator.saturating_mul(1 << 64).saturating_sub(1);
        let units = bound / u128::from(self.numerator);
        Amount::new(u64::try_from(units).unwrap_or(u64::MAX))
    }
}

/// 10^(larger - smaller), or 1 when it is not larger.
fn ten_to(larger: u8, smaller: u8) -> Result<u128, RateError> {
    let exponent = u32::from(larger.saturating_sub(smaller));
    10u128.checked_pow(exponent).ok_or(RateError::TooFine)
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(rate: &str, scales: (u8, u8), spread_ppm: u32, units: u64) -> Result<u64, u64> {
        let conversion = Conversion::new(rate.parse().unwrap(), scales.0, scales.1, spread_ppm);
        let converted = conversion.unwrap().apply(Amount::new(units));
        converted.map(Amount::units).map_err(Amount::units)
    }

    #[test]
    fn rates_are_read_exactly() {
        assert_eq!("5/4".parse(), Rate::new(5, 4));
        assert_eq!("1.25".parse(), Rate::new(125, 100));
        assert_eq!("0.001".parse(), Rate::new(1, 1000));
        assert_eq!("2".parse(), Rate::new(2, 1));
        for text in ["", ".", "1.", ".5", "1/", "/1", "-1", "1e3", "1.+5", "1/2/3", " 1"] {
            assert_eq!(text.parse::<Rate>(), Err(RateError::Malformed), "{text:?}");
        }
        assert_eq!("0".parse::<Rate>(), Err(RateError::Zero));
        assert_eq!("1/0".parse::<Rate>(), Err(RateError::Zero));
        assert_eq!("0.00000000000000000001".parse::<Rate>(), Err(RateError::TooFine));
    }

    #[test]
    fn scales_and_spread_are_part_of_the_ratio() {
        // 1.00 EUR in cents is 1.25 USD in nanodollars.
        assert_eq!(convert("5/4", (2, 9), 0, 100), Ok(1_250_000_000));
        assert_eq!(convert("4/5", (9, 2), 0, 1_249_999_999), Ok(99));
        assert_eq!(convert("1", (0, 0), 2_000, 1_000), Ok(998));
        assert_eq!(convert("1", (0, 0), 2_000, 499), Ok(498));
        assert_eq!(convert("1", (0, 0), 1, u64::MAX), Ok(18_446_725_626_965_477_905));
    }

    #[test]
    fn amounts_of_more_than_64_bits_say_how_much_would_pass() {
        let greatest = convert("3", (0, 0), 0, u64::MAX).unwrap_err();
        assert_eq!(greatest, u64::MAX / 3);
        assert_eq!(convert("3", (0, 0), 0, greatest), Ok(u64::MAX));
        for rate in ["2", "7/2", "1000", "18446744073709551615"] {
            let greatest = convert(rate, (0, 0), 0, u64::MAX).unwrap_err();
            convert(rate, (0, 0), 0, greatest).unwrap();
            convert(rate, (0, 0), 0, greatest + 1).unwrap_err();
        }
    }

    #[test]
    fn what_cannot_be_exact_is_refused() {
        let new = |rate: Rate, scales: (u8, u8), spread| {
            Conversion::new(rate, scales.0, scales.1, spread).unwrap_err()
        };
        let fine = Rate::new(u64::MAX, 1).unwrap();
        assert_eq!(new(fine, (0, 0), 1), RateError::TooFine);
        assert_eq!(new(Rate::ONE, (0, 20), 0), RateError::TooFine);
        assert_eq!(new(Rate::ONE, (0, 255), 0), RateError::TooFine);
        assert_eq!(new(Rate::ONE, (0, 0), MILLION), RateError::SpreadTooLarge);
        Conversion::new(Rate::ONE, 38, 0, 0).unwrap();
        Conversion::new(fine.inverse(), 0, 19, 0).unwrap();
    }
}
