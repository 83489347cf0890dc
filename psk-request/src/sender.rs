//! The sender's half of a request.

use bytes::Bytes;
use psk_codec::psk::{PskPacket, RequestId, RequestKind, RequestPacket};
use psk_codec::{Address, Condition, DestinationAmount, Prepare, SourceAmount, Timestamp};
use psk_crypto::{Keys, Random, SealError, condition_of, unfulfillable_condition};

use crate::size::max_request_data_length;

/// What a sender asks of a receiver: to take an amount of money, some data, or both.
///
/// There is no fulfillable request without a minimum, unless [`Request::at_any_rate`] asks for it by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What leaves the sender, in units of the sender's asset. Zero for data alone.
    pub source_amount: SourceAmount,
    /// The least that must arrive for the receiver to fulfill, in units of the receiver's asset.
    pub minimum: DestinationAmount,
    /// The application's data, read by the receiver alone. Empty by default. At most
    /// [`max_request_data_length`](crate::max_request_data_length) octets.
    pub data: Bytes,
    /// When the offer ends; connectors cap it at 30 s from now.
    pub expires_at: Timestamp,
    /// Whether the receiver can take the money. By default it can.
    pub fulfillable: bool,
}

/// Why there is no Prepare for a request. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealRequestError {
    /// The whole packet would be longer than [`MAX_PACKET_LENGTH`](crate::MAX_PACKET_LENGTH).
    #[error("a request to this destination carries at most {maximum} octets of data, not {length}")]
    DataTooLong {
        /// The length of the data, in octets.
        length: usize,
        /// The greatest length for this destination, in octets.
        maximum: usize,
    },
    /// The shared secret seals no more, or not so much.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Request {
    /// Sends `source_amount`, which the receiver takes if at least `minimum` arrives.
    pub fn new(source_amount: SourceAmount, minimum: DestinationAmount, expires_at: Timestamp) -> Self {
        Self { source_amount, minimum, data: Bytes::new(), expires_at, fulfillable: true }
    }

    /// Sends `source_amount`, however little of it arrives; also for data alone, with an amount of zero.
    pub fn at_any_rate(source_amount: SourceAmount, expires_at: Timestamp) -> Self {
        Self::new(source_amount, DestinationAmount::ZERO, expires_at)
    }

    /// Asks what would arrive of `source_amount`; no money can move (RFC 25, "Unfulfillable Packets").
    ///
    /// The minimum is the greatest amount there is: an authentic answer says what arrived whether the receiver
    /// looks at the condition first or, as npm 0.2.1, at the amount.
    pub fn unfulfillable(source_amount: SourceAmount, expires_at: Timestamp) -> Self {
        Self { fulfillable: false, ..Self::new(source_amount, DestinationAmount::MAX, expires_at) }
    }

    /// The same with data for the receiver.
    pub fn with_data(self, data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), ..self }
    }

    /// Seals the request with the keys of its `destination` account, under a fresh id.
    ///
    /// Sending the Prepare twice is no retry: connectors and receivers remember it. Seal again instead.
    pub fn seal(
        &self,
        keys: &Keys,
        destination: &Address,
        random: &mut dyn Random,
    ) -> Result<(Prepare, PendingRequest), SealRequestError> {
        let maximum = max_request_data_length(destination);
        if self.data.len() > maximum {
            let length = self.data.len();
            return Err(SealRequestError::DataTooLong { length, maximum });
        }
        let request_id = random_request_id(random);
        let packet = RequestPacket {
            kind: RequestKind::Request,
            request_id,
            amount: self.minimum.into(),
            data: self.data.clone(),
        };
        let data = keys.seal_packet(&PskPacket::Request(packet), random)?;
        let condition = match self.fulfillable {
            true => condition_of(&keys.fulfillment(&data)),
            false => unfulfillable_condition(random),
        };
        let prepare = Prepare {
            amount: self.source_amount.into(),
            expires_at: self.expires_at,
            condition,
            destination: destination.clone(),
            data,
        };
        let pending = PendingRequest { request_id, minimum: self.minimum, condition };
        Ok((prepare, pending))
    }
}

/// Unpredictable, so that nobody can prepare an answer, and so that requests in flight differ.
fn random_request_id(random: &mut dyn Random) -> RequestId {
    let mut octets = [0; 4];
    random.fill_secure(&mut octets);
    RequestId::new(u32::from_be_bytes(octets))
}

/// What a sender remembers of a request, to judge its answer by.
///
/// [`PendingRequest::outcome`] makes an [`Outcome`](crate::Outcome) of the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRequest {
    pub(crate) request_id: RequestId,
    pub(crate) minimum: DestinationAmount,
    pub(crate) condition: Condition,
}

impl PendingRequest {
    /// The id that the answer must repeat.
    pub fn request_id(&self) -> RequestId {
        self.request_id
    }

    /// The least that the receiver must get to fulfill, in units of the receiver's asset.
    pub fn minimum(&self) -> DestinationAmount {
        self.minimum
    }

    /// What the fulfillment must hash to.
    pub fn condition(&self) -> Condition {
        self.condition
    }
}
