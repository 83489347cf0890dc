//! Exchange rates as exact ratios and as intervals of them; no floats.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use psk_codec::{DestinationAmount, SourceAmount};

/// Destination units per source unit, exactly: a ratio of whole numbers.
///
/// The numerator is at most 2^64 and the denominator below it, so that every product with an amount fits 128 bits.
#[derive(Clone, Copy)]
pub struct Rate {
    destination: u128,
    source: u64,
}

/// Text that is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a rate: write a decimal like 0.37 or a fraction like 37/100")]
pub struct RateError;

/// One million: the unit of [`Rate::less_ppm`].
pub const PPM: u32 = 1_000_000;

impl Rate {
    /// Nothing arrives.
    pub const ZERO: Self = Self { destination: 0, source: 1 };

    /// So many destination units for so many source units; `None` for no source units.
    pub const fn new(destination: DestinationAmount, source: SourceAmount) -> Option<Self> {
        match source.units() {
            0 => None,
            source => Some(Self { destination: destination.units() as u128, source }),
        }
    }

    /// What `amount` is worth, rounded down; at most 2^64 - 1.
    pub fn worth_floor(self, amount: SourceAmount) -> DestinationAmount {
        destination_units(self.destination * u128::from(amount.units()) / u128::from(self.source))
    }

    /// What `amount` is worth, rounded up; at most 2^64 - 1.
    pub fn worth_ceil(self, amount: SourceAmount) -> DestinationAmount {
        let product = self.destination * u128::from(amount.units());
        destination_units(product.div_ceil(u128::from(self.source)))
    }

    /// The smallest amount worth at least `amount`; `None` when no amount of 64 bits is.
    pub fn cost_ceil(self, amount: DestinationAmount) -> Option<SourceAmount> {
        let product = u128::from(amount.units()) * u128::from(self.source);
        match self.destination {
            0 if amount.is_zero() => Some(SourceAmount::ZERO),
            0 => None,
            destination => source_units(product.div_ceil(destination)),
        }
    }

    /// The greatest amount worth at most `amount`, at most 2^64 - 1.
    pub fn cost_floor(self, amount: DestinationAmount) -> SourceAmount {
        let product = u128::from(amount.units()) * u128::from(self.source);
        match self.destination {
            0 => SourceAmount::MAX,
            destination => source_units(product / destination).unwrap_or(SourceAmount::MAX),
        }
    }

    /// By how much `amount` is worth more than `delivered`; zero if it is not. In fractions of a destination unit
    /// that are the same for all amounts, so that the waste of several can be compared at one rate.
    pub fn waste(self, amount: SourceAmount, delivered: DestinationAmount) -> u128 {
        let worth = self.destination * u128::from(amount.units());
        worth.saturating_sub(u128::from(delivered.units()) * u128::from(self.source))
    }

    /// This rate less `ppm` parts per million (at most [`PPM`]), rounded down in its 64th bit.
    pub fn less_ppm(self, ppm: u32) -> Self {
        let keep = u128::from(PPM.saturating_sub(ppm));
        // Widened first, so that the division loses nothing that matters.
        let widest = self.destination.max(u128::from(self.source));
        let factor = (u128::from(u64::MAX) / widest).max(1);
        let source = u64::try_from(u128::from(self.source) * factor).unwrap_or(u64::MAX);
        Self { destination: self.destination * factor * keep / u128::from(PPM), source }
    }
}

fn destination_units(units: u128) -> DestinationAmount {
    DestinationAmount::new(u64::try_from(units).unwrap_or(u64::MAX))
}

fn source_units(units: u128) -> Option<SourceAmount> {
    u64::try_from(units).ok().map(SourceAmount::new)
}

impl Ord for Rate {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = self.destination * u128::from(other.source);
        left.cmp(&(other.destination * u128::from(self.source)))
    }
}

impl PartialOrd for Rate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rate {}

impl fmt::Display for Rate {
    /// The fraction as it is kept, such as `3699/9999`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.destination, self.source)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rate({self})")
    }
}

