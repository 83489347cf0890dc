//! What changes in a network while payments are under way, in words and as marks in plots.

use std::collections::BTreeSet;
use std::time::Duration;

use psk_plugin::sim::{CurveConfig, CurvePoint, LinkConfig, LiquidityConfig, NetworkConfig};

use super::super::way::{OnPath, on_path};
use super::number::{about, decimal, short};
use super::plot::{Kind, Mark, Span};

/// More changes of one kind than these are no marks any more but a pattern.
const MOST_MARKS: usize = 40;

/// How a rate moves: "×0.97 from 4 s on". `None` when it does not.
pub(super) fn curve_words(curve: &CurveConfig) -> Option<String> {
    let mut words = Vec::new();
    if let Some(first) = curve.curve.first().filter(|first| first.ppm != 1_000_000) {
        words.push(format!("{} at first", share(first.ppm)));
    }
    words.extend(moves(&curve.curve).map(|(before, after)| moved(before, after)));
    (!words.is_empty()).then(|| words.join(", "))
}

/// The lowest and the highest share that a rate has, rounded: "×0.97 to ×1".
pub(super) fn curve_range(curve: &CurveConfig) -> Option<String> {
    let shares = || curve.curve.iter().map(|point| point.ppm);
    let rounded = |ppm: u32| ppm.saturating_add(500) / 1_000 * 1_000;
    let (least, most) = (rounded(shares().min()?), rounded(shares().max()?));
    Some(if least == most { share(least) } else { format!("{} to {}", share(least), share(most)) })
}

fn share(ppm: u32) -> String {
    format!("×{}", decimal(ppm.into(), 1_000_000))
}

/// The points between which the curve does not stay as it is.
fn moves(points: &[CurvePoint]) -> impl Iterator<Item = (CurvePoint, CurvePoint)> {
    points.windows(2).map(|pair| (pair[0], pair[1])).filter(|(before, after)| before.ppm != after.ppm)
}

fn moved(before: CurvePoint, after: CurvePoint) -> String {
    let (from, until) = (Duration::from_millis(before.at_ms), Duration::from_millis(after.at_ms));
    match from == until {
        true => format!("{} from {} on", share(after.ppm), about(until)),
        false => format!("slowly to {} from {} to {}", share(after.ppm), about(from), about(until)),
    }
}

/// All that changes on these paths in this time.
pub(super) fn marks(network: &NetworkConfig, paths: &[Vec<usize>], span: Span) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        for at in on_path(network, path) {
            if seen.insert(at.hop.name.as_str()) {
                marks.extend(of_rates(&at));
                marks.extend(at.hop.liquidity.iter().flat_map(|it| of_liquidity(&at.hop.name, it, span)));
            }
        }
        marks
            .extend(path.iter().filter_map(|link| network.links.get(*link)).flat_map(|it| settled(it, span)));
    }
    marks.retain(|mark| mark.until.unwrap_or(mark.from) > span.starts && mark.from < span.ends);
    marks.sort_by(|one, other| (one.from, &one.name).cmp(&(other.from, &other.name)));
    marks.dedup_by(|one, other| (one.from, &one.name) == (other.from, &other.name));
    marks
}

/// Of the rate between the links of a path alone.
fn of_rates(at: &OnPath<'_>) -> impl Iterator<Item = Mark> {
    let (one, other, hop) = (&at.before.asset, &at.after.asset, &at.hop.name);
    let used = at.hop.rates.iter().filter(move |rate| {
        let pair = [&rate.from, &rate.to];
        pair == [one, other] || pair == [other, one]
    });
    used.flat_map(|rate| moves(&rate.curve)).map(move |(before, after)| {
        let (from, until) = (Duration::from_millis(before.at_ms), Duration::from_millis(after.at_ms));
        let name = format!("the rate of {hop}: {}", moved(before, after));
        Mark { from, until: (from != until).then_some(until), kind: Kind::Change, name }
    })
}

fn of_liquidity(name: &str, liquidity: &LiquidityConfig, span: Span) -> Vec<Mark> {
    let whole: u64 = liquidity.cycle.iter().map(|step| step.for_ms).fold(0, u64::saturating_add);
    let mut marks = Vec::new();
    if whole == 0 || liquidity.cycle.len() < 2 {
        return marks;
    }
    let mut at = 0u64;
    for step in liquidity.cycle.iter().cycle() {
        let from = Duration::from_millis(at);
        if from >= span.ends || marks.len() > MOST_MARKS {
            break;
        }
        if from > span.starts {
            let name = format!(
                "the liquidity of {name}: {} per second from {} on",
                short(step.per_second.into()),
                about(from)
            );
            marks.push(Mark { from, until: None, kind: Kind::Change, name });
        }
        at = at.saturating_add(step.for_ms);
    }
    if marks.len() > MOST_MARKS { Vec::new() } else { marks }
}

/// When a neighbour pays what it owes.
fn settled(link: &LinkConfig, span: Span) -> Vec<Mark> {
    let mut marks = Vec::new();
    for every in link.balance_limits.iter().filter_map(|limit| limit.settle_every_ms).filter(|it| *it > 0) {
        let every = Duration::from_millis(every);
        let times = (1u32..).map(|turn| every.saturating_mul(turn));
        let within = times.skip_while(|at| *at <= span.starts).take_while(|at| *at < span.ends);
        let found: Vec<Mark> = within
            .take(MOST_MARKS + 1)
            .map(|from| {
                let [one, other] = &link.ends;
                let name = format!("{one} – {other}: what is owed is paid, every {}", about(every));
                Mark { from, until: None, kind: Kind::Change, name }
            })
            .collect();
        if found.len() <= MOST_MARKS {
            marks.extend(found);
        }
    }
    marks
}
