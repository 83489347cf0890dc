//! Before the first chunk: the path's rate and its largest packet.

use std::time::Duration;

use psk_codec::psk::Sequence;
use psk_codec::{DestinationAmount, ErrorCode, Reply, SourceAmount};
use psk_crypto::Random;
use psk_quote::{PathView, ProbeResult, Rate, SearchError, SearchStep, suggested_maximum};

use super::path::{Path, PathIndex};
use super::{MinimumRate, Output, Purpose, SendConfig, SendError, SendEvent, SendPayment, SentProbe, Target};
use crate::time::Now;

/// A fixed-destination payment does not know yet what it costs: probes go up to here at first.
const FIRST_LIMIT: SourceAmount = SourceAmount::new(1_000_000);
/// When nothing arrives of so much, so many times as much is tried.
const MUCH_MORE: u64 = 1_000;
/// No money hangs on a probe: rather than wait until it has expired, ask again; and wait twice as long for the next one.
pub(super) const PROBE_PATIENCE: Duration = Duration::from_secs(5);
/// Nor for much longer than answers take, when that is known.
const LEAST_PROBE_PATIENCE: Duration = Duration::from_millis(50);
/// Between questions for which there was no room, longer each time.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(20);
/// A packet that delivers so many units shows its rate to about a percent.
const SHOWS_THE_RATE: DestinationAmount = DestinationAmount::new(64);
const ONE: DestinationAmount = DestinationAmount::new(1);

pub(super) fn first_limit(config: &SendConfig) -> SourceAmount {
    match config.target {
        Target::Source(_) => config.budget(),
        Target::Destination(_) => FIRST_LIMIT.min(config.budget()),
    }
}

/// What became of looking whether a path has to be searched on.
#[derive(Debug)]
pub(super) enum Searched {
    /// A probe.
    Output(Output),
    /// The path was found, or it failed.
    Changed,
    /// Nothing until an answer comes, or until this time.
    WaitUntil(Duration),
}

impl SendPayment {
    pub(super) fn poll_probes(&mut self, index: PathIndex, now: Now, random: &mut dyn Random) -> Searched {
        if let Some(size) = self.path_mut(index).arrived.next_question() {
            return self.send_probe(index, size, Purpose::Completing, now, random);
        }
        let path = self.path_mut(index);
        if !path.is_searching() && !path.searches_on {
            return self.ask_again(index, now, random);
        }
        match path.search.poll(now.monotonic) {
            SearchStep::Probe(amount) => self.send_probe(index, amount, Purpose::Search, now, random),
            SearchStep::AwaitResults => Searched::WaitUntil(Duration::MAX),
            SearchStep::WaitUntil(time) => Searched::WaitUntil(time),
            SearchStep::Done(_) if path.searches_on => {
                path.searches_on = false;
                Searched::Changed
            }
            SearchStep::Done(Err(SearchError::TooSmall(_))) if self.may_cost_more(index) => {
                let path = self.path_mut(index);
                let limit = path.search.limit().units().saturating_mul(MUCH_MORE);
                path.search.raise_limit(SourceAmount::new(limit));
                Searched::Changed
            }
            SearchStep::Done(Err(error)) => {
                self.fail_path(index, error.into());
                Searched::Changed
            }
            SearchStep::Done(Ok(())) => {
                if let Err(error) = self.finish_search(index, now) {
                    self.fail_path(index, error);
                }
                Searched::Changed
            }
        }
    }

    /// Whether a path has become good enough that the payment leaves unused: asked now and then, while it goes on over
    /// others. Nothing waits for the answer.
    fn ask_again(&mut self, index: PathIndex, now: Now, random: &mut dyn Random) -> Searched {
        let may_ask = self.paths.len() > 1 && (self.has_begun() || self.peer.knows_frames());
        if !may_ask || self.nothing_is_left() || !self.is_left_unused(index, now.monotonic) {
            self.path_mut(index).ask_again_at = None;
            return Searched::WaitUntil(Duration::MAX);
        }
        let path = self.path_mut(index);
        if path.probes > 0 {
            return Searched::WaitUntil(Duration::MAX);
        }
        match path.ask_again_at {
            Some(at) if at <= now.monotonic => {
                path.ask_again_later(now.monotonic, random.jitter());
                let size = path.amount_to_ask_again();
                self.send_probe(index, size, Purpose::Again, now, random)
            }
            Some(at) => Searched::WaitUntil(at),
            None => Searched::WaitUntil(path.ask_again_later(now.monotonic, random.jitter())),
        }
    }

