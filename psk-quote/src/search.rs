//! How large a packet may be, and what arrives of it: a search without I/O.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use psk_codec::{DestinationAmount, ErrorCode, SourceAmount};

use crate::budget::ProbeBudget;
use crate::flight::Flight;
use crate::probe::ProbeResult;
use crate::rate::RateInterval;
use crate::refused::{Cause, Hint, Refused};
use crate::sizes::{halved, ladder};

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
    /// Packets of up to so many units are too small to be forwarded (R01), and larger ones are refused or beyond the
    /// limit of the search.
    #[error("packets of up to {0} units are too small to be forwarded, and no larger one passes")]
    TooSmall(SourceAmount),
    /// [`ProbeBudget::max_probes`] were sent before anything passed.
    #[error("{0} probes were not enough")]
    OutOfProbes(u32),
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
    /// The smallest amount above it that is known not to pass, or said not to by the same F08 details that promised
    /// what passes; `None` when the limit of the search passed.
    pub refused: Option<SourceAmount>,
    /// Whether the refusal is one of size (F08) and not of liquidity (T04), which may change.
    pub refused_for_size: bool,
    /// The rates that fit everything that arrived.
    pub rate: RateInterval,
}

/// Probes at once in the first round; each is so many times the one before.
const LADDER_FACTOR: u64 = 1_000;
/// The same for payments.
const PAYMENT_LADDER_FACTOR: u64 = 10;
/// Failures in a row after which a search gives up.
const MAX_FAILURES: u32 = 8;
/// The same for payments.
const PAYMENT_FAILURES: u32 = MAX_FAILURES + MAX_FAILURES / 2;
/// The same while a hop says that it works and has no room: others may be using it, for about a minute.
const PAYMENT_FAILURES_WHEN_BUSY: u32 = PAYMENT_FAILURES * 2;
/// Failures of one amount after which it is taken as refused, if smaller ones pass.
const FAILURES_OF_SIZE: u32 = 3;
/// Promises of F08 details that may be broken, one by each of several hops, before they are tried only beside other
/// amounts: details that lie could lower the amount by one at a time.
const MAX_BROKEN_HINTS: u32 = 3;
/// The first pause after a failure; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Finds the path's maximum packet amount up to a limit, and the rate, from small probes to large ones.
///
/// Ask [`poll`](Self::poll) what to do until it says that results are awaited, hand each result to
/// [`handle_result`](Self::handle_result), and ask again. Time is an argument: any monotonic time.
///
/// Contradictions heal: a result that passes above a refused amount, or is refused below one that passed, replaces
/// what was believed. A refusal for liquidity is believed when it comes twice. So is a temporary error or silence
/// that comes three times to an amount while smaller ones pass: amounts near 2^64 overflow at some hop, and hops have
/// no code for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathSearch {
    limit: SourceAmount,
    precision: Precision,
    arrivals: BTreeMap<SourceAmount, DestinationAmount>,
    refused: Option<Refused>,
    /// What was refused for its size before something smaller was refused for another reason, which may change.
    refused_before: Option<Refused>,
    /// R01 came at this amount.
    too_small: SourceAmount,
    queue: VecDeque<SourceAmount>,
    budget: ProbeBudget,
    in_flight: Flight,
    /// A hop has no room for several packets at once: one probe at a time.
    alone: bool,
    probes: u32,
    /// After so many in a row it gives up.
    max_failures: u32,
    /// The same when a hop has no room.
    max_busy: u32,
    failures: u32,
    /// How often in a row the smallest amount was refused for liquidity.
    shortages: u32,
    pause_until: Option<Duration>,
    last_failure: Option<SearchError>,
    tried: BTreeSet<SourceAmount>,
    /// What the caller wants to know beside the maximum.
    asked: BTreeSet<SourceAmount>,
    /// How often an amount failed.
    failed: BTreeMap<SourceAmount, u32>,
    /// How many promises of F08 details were broken.
    broken_hints: u32,
}

