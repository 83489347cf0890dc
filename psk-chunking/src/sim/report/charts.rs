//! The plots of one payment.

use std::collections::BTreeMap;
use std::time::Duration;

use psk_plugin::sim::{NetworkConfig, World};

use super::super::outcome::PaymentOutcome;
use super::super::ratio::Ratio;
use super::super::run::paths_of;
use super::super::scenario::{Fixed, PaymentConfig, Scenario};
use super::super::timeline::{Extent, Figure, Timeline};
use super::super::way::{MILLION, converted_by, on_path};
use super::captions::Facts;
use super::codes::{class, meaning};
use super::markup::Escaped;
use super::number::{about, short, whole};
use super::plot::{Kind, Mark, Plot, Series, Shape, Span};
use super::story::Story;
use super::{changes, rates};

/// Rejects are counted in so many whiles.
const REJECT_BINS: u32 = 60;
/// So many changes of the network are told of in words.
const TOLD_CHANGES: usize = 8;
const PEAKS: &str = "What is beyond the upper edge has its greatest value there (▲). ";

/// One payment over time.
pub(super) struct Payment<'a> {
    place: usize,
    config: &'a PaymentConfig,
    outcome: &'a PaymentOutcome,
    timeline: &'a Timeline,
    facts: Facts,
    story: Story<'a>,
    span: Span,
    marks: Vec<Mark>,
    truth: Vec<Series>,
    /// What the units of both ends are.
    units: String,
    refunds: bool,
}

