//! `psk send` beside the money: data to `psk receive` and back, and what comes back of a payment that is given up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use psk_chunking::receive::{OnIncomplete, PaymentKey, PaymentOffer, ReceiveConfig, ReceiveEvent, Verdict};
use psk_chunking::{PaymentHandler, PaymentReceiver};
use psk_crypto::{ReceiverSecret, SystemRandom};
use psk_plugin::btp::{BtpClient, BtpUrl};
use psk_plugin::{Clock, Plugin};
use psk_request::{Endpoint, EndpointReceiver, ReceiverConfig};
use support::*;

/// Octets that are the same nowhere.
fn octets(length: u32) -> Vec<u8> {
    (0..length).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A directory with a file of so many octets to send, and a place for what is received.
struct Place {
    directory: tempfile::TempDir,
    data: Vec<u8>,
}

impl Place {
    fn new(length: u32) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap(), data: octets(length) };
        fs::write(place.sent(), &place.data).unwrap();
        place
    }

    fn sent(&self) -> PathBuf {
        self.directory.path().join("to-send")
    }

    fn received(&self) -> PathBuf {
        self.directory.path().join("received")
    }

    fn files(&self) -> usize {
        fs::read_dir(self.received()).unwrap().count()
    }
}

fn argument(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

#[test]
fn a_file_goes_with_the_money() {
    let scenario = Scenario::new();
    let place = Place::new(300_000);
    let connector = PskConnector::from_flags(&scenario, &["--max-packet-amount=1000", "--latency=5ms"]);
    let directory = argument("--data-dir", &place.received());
    let receive = [&*directory, "--max-data=300000"];
    let mut receiver = PskReceiver::start(&scenario, &connector.url("bob", "bobs"), &receive);
    let file = argument("--data-file", &place.sent());
    // As much money as carries it, and so little that most of it goes alone.
    for amount in ["--source-amount=100000", "--source-amount=10", "--destination-amount=2000"] {
        let account =
            scenario.pay(&connector.url("alice", "alices"), &receiver.credentials(), &[amount, &file]);
        assert_eq!(account.data_delivered, Some(true), "{amount}: {account:?}");
        assert_eq!(receiver.received(&account.payment_id), account.delivered, "{amount}");
        let told = receiver.process.event("data");
        assert_eq!(
            (text(&told["payment_id"]), count(&told["length"])),
            (&*account.payment_id, 300_000),
            "{amount}"
        );
        assert!(fs::read(text(&told["file"])).unwrap() == place.data, "{amount}: not the same file");
    }
    receiver.stop();
}

#[test]
fn a_file_comes_from_stdin() {
    let scenario = Scenario::new();
    let place = Place::new(0);
    let connector = PskConnector::from_flags(&scenario, &[]);
    let directory = argument("--data-dir", &place.received());
    let mut receiver = PskReceiver::start(&scenario, &connector.url("bob", "bobs"), &[&directory]);
    let arguments = ["--source-amount=10", "--data-file=-"];
    let mut sender =
        scenario.psk_to("send", &connector.url("alice", "alices"), &receiver.credentials(), &arguments);
    sender.write(b"an invoice");
    sender.close_stdin();
    let account = Account::of(&sender.finish());
    assert_eq!(account.data_delivered, Some(true), "{account:?}");
    let told = receiver.process.event("data");
    assert_eq!(fs::read(text(&told["file"])).unwrap(), b"an invoice");
    receiver.stop();
}

#[test]
fn of_an_empty_file_nothing_is_missing() {
    let scenario = Scenario::new();
    let place = Place::new(0);
    let connector = PskConnector::from_flags(&scenario, &[]);
    let receiver = PskReceiver::start(&scenario, &connector.url("bob", "bobs"), &[]);
    let file = argument("--data-file", &place.sent());
    let arguments = ["--source-amount=10", &file];
    let account = scenario.pay(&connector.url("alice", "alices"), &receiver.credentials(), &arguments);
    assert_eq!(account.data_delivered, Some(true), "{account:?}");
}

#[test]
fn people_are_told_of_data_and_refunds() {
    let scenario = Scenario::new();
    let place = Place::new(10);
    let connector = PskConnector::from_flags(&scenario, &["--max-packet-amount=1000", "--latency=20ms"]);
    let receive = ["--verbose", "--on-incomplete=refund"];
    let mut receiver = PskReceiver::start(&scenario, &connector.url("bob", "bobs"), &receive);
    let (server, [account, secret]) = (connector.url("alice", "alices"), receiver.credentials().arguments());
    let send = ["send", "--plugin", &server, &account, &secret];
    let file = argument("--data-file", &place.sent());
    let ending = scenario.psk_with(&[&send[..], &["--source-amount=10", &file]].concat(), &[]).finish();
    let [line] = &ending.stdout[..] else { panic!("{ending:?}") };
    assert!(
        line.starts_with("completed: 10 source units sent") && line.ends_with("; data delivered"),
        "{line}"
    );
    receiver.process.event("chunk");
    let sender = scenario.psk_with(&[&send[..], &["--source-amount=100000000"]].concat(), &[]);
    for _ in 0..20 {
        receiver.process.event("chunk");
    }
    sender.interrupt();
    let ending = sender.finish();
    let [line] = &ending.stdout[..] else { panic!("{ending:?}") };
    let sent = line.strip_prefix("cancelled: ").and_then(|line| line.split(' ').next()).unwrap();
    assert!(line.ends_with(&format!("; {sent} source units refunded, 0 lost")), "{line}");
    receiver.stop();
}

#[test]
fn a_file_that_is_too_long_for_the_receiver_is_not_taken_and_the_money_is() {
    let scenario = Scenario::new();
    let place = Place::new(300_000);
    let connector = PskConnector::from_flags(&scenario, &["--max-packet-amount=1000", "--latency=5ms"]);
    let directory = argument("--data-dir", &place.received());
    let receive = [&*directory, "--max-data=299999"];
    let mut receiver = PskReceiver::start(&scenario, &connector.url("bob", "bobs"), &receive);
    let file = argument("--data-file", &place.sent());
    for amount in ["--source-amount=100000", "--source-amount=10"] {
        let account =
            scenario.pay(&connector.url("alice", "alices"), &receiver.credentials(), &[amount, &file]);
        assert_eq!(account.data_delivered, Some(false), "{account:?}");
        assert_eq!(receiver.received(&account.payment_id), account.delivered);
    }
    let (server, [account, secret]) = (connector.url("alice", "alices"), receiver.credentials().arguments());
    let send = ["send", "--plugin", &server, &account, &secret, "--source-amount=10", &file];
    let ending = scenario.psk_with(&send, &[]).finish();
    assert_eq!(ending.status, Some(1), "{ending:?}");
    assert!(
        ending.stdout[0].starts_with("completed: ") && ending.stdout[0].ends_with("; data not delivered")
    );
    assert!(
        ending.stderr[0].starts_with(
            "psk: the money is delivered, but not the data: it is longer than the receiver takes"
        ),
        "{ending:?}"
    );
    receiver.stop();
    assert_eq!(place.files(), 0);
}

/// Takes all, and tells its test.
struct Teller(std::sync::Mutex<std::sync::mpsc::Sender<ReceiveEvent>>);

#[async_trait::async_trait]
impl PaymentHandler for Teller {
    async fn review(&self, _offer: PaymentOffer) -> Verdict {
        Verdict::Accept
    }

    fn on_event(&self, event: ReceiveEvent) {
        let _ = self.0.lock().unwrap().send(event);
    }
}

/// A receiver within the test, which tells it all that happens.
struct OurReceiver {
    scenario: Scenario,
    connector: PskConnector,
    credentials: Credentials,
    payments: PaymentReceiver,
    told: Receiver<ReceiveEvent>,
    /// These run as long as they are held.
    _receiver: EndpointReceiver,
    _runtime: tokio::runtime::Runtime,
}

impl OurReceiver {
    fn new(config: ReceiveConfig) -> Self {
        let scenario = Scenario::new();
        let connector = PskConnector::from_flags(&scenario, &["--max-packet-amount=1000", "--latency=5ms"]);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let url: BtpUrl = connector.url("bob", "bobs").parse().unwrap();
        let bob: Arc<dyn Plugin> = Arc::new(runtime.block_on(BtpClient::connect(url)).unwrap());
        let (sender, told) = channel();
        let entered = runtime.enter();
        let payments = PaymentReceiver::new(config, Teller(sender.into()), Clock::system());
        let endpoint = runtime.block_on(Endpoint::attach(bob, Clock::system())).unwrap();
        let secret = ReceiverSecret::generate(&mut SystemRandom);
        let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments.clone())).unwrap();
        drop(entered);
        let credentials = receiver.credentials(b"").unwrap();
        let credentials = Credentials {
            destination_account: credentials.destination_account.to_string(),
            shared_secret: credentials.shared_secret.expose_base64url(),
        };
        Self { scenario, connector, credentials, payments, told, _receiver: receiver, _runtime: runtime }
    }

    fn pay(&self, more: &[&str]) -> Process {
        self.scenario.psk_to("send", &self.connector.url("alice", "alices"), &self.credentials, more)
    }

    /// Waits for an event of which `find` finds something.
    fn wait_for<T>(&self, find: impl Fn(ReceiveEvent) -> Option<T>) -> T {
        loop {
            if let Some(found) = find(self.told.recv_timeout(self.scenario.time_left()).unwrap()) {
                return found;
            }
        }
    }

    /// Waits until a chunk has arrived.
    fn chunk(&self) -> PaymentKey {
        self.wait_for(|event| match event {
            ReceiveEvent::ChunkFulfilled { payment, .. } => Some(payment),
            _ => None,
        })
    }
}

