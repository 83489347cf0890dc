use alloc::string::String;
use core::fmt;

use bytes::Bytes;

use crate::Timestamp;

/// Ties an answer to its request, unique among those in flight on one connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct RequestId(u32);

/// The first octet of a BTP packet. Types that this crate does not know survive unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct PacketType(u8);

/// What the data of a sub-protocol is; numbers that this crate does not know survive unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct ContentType(u8);

/// The three characters that say why a request failed. Not the codes of ILP: `F08` is *insufficient balance* here.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode([u8; 3]);

/// UTF-8 text that shares the memory it was read from. (RFC 23 has IA5 strings, which are a part of it.)
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(Bytes);

/// A point in time as an Error carries it, such as `20170815151617.123Z`; other forms survive unchanged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ErrorTime(Bytes);

impl RequestId {
    /// An id of this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The one after it; 0 after 2^32 - 1.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PacketType {
    /// 1: the answer to a Message or a Transfer that was accepted.
    pub const RESPONSE: Self = Self(1);
    /// 2: the answer to a Message or a Transfer that was not.
    pub const ERROR: Self = Self(2);
    /// 6: a request that moves no money between the peers by itself.
    pub const MESSAGE: Self = Self(6);
    /// 7: a request that settles an amount.
    pub const TRANSFER: Self = Self(7);

    /// A type of this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number on the wire.
    pub const fn number(self) -> u8 {
        self.0
    }

    pub(super) const fn is_known(self) -> bool {
        matches!(self, Self::RESPONSE | Self::ERROR | Self::MESSAGE | Self::TRANSFER)
    }
}

impl fmt::Debug for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RESPONSE => f.write_str("RESPONSE"),
            Self::ERROR => f.write_str("ERROR"),
            Self::MESSAGE => f.write_str("MESSAGE"),
            Self::TRANSFER => f.write_str("TRANSFER"),
            Self(other) => write!(f, "PacketType({other})"),
        }
    }
}

impl ContentType {
    /// `application/octet-stream`.
    pub const OCTETS: Self = Self(0);
    /// `text/plain; charset=utf-8`.
    pub const TEXT: Self = Self(1);
    /// `application/json`.
    pub const JSON: Self = Self(2);

    /// A content type of this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OCTETS => f.write_str("OCTETS"),
            Self::TEXT => f.write_str("TEXT"),
            Self::JSON => f.write_str("JSON"),
            Self(other) => write!(f, "ContentType({other})"),
        }
    }
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $constant:ident = $code:literal $name:literal,)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $constant: Self = Self(*$code);)*

            /// The name that RFC 23 gives to the code, such as `NotAcceptedError`.
            pub fn name(self) -> Option<&'static str> {
                match &self.0 {
                    $($code => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

// RFC 23, section "Error".
error_codes! {
    /// The request could not be answered for now.
    T00_UNREACHABLE = b"T00" "UnreachableError",
    /// The request is refused; so is a wrong authentication.
    F00_NOT_ACCEPTED = b"F00" "NotAcceptedError",
    /// A field was invalid.
    F01_INVALID_FIELDS = b"F01" "InvalidFieldsError",
    /// There is no such transfer.
    F03_TRANSFER_NOT_FOUND = b"F03" "TransferNotFoundError",
    /// The fulfillment does not fit.
    F04_INVALID_FULFILLMENT = b"F04" "InvalidFulfillmentError",
    /// The id has been used before.
    F05_DUPLICATE_ID = b"F05" "DuplicateIdError",
    /// The transfer was rolled back before.
    F06_ALREADY_ROLLED_BACK = b"F06" "AlreadyRolledBackError",
    /// The transfer was fulfilled before.
    F07_ALREADY_FULFILLED = b"F07" "AlreadyFulfilledError",
    /// The balance is too low.
    F08_INSUFFICIENT_BALANCE = b"F08" "InsufficientBalanceError",
}

impl ErrorCode {
    /// A code of these three octets.
    pub const fn new(code: [u8; 3]) -> Self {
        Self(code)
    }

    /// The three octets on the wire.
    pub const fn octets(self) -> [u8; 3] {
        self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorCode({self})")
    }
}

impl Text {
    /// Octets that are known to be UTF-8.
    pub(super) fn from_checked(octets: Bytes) -> Self {
        debug_assert!(str::from_utf8(&octets).is_ok());
        Self(octets)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Checked to be UTF-8 when it was made; the fallback is never taken.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text as octets.
    pub fn as_octets(&self) -> &Bytes {
        &self.0
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl ErrorTime {
    /// The octets as they stand on the wire. They are not checked: a time that nobody can read must not make the
    /// whole Error unreadable, because then its request would wait for its time limit.
    pub fn from_octets(octets: Bytes) -> Self {
        Self(octets)
    }

    /// The octets on the wire.
    pub fn as_octets(&self) -> &Bytes {
        &self.0
    }

    /// The point in time, unless it has another form than `YYYYMMDDHHMMSS.mmmZ`, which all known implementations
    /// write.
    pub fn timestamp(&self) -> Option<Timestamp> {
        let digits = self.0.strip_suffix(b"Z")?;
        let (seconds, millis) = digits.split_first_chunk::<14>()?;
        let millis = <[u8; 3]>::try_from(millis.strip_prefix(b".")?).ok()?;
        let mut digits = [0; Timestamp::LENGTH];
        digits[..14].copy_from_slice(seconds);
        digits[14..].copy_from_slice(&millis);
        Timestamp::decode(digits).ok()
    }
}

impl From<Timestamp> for ErrorTime {
    fn from(timestamp: Timestamp) -> Self {
        let digits = timestamp.encode();
        Self([&digits[..14], b".", &digits[14..], b"Z"].concat().into())
    }
}

impl fmt::Debug for ErrorTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorTime({})", self.0.escape_ascii())
    }
}
