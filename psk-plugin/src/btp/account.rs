use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use psk_codec::{Prepare, Reply};
use tokio::sync::watch;

use super::Limits;
use super::session::Session;
use crate::handler::HandlerSlot;
use crate::{AccountDetails, DetailsError, Plugin, PrepareHandler, SendError, ildcp};

/// A plugin for one account of a [`BtpServer`](super::BtpServer), whether its client is connected or not.
///
/// A client may have several connections: a packet goes out on the one that authenticated last (npm's mini-accounts
/// sends it on all of them, so that the client sees it twice), and packets come in on all of them.
pub struct BtpAccount {
    name: String,
    limits: Limits,
    handler: Arc<HandlerSlot>,
    /// The newest is last.
    sessions: Mutex<Vec<Arc<Session>>>,
    connections: watch::Sender<usize>,
}

impl BtpAccount {
    pub(super) fn new(name: String, limits: Limits) -> Self {
        Self {
            name,
            limits,
            handler: Arc::new(HandlerSlot::default()),
            sessions: Mutex::default(),
            connections: watch::Sender::new(0),
        }
    }

    /// The account's name, as the authenticator gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many connections the account's client has, and when that changes.
    pub fn connections(&self) -> watch::Receiver<usize> {
        self.connections.subscribe()
    }

    pub(super) fn handler(&self) -> Arc<HandlerSlot> {
        self.handler.clone()
    }

    pub(super) fn add(&self, session: Arc<Session>) {
        let mut sessions = self.sessions();
        sessions.push(session);
        self.connections.send_replace(sessions.len());
    }

    pub(super) fn remove(&self, session: &Arc<Session>) {
        let mut sessions = self.sessions();
        sessions.retain(|other| !Arc::ptr_eq(other, session));
        self.connections.send_replace(sessions.len());
    }

    /// The newest connection that is not lost.
    fn newest(&self) -> Option<Arc<Session>> {
        let sessions = self.sessions();
        sessions.iter().rev().find(|session| session.is_open()).cloned()
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BtpAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = *self.connections.borrow();
        f.debug_struct("BtpAccount").field("name", &self.name).field("connections", &connections).finish()
    }
}

#[async_trait]
impl Plugin for BtpAccount {
    async fn send(&self, prepare: Prepare) -> Result<Reply, SendError> {
        loop {
            let Some(session) = self.newest() else {
                let reason = format!("no client of account {:?} is connected", self.name);
                return Err(SendError::NotSent(reason));
            };
            match session.send(&prepare).await {
                // Lost before the packet was written: an older connection may still be there.
                Err(SendError::NotSent(_)) if !session.is_open() => {}
                result => return result,
            }
        }
    }

    fn set_handler(&self, handler: Option<Arc<dyn PrepareHandler>>) {
        self.handler.set(handler);
    }

    /// Asks the client: right for a peer or a parent, a child will refuse.
    async fn details(&self) -> Result<AccountDetails, DetailsError> {
        ildcp::ask(self, &self.limits.clock).await
    }

    /// Closes the connections that there are now; the client may come back. Waits until the last answers are written,
    /// at most a second.
    async fn close(&self) {
        let sessions = self.sessions().clone();
        sessions.iter().for_each(|session| session.close());
        for session in sessions {
            session.ended().await;
        }
    }
}
