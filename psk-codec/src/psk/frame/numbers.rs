use core::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident { $($(#[$constant_doc:meta])* $constant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(u8);

        impl $name {
            $($(#[$constant_doc])* pub const $constant: Self = Self($number);)*

            /// Of this number.
            pub const fn new(number: u8) -> Self {
                Self(number)
            }

            /// The number on the wire.
            pub const fn number(self) -> u8 {
                self.0
            }

            /// The name of the constant, such as those above; `None` for a number that this crate does not know.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($constant)),)*
                    _ => None,
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, concat!(stringify!($name), "({})"), self.0),
                }
            }
        }
    };
}

number! {
    /// The first octet of a frame. Types that this crate does not know survive unchanged.
    FrameType {
        /// 1: where a refund is to be paid.
        REFUND_ACCOUNT = 1,
        /// 2: a part of the application's data.
        DATA = 2,
        /// 3: how long the application's data is.
        DATA_END = 3,
        /// 4: asks what has arrived.
        STATUS_REQUEST = 4,
        /// 5: what has arrived.
        STATUS = 5,
        /// 6: the sender gives up.
        ABORT = 6,
        /// 7: the receiver takes no more.
        CLOSED = 7,
        /// 8: how far the refund is.
        REFUND_STATUS = 8,
        /// 9: how much of the receiver's data has arrived.
        DATA_ACK = 9,
        /// 10: which chunks have no answer yet; in answers, of which it is not known.
        OUTSTANDING = 10,
    }
}

number! {
    /// How far a payment is, as its receiver sees it. States that this crate does not know survive unchanged.
    PaymentState {
        /// 0: the receiver has no record of the payment. Either nothing of it arrived, or the record was dropped
        /// by age: the amounts beside it are zero and prove nothing.
        NOT_FOUND = 0,
        /// 1: the receiver takes chunks.
        OPEN = 1,
        /// 2: all of it arrived: the amount is reached, or the last chunk was fulfilled.
        FINISHED = 2,
        /// 3: the receiver takes no more chunks before all of it arrived, and keeps what it has or has not decided
        /// yet.
        CLOSED = 3,
        /// 4: the receiver takes no more chunks and pays a refund.
        REFUNDING = 4,
        /// 5: the refund is over. How much it brought, a RefundStatus says.
        REFUNDED = 5,
    }
}

impl PaymentState {
    /// Whether a chunk may still be fulfilled. True for a payment without a record, which the next chunk begins;
    /// false for a state that this crate does not know.
    pub const fn takes_chunks(self) -> bool {
        matches!(self, Self::NOT_FOUND | Self::OPEN)
    }
}

number! {
    /// Why a receiver takes no more chunks of a payment. Reasons that this crate does not know survive unchanged.
    CloseReason {
        /// 0: a reason without a number of its own; the message may say more.
        OTHER = 0,
        /// 1: the payment amount is reached.
        AMOUNT_REACHED = 1,
        /// 2: the last chunk (packet type 1) was fulfilled.
        LAST_CHUNK = 2,
        /// 3: the receiver's application refuses the payment, or what is left of it.
        REFUSED = 3,
        /// 4: nothing came for too long.
        SILENCE = 4,
        /// 5: the sender asked for it with an Abort.
        ABORTED = 5,
        /// 6: the receiver is shutting down.
        SHUTTING_DOWN = 6,
        /// 7: the application's data is longer than the receiver takes.
        DATA_TOO_LONG = 7,
        /// 8: the receiver has no room for one more payment, nor will it have soon. With hope for room it rejects with
        /// T03 and closes nothing.
        NO_CAPACITY = 8,
        /// 9: the sender contradicted itself, such as with two lengths of its data.
        PROTOCOL_VIOLATION = 9,
    }
}

impl FrameType {
    pub(super) const fn is_known(self) -> bool {
        self.name().is_some()
    }
}
