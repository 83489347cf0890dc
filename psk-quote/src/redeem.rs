//! Using a quote, once.

use std::time::Duration;

use psk_codec::{DestinationAmount, SourceAmount, Timestamp};

use crate::plan::ChunkPlan;
use crate::quote::{Quote, QuotedReceiver};
use crate::rate::{Rate, RateInterval};
use crate::search::{PathSearch, PathView};
use crate::segments::RateSegment;

/// A quote that came too late; ask again.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the quote expired at {}, and it is {now}", quote.expires_at)]
pub struct QuoteExpired {
    /// The quote, to look at; it stays expired.
    pub quote: Box<Quote>,
    /// When it was to be redeemed.
    pub now: Timestamp,
}

/// What one payment needs to start without a search of its own.
///
/// Made by [`Quote::redeem`] alone, and like the quote it cannot be copied.
#[derive(Debug, PartialEq, Eq)]
pub struct RedeemedQuote(Quote);

impl Quote {
    /// Whether it is too late to redeem it: from [`Quote::expires_at`] on.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// Uses it for a payment that starts now:
    ///
    /// ```
    /// # fn pay(quote: psk_quote::Quote, now: psk_codec::Timestamp) -> Result<(), psk_quote::QuoteExpired> {
    /// let redeemed = quote.redeem(now)?;
    /// let minimum = redeemed.minimum_rate(10_000); // 1 % below what was seen
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A quote is used once, and is gone thereafter:
    ///
    /// ```compile_fail,E0382
    /// # fn pay_twice(quote: psk_quote::Quote, now: psk_codec::Timestamp) {
    /// let first = quote.redeem(now);
    /// let second = quote.redeem(now); // error: use of moved value
    /// # }
    /// ```
    ///
    /// Nor is there a second one:
    ///
    /// ```compile_fail,E0599
    /// # fn copy(quote: psk_quote::Quote) {
    /// let another = quote.clone(); // error: no method named `clone`
    /// # }
    /// ```
    ///
    /// The reason is what a quote is: an observation of what the path had to give, which ages, and which nobody has
    /// set aside for the sender. Two payments on one quote would both believe that the same liquidity is theirs, and
    /// fix their minimum rates by a path that the other one has changed.
    ///
    /// # Errors
    ///
    /// [`QuoteExpired`], with the quote in it, from [`Quote::expires_at`] on.
    pub fn redeem(self, now: Timestamp) -> Result<RedeemedQuote, QuoteExpired> {
        match self.is_expired(now) {
            true => Err(QuoteExpired { quote: Box::new(self), now }),
            false => Ok(RedeemedQuote(self)),
        }
    }
}

impl RedeemedQuote {
    /// What a search of the path would have found: the largest packet, and the rates of [`Quote::rate`].
    pub const fn view(&self) -> PathView {
        PathView { rate: self.0.rate, ..self.0.view }
    }

    /// The chunks for which the amounts hold.
    pub const fn plan(&self) -> ChunkPlan {
        self.0.plan
    }

    /// What is to be sent ([`Quote::source_amount`]).
    pub const fn source_amount(&self) -> SourceAmount {
        self.0.source_amount
    }

    /// What arrives ([`Quote::destination_amount`]).
    pub const fn destination_amount(&self) -> DestinationAmount {
        self.0.destination_amount
    }

    /// The rates of the path ([`Quote::rate`]).
    pub const fn rate(&self) -> RateInterval {
        self.0.rate
    }

    /// The rate by the size of a packet ([`Quote::segments`]).
    pub fn segments(&self) -> &[RateSegment] {
        &self.0.segments
    }

    /// The largest packet that passes ([`Quote::max_packet_amount`]).
    pub const fn max_packet_amount(&self) -> Option<SourceAmount> {
        self.0.max_packet_amount
    }

    /// The smallest packet of which anything arrives ([`Quote::smallest_delivering`]).
    pub const fn smallest_delivering(&self) -> SourceAmount {
        self.0.smallest_delivering
    }

    /// Whether the amounts are exact to the unit ([`Quote::exact`]).
    pub const fn is_exact(&self) -> bool {
        self.0.exact
    }

    /// Until when it could be redeemed.
    pub const fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// Whom it was asked of ([`Quote::receiver`]).
    pub const fn receiver(&self) -> Option<&QuotedReceiver> {
        self.0.receiver.as_ref()
    }

    /// The shortest time in which the receiver has answered a probe; `None` when no time was told while it was asked.
    pub fn round_trip(&self) -> Option<Duration> {
        self.0.search.round_trip()
    }

    /// The search that has found it: what arrived of which packets, and to be gone on with, without the limits of
    /// [`QuoteOptions`](crate::QuoteOptions). It has ended, as far as those went.
    pub fn into_search(self) -> PathSearch {
        self.0.search.without_limits()
    }

    /// The rate at which the worst chunk of the plan arrived, rounding and fees included. A chunk that is held to a
    /// higher rate is refused by the receiver, although the path is as it was.
    pub const fn lowest_chunk_rate(&self) -> Rate {
        self.0.lowest_chunk_rate
    }

    /// The rate of the whole plan: what arrives for what is sent.
    pub fn average_rate(&self) -> Rate {
        // A quote is of more than nothing.
        Rate::new(self.0.destination_amount, self.0.source_amount).unwrap_or(Rate::ZERO)
    }

    /// A minimum rate for the chunks of the payment: [`lowest_chunk_rate`](Self::lowest_chunk_rate) less `slippage`
    /// parts per million.
    pub fn minimum_rate(&self, slippage_ppm: u32) -> Rate {
        self.0.lowest_chunk_rate.less_ppm(slippage_ppm)
    }
}
