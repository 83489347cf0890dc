//! A payment whose first path needs no search, because a quote has made it before.

use psk_codec::SourceAmount;
use psk_quote::RedeemedQuote;

use super::frames::Peer;
use super::path::PathIndex;
use super::{SendError, SendPayment, Target};
use crate::time::Now;

/// The path that a quote is of.
pub(super) const QUOTED: PathIndex = PathIndex(0);

impl SendPayment {
    /// Starts from a quote, before the first packet: chunks go over the first path at once. The other paths are searched
    /// beside that, as without a quote.
    ///
    /// The quote has to be of this receiver, or the payment fails with [`SendError::OtherQuote`] before anything is sent
    /// (unless [`Quote::receiver`](psk_quote::Quote::receiver) does not say), and **over the plugin of the first path**,
    /// which nothing here can check. What it says is taken as what a search would have found a moment ago: the largest packet, what arrived of which, whether
    /// the receiver knows frames, how long answers take. [`MinimumRate::Slippage`](super::MinimumRate::Slippage) counts
    /// from the rate of the worst chunk of its plan ([`RedeemedQuote::minimum_rate`]). Should the path have changed
    /// since, the payment behaves as one whose path changes under way.
    ///
    /// Of another amount than that of the payment it serves as far as it goes: of a larger one it is enough where the
    /// rate does not depend on the size of packets; of a smaller one the path is searched on from what is known, beside
    /// the chunks if the rate is known well enough. One that has expired when the payment starts is not used.
    ///
    /// It is gone thereafter, so that no other payment counts on the same liquidity.
    #[must_use]
    pub fn with_quote(mut self, quote: RedeemedQuote) -> Self {
        self.quote = Some(Box::new(quote));
        self
    }

    /// Opens the path that the quote is of, or lets it fail before any money has moved. Whether there was a quote.
    pub(super) fn start_from_quote(&mut self, now: Now) -> bool {
        let Some(quote) = self.quote.take() else { return false };
        if self.probes_sent > 0 || now.wall >= quote.expires_at() {
            return false;
        }
        if let Some(receiver) = quote.receiver().filter(|receiver| receiver.account != self.destination) {
            // Whoever agreed to it agreed to another price.
            self.fail(SendError::OtherQuote(receiver.account.clone()));
            return true;
        }
        if let Err(error) = self.open_quoted(*quote, now) {
            self.fail_path(QUOTED, error);
        }
        true
    }

    fn open_quoted(&mut self, quote: RedeemedQuote, now: Now) -> Result<(), SendError> {
        if quote.receiver().is_some_and(|receiver| receiver.knows_frames) {
            self.peer = Peer::Framed;
        }
        if let Some(round_trip) = quote.round_trip() {
            self.path_mut(QUOTED).round_trip.expect(round_trip);
        }
        let (is_same, is_enough) = match self.config.target {
            Target::Source(amount) => (amount == quote.source_amount(), amount <= quote.source_amount()),
            Target::Destination(amount) => {
                (amount == quote.destination_amount(), amount <= quote.destination_amount())
            }
        };
        if !is_same && quote.segments().len() > 1 {
            // What its chunks deliver says nothing of chunks of other sizes.
            return Ok(());
        }
        let view = quote.view();
        // Or a chunk of the plan would be held to more than was seen of it, where rounding or fees take their part.
        let low = view.rate.low();
        let shown = if is_enough { low.min(quote.lowest_chunk_rate()) } else { low };
        let path = self.path_mut(QUOTED);
        path.search = quote.into_search();
        let wider = if is_enough { None } else { self.wider_limit(self.path(QUOTED), &view) };
        self.search_on(QUOTED, wider);
        if wider.is_some() && !self.may_open_early(QUOTED) {
            return Ok(());
        }
        self.open(QUOTED, &view, shown, now)?;
        self.from_quote = true;
        if is_same {
            let path = self.path_mut(QUOTED);
            path.arrived.has_asked(path.search.arrivals());
        }
        // Not for a largest packet that is known only to a sixteenth: a search for a payment would have ended there too,
        // and chunks that are a little larger are tried now and then.
        self.path_mut(QUOTED).searches_on = wider.is_some();
        Ok(())
    }

    /// Looks for larger packets than before, if there is a wider limit.
    pub(super) fn search_on(&mut self, index: PathIndex, wider: Option<SourceAmount>) {
        if let Some(limit) = wider {
            self.path_mut(index).search.raise_limit(limit);
        }
    }
}
