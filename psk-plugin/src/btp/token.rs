use std::fmt;

use zeroize::Zeroizing;

/// The secret by which a client authenticates. Not shown by `Debug`, wiped when it is dropped.
///
/// What is written to a socket is out of its reach, also in the log of the WebSocket library at the level `trace`
/// (see [`btp`](super)). [`Token::expose`] is the only way out of here.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes the token as it is to be sent.
    pub fn new(token: impl Into<String>) -> Self {
        Self(Zeroizing::new(token.into()))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with a mark instead of the token: npm's mini-accounts repeats a wrong token in its error.
    pub(super) fn redact(&self, text: &str) -> String {
        match self.0.is_empty() {
            true => text.to_owned(),
            false => text.replace(self.0.as_str(), "[token]"),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
