//! Bad input: a clear error in one line that names the field or the peer, exit status 1 or 2, no lost account, and
//! no secret shown.

mod support;

use std::io::Write;
use std::net::TcpListener;

use support::*;

const SECRET: &str = "c2VjcmV0LXRoYXQtbm9ib2R5LWlzLXRvLXNlZS1oZXI";
const ACCOUNT: &str = "test.connector.bob.AAAA";
/// Nothing is reached in tests of usage.
const SERVER: &str = "btp+ws://alice:token-that-is-secret@127.0.0.1:1";

/// What went wrong, in one clear line, without a secret.
#[track_caller]
fn complaint(ending: &Ending, status: i32) -> &str {
    assert_eq!(ending.status, Some(status), "{ending:?}");
    let [line] = &ending.stderr[..] else { panic!("not one line on stderr: {ending:?}") };
    let all = format!("{ending:?}");
    assert!(!line.contains("panicked"), "{line}");
    for secret in [SECRET, "token-that-is-secret", "c2VjcmV0"] {
        assert!(!all.contains(secret), "a secret is shown: {all}");
    }
    // Whatever happens, stdout has nothing but JSON objects.
    assert!(ending.json().iter().all(Value::is_object), "{ending:?}");
    line
}

/// Runs `psk --json send` with arguments that are not right, and returns the complaint.
#[track_caller]
fn misused(arguments: &[&str]) -> String {
    let ending = Scenario::new().psk(arguments).finish();
    complaint(&ending, 2).to_owned()
}

#[test]
fn wrong_usage_is_told_with_the_field() {
    let plugin = format!("--plugin={SERVER}");
    let secret = format!("--shared-secret={SECRET}");
    let account = format!("--destination-account={ACCOUNT}");
    let good = ["send", &plugin, &account, &secret];
    let mut wrong = Vec::new();
    for (change, more, named) in [
        // Addresses.
        ((2, "--destination-account=not an address"), &["--source-amount", "1"][..], "--destination-account"),
        ((2, "--destination-account=example..bob"), &["--source-amount", "1"], "--destination-account"),
        ((2, "--destination-account=nowhere.bob"), &["--source-amount", "1"], "--destination-account"),
        ((2, "--destination-account="), &["--source-amount", "1"], "--destination-account"),
        // Secrets: too short, not base64.
        ((3, "--shared-secret=c2hvcnQ"), &["--source-amount", "1"], "--shared-secret"),
        ((3, "--shared-secret="), &["--source-amount", "1"], "--shared-secret"),
        (
            (3, "--shared-secret=c2VjcmV0LXRoYXQtbm9ib2R5IGlzIHRvIHNlZQ!!"),
            &["--source-amount", "1"],
            "--shared-secret",
        ),
        // Amounts.
        ((0, "send"), &["--source-amount", "1.5"], "--source-amount"),
        ((0, "send"), &["--source-amount", "1e3"], "--source-amount"),
        ((0, "send"), &["--source-amount=-1"], "--source-amount"),
        ((0, "send"), &["--source-amount", "-1"], "--source-amount"),
        ((0, "send"), &["--source-amount", ""], "--source-amount"),
        ((0, "send"), &["--source-amount", "18446744073709551616"], "--source-amount"),
        ((0, "send"), &["--destination-amount", "0.1"], "--destination-amount"),
        ((0, "send"), &["--destination-amount", "99999999999999999999999"], "--destination-amount"),
        ((0, "send"), &["--source-amount", "1", "--max-source-amount", "1,000"], "--max-source-amount"),
        ((0, "request"), &["--amount", "ten"], "--amount"),
        ((0, "request"), &["--amount", "1", "--min-destination-amount", "1.0"], "--min-destination-amount"),
        ((0, "quote"), &["--source-amount", "0x10"], "--source-amount"),
        // Rates and times.
        ((0, "send"), &["--source-amount", "1", "--min-rate", "fast"], "--min-rate"),
        ((0, "send"), &["--source-amount", "1", "--max-slippage", "101"], "--max-slippage"),
        ((0, "send"), &["--source-amount", "1", "--timeout", "soon"], "--timeout"),
        ((0, "send"), &["--source-amount", "1", "--timeout", "0"], "--timeout"),
        ((0, "send"), &["--source-amount", "1", "--timeout", "-1"], "--timeout"),
        ((0, "send"), &["--source-amount", "1", "--idle-timeout", "0ms"], "--idle-timeout"),
        ((0, "quote"), &["--source-amount", "1", "--timeout", "0"], "--timeout"),
        ((0, "request"), &["--amount", "1", "--timeout", "0s"], "--timeout"),
        // Paths and data.
        ((0, "send"), &["--source-amount", "1", "--path-policy", "slowest"], "--path-policy"),
        ((0, "send"), &["--source-amount", "1", "--path-policy", "weighed:101"], "--path-policy"),
        ((0, "send"), &["--source-amount", "1", "--data-file", "/no/such/file"], "--data-file"),
        ((0, "send"), &["--source-amount", "1", "--refund-timeout", "never"], "--refund-timeout"),
        ((0, "send"), &["--source-amount", "1", "--max-received-data=-1"], "--max-received-data"),
        // Servers.
        ((0, "send"), &["--source-amount", "1", "--plugin", "http://127.0.0.1:1"], "--plugin"),
        ((1, "--plugin=http://127.0.0.1:1"), &["--source-amount", "1"], "--plugin"),
        ((1, "--plugin=btp+ws://127.0.0.1:1"), &["--source-amount", "1"], "--plugin"),
        ((1, "--plugin=btp+ws://u:token-that-is-secret@"), &["--source-amount", "1"], "--plugin"),
        // Too little, too much.
        ((0, "send"), &[], "--source-amount"),
        ((0, "quote"), &[], "--destination-amount"),
        ((0, "request"), &[], "--amount"),
        ((0, "send"), &["--source-amount", "1", "--destination-amount", "1"], "--destination-amount"),
        ((0, "send"), &["--source-amount", "1", "--no-such-option"], "--no-such-option"),
    ] {
        let mut arguments = good;
        arguments[change.0] = change.1;
        let line = misused(&[&arguments, more].concat());
        if !line.contains(named) {
            wrong.push(format!("{change:?} {more:?}: {line}"));
        }
    }
    assert!(wrong.is_empty(), "the field is not named: {wrong:#?}");
}

