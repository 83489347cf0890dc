//! ILP error codes (RFC 27, section "Error Codes").

use core::fmt;

/// The three characters that say why a packet was rejected.
///
/// Codes that this crate does not know survive unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode([u8; 3]);

/// What the first character of an [`ErrorCode`] says about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// `F`: the same packet will be rejected again.
    Final,
    /// `T`: the packet may pass later.
    Temporary,
    /// `R`: the sender's expectations (amount, time) do not fit the path.
    Relative,
    /// Anything else.
    Unknown,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self(*$code);)*

            /// The code and the name that RFC 27 gives it, such as `T04_INSUFFICIENT_LIQUIDITY`.
            pub fn name(self) -> Option<&'static str> {
                match &self.0 {
                    $($code => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// The packet is malformed in a way that has no code of its own.
    F00_BAD_REQUEST = b"F00",
    /// The ILP packet could not be read.
    F01_INVALID_PACKET = b"F01",
    /// There is no route to the destination.
    F02_UNREACHABLE = b"F02",
    /// The amount is invalid.
    F03_INVALID_AMOUNT = b"F03",
    /// The receiver got less than the sender's minimum (older stacks only).
    F04_INSUFFICIENT_DESTINATION_AMOUNT = b"F04",
    /// The receiver cannot make a fulfillment for the condition.
    F05_WRONG_CONDITION = b"F05",
    /// The receiver did not understand the data.
    F06_UNEXPECTED_PAYMENT = b"F06",
    /// The receiver cannot receive on this account (older stacks only).
    F07_CANNOT_RECEIVE = b"F07",
    /// The packet exceeds a hop's maximum packet amount.
    F08_AMOUNT_TOO_LARGE = b"F08",
    /// The receiver refuses for a reason of the application.
    F99_APPLICATION_ERROR = b"F99",
    /// A hop failed in a way that has no code of its own.
    T00_INTERNAL_ERROR = b"T00",
    /// A hop could not reach the next one.
    T01_PEER_UNREACHABLE = b"T01",
    /// A hop is too busy.
    T02_PEER_BUSY = b"T02",
    /// A connector is too busy.
    T03_CONNECTOR_BUSY = b"T03",
    /// A hop lacks liquidity for this amount at this time.
    T04_INSUFFICIENT_LIQUIDITY = b"T04",
    /// A hop limits the number of packets.
    T05_RATE_LIMITED = b"T05",
    /// The receiver may accept later.
    T99_APPLICATION_ERROR = b"T99",
    /// The packet expired on its way.
    R00_TRANSFER_TIMED_OUT = b"R00",
    /// The amount is too small to be forwarded.
    R01_INSUFFICIENT_SOURCE_AMOUNT = b"R01",
    /// Too little time is left to forward the packet.
    R02_INSUFFICIENT_TIMEOUT = b"R02",
    /// The receiver's expectations were not met.
    R99_APPLICATION_ERROR = b"R99",
}

impl ErrorCode {
    /// Whether a hop says that it has too much to do at this moment (T02, T03, T05): of the packet itself, as of its
    /// amount, that says nothing.
    pub const fn is_busy(self) -> bool {
        matches!(self, Self::T02_PEER_BUSY | Self::T03_CONNECTOR_BUSY | Self::T05_RATE_LIMITED)
    }

    /// A code of these three octets.
    pub const fn new(code: [u8; 3]) -> Self {
        Self(code)
    }

    /// The three octets on the wire.
    pub const fn octets(self) -> [u8; 3] {
        self.0
    }

    /// What the code says about trying again.
    pub const fn class(self) -> ErrorClass {
        match self.0[0] {
            b'F' => ErrorClass::Final,
            b'T' => ErrorClass::Temporary,
            b'R' => ErrorClass::Relative,
            _ => ErrorClass::Unknown,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "ErrorCode({self})"),
        }
    }
}
