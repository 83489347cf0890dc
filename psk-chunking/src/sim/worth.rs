//! What one source unit more may bring on a payment's paths at their highest rates: exactly, for the checks.

use psk_plugin::sim::{CurveConfig, NetworkConfig};

use super::ratio::Ratio;
use super::way::{OnPath, on_path};

const MILLION: u64 = 1_000_000;

/// A ratio of products, as large as they may become.
#[derive(Clone, Debug, Default)]
struct Product {
    above: Vec<u64>,
    below: Vec<u64>,
}

/// What a payment over some paths may deliver beyond a fixed amount (ENGINE.md section 4, "Fixed destination"): less
/// than what one source unit more may bring, at the highest rate that any of the paths ever has. On a path of one
/// connector that is the worth of one source unit, rounded up: so the amount is hit exactly when a source unit is worth
/// one destination unit or less, and the same holds for several connectors with rates of at most one each.
///
/// Where a unit on the way is worth more than both a source unit and a destination unit, as one of 1 EUR between two
/// links in cents, amounts between two of its multiples cannot be delivered by anybody: then one of those units is what
/// one source unit more may bring. No hop gives more than its rate, so rounding, however often, only makes less of it.
pub(super) fn greatest_overshoot(network: &NetworkConfig, paths: &[Vec<usize>]) -> u128 {
    let step = |path: &Vec<usize>| {
        // One unit more may be one more after each rounding.
        let steps = on_path(network, path);
        steps.iter().fold(1, |step, at| highest(at, step).greatest_below().saturating_add(1))
    };
    paths.iter().map(step).max().unwrap_or(1).saturating_sub(1).into()
}

/// How much more packets under way may deliver than anybody could know when they were sent, because a rate rises
/// meanwhile: the share of it all that the lowest and the highest rates of a path differ by, in parts per million, and the
/// most that so many source units are worth. No share where no rate ever rises.
pub(super) fn may_rise(network: &NetworkConfig, paths: &[Vec<usize>]) -> (u64, Ratio) {
    let rise = |path: &Vec<usize>| -> u64 { on_path(network, path).iter().map(rise_ppm).sum() };
    let ppm = paths.iter().map(rise).max().unwrap_or(0);
    let highest = |path: &Vec<usize>| {
        let hops = on_path(network, path);
        hops.iter().fold(Ratio::ONE, |ratio, at| {
            let product = highest(at, 1);
            let factors = product.above.iter().zip(&product.below);
            factors.fold(ratio, |ratio, (above, below)| ratio.times((*above).into(), (*below).into()))
        })
    };
    let highest = paths.iter().map(highest).max_by_key(|ratio| ratio.of(1 << 60)).unwrap_or(Ratio::ONE);
    (ppm, highest)
}

/// By how much a connector's rate may rise, in parts per million of the highest.
fn rise_ppm(at: &OnPath<'_>) -> u64 {
    let Some((curve, inverse)) = curve_of(at) else { return 0 };
    let mut pairs = curve.curve.windows(2).map(|pair| (pair[0].ppm, pair[1].ppm));
    let rises = pairs.any(|(before, after)| if inverse { after < before } else { after > before });
    let shares = curve.curve.iter().map(|point| u64::from(point.ppm));
    let (lowest, highest) = (shares.clone().min().unwrap_or(MILLION), shares.max().unwrap_or(MILLION));
    if rises { ((highest - lowest) * MILLION).div_ceil(highest.max(1)) } else { 0 }
}

/// The curve that a connector applies, and whether it is for the other direction.
fn curve_of<'a>(at: &OnPath<'a>) -> Option<(&'a CurveConfig, bool)> {
    let (from, to) = (&at.before.asset, &at.after.asset);
    let direct = at.hop.rates.iter().find(|rate| rate.from == *from && rate.to == *to);
    let inverse = at.hop.rates.iter().find(|rate| rate.from == *to && rate.to == *from);
    let inverse = inverse.filter(|_| from != to).map(|curve| (curve, true));
    direct.map(|curve| (curve, false)).or(inverse)
}

