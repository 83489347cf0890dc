//! A payment's quote, asked for over the same network before the payment starts.

use std::collections::BTreeMap;
use std::time::Duration;

use psk_codec::{Prepare, Reply, SourceAmount, Timestamp};
use psk_crypto::{Credentials, SeededRandom};
use psk_quote::{
    PendingProbe, ProbeAnswer, ProbeResult, ProbeStyle, Prober, Quote, QuoteOptions, QuoteSearch, QuoteStep,
    RedeemedQuote,
};
use psk_request::Destination;

use crate::Now;
use crate::send::{SendConfig, Target};

/// So long before the payment starts it is asked for: enough for the dozen round trips of a slow path.
const AHEAD: Duration = Duration::from_secs(5);
/// For how long a quote is good, a probe lives, and it is tried in all: as `psk_quote::DriverOptions` has it.
const VALIDITY: Duration = Duration::from_secs(30);
const PROBE_EXPIRY: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(30);

/// The quote of one payment, while it is asked for and until the payment starts.
#[derive(Debug)]
pub(super) struct Quoting {
    asks_at: Duration,
    asking: Option<Asking>,
    quote: Option<Quote>,
    is_over: bool,
}

/// The machine and its driver.
#[derive(Debug)]
struct Asking {
    search: QuoteSearch,
    prober: Prober,
    in_flight: BTreeMap<u32, Asked>,
    sent: u32,
}

#[derive(Debug)]
struct Asked {
    amount: SourceAmount,
    pending: PendingProbe,
    sent_at: Duration,
}

impl Asked {
    /// When it is waited for no more.
    fn due(&self, patience: Duration) -> Duration {
        self.sent_at.saturating_add(patience.min(PROBE_EXPIRY))
    }
}

/// What to do for a quote.
#[derive(Debug)]
pub(super) enum Step {
    /// Send a probe, and hand its reply back under this number.
    Send(u32, Prepare),
    /// Nothing until a reply, or this time.
    Wait(Duration),
    /// It is there, or there will be none.
    Over,
}

impl Quoting {
    /// Of a payment that starts at this time.
    pub(super) fn new(starts_at: Duration) -> Self {
        Self { asks_at: starts_at.saturating_sub(AHEAD), asking: None, quote: None, is_over: false }
    }

    /// The quote, if there is one that is still good.
    pub(super) fn redeem(self, now: Timestamp) -> Option<RedeemedQuote> {
        self.quote?.redeem(now).ok()
    }

    pub(super) fn poll(
        &mut self,
        config: &SendConfig,
        credentials: &Credentials,
        now: Now,
        random: &mut SeededRandom,
    ) -> Step {
        if now.monotonic < self.asks_at {
            return Step::Wait(self.asks_at);
        }
        let give_up_at = self.asks_at.saturating_add(TIMEOUT);
        if self.is_over || now.monotonic >= give_up_at {
            self.is_over = true;
            return Step::Over;
        }
        let asking = self.asking.get_or_insert_with(|| Asking::new(config, credentials, now, random));
        asking.give_up(now.monotonic);
        let until = match asking.search.poll(now.monotonic) {
            QuoteStep::Probe(amount) => match asking.send(amount, now, random) {
                Some((number, prepare)) => return Step::Send(number, prepare),
                // The key must not seal more.
                None => now.monotonic,
            },
            QuoteStep::AwaitResults => Duration::MAX,
            QuoteStep::WaitUntil(time) => time,
            QuoteStep::Done(result) => {
                self.quote = result.ok();
                if let Some(quote) = &mut self.quote {
                    quote.receiver = Some(asking.prober.receiver());
                }
                self.is_over = true;
                return Step::Over;
            }
        };
        let patience = asking.search.patience();
        let due = asking.in_flight.values().map(|asked| asked.due(patience)).min();
        Step::Wait(due.into_iter().chain([until, give_up_at]).min().unwrap_or(give_up_at))
    }

    /// Takes the reply to a probe; `None` when it could not be sent.
    pub(super) fn handle(&mut self, number: u32, reply: Option<Reply>, now: Duration) {
        if let Some(asking) = &mut self.asking {
            asking.handle(number, reply, now);
        }
    }
}

impl Asking {
    fn new(config: &SendConfig, credentials: &Credentials, now: Now, random: &mut SeededRandom) -> Self {
        let expires_at = now.wall.saturating_add(VALIDITY);
        let max_source_amount = config.max_source_amount;
        let options = QuoteOptions { max_source_amount, ..QuoteOptions::default() };
        let search = match config.target {
            Target::Source(amount) => QuoteSearch::by_source(amount, options, expires_at),
            Target::Destination(amount) => QuoteSearch::by_destination(amount, options, expires_at),
        };
        let prober = Prober::new(Destination::from(credentials), ProbeStyle::Chunk, random);
        Self { search, prober, in_flight: BTreeMap::new(), sent: 0 }
    }

    fn send(&mut self, amount: SourceAmount, now: Now, random: &mut SeededRandom) -> Option<(u32, Prepare)> {
        let expires_at = now.wall.saturating_add(PROBE_EXPIRY);
        let Ok((prepare, pending)) = self.prober.seal(amount, expires_at, random) else {
            self.search.handle_result(amount, ProbeResult::Unanswered, now.monotonic);
            return None;
        };
        self.sent += 1;
        self.in_flight.insert(self.sent, Asked { amount, pending, sent_at: now.monotonic });
        Some((self.sent, prepare))
    }

    fn handle(&mut self, number: u32, reply: Option<Reply>, now: Duration) {
        let Some(asked) = self.in_flight.remove(&number) else { return };
        let answer = reply.map(|reply| self.prober.answer(asked.pending, reply));
        let result = match answer {
            Some(ProbeAnswer::Result(result)) => result,
            // Chunks are asked with, and there is nothing else to ask with.
            Some(ProbeAnswer::AskAgain) | None => ProbeResult::Unanswered,
        };
        self.search.handle_result(asked.amount, result, now);
    }

    /// Probes that nobody will answer any more.
    fn give_up(&mut self, now: Duration) {
        let patience = self.search.patience();
        let late = self.in_flight.iter().filter(|(_, asked)| asked.due(patience) <= now);
        let late: Vec<u32> = late.map(|(&number, _)| number).collect();
        for number in late {
            self.handle(number, None, now);
        }
    }
}
