//! `psk send` over two connectors at once, both of them peers of a third, where the receiver is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::net::TcpListener;

use support::*;

/// Where the receiver is.
const END: &str = r#"
[connector]
address = "test.end"

[connector.accounts.left]
relation = "peer"
asset_code = "XRP"
asset_scale = 9

[connector.accounts.right]
relation = "peer"
asset_code = "XRP"
asset_scale = 9

[connector.routes]
"test.left" = "left"
"test.right" = "right"

[links.left]
token = "lefts"

[links.right]
token = "rights"

[guests]
relation = "child"
asset_code = "XRP"
asset_scale = 9
"#;

/// A connector on the way, where everybody is a guest, and whose packets to the end take a while.
fn way(name: &str, end: &PskConnector, scale: u8) -> String {
    format!(
        r#"
[connector]
address = "test.{name}"
latency_ms = 10

[connector.accounts.end]
relation = "peer"
asset_code = "XRP"
asset_scale = 9

[connector.routes]
"test.end" = "end"

[links.end]
url = "{}"

[guests]
relation = "child"
asset_code = "XRP"
asset_scale = {scale}
max_packet_amount = 1000
"#,
        end.url(name, &format!("{name}s"))
    )
}

struct Network {
    scenario: Scenario,
    left: PskConnector,
    right: PskConnector,
    receiver: PskReceiver,
    _end: PskConnector,
}

impl Network {
    fn new(receive: &[&str]) -> Self {
        let scenario = Scenario::new();
        let end = PskConnector::from_toml(&scenario, END);
        let left = PskConnector::from_toml(&scenario, &way("left", &end, 9));
        let right = PskConnector::from_toml(&scenario, &way("right", &end, 9));
        let receive = [&["--verbose"], receive].concat();
        let receiver = PskReceiver::start(&scenario, &end.url("bob", "bobs"), &receive);
        Self { scenario, left, right, receiver, _end: end }
    }

    /// `psk send` over both.
    fn send(&self, more: &[&str]) -> Process {
        let (left, right) = (self.left.url("alice", "alices"), self.right.url("alice", "alices"));
        let more = [&["--plugin", &right], more].concat();
        self.scenario.psk_to("send", &left, &self.receiver.credentials(), &more)
    }

    fn some_chunks(&mut self) {
        for _ in 0..20 {
            self.receiver.process.event("chunk");
        }
    }

    /// The payment is whole, and the receiver has seen as much.
    fn expect_whole(mut self, ending: &Ending, amount: u64) {
        assert_eq!((ending.status, ending.stderr.len()), (Some(0), 0), "{ending:?}");
        let account = Account::of(ending);
        assert_eq!((&*account.status, account.source_sent), ("completed", amount), "{account:?}");
        assert_eq!((account.unverified, account.in_doubt, account.lost), (0, 0, None), "{account:?}");
        assert_eq!(account.delivered, amount, "{account:?}");
        assert_eq!(self.receiver.received(&account.payment_id), amount);
        self.receiver.stop();
    }
}