/// What is told of nine octets that the receiver says, early in a payment of some windows of chunks: what it says when all has
/// been answered comes too late.
fn nine_octets_are_told(more: &[&str]) -> Option<Value> {
    let receiver = OurReceiver::new(ReceiveConfig::default());
    let process = receiver.pay(&[&["--source-amount=5000000"], more].concat());
    let payment = receiver.chunk();
    receiver.payments.write(&payment, "thank you".into()).unwrap();
    receiver.payments.finish_data(&payment).unwrap();
    let ending = process.finish();
    let account = Account::of(&ending);
    assert_eq!((&*account.status, account.data_delivered), ("completed", None));
    ending.json().into_iter().find(|line| line["event"] == "data")
}

#[test]
fn what_the_receiver_says_is_told() {
    for more in [&[][..], &["--max-received-data=9"]] {
        let line = nine_octets_are_told(more).unwrap();
        assert_eq!(
            (text(&line["data"]), count(&line["length"]), &line["complete"]),
            (&*base64url("thank you"), 9, &json!(true))
        );
    }
}

#[test]
fn what_is_longer_than_the_sender_takes_is_dropped_and_the_money_is_sent() {
    assert_eq!(nine_octets_are_told(&["--max-received-data=8"]), None);
}

/// Interrupts a payment to a receiver that promises a refund and pays nothing of it for an hour, and returns when it has
/// promised that.
fn promised(receiver: &OurReceiver, more: &[&str]) -> Process {
    let sender = receiver.pay(&[&["--source-amount=100000000"], more].concat());
    receiver.chunk();
    sender.interrupt();
    receiver.wait_for(|event| matches!(event, ReceiveEvent::RefundDue(_)).then_some(()));
    sender
}