#[test]
fn a_number_below_zero_is_told_with_its_option() {
    for (command, option) in [
        ("simulate", "--seed"),
        ("simulate", "--random"),
        ("connector", "--max-packet-amount"),
        ("connector", "--latency"),
    ] {
        let line = misused(&[command, option, "-1"]);
        assert!(line.contains(option), "{line}");
    }
}

#[test]
fn a_forgotten_option_name_shows_no_secret() {
    misused(&["send", SERVER, "--destination-account", ACCOUNT, "--source-amount", "1"]);
    misused(&["send", "--plugin", SERVER, "--destination-account", ACCOUNT, "--source-amount", "1", SECRET]);
}

#[test]
fn a_command_has_to_be_given_and_known() {
    assert!(misused(&["sned"]).contains("sned"));
    let scenario = Scenario::new();
    let ending = scenario.psk(&[]).finish();
    assert!(complaint(&ending, 2).contains("command"), "{ending:?}");
    let help = scenario.psk_with(&["--help"], &[]).finish();
    assert_eq!((help.status, help.stderr.len()), (Some(0), 0), "{help:?}");
    let help = help.stdout.join("\n");
    for command in ["demo", "connector", "receive", "send", "quote", "probe", "request"] {
        assert!(help.contains(command), "{help}");
    }
}

#[test]
fn without_json_there_is_one_line_too() {
    let scenario = Scenario::new();
    let arguments = [
        "send",
        "--plugin",
        SERVER,
        "--destination-account",
        ACCOUNT,
        "--shared-secret",
        "c2hvcnQ",
        "--source-amount",
        "1",
    ];
    let ending = scenario.psk_with(&arguments, &[]).finish();
    assert_eq!((ending.status, ending.stdout.len(), ending.stderr.len()), (Some(2), 0, 1), "{ending:?}");
    assert!(ending.stderr[0].contains("--shared-secret"), "{ending:?}");
}

