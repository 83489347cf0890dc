use std::fmt::{self, Write as _};

use psk_codec::psk::PaymentId;
use psk_codec::psk::frame::CloseReason;
use psk_codec::{Address, ErrorCode, SourceAmount};
use psk_crypto::SealError;
use psk_quote::SearchError;

use super::account::{Account, AccountError};

/// How a payment ended, with its whole account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendReport {
    /// Which payment.
    pub payment_id: PaymentId,
    /// Where the money is.
    pub account: Account,
    /// Why it did not reach its target; `None` when it did.
    pub error: Option<SendError>,
    /// Unfulfillable packets sent, which moved nothing.
    pub probes: u64,
    /// How often the rate moved out of what was known of it.
    pub rate_changes: u64,
}

impl SendReport {
    /// Whether the payment reached its target exactly.
    pub fn is_completed(&self) -> bool {
        self.error.is_none()
    }
}

/// Why a payment did not reach its target. What has moved until then is in the [`SendReport`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The amount to pay is zero.
    #[error("the amount is zero")]
    ZeroAmount,
    /// No packet could be brought through before the payment.
    #[error("no path to the receiver: {0}")]
    NoPath(#[from] SearchError),
    /// The amount is worth less than one destination unit, or no packet that passes is worth one.
    #[error("the amount is too small: {}", SmallestAmount(*.smallest))]
    AmountTooSmall {
        /// Less than this certainly delivers nothing; `None` when no packet that passes delivers anything.
        smallest: Option<SourceAmount>,
    },
    /// What is missing of a fixed destination amount lies between what packets deliver, since a hop counts in large units:
    /// some deliver too little, and those above a good deal too much, or they do not keep the minimum rate.
    #[error(
        "no packet delivers just what is missing: the smallest that is enough takes {enough} source units"
    )]
    BetweenPackets {
        /// So much takes the smallest packet that delivers enough.
        enough: SourceAmount,
    },
    /// The destination amount is 2^64 - 1, which says on the wire that the sender has not decided: the receiver would wait
    /// for more when all is there.
    #[error("18446744073709551615 destination units mean an open end to the receiver: pay a unit less")]
    MeansOpenEnd,
    /// More would arrive than an amount can say, and the receiver count.
    #[error("more than 18446744073709551615 destination units would arrive")]
    AmountTooLarge,
    /// The amount costs more than the caller allows.
    #[error("at least {needed} source units are needed, more than the maximum source amount")]
    MaxSourceAmountTooLow {
        /// What would be needed at least.
        needed: SourceAmount,
    },
    /// The quote was asked of another receiver.
    #[error("the quote is of another receiver, {0}")]
    OtherQuote(Address),
    /// The path delivers less than the minimum rate.
    #[error("the exchange rate is below the minimum")]
    RateTooLow,
    /// The receiver refuses chunk after chunk, without a reason: so does one that knows no frames.
    #[error("the receiver refuses the payment")]
    Refused,
    /// The receiver has said that it takes no more of the payment (docs/frames.md, Closed).
    #[error("{}{}", ReasonToClose(*.reason), AfterColon(message))]
    Closed {
        /// Why.
        reason: CloseReason,
        /// More about it, for people; mostly empty. The receiver wrote it: it may hold control characters, which
        /// `Display` escapes.
        message: String,
    },
    /// A hop or the receiver rejected a packet for good.
    #[error("rejected with {code}{}", AfterColon(message))]
    Rejected {
        /// The ILP error code.
        code: ErrorCode,
        /// The message that came with it, for people. Somebody else wrote it, as above.
        message: String,
    },
    /// The path kept failing.
    #[error("the path failed {attempts} times in a row, at last with {code}")]
    PathFailed {
        /// The last error code.
        code: ErrorCode,
        /// How often.
        attempts: u32,
    },
    /// The packets could not be sent.
    #[error("the link failed: {0}")]
    LinkFailed(String),
    /// Packet after packet was not answered, or with a fulfillment that is none.
    #[error("packets are not answered")]
    Unanswered,
    /// Nothing was fulfilled for the idle time-out.
    #[error("no progress: the idle time-out has passed")]
    IdleTimeout,
    /// The total time-out has passed.
    #[error("not finished in time: the total time-out has passed")]
    TotalTimeout,
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// All that could be sent has been, but of some of it nobody knows whether it arrived.
    #[error("the outcome of some packets is unknown")]
    InDoubt,
    /// All has been sent, but some of it without an authenticated word of what arrived.
    #[error("the receiver's answers could not be read for some packets")]
    Unverified,
    /// The shared secret must not seal more packets.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The payment has used all of its sequence numbers.
    #[error("the payment has used all 2^32 sequence numbers")]
    SequencesExhausted,
    /// See [`AccountError`].
    #[error(transparent)]
    Account(#[from] AccountError),
}

struct SmallestAmount(Option<SourceAmount>);

impl fmt::Display for SmallestAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(amount) => write!(f, "less than {amount} source units deliver nothing"),
            None => f.write_str("no packet that the path takes delivers one unit"),
        }
    }
}

struct ReasonToClose(CloseReason);

impl fmt::Display for ReasonToClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            CloseReason::AMOUNT_REACHED => "the receiver has all of the payment's amount",
            CloseReason::LAST_CHUNK => "the receiver has had the last chunk",
            CloseReason::REFUSED => "the receiver refuses the payment, or what is left of it",
            CloseReason::SILENCE => "the receiver has heard nothing for too long, and has ended the payment",
            CloseReason::ABORTED => "the receiver has ended the payment, as it was told",
            CloseReason::SHUTTING_DOWN => "the receiver is shutting down",
            CloseReason::NO_CAPACITY => "the receiver has no room for the payment",
            _ => "the receiver takes no more of the payment",
        })
    }
}

/// Words of somebody else after a colon, if there are any: what would steer a terminal is escaped, and what goes on and
/// on is cut off.
struct AfterColon<'a>(&'a str);

const MOST_CHARACTERS: usize = 300;

impl fmt::Display for AfterColon<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str(": ")?;
        for character in self.0.chars().take(MOST_CHARACTERS) {
            match character.is_control() {
                true => write!(f, "{}", character.escape_default())?,
                false => f.write_char(character)?,
            }
        }
        f.write_str(if self.0.chars().nth(MOST_CHARACTERS).is_some() { "..." } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_do_not_steer_the_terminal() {
        let rejected = |message: &str| SendError::Rejected {
            code: ErrorCode::F00_BAD_REQUEST,
            message: message.to_owned(),
        };
        assert_eq!(rejected("").to_string(), "rejected with F00");
        assert_eq!(rejected("no \u{1b}[2J\nwäy").to_string(), "rejected with F00: no \\u{1b}[2J\\nwäy");
        assert_eq!(rejected(&"x".repeat(9_000)).to_string().len(), "rejected with F00: ".len() + 303);
    }

    #[test]
    fn a_receiver_that_closes_says_why() {
        let closed =
            |reason, message: &str| SendError::Closed { reason, message: message.to_owned() }.to_string();
        assert_eq!(closed(CloseReason::SHUTTING_DOWN, ""), "the receiver is shutting down");
        let unknown = closed(CloseReason::new(200), "on strike");
        assert_eq!(unknown, "the receiver takes no more of the payment: on strike");
    }
}
