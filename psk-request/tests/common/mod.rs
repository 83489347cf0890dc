//! What the tests share: a receiver, a sender with its credentials, a time.
#![allow(dead_code, reason = "each test file uses its part")]

#[cfg(feature = "driver")]
pub(crate) mod link;

use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::{PskPacket, RequestId, RequestKind, RequestPacket};
use psk_codec::{Address, Amount, DestinationAmount, ErrorCode, Reject, Reply};
use psk_codec::{Prepare, SourceAmount, Timestamp};
use psk_crypto::{Keys, ReceiverSecret, SeededRandom};
use psk_request::{Arrival, Decision, Destination, PendingRequest, Receiver, Request};

pub(crate) const ADDRESS: &str = "test.hub.bob";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000).unwrap()
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    now().saturating_add(Duration::from_secs(seconds))
}

pub(crate) fn secret() -> ReceiverSecret {
    ReceiverSecret::from_octets(b"thirty-two octets of a receiver!").unwrap()
}

pub(crate) fn address() -> Address {
    ADDRESS.parse().unwrap()
}

/// A receiver and somebody who has credentials of it.
pub(crate) struct Pair {
    pub(crate) receiver: Receiver,
    pub(crate) destination: Destination,
    pub(crate) random: SeededRandom,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let receiver = Receiver::new(address(), secret(), Default::default());
        let mut random = SeededRandom::new(25);
        let credentials = receiver.credentials(b"key id", &mut random).unwrap();
        Self { receiver, destination: Destination::from(&credentials), random }
    }

    pub(crate) fn seal(&mut self, request: &Request) -> (Prepare, PendingRequest) {
        self.destination.seal(request, &mut self.random).unwrap()
    }

    /// A Prepare with a plaintext of the test's choice, fulfillable.
    pub(crate) fn seal_plaintext(&mut self, plaintext: &[u8]) -> Prepare {
        let keys = self.destination.keys();
        let data = keys.seal(plaintext, &mut self.random).unwrap();
        Prepare {
            amount: Amount::new(100),
            expires_at: later(30),
            condition: psk_crypto::condition_of(&keys.fulfillment(&data)),
            destination: self.destination.account().clone(),
            data,
        }
    }

    pub(crate) fn open(&self, prepare: &Prepare) -> Result<Arrival, Reject> {
        self.receiver.open(prepare, now())
    }

    /// What the receiver answers, deciding so, at this time.
    pub(crate) fn answer(&mut self, prepare: &Prepare, decision: Decision, at: Timestamp) -> Reply {
        let arrival = match self.receiver.open(prepare, at) {
            Ok(arrival) => arrival,
            Err(reject) => return reject.into(),
        };
        let request = arrival.as_request().expect("a request");
        request.answer(decision, at, &mut self.random)
    }

    /// The body of an answer, read with the keys that both sides have.
    pub(crate) fn body(&self, reply: &Reply) -> RequestPacket {
        let (Reply::Fulfill(psk_codec::Fulfill { data, .. }) | Reply::Reject(Reject { data, .. })) = reply;
        open_body(self.destination.keys(), data)
    }
}

pub(crate) fn open_body(keys: &Keys, data: &[u8]) -> RequestPacket {
    match PskPacket::decode(keys.open(data).unwrap()).unwrap() {
        PskPacket::Request(packet) => packet,
        other => panic!("no request: {other:?}"),
    }
}

/// 1,000 units, at least 100 of which must arrive, as many as do arrive.
pub(crate) fn request() -> Request {
    let (amount, minimum) = (SourceAmount::new(1_000), DestinationAmount::new(100));
    Request::new(amount, minimum, later(30)).with_data("ping")
}

/// The packet at the end of its way, where this much arrives.
pub(crate) fn arriving(prepare: Prepare, amount: u64) -> Prepare {
    Prepare { amount: Amount::new(amount), ..prepare }
}

pub(crate) fn accept() -> Decision {
    Decision::Accept("pong".into())
}

pub(crate) fn packet(kind: RequestKind, id: RequestId, amount: u64, data: &'static str) -> PskPacket {
    PskPacket::Request(RequestPacket { kind, request_id: id, amount: Amount::new(amount), data: data.into() })
}

#[track_caller]
pub(crate) fn expect_reject(reply: Reply) -> Reject {
    match reply {
        Reply::Reject(reject) => reject,
        Reply::Fulfill(fulfill) => panic!("fulfilled: {fulfill:?}"),
    }
}

/// A refusal of somebody who cannot be told anything in confidence.
#[track_caller]
pub(crate) fn expect_bare_refusal(result: Result<Arrival, Reject>, code: ErrorCode) {
    let expected = Reject { code, triggered_by: Some(address()), message: Bytes::new(), data: Bytes::new() };
    assert_eq!(result.unwrap_err(), expected);
}
