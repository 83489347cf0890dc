//! What the sending driver does beyond one plugin and money: several plugins, data, refunds. Over the simulated network,
//! on tokio's paused clock.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use psk_chunking::receive::{OnIncomplete, PaymentKey, PaymentOffer, ReceiveConfig, ReceiveEvent, Verdict};
use psk_chunking::send::{SendConfig, SendError, SendReport, Target};
use psk_chunking::sim::standard;
use psk_chunking::stream::WriteError;
use psk_chunking::{PaymentHandler, PaymentReceiver, RefundListener, send_payment, send_payment_over};
use psk_codec::psk::PaymentId;
use psk_codec::psk::frame::CloseReason;
use psk_codec::{DestinationAmount, Prepare, Reply, SourceAmount};
use psk_crypto::{Credentials, ReceiverSecret};
use psk_plugin::sim::{HostPlugin, LiveNetwork, World};
use psk_plugin::{AccountDetails, Clock, DetailsError, Plugin, PrepareHandler, SendError as LinkError};
use psk_request::{Endpoint, EndpointReceiver, ReceiverConfig};
use tokio::time::Instant;

/// Bob's application: takes everything, and writes it down.
#[derive(Clone, Default)]
struct Till(Arc<Mutex<Vec<ReceiveEvent>>>);

#[async_trait]
impl PaymentHandler for Till {
    async fn review(&self, _offer: PaymentOffer) -> Verdict {
        Verdict::Accept
    }

    fn on_event(&self, event: ReceiveEvent) {
        self.0.lock().unwrap().push(event);
    }
}

impl Till {
    fn received(&self) -> u64 {
        self.sum(|event| match event {
            ReceiveEvent::ChunkFulfilled { amount, .. } => Some(amount.units()),
            _ => None,
        })
    }

    /// What has gone back, as bob's receiver says at the end.
    fn refunded(&self) -> Option<(u64, u64)> {
        self.0.lock().unwrap().iter().find_map(|event| match event {
            ReceiveEvent::RefundEnded { refunded, total, .. } => Some((refunded.units(), total.units())),
            _ => None,
        })
    }

    fn sum(&self, what: impl Fn(&ReceiveEvent) -> Option<u64>) -> u64 {
        self.0.lock().unwrap().iter().filter_map(what).sum()
    }

    fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        for event in &*self.0.lock().unwrap() {
            if let ReceiveEvent::Data { offset, data: more, .. } = event {
                assert_eq!(*offset, data.len() as u64);
                data.extend_from_slice(more);
            }
        }
        data
    }

    fn has_all_data(&self) -> bool {
        self.0.lock().unwrap().iter().any(|event| matches!(event, ReceiveEvent::DataComplete { .. }))
    }
}

/// A network with bob's receiver in it.
struct Party {
    network: LiveNetwork,
    till: Till,
    payments: PaymentReceiver,
    receiver: EndpointReceiver,
}

impl Party {
    async fn on(network: &psk_plugin::sim::NetworkConfig, config: ReceiveConfig) -> Self {
        let network = LiveNetwork::start(World::new(network, 1).unwrap());
        let till = Till::default();
        let bob = network.plugin("bob").unwrap();
        let payments = PaymentReceiver::new(config, till.clone(), network.clock()).with_refunds(bob.clone());
        let endpoint = Endpoint::attach(bob, network.clock()).await.unwrap();
        let secret = ReceiverSecret::from_octets(&[7; 32]).unwrap();
        let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments.clone())).unwrap();
        Self { network, till, payments, receiver }
    }

    async fn standard(name: &str, config: ReceiveConfig) -> Self {
        Self::on(&standard::scenario(name).unwrap().network, config).await
    }

    fn credentials(&self) -> Credentials {
        self.receiver.credentials(b"").unwrap()
    }

    fn clock(&self) -> Clock {
        self.network.clock()
    }

    fn plugin(&self, host: &str) -> Arc<HostPlugin> {
        self.network.plugin(host).unwrap()
    }

    fn check(&self, report: &SendReport) {
        let account = &report.account;
        assert!(account.in_flight.is_zero() && account.in_doubt.is_zero(), "{report:?}");
        assert_eq!(account.delivered, DestinationAmount::new(self.till.received()), "{report:?}");
        assert!(self.network.look(World::balances_add_up));
    }
}

