//! The search for a quote, without I/O.

use std::collections::BTreeSet;
use std::time::Duration;

use psk_codec::{DestinationAmount, SourceAmount, Timestamp};

use crate::arrivals::Arrivals;
use crate::budget::ProbeBudget;
use crate::exploration::Exploration;
use crate::plan::ChunkPlan;
use crate::probe::ProbeResult;
use crate::quote::{Quote, QuoteError, QuoteOptions};
use crate::rate::{Rate, RateInterval};
use crate::search::{PathSearch, PathView, SearchError, SearchStep};
use crate::segments::{self, RateSegment};

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
/// rounds each packet at each hop, so then it probes the very chunks of which the payment will consist. Last, when
/// packets disagree about the rate by more than rounding explains, it probes some again and some between them, to tell
/// a rate that moves from one that depends on the size of the packet.
///
/// As one payment is made of a [`Quote`], one quote is made of a search: it says once that it is done, and cannot be
/// copied.
///
/// ```compile_fail,E0599
/// # fn copy(search: psk_quote::QuoteSearch) {
/// let another = search.clone(); // error: no method named `clone`
/// # }
/// ```
#[derive(Debug)]
pub struct QuoteSearch {
    search: PathSearch,
    target: Target,
    options: QuoteOptions,
    expires_at: Timestamp,
    /// Whether single amounts have been asked for after the search for the largest packet.
    asked: bool,
    exploration: Exploration,
    /// Whether its end was told.
    done: bool,
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
    /// The largest packet that passes, to the unit.
    Precision(QuoteError),
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
        let max_probe_amount = options.max_probe_amount.map(|most| most.max(SourceAmount::new(1)));
        let options = QuoteOptions { max_probe_amount, ..options };
        let budget = ProbeBudget {
            max_search_probes: options.max_probes - options.max_probes / 5,
            max_probes: options.max_probes,
            max_in_flight: max_probe_amount.unwrap_or(twice(limit)),
        };
        let search = PathSearch::with_budget(limit, options.precision, budget);
        Self {
            search,
            target,
            options,
            expires_at,
            asked: false,
            exploration: Exploration::default(),
            done: false,
        }
    }

    /// As [`PathSearch::patience`].
    pub fn patience(&self) -> Duration {
        self.search.patience()
    }

    /// What to do next. [`QuoteStep::Done`] comes once; after it there is nothing but [`QuoteStep::AwaitResults`].
    pub fn poll(&mut self, now: Duration) -> QuoteStep {
        if self.done {
            return QuoteStep::AwaitResults;
        }
        let step = self.next_step(now);
        self.done = matches!(step, QuoteStep::Done(_));
        step
    }

    fn next_step(&mut self, now: Duration) -> QuoteStep {
        if self.is_of_nothing() {
            return QuoteStep::Done(Err(QuoteError::ZeroAmount));
        }
        loop {
            let missing = match self.search.poll(now) {
                SearchStep::Probe(amount) => return QuoteStep::Probe(amount),
                SearchStep::AwaitResults => return QuoteStep::AwaitResults,
                SearchStep::WaitUntil(time) => return QuoteStep::WaitUntil(time),
                SearchStep::Done(Err(error)) => self.after_failure(error),
                SearchStep::Done(Ok(())) => match self.compare_and_solve() {
                    Ok(quote) => match self.exploration.next(&self.search) {
                        Some(amounts) => {
                            self.search.ask(amounts);
                            continue;
                        }
                        None => return QuoteStep::Done(Ok(quote)),
                    },
                    Err(missing) => missing,
                },
            };
            match missing {
                Missing::Nothing(error) => return QuoteStep::Done(Err(error)),
                Missing::Precision(otherwise) => {
                    if !self.search.refine() {
                        return QuoteStep::Done(Err(otherwise));
                    }
                }
                Missing::LargerPackets(limit) => {
                    if self.options.max_probe_amount.is_none() {
                        self.search.allow_in_flight(twice(limit));
                    }
                    self.search.raise_limit(limit);
                }
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
            (SearchError::OutOfProbes(probes), _) => QuoteError::OutOfProbes(probes).into(),
            (SearchError::TooSmall(_), Some(limit)) => Missing::LargerPackets(limit),
            (SearchError::TooSmall(_), None) if self.is_short_of_budget() => self.too_dear_to_tell().into(),
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
        let wanted = match self.target {
            // Only to tell which amount would do.
            Target::Source(_) => SourceAmount::MAX,
            Target::Destination(_) => self.options.max_source_amount,
        };
        wanted.min(self.options.max_probe_amount.unwrap_or(SourceAmount::MAX))
    }

    /// Whether larger packets are not probed because they may not be.
    fn is_capped(&self) -> bool {
        let cap = self.options.max_probe_amount.unwrap_or(SourceAmount::MAX);
        let wanted = match self.target {
            Target::Source(amount) => amount,
            Target::Destination(_) => self.options.max_source_amount,
        };
        self.search.limit() >= cap && cap < wanted
    }

    /// Whether all that may be spent was probed in one packet.
    fn is_short_of_budget(&self) -> bool {
        let maximum = self.options.max_source_amount;
        matches!(self.target, Target::Destination(_))
            && maximum < SourceAmount::MAX
            && self.search.limit() >= maximum
    }

    fn too_dear_to_tell(&self) -> QuoteError {
        QuoteError::MaxSourceAmount { maximum: self.options.max_source_amount, needed: None }
    }

    fn compare_and_solve(&mut self) -> Result<Quote, Missing> {
        self.exploration.compare(&self.search);
        self.solve()
    }

    fn solve(&self) -> Result<Quote, Missing> {
        let path = self.path()?;
        if path.delivered.is_zero() {
            let nothing = QuoteError::NothingArrives { largest: path.view.passes };
            return Err(match self.larger_limit().filter(|_| !path.limited) {
                _ if path.arrivals.settle || self.search.is_cut_short() => {
                    QuoteError::OutOfProbes(self.search.probes()).into()
                }
                Some(limit) => Missing::LargerPackets(limit),
                None if !path.limited && self.is_short_of_budget() => self.too_dear_to_tell().into(),
                // The packets of which something arrives may be among those that were not looked at.
                None if path.view.refused.is_some() => Missing::Precision(nothing),
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
            settle: self.search.is_out_of_probes(),
        };
        Ok(Path {
            delivered: arrivals.of(view.passes).unwrap_or_default(),
            limited: view.refused.is_some() || view.passes < self.search.limit() || self.is_capped(),
            view,
            arrivals,
        })
    }

    fn solve_source(&self, path: &Path<'_>, amount: SourceAmount) -> Result<Quote, Missing> {
        let full = ChunkPlan::new(amount, amount.min(path.view.passes));
        let (_, smallest) = both(path.arrivals.of_plan(&full), path.smallest_delivering())?;
        let plan = match ChunkPlan::without_dust(amount, smallest, path.view.passes) {
            Ok(plan) => plan,
            // The smallest is not known, only one that is small enough.
            Err(_) if path.arrivals.settle => full,
            Err(smallest) => {
                let too_small = QuoteError::AmountTooSmall { smallest };
                return Err(match amount > path.view.passes {
                    // Packets that are larger by a little may do, and what is named has to.
                    true => Missing::Precision(too_small),
                    false => too_small.into(),
                });
            }
        };
        let delivered = units_that_arrive(path.arrivals.of_plan(&plan)?)?;
        if delivered.is_zero() {
            return Err(QuoteError::OutOfProbes(self.search.probes()).into());
        }
        let quote = self.quote(path, plan, (amount, delivered), smallest);
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
        let (total, plan) = self.affordable_plan(path, total)?;
        let delivered = path.arrivals.of_plan(&plan)?;
        let (total, plan, delivered) = match delivered >= u128::from(amount.units()) {
            true => (total, plan, delivered),
            // A larger packet delivers less than a smaller one, so nothing follows for those between.
            false => {
                let (total, plan) = self.affordable_plan(path, path.in_full_chunks(amount))?;
                (total, plan, path.arrivals.of_plan(&plan)?)
            }
        };
        let delivered = units_that_arrive(delivered)?;
        let quote = self.quote(path, plan, (total, amount), smallest);
        let rounding = DestinationAmount::new(plan.chunks().saturating_sub(1));
        let sure = quote.rate.surely_enough(amount.saturating_add(rounding));
        Ok(Quote {
            source_amount_low: quote.rate.maybe_enough(amount).min(total),
            source_amount_high: sure.unwrap_or(SourceAmount::MAX).max(total),
            destination_amount_high: delivered,
            ..quote
        })
    }

    fn affordable_plan(&self, path: &Path<'_>, total: u128) -> Result<(SourceAmount, ChunkPlan), QuoteError> {
        self.check_affordable(total)?;
        let total = SourceAmount::new(u64::try_from(total).unwrap_or(u64::MAX));
        Ok((total, ChunkPlan::new(total, total.min(path.view.passes))))
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
        plan: ChunkPlan,
        (source, destination): (SourceAmount, DestinationAmount),
        smallest_delivering: SourceAmount,
    ) -> Quote {
        let arrivals = &path.arrivals;
        let segments = segments::segments(arrivals.by_amount);
        let moved = self.exploration.moved();
        let rate = match moved {
            Some(moved) => path.view.rate.hull(&moved),
            None if segments.len() > 1 => arrivals.rate_of_chunks(&plan).unwrap_or(path.view.rate),
            None => path.view.rate,
        };
        let of_chunk = |(sent, delivered)| Rate::new(delivered, sent);
        Quote {
            source_amount: source,
            source_amount_low: source,
            source_amount_high: source,
            destination_amount: destination,
            destination_amount_low: destination,
            destination_amount_high: destination,
            rate,
            segments: match moved {
                // What was seen at different times says nothing of sizes.
                Some(_) => all_in_one(&segments, rate),
                None => segments::merge(segments),
            },
            best_chunk: moved.is_none().then(|| segments::best_chunk(arrivals.by_amount)).flatten(),
            max_packet_amount: path.limited.then_some(path.view.passes),
            max_packet_exact: self.search.is_exact(),
            smallest_delivering,
            rate_moved: moved.is_some(),
            exact: !arrivals.settle && arrivals.are_monotone(),
            probes: self.search.probes(),
            receiver: None,
            expires_at: self.expires_at,
            plan,
            view: path.view,
            search: Box::new(self.search.clone()),
            lowest_chunk_rate: arrivals.of_chunks(&plan).filter_map(of_chunk).min().unwrap_or(Rate::ZERO),
        }
    }
}

fn all_in_one(segments: &[RateSegment], rate: RateInterval) -> Vec<RateSegment> {
    let (first, last) = (segments.first(), segments.last());
    first
        .zip(last)
        .map(|(first, last)| RateSegment { from: first.from, to: last.to, rate })
        .into_iter()
        .collect()
}

impl Path<'_> {
    /// The smallest packet of which anything arrives, given that it does of the largest.
    fn smallest_delivering(&self) -> Result<SourceAmount, Vec<SourceAmount>> {
        self.smallest(0, self.view.passes.units(), 1, 1).map(SourceAmount::new)
    }

    /// What delivers `needed` in chunks of the largest size alone.
    fn in_full_chunks(&self, needed: DestinationAmount) -> u128 {
        let chunks = needed.units().div_ceil(self.delivered.units().max(1));
        u128::from(chunks) * u128::from(self.view.passes.units())
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

fn twice(amount: SourceAmount) -> SourceAmount {
    amount.saturating_add(amount)
}

fn units_that_arrive(units: u128) -> Result<DestinationAmount, QuoteError> {
    u64::try_from(units).map(DestinationAmount::new).map_err(|_| QuoteError::AmountTooLarge)
}
