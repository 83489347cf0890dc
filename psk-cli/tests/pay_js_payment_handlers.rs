//! `psk send` pays the payment handlers of every published JS version, to the last unit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use support::*;

/// Pays a receiver of each version, and checks what both ends and the connector between them say.
fn pay_all(scenario: &Scenario, settings: Value, target: &[&str], check: impl Fn(&Account, &Value)) {
    let mut accounts = Accounts::start(scenario, settings);
    let start = |version: &&'static str| {
        NpmReceiver::start(scenario, version, &accounts.right(&user(version)), json!({}))
    };
    let receivers: Vec<_> = VERSIONS.iter().map(start).collect();
    for (version, mut receiver) in VERSIONS.iter().zip(receivers) {
        let sender = format!("to-{}", user(version));
        let account = scenario.pay(&accounts.left(&sender), &receiver.credentials(), target);
        let payment = receiver.payment();
        assert_eq!(payment["id"], account.payment_id.as_str(), "{version}");
        assert_eq!(units(&payment["received"]), account.delivered, "{version}");
        assert_eq!(receiver.total(), account.delivered, "{version}");
        assert_eq!(accounts.sent(&format!("test.left.{sender}")), account.source_sent, "{version}");
        assert_eq!(
            accounts.received(&format!("test.right.{}", user(version))),
            account.delivered,
            "{version}"
        );
        assert_eq!(count(&payment["chunks_fulfilled"]), account.chunks_fulfilled, "{version}");
        check(&account, &payment);
    }
}

/// The name of an account has no dots.
fn user(version: &str) -> String {
    format!("receiver-{}", version.replace('.', "-"))
}

#[test]
fn by_source_amount() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "37", "denominator": "100"}, "maxPacketAmount": "5000"});
        pay_all(scenario, settings, &["--source-amount", "100003"], |account, _| {
            assert_eq!(account.source_sent, 100_003);
            // Every chunk is rounded down by itself.
            let exact = 100_003 * 37 / 100;
            assert!((exact - account.chunks_fulfilled..=exact).contains(&account.delivered), "{account:?}");
        });
    });
}

#[test]
fn by_source_amount_where_one_unit_becomes_several() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "3", "denominator": "2"}});
        pay_all(scenario, settings, &["--source-amount", "10000"], |account, _| {
            assert_eq!(account.source_sent, 10_000);
            assert!((15_000 - account.chunks_fulfilled..=15_000).contains(&account.delivered), "{account:?}");
        });
    });
}

#[test]
fn by_destination_amount() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "37", "denominator": "100"}, "maxPacketAmount": "9999"});
        pay_all(scenario, settings, &["--destination-amount", "1000000"], |account, payment| {
            assert_eq!(account.delivered, 1_000_000);
            assert_eq!(payment["expected"], "1000000");
            // What the rate demands, and at most one unit more for each chunk.
            let cheapest = (1_000_000 * 100_u64).div_ceil(37);
            let dearest = cheapest + 100 * account.chunks_fulfilled / 37;
            assert!((cheapest..=dearest).contains(&account.source_sent), "{account:?}");
        });
    });
}

#[test]
fn by_destination_amount_where_one_unit_becomes_several() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "3", "denominator": "2"}, "maxPacketAmount": "4000"});
        pay_all(scenario, settings, &["--destination-amount", "10000"], |account, payment| {
            assert_eq!(payment["expected"], "10000");
            // More by less than what one source unit is worth.
            assert!((10_000..10_002).contains(&account.delivered), "{account:?}");
        });
    });
}

#[test]
fn over_a_slow_path_that_fails_now_and_then() {
    with_peers(|scenario| {
        let settings = json!({
            "rate": {"numerator": "37", "denominator": "100"},
            "maxPacketAmount": "2000",
            "maxPacketCode": "T04",
            "t04Every": 9,
            "latencyMs": 10
        });
        pay_all(scenario, settings, &["--destination-amount", "20000"], |account, _| {
            assert_eq!(account.delivered, 20_000);
        });
    });
}

#[test]
fn a_handler_that_takes_its_time_is_asked_once() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, json!({"maxPacketAmount": "500"}));
        let options = json!({"acceptDelayMs": 200});
        let mut receiver = NpmReceiver::start(scenario, "0.5.0", &accounts.right("bob"), options);
        let to = receiver.credentials();
        let account = scenario.pay(&accounts.left("alice"), &to, &["--source-amount", "10000"]);
        assert_eq!(units(&receiver.payment()["received"]), 10_000);
        assert_eq!((account.delivered, receiver.total()), (10_000, 10_000));
        assert_eq!(count(&receiver.stats()["payments"]), 1);
    });
}

#[test]
fn without_the_data_that_none_of_them_takes() {
    let data = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(data.path(), vec![7; 100_000]).unwrap();
    let file = format!("--data-file={}", data.path().display());
    with_peers(|scenario| {
        let settings = json!({"maxPacketAmount": "5000"});
        for target in ["--source-amount=100003", "--destination-amount=100003"] {
            pay_all(scenario, settings.clone(), &[target, &file], |account, _| {
                assert_eq!((account.source_sent, account.delivered), (100_003, 100_003), "{account:?}");
                assert_eq!(account.data_delivered, Some(false), "{account:?}");
            });
        }
    });
}