const ID: PaymentId = PaymentId::new([9; 16]);

fn config(amount: u64) -> SendConfig {
    SendConfig::new(Target::Source(SourceAmount::new(amount)), ID)
}

/// Octets that are the same nowhere.
fn octets(length: u32) -> Bytes {
    (0..length).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>().into()
}

/// Two hosts of alice's, each at a connector of its own.
const TWO_WAYS: &str = r#"
hosts = ["left", "right", "bob"]

[[connectors]]
name = "north"
max_packet_amount = 1000

[[connectors]]
name = "south"
max_packet_amount = 1000

[[connectors]]
name = "end"

[[links]]
ends = ["left", "north"]
latency_us = 10000

[[links]]
ends = ["right", "south"]
latency_us = 10000

[[links]]
ends = ["north", "end"]
latency_us = 10000

[[links]]
ends = ["south", "end"]
latency_us = 10000

[[links]]
ends = ["end", "bob"]
latency_us = 10000
"#;

/// A plugin that does this to all packets after so many.
struct Dying {
    plugin: Arc<HostPlugin>,
    packets: AtomicU64,
    lives_for: u64,
    death: Death,
}

#[derive(Clone, Copy, Debug)]
enum Death {
    /// It says that it cannot send them.
    Refuses,
    /// It says nothing at all, nor does anybody hear of them.
    Swallows,
    /// They arrive, and it loses the answers.
    LosesAnswers,
}

#[async_trait]
impl Plugin for Dying {
    async fn send(&self, prepare: Prepare) -> Result<Reply, LinkError> {
        if self.packets.fetch_add(1, Ordering::SeqCst) < self.lives_for {
            return self.plugin.send(prepare).await;
        }
        match self.death {
            Death::Refuses => Err(LinkError::NotSent("the connection is lost".into())),
            Death::Swallows => std::future::pending().await,
            Death::LosesAnswers => {
                let _ = self.plugin.send(prepare).await;
                Err(LinkError::Unknown("the connection is lost".into()))
            }
        }
    }

    fn set_handler(&self, handler: Option<Arc<dyn PrepareHandler>>) {
        self.plugin.set_handler(handler);
    }

    async fn details(&self) -> Result<AccountDetails, DetailsError> {
        self.plugin.details().await
    }

    async fn close(&self) {
        self.plugin.close().await;
    }
}

/// Pays over two plugins, of which one dies after so many packets.
async fn pay_over_a_dying_plugin(dying: usize, lives_for: u64, death: Death) {
    let party = Party::on(&toml::from_str(TWO_WAYS).unwrap(), ReceiveConfig::default()).await;
    let mut plugins: Vec<Arc<dyn Plugin>> = vec![party.plugin("left"), party.plugin("right")];
    let plugin = party.plugin(["left", "right"][dying]);
    plugins[dying] = Arc::new(Dying { plugin, packets: AtomicU64::new(0), lives_for, death });
    let case = format!("{death:?}, plugin {dying} after {lives_for}");
    let payment = send_payment_over(plugins, &party.credentials(), config(2_000_000), None, party.clock());
    let progress = payment.progress();
    let report = payment.finished().await;
    assert!(report.is_completed(), "{case}: {report:?}");
    assert_eq!(report.account.source_sent, SourceAmount::new(2_000_000), "{case}");
    party.check(&report);
    let paths = &progress.borrow().paths;
    assert!(paths[1 - dying].rate.is_some() && !paths[1 - dying].failed, "{case}: {paths:?}");
    let living = ["left", "right"][1 - dying];
    let sent = party.network.look(|world| world.totals(world.host(living).unwrap()).sent.units());
    assert!(sent >= 900_000, "{case}: {sent}");
}

