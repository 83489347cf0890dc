//! Lines and bars over time, as SVG between axes of HTML, so that text keeps its size on a page of any width. Values
//! stay exact integers until they are places in the drawing.

use std::fmt::Write;
use std::time::Duration;

use super::super::timeline::Extent;
use super::markup::Escaped;
use super::number::{about, decimal, short, tick, ticks, time};

/// The drawing's size in its own units; the page stretches it.
const WIDTH: i64 = 6_000;
const HEIGHT: i64 = 1_600;
/// Room below the lowest value, so that a line there is seen whole.
const ROOM: i64 = 20;
/// So many columns tell their figures when one points at them.
const COLUMNS: u32 = 60;
/// Peaks that get their number at the edge.
const PEAKS: usize = 5;
/// Labels of an axis that are longer than this have no room.
const LONGEST_LABEL: usize = 7;

/// What a time axis shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) starts: Duration,
    pub(super) ends: Duration,
}

/// A plot to be drawn.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    pub(super) unit: String,
    /// What to look for.
    pub(super) look: String,
    pub(super) series: Vec<Series>,
    /// What the legend says of lines that cannot be seen.
    pub(super) unseen: Vec<String>,
    pub(super) span: Span,
    /// How long each while is of which something is known.
    pub(super) width: Duration,
    /// What the value axis shows: from, to.
    pub(super) range: (u128, u128),
    /// Values are over this power of ten.
    pub(super) over: u128,
    pub(super) marks: &'a [Mark],
}

/// One line.
#[derive(Clone)]
pub(super) struct Series {
    pub(super) name: String,
    /// The classes of its colour and dashes.
    pub(super) class: &'static str,
    pub(super) points: Vec<(Duration, Extent)>,
    pub(super) shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// It stays as it is until it changes; a band from the least to the most of each while.
    Steps,
    /// Straight from point to point.
    Straight,
    /// Bars, one upon the other: of each bar `least` is where it begins and `most` where it ends.
    Bars(Duration),
}

/// A time, or a while, that stands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) from: Duration,
    pub(super) until: Option<Duration>,
    pub(super) kind: Kind,
    pub(super) name: String,
}

/// Of what kind a mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The network is another one from then on.
    Change,
    /// The payment's path is searched.
    Probing,
    /// The payment is given up.
    GaveUp,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Change, Self::Probing, Self::GaveUp];

    fn class(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Probing => "probing",
            Self::GaveUp => "gave-up",
        }
    }

    fn legend(self) -> &'static str {
        match self {
            Self::Change => "the network changes",
            Self::Probing => "probes only",
            Self::GaveUp => "given up",
        }
    }
}

/// A share of the drawing, in per cent of it.
struct Place(i64, i64);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = self.0.clamp(0, self.1).saturating_mul(10_000) / self.1.max(1);
        write!(f, "{}.{:02}%", hundredths / 100, hundredths % 100)
    }
}