    fn send_probe(
        &mut self,
        index: PathIndex,
        source: SourceAmount,
        purpose: Purpose,
        now: Now,
        random: &mut dyn Random,
    ) -> Searched {
        match self.send_of_any_size(index, source, Self::no_frames(), now, random) {
            Ok((sequence, output)) => {
                let path = self.path_mut(index);
                path.probes += 1;
                let patience = path.probe_patience.min(path.packet_timeout);
                let sent_at = now.monotonic;
                let give_up_at = sent_at.saturating_add(patience);
                let probe = SentProbe { path: index, purpose, source, sent_at, give_up_at };
                self.probes.insert(sequence, probe);
                Searched::Output(output)
            }
            Err(error) => {
                self.fail(error);
                Searched::Changed
            }
        }
    }

    /// Probes whose answer is overdue are asked again; should it come later, it changes nothing.
    pub(super) fn give_up_probes(&mut self, now: Now) {
        while let Some((&packet, &probe)) =
            self.probes.iter().find(|(_, probe)| self.probe_due(probe) <= now.monotonic)
        {
            self.probes.remove(&packet);
            let path = self.path_mut(probe.path);
            if probe.give_up_at.saturating_sub(probe.sent_at) >= path.probe_patience {
                path.probe_patience = path.probe_patience.saturating_mul(2);
            }
            self.handle_probe_result(probe, ProbeResult::Unanswered, now);
        }
    }

    /// When a probe is asked again: soon, once it is known how long answers take.
    pub(super) fn probe_due(&self, probe: &SentProbe) -> Duration {
        let usual = self.path(probe.path).round_trip.patience();
        let soon = usual.map(|patience| probe.sent_at.saturating_add(patience.max(LEAST_PROBE_PATIENCE)));
        soon.map_or(probe.give_up_at, |soon| soon.min(probe.give_up_at))
    }

    /// What the reply to a probe says.
    pub(super) fn probe_result(
        &mut self,
        packet: Sequence,
        probe: &SentProbe,
        reply: &Reply,
        now: Now,
    ) -> ProbeResult {
        match self.probe(packet).open_answer(&self.keys, reply) {
            Ok(answer) => {
                self.read_frames(&answer);
                self.path_mut(probe.path).round_trip.on_answer(probe.sent_at, now.monotonic);
                ProbeResult::Arrived(answer.chunk_amount.at_destination())
            }
            Err(result) => result,
        }
    }

    pub(super) fn handle_probe_result(&mut self, probe: SentProbe, result: ProbeResult, now: Now) {
        let path = self.path_mut(probe.path);
        path.probes = path.probes.saturating_sub(1);
        if result == ProbeResult::Busy(ErrorCode::R02_INSUFFICIENT_TIMEOUT) {
            path.on_too_little_time();
        }
        match probe.purpose {
            Purpose::Search => self.handle_search_result(probe, result, now),
            Purpose::Completing => self.handle_completing_result(probe, result, now),
            Purpose::Again => {
                if let ProbeResult::Arrived(delivered) = result {
                    let _ = self.learn_rate(probe.path, probe.source, delivered);
                    let path = self.path_mut(probe.path);
                    path.awaits_rate &= path.rate.high() <= path.own_minimum_rate;
                }
            }
        }
    }

