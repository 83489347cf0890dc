use std::fmt::Display;

/// Why a command was not done, in one line for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What went wrong; names the field or the peer.
    pub(crate) message: String,
    /// The exit status: 1 not done, 2 wrong usage.
    pub(crate) status: u8,
    /// Whether the command has already said it on stdout, within its JSON result.
    pub(crate) told: bool,
    /// The same in several lines, where a person sees it better so.
    pub(crate) lines: Option<String>,
}

impl Failure {
    /// It was understood, and could not be done.
    pub(crate) fn not_done(message: impl Display) -> Self {
        Self { message: message.to_string(), status: 1, told: false, lines: None }
    }

    /// It was not understood.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), status: 2, told: false, lines: None }
    }

    /// It went wrong with, or beyond, this connector (`host:port`).
    pub(crate) fn at(self, server: &str) -> Self {
        Self { message: format!("{} (connector {server})", self.message), ..self }
    }

    /// For people, in these lines.
    pub(crate) fn in_lines(self, lines: String) -> Self {
        Self { lines: Some(lines), ..self }
    }

    /// The JSON result tells it already.
    pub(crate) fn told(self) -> Self {
        Self { told: true, ..self }
    }
}