/// What so many units become at a connector, at most, before they are rounded.
fn highest(at: &OnPath<'_>, units: u64) -> Product {
    let mut product = Product::default();
    product.times(units, 1);
    product.times(MILLION.saturating_sub(at.hop.spread_ppm.into()), MILLION);
    if let Some((curve, inverse)) = curve_of(at) {
        let (above, below) = curve.rate.parts();
        let shares = curve.curve.iter().map(|point| u64::from(point.ppm));
        match inverse {
            false => {
                product.times(above, below);
                product.times(shares.max().unwrap_or(MILLION), MILLION);
            }
            true => {
                product.times(below, above);
                product.times(MILLION, shares.min().unwrap_or(MILLION));
            }
        }
    }
    for _ in at.before.scale..at.after.scale {
        product.times(10, 1);
    }
    for _ in at.after.scale..at.before.scale {
        product.times(1, 10);
    }
    product
}

impl Product {
    fn times(&mut self, above: u64, below: u64) {
        self.above.push(above);
        self.below.push(below);
    }

    /// The greatest whole number below it, up to 64 bits.
    fn greatest_below(&self) -> u64 {
        let (mut below, mut not_below) = (0u64, u64::MAX);
        while not_below - below > 1 {
            let middle = below + (not_below - below) / 2;
            if self.is_above(middle) { below = middle } else { not_below = middle }
        }
        below
    }

    fn is_above(&self, number: u64) -> bool {
        let mut below = self.below.clone();
        below.push(number);
        greater(&multiplied(&self.above), &multiplied(&below))
    }
}

/// All of them multiplied: 64 bits in each place, the lowest first, and no empty places at the end.
fn multiplied(factors: &[u64]) -> Vec<u64> {
    let mut product = vec![1];
    for factor in factors {
        let mut carry = 0u128;
        for place in &mut product {
            let sum = u128::from(*place) * u128::from(*factor) + carry;
            *place = low_half(sum);
            carry = sum >> 64;
        }
        product.push(low_half(carry));
        while product.last() == Some(&0) {
            product.pop();
        }
    }
    product
}

fn low_half(number: u128) -> u64 {
    u64::try_from(number & u128::from(u64::MAX)).unwrap_or(u64::MAX)
}

