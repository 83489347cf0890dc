//! Through the real npm `ilp-connector`: `psk` to `psk`, `psk` to JS, JS to `psk`.

mod support;

use support::*;

/// Alice and others behind mini-accounts, a receiver behind a BTP listener; three units there are worth two here.
fn connector(scenario: &Scenario) -> NpmConnector {
    NpmConnector::start(
        scenario,
        json!({
            "accounts": {
                "alice": {"kind": "mini", "maxPacketAmount": "20000", "balance": {"maximum": "1000000000"}},
                "bob": {"kind": "btp", "token": "tok", "balance": {"maximum": "1000000000", "minimum": "-1000000000"}}
            },
            "rates": {"alice->bob": {"numerator": "3", "denominator": "2"}}
        }),
    )
}

#[test]
fn psk_pays_psk() {
    with_peers(|scenario| {
        let mut connector = connector(scenario);
        let mut receiver = PskReceiver::start(scenario, &connector.btp("bob"), &["--response", "thanks"]);
        assert_eq!(text(&receiver.listening["address"]), "test.connector.bob");
        let (server, to) = (connector.mini("alice", "ann"), receiver.credentials());
        let found = scenario.done("probe", &server, &to, &[]);
        assert_eq!(text(&found["max_packet_amount"]), "20000");
        let quote = scenario.done("quote", &server, &to, &["--destination-amount", "300000"]);
        assert_eq!(text(&quote["source_amount"]), "200000");
        let answer = scenario.done("request", &server, &to, &["--amount", "100", "--data", "hello"]);
        assert_eq!(
            (text(&answer["destination_amount"]), text(&answer["data"])),
            ("150", &*base64url("thanks"))
        );

        let by_source = scenario.pay(&server, &to, &["--source-amount", "109000"]);
        assert_eq!(
            (by_source.source_sent, receiver.received(&by_source.payment_id)),
            (109_000, by_source.delivered)
        );
        let by_destination = scenario.pay(&server, &to, &["--destination-amount", "1000000"]);
        assert!((1_000_000..1_000_002).contains(&by_destination.delivered), "{by_destination:?}");
        assert_eq!(receiver.received(&by_destination.payment_id), by_destination.delivered);

        let sent = 100 + by_source.source_sent + by_destination.source_sent;
        let delivered = 150 + by_source.delivered + by_destination.delivered;
        assert_eq!(connector.balance("alice"), i64::try_from(sent).unwrap());
        assert_eq!(connector.balance("bob"), -i64::try_from(delivered).unwrap());
    });
}

#[test]
fn psk_pays_js() {
    with_peers(|scenario| {
        for (version, mode) in
            [("0.2.1", "payment"), ("0.3.1", "payment"), ("0.5.0", "payment"), ("0.5.0", "request")]
        {
            let mut connector = connector(scenario);
            let mut receiver =
                NpmReceiver::start(scenario, version, &connector.btp("bob"), json!({"mode": mode}));
            let (server, to) = (connector.mini("alice", "ann"), receiver.credentials());
            let by_source = scenario.pay(&server, &to, &["--source-amount", "109000"]);
            assert_eq!(
                (by_source.source_sent, receiver.total()),
                (109_000, by_source.delivered),
                "{version}"
            );
            let by_destination = scenario.pay(&server, &to, &["--destination-amount", "300000"]);
            assert_eq!(receiver.total(), by_source.delivered + by_destination.delivered, "{version}");
            assert!((300_000..300_002).contains(&by_destination.delivered), "{version}: {by_destination:?}");
            let sent = by_source.source_sent + by_destination.source_sent;
            assert_eq!(connector.balance("alice"), i64::try_from(sent).unwrap(), "{version}");
        }
    });
}

#[test]
fn js_pays_psk() {
    with_peers(|scenario| {
        let mut connector = connector(scenario);
        let mut receiver = PskReceiver::start(scenario, &connector.btp("bob"), &["--response", "thanks"]);
        let (server, to) = (connector.mini("alice", "ann"), receiver.credentials());
        let mut sent = 0;
        let mut delivered = 0;
        for version in VERSIONS {
            for options in [
                json!({"method": "sendSourceAmount", "source_amount": "10000"}),
                json!({"method": "sendDestinationAmount", "destination_amount": "10000"}),
            ] {
                let result = scenario.npm_result(version, &server, &to, options);
                let finished = receiver.finished(text(&result["id"]));
                assert_eq!(finished["received"], result["destination_amount"], "{version}");
                sent += units(&result["source_amount"]);
                delivered += units(&result["destination_amount"]);
            }
        }
        for version in ["0.3.1", "0.5.0"] {
            let options = json!({"method": "sendRequest", "source_amount": "20", "data_text": "hello"});
            let result = scenario.npm_result(version, &server, &to, options);
            assert_eq!((&result["fulfilled"], text(&result["data"])), (&json!(true), &*base64url("thanks")));
            assert_eq!(text(&receiver.request()["amount"]), "30");
            sent += 20;
            delivered += 30;
        }
        assert_eq!(connector.balance("alice"), i64::try_from(sent).unwrap());
        assert_eq!(connector.balance("bob"), -i64::try_from(delivered).unwrap());
    });
}

#[test]
fn a_receiver_that_is_not_there_is_told_as_such() {
    with_peers(|scenario| {
        let mut connector = connector(scenario);
        let to = {
            let mut receiver = NpmReceiver::start(scenario, "0.5.0", &connector.btp("bob"), json!({}));
            receiver.credentials()
        };
        let more = ["--source-amount", "1000", "--timeout", "5"];
        let ending = scenario.psk_to("send", &connector.mini("alice", "ann"), &to, &more).finish();
        let account = Account::of(&ending);
        assert_eq!((ending.status, account.source_sent, account.in_doubt), (Some(1), 0, 0), "{ending:?}");
        assert_eq!(ending.stderr.len(), 1, "{ending:?}");
        assert_eq!(connector.balance("alice"), 0);
    });
}
