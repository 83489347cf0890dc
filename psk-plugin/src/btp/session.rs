//! One authenticated connection, the same from both sides.

mod pending;

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use psk_codec::btp::{self, ErrorCode, Kind, Packet, RequestId};
use psk_codec::{ErrorCode as IlpCode, Prepare, Reject, Reply};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{self, Instant};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tracing::{debug, trace};

use super::Limits;
use crate::SendError;
use crate::handler::{HandlerSlot, reject};
use crate::time_limit::time_limit;
use pending::Pending;

/// How many messages are taken from the queue at a time; more than fit one write of 64 KiB are of no use.
const BATCH: usize = 256;
/// How long the writer may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// What is shared between those who send over a connection and the task that runs it.
pub(super) struct Session {
    outgoing: mpsc::Sender<Message>,
    pending: Pending,
    handler: Arc<HandlerSlot>,
    /// One permit for each of the peer's requests that is being handled.
    handling: Arc<Semaphore>,
    limits: Limits,
    /// Turns true once, when the connection is to end or has ended.
    ended: watch::Sender<bool>,
}

/// What a [`Session`] needs to run.
pub(super) struct Outgoing(mpsc::Receiver<Message>);

impl Session {
    /// A connection on which ids up to `last_id` have been used to authenticate.
    pub(super) fn new(
        limits: Limits,
        handler: Arc<HandlerSlot>,
        last_id: RequestId,
    ) -> (Arc<Self>, Outgoing) {
        let (outgoing, queue) = mpsc::channel(limits.write_queue.max(1));
        let session = Self {
            outgoing,
            pending: Pending::new(last_id.next()),
            handler,
            handling: Arc::new(Semaphore::new(limits.concurrent_requests)),
            limits,
            ended: watch::Sender::new(false),
        };
        (Arc::new(session), Outgoing(queue))
    }

    /// Ends the connection: everything in flight fails now, and [`Session::run`] returns soon.
    pub(super) fn end(&self) {
        self.pending.fail_all();
        self.ended.send_replace(true);
    }

    pub(super) fn is_open(&self) -> bool {
        !*self.ended.borrow()
    }

