//! `psk quote` and `psk probe` against JS receivers of every version, which know requests, chunks, or both.

mod support;

use support::*;

/// All kinds of JS receivers.
const RECEIVERS: [(&str, &str); 6] = [
    ("0.2.1", "payment"),
    ("0.3.1", "payment"),
    ("0.3.1", "request"),
    ("0.5.0", "payment"),
    ("0.5.0", "request"),
    ("0.5.0", "request-for-secret"),
];

fn start_all(scenario: &Scenario, accounts: &Accounts) -> Vec<NpmReceiver> {
    let start = |(index, (version, mode)): (usize, &(&'static str, &'static str))| {
        NpmReceiver::start(scenario, version, &accounts.right(&format!("bob{index}")), json!({"mode": mode}))
    };
    RECEIVERS.iter().enumerate().map(start).collect()
}

/// A maximum of 5,000 by every kind of error, to every kind of receiver.
fn with_all_limits(ask: impl Fn(&Scenario, &str, &str, &Credentials)) {
    with_peers(|scenario| {
        let mut accounts =
            Accounts::start(scenario, json!({"rate": {"numerator": "37", "denominator": "100"}}));
        let mut receivers = start_all(scenario, &accounts);
        for code in ["F08", "F08-empty", "T04"] {
            accounts.set(json!({"maxPacketAmount": "5000", "maxPacketCode": code}));
            for receiver in &mut receivers {
                ask(scenario, code, &accounts.left("alice"), &receiver.credentials());
            }
        }
        // Asking is free, and leaves nothing behind at receivers that remember payments for ever.
        assert_eq!(accounts.sent("test.left.alice"), 0);
        for receiver in &mut receivers {
            assert_eq!(receiver.total(), 0);
        }
    });
}

#[test]
fn quotes_by_source_amount() {
    with_all_limits(|scenario, code, server, to| {
        let quote = scenario.done("quote", server, to, &["--source-amount", "100000"]);
        assert_eq!(text(&quote["source_amount"]), "100000");
        let low = units(&quote["destination_amount_low"]);
        let high = units(&quote["destination_amount_high"]);
        let expected = units(&quote["destination_amount"]);
        // Twenty chunks or a few more, each of which may lose one unit to rounding.
        assert!(low <= expected && expected <= high, "{code}: {quote}");
        assert!((36_900..=37_000).contains(&low) && high <= 37_100, "{code}: {quote}");
    });
}

#[test]
fn quotes_by_destination_amount() {
    with_all_limits(|scenario, code, server, to| {
        let quote = scenario.done("quote", server, to, &["--destination-amount", "37000"]);
        assert_eq!(text(&quote["destination_amount"]), "37000", "{code}");
        assert!((100_000..=100_300).contains(&units(&quote["source_amount"])), "{code}: {quote}");
    });
}

#[test]
fn the_path_maximum_packet_amount() {
    with_all_limits(|scenario, code, server, to| {
        let found = scenario.done("probe", server, to, &[]);
        assert_eq!(text(&found["max_packet_amount"]), "5000", "{code}: {found}");
        // A hop that lacks liquidity may have more the next moment.
        assert_eq!(found["exact"], code != "T04", "{code}: {found}");
    });
}

#[test]
fn no_maximum_packet_amount() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, json!({}));
        let mut wrong = Vec::new();
        for (receiver, kind) in start_all(scenario, &accounts).iter_mut().zip(RECEIVERS) {
            let found = scenario.done("probe", &accounts.left("alice"), &receiver.credentials(), &[]);
            if (&found["max_packet_amount"], &found["exact"]) != (&Value::Null, &json!(true)) {
                wrong.push(format!("{kind:?}: {found}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

#[test]
fn a_maximum_in_the_units_of_the_next_hop() {
    with_peers(|scenario| {
        // 3/2 of 666 is 999, of 667 it is 1,000, and of 668 it is 1,002.
        let settings = json!({"rate": {"numerator": "3", "denominator": "2"}, "maxPacketAmountOut": "1000"});
        let accounts = Accounts::start(scenario, settings);
        let mut receiver =
            NpmReceiver::start(scenario, "0.5.0", &accounts.right("bob"), json!({"mode": "request"}));
        let found = scenario.done("probe", &accounts.left("alice"), &receiver.credentials(), &[]);
        assert_eq!((text(&found["max_packet_amount"]), &found["exact"]), ("667", &json!(true)));
    });
}

/// Asks what it costs to deliver an amount, and pays it.
fn quote_and_pay(settings: Value, amount: u64, more: impl Fn(String) -> Vec<String>) {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, settings);
        let mut receiver = NpmReceiver::start(scenario, "0.5.0", &accounts.right("bob"), json!({}));
        let (server, to) = (accounts.left("alice"), receiver.credentials());
        let quote = scenario.done("quote", &server, &to, &["--destination-amount", &amount.to_string()]);
        let more = more(text(&quote["source_amount"]).to_owned());
        let account = scenario.pay(&server, &to, &more.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((account.delivered, receiver.total()), (amount, amount));
        assert!(account.source_sent <= units(&quote["source_amount"]), "{account:?} {quote}");
    });
}

fn in_many_packets() -> Value {
    json!({"rate": {"numerator": "37", "denominator": "100"}, "maxPacketAmount": "9999"})
}

fn with_maximum(amount: u64, maximum: String) -> Vec<String> {
    vec!["--destination-amount".into(), amount.to_string(), "--max-source-amount".into(), maximum]
}

#[test]
fn what_a_quote_asks_for_delivers_the_amount() {
    quote_and_pay(in_many_packets(), 123_456, |quoted| vec!["--source-amount".into(), quoted]);
}

#[test]
fn what_a_quote_asks_for_is_enough_as_a_maximum() {
    quote_and_pay(in_many_packets(), 123_456, |quoted| with_maximum(123_456, quoted));
}

#[test]
fn what_a_quote_asks_for_is_enough_as_a_maximum_of_one_packet() {
    let settings = json!({"rate": {"numerator": "3", "denominator": "1987"}});
    quote_and_pay(settings, 2, |quoted| with_maximum(2, quoted));
}

#[test]
fn an_amount_that_can_deliver_nothing_is_told_with_the_smallest_that_can() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, json!({"rate": {"numerator": "1", "denominator": "1000"}}));
        let mut receiver = NpmReceiver::start(scenario, "0.5.0", &accounts.right("bob"), json!({}));
        let (server, to) = (accounts.left("alice"), receiver.credentials());
        for command in ["quote", "send"] {
            let ending = scenario.psk_to(command, &server, &to, &["--source-amount", "999"]).finish();
            assert_eq!(ending.status, Some(1), "{ending:?}");
            assert_eq!(ending.stderr.len(), 1, "{ending:?}");
            assert!(ending.stderr[0].contains("1000"), "{ending:?}");
        }
        assert_eq!(receiver.total(), 0);
    });
}
