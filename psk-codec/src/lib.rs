//! Every byte of Interledger PSKv2 on the wire, and nothing else.
//!
//! This crate reads and writes
//!
//! - [`oer`]: the Octet Encoding Rules that all of the formats share,
//! - ILPv4 packets: [`Prepare`], [`Fulfill`], [`Reject`] (RFC 27),
//! - [`psk`]: what travels encrypted inside of them (RFC 25 and its first draft),
//! - [`btp`]: the Bilateral Transfer Protocol 2.0 (RFC 23),
//! - [`http`]: the names around a packet that travels over HTTP (RFC 35),
//! - [`ildcp`]: the Interledger Dynamic Configuration Protocol (RFC 31),
//! - `crypto_condition`: ILP's conditions and fulfillments in DER, as XRP Ledger escrows take them (feature
//!   `crypto-conditions`, on by default).
//!
//! It does no I/O, reads no clock and knows no secrets. Decoders take [`bytes::Bytes`] and share its memory;
//! they refuse what is not canonical, never panic, and never allocate by a length they have not checked.
//!
//! ```
//! use psk_codec::{Address, Amount, Condition, Packet, Prepare, Timestamp};
//!
//! let prepare = Prepare {
//!     amount: Amount::new(1_000),
//!     expires_at: Timestamp::from_unix_millis(1_700_000_000_000)?,
//!     condition: Condition::new([7; 32]),
//!     destination: "test.receiver.XaJnORQQUwgugMdv7cP84qDC".parse()?,
//!     data: "sealed".into(),
//! };
//! let octets = prepare.encode()?;
//! assert_eq!(Packet::decode(octets)?, Packet::Prepare(prepare));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod address;
mod amount;
pub mod btp;
#[cfg(feature = "crypto-conditions")]
pub mod crypto_condition;
mod error;
mod error_code;
pub mod http;
pub mod ildcp;
mod ilp;
mod octets;
pub mod oer;
pub mod psk;
#[cfg(feature = "serde")]
mod serde_forms;
mod timestamp;

pub use address::{Address, AddressError, AddressRef};
pub use amount::{Amount, AmountError, DestinationAmount, SourceAmount};
pub use error::{DecodeError, EncodeError, Problem};
pub use error_code::{ErrorClass, ErrorCode};
pub use ilp::{
    AmountTooLarge, Condition, Fulfill, FulfillView, Fulfillment, MAX_DATA_LENGTH, Packet, PacketType,
    PacketView, Prepare, PrepareView, Reject, RejectView, Reply, UnknownPacket,
};
pub use octets::{Octets, OctetsMut};
pub use timestamp::{Timestamp, TimestampError};
