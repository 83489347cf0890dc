//! What holds the octets of a view.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

/// Octets that a view can be made of: `&[u8]`, `&mut [u8]`, [`Vec<u8>`], [`Bytes`], [`BytesMut`].
///
/// Sealed: a view checks once and reads in place ever after, so nobody else may change what it reads.
pub trait Octets: AsRef<[u8]> + sealed::Sealed {}

/// [`Octets`] that may be changed: `&mut [u8]`, [`Vec<u8>`], [`BytesMut`].
pub trait OctetsMut: Octets + AsMut<[u8]> {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! octets {
    ($($holder:ty: $($octets:ident),+;)*) => {
        $(impl sealed::Sealed for $holder {}
        $(impl $octets for $holder {})+)*
    };
}

octets! {
    &[u8]: Octets;
    &mut [u8]: Octets, OctetsMut;
    Vec<u8>: Octets, OctetsMut;
    Bytes: Octets;
    BytesMut: Octets, OctetsMut;
}
