//! The same for a terminal: aligned figures, and small plots of blocks.

use std::fmt::Write;
use std::time::Duration;

use super::super::outcome::{AttackOutcome, Outcome, PaymentOutcome};
use super::super::scenario::Scenario;
use super::super::timeline::{Extent, Figure};
use super::captions::{counted, counted_apart};
use super::charts::ideal;
use super::number::{about, ratio, several, short, whole};
use super::plot::Span;

/// Each payment's figures have so much room, but for their names.
const COLUMN: usize = 22;
const TITLES: usize = 13;
/// Longer names do not stand whole.
const LONGEST_NAME: usize = 9;
/// Rows of a plot, and its columns at least and at most.
const ROWS: usize = 6;
const COLUMNS: (usize, usize) = (10, 80);
/// Of a line of two plots, so much is between and beside them.
const BESIDE: usize = 22;
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// In the uppermost row: the mark is above the plot.
const ABOVE: char = '↑';

/// What came of a run, in lines of at most so many columns, but for the command that runs it again.
pub fn summary(scenario: &Scenario, outcome: &Outcome, columns: usize) -> String {
    let mut text = String::new();
    let mut say = |indent: usize, said: &str| text.push_str(&wrapped(said, indent, columns));
    let about = if scenario.about.is_empty() { String::new() } else { format!(": {}", scenario.about) };
    say(0, &format!("{} with seed {}{about}", outcome.scenario, outcome.seed));
    for violation in &outcome.violations {
        say(2, &format!("wrong: {violation}"));
    }
    let across = (columns.saturating_sub(TITLES) / COLUMN).max(1);
    for (group, payments) in outcome.payments.chunks(across).enumerate() {
        text.push('\n');
        let names = (0..payments.len()).map(|place| name(scenario, group * across + place));
        let mut rows = vec![("", names.collect::<Vec<String>>())];
        let refunds = REFUNDS.iter().filter(|_| scenario.any_refunds());
        let data = DATA.iter().filter(|_| outcome.payments.iter().any(|payment| payment.data.is_some()));
        for (title, figure) in FIGURES.iter().chain(refunds).chain(data) {
            rows.push((title, payments.iter().map(figure).collect()));
        }
        text.push_str(&aligned(&rows));
        for (place, payment) in payments.iter().enumerate() {
            let ending = format!("{}: {}", name(scenario, group * across + place), ending(payment));
            text.push_str(&wrapped(&ending, 2, columns));
        }
    }
    for attack in &outcome.attacks {
        text.push_str(&wrapped(&attacked(attack), 2, columns));
    }
    // Writing to a string never fails.
    if outcome.is_well() {
        let _ = writeln!(text, "\nall invariants held over {} events", whole(outcome.events.into()));
    }
    let _ = write!(text, "run it again: {}", plain(&outcome.replay));
    text
}

/// How a payment ended, and what was rejected.
fn ending(payment: &PaymentOutcome) -> String {
    match payment.rejects.is_empty() {
        true => payment.ending(),
        false => {
            let rejects = counted_apart(&payment.rejects_in_time(), &payment.late_rejects);
            format!("{}; rejects: {rejects}", payment.ending())
        }
    }
}

fn attacked(attack: &AttackOutcome) -> String {
    let sent = several(attack.sent.into(), "packet");
    let rejects = if attack.rejects.is_empty() { "none".to_owned() } else { counted(&attack.rejects) };
    format!("{} attacks: {sent}, {} fulfilled; rejects: {rejects}", attack.from, attack.fulfilled)
}

