//! The chunked payments of every published JS version reach `psk receive`, to the last unit.

mod support;

use support::*;

/// Has every version pay, and checks that all sides say the same.
fn all_pay(scenario: &Scenario, settings: Value, options: Value, check: impl Fn(&Value, &Value)) {
    let mut accounts = Accounts::start(scenario, settings);
    let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &[]);
    assert_eq!(text(&receiver.listening["address"]), "test.right.bob");
    assert_eq!(
        (text(&receiver.listening["asset_code"]), count(&receiver.listening["asset_scale"])),
        ("XRP", 9)
    );
    let mut total = 0;
    for version in VERSIONS {
        let server = accounts.left(&format!("alice-{}", version.replace('.', "-")));
        let result = scenario.npm_result(version, &server, &receiver.credentials(), options.clone());
        let finished = receiver.finished(text(&result["id"]));
        assert_eq!(finished["received"], result["destination_amount"], "{version}");
        assert_eq!(finished["chunks"], result["chunks_fulfilled"], "{version}");
        assert_eq!(result["source_amount"], result["wire"]["fulfilled_amount"], "{version}");
        let sent = accounts.sent(&format!("test.left.alice-{}", version.replace('.', "-")));
        assert_eq!(sent, units(&result["source_amount"]), "{version}");
        total += units(&finished["received"]);
        assert_eq!(accounts.received("test.right.bob"), total, "{version}");
        check(&result, &finished);
    }
    let rest = receiver.stop();
    assert_eq!(rest.json().len(), 1 + VERSIONS.len(), "one line for each payment and the first: {rest:?}");
}

#[test]
fn send_source_amount() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "3", "denominator": "2"}});
        let options = json!({"method": "sendSourceAmount", "source_amount": "10000"});
        all_pay(scenario, settings, options, |result, finished| {
            assert_eq!(units(&result["source_amount"]), 10_000);
            assert!((14_990..=15_000).contains(&units(&finished["received"])), "{finished}");
            assert_eq!((&finished["expected"], text(&finished["reason"])), (&Value::Null, "last_chunk"));
        });
    });
}

#[test]
fn send_destination_amount() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "37", "denominator": "100"}});
        let options = json!({"method": "sendDestinationAmount", "destination_amount": "10000"});
        all_pay(scenario, settings, options, |_, finished| {
            // The package rounds up once.
            assert!((10_000..=10_001).contains(&units(&finished["received"])), "{finished}");
            assert_eq!(text(&finished["expected"]), "10000");
        });
    });
}

#[test]
fn send_destination_amount_below_the_first_chunk() {
    with_peers(|scenario| {
        // The packages start with 1,000 units, whatever is asked for.
        let settings = json!({"rate": {"numerator": "3", "denominator": "2"}});
        let options = json!({"method": "sendDestinationAmount", "destination_amount": "10"});
        all_pay(scenario, settings, options, |_, finished| {
            assert_eq!((text(&finished["received"]), text(&finished["reason"])), ("1500", "amount_reached"));
        });
    });
}

#[test]
fn send_single_chunk() {
    with_peers(|scenario| {
        let settings = json!({"rate": {"numerator": "37", "denominator": "100"}});
        let options = json!({"method": "sendSingleChunk", "source_amount": "5000"});
        all_pay(scenario, settings, options, |_, finished| {
            assert_eq!((text(&finished["received"]), count(&finished["chunks"])), ("1850", 1));
        });
    });
}

#[test]
fn behind_a_limit_that_is_answered_with_t04_and_sporadic_t04() {
    with_peers(|scenario| {
        let settings = json!({"maxPacketAmount": "1200", "maxPacketCode": "T04", "t04Every": 10});
        let options = json!({"method": "sendSourceAmount", "source_amount": "10000"});
        all_pay(scenario, settings, options, |result, finished| {
            assert!(result["wire"]["rejects"]["T04"].as_u64().is_some_and(|rejects| rejects > 0), "{result}");
            assert_eq!(finished["received"], result["source_amount"]);
        });
    });
}

#[test]
fn a_package_that_stops_too_early_is_told_what_arrived() {
    with_peers(|scenario| {
        // A rejected last chunk makes the package take whatever it sends next for the last one: 103,659 units.
        let settings = json!({"maxPacketAmount": "10000", "maxPacketCode": "T04"});
        let options = json!({"method": "sendSourceAmount", "source_amount": "109000"});
        all_pay(scenario, settings, options, |result, finished| {
            assert_eq!((text(&result["source_amount"]), text(&finished["received"])), ("103659", "103659"));
        });
    });
}

#[test]
fn over_a_slow_path() {
    with_peers(|scenario| {
        let settings = json!({"latencyMs": 20, "rate": {"numerator": "1", "denominator": "2"}});
        let options = json!({"method": "sendSourceAmount", "source_amount": "5000"});
        all_pay(scenario, settings, options, |result, _| assert_eq!(units(&result["source_amount"]), 5_000));
    });
}

#[test]
fn chunks_are_told_with_verbose() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, json!({}));
        let mut receiver = PskReceiver::start(scenario, &accounts.right("bob"), &["--verbose"]);
        let options = json!({"method": "sendSourceAmount", "source_amount": "5000"});
        let result = scenario.npm_result("0.5.0", &accounts.left("alice"), &receiver.credentials(), options);
        let id = text(&result["id"]);
        let finished = receiver.finished(id);
        let (mut sum, mut chunks) = (0, 0);
        while sum < units(&finished["received"]) {
            let chunk = receiver.process.event("chunk");
            assert_eq!((text(&chunk["payment_id"]), count(&chunk["sequence"])), (id, chunks));
            sum += units(&chunk["amount"]);
            assert_eq!(units(&chunk["received"]), sum);
            chunks += 1;
        }
        assert_eq!((sum, chunks), (5_000, count(&finished["chunks"])));
    });
}