impl<'a> Payment<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        (place, config, outcome): (usize, &'a PaymentConfig, &'a PaymentOutcome),
        timeline: &'a Timeline,
    ) -> Self {
        let story = Story::of(config, outcome, timeline, place);
        let span = span(outcome, timeline, place);
        let network = &scenario.network;
        let world = World::new(network, 0).ok();
        let paths = world.and_then(|world| paths_of(config, &world).ok()).unwrap_or_default();
        let units = units(network, &paths);
        let truth = rates::true_rates(network, &paths, span);
        let mut marks = story.marks();
        marks.extend(changes::marks(network, &paths, span));
        let largest = paths.iter().map(|path| largest(scenario, path)).collect();
        let mut hops = paths.iter().flat_map(|path| on_path(network, path));
        let hostile = hops.any(|at| at.hop.hostility.is_some());
        let facts = Facts {
            rejects: outcome.rejects_in_time(),
            late: outcome.late_rejects.clone(),
            round_trip: outcome.round_trip,
            completed: outcome.ending() == "completed",
            several: scenario.payments.len() > 1,
            rate_moves: rates::moves(&truth),
            rate_changes: outcome.report.as_ref().map_or(0, |report| report.rate_changes),
            largest,
            hostile,
        };
        let refunds = scenario.refunds_at(&config.to);
        Self { place, config, outcome, timeline, facts, story, span, marks, truth, units, refunds }
    }

    /// Sentences and plots, or one sentence when nothing was seen.
    pub(super) fn draw(&self) -> String {
        if self.timeline.figure(self.place, Figure::InFlight).is_empty() {
            return "<p class=\"look\">It was not started, so there is nothing to show.</p>".to_owned();
        }
        let sentences = [self.story.money(), Some(self.story.time()), self.changes()];
        let sentences = sentences.into_iter().flatten();
        let mut text: String =
            sentences.map(|text| format!("<p class=\"story\">{}</p>", Escaped(&text))).collect();
        text.push_str(&format!(
            "<p class=\"look\">{} <a href=\"#words\">What the words mean.</a></p>",
            Escaped(&self.units)
        ));
        let plots = [
            Some(self.delivered()),
            self.refunded(),
            Some(self.in_flight()),
            Some(self.packets()),
            Some(self.chunks()),
            Some(self.rates()),
            Some(self.rejects()),
        ];
        text.extend(plots.iter().flatten().map(Plot::draw));
        text
    }

    /// What changes in the network meanwhile.
    fn changes(&self) -> Option<String> {
        let changes = self.marks.iter().filter(|mark| mark.kind == Kind::Change);
        let mut names: Vec<&str> = changes.map(|mark| mark.name.as_str()).collect();
        names.dedup();
        let more = match names.len().saturating_sub(TOLD_CHANGES) {
            0 => String::new(),
            more => format!("; and {more} times more"),
        };
        names.truncate(TOLD_CHANGES);
        (!names.is_empty()).then(|| format!("Meanwhile the network changes: {}{more}.", names.join("; ")))
    }

    fn series(&self, name: &str, class: &'static str, figure: Figure) -> Series {
        let points = self.timeline.figure(self.place, figure);
        Series { name: name.to_owned(), class, points, shape: Shape::Steps }
    }

    fn delivered(&self) -> Plot<'_> {
        let received = self.series("received, by the receiver's books", "c2 wide", Figure::Received);
        let delivered = self.series("delivered, as the sender knows", "c1", Figure::Delivered);
        let ideal = ideal(self.outcome, self.config, self.timeline, self.place);
        let mut lines = vec![received, delivered];
        if let Some(mut ideal) = ideal {
            let name = if self.facts.several { "fair share" } else { "ideal" };
            ideal.name = name.to_owned();
            // What it would be long after the end needs no room.
            ideal.points = within(&ideal.points, self.span.ends);
            lines.push(ideal);
        }
        let top = lines.iter().map(most).max().unwrap_or(0);
        let look = self.facts.delivered(&lines);
        self.plot("Delivered, against the ideal", "destination units", look, lines, (0, with_room(top)))
    }

    /// What came back of what was sent, where receivers refund.
    fn refunded(&self) -> Option<Plot<'_>> {
        let sent = self.series("sent", "c1", Figure::Sent);
        let back = self.series("came back", "c4", Figure::Refunded);
        if !self.refunds || most(&back) == 0 {
            return None;
        }
        let look = "What has come back to the sender of what it had sent. Connectors keep their spread on both ways, \
                    so that less comes back.";
        let range = (0, with_room(most(&sent).max(most(&back))));
        Some(self.plot(
            "Came back, of what was sent",
            "source units",
            look.to_owned(),
            vec![sent, back],
            range,
        ))
    }

    fn in_flight(&self) -> Plot<'_> {
        let flight = self.series("in flight", "c1", Figure::InFlight);
        let doubt = self.series("in doubt", "c3", Figure::InDoubt);
        let window = self.series("window: at most so much", "c2", Figure::Window);
        let look = self.facts.in_flight(&flight, &window, most(&doubt) > 0);
        let mut shown = vec![flight];
        shown.extend(Some(doubt).filter(|doubt| most(doubt) > 0));
        self.beside_window("Amount in flight, and its window", "source units", (look, shown, window))
    }

    fn packets(&self) -> Plot<'_> {
        let packets = self.series("packets in flight", "c1", Figure::Packets);
        let window = self.series("window: at most so many", "c2", Figure::PacketWindow);
        let look = self.facts.packets(&packets, &window);
        self.beside_window("Packets in flight, and their window", "packets", (look, vec![packets], window))
    }

    /// A window may be far above what is in flight: then it is cut off, and the legend says so.
    fn beside_window(
        &self,
        title: &'static str,
        unit: &str,
        (mut look, mut shown, window): (String, Vec<Series>, Series),
    ) -> Plot<'_> {
        let top = shown.iter().map(usual).max().unwrap_or(0);
        let visible = top.saturating_mul(3).max(4);
        let top = top.max(most(&window).min(visible)).max(1);
        let range = (0, with_room(top));
        let mut unseen = Vec::new();
        if self.is_seen(&window, range.1) {
            shown.insert(0, window);
        } else if !window.points.is_empty() {
            let least = window.points.iter().map(|(_, extent)| extent.least).min().unwrap_or(0);
            let most = most(&window);
            unseen.push(match least {
                least if least == most => format!("window {}, beyond the edge", short(most)),
                least if least > range.1 => {
                    format!("window {} to {}, beyond the edge", short(least), short(most))
                }
                _ => format!("window up to {}, beyond the edge", short(most)),
            });
        }
        if shown.iter().any(|series| most(series) > range.1) {
            look.push_str(PEAKS);
        }
        Plot { unseen, ..self.plot(title, unit, look, shown, range) }
    }

    /// Whether a line is below an edge for a while: a fiftieth of the time.
    fn is_seen(&self, series: &Series, edge: u128) -> bool {
        let Span { starts, ends } = self.span;
        let until = series.points.iter().skip(1).map(|(at, _)| *at).chain([ends]);
        let whiles = series.points.iter().zip(until);
        let seen = whiles.filter(|((_, extent), _)| extent.last <= edge);
        let seen: Duration = seen.map(|((at, _), until)| until.saturating_sub(*at)).sum();
        !series.points.is_empty() && seen >= ends.saturating_sub(starts) / 50
    }

    fn chunks(&self) -> Plot<'_> {
        let size = self.series("largest chunk to send", "c1", Figure::ChunkSize);
        let (look, range) = (self.facts.chunks(&size), (0, with_room(most(&size))));
        self.plot("Chunk size", "source units", look, vec![size], range)
    }

    fn rates(&self) -> Plot<'_> {
        let low = self.series("lowest", "c1", Figure::LowRate);
        let high = self.series("highest", "c2", Figure::HighRate);
        let range = rates::range(&low.points, &high.points, &self.truth);
        let look = self.facts.rates(&high.points, &self.truth);
        let mut lines = vec![low, high];
        lines.extend(self.truth.iter().cloned());
        let plot = self.plot("Rate interval", "destination units for one source unit", look, lines, range);
        Plot { over: rates::BILLION, ..plot }
    }

    fn rejects(&self) -> Plot<'_> {
        let Span { starts, ends } = self.span;
        let each = self.timeline.width().max(Duration::from_nanos(1));
        let wanted = ends.saturating_sub(starts) / REJECT_BINS;
        let wide = wanted.as_nanos().div_ceil(each.as_nanos()).max(1);
        let width = each.saturating_mul(u32::try_from(wide).unwrap_or(u32::MAX));
        let mut heights: BTreeMap<u128, u128> = BTreeMap::new();
        let mut series = Vec::new();
        for (code, counts) in self.timeline.rejects(self.place) {
            let mut bars: BTreeMap<u128, u128> = BTreeMap::new();
            for (at, count) in &counts {
                *bars.entry(at.as_nanos() / width.as_nanos()).or_default() += u128::from(*count);
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
            let name = format!("{code} {} ({})", meaning(&code), whole(all.into()));
            series.push(Series { name, class: class(&code), points, shape: Shape::Bars(width) });
        }
        let mut look = self.facts.rejects();
        // There are few bars: a spike and the one beside it are many of them.
        let spikes = (heights.len() / 30).max(2).min(heights.len() / 4);
        let (usual, greatest) =
            (usual_of(heights.values().copied(), spikes), heights.values().copied().max());
        if greatest.is_some_and(|greatest| greatest > with_room(usual)) {
            look.push_str(" Bars beyond the upper edge have their number there (▲).");
        }
        let unit = format!("packets per {}", about(width));
        self.plot("Rejects by code", &unit, look, series, (0, with_room(usual)))
    }

    fn plot<'b>(
        &'b self,
        title: &'b str,
        unit: &str,
        look: String,
        series: Vec<Series>,
        range: (u128, u128),
    ) -> Plot<'b> {
        Plot {
            title,
            unit: unit.to_owned(),
            look: look.trim_end().to_owned(),
            series,
            unseen: Vec::new(),
            span: self.span,
            width: self.timeline.width(),
            range,
            over: 1,
            marks: &self.marks,
        }
    }
}

