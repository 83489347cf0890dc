//! `psk` on both sides of an npm connector that limits, delays and fails: everything arrives, to the last unit.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the seconds that a payment takes are shown"
)]

mod support;

use std::time::Instant;

use support::*;

/// Pays over a path with these settings, and checks that the sender, the connector and the receiver agree.
fn pay(settings: Value, target: &[&str], check: impl FnOnce(&Account)) {
    with_peers(|scenario| {
        let mut accounts = Accounts::start(scenario, settings);
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &[]);
        let begin = Instant::now();
        let account = scenario.pay(&accounts.left("alice"), &receiver.credentials(), target);
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{target:?}: {seconds:.2} s, {} chunks, {} rejected",
            account.chunks_fulfilled, account.chunks_rejected
        );
        let finished = receiver.finished(&account.payment_id);
        assert_eq!(units(&finished["received"]), account.delivered);
        assert_eq!(count(&finished["chunks"]), account.chunks_fulfilled);
        assert_eq!(accounts.sent("test.left.alice"), account.source_sent);
        assert_eq!(accounts.received("test.right.bob"), account.delivered);
        check(&account);
    });
}

fn rate_of_37_percent(mut settings: Value) -> Value {
    settings["rate"] = json!({"numerator": "37", "denominator": "100"});
    settings
}

#[test]
fn units_109_000_behind_a_t04_limit_of_10_000() {
    let settings = json!({"maxPacketAmount": "10000", "maxPacketCode": "T04"});
    pay(settings, &["--source-amount", "109000"], |account| {
        assert_eq!((account.source_sent, account.delivered), (109_000, 109_000));
    });
}

/// At rate 0.37 with maximum packet 9,999.
fn a_million_at_37_percent(code: &str) {
    let settings = rate_of_37_percent(json!({"maxPacketAmount": "9999", "maxPacketCode": code}));
    pay(settings, &["--destination-amount", "1000000"], |account| assert_eq!(account.delivered, 1_000_000));
}

#[test]
fn a_million_delivered_at_37_percent_with_f08() {
    a_million_at_37_percent("F08");
}

#[test]
fn a_million_delivered_at_37_percent_with_f08_without_details() {
    a_million_at_37_percent("F08-empty");
}

#[test]
fn a_million_delivered_at_37_percent_with_t04() {
    a_million_at_37_percent("T04");
}

#[test]
fn a_million_over_100_ms_in_packets_of_10_000() {
    for code in ["F08", "T04"] {
        let settings = json!({"latencyMs": 50, "maxPacketAmount": "10000", "maxPacketCode": code});
        pay(settings, &["--source-amount", "1000000"], |account| assert_eq!(account.delivered, 1_000_000));
    }
}

#[test]
fn a_maximum_in_the_units_of_the_next_hop() {
    let settings = rate_of_37_percent(json!({"maxPacketAmountOut": "1000"}));
    pay(settings, &["--source-amount", "50000"], |account| assert_eq!(account.source_sent, 50_000));
}

#[test]
fn sporadic_t04() {
    for every in [3, 7] {
        let settings =
            rate_of_37_percent(json!({"t04Every": every, "maxPacketAmount": "2500", "latencyMs": 5}));
        pay(settings, &["--destination-amount", "20000"], |account| {
            assert_eq!(account.delivered, 20_000);
            assert!(account.chunks_rejected > 0, "{account:?}");
        });
    }
}

#[test]
fn a_hop_that_is_short_of_liquidity() {
    let settings = json!({"liquidity": {"perSecond": "40000", "burst": "20000"}, "latencyMs": 5});
    pay(settings, &["--source-amount", "100000"], |account| {
        assert_eq!((account.source_sent, account.delivered), (100_000, 100_000));
        assert!(account.chunks_rejected > 0, "{account:?}");
    });
}

#[test]
fn one_unit_that_becomes_several_thousand() {
    let settings = json!({"rate": {"numerator": "5000", "denominator": "1"}, "maxPacketAmount": "7"});
    pay(settings, &["--destination-amount", "1000001", "--timeout", "20"], |account| {
        assert_eq!((account.source_sent, account.delivered), (201, 1_005_000));
    });
}

#[test]
fn several_thousand_units_that_become_one() {
    let settings = json!({"rate": {"numerator": "1", "denominator": "5000"}, "maxPacketAmount": "19999"});
    pay(settings, &["--destination-amount", "100"], |account| assert_eq!(account.delivered, 100));
}

/// Many source units are one destination unit, and two in the largest packet that passes.
fn two_units_a_packet(code: &str) {
    let settings = json!({
        "rate": {"numerator": "5", "denominator": "1000"},
        "maxPacketAmount": "483",
        "maxPacketCode": code
    });
    pay(settings, &["--destination-amount", "101", "--timeout", "10"], |account| {
        assert_eq!(account.delivered, 101);
        assert!(account.chunks_rejected < 100, "{account:?}");
    });
}

#[test]
fn two_units_a_packet_with_f08() {
    two_units_a_packet("F08");
}

#[test]
fn two_units_a_packet_with_f08_without_details() {
    two_units_a_packet("F08-empty");
}

#[test]
fn two_units_a_packet_with_t04() {
    two_units_a_packet("T04");
}

#[test]
fn no_dust_is_left_that_delivers_nothing() {
    // 17 packets of 20 leave 5 units, of which nothing arrives. Of 15 as much arrives as of 20, and it is looked for.
    let settings = json!({"rate": {"numerator": "7", "denominator": "100"}, "maxPacketAmount": "20"});
    pay(settings, &["--source-amount", "345", "--timeout", "10"], |account| {
        assert_eq!((account.source_sent, account.delivered), (345, 23));
    });
}

