//! The search for a quote, without I/O.

use std::collections::BTreeSet;
use std::time::Duration;

use psk_codec::{DestinationAmount, SourceAmount, Timestamp};

use crate::arrivals::Arrivals;
use crate::plan::ChunkPlan;
use crate::probe::ProbeResult;
use crate::quote::{Quote, QuoteError, QuoteOptions};
use crate::search::{PathSearch, PathView, SearchError, SearchStep};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum QuoteStep<T = Quote> {
    /// Send a probe of this amount and hand in its result.
    Probe(SourceAmount),
    /// Wait for results.
    AwaitResults,
    /// Ask again at this time.
    WaitUntil(Duration),
    /// It has ended.
    Done(Result<T, QuoteError>),
}

/// How far packets are probed at first for a destination amount, when nothing is known of the rate.
const FIRST_LIMIT: SourceAmount = SourceAmount::new(1_000_000);
/// By how much more is probed while nothing arrives.
const LIMIT_FACTOR: u64 = 1_000;

/// Finds a [`Quote`].
///
/// Driven like [`PathSearch`]: ask [`poll`](Self::poll) what to do until it says that results are awaited, hand each
/// result to [`handle_result`](Self::handle_result), and ask again. Time is an argument: any monotonic time.
///
/// First it finds the largest packet that passes, and with it the rate. That rate alone is not enough for a path that
/// rounds each packet at each hop, so then it probes the very chunks of which the payment will consist.
#[derive(Clone, Debug)]
pub struct QuoteSearch {
    search: PathSearch,
    target: Target,
    options: QuoteOptions,
    expires_at: Timestamp,
    /// Whether single amounts have been asked for after the search for the largest packet.
    asked: bool,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Source(SourceAmount),
    Destination(DestinationAmount),
}

/// What is missing for an answer.
enum Missing {
    Arrivals(Vec<SourceAmount>),
    LargerPackets(SourceAmount),
    /// There is no answer.
    Nothing(QuoteError),
}

impl From<Vec<SourceAmount>> for Missing {
    fn from(unknown: Vec<SourceAmount>) -> Self {
        Self::Arrivals(unknown)
    }
}

impl From<QuoteError> for Missing {
    fn from(error: QuoteError) -> Self {
        Self::Nothing(error)
    }
}

/// What the search for the largest packet has found.
struct Path<'a> {
    view: PathView,
    arrivals: Arrivals<'a>,
    /// What arrives of the largest packet that passes.
    delivered: DestinationAmount,
    /// Whether larger packets do not pass.
    limited: bool,
}

impl QuoteSearch {
    /// Asks what arrives of `amount`. The quote will expire at `expires_at`.
    pub fn by_source(amount: SourceAmount, options: QuoteOptions, expires_at: Timestamp) -> Self {
        Self::new(amount, Target::Source(amount), options, expires_at)
    }

    /// Asks what it costs to deliver `amount`. The quote will expire at `expires_at`.
    pub fn by_destination(amount: DestinationAmount, options: QuoteOptions, expires_at: Timestamp) -> Self {
        let limit = FIRST_LIMIT.min(options.max_source_amount);
        Self::new(limit, Target::Destination(amount), options, expires_at)
    }

    fn new(limit: SourceAmount, target: Target, options: QuoteOptions, expires_at: Timestamp) -> Self {
        Self { search: PathSearch::new(limit, options.precision), target, options, expires_at, asked: false }
    }

    /// What to do next.
    pub fn poll(&mut self, now: Duration) -> QuoteStep {
        if self.is_of_nothing() {
            return QuoteStep::Done(Err(QuoteError::ZeroAmount));
        }
        loop {
            let missing = match self.search.poll(now) {
                SearchStep::Probe(amount) => return QuoteStep::Probe(amount),
                SearchStep::AwaitResults => return QuoteStep::AwaitResults,
                SearchStep::WaitUntil(time) => return QuoteStep::WaitUntil(time),
                SearchStep::Done(Err(error)) => self.after_failure(error),
                SearchStep::Done(Ok(())) => match self.solve() {
                    Ok(quote) => return QuoteStep::Done(Ok(quote)),
                    Err(missing) => missing,
                },
            };
            match missing {
                Missing::Nothing(error) => return QuoteStep::Done(Err(error)),
                Missing::LargerPackets(limit) => self.search.raise_limit(limit),
                Missing::Arrivals(amounts) => {
                    if let Some(failure) = self.failure_of_asked() {
                        return QuoteStep::Done(Err(failure.into()));
                    }
                    self.asked = true;
                    // Ascending, and each once.
                    self.search.ask(amounts.into_iter().collect::<BTreeSet<_>>());
                }
            }
        }
    }