    fn handle_completing_result(&mut self, probe: SentProbe, result: ProbeResult, now: Now) {
        let path = self.path_mut(probe.path);
        if result == ProbeResult::TooSmall && path.arrived.is_too_small(probe.source) {
            // As good as arriving with nothing.
            path.path_patience.restore();
            return path.arrived.answer_too_small(probe.source);
        }
        let delivered = match result {
            ProbeResult::Arrived(delivered) => Some(delivered),
            _ => None,
        };
        if delivered.is_some() {
            // The path works, whatever became of chunks meanwhile.
            path.path_patience.restore();
        }
        let learned = path.arrived.answer(probe.source, delivered);
        if let ProbeResult::TooLarge(details) = result {
            path.sizing.on_question_too_large(probe.source, details);
        }
        if result == ProbeResult::NoLiquidity && path.probes == 0 && path.load.packets == 0 {
            path.sizing.on_question_without_liquidity(probe.source);
        }
        if delivered.is_none() {
            // Room comes with time.
            let pause = BETWEEN_QUESTIONS * path.arrived.lost_rounds().min(10);
            path.pause(now.monotonic, pause);
        }
        self.learned(probe.path, probe.source, delivered, learned);
    }

    fn handle_search_result(&mut self, probe: SentProbe, result: ProbeResult, now: Now) {
        let path = self.path_mut(probe.path);
        if let ProbeResult::TooLarge(Some(details)) = result
            && let Some(suggested) = suggested_maximum(probe.source, details)
        {
            path.hinted = Some(path.hinted.map_or(suggested, |hinted| hinted.min(suggested)));
        }
        path.search.handle_result(probe.source, result, now.monotonic);
        if result == ProbeResult::NoLiquidity {
            path.refine_no_more();
        }
        if path.searches_on {
            if let ProbeResult::Arrived(delivered) = result {
                let _ = self.learn_rate(probe.path, probe.source, delivered);
            }
            let path = self.path_mut(probe.path);
            if let Some(view) = path.search.view() {
                path.sizing.widen(&view);
            }
            return;
        }
        // A round at a time: of the ladder's probes the small ones alone would make small chunks.
        let round_is_over = path.is_searching() && path.probes == 0;
        let enough = round_is_over && self.may_open_early(probe.path);
        if enough && let Err(error) = self.open_early(probe.path, now) {
            self.fail_path(probe.path, error);
        }
    }

    /// Whether the rate is known well enough to fix the minimum, and nothing else has to be known before any money moves,
    /// as whether a hard limit is enough.
    pub(super) fn may_open_early(&self, index: PathIndex) -> bool {
        let limited = matches!(self.config.target, Target::Destination(_))
            && self.config.max_source_amount < SourceAmount::MAX;
        !limited && shows_the_rate(self.path(index))
    }

    /// Chunks may follow before the search has come to its end: the rate is known well enough to fix the minimum. The
    /// rest costs no round trip of its own.
    fn open_early(&mut self, index: PathIndex, now: Now) -> Result<(), SendError> {
        let path = self.path(index);
        let Some(view) = path.search.view() else { return Ok(()) };
        self.search_on(index, self.wider_limit(path, &view));
        self.open(index, &view, view.rate.low(), now)?;
        self.path_mut(index).searches_on = true;
        Ok(())
    }

    /// Starts sending, looks for larger packets, or fails before any money has moved.
    fn finish_search(&mut self, index: PathIndex, now: Now) -> Result<(), SendError> {
        let path = self.path(index);
        let view = path.search.view().ok_or(SearchError::NothingPasses)?;
        if let Some(limit) = self.wider_limit(path, &view) {
            self.path_mut(index).search.raise_limit(limit);
            return Ok(());
        }
        let nothing_arrives = view.rate.delivers_at_most(view.passes).is_zero();
        if nothing_arrives && view.refused.is_some() && self.path_mut(index).search.refine() {
            // Perhaps the packet that delivers one unit is among those that were not looked at.
            return Ok(());
        }
        if let Some(sizes) = self.path_mut(index).cheaper_sizes(&view) {
            self.path_mut(index).search.ask(sizes);
            return Ok(());
        }
        self.open(index, &view, view.rate.low(), now)
    }