#[test]
fn requests_pass_between_psk_and_psk() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, rate_of_37_percent(json!({"latencyMs": 20})));
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &["--response", "thanks"]);
        let (server, to) = (accounts.left("alice"), receiver.credentials());
        let answer = scenario.done("request", &server, &to, &["--amount", "1000", "--data", "hello"]);
        assert_eq!(
            (text(&answer["destination_amount"]), text(&answer["data"])),
            ("370", &*base64url("thanks"))
        );
        let request = receiver.request();
        assert_eq!((text(&request["amount"]), text(&request["data"])), ("370", &*base64url("hello")));
        assert_eq!(request["fulfilled"], true);
    });
}

#[test]
fn quotes_between_psk_and_psk() {
    with_peers(|scenario| {
        let settings = rate_of_37_percent(json!({"latencyMs": 20, "maxPacketAmount": "9999"}));
        let accounts = Accounts::start(scenario, settings);
        let receiver = PskReceiver::start(scenario, &accounts.right("bob"), &[]);
        let (server, to) = (accounts.left("alice"), receiver.credentials());
        let found = scenario.done("probe", &server, &to, &[]);
        assert_eq!((text(&found["max_packet_amount"]), &found["exact"]), ("9999", &json!(true)));
        let quote = scenario.done("quote", &server, &to, &["--source-amount", "9999"]);
        assert_eq!(text(&quote["destination_amount"]), "3699");
        let quote = scenario.done("quote", &server, &to, &["--destination-amount", "3699"]);
        assert_eq!(text(&quote["source_amount"]), "9998", "3699 / 0.37 = 9997.3");
        // Nobody is asked for money: the receiver tells of requests that cannot be fulfilled, and of no payment.
        let rest = receiver.stop().json();
        assert!(
            rest[1..].iter().all(|line| line["event"] == "request" && line["fulfilled"] == false),
            "{rest:#?}"
        );
    });
}

#[test]
fn a_lost_connection_in_the_middle_loses_no_account() {
    with_peers(|scenario| {
        let settings = json!({"latencyMs": 30, "maxPacketAmount": "1000", "maxHoldMs": 3000});
        let mut accounts = Accounts::start(scenario, settings);
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &["--verbose"]);
        let more = ["--source-amount", "500000", "--timeout", "5"];
        let sender = scenario.psk_to("send", &accounts.left("alice"), &receiver.credentials(), &more);
        receiver.process.event("chunk");
        accounts.drop_sockets("left", "alice");
        let ending = sender.finish();
        let account = Account::of(&ending);
        // mini-accounts answers to the account, so answers to the packets of the old connection may come by the new
        // one, where nobody knows them: these packets are in doubt, and nothing else is.
        let sent = accounts.sent("test.left.alice");
        assert!(
            account.source_sent <= sent && sent <= account.source_sent + account.in_doubt,
            "{account:?} {sent}"
        );
        assert!(account.delivered <= sent, "{account:?}");
        assert!(account.source_sent + account.in_doubt <= 500_000, "{account:?}");
        assert_eq!(ending.status, Some(i32::from(account.status != "completed")), "{ending:?}");
        println!("{account:?}, by the connector's books {sent}");
    });
}

#[test]
fn a_receiver_comes_back_after_a_lost_connection() {
    with_peers(|scenario| {
        let mut accounts = Accounts::start(scenario, json!({}));
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &[]);
        let (server, to) = (accounts.left("alice"), receiver.credentials());
        accounts.drop_sockets("right", "bob");
        // Nobody is told when it is back; the same credentials are good then.
        while scenario.psk_to("request", &server, &to, &["--amount", "1"]).finish().status != Some(0) {
            assert!(!scenario.time_left().is_zero(), "it does not come back");
        }
        let account = scenario.pay(&server, &to, &["--source-amount", "5000"]);
        assert_eq!(receiver.received(&account.payment_id), 5_000);
    });
}

#[test]
fn a_receiver_with_a_secret_of_its_own_knows_its_credentials_after_a_restart() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, json!({}));
        let secret = base64url([7; 32]);
        let more = ["--receiver-secret", &*secret];
        let to = PskReceiver::start(scenario, &accounts.right("bob"), &more).credentials();
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &more);
        assert_ne!(receiver.credentials().shared_secret, to.shared_secret);
        let account = scenario.pay(&accounts.left("alice"), &to, &["--source-amount", "5000"]);
        assert_eq!(receiver.received(&account.payment_id), 5_000);
    });
}

#[test]
fn payments_at_the_same_time_with_the_same_credentials_do_not_disturb_each_other() {
    with_peers(|scenario| {
        let mut accounts = Accounts::start(scenario, json!({"latencyMs": 5, "maxPacketAmount": "1000"}));
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &[]);
        let to = receiver.credentials();
        let start = |amount: &&str| {
            let more = ["--destination-amount", *amount];
            scenario.psk_to("send", &accounts.left(&format!("alice{amount}")), &to, &more)
        };
        let senders: Vec<_> = ["20000", "30001", "40002"].iter().map(start).collect();
        for (sender, amount) in senders.into_iter().zip([20_000, 30_001, 40_002]) {
            let account = Account::of(&sender.finish());
            assert_eq!((&*account.status, account.delivered), ("completed", amount), "{account:?}");
            assert_eq!(receiver.received(&account.payment_id), amount);
            assert_eq!(accounts.sent(&format!("test.left.alice{amount}")), amount);
        }
    });
}
