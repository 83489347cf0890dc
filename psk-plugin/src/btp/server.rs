use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use psk_codec::btp::{ErrorCode, Kind, Packet, RequestId, SubProtocol};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{Semaphore, watch};
use tokio::time;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tracing::{debug, info, warn};

use super::session::{Session, encode};
use super::{Authenticator, BtpAccount, Limits, Token};
use crate::Plugin;

/// How long the listener rests when the system has no more sockets to give.
const REST: Duration = Duration::from_millis(100);
/// How long a client that was refused may take to read why.
const FAREWELL: Duration = Duration::from_secs(2);

/// Told about an account when its client authenticates for the first time, unless [`BtpServer::account`] has made it
/// before; an error refuses the client, in words for it. Here is where a new account gets its handler. It must not
/// call the server, which waits for it.
pub type NewAccount = Arc<dyn Fn(&Arc<BtpAccount>) -> Result<(), String> + Send + Sync>;

/// What a [`BtpServer`] takes.
#[derive(Clone)]
pub struct BtpServerConfig {
    /// What each connection may take.
    pub limits: Limits,
    /// How many connections there may be, with those that are not authenticated yet; further ones are closed at once.
    /// Default: 10,000, which need about half a gigabyte when all of them are busy.
    pub connections: usize,
    /// How many accounts there may be. Default: 10,000, as many as connections. Matters only for authenticators that
    /// let in strangers.
    pub accounts: usize,
    /// Told about new accounts. Default: nobody; the accounts then have the handlers that are set by way of
    /// [`BtpServer::account`].
    pub new_account: Option<NewAccount>,
}

impl Default for BtpServerConfig {
    fn default() -> Self {
        Self { limits: Limits::default(), connections: 10_000, accounts: 10_000, new_account: None }
    }
}

/// Listens for BTP clients, and has a plugin for each of their accounts.
///
/// It speaks plain WebSocket (`btp+ws`), under any path; for `btp+wss` put a reverse proxy that ends TLS before it.
/// Dropping it closes it.
pub struct BtpServer {
    shared: Arc<Shared>,
    local_addr: SocketAddr,
}

struct Shared {
    config: BtpServerConfig,
    authenticator: Arc<dyn Authenticator>,
    accounts: Mutex<HashMap<String, Arc<BtpAccount>>>,
    connections: Arc<Semaphore>,
    closed: watch::Sender<bool>,
}

impl BtpServer {
    /// Listens on `address`; port 0 is any free one.
    pub async fn bind(
        address: impl ToSocketAddrs,
        authenticator: impl Authenticator,
        config: BtpServerConfig,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            authenticator: Arc::new(authenticator),
            accounts: Mutex::default(),
            connections: Arc::new(Semaphore::new(config.connections.min(Semaphore::MAX_PERMITS))),
            closed: watch::Sender::new(false),
            config,
        });
        tokio::spawn(shared.clone().listen(listener));
        info!(%local_addr, "BTP server listens");
        Ok(Self { shared, local_addr })
    }

    /// The address that it listens on, with the port it was given.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The plugin of an account, whether its client has ever come or not.
    pub fn account(&self, name: &str) -> Arc<BtpAccount> {
        let mut accounts = self.shared.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || self.shared.new_account(name);
        accounts.entry(name.to_owned()).or_insert_with(new).clone()
    }

    /// Listens no more and closes all connections. What is in flight on them fails as unknown. Waits until the last
    /// answers are written, at most a second.
    pub async fn close(&self) {
        self.shared.closed.send_replace(true);
        // All connections have been told by that: this waits for one after the other.
        for account in self.shared.all_accounts() {
            account.close().await;
        }
    }
}

impl fmt::Debug for BtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BtpServer").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

impl Drop for BtpServer {
    fn drop(&mut self) {
        self.shared.closed.send_replace(true);
    }
}

impl Shared {
    fn new_account(&self, name: &str) -> Arc<BtpAccount> {
        let limits = self.config.limits.clone();
        Arc::new(BtpAccount::new(name.to_owned(), limits))
    }

