//! `psk connector`, our own BTP server: JS clients on both sides, and `psk` on one side and JS on the other.

mod support;

use support::*;

/// Two assets with a rate between them, a maximum packet amount on the way in.
const TWO_ASSETS: &str = r#"
[connector]
address = "test.ours"

[connector.accounts.alice]
relation = "child"
asset_code = "USD"
asset_scale = 6
max_packet_amount = 5000

[connector.accounts.bob]
relation = "child"
asset_code = "EUR"
asset_scale = 6

[[connector.rates]]
from = "USD"
to = "EUR"
rate = "0.37"

[links.alice]
token = "alices"

[links.bob]
token = "bobs"
"#;

fn with_code(code: &str) -> String {
    TWO_ASSETS.replace("[connector]\n", &format!("[connector]\ntoo_large = \"{code}\"\n"))
}

#[test]
fn js_pays_js() {
    with_peers(|scenario| {
        // JS senders give up on F08.
        let connector = PskConnector::from_toml(scenario, &with_code("T04"));
        let (left, right) = (connector.url("alice", "alices"), connector.url("bob", "bobs"));
        for to in VERSIONS {
            // One client for an account at a time: psk2 knows its packets by nothing but the account.
            let mut receiver = NpmReceiver::start(scenario, to, &right, json!({}));
            let credentials = receiver.credentials();
            assert!(credentials.destination_account.starts_with("test.ours.bob."));
            let mut total = 0;
            for from in VERSIONS {
                let options = json!({"method": "sendSourceAmount", "source_amount": "10000"});
                let result = scenario.npm_result(from, &left, &credentials, options);
                let payment = receiver.payment();
                assert_eq!(payment["received"], result["destination_amount"], "{from} to {to}");
                assert_eq!(text(&result["source_amount"]), "10000", "{from} to {to}");
                total += units(&payment["received"]);
                assert!((3_690..=3_700).contains(&units(&payment["received"])), "{from} to {to}: {payment}");
            }
            assert_eq!(receiver.total(), total, "{to}");
        }
    });
}

#[test]
fn js_requests_js() {
    with_peers(|scenario| {
        let connector = PskConnector::from_toml(scenario, TWO_ASSETS);
        let mut receiver = NpmReceiver::start(
            scenario,
            "0.5.0",
            &connector.url("bob", "bobs"),
            json!({"mode": "request", "echo": true}),
        );
        for from in ["0.3.1", "0.5.0"] {
            let options = json!({"method": "sendRequest", "source_amount": "1000", "data_text": "hello"});
            let left = connector.url("alice", "alices");
            let result = scenario.npm_result(from, &left, &receiver.credentials(), options);
            assert_eq!(
                (text(&result["destination_amount"]), text(&result["data"])),
                ("370", &*base64url("hello"))
            );
            assert_eq!(receiver.request()["data"], base64url("hello").as_str());
            let options = json!({"method": "sendRequest", "source_amount": "5001"});
            let result = scenario.npm_result(from, &left, &receiver.credentials(), options);
            assert_eq!(text(&result["code"]), "F08", "{result}");
        }
    });
}

#[test]
fn psk_pays_js() {
    with_peers(|scenario| {
        for code in ["F08", "F08-empty", "T04"] {
            let connector = PskConnector::from_toml(scenario, &with_code(code));
            let mut receiver =
                NpmReceiver::start(scenario, "0.5.0", &connector.url("bob", "bobs"), json!({}));
            let (server, to) = (connector.url("alice", "alices"), receiver.credentials());
            let by_source = scenario.pay(&server, &to, &["--source-amount", "100003"]);
            assert_eq!(units(&receiver.payment()["received"]), by_source.delivered, "{code}");
            assert_eq!(by_source.source_sent, 100_003, "{code}");
            let by_destination = scenario.pay(&server, &to, &["--destination-amount", "50000"]);
            assert_eq!(
                (text(&receiver.payment()["received"]), by_destination.delivered),
                ("50000", 50_000),
                "{code}"
            );
            assert_eq!(receiver.total(), by_source.delivered + 50_000, "{code}");
        }
    });
}

#[test]
fn js_pays_psk() {
    with_peers(|scenario| {
        let connector = PskConnector::from_toml(scenario, &with_code("T04"));
        let mut receiver =
            PskReceiver::start(scenario, &connector.url("bob", "bobs"), &["--response", "thanks"]);
        assert_eq!(
            (text(&receiver.listening["asset_code"]), count(&receiver.listening["asset_scale"])),
            ("EUR", 6)
        );
        let (left, to) = (connector.url("alice", "alices"), receiver.credentials());
        for version in VERSIONS {
            let options = json!({"method": "sendSourceAmount", "source_amount": "10000"});
            let result = scenario.npm_result(version, &left, &to, options);
            assert_eq!(
                receiver.finished(text(&result["id"]))["received"],
                result["destination_amount"],
                "{version}"
            );
            let options = json!({"method": "quoteSourceAmount", "source_amount": "5000"});
            let quoted = scenario.npm_result(version, &left, &to, options);
            assert_eq!(text(&quoted["destination_amount"]), "1850", "{version}");
        }
        let options = json!({"method": "sendRequest", "source_amount": "100", "data_text": "hello"});
        let result = scenario.npm_result("0.5.0", &left, &to, options);
        assert_eq!(
            (text(&result["destination_amount"]), text(&result["data"])),
            ("37", &*base64url("thanks"))
        );
        assert_eq!(text(&receiver.request()["data"]), base64url("hello"));
    });
}

#[test]
fn psk_pays_psk_with_accounts_from_flags() {
    let scenario = &Scenario::new();
    let flags = [
        "--address",
        "test.flags",
        "--asset-code",
        "EUR",
        "--asset-scale",
        "2",
        "--max-packet-amount",
        "1000",
    ];
    let connector = PskConnector::from_flags(scenario, &flags);
    let mut receiver = PskReceiver::start(scenario, &connector.url("bob", "any"), &[]);
    let listening = &receiver.listening;
    assert_eq!(
        (text(&listening["address"]), text(&listening["asset_code"]), count(&listening["asset_scale"])),
        ("test.flags.bob", "EUR", 2)
    );
    let server = connector.url("alice", "token");
    let account = scenario.pay(&server, &receiver.credentials(), &["--source-amount", "50001"]);
    assert_eq!((account.source_sent, receiver.received(&account.payment_id)), (50_001, 50_001));
}

#[test]
fn js_pays_js_with_accounts_from_flags() {
    with_peers(|scenario| {
        let connector = PskConnector::from_flags(scenario, &["--latency", "5ms", "--spread-ppm", "2000"]);
        let mut receiver = NpmReceiver::start(scenario, "0.5.0", &connector.url("bob", "x"), json!({}));
        let options = json!({"method": "sendSourceAmount", "source_amount": "10000"});
        let result =
            scenario.npm_result("0.5.0", &connector.url("alice", "y"), &receiver.credentials(), options);
        assert_eq!(receiver.payment()["received"], result["destination_amount"]);
        assert!((9_970..=9_980).contains(&units(&result["destination_amount"])), "{result}");
    });
}