#[tokio::test(start_paused = true)]
async fn a_payment_goes_on_over_the_other_plugin_when_one_dies() {
    for death in [Death::Refuses, Death::Swallows, Death::LosesAnswers] {
        for dying in [0, 1] {
            pay_over_a_dying_plugin(dying, 0, death).await;
        }
    }
    for (dying, lives_for, death) in [
        (0, 30, Death::Refuses),
        (1, 30, Death::Refuses),
        (0, 30, Death::LosesAnswers),
        (1, 30, Death::LosesAnswers),
        (1, 30, Death::Swallows),
    ] {
        pay_over_a_dying_plugin(dying, lives_for, death).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_goes_on_over_the_other_plugin_when_the_first_one_swallows_all() {
    pay_over_a_dying_plugin(0, 30, Death::Swallows).await;
}

#[tokio::test(start_paused = true)]
async fn both_plugins_carry_a_payment() {
    let party = Party::on(&toml::from_str(TWO_WAYS).unwrap(), ReceiveConfig::default()).await;
    let plugins: Vec<Arc<dyn Plugin>> = vec![party.plugin("left"), party.plugin("right")];
    let payment = send_payment_over(plugins, &party.credentials(), config(4_000_000), None, party.clock());
    let progress = payment.progress();
    let report = payment.finished().await;
    assert!(report.is_completed(), "{report:?}");
    party.check(&report);
    for (path, host) in progress.borrow().paths.iter().zip(["left", "right"]) {
        let sent = party.network.look(|world| world.totals(world.host(host).unwrap()).sent.units());
        assert!(sent >= 1_000_000, "{host}: {sent}");
        assert_eq!(path.max_packet_amount, Some(SourceAmount::new(1_000)));
        assert!(path.rate.is_some() && !path.failed);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_plugin_nothing_is_sent() {
    let party = Party::standard("lan", ReceiveConfig::default()).await;
    let report = send_payment_over(vec![], &party.credentials(), config(5), None, party.clock());
    let report = report.finished().await;
    assert!(matches!(report.error, Some(SendError::LinkFailed(_) | SendError::NoPath(_))), "{report:?}");
}

/// There and back on the standard path `wan`.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// Pays so much over the standard path `wan`, in packets of at most 10,000, with so many octets of data, of which the
/// receiver has room for so many at a time. How long it took, and how many packets.
async fn pay_with_data(amount: u64, length: u32, max_data_waiting: usize) -> (Duration, u64) {
    let max_data_length = u64::from(length);
    let limits = ReceiveConfig { max_data_length, max_data_waiting, ..ReceiveConfig::default() };
    let party = Party::standard("wan", limits).await;
    let data = octets(length);
    let config = SendConfig { data: Some(data.clone()).filter(|data| !data.is_empty()), ..config(amount) };
    let started = Instant::now();
    let payment = send_payment(party.plugin("alice"), &party.credentials(), config, party.clock());
    let progress = payment.progress();
    let report = payment.finished().await;
    let took = started.elapsed();
    assert!(report.is_completed(), "{report:?}");
    party.check(&report);
    let data_progress = progress.borrow().data;
    assert_eq!(data_progress.acknowledged, u64::from(length), "{report:?}");
    let delivered = data_progress.delivered;
    assert_eq!((delivered, party.till.has_all_data()), (length > 0, length > 0), "{report:?}");
    assert!(party.till.data() == data);
    let packets = report.account.chunks_fulfilled + report.account.chunks_rejected + report.probes;
    (took, packets)
}

/// Data of ten megabytes is 306 packets of at most 32,767 octets.
const TEN_MEGABYTES: u32 = 10_000_000;

#[tokio::test(start_paused = true)]
async fn ten_megabytes_take_as_many_round_trips_as_their_packets_need() {
    // One account may have an eighth of it: all that may be in flight.
    let room = 8 * 1_024 * 33_000;
    // Beside enough money they take hardly a packet more, and a round trip for their window to double once more.
    let (alone, packets_alone) = pay_with_data(20_000_000, 0, room).await;
    let (took, packets) = pay_with_data(20_000_000, TEN_MEGABYTES, room).await;
    assert!(took <= alone + ROUND_TRIP && packets * 10 <= packets_alone * 13, "{took:?}, alone {alone:?}");
    // Beside little money they are packets of their own, in windows that double.
    for amount in [100, 50_000, 2_000_000] {
        let (alone, _) = pay_with_data(amount, 0, room).await;
        let (took, packets) = pay_with_data(amount, TEN_MEGABYTES, room).await;
        assert!(took <= alone + ROUND_TRIP * 7 / 2, "{amount}: {took:?}, alone {alone:?}");
        // Chunks may leave before there is room for more data.
        assert!(packets < 400 + amount / 10_000, "{amount}: {packets} packets");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_with_less_room_than_is_in_flight_gets_all_data() {
    let (took, packets) = pay_with_data(20_000_000, TEN_MEGABYTES, 16 << 20).await;
    // Two megabytes for one account are as much as a round trip brings.
    assert!(took < ROUND_TRIP * 12, "{took:?}, {packets} packets");
}

#[tokio::test(start_paused = true)]
async fn data_that_finds_no_room_is_not_taken_for_delivered() {
    pay_with_data(2_000_000, TEN_MEGABYTES, 16 << 20).await;
}

#[tokio::test(start_paused = true)]
async fn data_that_is_too_long_for_the_receiver_does_not_end_the_payment() {
    for amount in [10_000, 1_000_000] {
        let limits = ReceiveConfig { max_data_length: 99_999, ..ReceiveConfig::default() };
        let party = Party::standard("wan", limits).await;
        let config = SendConfig { data: Some(octets(100_000)), ..config(amount) };
        let payment = send_payment(party.plugin("alice"), &party.credentials(), config, party.clock());
        let progress = payment.progress();
        let report = payment.finished().await;
        assert!(report.is_completed(), "{report:?}");
        party.check(&report);
        assert!(!progress.borrow().data.delivered, "{report:?}");
        assert!(progress.borrow().data.acknowledged < 100_000, "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn data_is_written_while_money_goes_and_answered() {
    let party = Party::standard("wan", ReceiveConfig::default()).await;
    let credentials = party.credentials();
    let mut payment = send_payment(party.plugin("alice"), &credentials, config(20_000_000), party.clock());
    let (control, mut progress) = (payment.control(), payment.progress());
    let mut received = payment.received_data().unwrap();
    assert!(payment.received_data().is_none());
    control.write(Bytes::from_static(b"hello ")).unwrap();
    progress.wait_for(|progress| progress.account.chunks_fulfilled > 0).await.unwrap();
    control.write(Bytes::from_static(b"world")).unwrap();
    let account = credentials.destination_account.segments().last().unwrap().parse().unwrap();
    let key = PaymentKey { account, payment_id: ID };
    party.payments.write(&key, Bytes::from_static(b"thank ")).unwrap();
    let mut answer = received.next().await.unwrap().to_vec();
    assert_eq!(answer, b"thank ");
    party.payments.write(&key, Bytes::from_static(b"you")).unwrap();
    party.payments.finish_data(&key).unwrap();
    control.finish_data();
    assert_eq!(control.write(Bytes::from_static(b"more")), Err(WriteError::Finished));
    let report = payment.finished().await;
    assert!(report.is_completed(), "{report:?}");
    while let Some(more) = received.next().await {
        answer.extend_from_slice(&more);
    }
    assert_eq!((&*answer, received.is_complete()), (&b"thank you"[..], true));
    assert_eq!(party.till.data(), b"hello world");
    let data = progress.borrow().data;
    assert_eq!((data.delivered, data.received, data.received_all), (true, 9, true));
    party.check(&report);
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_comes_back() {
    for on_incomplete in [OnIncomplete::Refund, OnIncomplete::Keep] {
        let limits = ReceiveConfig { on_incomplete, ..ReceiveConfig::default() };
        let party = Party::standard("wan", limits).await;
        let alice = party.plugin("alice");
        let endpoint = Endpoint::attach(alice.clone(), party.clock()).await.unwrap();
        let credentials = party.credentials();
        let listener = RefundListener::new(&endpoint).unwrap();
        let refund = listener.expect(&credentials, ID).unwrap();
        listener.expect(&credentials, ID).unwrap_err();
        let payment = send_payment_over(
            vec![alice],
            &credentials,
            SendConfig { max_packets_in_flight: 1_024, ..config(20_000_000) },
            Some(refund.clone()),
            party.clock(),
        );
        let (control, mut progress) = (payment.control(), payment.progress());
        progress.wait_for(|progress| progress.account.source_sent.units() > 1_000_000).await.unwrap();
        control.cancel();
        let report = payment.finished().await;
        assert_eq!(report.error, Some(SendError::Cancelled));
        party.check(&report);
        let account = &report.account;
        assert!(account.source_sent < SourceAmount::new(20_000_000), "{account:?}");
        assert_eq!(account.refunded, refund.refunded());
        assert_eq!(progress.borrow().account, *account);
        let alices = party.network.look(|world| world.totals(world.host("alice").unwrap()));
        assert_eq!(alices.received.units(), i128::from(account.refunded.units()));
        assert_eq!(alices.sent.units() - alices.received.units(), i128::from(account.lost().units()));
        match on_incomplete {
            OnIncomplete::Refund => {
                let received = party.till.received();
                party.payments.refunds_paid().await;
                assert_eq!(party.till.refunded(), Some((received, received)));
                // Three hops keep 0.2 % each, in each direction.
                assert!(account.lost().units() * 1_000 < account.source_sent.units() * 13, "{account:?}");
            }
            OnIncomplete::Keep => {
                assert_eq!((account.refunded, party.till.refunded()), (SourceAmount::ZERO, None));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_comes_after_the_end_is_counted() {
    let party = Party::standard("wan", ReceiveConfig::default()).await;
    let alice = party.plugin("alice");
    let endpoint = Endpoint::attach(alice.clone(), party.clock()).await.unwrap();
    let listener = RefundListener::new(&endpoint).unwrap();
    let credentials = party.credentials();
    let refund = listener.expect(&credentials, ID).unwrap();
    drop((listener, endpoint));
    let payment =
        send_payment_over(vec![alice], &credentials, config(20_000_000), Some(refund.clone()), party.clock());
    let (control, mut progress) = (payment.control(), payment.progress());
    progress.wait_for(|progress| progress.account.source_sent.units() > 1_000_000).await.unwrap();
    control.cancel();
    let report = payment.finished().await;
    assert_eq!(report.account.refunded, SourceAmount::ZERO);
    // Bob's application thinks better of it, and refunds in two parts.
    let account = credentials.destination_account.segments().last().unwrap().parse().unwrap();
    let key = PaymentKey { account, payment_id: ID };
    let mut total = refund.watch();
    for _ in 0..2 {
        party.payments.refund(&key, DestinationAmount::new(300_000)).unwrap();
        party.payments.refunds_paid().await;
    }
    assert_eq!(
        party.till.sum(|event| match event {
            ReceiveEvent::RefundEnded { refunded, .. } => Some(refunded.units()),
            _ => None,
        }),
        900_000
    );
    let refunded = refund.refunded();
    assert!(total.has_changed().unwrap() && *total.borrow_and_update() == refunded);
    let alices = party.network.look(|world| world.totals(world.host("alice").unwrap()).received);
    assert_eq!(alices.units(), i128::from(refunded.units()));
    assert!((595_000..600_000).contains(&refunded.units()), "{refunded}");
}

#[tokio::test(start_paused = true)]
async fn a_refund_account_takes_nothing_but_the_refund() {
    let party = Party::standard("lan", ReceiveConfig::default()).await;
    let endpoint = Endpoint::attach(party.plugin("alice"), party.clock()).await.unwrap();
    let listener = RefundListener::new(&endpoint).unwrap();
    let refund = listener.expect(&party.credentials(), ID);
    let credentials = party.credentials();
    let other = listener.expect(&credentials, ID).unwrap();
    drop(refund);
    let to = Credentials {
        destination_account: other.account().clone(),
        shared_secret: credentials.shared_secret.refund(ID.octets()),
    };
    let pay = |id: PaymentId| {
        let config = SendConfig::new(Target::Source(SourceAmount::new(50)), id);
        send_payment(party.plugin("bob"), &to, config, party.clock()).finished()
    };
    // Whoever knows the secret might send what is no refund.
    assert_eq!(
        pay(PaymentId::new([1; 16])).await.error,
        Some(SendError::Closed { reason: CloseReason::REFUSED, message: String::new() })
    );
    assert_eq!(other.refunded(), SourceAmount::ZERO);
    for attempts in [0, 1, 255] {
        let id = PaymentId::new(psk_crypto::refund_payment_id(ID.octets(), attempts));
        assert!(pay(id).await.is_completed());
    }
    assert_eq!(other.refunded(), SourceAmount::new(150));
    drop(other);
    assert!(!pay(ID).await.is_completed());
}