impl Plot<'_> {
    /// The figure: title, legend, drawing, and what to look for.
    pub(super) fn draw(&self) -> String {
        let (values, unit, longest) = self.value_axis();
        let gutter = match longest > LONGEST_LABEL {
            true => format!(" style=\"grid-template-columns:{}ch 1fr\"", longest + 2),
            false => String::new(),
        };
        let grid = self.grid();
        let marks: String = self.marks.iter().map(|mark| self.mark(mark)).collect();
        let lines: String = self.series.iter().map(|series| self.line(series)).collect();
        format!(
            "<figure><figcaption><b>{title}</b></figcaption>{legend}<div class=\"plot\"{gutter}>\
             <span class=\"unit\">{unit}</span><div class=\"values\">{values}</div><div class=\"area\">\
             <svg viewBox=\"0 0 {WIDTH} {height}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title}\">\
             {grid}{marks}{lines}{columns}</svg>{peaks}</div><div class=\"times\">{times}</div>\
             <span class=\"time\">virtual time</span></div><p class=\"look\">{look}</p></figure>",
            title = Escaped(self.title),
            legend = self.legend(),
            unit = Escaped(&unit),
            height = HEIGHT + ROOM,
            columns = self.columns(),
            peaks = self.peaks(),
            times = self.time_axis(),
            look = Escaped(&self.look)
        )
    }

    fn legend(&self) -> String {
        let mut text = String::from("<ul class=\"legend\">");
        for series in &self.series {
            let shape = if matches!(series.shape, Shape::Bars(_)) { "box" } else { "line" };
            // Writing to a string never fails.
            let _ =
                write!(text, "<li><i class=\"{shape} {}\"></i>{}</li>", series.class, Escaped(&series.name));
        }
        if self.series.iter().any(|series| !self.band(series).is_empty()) {
            let each = about(self.width);
            let _ =
                write!(text, "<li><i class=\"box pale\"></i>pale: from the least to the most in {each}</li>");
        }
        for kind in Kind::ALL.into_iter().filter(|kind| self.marks.iter().any(|mark| mark.kind == *kind)) {
            let _ = write!(text, "<li><i class=\"box {}\"></i>{}</li>", kind.class(), kind.legend());
        }
        for unseen in &self.unseen {
            let _ = write!(text, "<li>{}</li>", Escaped(unseen));
        }
        text.push_str("</ul>");
        text
    }

    /// Times beyond the axis are beyond the drawing, so that lines to them have their slope.
    fn x(&self, at: Duration) -> i64 {
        let Span { starts, ends } = self.span;
        let whole = ends.saturating_sub(starts).as_nanos();
        scaled(at.saturating_sub(starts).as_nanos(), whole, WIDTH)
    }

    /// Likewise of values.
    fn y(&self, value: u128) -> i64 {
        let (low, high) = self.range;
        let whole = high.saturating_sub(low);
        match value < low {
            true => HEIGHT + scaled(low - value, whole, HEIGHT),
            false => HEIGHT - scaled(value - low, whole, HEIGHT),
        }
    }

    fn time_ticks(&self) -> Vec<Duration> {
        let Span { starts, ends } = self.span;
        let ticks = ticks(starts.as_nanos(), ends.as_nanos(), 6);
        ticks.into_iter().map(|at| Duration::from_nanos(u64::try_from(at).unwrap_or(u64::MAX))).collect()
    }

    fn time_axis(&self) -> String {
        let (unit, name) = match self.span.ends.as_nanos() {
            0..2_000_000 => (1_000, "µs"),
            2_000_000..2_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let mut text = String::new();
        for at in self.time_ticks() {
            let place = Place(self.x(at), WIDTH);
            let _ =
                write!(text, "<span style=\"left:{place}\">{} {name}</span>", decimal(at.as_nanos(), unit));
        }
        for mark in self.marks.iter().filter(|mark| mark.kind == Kind::GaveUp) {
            let place = Place(self.x(mark.from), WIDTH);
            let _ = write!(text, "<b style=\"left:{place}\">{}</b>", Escaped(&mark.name));
        }
        text
    }

    /// The labels, and the unit that they are in: where they would be too long, they count from the lowest one. And how
    /// long the longest is.
    fn value_axis(&self) -> (String, String, usize) {
        let (low, high) = self.range;
        let ticks = ticks(low, high, 5);
        let label = |value: u128| if self.over > 1 { decimal(value, self.over) } else { tick(value) };
        let too_long = ticks.iter().any(|value| label(*value).chars().count() > LONGEST_LABEL);
        let first = ticks.first().copied().unwrap_or(low);
        let (from, unit) = match too_long && self.over > 1 && ticks.len() > 1 {
            true => (first, format!("{}, above {}", self.unit, label(first))),
            false => (0, self.unit.clone()),
        };
        let sign = if from > 0 { "+" } else { "" };
        let mut text = String::new();
        let mut longest = 0;
        for value in ticks {
            let place = Place(self.y(value), HEIGHT + ROOM);
            let label = format!("{sign}{}", label(value - from));
            longest = longest.max(label.chars().count());
            let _ = write!(text, "<span style=\"top:{place}\">{label}</span>");
        }
        (text, unit, longest)
    }

    fn grid(&self) -> String {
        let mut text = String::from("<path class=\"grid\" d=\"");
        for at in self.time_ticks() {
            let _ = write!(text, "M{} 0V{HEIGHT}", self.x(at));
        }
        for value in ticks(self.range.0, self.range.1, 5) {
            let _ = write!(text, "M0 {}H{WIDTH}", self.y(value));
        }
        let _ = write!(text, "\"/><path class=\"base\" d=\"M0 {HEIGHT}H{WIDTH}\"/>");
        text
    }

    fn mark(&self, mark: &Mark) -> String {
        let (x, class, name) = (self.x(mark.from), mark.kind.class(), Escaped(&mark.name));
        match mark.until {
            Some(until) => format!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"0\" width=\"{}\" height=\"{HEIGHT}\"><title>{name}</title></rect>",
                (self.x(until) - x).max(10)
            ),
            None => {
                format!("<path class=\"mark {class}\" d=\"M{x} 0V{HEIGHT}\"><title>{name}</title></path>")
            }
        }
    }

    fn line(&self, series: &Series) -> String {
        let class = series.class;
        let title = format!("<title>{}</title>", Escaped(&series.name));
        let mut path = String::new();
        match series.shape {
            Shape::Bars(width) => {
                let path = self.bars(series, width);
                return format!("<path class=\"bar {class}\" d=\"{path}\">{title}</path>");
            }
            Shape::Straight => {
                for (at, extent) in &series.points {
                    let start = if path.is_empty() { 'M' } else { 'L' };
                    let _ = write!(path, "{start}{} {}", self.x(*at), self.y(extent.last));
                }
            }
            Shape::Steps => {
                for (at, extent) in &series.points {
                    let (x, y) = (self.x(*at), self.y(extent.last));
                    let _ = match path.is_empty() {
                        true => write!(path, "M{x} {y}h1"),
                        false => write!(path, "H{x}V{y}"),
                    };
                }
            }
        }
        let band = self.band(series);
        let band = match band.is_empty() {
            true => band,
            false => format!("<path class=\"band {class}\" d=\"{band}\"/>"),
        };
        format!("{band}<path class=\"curve {class}\" d=\"{path}\">{title}</path>")
    }

    /// From the least to the most of each while, where a line of steps has both.
    fn band(&self, series: &Series) -> String {
        let mut path = String::new();
        let points = series.points.iter().filter(|_| series.shape == Shape::Steps);
        for (at, extent) in points.filter(|(_, extent)| extent.least < extent.most) {
            let (from, until) = (self.x(at.saturating_sub(self.width / 2)), self.x(*at + self.width / 2));
            let (top, bottom) = (self.y(extent.most), self.y(extent.least));
            let width = (until - from).max(10);
            let _ = write!(path, "M{from} {bottom}V{top}h{width}V{bottom}z");
        }
        path
    }

    fn bars(&self, series: &Series, width: Duration) -> String {
        let mut path = String::new();
        for (at, extent) in &series.points {
            let (x, end) = (self.x(*at), self.x(at.saturating_add(width)));
            let (top, bottom) = (self.y(extent.most), self.y(extent.least));
            let width = (end - x - 8).max(8);
            let _ = write!(path, "M{x} {bottom}V{top}h{width}V{bottom}z");
        }
        path
    }

    /// The numbers of what the upper edge cuts off, where it does: of each line the greatest, of bars some.
    fn peaks(&self) -> String {
        let mut peaks: Vec<(Duration, u128, &str)> = Vec::new();
        let mut heights: Vec<(Duration, u128)> = Vec::new();
        for series in &self.series {
            let points = series.points.iter().map(|(at, extent)| (*at, extent.most));
            match series.shape {
                Shape::Steps => peaks.extend(self.cut(points, series.class)),
                Shape::Bars(width) => {
                    let beyond = points.filter(|(_, most)| *most > self.range.1);
                    heights.extend(beyond.map(|(at, most)| (at + width / 2, most)));
                }
                Shape::Straight => {}
            }
        }
        // Of the bars that stand upon each other the uppermost, and of those the greatest.
        heights.sort_by_key(|(at, most)| (*at, std::cmp::Reverse(*most)));
        heights.dedup_by_key(|(at, _)| *at);
        heights.sort_by_key(|(_, most)| std::cmp::Reverse(*most));
        peaks.extend(heights.into_iter().take(PEAKS).map(|(at, most)| (at, most, "")));
        let mut text = String::new();
        let mut taken: Vec<(i64, usize)> = Vec::new();
        for (at, most, class) in peaks {
            let x = self.x(at);
            let beside =
                |row: usize| taken.iter().any(|(other, its)| *its == row && (other - x).abs() < WIDTH / 7);
            let row = (0..PEAKS).find(|row| !beside(*row)).unwrap_or(PEAKS);
            taken.push((x, row));
            let side = if x > WIDTH * 4 / 5 { "right" } else { "left" };
            let _ = write!(
                text,
                "<span class=\"peak {side} {class}\" style=\"left:{};top:{row}.2em\">▲ {}</span>",
                Place(x, WIDTH),
                if self.over > 1 { decimal(most, self.over) } else { short(most) }
            );
        }
        text
    }

    /// Where a line goes beyond the upper edge, and the greatest value that it has until it comes back; the greatest
    /// first.
    fn cut(
        &self,
        points: impl Iterator<Item = (Duration, u128)>,
        class: &'static str,
    ) -> Vec<(Duration, u128, &'static str)> {
        let mut peaks: Vec<(Duration, u128, &str)> = Vec::new();
        let mut is_beyond = false;
        for (at, most) in points {
            let was_beyond = std::mem::replace(&mut is_beyond, most > self.range.1);
            match peaks.last_mut().filter(|_| was_beyond) {
                Some(peak) => peak.1 = peak.1.max(most),
                None if is_beyond => peaks.push((at, most, class)),
                None => {}
            }
        }
        peaks.sort_by_key(|(_, most, _)| std::cmp::Reverse(*most));
        peaks.truncate(PEAKS);
        peaks
    }

    /// What all lines were, for whoever points at a time.
    fn columns(&self) -> String {
        let Span { starts, ends } = self.span;
        let width = ends.saturating_sub(starts) / COLUMNS;
        let mut text = String::from("<g class=\"hover\">");
        for column in 0..COLUMNS {
            let (from, until) = (starts + width * column, starts + width * (column + 1));
            let mut said: Vec<String> =
                self.series.iter().filter_map(|series| self.said(series, from, until)).collect();
            if said.is_empty() {
                continue;
            }
            said.extend(
                self.marks.iter().filter(|mark| mark.touches(from, until)).map(|mark| mark.name.clone()),
            );
            let (x, end) = (self.x(from), self.x(until));
            let _ = write!(
                text,
                "<rect x=\"{x}\" y=\"0\" width=\"{}\" height=\"{HEIGHT}\"><title>{} to {}\n{}</title></rect>",
                (end - x).max(1),
                time(from),
                time(until),
                Escaped(&said.join("\n"))
            );
        }
        text.push_str("</g>");
        text
    }

    fn said(&self, series: &Series, from: Duration, until: Duration) -> Option<String> {
        let within =
            series.points.iter().filter(|(at, _)| (from..until).contains(at)).map(|(_, extent)| *extent);
        let said = |value: u128| if self.over > 1 { decimal(value, self.over) } else { short(value) };
        let figure = match series.shape {
            Shape::Straight => return None,
            Shape::Bars(_) => {
                let count: u128 = within.map(|extent| extent.most - extent.least).sum();
                (count > 0).then(|| count.to_string())?
            }
            Shape::Steps => {
                let seen = within.reduce(|one, other| Extent {
                    least: one.least.min(other.least),
                    most: one.most.max(other.most),
                    last: other.last,
                });
                let before = || series.points.iter().take_while(|(at, _)| *at < until).last();
                match seen.or_else(|| {
                    before().map(|(_, extent)| Extent { least: extent.last, most: extent.last, ..*extent })
                })? {
                    Extent { least, most, .. } if least == most => said(most),
                    Extent { least, most, .. } => format!("{} to {}", said(least), said(most)),
                }
            }
        };
        Some(format!("{}: {figure}", series.name))
    }
}

impl Mark {
    fn touches(&self, from: Duration, until: Duration) -> bool {
        self.from < until && self.until.unwrap_or(self.from) >= from
    }
}

/// The same part of `length` as `value` is of `whole`, and up to a hundred times that.
fn scaled(value: u128, whole: u128, length: i64) -> i64 {
    let length_units = u128::try_from(length).unwrap_or(0);
    // Values are below 2^80, times in nanoseconds below 2^95, lengths below 2^13.
    let part = value.saturating_mul(length_units) / whole.max(1);
    i64::try_from(part).unwrap_or(i64::MAX).min(length.saturating_mul(100))
}