impl FromStr for Rate {
    type Err = RateError;

    /// Reads a decimal (`0.37`) or a fraction (`37/100`), exactly.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let (destination, source) = match text.split_once('/') {
            Some((destination, source)) => (units(destination)?, units(source)?),
            None => decimal(text)?,
        };
        Self::new(DestinationAmount::new(destination), SourceAmount::new(source)).ok_or(RateError)
    }
}

fn units(text: &str) -> Result<u64, RateError> {
    text.parse::<SourceAmount>().map(SourceAmount::units).map_err(|_| RateError)
}

/// A decimal as numerator and a power of ten.
fn decimal(text: &str) -> Result<(u64, u64), RateError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let places = u32::try_from(fraction.len()).map_err(|_| RateError)?;
    let scale = 10_u64.checked_pow(places).ok_or(RateError)?;
    Ok((units(&format!("{whole}{fraction}"))?, scale))
}

/// All rates from `low` to, but not including, `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateInterval {
    low: Rate,
    high: Rate,
}

impl RateInterval {
    /// Nothing is known: all rates below 2^64.
    pub const UNKNOWN: Self = Self { low: Rate::ZERO, high: Rate { destination: 1 << 64, source: 1 } };

    /// What one packet says: when `delivered` arrived for `sent`, rounded down once, the rate lies in
    /// [delivered/sent, (delivered+1)/sent) (ENGINE.md section 3). `None` when nothing was sent.
    ///
    /// Over several hops that round, the rate may be higher: see [`of_packet_over`](Self::of_packet_over).
    pub const fn of_packet(sent: SourceAmount, delivered: DestinationAmount) -> Option<Self> {
        match Rate::new(delivered, sent) {
            None => None,
            Some(low) => {
                let high = Rate { destination: low.destination + 1, source: low.source };
                Some(Self { low, high })
            }
        }
    }

    /// As [`of_packet`](Self::of_packet), for a path of several hops that each round down:
    /// [delivered/sent, (delivered + roundings)/sent).
    ///
    /// With rates r1 ... rk, delivered = floor( ... floor(floor(sent r1) r2) ... rk). Hop i loses less than one of its
    /// own units, which is worth the product of the *later* rates in destination units, so sent x r1 ... rk - delivered
    /// is below the sum of those k products, the last of which is 1. **The interval holds the rate if none of these
    /// products is above 1**: where the hops after the first take their spread only, or convert into something of
    /// which a unit is worth more. Where a later hop converts 1 into 1,000, a packet loses up to 1,000 units at the hop
    /// before it, and no interval follows from one packet and the number of hops alone;
    /// [`DeliveryBounds`](crate::DeliveryBounds) makes one of two packets.
    ///
    /// No roundings count as one; `None` when nothing was sent.
    pub fn of_packet_over(sent: SourceAmount, delivered: DestinationAmount, roundings: u32) -> Option<Self> {
        let low = Rate::new(delivered, sent)?;
        let above = low.destination + u128::from(roundings.max(1));
        Some(Self { low, high: Rate { destination: above.min(1 << 64), source: low.source } })
    }

    /// All rates from `low` to, but not including, `high`.
    pub(crate) const fn new(low: Rate, high: Rate) -> Self {
        Self { low, high }
    }

    /// The rates in either, and all between them.
    pub(crate) fn hull(&self, other: &Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// The lowest rate.
    pub const fn low(&self) -> Rate {
        self.low
    }

    /// The rate that all are below.
    pub const fn high(&self) -> Rate {
        self.high
    }

    /// The rates in both; `None` when there are none, which means that the rate has moved.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let both = Self { low: self.low.max(other.low), high: self.high.min(other.high) };
        (both.low < both.high).then_some(both)
    }

    /// The least that `amount` delivers in one packet: floor(amount x low).
    pub fn delivers_at_least(&self, amount: SourceAmount) -> DestinationAmount {
        self.low.worth_floor(amount)
    }

