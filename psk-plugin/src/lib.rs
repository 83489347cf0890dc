//! How Interledger packets leave, and come in.
//!
//! A `Plugin` is a link to one peer: it sends Prepares and has a `PrepareHandler` answer those that come in. Here
//! are
//!
//! - `memory`: two plugins joined in memory, for tests, benchmarks, and programs that hold both ends (feature `driver`),
//! - `btp`: BTP 2.0 over WebSocket, client and server (feature `btp`),
//! - `connector`: a small connector that forwards packets between plugins of any kind (feature `connector`),
//! - `sim`: a network of hosts, connectors and links in virtual time (feature `sim`, which needs no tokio).
//!
//! The feature `driver` has the contract itself; `btp` and `connector` bring it with them.
//!
//! A payment over a connector, all in memory:
//!
//! ```
//! # #[cfg(feature = "connector")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use psk_codec::{Amount, Fulfill, Prepare, Reply, ildcp};
//! use psk_plugin::connector::{AccountConfig, Connector, ConnectorConfig, Relation};
//! use psk_plugin::{Clock, Plugin, handler_fn, memory};
//!
//! let clock = Clock::system();
//! let config = ConnectorConfig {
//!     address: Some("test.connector".parse()?),
//!     spread_ppm: 2_000,
//!     ..ConnectorConfig::default()
//! };
//! let connector = Connector::new(config, clock.clone())?;
//! let terms = AccountConfig::new(Relation::Child, "XRP", 9);
//! let (alice, alices_end) = memory::Link::default().pair();
//! connector.add_account("alice", terms.clone(), alices_end)?;
//! let (bob, bobs_end) = memory::Link::default().pair();
//! connector.add_account("bob", terms, bobs_end)?;
//!
//! // Bob takes whatever comes under the condition that everybody knows the fulfillment of.
//! bob.set_handler(Some(handler_fn(|_prepare| async {
//!     let fulfillment = ildcp::FULFILLMENT;
//!     Reply::Fulfill(Fulfill { fulfillment, data: "thanks".into() })
//! })));
//! assert_eq!(bob.details().await?.address.as_str(), "test.connector.bob");
//!
//! let reply = alice
//!     .send(Prepare {
//!         amount: Amount::new(1_000),
//!         expires_at: clock.now().saturating_add(Duration::from_secs(10)),
//!         condition: ildcp::CONDITION,
//!         destination: "test.connector.bob.shop".parse()?,
//!         data: "one of these, please".into(),
//!     })
//!     .await?;
//! assert!(matches!(reply, Reply::Fulfill(_)));
//! let balances = connector.balances();
//! assert_eq!(balances["alice"].balance().units(), 1_000);
//! assert_eq!(balances["bob"].balance().units(), -998);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "connector"))]
//! # fn main() {}
//! ```
//!
//! A BTP server with one account, and its client:
//!
//! ```
//! # #[cfg(feature = "btp")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use psk_codec::ildcp::AccountDetails;
//! use psk_plugin::btp::{BtpClient, BtpServer, BtpServerConfig, BtpUrl, StaticTokens, Token};
//! use psk_plugin::{Plugin, handler_fn};
//!
//! let tokens = StaticTokens::new().with("alice", &Token::new("secret"));
//! let server = BtpServer::bind("127.0.0.1:0", tokens, BtpServerConfig::default()).await?;
//! // What a connector would do: tell the client its address.
//! server.account("alice").set_handler(Some(handler_fn(|_prepare| async {
//!     let details = AccountDetails {
//!         address: "test.server.alice".parse().unwrap(),
//!         asset_scale: 2,
//!         asset_code: "EUR".into(),
//!     };
//!     details.to_fulfill().unwrap().into()
//! })));
//!
//! let url: BtpUrl = format!("btp+ws://alice:secret@{}", server.local_addr()).parse()?;
//! let client = BtpClient::connect(url).await?;
//! assert_eq!(client.details().await?.address.as_str(), "test.server.alice");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "btp"))]
//! # fn main() {}
//! ```

#[cfg(any(feature = "connector", feature = "sim"))]
mod balance;
#[cfg(feature = "btp")]
pub mod btp;
#[cfg(feature = "driver")]
mod clock;
#[cfg(feature = "connector")]
pub mod connector;
#[cfg(feature = "driver")]
mod handler;
#[cfg(feature = "driver")]
pub mod ildcp;
#[cfg(feature = "driver")]
pub mod memory;
#[cfg(feature = "driver")]
mod plugin;
#[cfg(any(feature = "connector", feature = "sim"))]
mod rate;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(any(feature = "connector", feature = "sim"))]
mod text;
#[cfg(feature = "driver")]
mod time_limit;

#[cfg(feature = "driver")]
pub use clock::Clock;
#[cfg(feature = "driver")]
pub use handler::handler_fn;
#[cfg(feature = "driver")]
pub use plugin::{DetailsError, Plugin, PrepareHandler, SendError};
pub use psk_codec::ildcp::AccountDetails;
