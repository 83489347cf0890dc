//! A path of hops that each convert, round down and refuse, and the loop that asks it.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod tiers;

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use psk_codec::{Amount, AmountTooLarge, DestinationAmount, ErrorCode, SourceAmount};
use psk_quote::{
    ChunkPlan, MaxPacket, MaxPacketSearch, PathSearch, ProbeResult, QuoteError, QuoteSearch, QuoteStep,
    SearchStep,
};

/// How a hop says that a packet exceeds its maximum.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Honest,
    Empty,
    /// F08 with these details, whatever came (ENGINE.md section 7, hostile hops).
    Lying(u64, u64),
    /// F08 that promises one unit less each time.
    LyingByOne,
    NoLiquidity,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop {
    /// Outgoing units for incoming units.
    pub(crate) rate: (u64, u64),
    /// In incoming units.
    pub(crate) maximum: u64,
    pub(crate) refusal: Refusal,
}

#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) hops: Vec<Hop>,
    /// Packets, by their number, that get a T04 for no reason of their own.
    pub(crate) short_of_liquidity: Vec<u32>,
    pub(crate) probes: u32,
    /// Whether hops reject what they would round to nothing (R01).
    pub(crate) rejects_nothing: bool,
}

impl Path {
    pub(crate) fn new(hops: Vec<Hop>) -> Self {
        Self { hops, short_of_liquidity: Vec::new(), probes: 0, rejects_nothing: false }
    }

    pub(crate) fn of_one_hop(rate: (u64, u64), maximum: u64, refusal: Refusal) -> Self {
        Self::new(vec![Hop { rate, maximum, refusal }])
    }

    /// What becomes of a packet when there is liquidity.
    pub(crate) fn forward(&self, amount: u64) -> ProbeResult {
        let mut amount = amount;
        for hop in &self.hops {
            if amount > hop.maximum {
                return hop.refuse(amount);
            }
            let converted = u128::from(amount) * u128::from(hop.rate.0) / u128::from(hop.rate.1);
            match u64::try_from(converted) {
                Ok(0) if self.rejects_nothing => return ProbeResult::TooSmall,
                Ok(converted) => amount = converted,
                Err(_) => return ProbeResult::Busy(ErrorCode::T00_INTERNAL_ERROR),
            }
        }
        ProbeResult::Arrived(DestinationAmount::new(amount))
    }

    pub(crate) fn probe(&mut self, amount: SourceAmount) -> ProbeResult {
        self.probes += 1;
        if self.short_of_liquidity.contains(&self.probes) {
            return ProbeResult::NoLiquidity;
        }
        self.forward(amount.units())
    }

    /// What arrives of one packet; `None` when it does not pass.
    pub(crate) fn delivers(&self, amount: SourceAmount) -> Option<u64> {
        match self.forward(amount.units()) {
            ProbeResult::Arrived(delivered) => Some(delivered.units()),
            ProbeResult::TooSmall => Some(0),
            _ => None,
        }
    }

    /// What arrives of all chunks of a plan, all of which must pass.
    pub(crate) fn delivers_plan(&self, plan: &ChunkPlan) -> u128 {
        let of = |amount: SourceAmount| u128::from(self.delivers(amount).expect("passes"));
        let tail: u128 = plan.tail.into_iter().map(of).sum();
        match plan.full_chunks {
            0 => tail,
            full => u128::from(full) * of(plan.full_chunk) + tail,
        }
    }

    /// The largest packet that passes, up to a limit.
    pub(crate) fn largest(&self, limit: u64) -> u64 {
        if self.delivers(SourceAmount::new(limit)).is_some() {
            return limit;
        }
        let (mut passes, mut refused) = (0, limit);
        while refused - passes > 1 {
            let middle = passes + (refused - passes) / 2;
            match self.delivers(SourceAmount::new(middle)) {
                Some(_) => passes = middle,
                None => refused = middle,
            }
        }
        passes
    }

    /// The smallest packet that delivers anything, up to a limit.
    pub(crate) fn smallest_delivering(&self, limit: u64) -> Option<u64> {
        let delivers = |amount| self.delivers(SourceAmount::new(amount)).unwrap_or(0) > 0;
        if !delivers(limit) {
            return None;
        }
        let (mut nothing, mut something) = (0, limit);
        while something - nothing > 1 {
            let middle = nothing + (something - nothing) / 2;
            match delivers(middle) {
                true => something = middle,
                false => nothing = middle,
            }
        }
        Some(something)
    }
}

impl Hop {
    fn refuse(&self, amount: u64) -> ProbeResult {
        let details = |received, maximum| {
            ProbeResult::TooLarge(Some(AmountTooLarge {
                received: Amount::new(received),
                maximum: Amount::new(maximum),
            }))
        };
        match self.refusal {
            Refusal::Honest => details(amount, self.maximum),
            Refusal::Empty => ProbeResult::TooLarge(None),
            Refusal::Lying(received, maximum) => details(received, maximum),
            Refusal::LyingByOne => details(amount, amount - 1),
            Refusal::NoLiquidity => ProbeResult::NoLiquidity,
        }
    }
}

/// Any search: what to do next, and taking a result.
pub(crate) trait Search {
    type Answer;
    fn poll(&mut self, now: Duration) -> QuoteStep<Self::Answer>;
    fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration);
}

