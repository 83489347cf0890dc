//! Peers that go away or answer garbage in the middle of it: the account is still told, and servers go on.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use psk_codec::btp::{Kind, Packet, RequestId, SubProtocol};
use psk_codec::{Address, ErrorCode, Fulfill, Fulfillment, Reject, ildcp};
use support::{FakeConnector, Reaction, binary, *};
use tokio_tungstenite::tungstenite::Message;

const SECRET: &str = "c2VjcmV0LXRoYXQtbm9ib2R5LWlzLXRvLXNlZS1oZXI";
const ACCOUNT: &str = "test.connector.bob.AAAA";

/// One line on stderr, the account on stdout, exit status 1.
#[track_caller]
fn account_of_failure(ending: &Ending) -> Account {
    assert_eq!((ending.status, ending.stderr.len()), (Some(1), 1), "{ending:?}");
    assert!(!ending.stderr[0].contains("panicked") && !ending.stderr[0].contains(SECRET), "{ending:?}");
    let account = Account::of(ending);
    assert_ne!(account.status, "completed");
    assert!(account.error.is_some(), "{account:?}");
    account
}

#[test]
fn a_receiver_that_is_killed_in_the_middle_of_a_payment() {
    with_peers(|scenario| {
        let settings = json!({"latencyMs": 20, "maxPacketAmount": "1000", "maxHoldMs": 2500});
        let mut accounts = Accounts::start(scenario, settings);
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &["--verbose"]);
        // Nobody is there who could refund anything.
        let more = ["--source-amount", "1000000000", "--timeout", "10", "--refund-timeout", "2s"];
        let sender = scenario.psk_to("send", &accounts.left("alice"), &receiver.credentials(), &more);
        // More than a first window (1,024 packets), so that the sender knows of some that they are fulfilled, while
        // many others are on their way.
        for _ in 0..1_200 {
            receiver.process.event("chunk");
        }
        receiver.process.kill();
        let account = account_of_failure(&sender.finish());
        let sent = accounts.sent("test.left.alice");
        assert!(account.source_sent >= 1, "{account:?}");
        assert!(
            account.source_sent <= sent && sent <= account.source_sent + account.in_doubt,
            "{account:?} {sent}"
        );
        assert_eq!(account.delivered, account.source_sent, "{account:?}");
        assert!(account.source_sent + account.in_doubt < 1_000_000_000, "{account:?}");
    });
}

#[test]
fn a_connector_that_is_killed_in_the_middle_of_a_payment() {
    let scenario = Scenario::new();
    let mut connector =
        PskConnector::from_flags(&scenario, &["--latency", "20ms", "--max-packet-amount", "1000"]);
    let mut receiver = PskReceiver::start(&scenario, &connector.url("bob", "x"), &["--verbose"]);
    let more = ["--source-amount", "1000000000", "--timeout", "10", "--refund-timeout", "2s"];
    let sender = scenario.psk_to("send", &connector.url("alice", "y"), &receiver.credentials(), &more);
    for _ in 0..20 {
        receiver.process.event("chunk");
    }
    connector.process.kill();
    let account = account_of_failure(&sender.finish());
    // Whatever the receiver fulfilled is known to the sender or in doubt.
    let rest = receiver.stop();
    let received: u64 =
        rest.json().iter().filter(|line| line["event"] == "chunk").map(|line| units(&line["amount"])).sum();
    assert!(
        account.delivered <= received && received <= account.delivered + account.in_doubt,
        "{account:?} {received}"
    );
}

#[test]
fn a_sender_that_is_interrupted_tells_its_account() {
    let scenario = Scenario::new();
    let connector =
        PskConnector::from_flags(&scenario, &["--latency", "20ms", "--max-packet-amount", "1000"]);
    let mut receiver = PskReceiver::start(&scenario, &connector.url("bob", "x"), &["--verbose"]);
    let more = ["--source-amount", "10000000"];
    let sender = scenario.psk_to("send", &connector.url("alice", "y"), &receiver.credentials(), &more);
    for _ in 0..20 {
        receiver.process.event("chunk");
    }
    sender.interrupt();
    let account = account_of_failure(&sender.finish());
    assert_eq!((account.delivered, account.in_doubt), (account.source_sent, 0), "{account:?}");
    assert!((1..10_000_000).contains(&account.source_sent), "{account:?}");
    // Ctrl-C ends the receiver as well, and it tells what it has of the payment.
    let rest = receiver.stop();
    let finished = rest.last();
    assert_eq!(
        (text(&finished["event"]), units(&finished["received"])),
        ("payment_finished", account.delivered)
    );
}

