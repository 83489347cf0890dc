//! Asking over a plugin, with tokio and the system's random source.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use psk_codec::{DestinationAmount, Prepare, Reply, SourceAmount};
use psk_crypto::SystemRandom;
use psk_plugin::{Clock, Plugin, SendError};
use psk_request::{Destination, SealRequestError};
use tokio::time::{self, Instant};

use crate::max_packet::{MaxPacket, MaxPacketSearch};
use crate::probe::ProbeResult;
use crate::prober::{PendingProbe, ProbeAnswer, ProbeStyle, Prober};
use crate::quote::{Quote, QuoteError, QuoteOptions};
use crate::quote_search::{QuoteSearch, QuoteStep};

/// How to ask over a plugin.
#[derive(Clone, Debug)]
pub struct DriverOptions {
    /// What to ask for.
    pub quote: QuoteOptions,
    /// How long a quote is good for, from when it is asked for. Default: 30 s, as long as the longest packet lives:
    /// rates are set by the minute rather than by the second, and a payment's own minimum rate guards against others.
    pub validity: Duration,
    /// How long a probe lives. Default: 10 s. Each hop takes a second of it, so that ten can be passed. An answer that
    /// was lost is not waited for that long ([`PathSearch::patience`](crate::PathSearch::patience)).
    pub probe_expiry: Duration,
    /// How long to try in all. Default: 30 s, which leaves time for several lost answers; a few round trips are usual.
    pub timeout: Duration,
    /// How many probes are under way at once, at least 1. Default: 8, which is about as many as a search asks at the
    /// same time.
    pub max_in_flight: usize,
    /// In which packets to ask. Default: requests, and chunks if the receiver knows only those. For a quote that a payment
    /// will use, [`ProbeStyle::Chunk`]: then the payment knows from it whether the receiver knows frames
    /// ([`QuotedReceiver::knows_frames`](crate::QuotedReceiver::knows_frames)), which costs it a round trip otherwise.
    pub style: ProbeStyle,
    /// The time of day, by which probes and quotes expire. Default: the system's.
    pub clock: Clock,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self {
            quote: QuoteOptions::default(),
            validity: Duration::from_secs(30),
            probe_expiry: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            max_in_flight: 8,
            style: ProbeStyle::default(),
            clock: Clock::system(),
        }
    }
}

/// Asks what arrives of `amount` (source units) at `destination`.
///
/// Dropping the future ends it; no money can move for a quote.
///
/// # Errors
///
/// See [`QuoteError`]; [`QuoteError::AmountTooSmall`] says which amount would deliver something.
pub async fn quote_by_source(
    plugin: &dyn Plugin,
    destination: &Destination,
    amount: SourceAmount,
    options: &DriverOptions,
) -> Result<Quote, QuoteError> {
    let expires_at = options.clock.now().saturating_add(options.validity);
    let search = QuoteSearch::by_source(amount, options.quote.clone(), expires_at);
    Asking::new(plugin, destination, options).quote(search).await
}

/// Asks what it costs to deliver `amount` (destination units) to `destination`.
///
/// Dropping the future ends it; no money can move for a quote.
///
/// # Errors
///
/// See [`QuoteError`]; [`QuoteError::MaxSourceAmount`] when it costs more than the options allow.
pub async fn quote_by_destination(
    plugin: &dyn Plugin,
    destination: &Destination,
    amount: DestinationAmount,
    options: &DriverOptions,
) -> Result<Quote, QuoteError> {
    let expires_at = options.clock.now().saturating_add(options.validity);
    let search = QuoteSearch::by_destination(amount, options.quote.clone(), expires_at);
    Asking::new(plugin, destination, options).quote(search).await
}

/// Asks for the largest packet that passes to `destination`, whatever it is, to the unit.
///
/// # Errors
///
/// [`QuoteError::Search`] when none passes, [`QuoteError::TimedOut`] or [`QuoteError::Seal`].
pub async fn max_packet_amount(
    plugin: &dyn Plugin,
    destination: &Destination,
    options: &DriverOptions,
) -> Result<MaxPacket, QuoteError> {
    let search = MaxPacketSearch::new(LARGEST_PROBE);
    Asking::new(plugin, destination, options).run(search).await
}

/// A probe demands 2^64 - 1 units, and has to arrive with less: with as much a JS receiver of payments looks at the
/// condition next, and answers F05 without a word of what arrived.
const LARGEST_PROBE: SourceAmount = SourceAmount::new(u64::MAX - 1);

/// What the loop drives.
trait Search {
    type Answer;
    fn poll(&mut self, now: Duration) -> QuoteStep<Self::Answer>;
    fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration);
    fn patience(&self) -> Duration;
}

impl Search for QuoteSearch {
    type Answer = Quote;

    fn poll(&mut self, now: Duration) -> QuoteStep<Quote> {
        Self::poll(self, now)
    }

    fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        Self::handle_result(self, amount, result, now);
    }

    fn patience(&self) -> Duration {
        Self::patience(self)
    }
}

impl Search for MaxPacketSearch {
    type Answer = MaxPacket;

    fn poll(&mut self, now: Duration) -> QuoteStep<MaxPacket> {
        Self::poll(self, now)
    }

    fn handle_result(&mut self, amount: SourceAmount, result: ProbeResult, now: Duration) {
        Self::handle_result(self, amount, result, now);
    }