    /// Takes the result of a probe of `amount`.
    pub fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        self.search.handle_result(amount, result, now);
    }

    fn is_of_nothing(&self) -> bool {
        match self.target {
            Target::Source(amount) => amount.is_zero(),
            Target::Destination(amount) => amount.is_zero(),
        }
    }

    /// When the search for the largest packet gives up, what it has found serves. When amounts that were asked for
    /// after it keep failing, there is no answer.
    fn failure_of_asked(&self) -> Option<SearchError> {
        let failure = self.search.last_failure();
        failure.filter(|_| self.asked && self.search.has_given_up())
    }

    /// Nothing has passed. When all packets were too small, larger ones may do.
    fn after_failure(&self, error: SearchError) -> Missing {
        match (error, self.larger_limit()) {
            (SearchError::TooSmall(_), Some(limit)) => Missing::LargerPackets(limit),
            _ => Missing::Nothing(error.into()),
        }
    }

    /// A limit to try when nothing has arrived so far.
    fn larger_limit(&self) -> Option<SourceAmount> {
        let limit = self.search.limit();
        let larger = SourceAmount::new(limit.units().saturating_mul(LIMIT_FACTOR));
        let larger = larger.min(self.greatest_limit());
        (larger > limit).then_some(larger)
    }

    fn greatest_limit(&self) -> SourceAmount {
        match self.target {
            // Only to tell which amount would do.
            Target::Source(_) => SourceAmount::MAX,
            Target::Destination(_) => self.options.max_source_amount,
        }
    }

    fn solve(&self) -> Result<Quote, Missing> {
        let path = self.path()?;
        if path.delivered.is_zero() {
            let nothing = QuoteError::NothingArrives { largest: path.view.passes };
            return Err(match self.larger_limit().filter(|_| !path.limited) {
                Some(limit) => Missing::LargerPackets(limit),
                None => nothing.into(),
            });
        }
        match self.target {
            Target::Source(amount) => self.solve_source(&path, amount),
            Target::Destination(amount) => self.solve_destination(&path, amount),
        }
    }

    fn path(&self) -> Result<Path<'_>, QuoteError> {
        let view = self.search.view().ok_or(SearchError::NothingPasses)?;
        let arrivals = Arrivals {
            by_amount: self.search.arrivals(),
            too_small: self.search.too_small(),
            settle: self.search.probes() >= self.options.max_probes,
        };
        Ok(Path {
            delivered: arrivals.of(view.passes).unwrap_or_default(),
            limited: view.refused.is_some() || view.passes < self.search.limit(),
            view,
            arrivals,
        })
    }

    fn solve_source(&self, path: &Path<'_>, amount: SourceAmount) -> Result<Quote, Missing> {
        let plan = ChunkPlan::new(amount, amount.min(path.view.passes));
        let delivered = path.arrivals.of_plan(&plan);
        let (delivered, smallest) = both(delivered, path.smallest_delivering())?;
        if delivered == 0 {
            return Err(QuoteError::AmountTooSmall { smallest }.into());
        }
        let delivered = units_that_arrive(delivered)?;
        let quote = self.quote(path, amount, delivered, smallest);
        let (low, high) = (quote.rate.delivers_at_least(amount), quote.rate.delivers_at_most(amount));
        let rounding = DestinationAmount::new(plan.chunks().saturating_sub(1));
        Ok(Quote {
            destination_amount_low: low.saturating_sub(rounding).min(delivered),
            destination_amount_high: high.max(delivered),
            ..quote
        })
    }

    fn solve_destination(&self, path: &Path<'_>, amount: DestinationAmount) -> Result<Quote, Missing> {
        if path.delivered < amount && !path.limited {
            return Err(self.limit_for(path, amount));
        }
        let (total, smallest) = both(path.smallest_total(amount), path.smallest_delivering())?;
        self.check_affordable(total)?;
        let total = SourceAmount::new(u64::try_from(total).unwrap_or(u64::MAX));
        let plan = ChunkPlan::new(total, total.min(path.view.passes));
        let delivered = units_that_arrive(path.arrivals.of_plan(&plan)?)?;
        let quote = self.quote(path, total, amount, smallest);
        let rounding = DestinationAmount::new(plan.chunks().saturating_sub(1));
        let sure = quote.rate.surely_enough(amount.saturating_add(rounding));
        Ok(Quote {
            source_amount_low: quote.rate.maybe_enough(amount).min(total),
            source_amount_high: sure.unwrap_or(SourceAmount::MAX).max(total),
            destination_amount_high: delivered,
            ..quote
        })
    }

    /// What to probe when the largest packet so far passed and delivers less than `amount`.
    fn limit_for(&self, path: &Path<'_>, amount: DestinationAmount) -> Missing {
        let maximum = self.options.max_source_amount;
        let needed = path.view.rate.surely_enough(amount);
        let limit = self.search.limit();
        if path.arrivals.settle {
            return QuoteError::OutOfProbes(self.search.probes()).into();
        }
        if limit >= maximum {
            return QuoteError::MaxSourceAmount { maximum, needed }.into();
        }
        // Several hops may round away a little more than the rate says.
        let more = SourceAmount::new(limit.units() / 64 + 1);
        let needed = needed.unwrap_or(SourceAmount::MAX);
        Missing::LargerPackets(needed.max(limit.saturating_add(more)).min(maximum))
    }

    fn check_affordable(&self, total: u128) -> Result<(), QuoteError> {
        let maximum = self.options.max_source_amount;
        match total <= u128::from(maximum.units()) {
            true => Ok(()),
            false => Err(QuoteError::MaxSourceAmount {
                maximum,
                needed: u64::try_from(total).ok().map(SourceAmount::new),
            }),
        }
    }

    /// A quote whose bounds are its amounts.
    fn quote(
        &self,
        path: &Path<'_>,
        source: SourceAmount,
        destination: DestinationAmount,
        smallest_delivering: SourceAmount,
    ) -> Quote {
        let widened = path.arrivals.disagreement(&path.view.rate);
        Quote {
            source_amount: source,
            source_amount_low: source,
            source_amount_high: source,
            destination_amount: destination,
            destination_amount_low: destination,
            destination_amount_high: destination,
            rate: widened.unwrap_or(path.view.rate),
            max_packet_amount: path.limited.then_some(path.view.passes),
            max_packet_exact: self.search.is_exact(),
            smallest_delivering,
            rate_moved: widened.is_some(),
            exact: !path.arrivals.settle,
            probes: self.search.probes(),
            expires_at: self.expires_at,
        }
    }
}

