//! A rate that moves, applied exactly.

use std::time::Duration;

use psk_codec::Amount;

use super::chance::MILLION;
use super::hop_config::CurvePoint;
use crate::rate::{Conversion, Rate, RateError};

/// Converts amounts at a rate that follows a curve.
#[derive(Debug)]
pub(super) struct Curve {
    rate: Rate,
    scales: [u8; 2],
    spread_ppm: u32,
    points: Vec<CurvePoint>,
    /// Whether `rate` and its points are for the other direction.
    inverse: bool,
    /// The share of the rate that `conversion` was made for.
    ppm: u32,
    conversion: Conversion,
}

impl Curve {
    /// All of the shares that the curve takes must be exact.
    pub(super) fn new(
        rate: Rate,
        scales: [u8; 2],
        spread_ppm: u32,
        points: &[CurvePoint],
        inverse: bool,
    ) -> Result<Self, RateError> {
        let ppm = points.first().map_or(MILLION, |point| point.ppm);
        let first = converted(rate, scales, spread_ppm, ppm, inverse)?;
        if let Some(most) = points.iter().map(|point| point.ppm).max() {
            check_all_shares(rate, scales, most, inverse)?;
        }
        for point in points {
            converted(rate, scales, spread_ppm, point.ppm, inverse)?;
        }
        Ok(Self { rate, scales, spread_ppm, points: points.to_vec(), inverse, ppm, conversion: first })
    }

    /// The amount on the other side, rounded down; an error with the greatest amount that can be converted when it
    /// is more than 64 bits hold.
    pub(super) fn apply(&mut self, amount: Amount, now: Duration) -> Result<Amount, Amount> {
        let ppm = share_at(&self.points, now);
        if ppm != self.ppm {
            let fresh = converted(self.rate, self.scales, self.spread_ppm, ppm, self.inverse);
            // Never an error: all shares were checked when the curve was made.
            if let Ok(conversion) = fresh {
                self.conversion = conversion;
            }
            self.ppm = ppm;
        }
        self.conversion.apply(amount)
    }
}

/// Whether every share up to `most` can be applied exactly, even when nothing in its ratio cancels out.
fn check_all_shares(rate: Rate, [from, to]: [u8; 2], most: u32, inverse: bool) -> Result<(), RateError> {
    let (numerator, denominator) = rate.parts();
    let moved = u64::from(most).max(MILLION.into());
    let (numerator, denominator) = (numerator.checked_mul(moved), denominator.checked_mul(moved));
    let (above, below) = if inverse { (denominator, numerator) } else { (numerator, denominator) };
    below.ok_or(RateError::TooFine)?;
    let scale = 10u64.checked_pow(u32::from(to.saturating_sub(from)));
    let factor = scale.and_then(|scale| scale.checked_mul(MILLION.into()));
    let product = above.zip(factor).and_then(|(above, factor)| above.checked_mul(factor));
    product.map(|_| ()).ok_or(RateError::TooFine)
}

fn converted(
    rate: Rate,
    [from, to]: [u8; 2],
    spread_ppm: u32,
    ppm: u32,
    inverse: bool,
) -> Result<Conversion, RateError> {
    let moved = rate.times(Rate::new(ppm.into(), MILLION.into())?)?;
    let moved = if inverse { moved.inverse() } else { moved };
    Conversion::new(moved, from, to, spread_ppm)
}

/// Where the curve is, in parts per million of its rate.
pub(super) fn share_at(points: &[CurvePoint], now: Duration) -> u32 {
    let now = now.as_millis();
    let Some(next) = points.iter().position(|point| u128::from(point.at_ms) > now) else {
        return points.last().map_or(MILLION, |point| point.ppm);
    };
    let Some(after) = points.get(next) else { return MILLION };
    let Some(before) = next.checked_sub(1).and_then(|before| points.get(before)) else { return after.ppm };
    let whole = u128::from(after.at_ms.saturating_sub(before.at_ms)).max(1);
    let passed = now.saturating_sub(before.at_ms.into()).min(whole);
    let sum = u128::from(before.ppm) * (whole - passed) + u128::from(after.ppm) * passed;
    u32::try_from(sum / whole).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: [CurvePoint; 4] = [
        CurvePoint { at_ms: 1_000, ppm: 1_000_000 },
        CurvePoint { at_ms: 3_000, ppm: 950_000 },
        CurvePoint { at_ms: 5_000, ppm: 950_000 },
        CurvePoint { at_ms: 5_000, ppm: 990_001 },
    ];

    #[test]
    fn a_curve_goes_straight_between_points_and_jumps_at_two_of_one_time() {
        let at = |millis| share_at(&POINTS, Duration::from_millis(millis));
        assert_eq!([at(0), at(1_000), at(1_001), at(2_000)], [1_000_000, 1_000_000, 999_975, 975_000]);
        assert_eq!([at(3_000), at(4_999), at(5_000), at(900_000)], [950_000, 950_000, 990_001, 990_001]);
        assert_eq!(share_at(&[], Duration::ZERO), MILLION);
    }

    #[test]
    fn amounts_follow_the_curve_and_lose_the_spread() {
        let rate = Rate::new(2, 1).unwrap();
        let mut curve = Curve::new(rate, [9, 9], 2_000, &POINTS, false).unwrap();
        let mut apply = |millis| curve.apply(Amount::new(1_000_000), Duration::from_millis(millis)).unwrap();
        assert_eq!(apply(0), Amount::new(1_996_000));
        assert_eq!(apply(3_500), Amount::new(1_896_200));
        let mut back = Curve::new(rate, [9, 9], 0, &POINTS, true).unwrap();
        assert_eq!(
            back.apply(Amount::new(1_900_000), Duration::from_millis(3_500)),
            Ok(Amount::new(1_000_000))
        );
    }
}
