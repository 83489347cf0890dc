//! Why packets disagree about the rate: what to probe to find out.

use std::collections::BTreeSet;

use psk_codec::{DestinationAmount, SourceAmount};

use crate::rate::RateInterval;
use crate::search::PathSearch;
use crate::segments::{self, MOST_SEGMENTS};

/// Probes for where the rate changes, at most: twice what it takes to find three steps to a sixteenth.
const MOST_PROBES: usize = 24;

/// After a quote is solved: are packets of one size answered the same, and where between sizes does the rate change?
///
/// It costs nothing where packets differ by rounding only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exploration {
    state: State,
    tried: BTreeSet<SourceAmount>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// No packets have disagreed.
    #[default]
    Agreed,
    /// Two packets that disagreed, with what arrived of them, are probed again.
    Asked([(SourceAmount, DestinationAmount); 2]),
    /// They delivered the same as before: it is their size.
    Sizes,
    /// They did not: the rate moved. The rates before and after.
    Moved(RateInterval),
}

impl Exploration {
    /// The rates of packets that were answered differently, when the rate has moved.
    pub(crate) fn moved(&self) -> Option<RateInterval> {
        match self.state {
            State::Moved(rates) => Some(rates),
            _ => None,
        }
    }

    /// What to probe next; `None` when all is known that will be.
    pub(crate) fn next(&mut self, search: &PathSearch) -> Option<Vec<SourceAmount>> {
        if search.is_out_of_probes() || search.has_given_up() {
            return None;
        }
        let found = segments::segments(search.arrivals());
        match self.state {
            State::Agreed => {
                let pair = segments::contradiction(&found)?;
                let before =
                    pair.map(|amount| (amount, search.arrivals().get(&amount).copied().unwrap_or_default()));
                self.state = State::Asked(before);
                Some(pair.to_vec())
            }
            State::Asked(_) | State::Moved(_) => None,
            State::Sizes => {
                let left = MOST_PROBES.saturating_sub(self.tried.len());
                if found.len() >= MOST_SEGMENTS {
                    return None;
                }
                let new = segments::gaps(&found).into_iter().filter(|amount| !self.tried.contains(amount));
                let new: Vec<_> = new.take(left).collect();
                self.tried.extend(&new);
                (!new.is_empty()).then_some(new)
            }
        }
    }

    /// Compares what was probed again, once the answers are there.
    pub(crate) fn compare(&mut self, search: &PathSearch) {
        let State::Asked(before) = self.state else {
            return;
        };
        let mut moved: Option<RateInterval> = None;
        for (sent, delivered) in before {
            let Some(&now) = search.arrivals().get(&sent).filter(|&&now| now != delivered) else {
                continue;
            };
            for rate in [delivered, now].into_iter().filter_map(|of| RateInterval::of_packet(sent, of)) {
                moved = Some(moved.map_or(rate, |moved| moved.hull(&rate)));
            }
        }
        self.state = moved.map_or(State::Sizes, State::Moved);
    }
}
