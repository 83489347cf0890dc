use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use psk_codec::psk::{PaymentId, PskPacket, RequestId, RequestKind, RequestPacket};
use psk_codec::{Address, Condition, DestinationAmount, Fulfill, Fulfillment, Reject, Reply, Timestamp};
use psk_crypto::{Keys, Random, SealError, SharedSecret};

use crate::account::AccountSuffix;
use crate::refusal::Refusal;
use crate::replay::ReplayKey;
use crate::size::{max_error_data_length, max_response_data_length};

/// A packet that a [`Receiver`](crate::Receiver) has opened: it comes from somebody who knows the shared secret.
///
/// Whether it should be fulfilled is still to be decided. Amount and expiry are those of the Prepare, which hops
/// change; the packet inside is as the sender sealed it. `Debug` shows neither data nor fulfillment.
#[derive(Clone)]
pub struct Arrival {
    /// A request ([`RequestKind::Request`]), or a chunk ([`ChunkKind::Chunk`](psk_codec::psk::ChunkKind::Chunk) or
    /// [`LastChunk`](psk_codec::psk::ChunkKind::LastChunk)); nothing else.
    pub packet: PskPacket,
    /// The receiver's bare address, which triggers its Rejects.
    pub receiver: Address,
    /// Whose packet it is: the key under which payments are kept.
    pub account: AccountSuffix,
    /// What the receiver named these credentials, unencrypted unless they were registered.
    pub key_id: Bytes,
    /// The keys that opened it, for the answer.
    pub keys: Arc<Keys>,
    /// For the secrets that are derived from it.
    pub(crate) shared_secret: Arc<SharedSecret>,
    /// What arrived, in units of the receiver's asset.
    pub amount: DestinationAmount,
    /// When the offer ends, as the last hop says.
    pub expires_at: Timestamp,
    /// From when on it must not be fulfilled: the expiry and the tolerance for our clock.
    pub fulfill_before: Timestamp,
    /// What the fulfillment must hash to.
    pub condition: Condition,
    /// The one for this data. A secret until the packet is fulfilled.
    pub fulfillment: Fulfillment,
    /// Whether the fulfillment hashes to the condition.
    pub fulfillable: bool,
    /// Whether it must not be fulfilled any more already on arrival.
    pub expired: bool,
}

/// Why an answer was not sealed. No money moves: the packet is to be rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The whole packet would be longer than [`MAX_PACKET_LENGTH`](crate::MAX_PACKET_LENGTH).
    #[error("this answer carries at most {maximum} octets of data, not {length}")]
    DataTooLong {
        /// The length of the data, in octets.
        length: usize,
        /// The greatest length, in octets.
        maximum: usize,
    },
    /// The shared secret seals no more, or not so much.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Arrival {
    /// Whether it is too late to fulfill at this time of day.
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        self.expired || self.fulfill_before <= now
    }

    /// By what a replay of it is known.
    pub fn replay_key(&self) -> ReplayKey {
        ReplayKey { fulfillment: self.fulfillment, condition: self.condition, amount: self.amount }
    }

    /// The shared secret of the refund of this payment of the sender's.
    pub fn refund_secret(&self, payment_id: PaymentId) -> SharedSecret {
        self.shared_secret.refund(payment_id.octets())
    }

    /// The packet as a request; `None` for a chunk.
    pub fn as_request(&self) -> Option<RequestArrival<'_>> {
        match &self.packet {
            PskPacket::Request(packet) => Some(RequestArrival { arrival: self, packet }),
            PskPacket::Chunk(_) | PskPacket::Unknown(_) => None,
        }
    }

    /// Seals the body of an answer.
    pub fn seal(&self, body: &PskPacket, random: &mut dyn Random) -> Result<Bytes, AnswerError> {
        Ok(self.keys.seal_packet(body, random)?)
    }

    /// Takes the money, with a sealed body. Right only if the arrival is fulfillable, brings enough and has not
    /// expired *now*.
    pub fn fulfill(&self, sealed_body: Bytes) -> Fulfill {
        Fulfill { fulfillment: self.fulfillment, data: sealed_body }
    }

    /// Refuses the money, with a sealed body or an empty one.
    pub fn reject(&self, refusal: Refusal, sealed_body: Bytes) -> Reject {
        refusal.reject(self.receiver.clone()).with_data(sealed_body)
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival")
            .field("account", &self.account)
            .field("amount", &self.amount)
            .field("expires_at", &self.expires_at)
            .field("fulfillable", &self.fulfillable)
            .field("expired", &self.expired)
            .finish_non_exhaustive()
    }
}

