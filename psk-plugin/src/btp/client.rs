use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use psk_codec::{Prepare, Reply};
use tokio::sync::watch;
use tokio::time::{self, Instant};
use tracing::{debug, info, warn};

use super::connect::{ClientSocket, connect};
use super::session::{Runner, Session};
use super::{BtpClientConfig, ConnectError, Reconnect};
use crate::handler::HandlerSlot;
use crate::{AccountDetails, DetailsError, Plugin, PrepareHandler, SendError, ildcp};

/// A plugin that is a client of a BTP server.
///
/// After a lost connection it connects and authenticates again by itself, until it is closed or dropped, or until
/// the server refuses the credentials. What the peer says about the account is asked anew on every connection.
pub struct BtpClient(Arc<Shared>);

/// How a [`BtpClient`] is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Packets go out.
    Connected,
    /// The connection was lost; the client tries to connect again.
    Connecting,
    /// The server refused the credentials when the client connected again: it has given up.
    Refused,
    /// The client was closed.
    Closed,
}

struct Shared {
    config: BtpClientConfig,
    handler: Arc<HandlerSlot>,
    state: watch::Sender<ConnectionState>,
    /// The connection of the moment; it has ended when the state is not `Connected`.
    session: Mutex<Arc<Session>>,
    /// What the peer said, and on which connection.
    details: Mutex<Option<(Weak<Session>, AccountDetails)>>,
}

impl BtpClient {
    /// Connects and authenticates. An error is final: only a connection that was there once is made again.
    pub async fn connect(config: impl Into<BtpClientConfig>) -> Result<Self, ConnectError> {
        let config = config.into();
        let handler = Arc::new(HandlerSlot::default());
        let (socket, last_id) = connect(&config).await?;
        info!(server = %config.url, "BTP connected");
        let (session, runner) = Session::new(config.limits.clone(), handler.clone(), last_id);
        let shared = Arc::new(Shared {
            config,
            handler,
            state: watch::Sender::new(ConnectionState::Connected),
            session: Mutex::new(session),
            details: Mutex::new(None),
        });
        tokio::spawn(shared.clone().keep_connected(runner, socket));
        Ok(Self(shared))
    }

    /// Tells how the client is connected, and when that changes.
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.0.state.subscribe()
    }

    fn end(&self) {
        self.0.state.send_replace(ConnectionState::Closed);
        self.0.session().close();
    }
}

impl fmt::Debug for BtpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = *self.0.state.borrow();
        f.debug_struct("BtpClient").field("url", &self.0.config.url).field("state", &state).finish()
    }
}

impl Drop for BtpClient {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    async fn keep_connected(self: Arc<Self>, mut runner: Runner, mut socket: ClientSocket) {
        let mut attempt = 0;
        loop {
            let since = Instant::now();
            runner.run(socket).await;
            if since.elapsed() >= self.config.reconnect.stable_after {
                attempt = 0;
            }
            if !self.enter(ConnectionState::Connecting) {
                return;
            }
            let server = &self.config.url;
            warn!(%server, "BTP connection lost");
            match self.reconnect(&mut attempt).await {
                Some(new) => (runner, socket) = new,
                None => return,
            }
            info!(%server, "BTP connected again");
        }
    }

    /// Tries until there is a connection; `None` when there will be none any more.
    async fn reconnect(&self, attempt: &mut u32) -> Option<(Runner, ClientSocket)> {
        let mut state = self.state.subscribe();
        loop {
            let delay = delay(&self.config.reconnect, *attempt, rand::random());
            *attempt = attempt.saturating_add(1);
            let connecting = async {
                time::sleep(delay).await;
                connect(&self.config).await
            };
            let connected = tokio::select! {
                connected = connecting => connected,
                _ = state.wait_for(|state| *state == ConnectionState::Closed) => return None,
            };
            match connected {
                Ok((socket, last_id)) => {
                    let limits = self.config.limits.clone();
                    let (session, runner) = Session::new(limits, self.handler.clone(), last_id);
                    *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
                    // It may have been closed in this very moment; dropping the runner ends the session then.
                    return self.enter(ConnectionState::Connected).then_some((runner, socket));
                }
                Err(error @ ConnectError::Refused { .. }) => {
                    warn!(%error, "BTP connection given up");
                    self.enter(ConnectionState::Refused);
                    return None;
                }
                Err(error) => debug!(%error, "BTP connection attempt failed"),
            }
        }
    }

