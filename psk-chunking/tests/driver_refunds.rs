//! How many refunds a receiver pays at once: some, and not all of one account; the others wait for their turn.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use psk_chunking::PaymentReceiver;
use psk_chunking::receive::{OnIncomplete, PaymentOffer, ReceiveConfig, Verdict};
use psk_codec::psk::frame::{Frame, FramesBuilder};
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{Address, Amount, Prepare, Reply};
use psk_crypto::{Credentials, Keys, ReceiverSecret, SystemRandom, condition_of};
use psk_plugin::{AccountDetails, Clock, DetailsError, Plugin, PrepareHandler, SendError};
use psk_request::{ChunkHandler, Receiver, ReceiverOptions};

/// Where nobody answers.
#[derive(Default)]
struct Silent {
    /// How many packets are on their way, by destination.
    pending: Mutex<HashMap<Address, usize>>,
    /// All destinations that there ever were.
    seen: Mutex<HashSet<Address>>,
}

#[async_trait]
impl Plugin for Silent {
    async fn send(&self, prepare: Prepare) -> Result<Reply, SendError> {
        let to = prepare.destination;
        self.seen.lock().unwrap().insert(to.clone());
        *self.pending.lock().unwrap().entry(to.clone()).or_default() += 1;
        tokio::time::sleep(Duration::from_secs(35)).await;
        let mut pending = self.pending.lock().unwrap();
        let count = pending.get_mut(&to).unwrap();
        *count -= 1;
        if *count == 0 {
            pending.remove(&to);
        }
        Err(SendError::Unknown("no answer".into()))
    }

    fn set_handler(&self, _: Option<Arc<dyn PrepareHandler>>) {}

    async fn details(&self) -> Result<AccountDetails, DetailsError> {
        Err(DetailsError::Refused("nobody asks".into()))
    }

    async fn close(&self) {}
}

struct Bob {
    receiver: Receiver,
    payments: PaymentReceiver,
    plugin: Arc<Silent>,
    clock: Clock,
}

impl Bob {
    fn new() -> Self {
        let (clock, plugin) = (Clock::system(), Arc::new(Silent::default()));
        let config = ReceiveConfig {
            on_incomplete: OnIncomplete::Refund,
            max_refund_attempts: 1,
            ..ReceiveConfig::default()
        };
        let accept = |_: PaymentOffer| async { Verdict::Accept };
        let payments = PaymentReceiver::new(config, accept, clock.clone()).with_refunds(plugin.clone());
        let secret = ReceiverSecret::from_octets(&[7; 32]).unwrap();
        let receiver = Receiver::new("test.bob".parse().unwrap(), secret, ReceiverOptions::default());
        Self { receiver, payments, plugin, clock }
    }

    fn credentials(&self) -> Credentials {
        self.receiver.credentials(b"", &mut SystemRandom).unwrap()
    }

    /// A payment of one unit that is aborted, with its refund to `to`.
    async fn is_to_refund(&self, credentials: &Credentials, payment: u32, to: &str) {
        let reply = self.take(credentials, payment, 1, Frame::RefundAccount(to.parse().unwrap())).await;
        assert!(matches!(reply, Reply::Fulfill(_)));
        self.take(credentials, payment, 2, Frame::Abort).await;
    }

    async fn take(&self, credentials: &Credentials, payment: u32, sequence: u32, frame: Frame) -> Reply {
        let mut frames = FramesBuilder::new(1_000);
        frames.push(frame).unwrap();
        let packet = PskPacket::Chunk(ChunkPacket {
            kind: ChunkKind::Chunk,
            payment_id: PaymentId::new(u128::from(payment).to_be_bytes()),
            sequence: Sequence::new(sequence),
            payment_amount: ChunkPacket::OPEN_ENDED,
            chunk_amount: Amount::new(1),
            application_data: frames.encode(),
        });
        let keys = Keys::derive(&credentials.shared_secret);
        let data = keys.seal_packet(&packet, &mut SystemRandom).unwrap();
        let now = self.clock.now();
        let prepare = Prepare {
            amount: Amount::new(1),
            expires_at: now.saturating_add(Duration::from_secs(30)),
            condition: condition_of(&keys.fulfillment(&data)),
            destination: credentials.destination_account.clone(),
            data,
        };
        self.payments.handle_chunk(self.receiver.open(&prepare, now).unwrap()).await
    }

    fn refunds_under_way(&self) -> usize {
        self.plugin.pending.lock().unwrap().len()
    }
}

#[tokio::test(start_paused = true)]
async fn refunds_wait_for_each_other_and_none_is_lost() {
    let bob = Bob::new();
    for account in 0..30 {
        let credentials = bob.credentials();
        for payment in 0..10 {
            bob.is_to_refund(&credentials, payment, &format!("test.nobody.r{account}-{payment}")).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bob.refunds_under_way(), 64);
    bob.payments.refunds_paid().await;
    assert_eq!(bob.plugin.seen.lock().unwrap().len(), 300);
}

#[tokio::test(start_paused = true)]
async fn one_account_does_not_keep_others_from_their_refunds() {
    let bob = Bob::new();
    let (mallory, alice) = (bob.credentials(), bob.credentials());
    for payment in 0..200 {
        bob.is_to_refund(&mallory, payment, &format!("test.nobody.r{payment}")).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bob.refunds_under_way(), 8);
    bob.is_to_refund(&alice, 1, "test.alice").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(bob.plugin.seen.lock().unwrap().contains(&"test.alice".parse::<Address>().unwrap()));
}
