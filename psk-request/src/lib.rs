//! One encrypted request, one answer: Interledger PSKv2 as of RFC 25.
//!
//! A sender with a receiver's [`Credentials`](psk_crypto::Credentials) seals money and data into one ILP Prepare;
//! the receiver fulfills it or rejects it, with data in either case, and no hop in between can read or fake any of
//! it. What the two sides do is here without I/O, clock or random source of its own:
//!
//! - sending: [`Request`] is sealed into a Prepare and a [`PendingRequest`], which judges the reply: [`Outcome`];
//! - receiving: [`Receiver`] opens a Prepare into an [`Arrival`], [`RequestArrival`] makes its answer,
//!   [`ReplayMemory`] tells replays. Chunks of larger payments are opened here as well, and answered elsewhere.
//!
//! ```
//! use std::time::Duration;
//!
//! use psk_codec::{Amount, DestinationAmount, SourceAmount, Timestamp};
//! use psk_crypto::{ReceiverSecret, SystemRandom};
//! use psk_request::{Decision, Delivered, Destination, Outcome, Receiver, ReceiverOptions, Request};
//!
//! let random = &mut SystemRandom;
//! let now = Timestamp::from_unix_millis(1_700_000_000_000)?;
//!
//! // The receiver makes credentials and gives them to the sender.
//! let secret = ReceiverSecret::generate(random);
//! let receiver = Receiver::new("test.bob".parse()?, secret, ReceiverOptions::default());
//! let destination = Destination::from(&receiver.credentials(b"order-7", random)?);
//!
//! // The sender pays 1,000 units, of which at least 490 must arrive.
//! let expires_at = now.saturating_add(Duration::from_secs(30));
//! let request = Request::new(SourceAmount::new(1_000), DestinationAmount::new(490), expires_at)
//!     .with_data("two coffees");
//! let (mut prepare, pending) = destination.seal(&request, random)?;
//!
//! // On the way, connectors exchange the money.
//! prepare.amount = Amount::new(495);
//!
//! // The receiver opens the packet, decides, and answers.
//! let arrival = receiver.open(&prepare, now).map_err(|reject| reject.code.to_string())?;
//! let incoming = arrival.as_request().ok_or("a chunk")?;
//! assert_eq!((&arrival.key_id[..], &incoming.data()[..]), (&b"order-7"[..], &b"two coffees"[..]));
//! let reply = incoming.answer(Decision::Accept("thank you".into()), now, random);
//!
//! // The sender knows exactly what arrived.
//! assert_eq!(
//!     pending.outcome(destination.keys(), reply),
//!     Outcome::Fulfilled {
//!         delivered: Delivered::Exact(DestinationAmount::new(495)),
//!         data: "thank you".into(),
//!     }
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    feature = "driver",
    doc = r#"
# Over a link

With the feature `driver` (on by default), an [`Endpoint`] does the same over a [`Plugin`](psk_plugin::Plugin): it
routes what comes in to its receivers, calls their handlers once per request, and sends.

```
use std::time::Duration;

use psk_codec::{DestinationAmount, SourceAmount};
use psk_crypto::{ReceiverSecret, SystemRandom};
use psk_plugin::{AccountDetails, Clock, memory};
use psk_request::{Decision, Destination, Endpoint, IncomingRequest, Outcome, ReceiverConfig, Request};

# #[tokio::main(flavor = "current_thread")]
# async fn main() -> Result<(), Box<dyn std::error::Error>> {
let details = |address: &str| -> Result<_, Box<dyn std::error::Error>> {
    Ok(AccountDetails { address: address.parse()?, asset_scale: 9, asset_code: "XRP".into() })
};
let (alices_link, bobs_link) = memory::pair(details("test.alice")?, details("test.bob")?);
let alice = Endpoint::attach(alices_link, Clock::system()).await?;
let bob = Endpoint::attach(bobs_link, Clock::system()).await?;

let config = ReceiverConfig::new(ReceiverSecret::generate(&mut SystemRandom))
    .with_requests(async |request: IncomingRequest| Decision::Accept(request.data));
let receiver = bob.receiver(config)?;

let destination = Destination::from(&receiver.credentials(b"")?);
let expires_at = alice.clock().now().saturating_add(Duration::from_secs(30));
let amount = SourceAmount::new(5);
let request = Request::new(amount, DestinationAmount::new(5), expires_at).with_data("echo");
let outcome = alice.send_request(&destination, &request).await?;
assert!(matches!(outcome, Outcome::Fulfilled { data, .. } if data == "echo"));
# Ok(())
# }
```
"#
)]

mod account;
mod arrival;
mod destination;
#[cfg(feature = "driver")]
mod driver;
mod outcome;
mod receiver;
mod refusal;
mod replay;
mod sender;
mod size;

pub use account::AccountSuffix;
pub use arrival::{AnswerError, Arrival, Decision, RequestArrival};
pub use destination::Destination;
#[cfg(feature = "driver")]
pub use driver::{
    ChunkHandler, Endpoint, EndpointReceiver, IncomingRequest, ReceiverConfig, ReceiverError, RejectAll,
    RequestError, RequestHandler, send_request,
};
pub use outcome::{AuthenticatedError, Delivered, Outcome, Rejection};
pub use receiver::{Receiver, ReceiverOptions, RegisterError};
pub use refusal::Refusal;
pub use replay::{ReplayKey, ReplayLimits, ReplayMemory, Seen};
pub use sender::{PendingRequest, Request, SealRequestError};
pub use size::{
    MAX_PACKET_LENGTH, max_chunk_answer_data_length, max_chunk_request_data_length, max_error_data_length,
    max_request_data_length, max_response_data_length,
};
