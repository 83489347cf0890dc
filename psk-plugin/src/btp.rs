//! BTP 2.0 (RFC 23) over WebSocket: a client and a server.
//!
//! What travels is fixed by PROTOCOL.md section 5. Both sides share what happens after the authentication:
//!
//! - A Prepare goes out in a Message and its Fulfill or Reject comes back in a Response of the same request id. Ids
//!   are counted up from a random start, per connection; the waiter is registered before the packet is handed to
//!   the writer.
//! - An answer is waited for until the packet's expiry and a grace of 5 s, at most 35 s. When the connection is lost,
//!   everything in flight on it fails at once, as unknown. A BTP Error says that the packet was not forwarded: `F00`
//!   becomes a Reject `T00`, `T00` a Reject `T01`. A Response without an ILP packet becomes a Reject `T00`.
//! - Answers that nobody waits for are dropped, and packets that cannot be read get no answer. Neither ends the
//!   connection; a message above the size limit and a violation of the WebSocket protocol do.
//! - Requests are handled at the same time, up to a limit; those beyond it are rejected with `T03` at once instead of
//!   being held back, because what waits behind them on the socket may be the answers that they need. As many of our own
//!   are without an answer at most, and further ones wait for their turn: a peer with the same limit rejects none.
//! - Every request is answered. There is room for the answer before the request is taken; while there is none even for
//!   rejections, because the peer sends without reading, nothing more is read from it, and when that lasts, the
//!   connection ends.
//! - Everything that is ready to go out is written in one go, answers before requests. Requests come from a queue of
//!   limited length: who has something to send waits while the peer does not read.
//!
//! Nothing here logs a token. But the library that speaks WebSocket logs every frame as a whole at the level `trace`,
//! and with it what authenticates: a program should keep the target `tungstenite` at `debug`, whatever its user asks
//! for.

mod account;
mod authenticator;
mod client;
mod connect;
mod server;
mod session;
mod token;
mod url;

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::Clock;

pub use account::BtpAccount;
pub use authenticator::{AnyToken, Authenticator, StaticTokens};
pub use client::{BtpClient, ConnectionState};
pub use connect::{BtpClientConfig, ConnectError, Reconnect};
pub use server::{BtpServer, BtpServerConfig, NewAccount};
pub use token::Token;
pub use url::{BtpUrl, BtpUrlError};

/// What one connection may take, on either side.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The greatest message that is read, in octets. Default: 65,536, which holds the longest ILP packet (a Reject of
    /// 42 KB) and leaves room for other sub-protocols.
    pub message_length: usize,
    /// How many of the peer's requests are handled at the same time, until their answers are written, and how many of ours
    /// may be without an answer (one at least). Default: 4,096, the packets that a fast peer sends in one round trip of
    /// 100 ms at 40,000 packets a second. A payment may have four times as many in flight: on a link as fast as that they
    /// wait at the sender, which sees its answers become slower and does not send more.
    pub concurrent_requests: usize,
    /// How many requests may wait to be written, and how many rejections of requests that were not handled. Default:
    /// 1,024, some milliseconds' worth, so that senders notice early that the peer does not read.
    pub write_queue: usize,
    /// A WebSocket ping is sent this often, and a connection on which nothing arrives for twice as long is taken as
    /// lost. Default: 30 s, as far as address translators on the way are known to remember silent connections.
    pub keep_alive: Duration,
    /// How long to wait for the connection, and then for the authentication. Default: 10 s for each, enough for slow
    /// networks, and short enough that strangers cannot hold many connections open.
    pub handshake: Duration,
    /// Tells when a packet has expired. Default: the system's clock.
    pub clock: Clock,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_length: 65_536,
            concurrent_requests: 4_096,
            write_queue: 1_024,
            keep_alive: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            clock: Clock::system(),
        }
    }
}

impl Limits {
    /// What tokio's semaphores and channels can hold at most.
    const MOST: usize = Semaphore::MAX_PERMITS;

    fn concurrent_requests(&self) -> usize {
        self.concurrent_requests.min(Self::MOST)
    }

    fn write_queue(&self) -> usize {
        self.write_queue.clamp(1, Self::MOST)
    }

    /// Within what can be added to a point in time.
    fn keep_alive(&self) -> Duration {
        self.keep_alive.clamp(Duration::from_millis(1), Duration::from_secs(86_400))
    }

    fn websocket(&self) -> WebSocketConfig {
        WebSocketConfig::default()
            .max_message_size(Some(self.message_length))
            .max_frame_size(Some(self.message_length))
            // Allocated at once for every connection: some 40 packets of a usual size.
            .read_buffer_size(32 * 1024)
            .write_buffer_size(64 * 1024)
    }
}