/// What the application makes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Take the money, with this data in the response. If the packet cannot be fulfilled, nothing is taken and the
    /// data goes into the rejection instead. Data that does not fit makes it a rejection without data.
    Accept(Bytes),
    /// Refuse, with this data in the encrypted rejection. Reasons belong here.
    Reject(Bytes),
}

/// An [`Arrival`] that is a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestArrival<'a> {
    arrival: &'a Arrival,
    packet: &'a RequestPacket,
}

impl<'a> RequestArrival<'a> {
    /// All that arrived.
    pub fn arrival(&self) -> &'a Arrival {
        self.arrival
    }

    /// The sender's id of it.
    pub fn request_id(&self) -> RequestId {
        self.packet.request_id
    }

    /// The least that must arrive, in units of the receiver's asset.
    pub fn minimum(&self) -> DestinationAmount {
        self.packet.amount.at_destination()
    }

    /// The sender's data.
    pub fn data(&self) -> &'a Bytes {
        &self.packet.data
    }

    /// Why it cannot be fulfilled at this time of day, whatever the application decides: the first reason in the
    /// order of PROTOCOL.md section 3. Amount before condition satisfies the quotes of all npm releases.
    pub fn refusal(&self, now: Timestamp) -> Option<Refusal> {
        if self.arrival.is_expired_at(now) {
            Some(Refusal::Expired)
        } else if self.arrival.amount < self.minimum() {
            Some(Refusal::TooLittle)
        } else if !self.arrival.fulfillable {
            Some(Refusal::WrongCondition)
        } else {
            None
        }
    }

    /// The answer at this time of day, by the table of PROTOCOL.md section 3. `now` must be read after the decision
    /// was made: what has expired meanwhile is not fulfilled.
    pub fn answer(&self, decision: Decision, now: Timestamp, random: &mut dyn Random) -> Reply {
        let (refusal, data) = match (self.refusal(now), decision) {
            (Some(refusal), Decision::Accept(data) | Decision::Reject(data)) => (refusal, data),
            (None, Decision::Reject(data)) => (Refusal::HandlerRefused, data),
            (None, Decision::Accept(data)) => match self.accept(data, random) {
                Ok(fulfill) => return fulfill.into(),
                Err(error) => {
                    tracing::warn!(%error, "an accepted request is rejected");
                    (Refusal::HandlerFailed, Bytes::new())
                }
            },
        };
        self.refuse(refusal, data, random).into()
    }

    /// Takes the money. Right only while [`RequestArrival::refusal`] finds nothing.
    pub fn accept(&self, data: Bytes, random: &mut dyn Random) -> Result<Fulfill, AnswerError> {
        check_length(&data, max_response_data_length())?;
        let body = self.seal_body(RequestKind::Response, data, random)?;
        Ok(self.arrival.fulfill(body))
    }

    /// Refuses the money. The encrypted body says what arrived, and the data if it fits. An exhausted key seals
    /// nothing, so the body is empty then.
    pub fn refuse(&self, refusal: Refusal, data: Bytes, random: &mut dyn Random) -> Reject {
        let maximum = max_error_data_length(&self.arrival.receiver);
        let data = match check_length(&data, maximum) {
            Ok(()) => data,
            Err(error) => {
                tracing::warn!(%error, "a rejection leaves its data out");
                Bytes::new()
            }
        };
        let body = match self.seal_body(RequestKind::Error, data, random) {
            Ok(body) => body,
            Err(error) => {
                tracing::warn!(%error, "a rejection has no body");
                Bytes::new()
            }
        };
        tracing::debug!(?refusal, account = %self.arrival.account, "a request is refused");
        self.arrival.reject(refusal, body)
    }

    fn seal_body(
        &self,
        kind: RequestKind,
        data: Bytes,
        random: &mut dyn Random,
    ) -> Result<Bytes, AnswerError> {
        let body = RequestPacket {
            kind,
            request_id: self.packet.request_id,
            amount: self.arrival.amount.into(),
            data,
        };
        self.arrival.seal(&PskPacket::Request(body), random)
    }
}

fn check_length(data: &Bytes, maximum: usize) -> Result<(), AnswerError> {
    match data.len() {
        length if length > maximum => Err(AnswerError::DataTooLong { length, maximum }),
        _ => Ok(()),
    }
}