impl PathSearch {
    /// Will probe amounts up to `limit` (source units).
    pub fn new(limit: SourceAmount, precision: Precision) -> Self {
        Self {
            limit,
            precision,
            arrivals: BTreeMap::new(),
            refused: None,
            refused_before: None,
            too_small: SourceAmount::ZERO,
            queue: ladder(limit, LADDER_FACTOR),
            max_failures: MAX_FAILURES,
            max_busy: MAX_FAILURES,
            budget: ProbeBudget::default(),
            in_flight: Flight::default(),
            alone: false,
            probes: 0,
            failures: 0,
            shortages: 0,
            pause_until: None,
            last_failure: None,
            tried: BTreeSet::new(),
            asked: BTreeSet::new(),
            failed: BTreeMap::new(),
            broken_hints: 0,
        }
    }

    /// As [`new`](Self::new), with limits of what is probed. The limit is lowered to what may be in flight.
    pub fn with_budget(limit: SourceAmount, precision: Precision, budget: ProbeBudget) -> Self {
        Self { budget, ..Self::new(limit.min(budget.max_in_flight), precision) }
    }

    /// For somebody who begins to send before the search has ended, and has nothing else to do when the path is busy: in
    /// the first round each amount is ten times the one before, and it gives up after half as many failures again.
    /// Before the first probe.
    pub fn for_payments(self) -> Self {
        let queue = ladder(self.limit, PAYMENT_LADDER_FACTOR);
        Self { queue, max_failures: PAYMENT_FAILURES, max_busy: PAYMENT_FAILURES_WHEN_BUSY, ..self }
    }

    /// To go on with in a payment, without the limits of what was asked for before it.
    pub(crate) fn without_limits(self) -> Self {
        let (max_failures, max_busy) = (PAYMENT_FAILURES, PAYMENT_FAILURES_WHEN_BUSY);
        Self { budget: ProbeBudget::default(), probes: 0, failures: 0, max_failures, max_busy, ..self }
    }

    /// Allows more in flight than before.
    pub(crate) fn allow_in_flight(&mut self, max_in_flight: SourceAmount) {
        self.budget.max_in_flight = self.budget.max_in_flight.max(max_in_flight);
    }

    /// Whether all probes of the budget have been sent.
    pub fn is_out_of_probes(&self) -> bool {
        self.probes >= self.budget.max_probes
    }

    /// Whether it ended for want of probes, and not because the largest packet was found.
    pub(crate) fn is_cut_short(&self) -> bool {
        let spent = self.is_out_of_probes() || self.probes >= self.budget.max_search_probes;
        spent && !self.is_exact() && self.passes() != Some(self.limit)
    }

    /// Looks for larger packets than before. A search that had ended or given up goes on.
    pub fn raise_limit(&mut self, limit: SourceAmount) {
        self.limit = self.limit.max(limit.min(self.budget.max_in_flight));
        self.resume();
    }

    /// Goes on until the largest packet is known to the unit. A search that had ended or given up goes on; false if
    /// it had this precision already.
    pub fn refine(&mut self) -> bool {
        self.resume();
        std::mem::replace(&mut self.precision, Precision::Exact) != Precision::Exact
    }

    /// Asks also what arrives of these amounts, whatever is known already. A search that had ended or given up goes
    /// on.
    pub fn ask(&mut self, amounts: impl IntoIterator<Item = SourceAmount>) {
        for amount in amounts.into_iter().filter(|&amount| amount <= self.budget.max_in_flight) {
            self.asked.insert(amount);
            self.queue.push_back(amount);
        }
        self.resume();
    }

    /// Asks no more of what it was [asked](Self::ask) for and has not sent yet.
    pub fn stop_asking(&mut self) {
        let asked = &self.asked;
        self.queue.retain(|amount| !asked.contains(amount));
    }

    fn resume(&mut self) {
        if self.has_given_up() {
            self.failures = 0;
        }
    }

    /// Whether it ended before its time, because probes kept failing; [`last_failure`](Self::last_failure) says how.
    pub fn has_given_up(&self) -> bool {
        let most = match self.last_failure {
            Some(SearchError::Busy { code, .. }) if code.is_busy() => self.max_busy,
            _ => self.max_failures,
        };
        self.failures >= most
    }