#[test]
fn interrupts_end_receivers_and_connectors_cleanly() {
    let scenario = Scenario::new();
    let connector = PskConnector::from_flags(&scenario, &[]);
    let receiver = PskReceiver::start(&scenario, &connector.url("bob", "x"), &[]);
    assert_eq!(receiver.stop().stdout.len(), 1);
    connector.process.interrupt();
    let ending = connector.process.finish();
    assert_eq!((ending.status, ending.stderr.len()), (Some(0), 0), "{ending:?}");
}

fn to() -> Credentials {
    Credentials { destination_account: ACCOUNT.into(), shared_secret: SECRET.into() }
}

const COMMANDS: [&[&str]; 4] = [
    &["send", "--source-amount", "1000"],
    &["quote", "--source-amount", "1000"],
    &["probe"],
    &["request", "--amount", "10"],
];

/// What a connector does with every packet.
type React = fn(Packet) -> Reaction;

/// Runs all commands against connectors that react like that, all at once. None is done, a payment counts nothing as
/// delivered, and stderr has one line, which is to name what is given with the reaction or the connector's address.
fn all_fail(connectors: &[(&str, React, &[&str])]) {
    let scenario = Scenario::new();
    let mut running = Vec::new();
    for &(name, reaction, blamed) in connectors {
        let connector = Arc::new(FakeConnector::reacting(reaction));
        for command in COMMANDS {
            let process = scenario.psk_to(command[0], &connector.url(), &to(), &command[1..]);
            running.push((format!("{name}: psk {}", command[0]), process, connector.clone(), blamed));
        }
        let process = scenario.psk(&["receive", "--plugin", &connector.url()]);
        running.push((format!("{name}: psk receive"), process, connector, blamed));
    }
    let mut unclear = Vec::new();
    for (what, process, connector, blamed) in running {
        let ending = process.finish();
        assert_eq!((ending.status, ending.stderr.len()), (Some(1), 1), "{what}: {ending:?}");
        let line = &ending.stderr[0];
        assert!(!line.contains("panicked") && !line.contains(char::is_control), "{what}: {ending:?}");
        assert!(!format!("{ending:?}").contains("secret-token"), "{what}: {ending:?}");
        assert!(ending.json().iter().all(Value::is_object), "{what}: {ending:?}");
        if what.ends_with("send") {
            let account = account_of_failure(&ending);
            assert_eq!((account.source_sent, account.delivered), (0, 0), "{what}: {account:?}");
        }
        if !line.contains(&connector.socket()) && !blamed.iter().any(|name| line.contains(name)) {
            unclear.push(format!("{what}: {line}"));
        }
    }
    assert!(unclear.is_empty(), "these do not say whose fault it is: {unclear:#?}");
}

fn say(packet: &Packet) -> Reaction {
    Reaction::Say(vec![binary(packet.encode().unwrap())])
}

fn answer(request: &Packet, ilp: impl Into<bytes::Bytes>) -> Reaction {
    say(&Packet::ilp_response(request.request_id, ilp.into()))
}

fn reject(request: &Packet, code: ErrorCode) -> Reaction {
    let mut reject = Reject::new(code, "test.connector".parse::<Address>().unwrap());
    reject.message = "\u{1b}[31m garbage \r\n".into();
    answer(request, reject.with_data(vec![0; 16]).encode().unwrap())
}

/// Words for the connector, where its address is not given.
const CONNECTOR: &[&str] = &["connector", "peer", "server"];

#[test]
fn connectors_that_answer_garbage() {
    all_fail(&[
        ("no ILP", |request| answer(&request, "garbage"), CONNECTOR),
        ("no octets", |request| answer(&request, ""), CONNECTOR),
        ("the request", |request| answer(&request, request.ilp().cloned().unwrap_or_default()), CONNECTOR),
        ("no sub-protocol", |request| say(&Packet::empty_response(request.request_id)), CONNECTOR),
        (
            "a wrong fulfillment",
            |request| {
                let fulfillment = Fulfillment::new([7; 32]);
                answer(&request, Fulfill { fulfillment, data: "thanks".into() }.encode().unwrap())
            },
            CONNECTOR,
        ),
    ]);
}

#[test]
fn connectors_that_refuse_to_answer() {
    let told = &["T00", "T01", "connection was lost", "not answered"];
    all_fail(&[
        (
            "a BTP error",
            |request| {
                let now = psk_plugin::Clock::system().now();
                say(&Packet::error(
                    request.request_id,
                    psk_codec::btp::ErrorCode::F00_NOT_ACCEPTED,
                    now,
                    "no",
                ))
            },
            told,
        ),
        ("hanging up", |_| Reaction::HangUp, told),
        ("a huge message", |_| Reaction::Say(vec![binary(vec![6; 1 << 20])]), told),
    ]);
}

