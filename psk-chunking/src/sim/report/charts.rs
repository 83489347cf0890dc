//! The plots of one payment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::outcome::PaymentOutcome;
use super::super::scenario::{Fixed, PaymentConfig};
use super::super::timeline::{Extent, Figure, Timeline};
use super::number::short;
use super::plot::{Plot, Series, Shape};

/// Rejects are counted in so many whiles.
const REJECT_BINS: u32 = 60;
const COLOURS: [&str; 8] = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];

/// One payment over time.
pub(super) struct Payment<'a> {
    pub(super) place: usize,
    pub(super) config: &'a PaymentConfig,
    pub(super) outcome: &'a PaymentOutcome,
    pub(super) timeline: &'a Timeline,
    pub(super) ends: Duration,
    /// Whether there are others.
    pub(super) several: bool,
}

impl Payment<'_> {
    /// All plots, or a sentence when nothing was seen.
    pub(super) fn draw(&self) -> String {
        if self.timeline.figure(self.place, Figure::InFlight).is_empty() {
            return "<p class=\"look\">It was not started, so there is nothing to show.</p>".to_owned();
        }
        let plots =
            [self.delivered(), self.in_flight(), self.packets(), self.chunks(), self.rates(), self.rejects()];
        plots.iter().map(Plot::draw).collect()
    }

    fn series(&self, name: &str, class: &'static str, figure: Figure) -> Series {
        let points = self.timeline.figure(self.place, figure);
        Series { name: name.to_owned(), class, points, shape: Shape::Steps }
    }

    fn delivered(&self) -> Plot<'_> {
        let received = self.series("received, by the receiver's books", "c2", Figure::Received);
        let delivered = self.series("delivered, as the sender knows", "c1", Figure::Delivered);
        let ideal = ideal(self.outcome, self.config, self.timeline, self.place);
        let most = [most(&received), most(&delivered), ideal.as_ref().map_or(0, most)];
        let mut series = vec![received, delivered];
        let mut look = match ideal.is_some() {
            true => {
                "The closer the lines keep to the dashed one, the better: it needs half a round trip to the first unit \
                 and then uses the whole bandwidth of the path. A flat piece is time lost; a lower slope is bandwidth \
                 not used. The sender knows what was received half a round trip later."
            }
            false => "A flat piece is time lost. There is no ideal to compare with here.",
        }
        .to_owned();
        if self.several {
            look.push_str(
                " Of several payments at once, one may be better than its fair share, at the cost of the others.",
            );
        }
        series.extend(ideal);
        let range = (0, with_room(most.into_iter().max().unwrap_or(0)));
        self.plot("Delivered, against the ideal", "destination units", look, series, range)
    }

    fn in_flight(&self) -> Plot<'_> {
        let flight = self.series("in flight", "c1", Figure::InFlight);
        let doubt = self.series("in doubt", "c3", Figure::InDoubt);
        let window = self.series("window: at most so much", "c2", Figure::Window);
        let mut look = String::from(
            "The window follows what the path takes: it grows while packets pass and is cut when one is rejected for \
             lack of liquidity (T04). In flight far below the window means that something else holds the sender back. ",
        );
        let mut shown = vec![flight];
        if most(&doubt) > 0 {
            shown.push(doubt);
            look.push_str("What is in doubt has no answer: it may have arrived or not. ");
        }
        self.beside_window(
            ("Amount in flight, and its window", "source units"),
            "No limit to the amount was found, so there is no window to show.",
            (look, shown, window),
        )
    }

    fn packets(&self) -> Plot<'_> {
        let packets = self.series("packets in flight", "c1", Figure::Packets);
        let window = self.series("window: at most so many", "c2", Figure::PacketWindow);
        let look =
            "Many small packets, or few large ones? This window is cut when packets come too fast (T05). \
                    Where the line touches the window, the number of packets is what limits the payment. "
                .to_owned();
        self.beside_window(
            ("Packets in flight, and their window", "packets"),
            "The number of packets has no window here.",
            (look, vec![packets], window),
        )
    }

    /// A window may be far above what is in flight: then it is cut off, and the text says so.
    fn beside_window(
        &self,
        (title, unit): (&'static str, &'static str),
        without: &str,
        (mut look, mut shown, mut window): (String, Vec<Series>, Series),
    ) -> Plot<'_> {
        let top = shown.iter().map(usual).max().unwrap_or(0);
        for series in shown.iter_mut().filter(|series| most(series) > top) {
            series.name = format!("{} (up to {})", series.name, short(most(series)));
            look.push_str("A short peak goes beyond the upper edge. ");
        }
        let (greatest, visible) = (most(&window), top.saturating_mul(3).max(4));
        if window.points.is_empty() {
            look.push_str(without);
        } else if greatest > visible {
            window.name = format!("{} (up to {})", window.name, short(greatest));
            look.push_str("The window goes beyond the upper edge, far above what is used.");
        }
        let top = top.max(greatest.min(visible)).max(1);
        if !window.points.is_empty() {
            shown.push(window);
        }
        self.plot(title, unit, look, shown, (0, with_room(top)))
    }

    fn chunks(&self) -> Plot<'_> {
        let size = self.series("largest chunk to send", "c1", Figure::ChunkSize);
        let range = (0, with_room(most(&size)));
        let look = "It should soon stand just below the largest packet that the path takes, and stay there: a fall \
                    follows a packet that was too large (F08, T04), a rise is a larger one that was tried and passed."
            .to_owned();
        self.plot("Chunk size", "source units", look, vec![size], range)
    }

    fn rates(&self) -> Plot<'_> {
        let low = self.series("lowest", "c1", Figure::LowRate);
        let high = self.series("highest", "c2", Figure::HighRate);
        let range = rate_range(&low.points, &high.points);
        let look = "The rates that fit all that has arrived: every answer narrows the interval, and when the path's \
                    rate moves out of it, it starts anew. The first, wide intervals may be beyond the edges."
            .to_owned();
        let plot =
            self.plot("Rate interval", "destination units for one source unit", look, vec![low, high], range);
        Plot { over: 1_000_000_000, ..plot }
    }

    fn rejects(&self) -> Plot<'_> {
        let width = (self.ends / REJECT_BINS).max(self.timeline.width());
        let by_code = self.timeline.rejects(self.place);
        let mut heights: BTreeMap<u128, u128> = BTreeMap::new();
        let mut series = Vec::new();
        for ((code, counts), class) in by_code.iter().zip(COLOURS.iter().cycle()) {
            let mut bars: BTreeMap<u128, u128> = BTreeMap::new();
            for (at, count) in counts {
                *bars.entry(at.as_nanos() / width.as_nanos().max(1)).or_default() += u128::from(*count);
            }
            let points = bars.iter().map(|(bin, count)| {
                let height = heights.entry(*bin).or_default();
                let least = *height;
                *height += count;
                let nanos = u64::try_from(bin.saturating_mul(width.as_nanos())).unwrap_or(u64::MAX);
                (Duration::from_nanos(nanos), Extent { least, most: *height, last: *height })
            });
            let points = points.collect();
            let all: u64 = counts.iter().map(|(_, count)| count).sum();
            let name = format!("{code} {} ({all})", meaning(code));
            series.push(Series { name, class, points, shape: Shape::Bars(width) });
        }
        let look = match series.is_empty() {
            true => "No packet was rejected.",
            false => {
                "A few at the start are probes, which are rejected when they arrive (F99) or are too large (F08). \
                 Later ones cost time, not money: T04 and T05 tell the sender to slow down."
            }
        };
        let range = (0, heights.values().copied().max().unwrap_or(0).max(1));
        self.plot("Rejects by code", "packets in each sixtieth of the time", look.to_owned(), series, range)
    }

    fn plot<'a>(
        &self,
        title: &'a str,
        unit: &'a str,
        look: String,
        series: Vec<Series>,
        range: (u128, u128),
    ) -> Plot<'a> {
        Plot { title, unit, look, series, ends: self.ends, width: self.timeline.width(), range, over: 1 }
    }
}