impl Search for QuoteSearch {
    type Answer = psk_quote::Quote;
    fn poll(&mut self, now: Duration) -> QuoteStep {
        QuoteSearch::poll(self, now)
    }
    fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        QuoteSearch::handle_result(self, amount, result, now);
    }
}

impl Search for MaxPacketSearch {
    type Answer = MaxPacket;
    fn poll(&mut self, now: Duration) -> QuoteStep<MaxPacket> {
        MaxPacketSearch::poll(self, now)
    }
    fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        MaxPacketSearch::handle_result(self, amount, result, now);
    }
}

impl Search for &mut PathSearch {
    type Answer = ();
    fn poll(&mut self, now: Duration) -> QuoteStep<()> {
        match PathSearch::poll(self, now) {
            SearchStep::Probe(amount) => QuoteStep::Probe(amount),
            SearchStep::AwaitResults => QuoteStep::AwaitResults,
            SearchStep::WaitUntil(time) => QuoteStep::WaitUntil(time),
            SearchStep::Done(result) => QuoteStep::Done(result.map_err(Into::into)),
        }
    }
    fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        PathSearch::handle_result(self, amount, result, now);
    }
}

/// Lets a search ask until it ends, in virtual time.
pub(crate) fn ask<S: Search>(
    mut search: S,
    mut probe: impl FnMut(SourceAmount) -> ProbeResult,
) -> Result<S::Answer, QuoteError> {
    let mut now = Duration::ZERO;
    let mut in_flight = VecDeque::new();
    loop {
        match search.poll(now) {
            QuoteStep::Probe(amount) => in_flight.push_back((amount, probe(amount))),
            QuoteStep::Done(answer) => {
                assert!(in_flight.is_empty(), "it ends with all results");
                return answer;
            }
            QuoteStep::WaitUntil(time) if in_flight.is_empty() => now = time,
            QuoteStep::AwaitResults | QuoteStep::WaitUntil(_) => {
                let (amount, result) = in_flight.pop_front().expect("something is in flight");
                search.handle_result(amount, result, now);
            }
        }
    }
}

pub(crate) fn refusals() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::Honest),
        Just(Refusal::Empty),
        Just(Refusal::NoLiquidity),
        Just(Refusal::LyingByOne),
        Just(Refusal::Lying(0, 0)),
        Just(Refusal::Lying(0, 1)),
        Just(Refusal::Lying(1, 1)),
        Just(Refusal::Lying(1, u64::MAX)),
        Just(Refusal::Lying(u64::MAX, 1)),
        (any::<u64>(), any::<u64>()).prop_map(|(received, maximum)| Refusal::Lying(received, maximum)),
    ]
}

/// Rates from a millionth to a million, simple and odd ones.
pub(crate) fn rates() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![
        (1..1_000u64, 1..1_000u64),
        (1..1_000_000u64, 1..1_000_000u64),
        (1..10u64, 100_000..1_000_000u64),
        (100_000..1_000_000u64, 1..10u64),
        Just((1, 1)),
    ]
}

fn maxima() -> impl Strategy<Value = u64> {
    prop_oneof![1..100u64, 1..100_000u64, 1..10_000_000_000u64, Just(u64::MAX)]
}

/// One hop that converts.
pub(crate) fn paths_of_one_hop() -> impl Strategy<Value = Path> {
    (rates(), maxima(), refusals())
        .prop_map(|(rate, maximum, refusal)| Path::of_one_hop(rate, maximum, refusal))
}

/// One to four hops with 0.2 % of spread each; the first one converts also.
pub(crate) fn paths() -> impl Strategy<Value = Path> {
    let spread =
        (maxima(), refusals()).prop_map(|(maximum, refusal)| Hop { rate: (998, 1_000), maximum, refusal });
    let others = prop::collection::vec(spread, 0..4);
    let short = prop::collection::vec(1..60u32, 0..6);
    (paths_of_one_hop(), others, short, any::<bool>()).prop_map(
        |(mut path, others, short_of_liquidity, rejects_nothing)| {
            path.rejects_nothing = rejects_nothing;
            path.hops.extend(others);
            path.short_of_liquidity = short_of_liquidity;
            path
        },
    )
}

/// Watches how much is in flight.
pub(crate) struct Watched<S> {
    pub(crate) search: S,
    pub(crate) in_flight: u128,
    /// The most that was in flight at any time.
    pub(crate) most: std::rc::Rc<std::cell::Cell<u128>>,
}

impl<S: Search> Watched<S> {
    pub(crate) fn new(search: S) -> Self {
        Self { search, in_flight: 0, most: std::rc::Rc::default() }
    }
}

impl<S: Search> Search for Watched<S> {
    type Answer = S::Answer;
    fn poll(&mut self, now: Duration) -> QuoteStep<Self::Answer> {
        let step = self.search.poll(now);
        if let QuoteStep::Probe(amount) = &step {
            self.in_flight += u128::from(amount.units());
            self.most.set(self.most.get().max(self.in_flight));
        }
        step
    }
    fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        self.in_flight -= u128::from(amount.units());
        self.search.handle_result(amount, result, now);
    }
}