#[test]
fn connectors_that_reject_with_garbage() {
    all_fail(&[
        (
            "F08",
            |request| reject(&request, ErrorCode::F08_AMOUNT_TOO_LARGE),
            &["F08", "refused for its size"],
        ),
        ("an unknown code", |request| reject(&request, ErrorCode::new(*b"X42")), &["X42"]),
    ]);
}

#[test]
fn a_connector_that_writes_no_btp_at_all_is_not_waited_for_beyond_the_time_limit() {
    let scenario = Scenario::new();
    let connector =
        FakeConnector::reacting(|_| Reaction::Say(vec![Message::Text("what?".into()), binary("garbage")]));
    for command in
        [&["send", "--source-amount", "1000"][..], &["quote", "--source-amount", "1000"], &["probe"]]
    {
        let more = [&command[1..], &["--timeout", "1"]].concat();
        let ending = scenario.psk_to(command[0], &connector.url(), &to(), &more).finish();
        assert_eq!((ending.status, ending.stderr.len()), (Some(1), 1), "{ending:?}");
        if command[0] == "send" {
            let account = account_of_failure(&ending);
            assert_eq!((&*account.status, account.source_sent, account.in_doubt), ("timed_out", 0, 0));
        }
    }
}

/// What nobody should say to a server, each on a connection of its own.
fn garbage() -> Vec<Message> {
    let mut transfer = Packet::empty_response(RequestId::new(2));
    transfer.kind = Kind::Message;
    transfer.protocol_data = vec![SubProtocol::ilp("garbage".into()), SubProtocol::ilp("more".into())];
    vec![
        binary(""),
        binary("garbage"),
        binary(vec![0xff; 100_000]),
        binary(vec![6, 0, 0, 0, 1, 0x84, 0xff, 0xff, 0xff, 0xff]),
        binary(transfer.encode().unwrap()),
        binary(Packet::empty_response(RequestId::new(9)).encode().unwrap()),
        Message::Text("garbage".into()),
        binary(vec![6; 1 << 20]),
    ]
}

#[test]
fn garbage_never_ends_a_connector() {
    let scenario = Scenario::new();
    let connector = PskConnector::from_flags(&scenario, &[]);
    let mut receiver = PskReceiver::start(&scenario, &connector.url("bob", "x"), &[]);
    let works = |receiver: &mut PskReceiver| {
        let account =
            scenario.pay(&connector.url("alice", "y"), &receiver.credentials(), &["--source-amount", "10"]);
        assert_eq!(receiver.received(&account.payment_id), 10);
    };
    works(&mut receiver);
    for octets in
        [&b"garbage\r\n\r\n"[..], &[0; 4096], &[0x16, 3, 1, 0, 5], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(connector.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(octets).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // Whatever it says: it hangs up.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    works(&mut receiver);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (number, authenticated) in [(1, false), (2, true)] {
            for message in garbage() {
                let url = format!("ws://{}", connector.socket());
                let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
                if authenticated {
                    let auth = Packet::auth(RequestId::new(number), Some("mallory"), "z");
                    socket.send(binary(auth.encode().unwrap())).await.unwrap();
                    assert!(socket.next().await.unwrap().unwrap().is_binary());
                }
                // It may hang up before all is written.
                let _ = socket.send(message).await;
                let _ = socket.close(None).await;
                while let Some(Ok(_)) = socket.next().await {}
            }
        }
        // To the receiver's own account too, from where the garbage is forwarded by nobody.
        let (mut socket, _) =
            tokio_tungstenite::connect_async(format!("ws://{}", connector.socket())).await.unwrap();
        let auth = Packet::auth(RequestId::new(3), Some("mallory"), "z");
        socket.send(binary(auth.encode().unwrap())).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap().is_binary());
        let address = text(&receiver.listening["address"]).parse().unwrap();
        let prepare = psk_codec::Prepare {
            amount: psk_codec::Amount::new(5),
            expires_at: psk_plugin::Clock::system().now().saturating_add(Duration::from_secs(10)),
            condition: ildcp::CONDITION,
            destination: address,
            data: "garbage for the receiver".into(),
        };
        let message = Packet::ilp_message(RequestId::new(4), prepare.encode().unwrap());
        socket.send(binary(message.encode().unwrap())).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap().is_binary(), "rejected");
    });
    works(&mut receiver);
    receiver.stop();
}
