//! How large a packet may be, and what arrives of it: a search without I/O.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use psk_codec::{AmountTooLarge, DestinationAmount, ErrorCode, SourceAmount};

use crate::rate::RateInterval;

/// What became of a probe: an unfulfillable packet that asks what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The receiver says, authenticated, that so much arrived.
    Arrived(DestinationAmount),
    /// F08, with the details that the hop gave, for which nobody vouches.
    TooLarge(Option<AmountTooLarge>),
    /// T04: too much for now, which some hops also say of every packet above their maximum.
    NoLiquidity,
    /// R01: too small to be forwarded.
    TooSmall,
    /// Another temporary or relative error: the same probe may pass later.
    Busy(ErrorCode),
    /// Any other answer.
    Refused(ErrorCode),
    /// No answer in time, or none that can be read.
    Unanswered,
}

/// How long to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Until the largest packet that passes is known to the unit.
    Exact,
    /// Until no more than a sixteenth is missing: what the next packets will find out anyway.
    Near,
}

/// Why a search found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// Every probe was answered with an error that will not go away.
    #[error("the path refuses packets with {0}")]
    Refused(ErrorCode),
    /// The path was busy too often.
    #[error("the path was busy {attempts} times, at last with {code}")]
    Busy {
        /// The last answer.
        code: ErrorCode,
        /// How often in a row.
        attempts: u32,
    },
    /// Probes were not answered.
    #[error("{0} packets in a row were not answered")]
    Unanswered(u32),
    /// No packet is small enough to pass.
    #[error("even the smallest packet is refused for its size")]
    NothingPasses,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchStep {
    /// Send a probe of this amount and hand its result to [`PathSearch::handle_result`].
    Probe(SourceAmount),
    /// Wait for results.
    AwaitResults,
    /// Ask again at this time.
    WaitUntil(Duration),
    /// The search has ended; [`PathSearch::view`] tells what it found.
    Done(Result<(), SearchError>),
}

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathView {
    /// The largest amount that is known to pass.
    pub passes: SourceAmount,
    /// The smallest amount above it that is known not to pass; `None` when the limit of the search passed.
    pub refused: Option<SourceAmount>,
    /// Whether the refusal is one of size (F08) and not of liquidity (T04), which may change.
    pub refused_for_size: bool,
    /// The rates that fit everything that arrived.
    pub rate: RateInterval,
}

/// Probes at once in the first round; each is so many times the one before.
const LADDER_FACTOR: u64 = 1_000;
/// Failures in a row after which a search gives up.
const MAX_FAILURES: u32 = 8;
/// The first pause after a failure; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Probes after which a search takes what it has: enough for 64 halvings and some lost answers.
const PROBE_BUDGET: u32 = 160;

/// Finds the path's maximum packet amount up to a limit, and the rate, from small probes to large ones.
///
/// Ask [`poll`](Self::poll) what to do until it says that results are awaited, hand each result to
/// [`handle_result`](Self::handle_result), and ask again. Time is an argument: any monotonic time.
///
/// Contradictions heal: a result that passes above a refused amount, or is refused below one that passed, replaces
/// what was believed. A refusal for liquidity is believed when it comes twice.
#[derive(Clone, Debug)]
pub struct PathSearch {
    limit: SourceAmount,
    precision: Precision,
    arrivals: BTreeMap<SourceAmount, DestinationAmount>,
    refused: Option<Refused>,
    /// R01 came at this amount.
    too_small: SourceAmount,
    queue: VecDeque<SourceAmount>,
    in_flight: u32,
    probes: u32,
    failures: u32,
    pause_until: Option<Duration>,
    last_failure: Option<SearchError>,
    tried: BTreeSet<SourceAmount>,
}

/// The smallest amount known not to pass.
#[derive(Clone, Copy, Debug)]
struct Refused {
    amount: SourceAmount,
    for_size: bool,
    times: u32,
    /// What F08 details promise to pass, below `amount`.
    hint: Option<SourceAmount>,
}

impl PathSearch {
    /// Will probe amounts up to `limit` (source units).
    pub fn new(limit: SourceAmount, precision: Precision) -> Self {
        Self {
            limit,
            precision,
            arrivals: BTreeMap::new(),
            refused: None,
            too_small: SourceAmount::ZERO,
            queue: ladder(limit),
            in_flight: 0,
            probes: 0,
            failures: 0,
            pause_until: None,
            last_failure: None,
            tried: BTreeSet::new(),
        }
    }

    /// Looks for larger packets than before. A search that had ended goes on.
    pub fn raise_limit(&mut self, limit: SourceAmount) {
        self.limit = self.limit.max(limit);
    }

