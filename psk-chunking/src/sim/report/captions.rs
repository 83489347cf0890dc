//! What to look for in each plot: sentences that hold of the run they stand below.

use std::time::Duration;

use super::super::outcome::Rejects;
use super::super::timeline::Extent;
use super::codes::tells;
use super::number::{about, short, whole};
use super::plot::Series;

/// What is known of a payment and its paths, to choose sentences by.
pub(super) struct Facts {
    /// The Rejects that came before its end.
    pub(super) rejects: Rejects,
    /// Those that came after it.
    pub(super) late: Rejects,
    pub(super) round_trip: Duration,
    pub(super) completed: bool,
    /// Whether there are other payments.
    pub(super) several: bool,
    /// Whether the rates of its paths move meanwhile.
    pub(super) rate_moves: bool,
    /// How often the rate moved out of what was known of it.
    pub(super) rate_changes: u64,
    /// The largest packets that its paths take, in source units, where there is a limit.
    pub(super) largest: Vec<Option<u128>>,
    /// Whether a connector of its paths is hostile, of which the ideal knows nothing.
    pub(super) hostile: bool,
}

impl Facts {
    fn count(&self, code: &str) -> u64 {
        self.rejects.get(code).copied().unwrap_or(0)
    }

    fn ideal(&self) -> &'static str {
        if self.several { "fair share" } else { "ideal" }
    }

    fn several_paths(&self) -> bool {
        self.largest.len() > 1
    }

    pub(super) fn delivered(&self, lines: &[Series]) -> String {
        let Some(ideal) = lines.iter().find(|series| series.class == "best") else {
            return "A flat piece is time lost. There is no ideal to compare with here.".to_owned();
        };
        let name = self.ideal();
        let first = ideal.points.first().map(|(at, _)| *at);
        let mut text = match ideal.points.iter().all(|(at, _)| Some(*at) == first) {
            true => format!(
                "{}, so at best all of it arrives at once, half a round trip ({}) after the start.{}",
                match self.several_paths() {
                    true => "The paths let all of it through at once",
                    false => "Nothing limits this path",
                },
                about(self.round_trip / 2),
                if self.completed {
                    " What is more is the price of probes and of beginning small."
                } else {
                    ""
                }
            ),
            false => format!(
                "The closer the lines keep to the dashed one, the better: the {name} needs half a round trip ({}) to \
                 the first unit and then uses all that the limits of the path let through. A flat piece is time lost; \
                 a lower slope is bandwidth not used.",
                about(self.round_trip / 2)
            ),
        };
        if self.hostile {
            text.push_str(" Not every connector is honest here, and it is drawn as if all were.");
        }
        if self.several {
            text.push_str(
                " It is what would be left for this payment if all of them began at once and shared fairly; in truth \
                 they begin and end at other times, and one may have more at the cost of the others.",
            );
        } else if crosses(lines, ideal) {
            text.push_str(match self.rate_moves {
                true => " The lines cross it: it is drawn as if the rate stayed what it was on average.",
                false => {
                    " The lines cross it: it counts each limit as full at the start and no more than that."
                }
            });
        }
        text.push_str(" The sender hears of what was received half a round trip later.");
        text
    }

    pub(super) fn in_flight(&self, flight: &Series, window: &Series, doubts: bool) -> String {
        let mut text = match (window.points.is_empty(), self.count("T04")) {
            (true, 0) => {
                "No packet was rejected for lack of liquidity (T04), so no limit to the amount was found, and there \
                 is no window to show. "
                    .to_owned()
            }
            (true, count) => format!(
                "Packets were rejected for lack of liquidity, {} of them (T04), but {}, so there is no window to show. ",
                whole(count.into()),
                match self.several_paths() {
                    true => "not every path has shown a limit to the amount",
                    false => "no lasting limit to the amount was found",
                }
            ),
            (false, 0) => {
                "The window is how much may be in flight at once; nothing was rejected for lack of liquidity (T04). "
                    .to_owned()
            }
            (false, count) => format!(
                "The window grows while packets pass, and is cut when one is rejected for lack of liquidity, as {} \
                 were (T04). ",
                whole(count.into())
            ),
        };
        if !window.points.is_empty() && middle(window) > middle(flight).saturating_mul(2) {
            text.push_str(
                "Most of the time less than half of the window is in flight: something else holds the sender back. ",
            );
        }
        if doubts {
            text.push_str("What is in doubt has no answer: it may have arrived or not. ");
        }
        text
    }

    pub(super) fn packets(&self, packets: &Series, window: &Series) -> String {
        if window.points.is_empty() {
            return "The number of packets in flight has no window here. ".to_owned();
        }
        let mut text = match self.count("T05") {
            0 if falls(window) => "No packet was rejected for coming too fast (T05). ".to_owned(),
            0 => "No packet was rejected for coming too fast (T05), so the window for their number only grows. "
                .to_owned(),
            count => format!(
                "This window is cut when packets come too fast, as {} did (T05). ",
                whole(count.into())
            ),
        };
        if at_window(packets, window) {
            text.push_str(
                "For much of the time the line is at the window: their number is what limits the payment. ",
            );
        } else {
            text.push_str("The line stays below the window: something else limits the payment. ");
        }
        text
    }

    pub(super) fn chunks(&self, size: &Series) -> String {
        let mut text = self.largest_packets();
        let large: Vec<&str> = ["F08", "T04"].into_iter().filter(|code| self.count(code) > 0).collect();
        if falls(size) && !large.is_empty() {
            text.push_str(&format!(
                "A fall follows a packet that was too large ({}); a rise is a larger one that was tried and passed. ",
                large.join(", ")
            ));
        }
        text
    }

    fn largest_packets(&self) -> String {
        let first = self.largest.first().copied().flatten();
        if self.largest.iter().all(|largest| *largest == first) {
            let path = if self.several_paths() { "Each of the paths" } else { "The path" };
            return match first {
                Some(largest) => format!(
                    "{path} takes packets of at most {} source units: the line should soon stand just there, and stay. ",
                    short(largest)
                ),
                None => {
                    "No connector of the path limits a packet: only liquidity and what is left to be paid do. "
                        .to_owned()
                }
            };
        }
        let limits = self.largest.iter().map(|largest| largest.map_or("any number of".to_owned(), short));
        format!(
            "The paths take packets of different sizes, at most {} source units: the line is the largest chunk that \
             would be sent on any of those that are used. ",
            limits.collect::<Vec<_>>().join(" and ")
        )
    }

    pub(super) fn rates(&self, high: &[(Duration, Extent)], truth: &[Series]) -> String {
        let mut text = String::from(
            "The lines are the rates that fit all that has arrived: every answer narrows the interval between them. \
             Dashed is what the rates and spreads of the connectors come to, which no sender sees. ",
        );
        if self.several_paths() {
            text.push_str("They are those of one path, the one that has the best rate at that time. ");
        }
        match self.rate_changes {
            0 if self.rate_moves => {
                text.push_str("It moved, and no answer showed the sender that it had left the interval. ")
            }
            0 => {}
            1 => text.push_str("Once it moved out of the interval, which then started anew. "),
            times => text.push_str(&format!(
                "It moved out of the interval {} times, which then started anew. ",
                whole(times.into())
            )),
        }
        let best = truth.iter().filter_map(|series| Some(series.points.last()?.1.last)).max();
        if high.last().zip(best).is_some_and(|((_, high), truth)| high.last < truth) {
            text.push_str(
                "The interval is below it: every connector rounds down, of which small packets lose most, or packets \
                 go over the path with the lower rate. ",
            );
        }
        text
    }

    /// Each code that occurred, and what it told the sender.
    pub(super) fn rejects(&self) -> String {
        let mut text = match self.rejects.is_empty() {
            true => "No packet was rejected before the payment's end. ".to_owned(),
            false => String::new(),
        };
        for code in
            self.rejects.keys().chain(self.late.keys().filter(|code| !self.rejects.contains_key(*code)))
        {
            text.push_str(&format!("{code} means that {}. ", tells(code)));
        }
        if !self.late.is_empty() {
            text.push_str(&format!(
                "Not shown are those that came after its end ({}), to packets whose answers it did not need any more.",
                counted(&self.late)
            ));
        }
        text
    }
}