/// Without a plugin to pay them over, refunds come to nothing and are tried again.
fn promises() -> OurReceiver {
    let refund_pause = Duration::from_secs(3_600);
    let on_incomplete = OnIncomplete::Refund;
    OurReceiver::new(ReceiveConfig { on_incomplete, refund_pause, ..ReceiveConfig::default() })
}

#[track_caller]
fn assert_nothing_came_back(ending: &Ending) {
    assert_eq!((ending.status, ending.stderr.len()), (Some(1), 1), "{ending:?}");
    let account = Account::of(ending);
    assert_eq!((&*account.status, account.refunded), ("cancelled", 0), "{account:?}");
    assert!(account.source_sent > 0, "{account:?}");
    let lost = Some(account.source_sent);
    assert_eq!((account.lost, account.lost_at_most), (lost, lost), "{account:?}");
}

#[test]
fn a_refund_that_does_not_come_is_not_awaited_longer_than_its_time_out() {
    let receiver = promises();
    let sender = promised(&receiver, &["--refund-timeout=500ms"]);
    assert_nothing_came_back(&sender.finish());
    // By default it would be a minute.
    assert!(receiver.scenario.time_left() > Duration::from_secs(60));
}

#[test]
fn a_second_interrupt_ends_the_waiting_for_a_refund() {
    let receiver = promises();
    // Beyond the time limit of the test.
    let sender = promised(&receiver, &["--refund-timeout=1h"]);
    sender.interrupt();
    assert_nothing_came_back(&sender.finish());
}

