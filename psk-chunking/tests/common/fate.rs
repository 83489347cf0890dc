//! What befalls packets and their answers, at random.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use psk_codec::{Amount, ErrorCode, Fulfillment, Reply};

use super::{Hop, reject};

/// What befalls a packet, or its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Passes,
    Rejected(ErrorCode),
    Swallowed,
    NotSent,
    LinkLost {
        arrives: bool,
    },
    Late(u64),
    /// Arrives, and its answer is lost.
    AnswerLost,
    /// Arrives, and its answer loses its data.
    Stripped,
    /// Arrives, and its answer has a wrong preimage.
    WrongPreimage,
    /// So many per mille of it arrive.
    Shortened(u64),
    /// Arrives, and a hop says that it has not waited.
    R00Afterwards,
}

/// Mostly nothing; answers without a word so often as is said, and something else.
pub fn fate(wordless: u32, other: impl Strategy<Value = Fate> + 'static) -> impl Strategy<Value = Fate> {
    let codes = [
        ErrorCode::T00_INTERNAL_ERROR,
        ErrorCode::T04_INSUFFICIENT_LIQUIDITY,
        ErrorCode::T05_RATE_LIMITED,
        ErrorCode::F08_AMOUNT_TOO_LARGE,
        ErrorCode::F99_APPLICATION_ERROR,
        ErrorCode::R00_TRANSFER_TIMED_OUT,
        ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT,
        ErrorCode::R02_INSUFFICIENT_TIMEOUT,
        ErrorCode::F02_UNREACHABLE,
    ];
    prop_oneof![
        20 => Just(Fate::Passes),
        4 => proptest::sample::select(codes.to_vec()).prop_map(Fate::Rejected),
        1 => Just(Fate::Swallowed),
        1 => Just(Fate::NotSent),
        1 => any::<bool>().prop_map(|arrives| Fate::LinkLost { arrives }),
        1 => (1..60_000_u64).prop_map(Fate::Late),
        wordless => Just(Fate::AnswerLost),
        wordless => Just(Fate::Stripped),
        1 => Just(Fate::WrongPreimage),
        1 => other,
    ]
}

impl Fate {
    /// What becomes of a packet of `amount`.
    pub fn of_packet(self, amount: Amount) -> Hop {
        match self {
            Self::Rejected(code) => reject(code),
            Self::Swallowed => Hop::Swallow,
            Self::NotSent => Hop::NotSent,
            Self::LinkLost { arrives } => Hop::LinkLost { arrives },
            Self::Late(millis) => Hop::Late(Duration::from_millis(millis)),
            Self::Shortened(per_mille) => Hop::Forward(Amount::new(amount.units() * per_mille / 1_000)),
            Self::Passes | Self::AnswerLost | Self::Stripped | Self::WrongPreimage | Self::R00Afterwards => {
                Hop::Forward(amount)
            }
        }
    }

    /// What becomes of its answer.
    pub fn of_answer(self, reply: Reply) -> Option<Reply> {
        match (self, reply) {
            (Self::AnswerLost, _) => None,
            (Self::R00Afterwards, _) => {
                let Hop::Reject(r00) = reject(ErrorCode::R00_TRANSFER_TIMED_OUT) else { unreachable!() };
                Some(r00.into())
            }
            (Self::Stripped, Reply::Fulfill(mut fulfill)) => {
                fulfill.data = Bytes::new();
                Some(fulfill.into())
            }
            (Self::WrongPreimage, Reply::Fulfill(mut fulfill)) => {
                fulfill.fulfillment = Fulfillment::new([0; 32]);
                Some(fulfill.into())
            }
            (_, reply) => Some(reply),
        }
    }
}