    async fn wait_for_end(&self) {
        // The sender lives in `self`, so this ends by the value alone.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Runs the connection until it is lost or [`Session::end`] is called.
    pub(super) async fn run<S>(self: &Arc<Self>, socket: WebSocketStream<S>, outgoing: Outgoing)
    where
        WebSocketStream<S>: Stream<Item = Result<Message, SocketError>>,
        WebSocketStream<S>: Sink<Message, Error = SocketError>,
    {
        let _end = EndOnDrop(self);
        let (sink, stream) = socket.split();
        let goodbye = async {
            self.wait_for_end().await;
            time::sleep(GOODBYE).await;
        };
        tokio::select! {
            reason = self.read(stream) => debug!(reason, "BTP connection lost"),
            result = self.write(sink, outgoing.0) => match result {
                Ok(()) => debug!("BTP connection closed"),
                Err(error) => debug!(%error, "BTP connection lost"),
            },
            () = goodbye => debug!("BTP connection closed while the peer did not read"),
        }
    }

    /// Sends a Prepare and waits for its answer.
    pub(super) async fn send(&self, prepare: &Prepare) -> Result<Reply, SendError> {
        let limit = time_limit(self.limits.clock.now(), prepare.expires_at);
        let deadline = Instant::now() + limit;
        let queue = time::timeout_at(deadline, self.outgoing.reserve());
        let queue = queue.await.map_err(|_| not_sent("the peer does not read"))?;
        let queue = queue.map_err(|_| not_sent("the connection is lost"))?;
        // Registered before it is written: the answer may come at once.
        let waiter = self.pending.register();
        let waiter = waiter.ok_or_else(|| not_sent("the connection is lost"))?;
        let ilp = prepare.encode().map_err(not_sent)?;
        queue.send(encode(Packet::ilp_message(waiter.id(), ilp)));
        trace!(id = %waiter.id(), amount = %prepare.amount, "BTP request sent");
        match time::timeout_at(deadline, waiter.answer()).await {
            Ok(Some(answer)) => reply_in(answer),
            Ok(None) => Err(SendError::Unknown("the connection was lost".into())),
            Err(_) => Err(SendError::Unknown("no answer in time".into())),
        }
    }

    /// Reads until the connection is lost; says why it was.
    async fn read<S>(self: &Arc<Self>, mut stream: S) -> String
    where
        S: Stream<Item = Result<Message, SocketError>> + Unpin,
    {
        let silence = self.limits.keep_alive * 2;
        let mut heard = Instant::now();
        let mut alarm = pin!(time::sleep(silence));
        loop {
            tokio::select! {
                biased;
                message = stream.next() => match message {
                    Some(Ok(message)) => {
                        heard = Instant::now();
                        if let ControlFlow::Break(reason) = self.receive(message) {
                            return reason.into();
                        }
                    }
                    Some(Err(error)) => return error.to_string(),
                    None => return "closed by the peer".into(),
                },
                () = &mut alarm => {
                    if heard.elapsed() >= silence {
                        return "nothing was heard from the peer".into();
                    }
                    alarm.as_mut().reset(heard + silence);
                }
            }
        }
    }

    /// Writes what is queued, as much as there is in one go, and pings.
    async fn write<S>(&self, mut sink: S, mut outgoing: mpsc::Receiver<Message>) -> Result<(), SocketError>
    where
        S: Sink<Message, Error = SocketError> + Unpin,
    {
        let mut batch = Vec::with_capacity(BATCH);
        let keep_alive = self.limits.keep_alive.max(Duration::from_millis(1));
        let mut pings = time::interval_at(Instant::now() + keep_alive, keep_alive);
        let mut ended = pin!(self.wait_for_end());
        loop {
            tokio::select! {
                biased;
                () = &mut ended => return sink.close().await,
                // There is always a sender, in `self`, so this waits for at least one.
                _ = outgoing.recv_many(&mut batch, BATCH) => {}
                _ = pings.tick() => batch.push(Message::Ping(Bytes::new())),
            }
            for message in batch.drain(..) {
                sink.feed(message).await?;
            }
            sink.flush().await?;
        }
    }

    /// Takes what has arrived; breaks when the peer has said goodbye.
    fn receive(self: &Arc<Self>, message: Message) -> ControlFlow<&'static str> {
        match message {
            Message::Binary(octets) => match Packet::decode(octets) {
                Ok(packet) => self.take(packet),
                Err(error) => debug!(%error, "BTP packet that cannot be read"),
            },
            Message::Text(_) => debug!("text where BTP packets were expected"),
            Message::Close(_) => return ControlFlow::Break("closed by the peer"),
            // Pings are answered by the WebSocket itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        ControlFlow::Continue(())
    }

    fn take(self: &Arc<Self>, packet: Packet) {
        let id = packet.request_id;
        match &packet.kind {
            Kind::Response | Kind::Error(_) => {
                if !self.pending.answer(packet) {
                    trace!(%id, "BTP answer that nobody waits for");
                }
            }
            Kind::Message => match packet.ilp() {
                Some(ilp) => match Prepare::decode(ilp.clone()) {
                    Ok(prepare) => self.handle(id, prepare),
                    Err(error) => {
                        debug!(%error, "BTP message without an ILP Prepare");
                        let reject = reject(IlpCode::F01_INVALID_PACKET, "no ILP Prepare");
                        self.respond_at_once(reply_packet(id, reject.into()));
                    }
                },
                None => self.refuse(id, "no sub-protocol that is known here"),
            },
            // PROTOCOL.md section 5: money moves by ILP packets alone.
            Kind::Transfer { .. } => self.refuse(id, "transfers are not supported"),
        }
    }

    /// Lets the handler answer, in a task of its own: it goes on even when the connection is lost, as what it does
    /// may have moved money.
    fn handle(self: &Arc<Self>, id: RequestId, prepare: Prepare) {
        let Ok(permit) = self.handling.clone().try_acquire_owned() else {
            let reject = reject(IlpCode::T03_CONNECTOR_BUSY, "too many packets at once");
            return self.respond_at_once(reply_packet(id, reject.into()));
        };
        let session = self.clone();
        tokio::spawn(async move {
            let reply = session.handler.answer(prepare).await;
            let message = encode(reply_packet(id, reply));
            // Fails when the connection is lost: nobody is there to be told.
            let _ = session.outgoing.send(message).await;
            drop(permit);
        });
    }

    fn refuse(&self, id: RequestId, text: &str) {
        let now = self.limits.clock.now();
        self.respond_at_once(Packet::error(id, ErrorCode::F00_NOT_ACCEPTED, now, text));
    }

    /// Answers from the reader, which must not wait for the writer: two peers that both wait to write before they
    /// read would wait for ever. A peer that sends more than it reads gets no answer.
    pub(super) fn respond_at_once(&self, packet: Packet) {
        let id = packet.request_id;
        if self.outgoing.try_send(encode(packet)).is_err() {
            debug!(%id, "no room to answer a BTP request");
        }
    }
}

/// Ends a session when its task is dropped: those who wait share it, and would keep it and wait in vain.
struct EndOnDrop<'a>(&'a Session);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn not_sent(reason: impl ToString) -> SendError {
    SendError::NotSent(reason.to_string())
}

/// A Response with the reply, or with a Reject if our own handler made what cannot be written.
fn reply_packet(id: RequestId, reply: Reply) -> Packet {
    let ilp = reply.encode().or_else(|error| {
        debug!(%error, "the handler's reply cannot be written");
        reject(IlpCode::T00_INTERNAL_ERROR, "a reply that is too long").encode()
    });
    match ilp {
        Ok(ilp) => Packet::ilp_response(id, ilp),
        // The Reject above is short.
        Err(_) => Packet::empty_response(id),
    }
}

/// A packet of ours as a message. They are far shorter than the 4 GiB at which they could not be written.
pub(super) fn encode(packet: Packet) -> Message {
    Message::Binary(packet.encode().unwrap_or_default())
}

/// What an answer says about the Prepare (PROTOCOL.md section 5).
fn reply_in(answer: Packet) -> Result<Reply, SendError> {
    match &answer.kind {
        Kind::Error(details) => Ok(not_forwarded(details).into()),
        _ => match answer.ilp() {
            // It may have been a Fulfill that was damaged: only the peer knows.
            Some(ilp) => Reply::decode(ilp.clone())
                .map_err(|error| SendError::Unknown(format!("unreadable answer: {error}"))),
            None => {
                let reject = reject(IlpCode::T00_INTERNAL_ERROR, "a BTP response without ILP");
                Ok(reject.into())
            }
        },
    }
}

/// The peer did not forward the packet.
fn not_forwarded(details: &btp::ErrorDetails) -> Reject {
    let code = match details.code {
        ErrorCode::T00_UNREACHABLE => IlpCode::T01_PEER_UNREACHABLE,
        _ => IlpCode::T00_INTERNAL_ERROR,
    };
    let text = String::from_utf8_lossy(&details.data);
    let mut message = format!("BTP error {} {}: {text}", details.code, details.name);
    let mut end = message.len().min(Reject::MAX_MESSAGE_LENGTH);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    reject(code, "").with_message(message)
}

#[cfg(test)]
mod tests;
