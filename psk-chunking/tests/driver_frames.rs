//! A receiver over a link in memory, on tokio's paused time, and a sender that writes frames by hand: refunds come back,
//! data goes both ways, and an application that says nothing holds nobody up for longer than it may.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "common/link.rs"]
mod link;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use psk_chunking::receive::{
    EndReason, OnIncomplete, PaymentKey, PaymentOffer, ReceiveConfig, ReceiveEvent, Verdict,
};
use psk_chunking::{PaymentHandler, PaymentReceiver};
use psk_codec::psk::frame::{Frame, Frames, FramesBuilder, PaymentState, StreamData};
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Amount, DestinationAmount, ErrorCode, Prepare, Reply};
use psk_crypto::{Credentials, Keys, ReceiverSecret, SystemRandom, condition_of, unfulfillable_condition};
use psk_plugin::memory::MemoryPlugin;
use psk_plugin::{Clock, Plugin};
use psk_request::{Endpoint, EndpointReceiver, ReceiverConfig, RejectAll};

const ID: PaymentId = PaymentId::new([9; 16]);

/// Writes down what it is told, and reviews after a pause.
#[derive(Clone)]
struct Teller {
    pause: Duration,
    events: Arc<Mutex<Vec<ReceiveEvent>>>,
    offers: Arc<Mutex<Vec<PaymentOffer>>>,
}

#[async_trait]
impl PaymentHandler for Teller {
    async fn review(&self, offer: PaymentOffer) -> Verdict {
        let first = {
            let mut offers = self.offers.lock().unwrap();
            offers.push(offer);
            offers.len() == 1
        };
        if first {
            tokio::time::sleep(self.pause).await;
        }
        Verdict::Accept
    }

    fn on_event(&self, event: ReceiveEvent) {
        self.events.lock().unwrap().push(event);
    }
}

impl Teller {
    fn new(pause: Duration) -> Self {
        Self { pause, events: Arc::default(), offers: Arc::default() }
    }

    fn received(&self) -> u64 {
        let events = self.events.lock().unwrap();
        let amounts = events.iter().filter_map(|event| match event {
            ReceiveEvent::ChunkFulfilled { amount, .. } => Some(amount.units()),
            _ => None,
        });
        amounts.sum()
    }

    fn find<T>(&self, wanted: impl Fn(&ReceiveEvent) -> Option<T>) -> Option<T> {
        self.events.lock().unwrap().iter().find_map(wanted)
    }
}

/// One side: its endpoint, its receiver, and what that is told.
struct Side {
    plugin: Arc<MemoryPlugin>,
    receiver: EndpointReceiver,
    payments: PaymentReceiver,
    told: Teller,
    clock: Clock,
    _endpoint: Endpoint,
}

impl Side {
    async fn new(plugin: Arc<MemoryPlugin>, clock: Clock, config: ReceiveConfig, pause: Duration) -> Self {
        let told = Teller::new(pause);
        let payments = PaymentReceiver::new(config, told.clone(), clock.clone()).with_refunds(plugin.clone());
        let endpoint = Endpoint::attach(plugin.clone(), clock.clone()).await.unwrap();
        let secret = ReceiverSecret::from_octets(&[7; 32]).unwrap();
        let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments.clone())).unwrap();
        Self { plugin, receiver, payments, told, clock, _endpoint: endpoint }
    }
}

async fn pair(config: ReceiveConfig, pause: Duration) -> (Side, Side) {
    let (alice, bob, clock) = link::alice_and_bob();
    let alice = Side::new(alice, clock.clone(), ReceiveConfig::default(), Duration::ZERO).await;
    (alice, Side::new(bob, clock, config, pause).await)
}

/// Sends chunks with frames written here.
struct Sender {
    plugin: Arc<MemoryPlugin>,
    clock: Clock,
    credentials: Credentials,
    keys: Keys,
    sequence: u32,
}

impl Sender {
    fn new(alice: &Side, credentials: Credentials) -> Self {
        let keys = Keys::derive(&credentials.shared_secret);
        Self { plugin: alice.plugin.clone(), clock: alice.clock.clone(), credentials, keys, sequence: 0 }
    }