    /// Changes the state, unless the client is closed, which it remains.
    fn enter(&self, new: ConnectionState) -> bool {
        let mut closed = false;
        self.state.send_if_modified(|state| {
            closed = *state == ConnectionState::Closed;
            if !closed {
                *state = new;
            }
            !closed
        });
        !closed
    }

    fn session(&self) -> Arc<Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The connection of the moment, or the next one if it comes within `patience`.
    async fn connected(&self, patience: Duration) -> Result<Arc<Session>, SendError> {
        let session = self.session();
        if session.is_open() {
            return Ok(session);
        }
        let mut state = self.state.subscribe();
        let server = self.config.url.host_and_port();
        let settled = async {
            loop {
                let now = *state.borrow_and_update();
                match now {
                    // The task has not noticed the loss yet.
                    ConnectionState::Connected if !self.session().is_open() => {}
                    ConnectionState::Connecting => {}
                    _ => return now,
                }
                if state.changed().await.is_err() {
                    return ConnectionState::Closed;
                }
            }
        };
        let not_sent = |reason| Err(SendError::NotSent(format!("{reason} (BTP server {server})")));
        match time::timeout(patience, settled).await {
            Ok(ConnectionState::Connected) => Ok(self.session()),
            Ok(ConnectionState::Refused) => not_sent("the server refused our credentials"),
            Ok(_) => not_sent("the link is closed"),
            Err(_) => not_sent("not connected"),
        }
    }
}

#[async_trait]
impl Plugin for BtpClient {
    async fn send(&self, prepare: Prepare) -> Result<Reply, SendError> {
        let config = &self.0.config;
        let left = prepare.expires_at.saturating_since(config.limits.clock.now());
        let patience = config.reconnect.patience.min(left);
        self.0.connected(patience).await?.send(&prepare).await
    }

    fn set_handler(&self, handler: Option<Arc<dyn PrepareHandler>>) {
        self.0.handler.set(handler);
    }

    async fn details(&self) -> Result<AccountDetails, DetailsError> {
        let config = &self.0.config;
        let session = self.0.connected(config.reconnect.patience).await?;
        let known = self.0.details.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((asked_on, details)) = known
            && asked_on.upgrade().is_some_and(|asked_on| Arc::ptr_eq(&asked_on, &session))
        {
            return Ok(details);
        }
        let details = ildcp::ask(self, &config.limits.clock).await?;
        let known = Some((Arc::downgrade(&session), details.clone()));
        *self.0.details.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(details)
    }

    /// Closes the connection, for good. Waits until the last answers are written, at most a second.
    async fn close(&self) {
        self.end();
        self.0.session().ended().await;
    }
}

/// The delay before an attempt, the first one being 0: doubled for each, with a random part of up to a half off.
fn delay(reconnect: &Reconnect, attempt: u32, random: u32) -> Duration {
    let factor = 1u32.checked_shl(attempt).unwrap_or(u32::MAX);
    let delay = reconnect.first_delay.saturating_mul(factor).min(reconnect.longest_delay);
    let off = delay.as_nanos() / 2 * u128::from(random) / u128::from(u32::MAX);
    delay.saturating_sub(Duration::from_nanos(u64::try_from(off).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_longest_and_are_spread_over_a_half() {
        let reconnect = Reconnect::default();
        let most = |attempt| delay(&reconnect, attempt, 0);
        assert_eq!(most(0), Duration::from_millis(250));
        assert_eq!(most(1), Duration::from_millis(500));
        assert_eq!(most(6), Duration::from_secs(16));
        assert_eq!(most(7), Duration::from_secs(30));
        assert_eq!(most(u32::MAX), Duration::from_secs(30));
        assert_eq!(delay(&reconnect, 1, u32::MAX), Duration::from_millis(250));
        assert_eq!(delay(&reconnect, u32::MAX, u32::MAX), Duration::from_secs(15));
    }
}