    fn patience(&self) -> Duration {
        Self::patience(self)
    }
}

struct Asking<'a> {
    plugin: &'a dyn Plugin,
    options: &'a DriverOptions,
    prober: Prober,
}

/// Probes that are waited for.
#[derive(Default)]
struct Awaited {
    /// By number, with the time when they were sent.
    probes: BTreeMap<u64, (SourceAmount, Instant)>,
    next_number: u64,
}

impl Awaited {
    fn count(&self) -> usize {
        self.probes.len()
    }

    /// One is sent; its number.
    fn send(&mut self, amount: SourceAmount) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.probes.insert(number, (amount, Instant::now()));
        number
    }

    /// One has its answer. Whether it was still waited for.
    fn land(&mut self, number: u64) -> bool {
        self.probes.remove(&number).is_some()
    }

    /// When the first one has been waited for long enough.
    fn due(&self, patience: Duration) -> Option<Instant> {
        self.probes.values().next().map(|(_, sent_at)| *sent_at + patience)
    }

    /// Those that have been waited for long enough, which are waited for no more.
    fn give_up(&mut self, patience: Duration) -> Vec<SourceAmount> {
        let mut late = Vec::new();
        self.probes.retain(|_, (amount, sent_at)| {
            let is_late = sent_at.elapsed() >= patience;
            late.extend(is_late.then_some(*amount));
            !is_late
        });
        late
    }
}

/// A probe and its reply.
struct Answered {
    amount: SourceAmount,
    number: u64,
    pending: PendingProbe,
    reply: Result<Reply, SendError>,
}

impl<'a> Asking<'a> {
    fn new(plugin: &'a dyn Plugin, destination: &Destination, options: &'a DriverOptions) -> Self {
        Self { plugin, options, prober: Prober::new(destination.clone(), options.style, &mut SystemRandom) }
    }

    async fn quote(mut self, search: QuoteSearch) -> Result<Quote, QuoteError> {
        let quote = self.run(search).await?;
        Ok(Quote { receiver: Some(self.prober.receiver()), ..quote })
    }

    async fn run<S: Search>(&mut self, search: S) -> Result<S::Answer, QuoteError> {
        time::timeout(self.options.timeout, self.run_until_done(search))
            .await
            .map_err(|_| QuoteError::TimedOut)?
    }

    async fn run_until_done<S: Search>(&mut self, mut search: S) -> Result<S::Answer, QuoteError> {
        let (plugin, max_in_flight) = (self.plugin, self.options.max_in_flight.max(1));
        let started = Instant::now();
        let mut in_flight = FuturesUnordered::new();
        let mut awaited = Awaited::default();
        loop {
            let late = awaited.give_up(search.patience());
            for amount in late {
                tracing::debug!(%amount, "a probe is not waited for any more");
                search.handle_result(amount, ProbeResult::Unanswered, started.elapsed());
            }
            let mut wake = awaited.due(search.patience());
            if awaited.count() < max_in_flight {
                match search.poll(started.elapsed()) {
                    QuoteStep::Probe(amount) => {
                        let (prepare, pending) = self.seal(amount)?;
                        in_flight.push(send(plugin, prepare, amount, pending, awaited.send(amount)));
                        continue;
                    }
                    QuoteStep::Done(result) => return result,
                    QuoteStep::WaitUntil(time) => {
                        wake = [wake, Some(started + time)].into_iter().flatten().min();
                    }
                    QuoteStep::AwaitResults => {}
                }
            }
            let answered = match wake {
                None => in_flight.next().await,
                Some(time) if in_flight.is_empty() => {
                    time::sleep_until(time).await;
                    None
                }
                Some(time) => time::timeout_at(time, in_flight.next()).await.ok().flatten(),
            };
            let Some(Answered { amount, number, pending, reply }) = answered else {
                continue;
            };
            if !awaited.land(number) {
                // Too late: it has been asked again.
                continue;
            }
            match self.answer(pending, reply) {
                ProbeAnswer::Result(result) => {
                    tracing::debug!(%amount, ?result, "probed");
                    search.handle_result(amount, result, started.elapsed());
                }
                ProbeAnswer::AskAgain => {
                    tracing::debug!(%amount, "the receiver knows only chunks");
                    let (prepare, pending) = self.seal(amount)?;
                    in_flight.push(send(plugin, prepare, amount, pending, awaited.send(amount)));
                }
            }
        }
    }

    fn seal(&mut self, amount: SourceAmount) -> Result<(Prepare, PendingProbe), SealRequestError> {
        let expires_at = self.options.clock.now().saturating_add(self.options.probe_expiry);
        self.prober.seal(amount, expires_at, &mut SystemRandom)
    }

    fn answer(&mut self, pending: PendingProbe, reply: Result<Reply, SendError>) -> ProbeAnswer {
        match reply {
            Ok(reply) => self.prober.answer(pending, reply),
            Err(error) => {
                tracing::debug!(%error, "a probe has no answer");
                ProbeAnswer::Result(ProbeResult::Unanswered)
            }
        }
    }
}

async fn send(
    plugin: &dyn Plugin,
    prepare: Prepare,
    amount: SourceAmount,
    pending: PendingProbe,
    number: u64,
) -> Answered {
    let reply = plugin.send(prepare).await;
    Answered { amount, number, pending, reply }
}