    /// The code of a rejection, and the frames of the answer.
    async fn send(&mut self, amount: u64, frames: &[Frame]) -> (Option<ErrorCode>, Vec<Frame>) {
        let mut builder = FramesBuilder::new(10_000);
        frames.iter().for_each(|frame| builder.push(frame.clone()).unwrap());
        self.sequence += 1;
        let chunk = ChunkPacket {
            kind: ChunkKind::Chunk,
            payment_id: ID,
            sequence: Sequence::new(self.sequence),
            payment_amount: ChunkPacket::OPEN_ENDED,
            chunk_amount: Amount::new(amount),
            application_data: builder.encode(),
        };
        let data = self.keys.seal_packet(&PskPacket::Chunk(chunk), &mut SystemRandom).unwrap();
        let condition = match amount {
            0 => unfulfillable_condition(&mut SystemRandom),
            _ => condition_of(&self.keys.fulfillment(&data)),
        };
        let prepare = Prepare {
            amount: Amount::new(amount),
            expires_at: self.clock.now().saturating_add(Duration::from_secs(30)),
            condition,
            destination: self.credentials.destination_account.clone(),
            data,
        };
        let (code, data) = match self.plugin.send(prepare).await.unwrap() {
            Reply::Fulfill(fulfill) => (None, fulfill.data),
            Reply::Reject(reject) => (Some(reject.code), reject.data),
        };
        let PskPacket::Chunk(answer) = PskPacket::decode(self.keys.open(&data).unwrap()).unwrap() else {
            panic!("no chunk");
        };
        (code, Frames::read(answer.application_data).unwrap().into_iter().collect())
    }

    fn key(&self) -> PaymentKey {
        let account = self.credentials.destination_account.segments().last().unwrap().parse().unwrap();
        PaymentKey { account, payment_id: ID }
    }
}

fn refunded(frames: &[Frame]) -> Option<(u64, u64)> {
    frames.iter().find_map(|frame| match frame {
        Frame::RefundStatus { refunded, total } => Some((refunded.units(), total.units())),
        _ => None,
    })
}

