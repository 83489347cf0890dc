use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::Token;

/// Decides who is let in to a [`BtpServer`](super::BtpServer).
pub trait Authenticator: Send + Sync + 'static {
    /// The account that these credentials belong to; an error, which the client is told, when they belong to none.
    /// The user is `None` when the client sent none or an empty one. Must not put the token into the error.
    fn authenticate(&self, username: Option<&str>, token: &Token) -> Result<String, String>;
}

/// SHA-256 of a token: of one length, so that comparing them takes the same time whatever the tokens are.
#[derive(Clone, Copy)]
struct TokenHash([u8; 32]);

impl TokenHash {
    fn of(token: &Token) -> Self {
        Self(Sha256::digest(token.expose()).into())
    }

    fn matches(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// A fixed list of accounts, each with its token. A client that names no user is known by its token alone.
#[derive(Clone, Default)]
pub struct StaticTokens {
    accounts: BTreeMap<String, TokenHash>,
}

impl StaticTokens {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one account more.
    #[must_use]
    pub fn with(mut self, account: impl Into<String>, token: &Token) -> Self {
        self.accounts.insert(account.into(), TokenHash::of(token));
        self
    }
}

impl Authenticator for StaticTokens {
    fn authenticate(&self, username: Option<&str>, token: &Token) -> Result<String, String> {
        let given = TokenHash::of(token);
        let mut found = None;
        // All of them are compared, so that the time tells nothing about which one was near.
        for (account, known) in &self.accounts {
            let named = username.is_none_or(|username| username == account);
            if bool::from(known.matches(&given) & Choice::from(u8::from(named))) {
                found = Some(account);
            }
        }
        found.cloned().ok_or_else(|| "unknown user or wrong token".into())
    }
}

/// Lets everybody in, as npm's mini-accounts does: for development.
///
/// The account is the user, or base64url(SHA-256(token)) for a client that names none. The first token seen for a
/// user is that user's token from then on, as long as this value lives.
pub struct AnyToken {
    seen: Mutex<HashMap<String, TokenHash>>,
    most: usize,
}

impl AnyToken {
    /// Remembers so many users at most; further ones are refused.
    pub fn new(most_users: usize) -> Self {
        Self { seen: Mutex::default(), most: most_users }
    }
}

impl Authenticator for AnyToken {
    fn authenticate(&self, username: Option<&str>, token: &Token) -> Result<String, String> {
        if token.expose().is_empty() {
            return Err("the token is empty".into());
        }
        let given = TokenHash::of(token);
        let account = match username {
            Some(username) => username.to_owned(),
            None => BASE64_URL_SAFE_NO_PAD.encode(given.0),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(&account) {
            Some(known) if bool::from(known.matches(&given)) => Ok(account),
            Some(_) => Err("another token was used for this user before".into()),
            None if seen.len() >= self.most => Err("too many users".into()),
            None => {
                seen.insert(account.clone(), given);
                Ok(account)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_accounts_need_their_own_token() {
        let tokens = StaticTokens::new().with("alice", &Token::new("a")).with("bob", &Token::new("b"));
        let ask = |username, token| tokens.authenticate(username, &Token::new(token)).ok();
        assert_eq!(ask(Some("alice"), "a").as_deref(), Some("alice"));
        assert_eq!(ask(None, "b").as_deref(), Some("bob"));
        assert_eq!(ask(Some("alice"), "b"), None);
        assert_eq!(ask(Some("carol"), "a"), None);
        assert_eq!(ask(None, ""), None);
    }

    #[test]
    fn any_token_is_bound_to_its_user_by_its_first_use() {
        let tokens = AnyToken::new(2);
        let ask = |username, token| tokens.authenticate(username, &Token::new(token)).ok();
        assert_eq!(ask(Some("alice"), "a").as_deref(), Some("alice"));
        assert_eq!(ask(Some("alice"), "b"), None);
        // printf token | openssl sha256 -binary | basenc --base64url
        let hash = "PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A";
        assert_eq!(ask(None, "token").as_deref(), Some(hash));
        assert_eq!(ask(Some("carol"), "c"), None, "too many users");
        assert_eq!(ask(None, ""), None);
    }
}