    /// The most that `amount` delivers: ceil(amount x high) - 1.
    pub fn delivers_at_most(&self, amount: SourceAmount) -> DestinationAmount {
        let above =
            (self.high.destination * u128::from(amount.units())).div_ceil(u128::from(self.high.source));
        destination_units(above.saturating_sub(1))
    }

    /// The smallest amount that is sure to deliver `amount` in one packet: ceil(amount / low); `None` when no
    /// amount is.
    pub fn surely_enough(&self, amount: DestinationAmount) -> Option<SourceAmount> {
        self.low.cost_ceil(amount)
    }

    /// The smallest amount that may deliver `amount`: floor(amount / high) + 1.
    pub fn maybe_enough(&self, amount: DestinationAmount) -> SourceAmount {
        if amount.is_zero() {
            return SourceAmount::ZERO;
        }
        self.high.cost_floor(amount).saturating_add(SourceAmount::new(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(units: u64) -> SourceAmount {
        SourceAmount::new(units)
    }

    fn destination(units: u64) -> DestinationAmount {
        DestinationAmount::new(units)
    }

    #[test]
    fn decimals_and_fractions_are_read_exactly() {
        let rate = |text: &str| text.parse::<Rate>();
        assert_eq!(rate("0.37"), rate("37/100"));
        assert_eq!(rate("2"), rate("2/1"));
        assert_eq!(rate(".5"), rate("1/2"));
        for text in ["", ".", "1/0", "-1", "1e3", "0.1.2", "a", "0.00000000000000000000001"] {
            assert_eq!(rate(text), Err(RateError), "{text:?}");
        }
    }

    #[test]
    fn a_rate_less_a_percent_keeps_its_precision() {
        let rate: Rate = "0.37".parse().unwrap();
        assert_eq!(rate.less_ppm(10_000).worth_floor(source(1_000_000)), destination(366_299));
        assert_eq!(rate.less_ppm(0), rate);
        assert_eq!(rate.less_ppm(PPM), Rate::ZERO);
    }

    #[test]
    fn amounts_at_the_end_of_64_bits_do_not_overflow() {
        let interval = RateInterval::of_packet(SourceAmount::MAX, DestinationAmount::MAX).unwrap();
        assert_eq!(interval.delivers_at_least(SourceAmount::MAX), DestinationAmount::MAX);
        assert_eq!(interval.surely_enough(DestinationAmount::MAX), Some(SourceAmount::MAX));
        assert!(interval.high() > interval.low());
        assert_eq!(RateInterval::UNKNOWN.delivers_at_most(source(1)), DestinationAmount::MAX);
        let dear = RateInterval::of_packet(SourceAmount::MAX, destination(1)).unwrap();
        assert_eq!(dear.surely_enough(destination(2)), None);
        assert_eq!(dear.low().less_ppm(1).worth_floor(SourceAmount::MAX), destination(0));
    }

    proptest! {
        /// With a true rate p/q and one rounding, what a packet says about others holds.
        #[test]
        fn bounds_of_one_packet_hold_for_every_other(
            p in 1..1_000_000u64, q in 1..1_000_000u64,
            probe in 1..10_000_000u64, other in 1..10_000_000u64,
        ) {
            let deliver = |sent: u64| destination(sent * p / q);
            let interval = RateInterval::of_packet(source(probe), deliver(probe)).unwrap();
            let arrived = deliver(other);
            prop_assert!(interval.delivers_at_least(source(other)) <= arrived);
            prop_assert!(arrived <= interval.delivers_at_most(source(other)));
            if let Some(enough) = interval.surely_enough(arrived) {
                prop_assert!(deliver(enough.units()) >= arrived);
            }
            let maybe = interval.maybe_enough(arrived);
            prop_assert!(arrived.is_zero() || deliver(maybe.units() - 1) < arrived);
            let second = RateInterval::of_packet(source(other), arrived).unwrap();
            prop_assert!(interval.intersect(&second).is_some());
        }
    }
}