    /// The last answer that was neither an amount nor a matter of size or liquidity.
    pub fn last_failure(&self) -> Option<SearchError> {
        self.last_failure
    }

    /// The largest amount that was too small to be forwarded (R01); zero for none.
    pub fn too_small(&self) -> SourceAmount {
        self.too_small
    }

    /// The limit up to which it probes.
    pub fn limit(&self) -> SourceAmount {
        self.limit
    }

    /// How many probes have been sent.
    pub fn probes(&self) -> u32 {
        self.probes
    }

    /// The shortest time in which the receiver has answered a probe.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.in_flight.round_trip()
    }

    /// For how long to wait for the answer to a probe before it counts as [`ProbeResult::Unanswered`]: 5 s until the
    /// receiver has answered one, and then eight times the shortest time that it took, half a second at least.
    pub fn patience(&self) -> Duration {
        self.in_flight.patience()
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
        self.drop_hopeless();
        if self.is_out_of_probes() {
            self.queue.clear();
        }
        if self.queue.is_empty() && self.in_flight.is_empty() {
            match self.next_round() {
                Err(SearchError::Busy { code: ErrorCode::T04_INSUFFICIENT_LIQUIDITY, .. })
                    if self.awaits_liquidity(now) =>
                {
                    return self.poll(now);
                }
                Ok(round) => self.queue = round,
                Err(error) => return SearchStep::Done(Err(error)),
            }
            if self.queue.is_empty() {
                return SearchStep::Done(Ok(()));
            }
        }
        match self.next_to_send() {
            Some(amount) => {
                self.in_flight.send(amount, now);
                self.probes += 1;
                self.tried.insert(amount);
                SearchStep::Probe(amount)
            }
            None => SearchStep::AwaitResults,
        }
    }

    /// Small ones first; a large one waits until the others are answered.
    fn next_to_send(&mut self) -> Option<SourceAmount> {
        if self.alone && !self.in_flight.is_empty() {
            return None;
        }
        let held = self.in_flight.held() + u128::from(self.queue.front()?.units());
        self.budget.allows(held).then(|| self.queue.pop_front()).flatten()
    }

    /// Takes the result of a probe of `amount`.
    pub fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        self.in_flight.land(amount, matches!(result, ProbeResult::Arrived(_)), now);
        match result {
            ProbeResult::Arrived(delivered) => self.handle_arrival(amount, delivered),
            ProbeResult::TooLarge(details) => {
                let hint = details.and_then(|details| Hint::new(amount, details));
                self.handle_refusal(amount, Cause::Size, hint);
            }
            ProbeResult::NoLiquidity => self.handle_shortage(amount, now),
            ProbeResult::TooSmall => {
                self.too_small = self.too_small.max(amount);
                self.failures = 0;
            }
            // Judged at the end of the round: when others passed, it was the amount that was refused.
            ProbeResult::Refused(code) => {
                self.last_failure = Some(SearchError::Refused(code));
                self.handle_refusal(amount, Cause::Size, None);
            }
            ProbeResult::Busy(code) => self.handle_failure(amount, Some(code), now),
            ProbeResult::Unanswered => self.handle_failure(amount, None, now),
        }
    }

    /// What is known so far; `None` before anything has arrived.
    pub fn view(&self) -> Option<PathView> {
        let passes = self.passes()?;
        Some(PathView {
            passes,
            refused: self.refused.map(|refused| refused.amount_beyond(passes)),
            refused_for_size: self.refused.is_some_and(|refused| refused.cause == Cause::Size),
            rate: self.rate()?,
        })
    }

    /// Whether one unit more than the largest packet that passes was refused for its size: then that packet is the
    /// path's maximum, to the unit.
    pub fn is_exact(&self) -> bool {
        let beyond = self.passes().and_then(|passes| passes.checked_add(SourceAmount::new(1)));
        self.refused.is_some_and(|refused| refused.cause == Cause::Size && Some(refused.amount) == beyond)
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
        (self.failures, self.shortages) = (0, 0);
        self.arrivals.insert(amount, delivered);
        if self.refused.is_some_and(|refused| refused.amount <= amount) {
            let before = self.refused_before.take();
            self.refused = before.filter(|refused| refused.amount > amount);
        }
    }

    /// Takes what waits to be sent again out of the queue when a smaller amount has been refused meanwhile.
    fn drop_hopeless(&mut self) {
        if let Some(refused) = self.refused {
            self.queue.retain(|&amount| amount <= refused.amount);
        }
    }

    /// T04: a matter of the amount, unless one that ought to pass is short of liquidity. Then it is one of time.
    fn handle_shortage(&mut self, amount: SourceAmount, now: Duration) {
        let passed_before = self.passes().is_some_and(|passes| passes >= amount);
        if amount.units() <= 1 || (passed_before && self.asked.contains(&amount)) {
            let code = ErrorCode::T04_INSUFFICIENT_LIQUIDITY;
            self.handle_failure(amount, Some(code), now);
        } else {
            self.handle_refusal(amount, Cause::Liquidity, None);
        }
    }

    /// The smallest amount that is not too small was refused for liquidity, which comes with time: it is asked for again after
    /// a pause, unless that goes on and on.
    fn awaits_liquidity(&mut self, now: Duration) -> bool {
        let Some(refused) = self.refused.filter(|_| self.shortages < self.max_busy) else { return false };
        self.pause_until = Some(now + FIRST_PAUSE * (1 << self.shortages.min(6)));
        self.shortages += 1;
        self.refused = self.refused_before.take().filter(|before| before.amount > refused.amount);
        self.queue.push_back(refused.amount);
        true
    }

    fn handle_refusal(&mut self, amount: SourceAmount, cause: Cause, hint: Option<Hint>) {
        if self.passes().is_some_and(|passes| passes >= amount) {
            if cause != Cause::Size {
                // Liquidity comes and goes: a larger packet has passed, so try this one no more.
                return;
            }
            self.arrivals.split_off(&amount);
        }
        if self.refused.is_some_and(|refused| refused.promises(amount)) {
            self.broken_hints += 1;
        }
        match &mut self.refused {
            Some(refused) if refused.amount < amount => {}
            Some(refused) if refused.amount == amount => {
                refused.times += 1;
                refused.cause = refused.cause.min(cause);
                refused.hint = refused.hint.min(hint).or(hint);
            }
            replaced => {
                if replaced.is_some_and(|refused| refused.cause == Cause::Size) {
                    self.refused_before = *replaced;
                }
                *replaced = Some(Refused { amount, cause, times: 1, hint });
            }
        }
    }

    /// A temporary error, or silence when there is no code: the amount is asked for again after a pause.
    fn handle_failure(&mut self, amount: SourceAmount, code: Option<ErrorCode>, now: Duration) {
        let busy = code.is_some_and(ErrorCode::is_busy);
        // One of several had no room beside the others: that says nothing of its size.
        let crowded = busy && !(self.alone && self.in_flight.is_empty());
        self.alone |= busy;
        let times = self.failed.entry(amount).or_default();
        *times += u32::from(!crowded);
        if *times >= FAILURES_OF_SIZE && self.passes().is_some_and(|passes| passes < amount) {
            self.handle_refusal(amount, Cause::Failure, None);
            return;
        }
        self.queue.push_back(amount);
        // One pause for all that fail at the same time.
        if self.pause_until.is_none_or(|until| until <= now) && !self.has_given_up() {
            self.pause_until = Some(now + FIRST_PAUSE * (1 << self.failures.min(6)));
            self.failures += 1;
        }
        let attempts = self.failures;
        self.last_failure = Some(match code {
            Some(code) => SearchError::Busy { code, attempts },
            None => SearchError::Unanswered(attempts),
        });
        if self.has_given_up() {
            self.queue.clear();
            self.pause_until = None;
        }
    }

    /// The probes of the next round; none when the search has ended.
    fn next_round(&mut self) -> Result<VecDeque<SourceAmount>, SearchError> {
        let spent = self.probes >= self.budget.max_search_probes || self.is_out_of_probes();
        if self.has_given_up() || spent {
            let otherwise = match self.is_out_of_probes() {
                true => SearchError::OutOfProbes(self.probes),
                false => SearchError::NothingPasses,
            };
            let failure = self.last_failure.unwrap_or(otherwise);
            return self.passes().map(|_| VecDeque::new()).ok_or(failure);
        }
        let passes = self.passes().unwrap_or_default();
        let Some(refused) = self.refused else {
            if self.too_small >= self.limit && self.arrivals.is_empty() {
                return Err(SearchError::TooSmall(self.too_small));
            }
            let left = (passes < self.limit).then_some(self.limit);
            return Ok(left.into_iter().collect());
        };
        let floor = passes.max(self.too_small).units();
        let ceiling = refused.amount.units();
        // A hop may call the largest amount there is too small.
        if ceiling <= floor.saturating_add(1) {
            let again = self.confirmation();
            return match self.passes() {
                None if again.is_empty() => Err(self.failure_at(refused)),
                _ => Ok(again),
            };
        }
        if self.arrivals.is_empty() && matches!(self.last_failure, Some(SearchError::Refused(_))) {
            return Err(self.last_failure.unwrap_or(SearchError::NothingPasses));
        }
        // What honest details promised and what passes is the maximum, but for rounding.
        let as_promised = refused.promises(passes);
        let near = !passes.is_zero() && (as_promised || ceiling - floor <= floor / 16);
        // Where a hop fails without a reason, there is nothing to be exact about.
        let precise = self.precision == Precision::Exact && refused.cause != Cause::Failure;
        if near && !precise {
            return Ok(VecDeque::new());
        }
        let mut round = self.points_between(floor, ceiling, refused);
        round.extend(self.confirmation());
        Ok(round)
    }

    /// Why nothing passes, when all that is not refused is too small.
    fn failure_at(&self, refused: Refused) -> SearchError {
        match refused.cause {
            Cause::Liquidity => {
                SearchError::Busy { code: ErrorCode::T04_INSUFFICIENT_LIQUIDITY, attempts: refused.times }
            }
            _ if !self.too_small.is_zero() => SearchError::TooSmall(self.too_small),
            _ => self.last_failure.unwrap_or(SearchError::NothingPasses),
        }
    }

    /// A refusal for liquidity that came once is asked again.
    fn confirmation(&self) -> VecDeque<SourceAmount> {
        let once = |refused: &Refused| refused.cause != Cause::Size && refused.times == 1;
        self.refused.filter(once).map(|refused| refused.amount).into_iter().collect()
    }

    /// Amounts to try between one that passes and one that does not, from small to large.
    fn points_between(&self, floor: u64, ceiling: u64, refused: Refused) -> VecDeque<SourceAmount> {
        let mut points = BTreeSet::new();
        if let Some(hint) = refused.hint
            && !self.tried.contains(&hint.passes)
        {
            let passes = hint.passes.units();
            points.insert(passes);
            if self.precision == Precision::Exact {
                points.extend([passes.saturating_add(1), hint.refused.units()]);
            }
            points.retain(|&point| floor < point && point < ceiling);
        }
        if points.is_empty() || self.broken_hints >= MAX_BROKEN_HINTS {
            // Several at once save round trips, but add up where liquidity is what is short.
            let most = if refused.cause == Cause::Size { 3 } else { 2 };
            points.extend(halved(floor, ceiling, self.halvings_in_flight(floor, ceiling, most)));
        }
        points.into_iter().map(SourceAmount::new).collect()
    }

    /// Where not all of a round may be in flight at the same time, fewer halvings ask less.
    fn halvings_in_flight(&self, floor: u64, ceiling: u64, most: u32) -> u32 {
        let fits = |halvings: &u32| {
            let sum: u128 = halved(floor, ceiling, *halvings).map(u128::from).sum();
            self.budget.allows(sum)
        };
        (2..=most).rev().find(fits).unwrap_or(1)
    }
}
