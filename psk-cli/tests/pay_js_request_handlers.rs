//! `psk send` pays the request handlers of the JS versions that have them. They say of every chunk that the payment
//! has received 0, so the sender has to add up by itself.

mod support;

use support::*;

/// Versions and modes of receivers that take requests.
const RECEIVERS: [(&str, &str); 3] =
    [("0.3.1", "request"), ("0.5.0", "request"), ("0.5.0", "request-for-secret")];

fn pay_all(scenario: &Scenario, settings: Value, target: &[&str], check: impl Fn(&Account)) {
    let mut accounts = Accounts::start(scenario, settings);
    let start = |(index, (version, mode)): (usize, &(&'static str, &'static str))| {
        NpmReceiver::start(scenario, version, &accounts.right(&format!("bob{index}")), json!({"mode": mode}))
    };
    let receivers: Vec<_> = RECEIVERS.iter().enumerate().map(start).collect();
    for (index, mut receiver) in receivers.into_iter().enumerate() {
        let account = scenario.pay(&accounts.left(&format!("alice{index}")), &receiver.credentials(), target);
        assert_eq!(receiver.total(), account.delivered, "{:?}", RECEIVERS[index]);
        assert_eq!(accounts.sent(&format!("test.left.alice{index}")), account.source_sent);
        assert_eq!(accounts.received(&format!("test.right.bob{index}")), account.delivered);
        check(&account);
    }
}

#[test]
fn by_source_amount() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "37", "denominator": "100"}, "maxPacketAmount": "5000"});
        pay_all(scenario, settings, &["--source-amount", "100003"], |account| {
            assert_eq!(account.source_sent, 100_003);
            let exact = 100_003 * 37 / 100;
            assert!((exact - account.chunks_fulfilled..=exact).contains(&account.delivered), "{account:?}");
        });
    });
}

#[test]
fn by_destination_amount() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "37", "denominator": "100"}, "maxPacketAmount": "9999"});
        pay_all(scenario, settings, &["--destination-amount", "200000"], |account| {
            assert_eq!(account.delivered, 200_000);
        });
    });
}

#[test]
fn by_destination_amount_where_one_unit_becomes_several() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "3", "denominator": "2"}});
        pay_all(scenario, settings, &["--destination-amount", "1001"], |account| {
            assert!((1_001..1_003).contains(&account.delivered), "{account:?}");
        });
    });
}

#[test]
fn a_receiver_that_refuses_ends_the_payment_and_nothing_has_moved() {
    with_peers(|scenario| {
        let mut accounts = Accounts::start(scenario, json!({}));
        for mode in ["payment", "request"] {
            let options = json!({"mode": mode, "rejectAll": true});
            let mut receiver = NpmReceiver::start(scenario, "0.5.0", &accounts.right(mode), options);
            let server = accounts.left("alice");
            let more = ["--source-amount", "1000", "--timeout", "10"];
            let ending = scenario.psk_to("send", &server, &receiver.credentials(), &more).finish();
            let account = Account::of(&ending);
            assert_eq!(ending.status, Some(1), "{ending:?}");
            assert_ne!(account.status, "completed");
            assert_eq!((account.source_sent, account.delivered, account.in_doubt), (0, 0, 0), "{account:?}");
            assert!(account.error.is_some());
            assert_eq!(ending.stderr.len(), 1, "{:?}", ending.stderr);
            // It does not go on and on either.
            let prepares = count(&receiver.stats()["prepares"]);
            assert!(prepares < 300, "{prepares} packets to a receiver that refuses");
        }
        assert_eq!(accounts.sent("test.left.alice"), 0);
    });
}
