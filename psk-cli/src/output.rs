use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::error::Failure;

/// Where results go: one JSON object per line, or text for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a progress bar would be seen.
    pub(crate) fn shows_progress(self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// One result: as a JSON line, or as text. A reader that has gone away is no error of ours.
    pub(crate) fn emit(self, value: Value, text: impl Display) {
        let mut stdout = std::io::stdout().lock();
        let _ = match self.json {
            true => writeln!(stdout, "{value}"),
            false => writeln!(stdout, "{text}"),
        };
        let _ = stdout.flush();
    }

    /// One result that only programs want to see.
    pub(crate) fn emit_json(self, value: Value) {
        if self.json {
            self.emit(value, "");
        }
    }

    /// One line that only people want to see.
    pub(crate) fn emit_text(self, text: impl Display) {
        if !self.json {
            self.emit(Value::Null, text);
        }
    }

    /// What did not go well, while the command goes on: one line on stderr.
    pub(crate) fn warn(self, message: impl Display) {
        let _ = writeln!(std::io::stderr(), "psk: warning: {message}");
    }

    /// What went wrong: one line on stderr, or several for people, and for programs one object on stdout.
    pub(crate) fn report(self, failure: &Failure) -> ExitCode {
        if self.json && !failure.told {
            self.emit(json!({ "error": failure.message }), "");
        }
        let lines = failure.lines.as_ref().filter(|_| !self.json).unwrap_or(&failure.message);
        let _ = writeln!(std::io::stderr(), "psk: {lines}");
        ExitCode::from(failure.status)
    }
}

/// Octets in JSON.
pub(crate) fn base64url(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// Octets for people: as text if they are.
pub(crate) fn readable(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}"),
        _ => format!("{} octets, base64url {}", octets.len(), base64url(octets)),
    }
}

/// Amounts are strings in JSON: its numbers end at 2^53.
pub(crate) fn amount(amount: impl Display) -> Value {
    Value::String(amount.to_string())
}

/// Likewise, null for none.
pub(crate) fn optional_amount(amount: Option<impl Display>) -> Value {
    amount.map_or(Value::Null, self::amount)
}
