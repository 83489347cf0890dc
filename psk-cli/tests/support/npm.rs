use std::process::Command;

use serde_json::{Value, json};

use super::node::interop;
use super::{Credentials, Process, Scenario, text, units};

/// The published releases of `ilp-protocol-psk2`.
pub const VERSIONS: [&str; 3] = ["0.2.1", "0.3.1", "0.5.0"];

fn script(scenario: &Scenario, script: &str, name: &str, options: &Value) -> Process {
    let mut command = Command::new(scenario.node());
    command.arg(interop().join(script)).arg(options.to_string()).current_dir(interop());
    Process::start(scenario, format!("[{name}]"), &mut command)
}

fn with_user(template: &Value, user: &str) -> String {
    text(template).replace("{user}", user).replace("{token}", &format!("token-of-{user}"))
}

/// A connector of two mini-accounts servers (`interop/accounts.js`).
pub struct Accounts {
    process: Process,
    listening: Value,
}

impl Accounts {
    /// The settings are those of the script.
    pub fn start(scenario: &Scenario, settings: Value) -> Self {
        let mut process = script(scenario, "accounts.js", "accounts.js", &settings);
        let listening = process.event("listening");
        Self { process, listening }
    }

    /// The URL of a client of the left side.
    pub fn left(&self, user: &str) -> String {
        with_user(&self.listening["left"]["url_template"], user)
    }

    /// The URL of a client of the right side.
    pub fn right(&self, user: &str) -> String {
        with_user(&self.listening["right"]["url_template"], user)
    }

    /// Changes settings.
    pub fn set(&mut self, mut settings: Value) {
        settings["cmd"] = "set".into();
        self.process.tell(&settings);
        self.process.event("set");
    }

    /// Closes the sockets of a client.
    pub fn drop_sockets(&mut self, side: &str, user: &str) {
        self.process.tell(&json!({"cmd": "drop", "side": side, "account": user}));
        self.process.event("dropped");
    }

    pub fn stats(&mut self) -> Value {
        self.process.tell(&json!({"cmd": "stats"}));
        self.process.event("stats")
    }

    /// What a client has paid, in units of its side; by the connector's books.
    pub fn sent(&mut self, address: &str) -> u64 {
        self.stats()["accounts"].get(address).map_or(0, |account| units(&account["sent"]))
    }

    /// What a client was paid, in units of its side; by the connector's books.
    pub fn received(&mut self, address: &str) -> u64 {
        self.stats()["accounts"].get(address).map_or(0, |account| units(&account["received"]))
    }
}

/// The real npm `ilp-connector` (`interop/connector.js`).
pub struct NpmConnector {
    process: Process,
    listening: Value,
}

impl NpmConnector {
    /// The settings are those of the script.
    pub fn start(scenario: &Scenario, settings: Value) -> Self {
        let mut process = script(scenario, "connector.js", "ilp-connector", &settings);
        let listening = process.event("listening");
        Self { process, listening }
    }

    /// The URL of a client of an account of kind `mini`.
    pub fn mini(&self, account: &str, user: &str) -> String {
        with_user(&self.listening["accounts"][account]["url_template"], user)
    }

    /// The URL of the client of an account of kind `btp`.
    pub fn btp(&self, account: &str) -> String {
        text(&self.listening["accounts"][account]["url"]).into()
    }

    /// The balance of an account, which must have a limit: positive is what it owes the connector.
    pub fn balance(&mut self, account: &str) -> i64 {
        self.process.tell(&json!({"cmd": "stats"}));
        let stats = self.process.event("stats");
        text(&stats["balances"][account]["balance"]).parse().unwrap()
    }
}

/// A receiver of a published version (`interop/receive.js`). Several of them start at the same time; each is waited
/// for when its credentials are needed.
pub struct NpmReceiver {
    process: Process,
    credentials: Option<Credentials>,
}

impl NpmReceiver {
    /// The options are those of the script, beside version and server.
    pub fn start(scenario: &Scenario, version: &str, server: &str, mut options: Value) -> Self {
        options["version"] = version.into();
        options["server"] = server.into();
        let process = script(scenario, "receive.js", &format!("receiver {version}"), &options);
        Self { process, credentials: None }
    }

    pub fn credentials(&mut self) -> Credentials {
        if self.credentials.is_none() {
            self.credentials = Some(Credentials::of(&self.process.event("listening")));
        }
        self.credentials.clone().unwrap()
    }

    /// A payment that has ended.
    pub fn payment(&mut self) -> Value {
        self.process.event("payment")
    }

    /// A request shown to the handler.
    pub fn request(&mut self) -> Value {
        self.process.event("request")
    }

    /// Waits for a chunk or request to be fulfilled.
    pub fn fulfilled(&mut self) -> Value {
        self.process.event("fulfilled")
    }

    pub fn stats(&mut self) -> Value {
        self.process.tell(&json!({"cmd": "stats"}));
        self.process.event("stats")
    }

    /// What it has received in all.
    pub fn total(&mut self) -> u64 {
        units(&self.stats()["total"])
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }
}

impl Scenario {
    /// Calls a method of a published version (`interop/send.js`) and returns its last line, a result or an error.
    pub fn npm_call(&self, version: &str, server: &str, to: &Credentials, mut options: Value) -> Value {
        options["version"] = version.into();
        options["server"] = server.into();
        options["destination_account"] = to.destination_account.clone().into();
        options["shared_secret"] = to.shared_secret.clone().into();
        let name = format!("{} {version}", text(&options["method"]));
        let mut process = script(self, "send.js", &name, &options);
        process.wait_for("a result", |line| line["event"] == "result" || line["event"] == "error")
    }

    /// As [`npm_call`](Self::npm_call), for a call that must have a result.
    #[track_caller]
    pub fn npm_result(&self, version: &str, server: &str, to: &Credentials, options: Value) -> Value {
        let line = self.npm_call(version, server, to, options);
        assert_eq!(line["event"], "result", "{version}: {line}");
        line
    }
}