    /// The limit up to which it probes.
    pub fn limit(&self) -> SourceAmount {
        self.limit
    }

    /// How many probes have been sent.
    pub fn probes(&self) -> u32 {
        self.probes
    }

    /// What arrived, by what was sent.
    pub fn arrivals(&self) -> &BTreeMap<SourceAmount, DestinationAmount> {
        &self.arrivals
    }

    /// What to do next.
    pub fn poll(&mut self, now: Duration) -> SearchStep {
        if let Some(until) = self.pause_until {
            if now < until {
                return SearchStep::WaitUntil(until);
            }
            self.pause_until = None;
        }
        if self.queue.is_empty() && self.in_flight == 0 {
            match self.next_round() {
                Ok(round) => self.queue = round,
                Err(error) => return SearchStep::Done(Err(error)),
            }
            if self.queue.is_empty() {
                return SearchStep::Done(Ok(()));
            }
        }
        match self.queue.pop_front() {
            Some(amount) => {
                self.in_flight += 1;
                self.probes += 1;
                self.tried.insert(amount);
                SearchStep::Probe(amount)
            }
            None => SearchStep::AwaitResults,
        }
    }

    /// Takes the result of a probe of `amount`.
    pub fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match result {
            ProbeResult::Arrived(delivered) => self.handle_arrival(amount, delivered),
            ProbeResult::TooLarge(details) => {
                let hint = details.and_then(|details| suggested_maximum(amount, details));
                self.handle_refusal(amount, true, hint);
            }
            ProbeResult::NoLiquidity => self.handle_refusal(amount, false, None),
            ProbeResult::TooSmall => {
                self.too_small = self.too_small.max(amount);
                self.failures = 0;
            }
            // Judged at the end of the round: when others passed, it was the amount that was refused.
            ProbeResult::Refused(code) => {
                self.last_failure = Some(SearchError::Refused(code));
                self.handle_refusal(amount, true, None);
            }
            ProbeResult::Busy(code) => {
                let attempts = self.failures + 1;
                self.handle_failure(amount, SearchError::Busy { code, attempts }, now);
            }
            ProbeResult::Unanswered => {
                self.handle_failure(amount, SearchError::Unanswered(self.failures + 1), now);
            }
        }
    }

    /// What is known so far; `None` before anything has arrived.
    pub fn view(&self) -> Option<PathView> {
        Some(PathView {
            passes: self.passes()?,
            refused: self.refused.map(|refused| refused.amount),
            refused_for_size: self.refused.is_some_and(|refused| refused.for_size),
            rate: self.rate()?,
        })
    }

    fn passes(&self) -> Option<SourceAmount> {
        self.arrivals.last_key_value().map(|(&amount, _)| amount)
    }

    /// Intersects what arrived from the largest packet, which says most, to the smallest. What does not fit is
    /// rounding of several hops or a rate that moved: the larger packet is believed.
    fn rate(&self) -> Option<RateInterval> {
        let mut intervals = self
            .arrivals
            .iter()
            .rev()
            .filter_map(|(&sent, &delivered)| RateInterval::of_packet(sent, delivered));
        let first = intervals.next()?;
        Some(intervals.fold(first, |rate, other| rate.intersect(&other).unwrap_or(rate)))
    }

    fn handle_arrival(&mut self, amount: SourceAmount, delivered: DestinationAmount) {
        self.failures = 0;
        self.arrivals.insert(amount, delivered);
        if self.refused.is_some_and(|refused| refused.amount <= amount) {
            self.refused = None;
        }
    }

    fn handle_refusal(&mut self, amount: SourceAmount, for_size: bool, hint: Option<SourceAmount>) {
        if self.passes().is_some_and(|passes| passes >= amount) {
            if !for_size {
                // Liquidity comes and goes: a larger packet has passed, so try this one no more.
                return;
            }
            self.arrivals.split_off(&amount);
        }
        match &mut self.refused {
            Some(refused) if refused.amount < amount => {}
            Some(refused) if refused.amount == amount => {
                refused.times += 1;
                refused.for_size |= for_size;
                refused.hint = refused.hint.min(hint).or(hint);
            }
            _ => {
                self.refused = Some(Refused {
                    amount,
                    for_size,
                    times: 1,
                    hint,
                })
            }
        }
    }

    fn handle_failure(&mut self, amount: SourceAmount, error: SearchError, now: Duration) {
        self.queue.push_back(amount);
        self.last_failure = Some(error);
        // One pause for all that fail at the same time.
        if self.pause_until.is_none_or(|until| until <= now) {
            let pause = FIRST_PAUSE * (1 << self.failures.min(6));
            self.failures += 1;
            self.pause_until = Some(now + pause);
        }
        if self.failures >= MAX_FAILURES {
            self.queue.clear();
            self.pause_until = None;
        }
    }

    /// The probes of the next round; none when the search has ended.
    fn next_round(&mut self) -> Result<VecDeque<SourceAmount>, SearchError> {
        if self.failures >= MAX_FAILURES || self.probes >= PROBE_BUDGET {
            let failure = self.last_failure.unwrap_or(SearchError::NothingPasses);
            return self.passes().map(|_| VecDeque::new()).ok_or(failure);
        }
        let passes = self.passes().unwrap_or_default();
        let Some(refused) = self.refused else {
            let left = (passes < self.limit).then_some(self.limit);
            return Ok(left.into_iter().collect());
        };
        let floor = passes.max(self.too_small).units();
        let ceiling = refused.amount.units();
        if ceiling <= floor + 1 {
            let known = self.passes().is_some();
            let failure = self.last_failure.unwrap_or(SearchError::NothingPasses);
            return if known {
                Ok(self.confirmation())
            } else {
                Err(failure)
            };
        }
        if self.arrivals.is_empty() && matches!(self.last_failure, Some(SearchError::Refused(_))) {
            return Err(self.last_failure.unwrap_or(SearchError::NothingPasses));
        }
        let near = !passes.is_zero() && ceiling - floor <= floor / 16;
        if self.precision == Precision::Near && near {
            return Ok(VecDeque::new());
        }
        let mut round = self.points_between(floor, ceiling, refused);
        round.extend(self.confirmation());
        Ok(round)
    }

    /// A refusal for liquidity that came once is asked again.
    fn confirmation(&self) -> VecDeque<SourceAmount> {
        let once = |refused: &Refused| !refused.for_size && refused.times == 1;
        self.refused
            .filter(once)
            .map(|refused| refused.amount)
            .into_iter()
            .collect()
    }

    /// Amounts to try between one that passes and one that does not, from small to large.
    fn points_between(&self, floor: u64, ceiling: u64, refused: Refused) -> VecDeque<SourceAmount> {
        if let Some(hint) = refused.hint.map(SourceAmount::units)
            && (floor < hint && hint < ceiling)
            && !self.tried.contains(&SourceAmount::new(hint))
        {
            let beyond =
                (self.precision == Precision::Exact && hint + 1 < ceiling).then_some(hint + 1);
            return [Some(hint), beyond]
                .into_iter()
                .flatten()
                .map(SourceAmount::new)
                .collect();
        }
        // Several at once save round trips, but add up where liquidity is what is short.
        let halvings = if refused.for_size { 3 } else { 2 };
        let mut bounds = vec![floor, ceiling];
        for _ in 0..halvings {
            bounds = bounds
                .windows(2)
                .flat_map(|pair| [pair[0], between(pair[0], pair[1])])
                .collect();
            bounds.push(ceiling);
        }
        bounds.dedup();
        let inner = |&amount: &u64| floor < amount && amount < ceiling;
        bounds
            .into_iter()
            .filter(inner)
            .map(SourceAmount::new)
            .collect()
    }
}

