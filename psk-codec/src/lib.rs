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
//! It does no I/O, reads no clock and knows no secrets.
//!
//! # Two ways to read a packet
//!
//! **Views** ([`PrepareView`], [`FulfillView`], [`RejectView`], [`btp::PacketView`], [`psk::frame::Frames`]) check
//! once, allocate nothing, and then read each field where it stands, in a `&[u8]`, a [`Bytes`](bytes::Bytes) or a
//! buffer of your own. Of a buffer that may be written, a view also changes the fields of fixed length in place, and
//! `with_room` makes a new packet whose data is written, or sealed, where it will travel.
//!
//! **Owned packets** ([`Packet`], [`Prepare`], [`btp::Packet`], [`psk::PskPacket`] ...) are structs with public
//! fields. They share the memory of the `Bytes` that they are read from, so that nothing is copied either: a packet of
//! 32 kB takes no longer to read than one of 100 octets. They are written into one buffer of the exact size.
//!
//! ```
//! use psk_codec::{Address, Amount, Condition, Packet, Prepare, PrepareView, Timestamp};
//!
//! let prepare = Prepare {
//!     amount: Amount::new(1_000),
//!     expires_at: Timestamp::from_unix_millis(1_700_000_000_000)?,
//!     condition: Condition::new([7; 32]),
//!     destination: "test.receiver.XaJnORQQUwgugMdv7cP84qDC".parse()?,
//!     data: "sealed".into(),
//! };
//! let octets = prepare.encode()?;
//!
//! let view = PrepareView::new(&octets[..])?;
//! assert_eq!(view.amount(), Amount::new(1_000));
//! assert_eq!(view.destination().segments().next(), Some("test"));
//! assert_eq!(Packet::decode(octets)?, Packet::Prepare(prepare));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! - **Canonical both ways**: what is read is written back as the same octets, and what has another form is refused;
//!   only the junk that PSK packets may end with is let go. What is refused is told exactly ([`DecodeError`]): what was
//!   being read, at which offset, what was wrong.
//! - **Unknown survives**: packet types, error codes, content types and frames that this crate does not know are kept.
//! - **Hostile input** never panics, and never allocates by a length that has not been checked against what is there.
//!   Fuzz targets for every format are in `fuzz/`.
//!
//! # Features
//!
//! - `crypto-conditions` (on by default): the module `crypto_condition`.
//! - `serde`: `Serialize` and `Deserialize` for all packets and fields. In formats for people amounts are strings of
//!   digits, addresses and times their texts, octets base64url.
//!
//! The crate is `no_std` and needs `alloc`, with or without `serde`. The exception is `crypto-conditions`: `asn1-rs`
//! needs `std`.

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
