//! From a URL to an authenticated connection, once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use psk_codec::btp::{self, Kind, Packet, RequestId};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

use super::{BtpUrl, Limits, session};

pub(super) type ClientSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How a client connects, and connects again.
#[derive(Clone, Debug)]
pub struct BtpClientConfig {
    /// The server, and our credentials there.
    pub url: BtpUrl,
    /// What the connection may take.
    pub limits: Limits,
    /// How to connect again after the connection is lost.
    pub reconnect: Reconnect,
    /// Certificates (DER) that are trusted for `btp+wss` besides those of the web. Default: none. For servers with a
    /// certificate of their own.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

/// When to connect again.
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    /// The delay before the first attempt; it doubles with each, and a random part of up to a half is taken off, so
    /// that the clients of a server that restarts do not all come at once. Default: 250 ms, because most losses are
    /// short.
    pub first_delay: Duration,
    /// The longest delay. Default: 30 s, the life of a packet: a server that is back is used again within one.
    pub longest_delay: Duration,
    /// A connection that lasted this long makes the delay begin anew. Default: 10 s, so that a server that accepts
    /// and drops is not met ever again in a loop.
    pub stable_after: Duration,
    /// How long a send waits for the reconnect before it fails as not sent. Default: 1 s, which covers the first
    /// attempts.
    pub patience: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(250),
            longest_delay: Duration::from_secs(30),
            stable_after: Duration::from_secs(10),
            patience: Duration::from_secs(1),
        }
    }
}

impl From<BtpUrl> for BtpClientConfig {
    fn from(url: BtpUrl) -> Self {
        Self { url, limits: Limits::default(), reconnect: Reconnect::default(), extra_roots: Vec::new() }
    }
}

/// Why there is no connection. None of them shows the token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody answers at the address, or it does not resolve.
    #[error("cannot reach the BTP server {server}: {source}")]
    Unreachable {
        /// `host:port`.
        server: String,
        /// What the system says.
        source: io::Error,
    },
    /// No answer within [`Limits::handshake`].
    #[error("the BTP server {server} did not answer in time ({step})")]
    TimedOut {
        /// `host:port`.
        server: String,
        /// What was waited for.
        step: &'static str,
    },
    /// Somebody answers, but does not speak TLS or WebSocket as it should.
    #[error("no WebSocket connection to {server}: {source}")]
    WebSocket {
        /// `host:port`.
        server: String,
        /// What went wrong.
        source: Box<SocketError>,
    },
    /// The server knows another token, or refuses this user. Trying again with the same credentials is of no use.
    #[error("the BTP server {server} refused the credentials: {reason}")]
    Refused {
        /// `host:port`.
        server: String,
        /// The code, the name and the text of its Error.
        reason: String,
    },
    /// The server did not let us in for now, or closed the connection instead of an answer.
    #[error("the BTP server {server} did not complete the authentication: {reason}")]
    NotAuthenticated {
        /// `host:port`.
        server: String,
        /// What it did.
        reason: String,
    },
}

/// Connects and authenticates; the request id is the last one used.
pub(super) async fn connect(config: &BtpClientConfig) -> Result<(ClientSocket, RequestId), ConnectError> {
    let server = config.url.host_and_port();
    let timed_out = |step| {
        let server = server.clone();
        move |_| ConnectError::TimedOut { server, step }
    };
    let limit = config.limits.handshake;
    let mut socket = time::timeout(limit, open(config, &server)).await.map_err(timed_out("connecting"))??;
    let id = RequestId::new(rand::random());
    time::timeout(limit, authenticate(&mut socket, &config.url, id, &server))
        .await
        .map_err(timed_out("authentication"))??;
    Ok((socket, id))
}

async fn open(config: &BtpClientConfig, server: &str) -> Result<ClientSocket, ConnectError> {
    let unreachable = |source| ConnectError::Unreachable { server: server.to_owned(), source };
    let websocket = |source| ConnectError::WebSocket { server: server.to_owned(), source: Box::new(source) };
    let stream = TcpStream::connect(server).await.map_err(unreachable)?;
    // Packets are small, and what can be written together is.
    stream.set_nodelay(true).map_err(unreachable)?;
    let connector = match config.url.is_tls() {
        true => Connector::Rustls(
            tls(&config.extra_roots).map_err(|error| websocket(SocketError::Io(io::Error::other(error))))?,
        ),
        false => Connector::Plain,
    };
    let (socket, _response) = tokio_tungstenite::client_async_tls_with_config(
        config.url.websocket(),
        stream,
        Some(config.limits.websocket()),
        Some(connector),
    )
    .await
    .map_err(websocket)?;
    Ok(socket)
}

/// TLS as the web has it: the roots of Mozilla's list, and those that were given.
fn tls(extra_roots: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for root in extra_roots {
        roots.add(root.clone())?;
    }
    // Named, because a program may have none or several installed.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// PROTOCOL.md section 5: `auth`, `auth_username`, `auth_token`. The user is sent even when it is empty, because
/// every JS client does.
async fn authenticate(
    socket: &mut ClientSocket,
    url: &BtpUrl,
    id: RequestId,
    server: &str,
) -> Result<(), ConnectError> {
    let websocket = |source| ConnectError::WebSocket { server: server.to_owned(), source: Box::new(source) };
    let packet = Packet::auth(id, Some(url.username().unwrap_or_default()), url.token().expose());
    socket.send(session::encode(packet)).await.map_err(websocket)?;
    let not_authenticated =
        |reason: String| ConnectError::NotAuthenticated { server: server.to_owned(), reason };
    while let Some(message) = socket.next().await {
        let octets = match message.map_err(websocket)? {
            Message::Binary(octets) => octets,
            Message::Close(_) => break,
            _ => continue,
        };
        let answer = Packet::decode(octets)
            .map_err(|error| not_authenticated(format!("an unreadable packet ({error})")))?;
        if answer.request_id != id {
            continue;
        }
        return match answer.kind {
            Kind::Response => Ok(()),
            Kind::Error(details) => Err(refusal(url, details, server)),
            Kind::Message | Kind::Transfer { .. } => continue,
            Kind::Unknown(_) => {
                Err(not_authenticated("an answer of a type that BTP 2.0 does not have".into()))
            }
        };
    }
    Err(not_authenticated("the connection was closed".into()))
}

fn refusal(url: &BtpUrl, details: btp::ErrorDetails, server: &str) -> ConnectError {
    // npm's mini-accounts repeats the token that it did not expect.
    let text = url.token().redact(&String::from_utf8_lossy(&details.data));
    let reason = format!("{} {}: {text}", details.code, details.name);
    let server = server.to_owned();
    match details.code {
        btp::ErrorCode::T00_UNREACHABLE => ConnectError::NotAuthenticated { server, reason },
        _ => ConnectError::Refused { server, reason },
    }
}