/// 1, 1,000, 1,000,000 and so on below the limit, and the limit.
fn ladder(limit: SourceAmount) -> VecDeque<SourceAmount> {
    let below = |&amount: &u64| amount < limit.units();
    std::iter::successors(Some(1_u64), |amount| amount.checked_mul(LADDER_FACTOR))
        .take_while(below)
        .chain((!limit.is_zero()).then_some(limit.units()))
        .map(SourceAmount::new)
        .collect()
}

/// The middle: of the orders of magnitude when they are far apart, of the amounts otherwise.
fn between(low: u64, high: u64) -> u64 {
    if low > 0 && high / low < 4 {
        return low + (high - low) / 2;
    }
    let product = u128::from(low.max(1)) * u128::from(high);
    u64::try_from(product.isqrt()).unwrap_or(high)
}

/// What F08 details make of a packet of `sent`: floor(sent x maximum / received) in 128 bits, always below `sent`
/// (PROTOCOL.md section 4). `None` when they make no sense: zero, or a maximum that was not exceeded.
pub fn suggested_maximum(sent: SourceAmount, details: AmountTooLarge) -> Option<SourceAmount> {
    let (received, maximum) = (details.received.units(), details.maximum.units());
    if received == 0 || maximum == 0 || maximum >= received {
        return None;
    }
    let suggested = u128::from(sent.units()) * u128::from(maximum) / u128::from(received);
    let suggested = u64::try_from(suggested)
        .ok()?
        .min(sent.units().checked_sub(1)?);
    (suggested > 0).then_some(SourceAmount::new(suggested))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use psk_codec::Amount;

    /// A path of one hop: a rate, a maximum in source units, and how it says so.
    struct Path {
        rate: (u64, u64),
        maximum: u64,
        answer: fn(u64, u64) -> ProbeResult,
    }

    fn with_details(sent: u64, maximum: u64) -> ProbeResult {
        let (received, maximum) = (Amount::new(sent), Amount::new(maximum));
        ProbeResult::TooLarge(Some(AmountTooLarge { received, maximum }))
    }

    fn run(search: &mut PathSearch, path: &Path) -> Result<(), SearchError> {
        let mut in_flight = VecDeque::new();
        loop {
            match search.poll(Duration::ZERO) {
                SearchStep::Probe(amount) => in_flight.push_back(amount),
                SearchStep::Done(result) => return result,
                SearchStep::WaitUntil(_) => panic!("nothing fails here"),
                SearchStep::AwaitResults => {
                    let amount: SourceAmount = in_flight.pop_front().expect("something in flight");
                    let sent = amount.units();
                    let result = match sent > path.maximum {
                        true => (path.answer)(sent, path.maximum),
                        false => {
                            let delivered = u128::from(sent) * u128::from(path.rate.0);
                            let delivered = (delivered / u128::from(path.rate.1)) as u64;
                            ProbeResult::Arrived(DestinationAmount::new(delivered))
                        }
                    };
                    search.handle_result(amount, result, Duration::ZERO);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_maximum_is_found_to_the_unit(
            maximum in 1..1_000_000_000u64, limit in 1..10_000_000_000u64, kind in 0..6,
        ) {
            let answer: fn(u64, u64) -> ProbeResult = match kind {
                0 => with_details,
                1 => |_, _| ProbeResult::TooLarge(None),
                2 => |_, _| ProbeResult::NoLiquidity,
                // Nonsense: ENGINE.md section 7, hostile hops.
                3 => |_, _| with_details(0, 0),
                4 => |_, _| with_details(1, u64::MAX),
                _ => |sent, _| with_details(sent, 1),
            };
            let mut search = PathSearch::new(SourceAmount::new(limit), Precision::Exact);
            run(&mut search, &Path { rate: (37, 100), maximum, answer }).unwrap();
            let view = search.view().unwrap();
            prop_assert_eq!(view.passes.units(), maximum.min(limit));
            prop_assert_eq!(view.refused.is_some(), maximum < limit);
            prop_assert!(search.probes() < PROBE_BUDGET);
        }
    }

    #[test]
    fn honest_details_need_two_round_trips() {
        let path = Path {
            rate: (1, 1),
            maximum: 10_000,
            answer: with_details,
        };
        let mut search = PathSearch::new(SourceAmount::new(1_000_000), Precision::Exact);
        run(&mut search, &path).unwrap();
        assert_eq!(search.view().unwrap().passes, SourceAmount::new(10_000));
        assert_eq!(search.probes(), 5);
    }

    #[test]
    fn a_dead_destination_ends_the_search_after_one_round() {
        let refuse = |_, _| ProbeResult::Refused(ErrorCode::F02_UNREACHABLE);
        let path = Path {
            rate: (1, 1),
            maximum: 0,
            answer: refuse,
        };
        let mut search = PathSearch::new(SourceAmount::new(1_000_000), Precision::Near);
        let error = SearchError::Refused(ErrorCode::F02_UNREACHABLE);
        assert_eq!(run(&mut search, &path), Err(error));
        assert_eq!(search.probes(), 3);
    }

    #[test]
    fn a_busy_path_is_asked_again_later_and_not_for_ever() {
        let mut search = PathSearch::new(SourceAmount::new(1), Precision::Near);
        let (mut now, mut probes) = (Duration::ZERO, 0);
        let error = loop {
            match search.poll(now) {
                SearchStep::Probe(amount) => {
                    probes += 1;
                    search.handle_result(
                        amount,
                        ProbeResult::Busy(ErrorCode::T05_RATE_LIMITED),
                        now,
                    );
                }
                SearchStep::WaitUntil(until) => now = until,
                SearchStep::Done(result) => break result.unwrap_err(),
                SearchStep::AwaitResults => panic!("nothing is in flight"),
            }
        };
        assert_eq!((probes, now), (8, Duration::from_millis(6_350)));
        assert!(
            matches!(error, SearchError::Busy { attempts: 8, .. }),
            "{error}"
        );
    }
}
