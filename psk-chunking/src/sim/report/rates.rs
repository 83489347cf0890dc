//! The rate that the network has, beside what a payment knows of it.

use std::time::Duration;

use psk_plugin::sim::NetworkConfig;

use super::super::ratio::Ratio;
use super::super::timeline::Extent;
use super::super::way::{converted_by, on_path};
use super::plot::{Series, Shape, Span};

/// Rates are in destination units for so many source units.
pub(super) const BILLION: u128 = 1_000_000_000;

type Points = [(Duration, Extent)];

/// What one source unit becomes on each of the paths, by the rates and spreads of their connectors, unrounded.
pub(super) fn true_rates(network: &NetworkConfig, paths: &[Vec<usize>], span: Span) -> Vec<Series> {
    let several = paths.len() > 1;
    let series = paths.iter().zip(["best", "best dots"].into_iter().cycle()).map(|(path, class)| {
        let hops = on_path(network, path);
        let over = hops.first().filter(|_| several).map(|at| format!(" over {}", at.hop.name));
        let points = times(network, path, span).into_iter().map(|time| {
            let rate = hops
                .iter()
                .fold(Ratio::ONE, |rate, at| converted_by(rate, at, |it, _| it.share_at(time).into()));
            let value = rate.of(BILLION);
            (time, Extent { least: value, most: value, last: value })
        });
        let name = format!("true rate{}", over.unwrap_or_default());
        Series { name, class, points: points.collect(), shape: Shape::Straight }
    });
    series.collect()
}

/// Between these times rates go straight.
fn times(network: &NetworkConfig, path: &[usize], span: Span) -> Vec<Duration> {
    let hops = on_path(network, path);
    let points = hops.iter().flat_map(|at| &at.hop.rates).flat_map(|rate| &rate.curve);
    // Just before a jump it is still the old one.
    let around = points.flat_map(|point| [point.at_ms.saturating_sub(1), point.at_ms]);
    let within = around.map(Duration::from_millis).filter(|at| *at > span.starts && *at < span.ends);
    let mut times: Vec<Duration> = within.chain([span.starts, span.ends]).collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// What of a rate chart is to be seen: all but what was before the first narrow interval, and the true rates.
pub(super) fn range(low: &Points, high: &Points, truth: &[Series]) -> (u128, u128) {
    let pairs = || low.iter().zip(high).map(|((_, low), (_, high))| (low, high));
    let width = |low: &Extent, high: &Extent| high.last.saturating_sub(low.last);
    let mut widths: Vec<u128> = pairs().map(|(low, high)| width(low, high)).collect();
    widths.sort_unstable();
    let narrow = widths.get(widths.len() / 2).copied().unwrap_or(0).saturating_mul(4);
    let mut shown = pairs().skip_while(|(low, high)| width(low, high) > narrow);
    // The first of them was a wide one just before.
    let first = shown.next().map(|(low, high)| (low.last, high.last));
    let known = first.into_iter().chain(shown.map(|(low, high)| (low.least, high.most)));
    let truth = truth.iter().flat_map(|series| &series.points).map(|(_, extent)| (extent.last, extent.last));
    let all = known.chain(truth);
    let (lowest, highest) =
        all.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))).unwrap_or((0, 1));
    let room = ((highest.saturating_sub(lowest)) / 10).max(1);
    (lowest.saturating_sub(room), highest.saturating_add(room))
}

/// Whether a network's rates on a path move in this time.
pub(super) fn moves(truth: &[Series]) -> bool {
    truth.iter().any(|series| series.points.windows(2).any(|pair| pair[0].1.last != pair[1].1.last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[u128]) -> Vec<(Duration, Extent)> {
        let point = |(at, value): (u64, &u128)| {
            (Duration::from_millis(at), Extent { least: *value, most: *value, last: *value })
        };
        (0u64..).zip(values).map(point).collect()
    }

    #[test]
    fn only_what_was_before_the_first_narrow_interval_is_cut_off() {
        let (low, high) =
            (points(&[0, 500, 1_000, 1_000, 1_000]), points(&[9_000, 600, 1_010, 1_010, 1_010]));
        assert_eq!(range(&low, &high, &[]), (999, 1_011));
        let (low, high) = (points(&[0, 1_000, 970, 970, 1_000]), points(&[9_000, 1_010, 980, 980, 1_010]));
        assert_eq!(range(&low, &high, &[]), (966, 1_014), "an event is short, and shown");
    }
}