/// Codes and how often: "T04 1,723, R00 2".
pub(super) fn counted(rejects: &Rejects) -> String {
    let each = rejects.iter().map(|(code, count)| format!("{code} {}", whole(u128::from(*count))));
    each.collect::<Vec<_>>().join(", ")
}

/// The same of a whole payment: "T04 1,723, and R00 348 after its end".
pub(super) fn counted_apart(in_time: &Rejects, late: &Rejects) -> String {
    match (in_time.is_empty(), late.is_empty()) {
        (_, true) => counted(in_time),
        (true, false) => format!("{} after its end", counted(late)),
        (false, false) => format!("{}, and {} after its end", counted(in_time), counted(late)),
    }
}

/// Whether a line is at its window for a quarter of the time that it is not at zero.
fn at_window(line: &Series, window: &Series) -> bool {
    let (mut there, mut all) = (Duration::ZERO, Duration::ZERO);
    for pair in line.points.windows(2) {
        let ((at, extent), (until, _)) = (pair[0], pair[1]);
        let known = window.points.partition_point(|(time, _)| *time <= at);
        let limit = known.checked_sub(1).and_then(|place| window.points.get(place));
        let Some((_, limit)) = limit.filter(|_| extent.last > 0) else { continue };
        let lasts = until.saturating_sub(at);
        all = all.saturating_add(lasts);
        if extent.last.saturating_mul(50) >= limit.last.saturating_mul(49) {
            there = there.saturating_add(lasts);
        }
    }
    there > Duration::ZERO && there.saturating_mul(4) >= all
}

