//! What each fuzz target does with its octets. What must hold of them is in `psk-codec/tests/common/properties`,
//! which the property tests share.

mod envelope;
#[path = "../../psk-codec/tests/common/properties/mod.rs"]
mod properties;

use bytes::Bytes;

pub use envelope::envelope;

/// Primitives of OER: alone against a reading by the book, then in a structure that the first octets describe.
pub fn oer(octets: &[u8]) {
    properties::oer(octets);
}

/// ILP packets, owned and as views, read, written and changed in place; their addresses, times and amounts alone.
pub fn ilp(octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    properties::ilp(&octets);
    properties::fields(&octets);
}

/// PSK packets, shared and borrowed.
pub fn psk(octets: &[u8]) {
    properties::psk(&Bytes::copy_from_slice(octets));
}

/// BTP packets, owned and as views.
pub fn btp(octets: &[u8]) {
    properties::btp(&Bytes::copy_from_slice(octets));
}

/// IL-DCP requests and answers.
pub fn ildcp(octets: &[u8]) {
    properties::ildcp(&Bytes::copy_from_slice(octets));
}

/// Frames in the application data of chunks, shared and borrowed. The version octet is put in front.
pub fn frames(octets: &[u8]) {
    properties::frames(&[&[psk_codec::psk::frame::VERSION], octets].concat().into());
}

/// Crypto-conditions and their fulfillments, in DER and as text.
pub fn der(octets: &[u8]) {
    properties::der(&Bytes::copy_from_slice(octets));
}
