use std::fmt;
use std::str::FromStr;

use url::Url;

use super::Token;

/// Where a BTP server is and how to authenticate there: `btp+ws://user:token@host:port/path`, or `btp+wss` for TLS.
///
/// The user may be left out (`btp+ws://:token@host`). User and token are sent as they stand in the URL, still
/// percent-encoded, because the JS plugins do so (PROTOCOL.md section 5); [`BtpUrl::with_credentials`] takes them as
/// they are. Neither `Debug` nor `Display` shows the token, and no error does.
#[derive(Clone)]
pub struct BtpUrl {
    /// Without user and token.
    websocket: Url,
    username: String,
    token: Token,
}

/// Text that is not the URL of a BTP server. The text itself is not repeated: there may be a token in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BtpUrlError {
    /// It does not start with `btp+ws://` or `btp+wss://`.
    #[error("a BTP URL starts with btp+ws:// or btp+wss://")]
    Scheme,
    /// It is no URL, or has no host.
    #[error("not a valid URL: {0}")]
    Invalid(url::ParseError),
    /// A fragment (`#`) is of no use to a server.
    #[error("a BTP URL has no fragment (#); write # in a token as %23")]
    Fragment,
    /// There is no token: neither `user:token@` nor `:token@` stands before the host.
    #[error("no token in the BTP URL (user:token@host or :token@host), and none given apart from it")]
    NoToken,
    /// There are credentials in the URL and apart from it.
    #[error("credentials in the BTP URL and apart from it; give them once")]
    CredentialsTwice,
}

impl BtpUrl {
    /// A URL without credentials, and credentials apart from it, which are sent as they are.
    pub fn with_credentials(url: &str, username: Option<&str>, token: Token) -> Result<Self, BtpUrlError> {
        let websocket = parse(url)?;
        if !websocket.username().is_empty() || websocket.password().is_some() {
            return Err(BtpUrlError::CredentialsTwice);
        }
        Ok(Self { websocket, username: username.unwrap_or_default().to_owned(), token })
    }

    /// The user; `None` when there is none.
    pub fn username(&self) -> Option<&str> {
        Some(self.username.as_str()).filter(|name| !name.is_empty())
    }

    /// The token.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// `host:port`, with the usual port (80, or 443 with TLS) when the URL names none.
    pub fn host_and_port(&self) -> String {
        let host = self.websocket.host_str().unwrap_or_default();
        let port = self.websocket.port_or_known_default().unwrap_or_default();
        format!("{host}:{port}")
    }

    /// Whether the connection is to use TLS.
    pub fn is_tls(&self) -> bool {
        self.websocket.scheme() == "wss"
    }

    /// The URL of the WebSocket, without credentials.
    pub(super) fn websocket(&self) -> &str {
        self.websocket.as_str()
    }
}

impl FromStr for BtpUrl {
    type Err = BtpUrlError;

    fn from_str(text: &str) -> Result<Self, BtpUrlError> {
        let mut websocket = parse(text)?;
        let token = match websocket.password() {
            Some(token) if !token.is_empty() => Token::new(token),
            _ => return Err(BtpUrlError::NoToken),
        };
        let username = websocket.username().to_owned();
        // These fail only for URLs that cannot have credentials, which `parse` has refused.
        let _ = websocket.set_username("");
        let _ = websocket.set_password(None);
        Ok(Self { websocket, username, token })
    }
}

/// The URL without `btp+`, as the JS plugins take it.
fn parse(text: &str) -> Result<Url, BtpUrlError> {
    let text = text.strip_prefix("btp+").ok_or(BtpUrlError::Scheme)?;
    // The parser's error names a reason and repeats nothing of the text.
    let url = Url::parse(text).map_err(BtpUrlError::Invalid)?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(BtpUrlError::Scheme);
    }
    if url.fragment().is_some() {
        return Err(BtpUrlError::Fragment);
    }
    Ok(url)
}

impl fmt::Display for BtpUrl {
    /// Without user and token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "btp+{}", self.websocket)
    }
}

impl fmt::Debug for BtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BtpUrl({self}, user {:?})", self.username)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> BtpUrl {
        text.parse().unwrap()
    }

    #[test]
    fn credentials_stay_as_they_are_written() {
        let url = parse("btp+ws://al%20ice:to%2Fken%23@host.example:7768/btp?x=1");
        assert_eq!(url.username(), Some("al%20ice"));
        assert_eq!(url.token().expose(), "to%2Fken%23");
        assert_eq!(url.websocket(), "ws://host.example:7768/btp?x=1");
        assert_eq!(url.host_and_port(), "host.example:7768");
        assert!(!url.is_tls());
    }

    #[test]
    fn the_user_and_the_port_may_be_left_out() {
        let url = parse("btp+wss://:token@host.example");
        assert_eq!(url.username(), None);
        assert_eq!(url.host_and_port(), "host.example:443");
        assert!(url.is_tls());
        assert_eq!(parse("btp+ws://:t@[::1]").host_and_port(), "[::1]:80");
    }

    #[test]
    fn what_is_no_btp_url_is_refused_with_a_reason_and_without_the_token() {
        let cases = [
            ("ws://a:t0ken@host", BtpUrlError::Scheme),
            ("btp+http://a:t0ken@host", BtpUrlError::Scheme),
            ("", BtpUrlError::Scheme),
            ("btp+ws://host", BtpUrlError::NoToken),
            ("btp+ws://t0ken@host", BtpUrlError::NoToken),
            ("btp+ws://a:@host", BtpUrlError::NoToken),
            ("btp+ws://a:t0#ken@host", BtpUrlError::Invalid(url::ParseError::InvalidPort)),
            ("btp+ws://a:t0ken@host/#x", BtpUrlError::Fragment),
            ("btp+ws://a:t0ken@", BtpUrlError::Invalid(url::ParseError::EmptyHost)),
            ("btp+ws://a:t0ken@host:70000", BtpUrlError::Invalid(url::ParseError::InvalidPort)),
        ];
        for (text, expected) in cases {
            let error = text.parse::<BtpUrl>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("t0"), "{text}: {error}");
        }
    }

    #[test]
    fn credentials_apart_from_the_url_are_given_once() {
        let token = Token::new("a b/c");
        let url = BtpUrl::with_credentials("btp+ws://host:1", Some("ü"), token.clone()).unwrap();
        assert_eq!((url.username(), url.token().expose()), (Some("ü"), "a b/c"));
        let error = BtpUrl::with_credentials("btp+ws://u@host:1", None, token).unwrap_err();
        assert_eq!(error, BtpUrlError::CredentialsTwice);
    }

    #[test]
    fn neither_debug_nor_display_shows_the_token() {
        let url = parse("btp+ws://alice:secret@host:1/x");
        assert_eq!(url.to_string(), "btp+ws://host:1/x");
        assert!(!format!("{url:?} {:?}", url.token()).contains("secret"));
    }
}