fn greater(one: &[u64], other: &[u64]) -> bool {
    (one.len(), one.iter().rev().collect::<Vec<_>>()) > (other.len(), other.iter().rev().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use psk_plugin::sim::{CurvePoint, HopConfig, LinkConfig, Rate};

    use super::*;

    fn product(above: &[u64], below: &[u64]) -> Product {
        Product { above: above.to_vec(), below: below.to_vec() }
    }

    #[test]
    fn it_is_exact_however_many_hops_there_are() {
        assert_eq!(product(&[1_000], &[1]).greatest_below(), 999);
        assert_eq!(product(&[1_000], &[999]).greatest_below(), 1);
        assert_eq!(product(&[999], &[1_000]).greatest_below(), 0);
        assert_eq!(product(&[], &[]).greatest_below(), 0);
        assert_eq!(product(&[0, 5], &[1, 1]).greatest_below(), 0);
        let large = [u64::MAX, u64::MAX - 2, u64::MAX - 4, u64::MAX - 6];
        assert_eq!(product(&large, &large).greatest_below(), 0);
        let more = [u64::MAX, u64::MAX - 2, u64::MAX - 4, u64::MAX - 5];
        assert_eq!(product(&more, &large).greatest_below(), 1);
        assert_eq!(product(&large, &more).greatest_below(), 0);
    }

    /// Connectors in a row between links in these assets.
    fn path(assets: &[(&str, u8)], hops: &[HopConfig]) -> (NetworkConfig, Vec<Vec<usize>>) {
        let names: Vec<&str> =
            ["alice"].into_iter().chain(hops.iter().map(|hop| hop.name.as_str())).chain(["bob"]).collect();
        let links = names.windows(2).zip(assets);
        let links = links
            .map(|(ends, (asset, scale))| LinkConfig::new(ends[0], ends[1], 1).with_asset(*asset, *scale));
        let network = NetworkConfig {
            hosts: vec!["alice".into(), "bob".into()],
            links: links.collect(),
            connectors: hops.to_vec(),
        };
        (network, vec![(0..assets.len()).collect()])
    }

    fn hop(name: &str, rate: Option<(&str, &str, u64, u64)>, curve: &[u32]) -> HopConfig {
        let curve = (0u64..).zip(curve).map(|(at_ms, ppm)| CurvePoint { at_ms, ppm: *ppm }).collect();
        let rates = rate.into_iter().map(|(from, to, above, below)| CurveConfig {
            from: from.into(),
            to: to.into(),
            rate: Rate::new(above, below).unwrap_or(Rate::ONE),
            curve: Vec::clone(&curve),
        });
        HopConfig { rates: rates.collect(), ..HopConfig::new(name) }
    }

    fn overshoot((network, paths): (NetworkConfig, Vec<Vec<usize>>)) -> u128 {
        greatest_overshoot(&network, &paths)
    }

    #[test]
    fn less_than_one_source_unit_more_may_bring() {
        let xrp = ("XRP", 9);
        assert_eq!(overshoot(path(&[xrp, xrp], &[HopConfig::new("a")])), 0);
        let four: Vec<HopConfig> =
            ["a", "b", "c", "d"].map(|name| HopConfig { spread_ppm: 2_000, ..HopConfig::new(name) }).to_vec();
        assert_eq!(
            overshoot(path(&[xrp; 5], &four)),
            0,
            "at rates of at most one however often it is rounded"
        );
        let up = hop("a", Some(("EUR", "USD", 1_000, 1)), &[]);
        assert_eq!(overshoot(path(&[("EUR", 2), ("USD", 2)], std::slice::from_ref(&up))), 999);
        assert_eq!(overshoot(path(&[("USD", 2), ("EUR", 2)], std::slice::from_ref(&up))), 0, "the other way");
        let spread = HopConfig { spread_ppm: 2_000, ..up.clone() };
        assert_eq!(overshoot(path(&[("EUR", 2), ("USD", 2)], &[spread])), 997);
        // Cents, whole euros, cents: only multiples of a hundred arrive.
        let scales = [("EUR", 2), ("EUR", 0), ("EUR", 2)];
        assert_eq!(overshoot(path(&scales, &[HopConfig::new("a"), HopConfig::new("b")])), 99);
        let moving = hop("a", Some(("EUR", "USD", 2, 1)), &[1_000_000, 1_500_000, 500_000]);
        assert_eq!(overshoot(path(&[("EUR", 2), ("USD", 2)], std::slice::from_ref(&moving))), 2);
        assert_eq!(overshoot(path(&[("USD", 2), ("EUR", 2)], &[moving])), 0);
    }

    #[test]
    fn only_rates_that_rise_bring_more_than_was_known() {
        let rise = |from: &str, to: &str, curve: &[u32]| {
            let hop = hop("a", Some(("EUR", "USD", 2, 1)), curve);
            let (network, paths) = path(&[(from, 2), (to, 2)], &[hop]);
            may_rise(&network, &paths).0
        };
        assert_eq!(rise("EUR", "USD", &[]), 0);
        assert_eq!(rise("EUR", "USD", &[1_000_000, 900_000]), 0);
        assert_eq!(rise("EUR", "USD", &[900_000, 1_000_000]), 100_000);
        assert_eq!(rise("USD", "EUR", &[900_000, 1_000_000]), 0, "it falls the other way");
        assert_eq!(rise("USD", "EUR", &[1_000_000, 900_000]), 100_000);
        let (network, paths) = path(&[("EUR", 2), ("USD", 2)], &[hop("a", Some(("EUR", "USD", 2, 1)), &[])]);
        assert_eq!(may_rise(&network, &paths).1.of(50), 100);
    }
}
