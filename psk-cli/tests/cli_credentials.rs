//! The ways in which `psk` is told a receiver's credentials, and its own at the connector.

mod support;

use std::io::Write;

use support::*;

/// A connector, and a receiver there.
struct Setting {
    scenario: Scenario,
    connector: PskConnector,
    receiver: PskReceiver,
}

impl Setting {
    fn new(more: &[&str]) -> Self {
        let scenario = Scenario::new();
        let connector = PskConnector::from_flags(&scenario, &[]);
        let receiver = PskReceiver::start(&scenario, &connector.url("bob", "any"), more);
        Self { scenario, connector, receiver }
    }

    /// Runs `psk --json request --amount 1` with these arguments more, and expects it to be fulfilled.
    #[track_caller]
    fn request(&self, arguments: &[&str], variables: &[(&str, &str)], stdin: Option<&str>) {
        let server = self.connector.url("alice", "secret-token");
        let arguments = [&["--json", "request", "--plugin", &server, "--amount", "1"], arguments].concat();
        let mut process = self.scenario.psk_with(&arguments, variables);
        if let Some(text) = stdin {
            process.write(text.as_bytes());
            process.close_stdin();
        }
        let ending = process.finish();
        assert_eq!((ending.status, &ending.last()["fulfilled"]), (Some(0), &json!(true)), "{ending:?}");
    }
}

#[test]
fn in_arguments_as_base64url_and_as_base64() {
    let setting = Setting::new(&[]);
    let Credentials { destination_account, shared_secret } = setting.receiver.credentials();
    let base64 = shared_secret.replace('-', "+").replace('_', "/") + "=";
    for secret in [shared_secret, base64] {
        let secret = format!("--shared-secret={secret}");
        setting.request(&["--destination-account", &destination_account, &secret], &[], None);
    }
}

#[test]
fn a_secret_that_starts_with_a_hyphen() {
    let setting = Setting::new(&[]);
    // One in 64 does. Credentials are free, so ask until there are such.
    for _ in 0..1_000 {
        let more = PskReceiver::start(&setting.scenario, &setting.connector.url("carol", "any"), &[]);
        let Credentials { destination_account, shared_secret } = more.credentials();
        if shared_secret.starts_with('-') {
            let arguments =
                ["--destination-account", &destination_account, "--shared-secret", &shared_secret];
            return setting.request(&arguments, &[], None);
        }
    }
    panic!("no secret of a thousand starts with a hyphen");
}

#[test]
fn in_a_variable() {
    let setting = Setting::new(&[]);
    let Credentials { destination_account, shared_secret } = setting.receiver.credentials();
    let variables = [("PSK_SHARED_SECRET", &*shared_secret)];
    setting.request(&["--destination-account", &destination_account], &variables, None);
}

#[test]
fn in_a_file_and_on_stdin() {
    let setting = Setting::new(&[]);
    let Credentials { destination_account, shared_secret } = setting.receiver.credentials();
    let credentials = json!({"destination_account": destination_account, "shared_secret": shared_secret});
    // The line that the receiver prints is such a file too.
    for text in [credentials.to_string(), setting.receiver.listening.to_string() + "\n"] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        setting.request(&["--credentials", file.path().to_str().unwrap()], &[], None);
        setting.request(&["--credentials", "-"], &[], Some(&text));
    }
}

#[test]
fn data_that_starts_with_a_hyphen() {
    let mut setting = Setting::new(&[]);
    let Credentials { destination_account, shared_secret } = setting.receiver.credentials();
    let variables = [("PSK_SHARED_SECRET", &*shared_secret)];
    let arguments = ["--destination-account", &destination_account, "--data", "-5 degrees"];
    setting.request(&arguments, &variables, None);
    assert_eq!(text(&setting.receiver.request()["data"]), base64url("-5 degrees"));
}
