use std::io::Write;
use std::process::Command;

use serde_json::Value;
use tempfile::NamedTempFile;

use super::{Credentials, Ending, Process, Scenario, count, text, units};

/// What the program reads from its environment, and a test sets by itself if it wants it.
const VARIABLES: [&str; 6] =
    ["PSK_SHARED_SECRET", "PSK_PLUGIN", "PSK_PLUGIN_TOKEN", "PSK_RECEIVER_SECRET", "PSK_LOG", "RUST_LOG"];

impl Scenario {
    /// Starts `psk` with these arguments and nothing else.
    pub fn psk_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_psk"));
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        command.args(arguments).envs(variables.iter().copied());
        let name = arguments.iter().find(|argument| !argument.starts_with('-')).unwrap_or(&"");
        Process::start(self, format!("[psk {name}]"), &mut command)
    }

    /// Starts `psk --json` with these arguments.
    pub fn psk(&self, arguments: &[&str]) -> Process {
        self.psk_with(&[&["--json"], arguments].concat(), &[])
    }

    /// Starts `psk --json send|quote|probe|request` from a client of `server`.
    pub fn psk_to(&self, command: &str, server: &str, to: &Credentials, more: &[&str]) -> Process {
        let [account, secret] = &to.arguments();
        self.psk(&[&[command, "--plugin", server, account, secret], more].concat())
    }

    /// A payment, which must be completed.
    #[track_caller]
    pub fn pay(&self, server: &str, to: &Credentials, more: &[&str]) -> Account {
        let ending = self.psk_to("send", server, to, more).finish();
        let account = Account::of(&ending);
        // Data that the receiver does not take is complained of, and the money is delivered.
        let refused = account.data_delivered == Some(false);
        assert_eq!(
            (ending.status, &*account.status, &account.error),
            (Some(i32::from(refused)), "completed", &None),
            "{ending:?}"
        );
        assert_eq!((account.unverified, account.in_doubt), (0, 0), "{account:?}");
        assert_eq!(ending.stderr.len(), usize::from(refused), "{:?}", ending.stderr);
        account
    }

    /// A command that must succeed, and its last line.
    #[track_caller]
    pub fn done(&self, command: &str, server: &str, to: &Credentials, more: &[&str]) -> Value {
        let ending = self.psk_to(command, server, to, more).finish();
        assert_eq!(ending.status, Some(0), "{ending:?}");
        assert!(ending.stderr.is_empty(), "{:?}", ending.stderr);
        ending.last()
    }
}

/// The last line of `psk send --json`.
#[derive(Clone, Debug)]
pub struct Account {
    pub status: String,
    pub payment_id: String,
    pub source_sent: u64,
    pub delivered: u64,
    pub unverified: u64,
    pub in_doubt: u64,
    pub refunded: u64,
    /// `None` for a payment that was completed.
    pub lost: Option<u64>,
    pub lost_at_most: Option<u64>,
    /// `None` when there was no data.
    pub data_delivered: Option<bool>,
    pub chunks_fulfilled: u64,
    pub chunks_rejected: u64,
    pub error: Option<String>,
}

impl Account {
    #[track_caller]
    pub fn of(ending: &Ending) -> Self {
        let line = ending.last();
        let optional_units = |name: &str| line[name].is_string().then(|| units(&line[name]));
        Self {
            status: text(&line["status"]).into(),
            payment_id: text(&line["payment_id"]).into(),
            source_sent: units(&line["source_sent"]),
            delivered: units(&line["delivered"]),
            unverified: units(&line["unverified"]),
            in_doubt: units(&line["in_doubt"]),
            refunded: units(&line["refunded"]),
            lost: optional_units("lost"),
            lost_at_most: optional_units("lost_at_most"),
            data_delivered: line["data_delivered"].as_bool(),
            chunks_fulfilled: count(&line["chunks_fulfilled"]),
            chunks_rejected: count(&line["chunks_rejected"]),
            error: line["error"].as_str().map(str::to_owned),
        }
    }
}

/// `psk receive --json`.
pub struct PskReceiver {
    pub process: Process,
    pub listening: Value,
}

impl PskReceiver {
    pub fn start(scenario: &Scenario, server: &str, more: &[&str]) -> Self {
        let mut process = scenario.psk(&[&["receive", "--plugin", server], more].concat());
        let listening = process.event("listening");
        Self { process, listening }
    }

    pub fn credentials(&self) -> Credentials {
        Credentials::of(&self.listening)
    }

    /// Waits for the end of a payment that has completed, as the receiver knows too, and for what it has received.
    #[track_caller]
    pub fn received(&mut self, payment_id: &str) -> u64 {
        let finished = self.finished(payment_id);
        let is_complete = ["last_chunk", "amount_reached"].contains(&text(&finished["reason"]));
        assert!(is_complete, "{finished}");
        units(&finished["received"])
    }

    /// Waits for the end of a payment.
    pub fn finished(&mut self, payment_id: &str) -> Value {
        self.process.wait_for("the payment's end", |line| {
            line["event"] == "payment_finished" && line["payment_id"] == payment_id
        })
    }

    /// Waits for a request.
    pub fn request(&mut self) -> Value {
        self.process.event("request")
    }

    /// Ends it with Ctrl-C, and returns what it had not told of before.
    #[track_caller]
    pub fn stop(self) -> Ending {
        self.process.interrupt();
        let ending = self.process.finish();
        assert_eq!(ending.status, Some(0), "{ending:?}");
        assert!(ending.stderr.is_empty(), "{:?}", ending.stderr);
        ending
    }
}

/// `psk connector --json`.
pub struct PskConnector {
    pub process: Process,
    listening: Value,
    _config: Option<NamedTempFile>,
}

impl PskConnector {
    /// From a TOML file, at any free port.
    pub fn from_toml(scenario: &Scenario, toml: &str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        writeln!(file, "listen = '127.0.0.1:0'\n{toml}").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        Self::start(scenario, &["--config", &path], Some(file))
    }

    /// From flags, at any free port.
    pub fn from_flags(scenario: &Scenario, flags: &[&str]) -> Self {
        Self::start(scenario, &[&["--listen", "127.0.0.1:0"], flags].concat(), None)
    }

    fn start(scenario: &Scenario, arguments: &[&str], config: Option<NamedTempFile>) -> Self {
        let mut process = scenario.psk(&[&["connector"], arguments].concat());
        let listening = process.event("listening");
        Self { process, listening, _config: config }
    }

    /// Where a client connects.
    pub fn url(&self, user: &str, token: &str) -> String {
        text(&self.listening["url_template"]).replace("{user}", user).replace("{token}", token)
    }

    /// `host:port`.
    pub fn socket(&self) -> String {
        format!("{}:{}", text(&self.listening["host"]), count(&self.listening["port"]))
    }
}
