//! An application that is slow to hear what happened: no chunk is late for it, and what it has not heard is bounded.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::sync::mpsc::{Receiver as Await, Sender as Signal, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use psk_chunking::receive::{PaymentOffer, ReceiveConfig, ReceiveEvent, Verdict};
use psk_chunking::{PaymentHandler, PaymentReceiver};
use psk_codec::psk::frame::{Frame, FramesBuilder, StreamData};
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Amount, ErrorCode, Prepare, Reply};
use psk_crypto::{Credentials, Keys, ReceiverSecret, SystemRandom, condition_of};
use psk_plugin::Clock;
use psk_request::{Arrival, ChunkHandler, Receiver, ReceiverOptions};
use tokio::time::timeout;

/// Says when it hears of the first event, and then listens to nothing until it may go on.
struct Slow {
    hears: Signal<()>,
    may_go_on: Mutex<Await<()>>,
    heard: Arc<Mutex<Vec<ReceiveEvent>>>,
}

#[async_trait]
impl PaymentHandler for Slow {
    async fn review(&self, _offer: PaymentOffer) -> Verdict {
        Verdict::Accept
    }

    fn on_event(&self, event: ReceiveEvent) {
        self.heard.lock().unwrap().push(event);
        let _ = self.hears.send(());
        // Until the other end is dropped.
        let _ = self.may_go_on.lock().unwrap().recv();
    }
}

struct Bob {
    receiver: Receiver,
    credentials: Credentials,
    payments: PaymentReceiver,
    hears: Await<()>,
    go_on: Option<Signal<()>>,
    heard: Arc<Mutex<Vec<ReceiveEvent>>>,
}

impl Bob {
    fn new() -> Self {
        let secret = ReceiverSecret::from_octets(&[7; 32]).unwrap();
        let receiver = Receiver::new("test.bob".parse().unwrap(), secret, ReceiverOptions::default());
        let credentials = receiver.credentials(b"", &mut SystemRandom).unwrap();
        let ((hears_signal, hears), (go_on, may_go_on)) = (channel(), channel());
        let heard = Arc::default();
        let slow = Slow { hears: hears_signal, may_go_on: Mutex::new(may_go_on), heard: Arc::clone(&heard) };
        let config = ReceiveConfig { max_data_length: 1 << 30, ..ReceiveConfig::default() };
        let payments = PaymentReceiver::new(config, slow, Clock::system());
        Self { receiver, credentials, payments, hears, go_on: Some(go_on), heard }
    }

    fn chunk(&self, sequence: u32, data: Option<StreamData>) -> Arrival {
        let mut frames = FramesBuilder::new(31_000);
        if let Some(data) = data {
            frames.push(Frame::Data(data)).unwrap();
        }
        let chunk = ChunkPacket {
            kind: ChunkKind::Chunk,
            payment_id: PaymentId::new([9; 16]),
            sequence: Sequence::new(sequence),
            payment_amount: ChunkPacket::OPEN_ENDED,
            chunk_amount: Amount::new(5),
            application_data: frames.encode(),
        };
        let keys = Keys::derive(&self.credentials.shared_secret);
        let data = keys.seal_packet(&PskPacket::Chunk(chunk), &mut SystemRandom).unwrap();
        let now = Clock::system().now();
        let prepare = Prepare {
            amount: Amount::new(5),
            expires_at: now.saturating_add(Duration::from_secs(30)),
            condition: condition_of(&keys.fulfillment(&data)),
            destination: self.credentials.destination_account.clone(),
            data,
        };
        self.receiver.open(&prepare, now).unwrap()
    }

    /// In a task, because it may block.
    async fn give(&self, arrival: Arrival) -> Reply {
        let payments = self.payments.clone();
        let given = tokio::spawn(async move { payments.handle_chunk(arrival).await });
        timeout(Duration::from_secs(10), given).await.expect("a chunk waits for the application").unwrap()
    }

    /// The application listens from now on.
    async fn hear_all(&mut self) {
        self.go_on = None;
        timeout(Duration::from_secs(10), self.payments.events_told()).await.unwrap();
    }

    fn chunks_heard(&self) -> Vec<u32> {
        let heard = self.heard.lock().unwrap();
        let chunks = heard.iter().filter_map(|event| match event {
            ReceiveEvent::ChunkFulfilled { sequence, .. } => Some(sequence.number()),
            _ => None,
        });
        chunks.collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_chunk_waits_for_an_application_that_is_slow_to_hear_of_another() {
    let mut bob = Bob::new();
    let first = tokio::spawn({
        let (payments, arrival) = (bob.payments.clone(), bob.chunk(1, None));
        async move { payments.handle_chunk(arrival).await }
    });
    tokio::task::block_in_place(|| bob.hears.recv().unwrap());
    for sequence in 2..10 {
        assert!(matches!(bob.give(bob.chunk(sequence, None)).await, Reply::Fulfill(_)));
    }
    // Nor does that one itself.
    let reply = timeout(Duration::from_secs(10), first).await.expect("the first chunk waits").unwrap();
    assert!(matches!(reply, Reply::Fulfill(_)));
    assert_eq!(bob.chunks_heard(), [1]);
    bob.hear_all().await;
    assert_eq!(bob.chunks_heard(), (1..10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_an_application_has_not_heard_is_bounded() {
    let mut bob = Bob::new();
    const PIECE: usize = 30_000;
    let chunk = |bob: &Bob, sequence: u32| {
        let offset = u64::from(sequence) * PIECE as u64;
        bob.chunk(sequence, Some(StreamData::new(offset, Bytes::from(vec![1; PIECE])).unwrap()))
    };
    let mut fulfilled = 0;
    let reply = loop {
        match bob.give(chunk(&bob, fulfilled)).await {
            Reply::Fulfill(_) => fulfilled += 1,
            Reply::Reject(reject) => break reject,
        }
        assert!(fulfilled < 1_000, "there is no bound");
    };
    // For now, and without a word that the data was read.
    assert_eq!((reply.code, reply.data.len()), (ErrorCode::T03_CONNECTOR_BUSY, 0));
    assert!(fulfilled > 300, "{fulfilled}");
    bob.hear_all().await;
    assert!(matches!(bob.give(chunk(&bob, fulfilled)).await, Reply::Fulfill(_)));
    bob.hear_all().await;
    assert_eq!(bob.chunks_heard(), (0..=fulfilled).collect::<Vec<_>>());
}
