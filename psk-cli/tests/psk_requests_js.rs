//! `psk request` to the request handlers of the JS versions that have them, and to those that know only chunks.

mod support;

use std::io::Write;

use support::*;

/// Versions and modes of receivers that take requests.
const RECEIVERS: [(&str, &str); 3] =
    [("0.3.1", "request"), ("0.5.0", "request"), ("0.5.0", "request-for-secret")];

/// Sends a request over a path with rate 1/2 to each of them; they answer "thanks".
fn send_all(more: &[&str], status: i32, check: impl Fn(&str, &Value, &mut NpmReceiver)) {
    with_peers(|scenario| {
        let mut accounts = Accounts::start(scenario, json!({"rate": {"numerator": "1", "denominator": "2"}}));
        let start = |(index, (version, mode)): (usize, &(&'static str, &'static str))| {
            let options = json!({"mode": mode, "response": "thanks"});
            NpmReceiver::start(scenario, version, &accounts.right(&format!("bob{index}")), options)
        };
        let receivers: Vec<_> = RECEIVERS.iter().enumerate().map(start).collect();
        for ((index, mut receiver), (version, _)) in receivers.into_iter().enumerate().zip(RECEIVERS) {
            let ending =
                scenario.psk_to("request", &accounts.left("alice"), &receiver.credentials(), more).finish();
            assert_eq!(ending.status, Some(status), "{version}: {ending:?}");
            assert_eq!(ending.stderr.len(), usize::from(status != 0), "{version}: {ending:?}");
            let answer = ending.last();
            assert_eq!(answer["fulfilled"], status == 0, "{version}");
            let received = if status == 0 { units(&answer["destination_amount"]) } else { 0 };
            assert_eq!(accounts.received(&format!("test.right.bob{index}")), received, "{version}");
            check(version, &answer, &mut receiver);
        }
    });
}

#[test]
fn with_data_both_ways() {
    let more = ["--amount", "2001", "--min-destination-amount", "1000", "--data", "hello"];
    send_all(&more, 0, |_, answer, receiver| {
        assert_eq!(text(&answer["destination_amount"]), "1000");
        assert_eq!(text(&answer["data"]), base64url("thanks"));
        assert_eq!((&answer["code"], &answer["message"]), (&Value::Null, &Value::Null));
        let request = receiver.request();
        assert_eq!((text(&request["amount"]), text(&request["data"])), ("1000", &*base64url("hello")));
    });
}

#[test]
fn with_data_from_a_file() {
    // All octets there are, in the greatest length that leaves the whole packet below 32,767 octets.
    let octets: Vec<u8> = (0..=255).cycle().take(32_000).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&octets).unwrap();
    let path = file.path().to_str().unwrap();
    send_all(&["--amount", "10", "--data-file", path], 0, |_, _, receiver| {
        assert_eq!(text(&receiver.request()["data"]), base64url(&octets));
    });
}

#[test]
fn below_the_minimum() {
    let more = ["--amount", "2000", "--min-destination-amount", "1001", "--data", "hello"];
    send_all(&more, 1, |_, answer, _| {
        assert_eq!((text(&answer["code"]), text(&answer["destination_amount"])), ("F99", "1000"));
    });
}

#[test]
fn unfulfillable() {
    send_all(
        &["--amount", "2000", "--unfulfillable", "--data", "only asking"],
        1,
        |version, answer, receiver| {
            assert_eq!(text(&answer["destination_amount"]), "1000");
            // 0.3.1 looks at the amount first and does not show what it will not fulfill.
            if version == "0.5.0" {
                assert_eq!(text(&receiver.request()["data"]), base64url("only asking"));
                assert_eq!(text(&answer["data"]), base64url("thanks"));
            }
        },
    );
}

#[test]
fn refused_by_the_handler_with_data() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, json!({}));
        let options = json!({"mode": "request", "rejectAll": true, "response": "no, thanks"});
        let mut receiver = NpmReceiver::start(scenario, "0.5.0", &accounts.right("bob"), options);
        let more = ["--amount", "10", "--data", "please"];
        let ending =
            scenario.psk_to("request", &accounts.left("alice"), &receiver.credentials(), &more).finish();
        let answer = ending.last();
        assert_eq!((ending.status, text(&answer["code"])), (Some(1), "F99"), "{ending:?}");
        assert_eq!(text(&answer["data"]), base64url("no, thanks"));
        assert_eq!(receiver.total(), 0);
    });
}

#[test]
fn to_a_receiver_that_knows_only_chunks() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, json!({}));
        for version in VERSIONS {
            let server = accounts.right(&format!("bob-{}", version.replace('.', "-")));
            let mut receiver = NpmReceiver::start(scenario, version, &server, json!({"mode": "payment"}));
            let more = ["--amount", "10", "--data", "please"];
            let ending =
                scenario.psk_to("request", &accounts.left("alice"), &receiver.credentials(), &more).finish();
            let answer = ending.last();
            assert_eq!((ending.status, text(&answer["code"])), (Some(1), "F06"), "{version}: {ending:?}");
            assert_eq!(ending.stderr.len(), 1, "{version}: {ending:?}");
            assert!(ending.stderr[0].contains("chunk"), "{version}: {ending:?}");
            assert_eq!(receiver.total(), 0, "{version}");
        }
    });
}
