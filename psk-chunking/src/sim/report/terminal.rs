//! The same for a terminal: aligned figures, and small plots of blocks.

use std::fmt::Write;
use std::time::Duration;

use super::super::outcome::{Outcome, PaymentOutcome};
use super::super::scenario::Scenario;
use super::super::timeline::{Extent, Figure, Timeline};
use super::charts::ideal;
use super::number::{decimal, short, time, whole};

/// So many payments stand beside each other.
const ACROSS: usize = 3;
/// Columns and rows of a plot.
const COLUMNS: usize = 29;
const ROWS: usize = 6;
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What came of a run, in lines of at most 80 columns as long as names and amounts are no monsters.
pub fn summary(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut text = format!("{} with seed {}", outcome.scenario, outcome.seed);
    // Writing to a string never fails.
    if !scenario.about.is_empty() {
        let _ = write!(text, ": {}", plain(&scenario.about));
    }
    text.push('\n');
    for violation in &outcome.violations {
        let _ = writeln!(text, "  wrong: {}", plain(violation));
    }
    for (group, payments) in outcome.payments.chunks(ACROSS).enumerate() {
        text.push('\n');
        let names = (0..payments.len()).map(|place| name(scenario, group * ACROSS + place));
        let mut rows = vec![("", names.collect::<Vec<String>>())];
        for (title, figure) in FIGURES {
            rows.push((title, payments.iter().map(figure).collect()));
        }
        text.push_str(&aligned(&rows));
        for (place, payment) in payments.iter().enumerate() {
            let _ =
                writeln!(text, "  {}: {}", name(scenario, group * ACROSS + place), plain(&ending(payment)));
        }
    }
    if outcome.is_well() {
        let _ = writeln!(text, "\nall invariants held over {} events", whole(outcome.events.into()));
    }
    let _ = write!(text, "run it again: {}", outcome.replay);
    text
}

/// How a payment ended, and what was rejected.
fn ending(payment: &PaymentOutcome) -> String {
    let rejects: Vec<String> =
        payment.rejects.iter().map(|(code, count)| format!("{code} {count}")).collect();
    match rejects.is_empty() {
        true => payment.ending(),
        false => format!("{}; rejects: {}", payment.ending(), rejects.join(", ")),
    }
}

type Row = (&'static str, fn(&PaymentOutcome) -> String);

const FIGURES: [Row; 9] = [
    ("time", |payment| seconds(payment.took)),
    ("ideal", |payment| seconds(payment.ideal)),
    ("over ideal", |payment| {
        payment.over_ideal().map_or_else(|| "-".to_owned(), |over| decimal(over / 10, 100))
    }),
    ("packets", |payment| whole(payment.packets.into())),
    ("sent", |payment| whole(payment.sent().units().into())),
    ("delivered", |payment| whole(payment.delivered().units().into())),
    ("received", |payment| whole(payment.received)),
    ("in doubt", |payment| {
        let doubt = payment.report.as_ref().map(|report| report.account.in_doubt.units());
        doubt.map_or_else(|| "-".to_owned(), |units| whole(units.into()))
    }),
    ("overshoot", |payment| whole(payment.overshoot())),
];

fn seconds(time: Duration) -> String {
    match time {
        Duration::MAX => "never".to_owned(),
        _ => format!("{}.{:03} s", time.as_secs(), time.subsec_millis()),
    }
}

fn name(scenario: &Scenario, place: usize) -> String {
    let payment = scenario.payments.get(place);
    payment.map_or_else(|| place.to_string(), |payment| plain(&format!("{} → {}", payment.from, payment.to)))
}

/// Names come from files: what would move the cursor does not reach the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

fn aligned(rows: &[(&str, Vec<String>)]) -> String {
    let columns = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|(_, cells)| cells.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(14)
    };
    let mut text = String::new();
    for (title, cells) in rows {
        let _ = write!(text, "  {title:<11}");
        for (column, cell) in cells.iter().enumerate().take(columns) {
            let _ = write!(text, "  {cell:>width$}", width = width(column));
        }
        text.push('\n');
    }
    text
}

/// A small plot of each payment over time, 76 columns wide: delivered against the ideal, and in flight against the
/// window. Empty when the run kept no [timeline](Outcome::timeline) or there are no payments.
pub fn plot(scenario: &Scenario, outcome: &Outcome) -> String {
    let Some(timeline) = &outcome.timeline else { return String::new() };
    let mut text = String::new();
    for (place, (config, payment)) in scenario.payments.iter().zip(&outcome.payments).enumerate() {
        let figure = |figure| timeline.figure(place, figure);
        if figure(Figure::InFlight).is_empty() {
            continue;
        }
        let ideal = ideal(payment, config, timeline, place).map(|series| series.points);
        let delivered = columns(timeline, &figure(Figure::Delivered));
        let best = line(timeline, &ideal.unwrap_or_default());
        let left =
            Blocks { title: "delivered █, ideal ·", bars: delivered, marks: best, mark: '·', keep: true };
        let (flight, window) =
            (columns(timeline, &figure(Figure::InFlight)), columns(timeline, &figure(Figure::Window)));
        let right =
            Blocks {
                title: "in flight █, window ─", bars: flight, marks: window, mark: '─', keep: false
            };
        let _ = writeln!(text, "\n  {}", name(scenario, place));
        for (left, right) in left.draw(timeline.ends()).into_iter().zip(right.draw(timeline.ends())) {
            let _ = writeln!(text, "{left}  {}", right.trim_end());
        }
    }
    text
}