/// The paths that were found, in their order.
fn paths(ending: &Ending) -> Vec<u64> {
    let lines = ending.json();
    let mut paths: Vec<_> =
        lines.iter().filter(|line| line["event"] == "path").map(|line| count(&line["path"])).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn a_payment_goes_over_both() {
    for policy in ["cheapest", "fastest", "weighed:1.5"] {
        let network = Network::new(&[]);
        let policy = format!("--path-policy={policy}");
        let ending = network.send(&["--source-amount=500000", &policy]).finish();
        assert_eq!(paths(&ending), [0, 1], "{policy}: {ending:?}");
        network.expect_whole(&ending, 500_000);
    }
}

/// What was on its way through it may still arrive until it has expired, and is sent again only after that.
fn goes_on_when_killed(which: impl Fn(&mut Network) -> &mut PskConnector) {
    let mut network = Network::new(&[]);
    let sender = network.send(&["--source-amount=1000000"]);
    network.some_chunks();
    which(&mut network).process.kill();
    let ending = sender.finish();
    network.expect_whole(&ending, 1_000_000);
}

#[test]
fn a_payment_goes_on_when_the_first_connector_is_killed() {
    goes_on_when_killed(|network| &mut network.left);
}

#[test]
fn a_payment_goes_on_when_the_second_connector_is_killed() {
    goes_on_when_killed(|network| &mut network.right);
}

#[test]
fn what_was_sent_over_both_comes_back_over_the_first() {
    let mut network = Network::new(&["--on-incomplete=refund"]);
    let sender = network.send(&["--source-amount=100000000"]);
    network.some_chunks();
    sender.interrupt();
    let account = Account::of(&sender.finish());
    assert_eq!((&*account.status, account.lost), ("cancelled", Some(0)), "{account:?}");
    assert_eq!(account.refunded, account.source_sent);
    let ended = network.receiver.process.event("refund_ended");
    assert_eq!(units(&ended["refunded"]), account.refunded);
    network.receiver.stop();
}

#[test]
fn accounts_in_different_assets_are_refused() {
    let scenario = Scenario::new();
    let end = PskConnector::from_toml(&scenario, END);
    let left = PskConnector::from_toml(&scenario, &way("left", &end, 9));
    let right = PskConnector::from_toml(&scenario, &way("right", &end, 6));
    let receiver = PskReceiver::start(&scenario, &end.url("bob", "bobs"), &[]);
    let (left, right) = (left.url("alice", "alices"), right.url("alice", "alices"));
    let more = ["--plugin", &right, "--source-amount=5"];
    let ending = scenario.psk_to("send", &left, &receiver.credentials(), &more).finish();
    assert_eq!((ending.status, ending.stderr.len()), (Some(2), 1), "{ending:?}");
    assert!(ending.stderr[0].contains("different assets"), "{ending:?}");
    assert_eq!(Account::of(&ending).source_sent, 0);
    receiver.stop();
}

/// A port that was free a moment ago.
fn nobody() -> (String, String) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (format!("btp+ws://alice:token-that-is-secret@{address}"), address.to_string())
}

/// The payment goes over what is left of three, and the refund comes over that too.
#[test]
fn connectors_that_cannot_be_reached_at_the_start_are_told_of_and_left_out() {
    let mut network = Network::new(&["--on-incomplete=refund"]);
    // One where nobody is, and one that knows us and never says what our account is.
    let (nobody, nowhere) = nobody();
    let silent = FakeConnector::reacting(|_| Reaction::Say(vec![]));
    let right = network.right.url("alice", "alices");
    let more = ["--plugin", &silent.url(), "--plugin", &right, "--source-amount=100000000"];
    let sender = network.scenario.psk_to("send", &nobody, &network.receiver.credentials(), &more);
    network.some_chunks();
    sender.interrupt();
    let ending = sender.finish();
    let account = Account::of(&ending);
    assert_eq!((&*account.status, account.lost), ("cancelled", Some(0)), "{account:?}");
    assert_eq!(paths(&ending), [0]);
    let [first, second, cancelled] = &ending.stderr[..] else { panic!("{ending:?}") };
    assert!(first.starts_with("psk: warning: ") && first.contains(&nowhere), "{first}");
    assert!(second.starts_with("psk: warning: ") && second.contains(&silent.socket()), "{second}");
    assert_eq!(cancelled, "psk: payment cancelled");
    assert!(!format!("{ending:?}").contains("secret"), "{ending:?}");
    let lines = ending.json();
    let left_out: Vec<_> = lines
        .iter()
        .filter(|line| line["event"] == "plugin_unusable")
        .map(|line| count(&line["plugin"]))
        .collect();
    assert_eq!(left_out, [0, 1]);
    network.receiver.stop();
}

#[test]
fn without_any_connector_that_can_be_reached_nothing_is_sent() {
    let (first, blamed) = nobody();
    let (second, _) = nobody();
    let to = Credentials {
        destination_account: "test.end.bob.AAAA".into(),
        shared_secret: "c2VjcmV0LXRoYXQtbm9ib2R5LWlzLXRvLXNlZS1oZXI".into(),
    };
    let more = ["--plugin", &second, "--source-amount=5"];
    let ending = Scenario::new().psk_to("send", &first, &to, &more).finish();
    assert_eq!((ending.status, ending.stderr.len()), (Some(1), 1), "{ending:?}");
    assert!(ending.stderr[0].contains(&blamed), "{ending:?}");
    let account = Account::of(&ending);
    assert_eq!((&*account.status, account.source_sent), ("failed", 0), "{account:?}");
}