/// The greatest value, but for a short peak far above all others: one in less than a thirtieth of the whiles.
fn usual(series: &Series) -> u128 {
    let mut values: Vec<u128> = series.points.iter().map(|(_, extent)| extent.most).collect();
    values.sort_unstable();
    let beyond = values.len().saturating_sub(1 + values.len() / 30);
    let (usual, most) = (values.get(beyond).copied().unwrap_or(0), values.last().copied().unwrap_or(0));
    if usual > 0 && most > usual.saturating_mul(4) { usual.saturating_mul(2) } else { most }
}

fn most(series: &Series) -> u128 {
    series.points.iter().map(|(_, extent)| extent.most).max().unwrap_or(0)
}

/// A little more, so that lines do not run along the edge.
fn with_room(top: u128) -> u128 {
    top.saturating_add(top / 20).max(1)
}

/// What is delivered at best: from half a round trip after the start to half a round trip before the ideal end.
/// `None` when there is no ideal, or nobody can say how much is to arrive.
pub(super) fn ideal(
    outcome: &PaymentOutcome,
    config: &PaymentConfig,
    timeline: &Timeline,
    payment: usize,
) -> Option<Series> {
    if outcome.ideal == Duration::MAX {
        return None;
    }
    let amount = match config.fixed {
        Fixed::Destination => u128::from(config.amount),
        Fixed::Source => expected(outcome, config.amount).or_else(|| {
            let rate = timeline.figure(payment, Figure::LowRate).last()?.1.last;
            Some(u128::from(config.amount).saturating_mul(rate) / 1_000_000_000)
        })?,
    };
    let point = |at: Duration, value: u128| (at, Extent { least: value, most: value, last: value });
    let half = outcome.round_trip / 2;
    let first = outcome.starts_at.saturating_add(half);
    let last = outcome.starts_at.saturating_add(outcome.ideal.saturating_sub(half)).max(first);
    let points = vec![point(first, 0), point(last, amount)];
    Some(Series { name: "ideal".to_owned(), class: "best", points, shape: Shape::Straight })
}