/// From the start of a payment to its end and a little more, so that its last step is not on the frame.
fn span(outcome: &PaymentOutcome, timeline: &Timeline, place: usize) -> Span {
    let starts = outcome.starts_at;
    let ends = timeline.moments(place).ended.unwrap_or_else(|| timeline.ends()).max(starts);
    let room = (ends.saturating_sub(starts)).saturating_mul(3) / 100;
    Span { starts, ends: ends.saturating_add(room).max(starts.saturating_add(Duration::from_micros(1))) }
}

/// What a source and a destination unit are, by the links at both ends.
fn units(network: &NetworkConfig, paths: &[Vec<usize>]) -> String {
    let link = |place: Option<&usize>| network.links.get(*place?);
    let path = paths.first();
    let ends = path.and_then(|path| link(path.first()).zip(link(path.last())));
    ends.map_or_else(String::new, |(first, last)| {
        format!(
            "One source unit is 10^-{} {}, one destination unit 10^-{} {}.",
            first.scale, first.asset, last.scale, last.asset
        )
    })
}

/// The largest packet that a path takes, in source units.
fn largest(scenario: &Scenario, path: &[usize]) -> Option<u128> {
    let mut rate = Ratio::ONE;
    let mut largest: Option<u128> = None;
    for at in on_path(&scenario.network, path) {
        if let Some(most) = at.hop.max_packet_amount {
            let most = rate.inverse_of(most.into());
            largest = Some(largest.map_or(most, |known| known.min(most)));
        }
        rate = converted_by(rate, &at, |_, _| MILLION);
    }
    largest
}

