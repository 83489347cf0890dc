//! End-to-end exchange rates and packet sizes of Interledger paths, found with packets that move no money.
//!
//! Nobody on a path knows what arrives at its end, except the receiver. So a sender asks it, with unfulfillable
//! packets (RFC 25, "Unfulfillable Packets"), and learns from the answers what a payment would deliver or cost, how
//! large its packets may be, and how small. What is asked and concluded is here without I/O, clock or random source of
//! its own:
//!
//! - [`QuoteSearch`] finds a [`Quote`], by source or by destination amount; it is exact also where every hop rounds
//!   every packet; [`Quote::redeem`] uses it, once;
//! - [`MaxPacketSearch`] finds the path's maximum packet amount alone, and [`PathSearch`] is what both are built on;
//! - [`Prober`] seals the probes and reads their answers; [`ChunkProbe`] does for chunks what it does for a receiver
//!   of either kind;
//! - [`Rate`] and [`RateInterval`] are exact ratios, and [`ChunkPlan`] cuts an amount into chunks;
//! - [`DeliveryBounds`] says what is certain of other packets than those that arrived, alone and together.
//!
//! A search says what to probe next and takes the results:
//!
//! ```
//! use std::time::Duration;
//!
//! use psk_codec::{DestinationAmount, SourceAmount, Timestamp};
//! use psk_quote::{Precision, ProbeResult, QuoteOptions, QuoteSearch, QuoteStep};
//!
//! // A path that delivers 0.37 for 1, rounds down, and takes packets of up to 9,999 units without saying so.
//! let probe = |amount: SourceAmount| match amount.units() {
//!     units @ ..=9_999 => ProbeResult::Arrived(DestinationAmount::new(units * 37 / 100)),
//!     _ => ProbeResult::TooLarge(None),
//! };
//!
//! // What does it cost to deliver 100,000?
//! let expires_at = Timestamp::from_unix_millis(1_700_000_030_000)?;
//! let amount = DestinationAmount::new(100_000);
//! let options = QuoteOptions {
//!     precision: Precision::Exact,
//!     ..QuoteOptions::default()
//! };
//! let mut search = QuoteSearch::by_destination(amount, options, expires_at);
//! let quote = loop {
//!     // Any monotonic time. Nothing fails here, so there is nothing to wait for.
//!     match search.poll(Duration::ZERO) {
//!         QuoteStep::Probe(amount) => search.handle_result(amount, probe(amount), Duration::ZERO),
//!         QuoteStep::Done(quote) => break quote?,
//!         QuoteStep::AwaitResults | QuoteStep::WaitUntil(_) => unreachable!(),
//!     }
//! };
//! // More than 100,000 / 0.37 = 270,270.3, because each of the chunks is rounded down.
//! assert_eq!(quote.source_amount, SourceAmount::new(270_316));
//! assert_eq!(quote.max_packet_amount, Some(SourceAmount::new(9_999)));
//! assert_eq!(quote.smallest_delivering, SourceAmount::new(3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    feature = "driver",
    doc = r#"
# Over a link

With the feature `driver` (on by default), [`quote_by_source`], [`quote_by_destination`] and [`max_packet_amount`] ask
over a [`Plugin`](psk_plugin::Plugin).

```
use psk_codec::{DestinationAmount, SourceAmount};
use psk_crypto::{ReceiverSecret, SystemRandom};
use psk_plugin::{AccountDetails, Clock, memory};
use psk_quote::{DriverOptions, quote_by_source};
use psk_request::{Destination, Endpoint, ReceiverConfig};

# #[tokio::main(flavor = "current_thread")]
# async fn main() -> Result<(), Box<dyn std::error::Error>> {
let details = |address: &str| -> Result<_, Box<dyn std::error::Error>> {
    Ok(AccountDetails { address: address.parse()?, asset_scale: 9, asset_code: "XRP".into() })
};
let (alice, bobs_link) = memory::pair(details("test.alice")?, details("test.bob")?);
let bob = Endpoint::attach(bobs_link, Clock::system()).await?;
let receiver = bob.receiver(ReceiverConfig::new(ReceiverSecret::generate(&mut SystemRandom)))?;

let destination = Destination::from(&receiver.credentials(b"")?);
let amount = SourceAmount::new(1_000);
let quote = quote_by_source(&*alice, &destination, amount, &DriverOptions::default()).await?;
assert_eq!(quote.destination_amount, DestinationAmount::new(1_000));
assert_eq!(quote.max_packet_amount, None);
# Ok(())
# }
```
"#
)]

mod arrivals;
mod budget;
mod delivery_bounds;
#[cfg(feature = "driver")]
mod driver;
mod exploration;
mod flight;
mod max_packet;
mod plan;
mod probe;
mod prober;
mod quote;
mod quote_search;
mod rate;
mod redeem;
mod refused;
mod search;
mod segments;
mod sizes;

pub use budget::ProbeBudget;
pub use delivery_bounds::{DeliveryBounds, Learned};
#[cfg(feature = "driver")]
pub use driver::{DriverOptions, max_packet_amount, quote_by_destination, quote_by_source};
pub use max_packet::{MaxPacket, MaxPacketSearch};
pub use plan::ChunkPlan;
pub use probe::{ChunkProbe, ProbeResult, suggested_maximum};
pub use prober::{PendingProbe, ProbeAnswer, ProbeStyle, Prober};
pub use quote::{Quote, QuoteError, QuoteOptions, QuotedReceiver};
pub use quote_search::{QuoteSearch, QuoteStep};
pub use rate::{PPM, Rate, RateError, RateInterval};
pub use redeem::{QuoteExpired, RedeemedQuote};
pub use search::{PathSearch, PathView, Precision, SearchError, SearchStep};
pub use segments::RateSegment;