fn state(frames: &[Frame]) -> Option<PaymentState> {
    frames.iter().find_map(|frame| match frame {
        Frame::Status(status) => Some(status.state),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn an_aborted_payment_comes_back() {
    let config = ReceiveConfig { on_incomplete: OnIncomplete::Refund, ..ReceiveConfig::default() };
    let (alice, bob) = pair(config, Duration::ZERO).await;
    let credentials = bob.receiver.credentials(b"").unwrap();
    let refund_secret = credentials.shared_secret.refund(ID.octets());
    let refund_to = alice.receiver.register_secret(refund_secret, "refund", RejectAll).unwrap();
    let mut sender = Sender::new(&alice, credentials);
    let account = Frame::RefundAccount(refund_to.destination_account.into());
    assert_eq!(sender.send(600, &[account]).await, (None, vec![]));
    assert_eq!(sender.send(400, &[]).await, (None, vec![]));
    let (code, frames) = sender.send(0, &[Frame::Abort]).await;
    assert_eq!(code, Some(ErrorCode::F05_WRONG_CONDITION));
    assert_eq!((state(&frames), refunded(&frames)), (Some(PaymentState::REFUNDING), Some((0, 1_000))));
    bob.payments.refunds_paid().await;
    assert_eq!(alice.told.received(), 1_000);
    let payment = alice.told.find(|event| match event {
        ReceiveEvent::ChunkFulfilled { payment, .. } => Some(payment.payment_id),
        _ => None,
    });
    assert_eq!(payment, Some(ID), "a refund has the id of its payment");
    let (_, frames) = sender.send(0, &[Frame::StatusRequest]).await;
    assert_eq!((state(&frames), refunded(&frames)), (Some(PaymentState::REFUNDED), Some((1_000, 1_000))));
    let ended = bob.told.find(|event| match event {
        ReceiveEvent::RefundEnded { refunded, total, .. } => Some((refunded.units(), total.units())),
        _ => None,
    });
    assert_eq!(ended, Some((1_000, 1_000)));
}

#[tokio::test(start_paused = true)]
async fn the_application_refunds_a_part() {
    let (alice, bob) = pair(ReceiveConfig::default(), Duration::ZERO).await;
    let credentials = bob.receiver.credentials(b"").unwrap();
    let refund_secret = credentials.shared_secret.refund(ID.octets());
    let refund_to = alice.receiver.register_secret(refund_secret, "refund", RejectAll).unwrap();
    let mut sender = Sender::new(&alice, credentials);
    let account = Frame::RefundAccount(refund_to.destination_account.into());
    sender.send(600, &[account]).await;
    sender.send(0, &[Frame::Abort]).await;
    bob.payments.refunds_paid().await;
    assert_eq!(alice.told.received(), 0, "the policy is to keep it");
    bob.payments.refund(&sender.key(), DestinationAmount::new(250)).unwrap();
    bob.payments.refunds_paid().await;
    assert_eq!(alice.told.received(), 250);
    bob.payments.refund(&sender.key(), DestinationAmount::new(351)).unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_goes_nowhere_is_tried_again_and_given_up() {
    let config = ReceiveConfig {
        on_incomplete: OnIncomplete::Refund,
        max_refund_attempts: 2,
        ..ReceiveConfig::default()
    };
    let (alice, bob) = pair(config, Duration::ZERO).await;
    let mut sender = Sender::new(&alice, bob.receiver.credentials(b"").unwrap());
    // Nobody has registered a secret there.
    let account = Frame::RefundAccount("test.alice.nobody".parse().unwrap());
    sender.send(600, &[account]).await;
    sender.send(0, &[Frame::Abort]).await;
    let ended = loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let ended = bob.told.find(|event| match event {
            ReceiveEvent::RefundEnded { refunded, total, .. } => Some((refunded.units(), total.units())),
            _ => None,
        });
        if let Some(ended) = ended {
            break ended;
        }
    };
    assert_eq!(ended, (0, 600));
    let events = bob.told.events.lock().unwrap();
    let orders = events.iter().filter(|event| matches!(event, ReceiveEvent::RefundDue(_)));
    assert_eq!(orders.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn data_goes_both_ways() {
    let (alice, bob) = pair(ReceiveConfig::default(), Duration::ZERO).await;
    let mut sender = Sender::new(&alice, bob.receiver.credentials(b"").unwrap());
    let data = |offset, text: &'static str| Frame::Data(StreamData::new(offset, text.into()).unwrap());
    sender.send(10, &[data(0, "hello ")]).await;
    assert_eq!(bob.told.offers.lock().unwrap()[0].data, "hello ");
    sender.send(10, &[data(6, "world"), Frame::DataEnd { length: 11 }]).await;
    let mut text = Vec::new();
    let complete = bob.told.find(|event| match event {
        ReceiveEvent::DataComplete { length, .. } => Some(*length),
        _ => None,
    });
    for event in &*bob.told.events.lock().unwrap() {
        if let ReceiveEvent::Data { offset, data, .. } = event {
            assert_eq!(*offset, text.len() as u64);
            text.extend_from_slice(data);
        }
    }
    assert_eq!((&text[..], complete), (&b"hello world"[..], Some(11)));

    bob.payments.write(&sender.key(), Bytes::from_static(b"thank you")).unwrap();
    bob.payments.finish_data(&sender.key()).unwrap();
    let (_, frames) = sender.send(0, &[]).await;
    assert_eq!(frames, [Frame::DataEnd { length: 9 }, data(0, "thank you")]);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_says_nothing_in_time_is_asked_again() {
    let config = ReceiveConfig { review_timeout: Duration::from_secs(3), ..ReceiveConfig::default() };
    let (alice, bob) = pair(config, Duration::from_secs(1_000_000)).await;
    let mut sender = Sender::new(&alice, bob.receiver.credentials(b"").unwrap());
    let started = tokio::time::Instant::now();
    assert_eq!(sender.send(10, &[]).await.0, Some(ErrorCode::F99_APPLICATION_ERROR));
    assert!((3_000..4_000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    assert_eq!(sender.send(10, &[]).await.0, None);
    assert_eq!(bob.told.offers.lock().unwrap().len(), 2);
    bob.payments.stop();
    bob.payments.events_told().await;
    let ended = bob.told.find(|event| match event {
        ReceiveEvent::Finished { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(ended, Some(EndReason::Stopped));
}
