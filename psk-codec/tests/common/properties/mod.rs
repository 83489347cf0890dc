//! What must hold of all octets, whoever made them: shared by the property tests and the fuzz targets (`fuzz/`).
//!
//! Each function reads octets as one kind of thing. None may panic; what is accepted must be written the same again,
//! junk aside; and whatever reads the same octets in two ways must find the same.

#![allow(dead_code, unused_imports, reason = "every user is a crate of its own and uses a part of this")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod btp;
#[cfg(feature = "crypto-conditions")]
mod der;
mod fields;
mod ildcp;
mod ilp;
mod oer;
mod psk;

use std::fmt::Debug;

use bytes::Bytes;
use psk_codec::DecodeError;

pub(crate) use btp::btp;
#[cfg(feature = "crypto-conditions")]
pub(crate) use der::der;
pub(crate) use fields::fields;
pub(crate) use ildcp::ildcp;
pub(crate) use ilp::ilp;
pub(crate) use oer::oer;
pub(crate) use psk::{frames, psk};

/// All of the properties.
pub(crate) fn all(octets: &Bytes) {
    oer(octets);
    fields(octets);
    ilp(octets);
    psk(octets);
    frames(octets);
    btp(octets);
    ildcp(octets);
    #[cfg(feature = "crypto-conditions")]
    der(octets);
}

/// Who refuses octets must say where in them.
fn refused<T: Debug>(result: Result<T, DecodeError>, octets: &[u8]) {
    let error = result.unwrap_err();
    assert!(error.offset <= octets.len(), "{error}");
    assert!(!error.to_string().is_empty());
}

/// A part of the octets it was read from, and no copy.
fn shared(part: &[u8], octets: &Bytes) {
    let (part, octets) = (part.as_ptr_range(), octets.as_ptr_range());
    assert!(part.is_empty() || (octets.start <= part.start && part.end <= octets.end));
}