impl Path<'_> {
    /// The smallest packet of which anything arrives, given that it does of the largest.
    fn smallest_delivering(&self) -> Result<SourceAmount, Vec<SourceAmount>> {
        self.smallest(0, self.view.passes.units(), 1, 1).map(SourceAmount::new)
    }

    fn smallest(
        &self,
        floor: u64,
        ceiling: u64,
        packets: u64,
        needed: u128,
    ) -> Result<u64, Vec<SourceAmount>> {
        self.arrivals.smallest((floor, ceiling), packets, needed, &self.view.rate)
    }

    /// The smallest total whose plan delivers `needed`.
    ///
    /// A larger total can deliver *less*: one unit more may need one more chunk, which rounds. So the smallest one is
    /// looked for among the totals with the same number and kind of chunks ([`ChunkPlan::new`]), where more is never
    /// less. With F arriving of a full chunk there are two kinds that can come first:
    ///
    /// - n - 1 full chunks and at most one more, with n = ceil(needed / F), which n full ones satisfy at last; and
    ///   before it, with less than half a chunk above n - 1 full ones,
    /// - n - 2 full chunks and two halves, which together are more than one full chunk.
    fn smallest_total(&self, needed: DestinationAmount) -> Result<u128, Vec<SourceAmount>> {
        let (needed, full) = (u128::from(needed.units()), u128::from(self.delivered.units()));
        let chunk = self.view.passes.units();
        if needed <= full {
            return self.smallest(0, chunk, 1, needed).map(u128::from);
        }
        let full_chunks = needed.div_ceil(full) - 1;
        let rest = needed - full_chunks * full;
        let before = full_chunks * u128::from(chunk);
        let half = chunk.div_ceil(2);
        if half > 1
            && let Some(both_halves) = chunk.checked_add(half - 1)
            && self.arrivals.known_to_deliver(both_halves, 2, full + rest)?
        {
            let halves = self.smallest(chunk, both_halves, 2, full + rest)?;
            return Ok(before - u128::from(chunk) + u128::from(halves));
        }
        let last = self.smallest(half - 1, chunk, 1, rest)?;
        Ok(before + u128::from(last))
    }
}

/// Both, or all that must be probed for either.
fn both<A, B>(
    left: Result<A, Vec<SourceAmount>>,
    right: Result<B, Vec<SourceAmount>>,
) -> Result<(A, B), Vec<SourceAmount>> {
    match (left, right) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(mut left), Err(right)) => {
            left.extend(right);
            Err(left)
        }
        (Err(unknown), _) | (_, Err(unknown)) => Err(unknown),
    }
}

fn units_that_arrive(units: u128) -> Result<DestinationAmount, QuoteError> {
    u64::try_from(units).map(DestinationAmount::new).map_err(|_| QuoteError::AmountTooLarge)
}
