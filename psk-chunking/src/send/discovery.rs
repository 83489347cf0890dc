//! Before the first chunk: the path's rate and its largest packet.

use std::time::Duration;

use psk_codec::{DestinationAmount, SourceAmount};
use psk_crypto::Random;
use psk_quote::{PathView, ProbeResult, SearchError, SearchStep};

use super::{
    MinimumRate, Output, Phase, SendConfig, SendError, SendEvent, SendPayment, SentProbe, Sizing, Target,
};
use crate::time::Now;

/// A fixed-destination payment does not know yet what it costs: probes go up to here at first.
const FIRST_LIMIT: SourceAmount = SourceAmount::new(1_000_000);
/// No money hangs on a probe: rather than wait until it has expired, ask again. Long enough for the slowest paths.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);
const ONE: DestinationAmount = DestinationAmount::new(1);

pub(super) fn first_limit(config: &SendConfig) -> SourceAmount {
    match config.target {
        Target::Source(_) => config.budget(),
        Target::Destination(_) => FIRST_LIMIT.min(config.budget()),
    }
}

impl SendPayment {
    pub(super) fn poll_search(&mut self, now: Now, random: &mut dyn Random) -> Option<Output> {
        if self.paused {
            return Some(self.wait(now, None));
        }
        match self.search.poll(now.monotonic) {
            SearchStep::Probe(amount) => match self.send_probe(amount, now, random) {
                Ok((sequence, output)) => {
                    let patience = PROBE_PATIENCE.min(self.packet_timeout);
                    let give_up_at = now.monotonic.saturating_add(patience);
                    self.probes.insert(sequence, SentProbe { source: amount, give_up_at });
                    return Some(output);
                }
                Err(error) => self.fail(error),
            },
            SearchStep::AwaitResults => return Some(self.wait(now, None)),
            SearchStep::WaitUntil(time) => return Some(self.wait(now, Some(time))),
            SearchStep::Done(Err(error)) => self.fail(error.into()),
            SearchStep::Done(Ok(())) => {
                if let Err(error) = self.finish_search(now) {
                    self.fail(error);
                }
            }
        }
        None
    }

    /// Probes whose answer is overdue are asked again; should it come later, it changes nothing.
    pub(super) fn give_up_probes(&mut self, now: Now) {
        while let Some((&packet, probe)) = self.probes.first_key_value()
            && probe.give_up_at <= now.monotonic
        {
            let amount = probe.source;
            self.probes.remove(&packet);
            self.handle_probe_result(amount, ProbeResult::Unanswered, now);
        }
    }

    pub(super) fn handle_probe_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Now) {
        self.search.handle_result(amount, result, now.monotonic);
    }

    /// Starts sending, looks for larger packets, or fails before any money has moved.
    fn finish_search(&mut self, now: Now) -> Result<(), SendError> {
        let view = self.search.view().ok_or(SearchError::NothingPasses)?;
        if let Some(limit) = self.wider_limit(&view) {
            self.search.raise_limit(limit);
            return Ok(());
        }
        let nothing_arrives = view.rate.delivers_at_most(view.passes).is_zero();
        if nothing_arrives && view.refused.is_some() && self.search.refine() {
            // Perhaps the packet that delivers one unit is among those that were not looked at.
            return Ok(());
        }
        self.check_feasible(&view)?;
        (self.rate, self.shown_rate) = (view.rate, view.rate);
        self.minimum_rate = self.fixed_minimum_rate(&view)?;
        self.sizing = Sizing::new(&view);
        self.last_progress = now.monotonic;
        self.phase = Phase::Sending;
        let (rate, max_packet_amount) = (view.rate, view.passes);
        self.events.push_back(SendEvent::PathFound { rate, max_packet_amount });
        Ok(())
    }

    /// For a fixed destination amount: a limit that covers its cost, while no packet has been refused.
    fn wider_limit(&self, view: &PathView) -> Option<SourceAmount> {
        let Target::Destination(amount) = self.config.target else {
            return None;
        };
        let limit = self.search.limit();
        let wanted = match view.rate.delivers_at_least(limit).is_zero() {
            true => SourceAmount::new(limit.units().saturating_mul(1_000)),
            false => view.rate.surely_enough(amount).unwrap_or(SourceAmount::MAX),
        };
        let wanted = wanted.min(self.config.budget());
        (view.refused.is_none() && wanted > limit).then_some(wanted)
    }

    fn check_feasible(&self, view: &PathView) -> Result<(), SendError> {
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
            Target::Source(_) => Ok(()),
            Target::Destination(amount) => {
                let needed = view.rate.maybe_enough(amount);
                match needed > self.config.budget() {
                    true => Err(SendError::MaxSourceAmountTooLow { needed }),
                    false => Ok(()),
                }
            }
        }
    }

    /// ENGINE.md section 4: fixed at the start, from the path or the caller.
    fn fixed_minimum_rate(&self, view: &PathView) -> Result<psk_quote::Rate, SendError> {
        let shown = view.rate.low();
        let minimum = match self.config.minimum_rate {
            MinimumRate::Slippage(ppm) => shown.less_ppm(ppm),
            MinimumRate::AtLeast(rate) => rate,
            MinimumRate::Both(rate, ppm) => rate.max(shown.less_ppm(ppm)),
            MinimumRate::AnyRate => psk_quote::Rate::ZERO,
        };
        if view.rate.high() <= minimum { Err(SendError::RateTooLow) } else { Ok(minimum) }
    }
}
