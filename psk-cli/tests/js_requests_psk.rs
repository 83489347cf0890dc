//! JS requests reach `psk receive`: data both ways, minimums, unfulfillable ones, and what comes in a chunk instead.

mod support;

use support::*;

/// The versions that know requests.
const SENDERS: [&str; 2] = ["0.3.1", "0.5.0"];

/// Every version sends a request over a path with rate 1/2 to a receiver that answers "thanks".
fn all_send(options: Value, check: impl Fn(&Value, &Value)) {
    with_peers(|scenario| {
        let mut accounts = Accounts::start(scenario, json!({"rate": {"numerator": "1", "denominator": "2"}}));
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &["--response", "thanks"]);
        for version in SENDERS {
            let mut options = options.clone();
            options["method"] = "sendRequest".into();
            let before = accounts.received("test.right.bob");
            let result =
                scenario.npm_result(version, &accounts.left("alice"), &receiver.credentials(), options);
            let request = receiver.request();
            assert!(request["request_id"].is_u64(), "{request}");
            assert_eq!(request["fulfilled"], result["fulfilled"], "{version}");
            let moved = accounts.received("test.right.bob") - before;
            let arrived = units(&request["amount"]);
            assert_eq!(moved, if request["fulfilled"] == true { arrived } else { 0 }, "{version}");
            check(&result, &request);
        }
    });
}

#[test]
fn accepted_with_data_both_ways() {
    let options = json!({"source_amount": "2001", "min_destination_amount": "1000", "data_text": "hello"});
    all_send(options, |result, request| {
        assert_eq!((&result["fulfilled"], text(&result["destination_amount"])), (&json!(true), "1000"));
        assert_eq!(text(&result["data"]), base64url("thanks"));
        assert_eq!((text(&request["amount"]), text(&request["data"])), ("1000", &*base64url("hello")));
    });
}

#[test]
fn rejected_when_less_than_the_minimum_arrives_but_the_data_is_seen() {
    let options = json!({"source_amount": "2000", "min_destination_amount": "1001", "data_text": "hello"});
    all_send(options, |result, request| {
        assert_eq!((&result["fulfilled"], text(&result["code"])), (&json!(false), "F99"));
        assert_eq!(text(&result["destination_amount"]), "1000");
        assert_eq!((text(&request["amount"]), text(&request["data"])), ("1000", &*base64url("hello")));
    });
}

#[test]
fn unfulfillable() {
    let options = json!({"source_amount": "2000", "unfulfillable": true, "data_text": "only asking"});
    all_send(options, |result, request| {
        assert_eq!((&result["fulfilled"], text(&result["code"])), (&json!(false), "F05"));
        assert_eq!(text(&result["destination_amount"]), "1000");
        assert_eq!((text(&request["amount"]), text(&request["data"])), ("1000", &*base64url("only asking")));
    });
}

#[test]
fn many_at_once_are_each_answered() {
    with_peers(|scenario| {
        let mut accounts = Accounts::start(scenario, json!({}));
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &[]);
        let options =
            json!({"method": "sendRequest", "source_amount": "3", "repeat": 200, "concurrency": 20});
        let result = scenario.npm_result("0.5.0", &accounts.left("alice"), &receiver.credentials(), options);
        assert_eq!(count(&result["fulfilled"]), 200, "{result}");
        for _ in 0..200 {
            assert_eq!(text(&receiver.request()["amount"]), "3");
        }
        assert_eq!(accounts.received("test.right.bob"), 600);
    });
}

#[test]
fn the_key_id_is_in_the_address() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, json!({}));
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &["--key-id", "order-7"]);
        let to = receiver.credentials();
        // Readable for the whole network, after the 18 octets of the token.
        let suffix = to.destination_account.rsplit('.').next().unwrap_or_default();
        assert_eq!(&suffix[24..], base64url("order-7"));
        let options = json!({"method": "sendRequest", "source_amount": "1"});
        let result = scenario.npm_result("0.5.0", &accounts.left("alice"), &to, options);
        assert_eq!(result["fulfilled"], true);
        receiver.request();
    });
}
