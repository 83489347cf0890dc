//! What the answer to a request means (PROTOCOL.md section 4).

use std::borrow::Cow;

use bytes::Bytes;
use psk_codec::psk::{PskPacket, RequestKind, RequestPacket};
use psk_codec::{Address, DestinationAmount, ErrorCode, Fulfill, Reject, Reply};
use psk_crypto::{Keys, fulfills};

use crate::sender::PendingRequest;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The receiver showed the preimage: the money moved.
    Fulfilled {
        /// What arrived.
        delivered: Delivered,
        /// The receiver's data; empty when the response is not authentic.
        data: Bytes,
    },
    /// No money moved.
    Rejected(Rejection),
    /// A Fulfill came whose fulfillment does not hash to the condition. It obliges nobody to pay: either the next
    /// hop is broken, or it tries what a careless sender takes for a success.
    InvalidFulfillment,
}

/// What the receiver got, in units of its asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The receiver's own figure, authenticated. A receiver that lies may state less than the minimum.
    Exact(DestinationAmount),
    /// The response was missing, changed, or that of another request: what arrived is *unverified*, and at least the
    /// request's minimum, because a receiver fulfills nothing below it.
    AtLeast(DestinationAmount),
}

impl Delivered {
    /// The figure, whether exact or a lower bound.
    pub fn lower_bound(self) -> DestinationAmount {
        match self {
            Self::Exact(amount) | Self::AtLeast(amount) => amount,
        }
    }

    /// Whether the receiver vouches for the figure.
    pub fn is_verified(self) -> bool {
        matches!(self, Self::Exact(_))
    }
}

/// An answer by which no money moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why. Readable and changeable by every hop, also when the body is authentic.
    pub code: ErrorCode,
    /// A message for people, as changeable as the code; UTF-8 if the other side keeps the rules.
    pub message: Bytes,
    /// Who says so, as changeable as the code.
    pub triggered_by: Option<Address>,
    /// What the receiver itself said, if it was the receiver that answered.
    pub authenticated: Option<AuthenticatedError>,
    /// The data of a Reject that the receiver did not write: of a connector, such as the details of an F08
    /// ([`psk_codec::AmountTooLarge`]). Nobody vouches for it. Empty when the body is authentic.
    pub unauthenticated_data: Bytes,
}

/// The body of a rejection by the receiver itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedError {
    /// What arrived at the receiver, in units of its asset.
    pub amount: DestinationAmount,
    /// The receiver's data.
    pub data: Bytes,
}

impl PendingRequest {
    /// Judges the reply: first the preimage, then whether its body is the receiver's answer to this very request
    /// (PROTOCOL.md section 4).
    pub fn outcome(&self, keys: &Keys, reply: Reply) -> Outcome {
        match reply {
            Reply::Fulfill(fulfill) => self.outcome_of_fulfill(keys, &fulfill),
            Reply::Reject(reject) => Outcome::Rejected(self.rejection(keys, reject)),
        }
    }

    fn outcome_of_fulfill(&self, keys: &Keys, fulfill: &Fulfill) -> Outcome {
        if !fulfills(&fulfill.fulfillment, &self.condition) {
            tracing::debug!("the fulfillment does not hash to the condition");
            return Outcome::InvalidFulfillment;
        }
        match self.open_answer(keys, RequestKind::Response, &fulfill.data) {
            Some(response) => Outcome::Fulfilled {
                delivered: Delivered::Exact(response.amount.at_destination()),
                data: response.data,
            },
            None => Outcome::Fulfilled { delivered: Delivered::AtLeast(self.minimum), data: Bytes::new() },
        }
    }

    fn rejection(&self, keys: &Keys, reject: Reject) -> Rejection {
        let authenticated = self
            .open_answer(keys, RequestKind::Error, &reject.data)
            .map(|error| AuthenticatedError { amount: error.amount.at_destination(), data: error.data });
        Rejection {
            code: reject.code,
            message: reject.message,
            triggered_by: reject.triggered_by,
            unauthenticated_data: match authenticated {
                Some(_) => Bytes::new(),
                None => reject.data,
            },
            authenticated,
        }
    }

    /// The body, if the receiver made it for this request. The type must fit the ILP packet, or a hop could send a
    /// request back as its own answer; the id must match, or it could swap two answers.
    fn open_answer(&self, keys: &Keys, kind: RequestKind, body: &[u8]) -> Option<RequestPacket> {
        let plaintext =
            keys.open(body).inspect_err(|_| tracing::trace!("the body cannot be decrypted")).ok()?;
        match PskPacket::decode(plaintext) {
            Ok(PskPacket::Request(packet)) if packet.kind == kind && packet.request_id == self.request_id => {
                Some(packet)
            }
            Ok(_) => {
                tracing::debug!("the body is no answer to this request");
                None
            }
            Err(error) => {
                tracing::debug!(%error, "the body is no PSK packet");
                None
            }
        }
    }
}

impl Rejection {
    /// The message as text; what is not UTF-8 is replaced.
    pub fn message_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.message)
    }

    /// Whether this says that the receiver at `destination_account` knows no requests, but perhaps chunks: F06 with
    /// an empty body, from the receiver's own address (PROTOCOL.md section 4).
    ///
    /// The receiver's address is one that the account is below, and which one only the receiver knows. Any hop
    /// could forge all of this, so fall back only if chunks are acceptable anyway.
    pub fn knows_only_chunks(&self, destination_account: &Address) -> bool {
        let from_the_receiver = self
            .triggered_by
            .as_ref()
            .is_some_and(|by| destination_account.suffix_after(by).is_some_and(|suffix| !suffix.is_empty()));
        self.code == ErrorCode::F06_UNEXPECTED_PAYMENT
            && self.authenticated.is_none()
            && self.unauthenticated_data.is_empty()
            && from_the_receiver
    }
}
