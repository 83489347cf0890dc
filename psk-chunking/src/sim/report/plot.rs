//! Lines and bars over time, as SVG. Values stay exact integers until they are places on the page, in tenths of its
//! units.

use std::fmt::Write;
use std::time::Duration;

use super::super::timeline::Extent;
use super::markup::{Escaped, Tenths};
use super::number::{decimal, short, tick, ticks, time};

const WIDTH: i64 = 7_200;
const HEIGHT: i64 = 2_050;
const LEFT: i64 = 900;
const RIGHT: i64 = 150;
const TOP: i64 = 100;
const BOTTOM: i64 = 360;
/// So many columns tell their figures when one points at them.
const COLUMNS: usize = 60;

/// A plot to be drawn.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    pub(super) unit: &'a str,
    /// What to look for.
    pub(super) look: String,
    pub(super) series: Vec<Series>,
    /// Where the time axis ends.
    pub(super) ends: Duration,
    /// How long each while is of which something is known.
    pub(super) width: Duration,
    /// What the value axis shows: from, to.
    pub(super) range: (u128, u128),
    /// Values are over this power of ten.
    pub(super) over: u128,
}

/// One line.
pub(super) struct Series {
    pub(super) name: String,
    /// The class of its colour and dashes.
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

impl Plot<'_> {
    /// The figure: title, legend, drawing, and what to look for.
    pub(super) fn draw(&self) -> String {
        let mut text = String::new();
        // Writing to a string never fails.
        let _ = write!(
            text,
            "<figure><figcaption><b>{}</b> <span class=\"unit\">{}</span></figcaption>{}",
            Escaped(self.title),
            Escaped(self.unit),
            self.legend()
        );
        let (width, height) = (Tenths(WIDTH), Tenths(HEIGHT));
        let _ = write!(
            text,
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\"><g class=\"axes\">{}{}</g>",
            Escaped(self.title),
            self.time_axis(),
            self.value_axis()
        );
        // Nested, so that what is outside of the axes is cut off.
        let (left, top, inner) =
            (Tenths(LEFT), Tenths(TOP), (Tenths(WIDTH - LEFT - RIGHT), Tenths(plot_height())));
        let _ = write!(
            text,
            "<svg x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" viewBox=\"{left} {top} {} {}\">",
            inner.0, inner.1, inner.0, inner.1
        );
        for series in &self.series {
            text.push_str(&self.line(series));
        }
        text.push_str("</svg>");
        text.push_str(&self.columns());
        let _ = write!(text, "</svg><p class=\"look\">{}</p></figure>", Escaped(&self.look));
        text
    }

    fn legend(&self) -> String {
        let entries = self.series.iter().map(|series| {
            let shape = if matches!(series.shape, Shape::Bars(_)) { "box" } else { "line" };
            format!("<li><i class=\"{shape} {}\"></i>{}</li>", series.class, Escaped(&series.name))
        });
        format!("<ul class=\"legend\">{}</ul>", entries.collect::<String>())
    }

    fn x(&self, at: Duration) -> Tenths {
        let (at, ends) = (at.min(self.ends).as_nanos(), self.ends.as_nanos().max(1));
        Tenths(LEFT + scaled(at, ends, WIDTH - LEFT - RIGHT))
    }

    /// Values beyond the range are a little outside of the axes, so that lines to them leave the plot.
    fn y(&self, value: u128) -> Tenths {
        let (low, high) = self.range;
        let bottom = HEIGHT - BOTTOM;
        if value < low {
            return Tenths(bottom + 50);
        }
        if value > high {
            return Tenths(TOP - 50);
        }
        Tenths(bottom - scaled(value - low, high.saturating_sub(low).max(1), plot_height()))
    }