/// Gives a payment up when some chunks of it have arrived, and tells what came of it on both sides: the sender's account
/// and the receiver's lines.
fn give_up(receive: &[&str], send: &[&str], by_interrupt: bool) -> (Account, Vec<Value>) {
    let scenario = Scenario::new();
    let connector = PskConnector::from_flags(&scenario, &["--latency=20ms", "--max-packet-amount=1000"]);
    let receive = [&["--verbose"], receive].concat();
    let mut receiver = PskReceiver::start(&scenario, &connector.url("bob", "bobs"), &receive);
    let server = connector.url("alice", "alices");
    let send = [&["--source-amount=100000000"], send].concat();
    let sender = scenario.psk_to("send", &server, &receiver.credentials(), &send);
    for _ in 0..20 {
        receiver.process.event("chunk");
    }
    if by_interrupt {
        sender.interrupt();
    }
    let ending = sender.finish();
    assert_eq!(ending.status, Some(1), "{ending:?}");
    let account = Account::of(&ending);
    assert_eq!((account.delivered, account.in_doubt, account.unverified), (account.source_sent, 0, 0));
    assert!((20_000..100_000_000).contains(&account.source_sent), "{account:?}");
    assert_eq!(Some(account.source_sent - account.refunded), account.lost);
    let lines = receiver.stop().json();
    let finished = lines.iter().find(|line| line["event"] == "payment_finished").unwrap();
    assert_eq!(
        (text(&finished["payment_id"]), units(&finished["received"])),
        (&*account.payment_id, account.delivered)
    );
    (account, lines)
}

/// What the receiver says that it has refunded, of what.
fn refunded(lines: &[Value]) -> Option<(u64, u64)> {
    let ended = lines.iter().find(|line| line["event"] == "refund_ended")?;
    Some((units(&ended["refunded"]), units(&ended["total"])))
}

#[test]
fn what_was_sent_of_an_interrupted_payment_comes_back() {
    let (account, lines) = give_up(&["--on-incomplete=refund"], &[], true);
    assert_eq!((&*account.status, account.lost), ("cancelled", Some(0)), "{account:?}");
    assert_eq!(refunded(&lines), Some((account.refunded, account.source_sent)));
    let finished = lines.iter().find(|line| line["event"] == "payment_finished").unwrap();
    assert_eq!(text(&finished["reason"]), "aborted");
}

#[test]
fn what_was_sent_of_a_payment_that_takes_too_long_comes_back() {
    let (account, lines) = give_up(&["--on-incomplete=refund"], &["--timeout=2"], false);
    assert_eq!((&*account.status, account.lost), ("timed_out", Some(0)), "{account:?}");
    assert_eq!(refunded(&lines), Some((account.refunded, account.source_sent)));
}

#[test]
fn a_receiver_that_keeps_the_money_keeps_it() {
    let (account, lines) = give_up(&[], &[], true);
    assert_eq!((account.refunded, account.lost), (0, Some(account.source_sent)), "{account:?}");
    assert_eq!(refunded(&lines), None);
}

#[test]
fn a_sender_that_wants_no_refund_gets_none() {
    let (account, lines) = give_up(&["--on-incomplete=refund"], &["--no-refund"], true);
    assert_eq!((account.refunded, account.lost), (0, Some(account.source_sent)), "{account:?}");
    assert_eq!(refunded(&lines), None);
}