#[test]
fn the_credentials_variable_and_file_are_named() {
    let scenario = Scenario::new();
    let arguments = ["--json", "send", "--plugin", SERVER, "--source-amount", "1"];
    let with_account = [&arguments[..], &["--destination-account", ACCOUNT]].concat();
    let ending = scenario.psk_with(&with_account, &[("PSK_SHARED_SECRET", "c2hvcnQ")]).finish();
    assert!(complaint(&ending, 2).contains("PSK_SHARED_SECRET"), "{ending:?}");
    let ending = scenario.psk_with(&with_account, &[]).finish();
    assert!(complaint(&ending, 2).contains("--shared-secret"), "{ending:?}");
    for (text, named) in [
        (format!(r#"{{"destination_account":"{ACCOUNT}","shared_secret":"c2hvcnQ"}}"#), "shared_secret"),
        (format!(r#"{{"destination_account":"x y","shared_secret":"{SECRET}"}}"#), "destination_account"),
        (
            format!(r#"{{"destination_account":"{ACCOUNT}","shared_secret":{{"is":"{SECRET}"}}}}"#),
            "shared_secret",
        ),
        (format!(r#"{{"shared_secret":"{SECRET}"}}"#), "destination_account"),
        (format!("{SECRET}\n"), "shared_secret"),
        (String::new(), "shared_secret"),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let ending = scenario.psk_with(&[&arguments[..], &["--credentials", path]].concat(), &[]).finish();
        let line = complaint(&ending, 2);
        assert!(line.contains(named) && line.contains(path), "{text}: {line}");
    }
    let missing = [&arguments[..], &["--credentials", "/no/such/file"]].concat();
    assert!(complaint(&scenario.psk_with(&missing, &[]).finish(), 2).contains("/no/such/file"));
}

/// The commands that talk to a receiver, with what they need.
const COMMANDS: [&[&str]; 4] = [
    &["send", "--source-amount", "1000"],
    &["quote", "--source-amount", "1000"],
    &["probe"],
    &["request", "--amount", "1000"],
];

/// Runs all of them against a server that is of no use: none is done, the server is named, and a payment has an
/// account that says that nothing was sent.
#[track_caller]
fn all_fail(scenario: &Scenario, server: &str, named: &str) {
    let to = Credentials { destination_account: ACCOUNT.into(), shared_secret: SECRET.into() };
    for command in COMMANDS {
        let more = if command[0] == "probe" { vec![] } else { command[1..].to_vec() };
        let ending = scenario.psk_to(command[0], server, &to, &more).finish();
        let line = complaint(&ending, 1);
        assert!(line.contains(named), "{command:?}: {line}");
        if command[0] == "send" {
            nothing_sent(&ending);
        }
    }
    let ending = scenario.psk(&["receive", "--plugin", server]).finish();
    let line = complaint(&ending, 1);
    assert!(line.contains(named), "receive: {line}");
}

#[track_caller]
fn nothing_sent(ending: &Ending) {
    let account = Account::of(ending);
    assert_ne!(account.status, "completed");
    assert_eq!((account.source_sent, account.delivered, account.unverified, account.in_doubt), (0, 0, 0, 0));
    assert!(account.error.is_some(), "{account:?}");
}

#[test]
fn a_server_that_is_not_there() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("btp+ws://alice:token-that-is-secret@{address}");
    all_fail(&Scenario::new(), &server, &address.to_string());
    all_fail(
        &Scenario::new(),
        "btp+ws://alice:token-that-is-secret@no-such-host.invalid:7768",
        "no-such-host.invalid",
    );
}

#[test]
fn a_server_that_speaks_another_protocol() {
    for octets in
        [&b""[..], b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]
    {
        let server = FakeConnector::writing(octets);
        let url = server.url().replace("secret-token", "token-that-is-secret");
        all_fail(&Scenario::new(), &url, &server.socket());
    }
}

#[test]
fn a_wrong_token_at_psk_connector() {
    let scenario = Scenario::new();
    let toml = r#"
        connector = { address = "test.ours", accounts.alice = { relation = "child", asset_code = "XRP", asset_scale = 9 } }
        links.alice.token = "the-right-one"
    "#;
    let connector = PskConnector::from_toml(&scenario, toml);
    for user in ["alice", "stranger"] {
        all_fail(&scenario, &connector.url(user, "token-that-is-secret"), &connector.socket());
    }
    // The right one is let in.
    PskReceiver::start(&scenario, &connector.url("alice", "the-right-one"), &[]);
}

#[test]
fn a_wrong_token_at_mini_accounts() {
    with_peers(|scenario| {
        let accounts = Accounts::start(scenario, json!({}));
        let right = accounts.left("alice");
        PskReceiver::start(scenario, &right, &[]);
        let wrong = right.replace("token-of-alice", "token-that-is-secret");
        all_fail(scenario, &wrong, right.rsplit('@').next().unwrap());
    });
}

#[test]
fn a_wrong_secret() {
    let scenario = Scenario::new();
    let connector = PskConnector::from_flags(&scenario, &[]);
    let mut receiver = PskReceiver::start(&scenario, &connector.url("bob", "any"), &[]);
    let to = Credentials { shared_secret: SECRET.into(), ..receiver.credentials() };
    let server = connector.url("alice", "token-that-is-secret");
    for command in COMMANDS {
        let ending = scenario.psk_to(command[0], &server, &to, &command[1..]).finish();
        assert!(
            complaint(&ending, 1).contains("the shared secret is not that of this account"),
            "{ending:?}"
        );
        match command[0] {
            "send" => nothing_sent(&ending),
            "request" => {
                let answer = ending.last();
                assert_eq!((&answer["fulfilled"], text(&answer["code"])), (&json!(false), "F06"));
            }
            _ => {}
        }
    }
    // The receiver goes on.
    let account = scenario.pay(&server, &receiver.credentials(), &["--source-amount", "10"]);
    assert_eq!(receiver.received(&account.payment_id), 10);
}

#[test]
fn a_receiver_that_does_not_exist() {
    let scenario = Scenario::new();
    let connector = PskConnector::from_flags(&scenario, &[]);
    let server = connector.url("alice", "token-that-is-secret");
    for account in ["test.connector.nobody.AAAA", "test.elsewhere.bob.AAAA"] {
        let to = Credentials { destination_account: account.into(), shared_secret: SECRET.into() };
        for command in COMMANDS {
            let ending = scenario.psk_to(command[0], &server, &to, &command[1..]).finish();
            complaint(&ending, 1);
            if command[0] == "send" {
                nothing_sent(&ending);
            }
        }
    }
}

#[test]
fn amounts_of_zero_are_no_matter_of_the_network() {
    let scenario = Scenario::new();
    let to = Credentials { destination_account: ACCOUNT.into(), shared_secret: SECRET.into() };
    for command in ["send", "quote"] {
        for amount in ["--source-amount", "--destination-amount"] {
            let ending = scenario.psk_to(command, SERVER, &to, &[amount, "0"]).finish();
            let line = complaint(&ending, 2);
            assert!(line.contains(amount) && line.contains("the amount is zero"), "{line}");
        }
    }
}

#[test]
fn a_configuration_that_is_not_right() {
    let scenario = Scenario::new();
    for (toml, named) in [
        ("listen = 5", "line 1: invalid type: integer `5`, expected text in quotes"),
        ("[connector]\nadress = 'test.x'", "adress"),
        ("[connector]\naddress = 'nowhere.x'", "address"),
        ("[connector]\naddress = 'test.x'\n[links.bob]\ntoken = 'token-that-is-secret'", "bob"),
        ("[connector]\naddress = 'test.x'\n[links.bob]\ntoken = ['token-that-is-secret']", "line 4"),
        ("what is this", "line 1"),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let ending = scenario.psk(&["connector", "--config", path]).finish();
        let line = complaint(&ending, 2);
        assert!(line.contains(named), "{toml:?}: {line}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ending = scenario.psk(&["connector", "--listen", &address]).finish();
    assert!(complaint(&ending, 1).contains(&address), "{ending:?}");
}
