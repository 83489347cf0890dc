//! The PSKv2 payment engine: large Interledger payments in chunks.
//!
//! [`send::SendPayment`] and [`receive::ReceivePayments`] are state machines without I/O, clock or randomness of
//! their own; how to drive them stands on the types. The feature `driver` (on by default) runs them over a
//! plugin on tokio: `send_payment` and `PaymentReceiver`.
//! The feature `sim` runs them over a simulated network (`sim`), without tokio.
//!
//! Without I/O, a payment is a conversation like this:
//!
//! ```
//! use std::time::Duration;
//!
//! use psk_chunking::Now;
//! use psk_chunking::receive::{ChunkArrival, Decision, ReceiveConfig, ReceivePayments, Verdict, answer_packet};
//! use psk_chunking::send::{Input, Output, SendConfig, SendPayment, Target};
//! use psk_codec::{DestinationAmount, SourceAmount, Timestamp, psk::PaymentId};
//! use psk_crypto::{ReceiverSecret, SystemRandom};
//! use psk_request::{Receiver, ReceiverOptions};
//!
//! let random = &mut SystemRandom;
//! let now = Now { monotonic: Duration::ZERO, wall: Timestamp::from_unix_millis(1_700_000_000_000)? };
//!
//! let secret = ReceiverSecret::generate(random);
//! let receiver = Receiver::new("test.bob".parse()?, secret, ReceiverOptions::default());
//! let mut payments = ReceivePayments::new(ReceiveConfig::default());
//!
//! let credentials = receiver.credentials(b"order 17", random)?;
//! let target = Target::Destination(DestinationAmount::new(1_000));
//! let mut sender = SendPayment::new(SendConfig::new(target, PaymentId::new([7; 16])), &credentials, now);
//!
//! let report = loop {
//!     match sender.poll(now, random) {
//!         Output::Send { packet, prepare, .. } => {
//!             // On the way, connectors would change the amount. The receiver opens the packet and decides.
//!             let arrival = receiver.open(&prepare, now.wall).expect("sealed for this receiver");
//!             let chunk = ChunkArrival::of(&arrival, now.wall).expect("a chunk");
//!             let mut decision = payments.handle_chunk(&chunk, now.monotonic);
//!             if let Decision::Review(offer) = &decision {
//!                 payments.handle_verdict(&offer.payment, offer.sequence, Verdict::Accept, now.monotonic);
//!                 decision = payments.handle_chunk(&chunk, now.monotonic);
//!             }
//!             let reply = answer_packet(&arrival, &decision, random).expect("decided");
//!             sender.handle(Input::Reply { packet, reply }, now, random);
//!         }
//!         Output::Ended(report) => break report,
//!         Output::Event(_) => {}
//!         other => panic!("nothing to wait for: {other:?}"),
//!     }
//! };
//! assert!(report.is_completed());
//! assert_eq!(report.account.delivered, DestinationAmount::new(1_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chunk;
#[cfg(feature = "driver")]
mod driver;
pub mod receive;
pub mod send;
#[cfg(feature = "sim")]
pub mod sim;
pub mod stream;
mod time;

#[cfg(feature = "driver")]
pub use driver::{
    DataProgress, ExpectedRefund, PathProgress, PaymentControl, PaymentHandler, PaymentReceiver, Progress,
    ReceivedData, RefundListener, RunningPayment, send_payment, send_payment_over, send_quoted_payment_over,
};
pub use time::Now;

/// README's examples are compiled and run with the documentation tests: this crate sees all layers.
#[cfg(all(doctest, feature = "driver"))]
#[doc = include_str!("../../README.md")]
struct Readme;