/// The greatest value, but for a short peak far above all others: one in less than a thirtieth of the whiles.
fn usual(series: &Series) -> u128 {
    usual_of(series.points.iter().map(|(_, extent)| extent.most), series.points.len() / 30)
}

/// Likewise, with so many values that may be peaks.
fn usual_of(values: impl Iterator<Item = u128>, peaks: usize) -> u128 {
    let mut values: Vec<u128> = values.collect();
    values.sort_unstable();
    let beyond = values.len().saturating_sub(1 + peaks);
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

/// The points until a time, and the first after it.
fn within(points: &[(Duration, Extent)], ends: Duration) -> Vec<(Duration, Extent)> {
    let beyond = points.iter().position(|(at, _)| *at > ends).unwrap_or(points.len());
    points.iter().take(beyond.saturating_add(1)).copied().collect()
}

/// What is delivered at best, from half a round trip after the start to half a round trip before the ideal end. `None`
/// when there is no ideal, or nobody can say how much is to arrive.
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
            Some(u128::from(config.amount).saturating_mul(rate) / rates::BILLION)
        })?,
    };
    let point = |at: Duration, value: u128| (at, Extent { least: value, most: value, last: value });
    let (first, _) = outcome.ideal_course.first()?;
    let (_, all) = outcome.ideal_course.last()?;
    let begins = point(outcome.starts_at.saturating_add(*first), 0);
    let points = outcome.ideal_course.iter().map(|(after, arrived)| {
        // Of the source amount as of what it brings.
        let brought = arrived.saturating_mul(amount) / all.max(&1);
        point(outcome.starts_at.saturating_add(*after), brought)
    });
    let points = [begins].into_iter().chain(points).collect();
    Some(Series { name: "ideal".to_owned(), class: "best", points, shape: Shape::Straight })
}

/// What a source amount brings, as what was sent has brought.
fn expected(outcome: &PaymentOutcome, amount: u64) -> Option<u128> {
    let account = &outcome.report.as_ref()?.account;
    let (delivered, sent) = (outcome.received, u128::from(account.source_sent.units()));
    delivered.checked_mul(amount.into())?.checked_div(sent)
}