    fn all_accounts(&self) -> Vec<Arc<BtpAccount>> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.values().cloned().collect()
    }

    async fn listen(self: Arc<Self>, listener: TcpListener) {
        let mut closed = self.closed.subscribe();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = closed.wait_for(|closed| *closed) => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Such as too many open files: it passes when others close theirs.
                    warn!(%error, "BTP connection not accepted");
                    time::sleep(REST).await;
                    continue;
                }
            };
            let Ok(permit) = self.connections.clone().try_acquire_owned() else {
                warn!(%peer, "too many BTP connections");
                continue;
            };
            let shared = self.clone();
            tokio::spawn(async move {
                shared.serve(stream, peer).await;
                drop(permit);
            });
        }
    }

    /// One connection, from its first octet to its end.
    async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%peer, %error, "TCP_NODELAY not set");
        }
        let mut closed = self.closed.subscribe();
        let entered = tokio::select! {
            entered = self.let_in(stream, peer) => entered,
            _ = closed.wait_for(|closed| *closed) => return,
        };
        match entered {
            Ok((socket, id, account)) => {
                info!(%peer, account = account.name(), "BTP client authenticated");
                self.run(socket, id, &account).await;
                debug!(%peer, account = account.name(), "BTP client gone");
            }
            Err(reason) => debug!(%peer, reason, "no BTP client"),
        }
    }

    /// From a connection to a client that is authenticated, or why it is not.
    async fn let_in(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Result<(WebSocketStream<TcpStream>, RequestId, Arc<BtpAccount>), String> {
        let limit = self.config.limits.handshake;
        let websocket = Some(self.config.limits.websocket());
        let handshake = tokio_tungstenite::accept_async_with_config(stream, websocket);
        let handshake = time::timeout(limit, handshake).await;
        let handshake = handshake.map_err(|_| "no WebSocket handshake in time")?;
        let mut socket = handshake.map_err(|error| error.to_string())?;
        let first = time::timeout(limit, first_packet(&mut socket)).await;
        let packet = first.map_err(|_| "no authentication in time")?;
        let packet = packet.ok_or("no BTP packet first")?;
        let id = packet.request_id;
        match self.authenticate(&packet) {
            Ok(account) => Ok((socket, id, account)),
            Err(reason) => {
                warn!(%peer, reason, "BTP client refused");
                let farewell = self.farewell(socket, id, &reason);
                let _ = time::timeout(FAREWELL, farewell).await;
                Err(reason)
            }
        }
    }

    /// Whom the first packet authenticates; otherwise why nobody, in words for the client.
    fn authenticate(&self, packet: &Packet) -> Result<Arc<BtpAccount>, String> {
        if packet.kind != Kind::Message {
            return Err("the first packet must be a message that authenticates".into());
        }
        let first = packet.protocol_data.first();
        if first.is_none_or(|first| first.name.as_str() != SubProtocol::AUTH) {
            return Err("the first sub-protocol must be auth".into());
        }
        let text = |name| match packet.sub_protocol(name) {
            Some(found) => match std::str::from_utf8(&found.data) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(format!("{name} is not text")),
            },
            None => Ok(None),
        };
        // Left out by clients that keep to the RFC, empty for JS clients without a user.
        let username = text(SubProtocol::AUTH_USERNAME)?.filter(|name| !name.is_empty());
        let token = text(SubProtocol::AUTH_TOKEN)?.ok_or("auth_token is missing")?;
        let name = self.authenticator.authenticate(username, &Token::new(token))?;
        self.enter(&name)
    }

    /// The account of that name, new if it has to be.
    fn enter(&self, name: &str) -> Result<Arc<BtpAccount>, String> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(name) {
            return Ok(account.clone());
        }
        if accounts.len() >= self.config.accounts {
            return Err("too many accounts".into());
        }
        let account = self.new_account(name);
        if let Some(new_account) = &self.config.new_account {
            new_account(&account)?;
        }
        accounts.insert(name.to_owned(), account.clone());
        Ok(account)
    }

    async fn run(&self, socket: WebSocketStream<TcpStream>, id: RequestId, account: &Arc<BtpAccount>) {
        let (session, runner) = Session::new(self.config.limits.clone(), account.handler(), id);
        // Before the account can send: the client must see it first.
        session.respond(Packet::empty_response(id)).await;
        account.add(session.clone());
        let _remove = RemoveOnDrop { account, session: &session };
        let mut closed = self.closed.subscribe();
        let close = async {
            let _ = closed.wait_for(|closed| *closed).await;
            session.close();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = runner.run(socket) => {}
            () = close => {}
        }
    }

    /// Tells a client that it is not let in, and waits until it has read that.
    async fn farewell(&self, mut socket: WebSocketStream<TcpStream>, id: RequestId, reason: &str) {
        let now = self.config.limits.clock.now();
        let error = Packet::error(id, ErrorCode::F00_NOT_ACCEPTED, now, reason);
        if socket.send(encode(error)).await.is_ok() && socket.close(None).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    }
}

/// The first binary message, if it is a BTP packet. Pings may come before it; text and unreadable packets get no
/// answer (PROTOCOL.md section 5).
async fn first_packet(socket: &mut WebSocketStream<TcpStream>) -> Option<Packet> {
    loop {
        match socket.next().await?.ok()? {
            Message::Binary(octets) => return Packet::decode(octets).ok(),
            Message::Ping(_) | Message::Pong(_) => {}
            _ => return None,
        }
    }
}

/// Forgets a connection, also when its task is dropped.
struct RemoveOnDrop<'a> {
    account: &'a BtpAccount,
    session: &'a Arc<Session>,
}

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        self.account.remove(self.session);
    }
}
