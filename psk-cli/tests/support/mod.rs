//! What the tests of the `psk` program share: the program and the npm packages (`interop/`) as child processes.
//!
//! A test that needs the packages runs in [`with_peers`], any other makes its [`Scenario`] itself. A scenario has a
//! time limit; whatever waits for a process waits no longer than that, and a failure shows all that the processes
//! have said. They are killed when their handles are dropped.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what tests share, of which every file uses a part; they keep real time and may fail loudly"
)]

mod fake_connector;
mod node;
mod npm;
mod process;
mod program;
mod scenario;

pub use fake_connector::{FakeConnector, Reaction, binary};
pub use node::with_peers;
pub use npm::{Accounts, NpmConnector, NpmReceiver, VERSIONS};
pub use process::{Ending, Process};
pub use program::{Account, PskConnector, PskReceiver};
pub use scenario::Scenario;
pub use serde_json::{Value, json};

/// What a receiver gives to a sender.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub destination_account: String,
    pub shared_secret: String,
}

impl Credentials {
    /// From a line that has both.
    pub fn of(line: &Value) -> Self {
        Self {
            destination_account: text(&line["destination_account"]).into(),
            shared_secret: text(&line["shared_secret"]).into(),
        }
    }

    /// As `psk` takes them.
    pub fn arguments(&self) -> [String; 2] {
        let Self { destination_account, shared_secret } = self;
        [format!("--destination-account={destination_account}"), format!("--shared-secret={shared_secret}")]
    }
}

/// An amount: JSON text of decimal digits.
#[track_caller]
pub fn units(value: &Value) -> u64 {
    let digits = text(value);
    assert!(digits.bytes().all(|octet| octet.is_ascii_digit()), "{digits:?} is no amount");
    digits.parse().unwrap()
}

/// A number of things: a JSON number.
#[track_caller]
pub fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number of things"))
}

#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// base64url without padding, as octets stand in all JSON here.
pub fn base64url(octets: impl AsRef<[u8]>) -> String {
    use base64::Engine;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(octets)
}