/// What a source amount brings, as what was sent has brought.
fn expected(outcome: &PaymentOutcome, amount: u64) -> Option<u128> {
    let account = &outcome.report.as_ref()?.account;
    let (delivered, sent) = (outcome.received, u128::from(account.source_sent.units()));
    delivered.checked_mul(amount.into())?.checked_div(sent)
}

/// From below the lowest to above the highest, but for the tenth of all intervals that are widest.
fn rate_range(low: &[(Duration, Extent)], high: &[(Duration, Extent)]) -> (u128, u128) {
    let sorted = |points: &[(Duration, Extent)], figure: fn(&Extent) -> u128| {
        let mut values: Vec<u128> = points.iter().map(|(_, extent)| figure(extent)).collect();
        values.sort_unstable();
        values
    };
    let (lows, highs) = (sorted(low, |extent| extent.least), sorted(high, |extent| extent.most));
    let lowest = lows.get(lows.len() / 10).copied().unwrap_or(0);
    let highest = highs.get(highs.len().saturating_sub(1 + highs.len() / 10)).copied().unwrap_or(1);
    let highest = highest.max(lowest.saturating_add(1));
    let room = ((highest - lowest) / 5).max(1);
    (lowest.saturating_sub(room), highest.saturating_add(room))
}

/// What a code means, in a word or two.
pub(super) fn meaning(code: &str) -> &'static str {
    match code {
        "F00" => "bad request",
        "F02" => "unreachable",
        "F05" => "wrong condition",
        "F06" => "unexpected payment",
        "F08" => "too large",
        "F99" => "refused by the receiver",
        "R00" => "timed out",
        "R01" => "too little",
        "R02" => "too little time",
        "T00" => "internal error",
        "T01" => "peer unreachable",
        "T03" => "connector busy",
        "T04" => "no liquidity",
        "T05" => "too many packets",
        _ => "",
    }
}
