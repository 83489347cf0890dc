use psk_codec::{Address, ErrorCode, Reject};

/// Why a receiver does not fulfill a packet, in the order in which the reasons are looked for (PROTOCOL.md section
/// 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Not below this receiver's address, or nobody receives there.
    NotForUs,
    /// Nothing that its keys have sealed, or no PSK packet.
    Unreadable,
    /// A PSK packet that does not belong into a Prepare.
    UnexpectedType,
    /// A chunk, and this receiver takes requests only.
    NoChunks,
    /// Expired by our clock and its tolerance, on arrival or before it was answered: whoever fulfills then may
    /// lose the money.
    Expired,
    /// Less arrived than the sender's minimum.
    TooLittle,
    /// The condition cannot be regenerated: it is not meant to be fulfilled, or was tampered with.
    WrongCondition,
    /// The memory for replays is full, so the packet cannot be handled only once.
    Busy,
    /// The application refuses.
    HandlerRefused,
    /// The application did not answer in time.
    NoAnswerInTime,
    /// The application failed, or answered what does not fit into a packet.
    HandlerFailed,
}

impl Refusal {
    /// The code that goes on the wire (PROTOCOL.md section 3).
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NotForUs => ErrorCode::F02_UNREACHABLE,
            Self::Unreadable | Self::UnexpectedType | Self::NoChunks => ErrorCode::F06_UNEXPECTED_PAYMENT,
            Self::Expired | Self::NoAnswerInTime => ErrorCode::R00_TRANSFER_TIMED_OUT,
            Self::TooLittle | Self::HandlerRefused => ErrorCode::F99_APPLICATION_ERROR,
            // Final: what the handler did before it failed is unknown, so trying again should not be automatic.
            Self::HandlerFailed => ErrorCode::F99_APPLICATION_ERROR,
            Self::WrongCondition => ErrorCode::F05_WRONG_CONDITION,
            Self::Busy => ErrorCode::T03_CONNECTOR_BUSY,
        }
    }

    /// The Reject without message and body. Messages are readable by every hop, so none is ever written.
    pub fn reject(self, receiver: Address) -> Reject {
        Reject::new(self.code(), receiver)
    }
}