type Row = (&'static str, fn(&PaymentOutcome) -> String);

const FIGURES: [Row; 9] = [
    ("time", |payment| seconds(payment.took)),
    ("ideal", |payment| seconds(payment.ideal)),
    ("over ideal", |payment| payment.over_ideal().map_or_else(|| "-".to_owned(), ratio)),
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

/// Where receivers refund.
const REFUNDS: [Row; 2] = [
    ("left there", |payment| whole(payment.left_with_receiver())),
    ("came back", |payment| {
        let refunded = payment.report.as_ref().map(|report| report.account.refunded.units());
        refunded.map_or_else(|| "-".to_owned(), |units| whole(units.into()))
    }),
];

/// Where there is data, in octets.
const DATA: [Row; 2] = [
    ("data there", |payment| {
        payment.data.map_or_else(|| "-".to_owned(), |data| whole(data.acknowledged.into()))
    }),
    ("data back", |payment| payment.data.map_or_else(|| "-".to_owned(), |data| whole(data.returned.into()))),
];

fn seconds(time: Duration) -> String {
    let millis = time.as_micros().saturating_add(500) / 1_000;
    match time {
        Duration::MAX => "never".to_owned(),
        _ => format!("{}.{:03} s", millis / 1_000, millis % 1_000),
    }
}

fn name(scenario: &Scenario, place: usize) -> String {
    let shortened = |text: &str| match text.chars().count() > LONGEST_NAME {
        true => text.chars().take(LONGEST_NAME - 1).chain(['…']).collect(),
        false => text.to_owned(),
    };
    let payment = scenario.payments.get(place);
    payment.map_or_else(
        || format!("payment {}", place + 1),
        |payment| plain(&format!("{} → {}", shortened(&payment.from), shortened(&payment.to))),
    )
}

/// Names come from files: what would move the cursor does not reach the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Lines of at most so many columns, the second and the following ones further in.
fn wrapped(text: &str, indent: usize, columns: usize) -> String {
    let (mut lines, mut line) = (String::new(), " ".repeat(indent));
    let mut is_empty = true;
    for word in plain(text).split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > columns {
            lines.push_str(&line);
            lines.push('\n');
            line = " ".repeat(indent + 2);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines + &line + "\n"
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

/// A small plot of each payment from its start to its end, on a terminal of so many columns: delivered against the ideal,
/// and in flight against the window. Empty when the run kept no [timeline](Outcome::timeline) or there are no payments.
pub fn plot(scenario: &Scenario, outcome: &Outcome, columns: usize) -> String {
    let Some(timeline) = &outcome.timeline else { return String::new() };
    let width = (columns.saturating_sub(BESIDE) / 2).clamp(COLUMNS.0, COLUMNS.1);
    let mut text = String::new();
    for (place, (config, payment)) in scenario.payments.iter().zip(&outcome.payments).enumerate() {
        let figure = |figure| timeline.figure(place, figure);
        if figure(Figure::InFlight).is_empty() {
            continue;
        }
        let ends = timeline.moments(place).ended.unwrap_or_else(|| timeline.ends());
        let axis = Axis { span: Span { starts: payment.starts_at, ends }, width };
        let best = ideal(payment, config, timeline, place).map(|series| series.points);
        let left = Blocks {
            title: ("delivered █", ", ideal ·"),
            bars: axis.steps(&figure(Figure::Delivered)),
            marks: axis.line(&best.unwrap_or_default()),
            mark: '·',
            keep: true,
        };
        let right = Blocks {
            title: ("in flight █", ", window ─"),
            bars: axis.steps(&figure(Figure::InFlight)),
            marks: axis.steps(&figure(Figure::Window)),
            mark: '─',
            keep: false,
        };
        // Writing to a string never fails.
        let _ = writeln!(text, "\n  {}", name(scenario, place));
        for (left, right) in left.draw(axis).into_iter().zip(right.draw(axis)) {
            let _ = writeln!(text, "{left}  {}", right.trim_end());
        }
    }
    text
}

/// What a figure was at most in each column.
type Columns = Vec<Option<u128>>;

/// From when to when, in so many columns.
#[derive(Clone, Copy)]
struct Axis {
    span: Span,
    width: usize,
}

impl Axis {
    fn column(self, at: Duration) -> usize {
        let Span { starts, ends } = self.span;
        let (at, whole) =
            (at.saturating_sub(starts).as_nanos(), ends.saturating_sub(starts).as_nanos().max(1));
        let columns = u128::try_from(self.width).unwrap_or(1);
        usize::try_from(at.saturating_mul(columns) / whole).unwrap_or(self.width).min(self.width - 1)
    }

    /// A figure stays as it is until something else is seen.
    fn steps(self, points: &[(Duration, Extent)]) -> Columns {
        let mut points = points.iter().peekable();
        let mut last = None;
        let column = |place: usize| {
            let mut most: Option<u128> = None;
            while let Some((_, extent)) = points.next_if(|(at, _)| self.column(*at) <= place) {
                most = most.max(Some(extent.most));
                last = Some(extent.last);
            }
            most.or(last)
        };
        (0..self.width).map(column).collect()
    }

    /// Straight from point to point, as far as there are points.
    fn line(self, points: &[(Duration, Extent)]) -> Columns {
        let mut columns = vec![None; self.width];
        let points = points.iter().filter(|(at, _)| *at <= self.span.ends);
        let mut before: Option<(usize, u128)> = None;
        for (at, extent) in points {
            let here = self.column(*at);
            let (from, least) = before.unwrap_or((here, extent.last));
            for (place, shown) in columns.iter_mut().enumerate().take(here + 1).skip(from) {
                let part = |length: usize| u128::try_from(length).unwrap_or(0);
                let more = extent.last.saturating_sub(least).saturating_mul(part(place - from));
                *shown = Some(more.checked_div(part(here - from)).map_or(extent.last, |more| least + more));
            }
            before = Some((here, extent.last));
        }
        columns
    }
}

/// Bars with marks above them.
struct Blocks {
    /// What is always to be seen, and what is said of the marks where there are any.
    title: (&'static str, &'static str),
    bars: Columns,
    marks: Columns,
    mark: char,
    /// Whether the marks have to be seen whole, in the bars too; else they may be above the plot.
    keep: bool,
}

impl Blocks {
    /// The lines of the plot, all of one width.
    fn draw(&self, axis: Axis) -> Vec<String> {
        let width = axis.width;
        let greatest = |columns: &Columns| columns.iter().flatten().copied().max().unwrap_or(0);
        let (most, marked) = (greatest(&self.bars), greatest(&self.marks));
        let mut bars: Vec<u128> = self.bars.iter().flatten().copied().collect();
        bars.sort_unstable();
        // A short peak alone does not make all else invisible.
        let usual = bars.get(bars.len().saturating_sub(3)).copied().unwrap_or(0).saturating_mul(2);
        let is_peak = !self.keep && usual > 0 && most > usual.saturating_mul(2);
        let used = if is_peak { usual } else { most };
        let top =
            if self.keep { used.max(marked) } else { used.max(marked.min(used.saturating_mul(3))) }.max(1);
        let rows = (0..ROWS).rev().map(|row| {
            let cells = (0..width).map(|column| self.cell(row, column, top));
            cells.collect::<String>()
        });
        let rows: Vec<String> = rows.collect();
        let shown = rows.iter().any(|row| row.contains(self.mark));
        let rows: Vec<String> = match shown {
            true => rows,
            // All of them are above the plot: then nothing is said of them.
            false => rows.into_iter().map(|row| row.replace(ABOVE, " ")).collect(),
        };
        let above = if rows.iter().any(|row| row.contains(ABOVE)) { " (↑ more)" } else { "" };
        let title = format!("{}{}{above}", self.title.0, if shown { self.title.1 } else { "" });
        let mut lines = vec![format!("{:>7} {title:<width$}", "")];
        // More is there than can be seen.
        let more = if most > top { "+" } else { "" };
        let mut label = format!("{}{more}", short(top));
        for row in rows {
            lines.push(format!("{label:>6} │{row}"));
            label.clear();
        }
        lines.push(format!("{:>6} └{}", "0", "─".repeat(width)));
        let (start, end) = (about(axis.span.starts), about(axis.span.ends));
        let room = width.saturating_sub(start.chars().count());
        lines.push(format!("{:>8}{start}{end:>room$}", ""));
        lines
    }

    fn cell(&self, row: usize, column: usize, top: u128) -> char {
        let eighths = |value: u128| {
            let all = u128::try_from(ROWS * 8).unwrap_or(1);
            let part = value.min(top).saturating_mul(all).div_ceil(top);
            usize::try_from(part).unwrap_or(0)
        };
        let at = |columns: &Columns| columns.get(column).copied().flatten();
        let bar = at(&self.bars).map_or(0, eighths).saturating_sub(row * 8).min(8);
        let mark = at(&self.marks).filter(|mark| *mark <= top && (self.keep || bar == 0));
        if mark.is_some_and(|mark| eighths(mark).saturating_sub(1) / 8 == row) {
            return self.mark;
        }
        let is_above = at(&self.marks).is_some_and(|mark| mark > top);
        if is_above && row == ROWS - 1 && bar == 0 && !self.keep {
            return ABOVE;
        }
        BLOCKS[bar]
    }
}