/// What a figure was at most in each column.
type Columns = [Option<u128>; COLUMNS];

fn column(timeline: &Timeline, at: Duration) -> usize {
    let (at, ends) = (at.as_nanos(), timeline.ends().as_nanos().max(1));
    let columns = u128::try_from(COLUMNS).unwrap_or(1);
    usize::try_from(at.saturating_mul(columns) / ends).unwrap_or(COLUMNS).min(COLUMNS - 1)
}

/// A figure stays as it is until something else is seen.
fn columns(timeline: &Timeline, points: &[(Duration, Extent)]) -> Columns {
    let mut columns = [None; COLUMNS];
    let mut points = points.iter().peekable();
    let mut last = None;
    for (place, shown) in columns.iter_mut().enumerate() {
        let mut most: Option<u128> = None;
        while let Some((_, extent)) = points.next_if(|(at, _)| column(timeline, *at) <= place) {
            most = most.max(Some(extent.most));
            last = Some(extent.last);
        }
        *shown = most.or(last);
    }
    columns
}

/// A straight line from the first point to the last.
fn line(timeline: &Timeline, points: &[(Duration, Extent)]) -> Columns {
    let mut columns = [None; COLUMNS];
    let (Some((first, _)), Some((last, end))) = (points.first(), points.last()) else { return columns };
    let (from, until) = (column(timeline, *first), column(timeline, *last));
    for (place, shown) in columns.iter_mut().enumerate().take(until + 1).skip(from) {
        let part = |length: usize| u128::try_from(length).unwrap_or(0);
        let value = end.last.saturating_mul(part(place - from)).checked_div(part(until - from));
        *shown = Some(value.unwrap_or(end.last));
    }
    columns
}

/// Bars with marks above or in them.
struct Blocks {
    title: &'static str,
    bars: Columns,
    marks: Columns,
    mark: char,
    /// Whether the marks have to be seen whole; else they may be above the plot.
    keep: bool,
}

impl Blocks {
    /// The lines of the plot, all of one width.
    fn draw(&self, ends: Duration) -> Vec<String> {
        let greatest = |columns: &Columns| columns.iter().flatten().copied().max().unwrap_or(0);
        let (mut used, marked) = (greatest(&self.bars), greatest(&self.marks));
        let mut bars: Vec<u128> = self.bars.iter().flatten().copied().collect();
        bars.sort_unstable();
        // A short peak alone does not make all else invisible.
        let usual = bars.get(bars.len().saturating_sub(3)).copied().unwrap_or(0).saturating_mul(2);
        if !self.keep && usual > 0 && used > usual.saturating_mul(2) {
            used = usual;
        }
        let top =
            if self.keep { used.max(marked) } else { used.max(marked.min(used.saturating_mul(3))) }.max(1);
        let mut lines = vec![format!("{:>7} {:<COLUMNS$}", "", self.title)];
        for row in (0..ROWS).rev() {
            let label = if row + 1 == ROWS { short(top) } else { String::new() };
            let cells = (0..COLUMNS).map(|column| self.cell(row, column, top));
            lines.push(format!("{label:>6} │{}", cells.collect::<String>()));
        }
        lines.push(format!("{:>6} └{}", "0", "─".repeat(COLUMNS)));
        let end = time(Duration::from_millis(u64::try_from(ends.as_millis()).unwrap_or(u64::MAX)));
        lines.push(format!("{:>7} 0{end:>width$}", "", width = COLUMNS - 1));
        lines
    }

    fn cell(&self, row: usize, column: usize, top: u128) -> char {
        let eighths = |value: u128| {
            let all = u128::try_from(ROWS * 8).unwrap_or(1);
            let part = value.min(top).saturating_mul(all).div_ceil(top);
            usize::try_from(part).unwrap_or(0)
        };
        let mark = self.marks[column].filter(|mark| *mark <= top);
        if mark.is_some_and(|mark| eighths(mark).saturating_sub(1) / 8 == row) {
            return self.mark;
        }
        let bar = self.bars[column].map_or(0, eighths).saturating_sub(row * 8).min(8);
        BLOCKS[bar]
    }
}
