use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use psk_codec::btp::Packet;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;

/// What a [`FakeConnector`] does with a packet after the authentication.
pub enum Reaction {
    /// It says these things, one message each.
    Say(Vec<Message>),
    /// It hangs up.
    HangUp,
}

/// A BTP server that lets everybody in and then says what no connector would.
pub struct FakeConnector {
    address: SocketAddr,
    /// Ends with it.
    _runtime: Runtime,
}

impl FakeConnector {
    /// One that reacts to every packet that comes after the authentication.
    pub fn reacting(reaction: impl Fn(Packet) -> Reaction + Send + Sync + 'static) -> Self {
        let reaction: Arc<dyn Fn(Packet) -> Reaction + Send + Sync> = Arc::new(reaction);
        Self::serving(move |stream| converse(stream, reaction.clone()))
    }

    /// One that is no WebSocket server: it writes something and hangs up.
    pub fn writing(octets: &'static [u8]) -> Self {
        Self::serving(move |mut stream| async move {
            let _ = stream.write_all(octets).await;
        })
    }

    fn serving<Served>(serve: impl Fn(TcpStream) -> Served + Send + Sync + 'static) -> Self
    where
        Served: Future<Output = ()> + Send + 'static,
    {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self { address, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("btp+ws://alice:secret-token@{}", self.address)
    }

    /// `host:port`.
    pub fn socket(&self) -> String {
        self.address.to_string()
    }
}

async fn converse(stream: TcpStream, reaction: Arc<dyn Fn(Packet) -> Reaction + Send + Sync>) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let mut authenticated = false;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(octets) = message else { continue };
        let packet = Packet::decode(octets).expect("the program writes valid packets");
        let said = if authenticated {
            reaction(packet)
        } else {
            authenticated = true;
            Reaction::Say(vec![binary(Packet::empty_response(packet.request_id).encode().unwrap())])
        };
        match said {
            Reaction::Say(messages) => {
                for message in messages {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            }
            Reaction::HangUp => return,
        }
    }
}

/// A message of octets.
pub fn binary(octets: impl Into<Bytes>) -> Message {
    Message::Binary(octets.into())
}
