//! What the tests of this crate share.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "helpers of tests, of which every test file uses a part"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use psk_codec::btp::{Packet, RequestId};
use psk_codec::{
    Amount, AmountTooLarge, Condition, ErrorCode, Fulfill, Fulfillment, Prepare, Reject, Reply, Timestamp,
    ildcp,
};
use psk_plugin::btp::{BtpClientConfig, BtpServer, BtpServerConfig, BtpUrl, StaticTokens, Token};
use psk_plugin::connector::{AccountConfig, Connector, ConnectorConfig, Relation};
use psk_plugin::memory::{Link, MemoryPlugin};
use psk_plugin::{AccountDetails, Clock, Plugin, PrepareHandler, handler_fn};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// What the fulfillments of these tests are made of: everybody knows it.
pub const FULFILLMENT: Fulfillment = ildcp::FULFILLMENT;
pub const CONDITION: Condition = ildcp::CONDITION;

/// A time for clocks that tests set.
pub fn some_day() -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000).unwrap()
}

pub fn in_seconds(clock: &Clock, seconds: u64) -> Timestamp {
    clock.now().saturating_add(Duration::from_secs(seconds))
}

/// A packet that expires in half a minute of real time.
pub fn prepare(destination: &str, units: u64) -> Prepare {
    let expires_at = Clock::system().now().saturating_add(Duration::from_secs(30));
    prepare_until(destination, units, expires_at)
}

pub fn prepare_until(destination: &str, units: u64, expires_at: Timestamp) -> Prepare {
    Prepare {
        amount: Amount::new(units),
        expires_at,
        condition: CONDITION,
        destination: destination.parse().unwrap(),
        data: Bytes::new(),
    }
}

pub fn fulfill(data: impl Into<Bytes>) -> Reply {
    Reply::Fulfill(Fulfill { fulfillment: FULFILLMENT, data: data.into() })
}

/// Fulfills everything, and returns the data it got.
pub fn echo() -> Arc<dyn PrepareHandler> {
    handler_fn(|prepare| async move { fulfill(prepare.data) })
}

/// Answers nothing, ever.
pub fn silence() -> Arc<dyn PrepareHandler> {
    handler_fn(|_| std::future::pending())
}

pub fn details(address: &str) -> AccountDetails {
    AccountDetails { address: address.parse().unwrap(), asset_scale: 9, asset_code: "XRP".into() }
}

#[track_caller]
pub fn rejected(reply: Reply) -> Reject {
    match reply {
        Reply::Reject(reject) => reject,
        Reply::Fulfill(_) => panic!("fulfilled"),
    }
}

#[track_caller]
pub fn fulfilled(reply: Reply) -> Fulfill {
    match reply {
        Reply::Fulfill(fulfill) => fulfill,
        Reply::Reject(reject) => panic!("{:?} {:?}", reject.code, reject.message_text()),
    }
}

/// The code of a Reject that must be one.
#[track_caller]
pub fn code(reply: Reply) -> ErrorCode {
    rejected(reply).code
}

#[track_caller]
pub fn too_large(reject: &Reject) -> (u64, u64) {
    let details = AmountTooLarge::decode(&reject.data).unwrap();
    (details.received.units(), details.maximum.units())
}

/// A server with an account `alice`, whose token is `secret`, on a port of its own.
pub async fn server(config: BtpServerConfig) -> BtpServer {
    let tokens = StaticTokens::new().with("alice", &Token::new("secret"));
    BtpServer::bind("127.0.0.1:0", tokens, config).await.unwrap()
}

/// The URL of `alice` at that server.
pub fn url(server: &BtpServer) -> BtpUrl {
    url_at(server.local_addr())
}

pub fn url_at(address: std::net::SocketAddr) -> BtpUrl {
    format!("btp+ws://alice:secret@{address}").parse().unwrap()
}

/// A client that connects again without delay.
pub fn impatient(url: BtpUrl) -> BtpClientConfig {
    let mut config = BtpClientConfig::from(url);
    config.reconnect.first_delay = Duration::from_millis(1);
    config.reconnect.longest_delay = Duration::from_millis(10);
    config.reconnect.patience = Duration::from_secs(20);
    config
}

/// A peer made of nothing but a WebSocket, to say what no plugin would.
pub struct RawPeer<S>(pub WebSocketStream<S>);

impl RawPeer<MaybeTlsStream<TcpStream>> {
    pub async fn connect(server: &BtpServer) -> Self {
        let url = format!("ws://{}", server.local_addr());
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0)
    }

    /// A connection of `alice`.
    pub async fn authenticated(server: &BtpServer) -> Self {
        let mut peer = Self::connect(server).await;
        let id = RequestId::new(1);
        peer.send(&Packet::auth(id, Some("alice"), "secret")).await;
        assert_eq!(peer.receive().await, Some(Packet::empty_response(id)));
        peer
    }
}

impl RawPeer<TcpStream> {
    /// Waits for a client and lets it in, whatever it says.
    pub async fn accept(listener: &tokio::net::TcpListener) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let mut peer = Self(tokio_tungstenite::accept_async(stream).await.unwrap());
        let auth = peer.receive().await.unwrap();
        peer.send(&Packet::empty_response(auth.request_id)).await;
        peer
    }
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> RawPeer<S> {
    pub async fn send(&mut self, packet: &Packet) {
        self.send_octets(packet.encode().unwrap()).await;
    }

    pub async fn send_octets(&mut self, octets: impl Into<Bytes>) {
        self.0.send(Message::Binary(octets.into())).await.unwrap();
    }

    /// The next packet; `None` when the connection is closed.
    pub async fn receive(&mut self) -> Option<Packet> {
        while let Some(message) = self.0.next().await {
            match message {
                Ok(Message::Binary(octets)) => return Some(Packet::decode(octets).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
        None
    }
}

/// A connector at `test.connector` with accounts in memory, all of them of asset XRP, scale 9, unless they are given.
pub struct Network {
    pub connector: Connector,
    pub clock: Clock,
    pub ends: std::collections::BTreeMap<String, Arc<MemoryPlugin>>,
}

impl Network {
    pub fn new(config: ConnectorConfig, accounts: &[(&str, AccountConfig)]) -> Self {
        Self::with_clock(config, accounts, Clock::system())
    }

    pub fn with_clock(mut config: ConnectorConfig, accounts: &[(&str, AccountConfig)], clock: Clock) -> Self {
        config.address.get_or_insert("test.connector".parse().unwrap());
        for (name, account) in accounts {
            config.accounts.insert((*name).into(), account.clone());
        }
        let connector = Connector::new(config, clock.clone()).unwrap();
        let ends = accounts.iter().map(|(name, _)| {
            let link = Link { clock: clock.clone(), ..Link::default() };
            let (end, connectors_end) = link.pair();
            connector.attach(name, connectors_end).unwrap();
            end.set_handler(Some(echo()));
            ((*name).to_owned(), end)
        });
        let ends = ends.collect();
        Self { connector, clock, ends }
    }

    /// Sends from an account's node, for half a minute.
    pub async fn send(&self, from: &str, destination: &str, units: u64) -> Reply {
        let expires_at = self.clock.now().saturating_add(Duration::from_secs(30));
        let prepare = prepare_until(destination, units, expires_at);
        self.ends[from].send(prepare).await.unwrap()
    }

    pub fn balance(&self, account: &str) -> i128 {
        self.connector.balances()[account].balance().units()
    }
}

pub fn child() -> AccountConfig {
    AccountConfig::new(Relation::Child, "XRP", 9)
}