    /// Chunks follow. The minimum rate counts from the rate `shown`.
    pub(super) fn open(
        &mut self,
        index: PathIndex,
        view: &PathView,
        shown: Rate,
        now: Now,
    ) -> Result<(), SendError> {
        let path = self.path_mut(index);
        path.arrived.start_again(&path.search);
        self.check_feasible(index, view)?;
        let minimum_rate = self.fixed_minimum_rate(view, shown)?;
        let path = self.path_mut(index);
        path.open(view, shown, minimum_rate);
        let (rate, max_packet_amount) = (view.rate, path.sizing.maximum());
        self.last_progress = now.monotonic;
        self.events.push_back(SendEvent::PathFound { path: index, rate, max_packet_amount });
        Ok(())
    }

    /// Whether packets that are all too small may be so because a destination unit costs more than was tried.
    fn may_cost_more(&self, index: PathIndex) -> bool {
        let limit = self.path(index).search.limit();
        matches!(self.config.target, Target::Destination(_)) && limit < self.config.budget()
    }

    /// A limit that covers the cost of the payment, while no packet has been refused. With a fixed source amount that
    /// is the limit from the start, unless the search is that of a quote.
    pub(super) fn wider_limit(&self, path: &Path, view: &PathView) -> Option<SourceAmount> {
        let limit = path.search.limit();
        let wanted = match self.config.target {
            Target::Source(amount) => amount,
            Target::Destination(_) if view.rate.delivers_at_least(limit).is_zero() => {
                SourceAmount::new(limit.units().saturating_mul(MUCH_MORE))
            }
            Target::Destination(amount) => view.rate.surely_enough(amount).unwrap_or(SourceAmount::MAX),
        };
        let wanted = wanted.min(self.config.budget());
        (view.refused.is_none() && wanted > limit).then_some(wanted)
    }

    fn check_feasible(&self, index: PathIndex, view: &PathView) -> Result<(), SendError> {
        let smallest = view.rate.maybe_enough(ONE);
        let any_rate = self.config.minimum_rate == MinimumRate::AnyRate;
        match self.config.target {
            _ if view.rate.delivers_at_most(view.passes).is_zero() && !any_rate => {
                // A larger packet might deliver something, if the path takes one.
                let smallest = (view.refused.is_none()).then_some(smallest);
                Err(SendError::AmountTooSmall { smallest })
            }
            Target::Source(amount) if amount > self.config.budget() => {
                Err(SendError::MaxSourceAmountTooLow { needed: amount })
            }
            Target::Source(amount) if overflows(view.rate.low(), amount) => Err(SendError::AmountTooLarge),
            Target::Source(_) => Ok(()),
            Target::Destination(amount) => {
                // What several hops round away of one packet is known to be less of a larger one: nothing is impossible
                // that may be possible.
                let budget = self.config.budget();
                if self.path(index).arrived.at_most(budget) >= amount {
                    return Ok(());
                }
                let more = budget.saturating_add(SourceAmount::new(1));
                Err(SendError::MaxSourceAmountTooLow { needed: view.rate.maybe_enough(amount).max(more) })
            }
        }
    }

    /// ENGINE.md section 4: fixed at the start, from the path or the caller.
    fn fixed_minimum_rate(&self, view: &PathView, shown: Rate) -> Result<Rate, SendError> {
        let minimum = match self.config.minimum_rate {
            MinimumRate::Slippage(ppm) => shown.less_ppm(ppm),
            MinimumRate::AtLeast(rate) => rate,
            MinimumRate::Both(rate, ppm) => rate.max(shown.less_ppm(ppm)),
            MinimumRate::AnyRate => Rate::ZERO,
        };
        if view.rate.high() <= minimum { Err(SendError::RateTooLow) } else { Ok(minimum) }
    }
}

/// Whether more arrives of so much than 64 bits can say.
fn overflows(rate: Rate, amount: SourceAmount) -> bool {
    rate.worth_floor(amount.saturating_sub(SourceAmount::new(1))) == DestinationAmount::MAX
}

/// Whether the rate is known well enough to fix the minimum.
fn shows_the_rate(path: &Path) -> bool {
    let arrived = path.search.arrivals().last_key_value();
    arrived.is_some_and(|(_, &delivered)| delivered.units() / path.unit().units() >= SHOWS_THE_RATE.units())
}