fn falls(series: &Series) -> bool {
    series.points.windows(2).any(|pair| pair[1].1.last < pair[0].1.last)
}

/// The line is half of the time below this.
fn middle(series: &Series) -> u128 {
    let mut values: Vec<u128> = series.points.iter().map(|(_, extent)| extent.last).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// Whether a line is clearly above the ideal at some time.
fn crosses(lines: &[Series], ideal: &Series) -> bool {
    let Some((_, whole)) = ideal.points.last() else { return false };
    let slack = whole.last / 50;
    let at = |time: Duration| {
        let next = ideal.points.iter().position(|(at, _)| *at >= time).unwrap_or(ideal.points.len());
        ideal.points.get(next).map_or(whole.last, |(_, extent)| extent.last)
    };
    let lines = lines.iter().filter(|series| series.class != "best");
    lines
        .flat_map(|series| &series.points)
        .any(|(time, extent)| extent.last > at(*time).saturating_add(slack))
}

#[cfg(test)]
mod tests {
    use super::super::plot::Shape;
    use super::*;

    fn line(class: &'static str, values: &[u128]) -> Series {
        let point = |(at, value): (u64, &u128)| {
            (Duration::from_millis(at), Extent { least: *value, most: *value, last: *value })
        };
        let points = (0u64..).zip(values).map(point).collect();
        Series { name: String::new(), class, points, shape: Shape::Steps }
    }

    fn facts() -> Facts {
        Facts {
            rejects: Rejects::new(),
            late: Rejects::new(),
            round_trip: Duration::from_millis(10),
            completed: true,
            several: false,
            rate_moves: false,
            rate_changes: 0,
            largest: vec![None],
            hostile: false,
        }
    }

    #[test]
    fn a_window_grows_only_where_it_does() {
        let packets = line("c1", &[1, 1, 1]);
        assert!(facts().packets(&packets, &line("c2", &[5, 6, 7])).contains("only grows"));
        assert!(!facts().packets(&packets, &line("c2", &[5, 6, 4])).contains("only grows"));
        let touching = facts().packets(&line("c1", &[0, 7, 7, 0]), &line("c2", &[5, 7, 7, 7]));
        assert!(touching.contains("their number is what limits"), "{touching}");
    }

    #[test]
    fn several_paths_are_not_spoken_of_as_one() {
        let both = Facts { largest: vec![Some(510), None], hostile: true, ..facts() };
        let at_once = both.delivered(&[line("best", &[100])]);
        assert!(at_once.starts_with("The paths let all of it through at once, so at best"), "{at_once}");
        assert!(at_once.contains("as if all were"), "{at_once}");
        let size = line("c1", &[1]);
        assert!(
            both.chunks(&size).contains("at most 510 and any number of source units"),
            "{}",
            both.chunks(&size)
        );
        assert!(both.rates(&[], &[]).contains("those of one path"));
        assert!(!facts().rates(&[], &[]).contains("those of one path"));
        let same = Facts { largest: vec![Some(510), Some(510)], ..facts() };
        assert!(
            same.chunks(&size).starts_with("Each of the paths takes packets of at most 510 source units")
        );
    }

    #[test]
    fn no_window_beside_t04_is_explained() {
        let rejects = Rejects::from([("T04".to_owned(), 763)]);
        let (none, flight) = (line("c2", &[]), line("c1", &[1]));
        let says =
            |largest| Facts { rejects: rejects.clone(), largest, ..facts() }.in_flight(&flight, &none, false);
        assert!(says(vec![None, None]).contains("763 of them (T04), but not every path has shown a limit"));
        assert!(says(vec![None]).contains("763 of them (T04), but no lasting limit"));
    }

    #[test]
    fn a_line_above_the_ideal_is_explained() {
        let (ideal, below) = (line("best", &[0, 50, 100]), line("c1", &[0, 40, 100]));
        let says = |facts: Facts, lines: &[Series]| facts.delivered(lines);
        assert!(!says(facts(), &[below.clone(), ideal.clone()]).contains("The lines cross it"));
        let above = [line("c1", &[0, 80, 100]), ideal];
        assert!(says(facts(), &above).contains("each limit as full at the start"));
        let moving = Facts { rate_moves: true, ..facts() };
        assert!(says(moving, &above).contains("as if the rate stayed what it was on average"));
    }
}