    fn time_axis(&self) -> String {
        let ends = self.ends.as_nanos();
        let (unit, name) = match ends {
            0..2_000_000 => (1_000, "µs"),
            2_000_000..2_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let bottom = Tenths(HEIGHT - BOTTOM);
        let (label_at, mut text) = (Tenths(HEIGHT - BOTTOM + 200), String::new());
        for at in ticks(0, ends, 6) {
            let x = self.x(Duration::from_nanos(u64::try_from(at).unwrap_or(u64::MAX)));
            let label = decimal(at, unit);
            let _ = write!(
                text,
                "<path d=\"M{x} {}V{bottom}\"/><text x=\"{x}\" y=\"{label_at}\" class=\"t{}\">{label} {name}</text>",
                Tenths(TOP),
                // At the edge there is no room on the right.
                if x.0 > WIDTH - RIGHT - 250 { " e" } else { "" }
            );
        }
        let _ =
            write!(text, "<path class=\"base\" d=\"M{} {bottom}H{}\"/>", Tenths(LEFT), Tenths(WIDTH - RIGHT));
        text
    }

    fn value_axis(&self) -> String {
        let (low, high) = self.range;
        let mut text = String::new();
        for value in ticks(low, high, 5) {
            let y = self.y(value);
            let label = if self.over > 1 { decimal(value, self.over) } else { tick(value, high) };
            let _ = write!(
                text,
                "<path d=\"M{} {y}H{}\"/><text x=\"{}\" y=\"{}\" class=\"v\">{label}</text>",
                Tenths(LEFT),
                Tenths(WIDTH - RIGHT),
                Tenths(LEFT - 60),
                Tenths(y.0 + 40)
            );
        }
        text
    }

    fn line(&self, series: &Series) -> String {
        let class = series.class;
        let title = format!("<title>{}</title>", Escaped(&series.name));
        match series.shape {
            Shape::Bars(width) => {
                let path = self.bars(series, width);
                format!("<path class=\"bar {class}\" d=\"{path}\">{title}</path>")
            }
            Shape::Straight => {
                let mut path = String::new();
                for (at, extent) in &series.points {
                    let start = if path.is_empty() { 'M' } else { 'L' };
                    let _ = write!(path, "{start}{} {}", self.x(*at), self.y(extent.last));
                }
                format!("<path class=\"curve {class}\" d=\"{path}\">{title}</path>")
            }
            Shape::Steps => {
                let mut path = String::new();
                for (at, extent) in &series.points {
                    let (x, y) = (self.x(*at), self.y(extent.last));
                    let _ = match path.is_empty() {
                        true => write!(path, "M{x} {y}h1"),
                        false => write!(path, "H{x}V{y}"),
                    };
                }
                let band = self.band(&series.points);
                format!(
                    "<path class=\"band {class}\" d=\"{band}\"/><path class=\"curve {class}\" d=\"{path}\">{title}</path>"
                )
            }
        }
    }

    /// From the least to the most of each while, where they differ.
    fn band(&self, points: &[(Duration, Extent)]) -> String {
        let mut path = String::new();
        for (at, extent) in points {
            if extent.least == extent.most {
                continue;
            }
            let (from, until) = (self.x(at.saturating_sub(self.width / 2)), self.x(*at + self.width / 2));
            let (top, bottom) = (self.y(extent.most), self.y(extent.least));
            let width = Tenths((until.0 - from.0).max(12));
            let _ = write!(path, "M{from} {bottom}V{top}h{width}V{bottom}z");
        }
        path
    }

    fn bars(&self, series: &Series, width: Duration) -> String {
        let mut path = String::new();
        for (at, extent) in &series.points {
            let (x, end) = (self.x(*at), self.x(at.saturating_add(width)));
            let (top, bottom) = (self.y(extent.most), self.y(extent.least));
            let width = Tenths((end.0 - x.0 - 5).max(8));
            let _ = write!(path, "M{x} {bottom}V{top}h{width}V{bottom}z");
        }
        path
    }

    /// What all lines were, for whoever points at a time.
    fn columns(&self) -> String {
        let count = u32::try_from(COLUMNS).unwrap_or(1);
        let width = self.ends / count;
        let mut text = String::from("<g class=\"hover\">");
        for column in 0..count {
            let (from, until) = (width * column, width * (column + 1));
            let said: Vec<String> =
                self.series.iter().filter_map(|series| self.said(series, from, until)).collect();
            if said.is_empty() {
                continue;
            }
            let (x, end) = (self.x(from), self.x(until));
            let _ = write!(
                text,
                "<rect x=\"{x}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{} to {}\n{}</title></rect>",
                Tenths(TOP),
                Tenths((end.0 - x.0).max(1)),
                Tenths(plot_height()),
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

fn plot_height() -> i64 {
    HEIGHT - TOP - BOTTOM
}

/// The same part of `length` as `value` is of `whole`.
fn scaled(value: u128, whole: u128, length: i64) -> i64 {
    let length_units = u128::try_from(length).unwrap_or(0);
    // Values are below 2^80, times in nanoseconds below 2^95, lengths below 2^13.
    let part = value.saturating_mul(length_units) / whole.max(1);
    i64::try_from(part).unwrap_or(length).min(length)
}
