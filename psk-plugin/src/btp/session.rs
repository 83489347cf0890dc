//! One authenticated connection, the same from both sides.

mod outgoing;
mod pending;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use psk_codec::btp::{self, ErrorCode, Kind, Packet, RequestId};
use psk_codec::{ErrorCode as IlpCode, Prepare, Reject, Reply};
use tokio::sync::{Semaphore, watch};
use tokio::task;
use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tracing::{debug, trace};

use super::Limits;
use crate::SendError;
use crate::handler::{HandlerSlot, reject};
use crate::time_limit::time_limit;
use outgoing::{Outgoing, Queue};
use pending::Pending;

/// How long a connection that is closed may take to write its last answers and to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// How much of that is left to handlers that have not answered yet: what they answer may be a Fulfill.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What is shared between those who send over a connection and the task that runs it.
pub(super) struct Session {
    outgoing: Outgoing,
    pending: Pending,
    /// One permit for each of our requests that has no answer.
    asking: Semaphore,
    handler: Arc<HandlerSlot>,
    /// One permit for each of the peer's requests that is being handled, or whose answer is not written: it is the
    /// answer's room.
    handling: Arc<Semaphore>,
    /// The same for requests that are answered without being handled, all of them shortly.
    refusing: Arc<Semaphore>,
    limits: Limits,
    state: watch::Sender<State>,
}

/// How far a connection has come; it only goes on, never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Open,
    /// We are closing it: what has been asked is still answered, within limits.
    Closing,
    /// The peer has closed it: nothing can be written any more.
    ClosedByPeer,
    /// It is gone.
    Ended,
}

/// Runs a session. Dropping it ends the session: those who wait share it, and would keep it and wait in vain.
pub(super) struct Runner {
    session: Arc<Session>,
    queue: Queue,
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.session.enter(State::Ended);
    }
}

impl Runner {
    /// Runs the connection until it is lost or closed.
    pub(super) async fn run<S>(mut self, socket: WebSocketStream<S>)
    where
        WebSocketStream<S>: Stream<Item = Result<Message, SocketError>>,
        WebSocketStream<S>: Sink<Message, Error = SocketError>,
    {
        let (sink, stream) = socket.split();
        let session = self.session.clone();
        let goodbye = async {
            session.wait_for(State::Closing).await;
            time::sleep(GOODBYE).await;
        };
        tokio::select! {
            reason = session.read(stream) => debug!(reason, "BTP connection lost"),
            result = session.write(sink, &mut self.queue) => match result {
                Ok(()) => debug!("BTP connection closed"),
                Err(error) => debug!(%error, "BTP connection lost"),
            },
            () = goodbye => debug!("BTP connection closed while the peer did not read"),
        }
    }
}

impl Session {
    /// A connection on which ids up to `last_id` have been used to authenticate, and what runs it.
    pub(super) fn new(limits: Limits, handler: Arc<HandlerSlot>, last_id: RequestId) -> (Arc<Self>, Runner) {
        let (outgoing, queue) = Outgoing::new(limits.write_queue());
        let session = Arc::new(Self {
            outgoing,
            pending: Pending::new(last_id.next()),
            asking: Semaphore::new(limits.concurrent_requests().max(1)),
            handler,
            handling: Arc::new(Semaphore::new(limits.concurrent_requests())),
            refusing: Arc::new(Semaphore::new(limits.write_queue())),
            limits,
            state: watch::Sender::new(State::Open),
        });
        let runner = Runner { session: session.clone(), queue };
        (session, runner)
    }

    /// Closes the connection: everything in flight fails now, and soon it has ended.
    pub(super) fn close(&self) {
        self.enter(State::Closing);
    }

    /// Waits until nothing is written any more.
    pub(super) async fn ended(&self) {
        self.wait_for(State::Ended).await;
    }

    pub(super) fn is_open(&self) -> bool {
        *self.state.borrow() == State::Open
    }

    fn enter(&self, new: State) {
        self.pending.fail_all();
        self.state.send_if_modified(|state| {
            let changed = *state < new;
            *state = new.max(*state);
            changed
        });
    }

    async fn wait_for(&self, least: State) {
        // The sender lives in `self`, so this ends by the value alone.
        let _ = self.state.subscribe().wait_for(|state| *state >= least).await;
    }

    /// Sends a Prepare and waits for its answer. As many wait for their turn as are beyond what a peer like us takes at
    /// the same time, so it never has to reject any of them for that.
    pub(super) async fn send(&self, prepare: &Prepare) -> Result<Reply, SendError> {
        let limit = time_limit(self.limits.clock.now(), prepare.expires_at);
        let deadline = Instant::now() + limit;
        let turn = time::timeout_at(deadline, self.asking.acquire());
        let _turn = turn.await.map_err(|_| not_sent("the peer does not answer"))?;
        let queue = time::timeout_at(deadline, self.outgoing.reserve());
        let queue = queue.await.map_err(|_| not_sent("the peer does not read"))?;
        let queue = queue.ok_or_else(|| not_sent("the connection is lost"))?;
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
        let silence = self.limits.keep_alive() * 2;
        let mut heard = Instant::now();
        let mut alarm = pin!(time::sleep(silence));
        loop {
            tokio::select! {
                biased;
                message = stream.next() => match message {
                    Some(Ok(message)) => {
                        if let Some(answer) = self.receive(message)
                            && time::timeout(silence, self.respond(answer)).await.is_err()
                        {
                            return "the peer sends, and does not read".into();
                        }
                        heard = Instant::now();
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
    async fn write<S>(&self, mut sink: S, queue: &mut Queue) -> Result<(), SocketError>
    where
        S: Sink<Message, Error = SocketError> + Unpin,
    {
        let mut batch = Vec::new();
        let keep_alive = self.limits.keep_alive();
        let mut pings = time::interval_at(Instant::now() + keep_alive, keep_alive);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing = pin!(self.wait_for(State::Closing));
        loop {
            tokio::select! {
                biased;
                () = &mut closing => break,
                _ = pings.tick() => batch.push(Message::Ping(Bytes::new())),
                () = queue.fill(&mut batch) => {}
            }
            if self.is_busy() {
                // A writer that was woken runs at once, and would make a system call for every message by itself:
                // those who are about to queue theirs go first.
                task::yield_now().await;
                queue.top_up(&mut batch);
            }
            write_all(&mut sink, &mut batch).await?;
        }
        self.write_last_answers(&mut sink, queue, batch).await?;
        sink.close().await
    }

    /// Whether several packets are under way in one direction, so that more messages are likely to come soon.
    fn is_busy(&self) -> bool {
        let handled = self.limits.concurrent_requests().saturating_sub(self.handling.available_permits());
        handled > 1 || self.pending.len() > 1
    }

    /// Writes what is left when the connection is being closed.
    async fn write_last_answers<S>(
        &self,
        sink: &mut S,
        queue: &mut Queue,
        mut batch: Vec<Message>,
    ) -> Result<(), SocketError>
    where
        S: Sink<Message, Error = SocketError> + Unpin,
    {
        if *self.state.borrow() != State::Closing {
            return Ok(());
        }
        let all = u32::try_from(self.limits.concurrent_requests()).unwrap_or(u32::MAX);
        let answered = time::timeout(LAST_ANSWERS, self.handling.acquire_many(all));
        let mut answered = pin!(answered);
        loop {
            tokio::select! {
                () = queue.fill(&mut batch) => {}
                _ = &mut answered => break,
            }
            write_all(sink, &mut batch).await?;
        }
        loop {
            queue.top_up(&mut batch);
            if batch.is_empty() {
                return Ok(());
            }
            write_all(sink, &mut batch).await?;
        }
    }

    /// Takes what has arrived; returns what a request is answered with that is not handled.
    fn receive(self: &Arc<Self>, message: Message) -> Option<Packet> {
        match message {
            Message::Binary(octets) => match Packet::decode(octets) {
                Ok(packet) => return self.take(packet),
                Err(error) => debug!(%error, "BTP packet that cannot be read"),
            },
            Message::Text(_) => debug!("text where BTP packets were expected"),
            Message::Close(_) => self.enter(State::ClosedByPeer),
            // Pings are answered by the WebSocket itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        None
    }

    fn take(self: &Arc<Self>, packet: Packet) -> Option<Packet> {
        let id = packet.request_id;
        match &packet.kind {
            Kind::Response | Kind::Error(_) => {
                if !self.pending.answer(packet) {
                    trace!(%id, "BTP answer that nobody waits for");
                }
                None
            }
            Kind::Message => match packet.ilp() {
                Some(ilp) => match Prepare::decode(ilp.clone()) {
                    Ok(prepare) => self.handle(id, prepare),
                    Err(error) => {
                        debug!(%error, "BTP message without an ILP Prepare");
                        let reject = reject(IlpCode::F01_INVALID_PACKET, "no ILP Prepare");
                        Some(reply_packet(id, reject.into()))
                    }
                },
                None => Some(self.refusal(id, "no sub-protocol that is known here")),
            },
            // PROTOCOL.md section 5: money moves by ILP packets alone.
            Kind::Transfer { .. } => Some(self.refusal(id, "transfers are not supported")),
            // As a packet that cannot be read: it gets no answer.
            Kind::Unknown(_) => {
                debug!(packet_type = ?packet.kind.packet_type(), "BTP packet of an unknown type");
                None
            }
        }
    }

    /// Lets the handler answer, in a task of its own: it goes on even when the connection is lost, as what it does
    /// may have moved money.
    fn handle(self: &Arc<Self>, id: RequestId, prepare: Prepare) -> Option<Packet> {
        let Ok(room) = self.handling.clone().try_acquire_owned() else {
            debug!(%id, "BTP request beyond the limit");
            let reject = reject(IlpCode::T03_CONNECTOR_BUSY, "too many packets at once");
            return Some(reply_packet(id, reject.into()));
        };
        let session = self.clone();
        tokio::spawn(async move {
            let reply = session.handler.answer(prepare).await;
            session.outgoing.answer(encode(reply_packet(id, reply)), room);
        });
        None
    }

    fn refusal(&self, id: RequestId, text: &str) -> Packet {
        Packet::error(id, ErrorCode::F00_NOT_ACCEPTED, self.limits.clock.now(), text)
    }

    /// Answers a request that is not handled, once there is room for the answer. The reader waits for that, and so
    /// does the peer, which has as many short answers to read. Two peers would wait for each other only if each sent
    /// more than the other takes at the same time, which we do not do to a peer like us ([`send`](Self::send)).
    pub(super) async fn respond(&self, packet: Packet) {
        // Nobody closes the semaphore.
        if let Ok(room) = self.refusing.clone().acquire_owned().await {
            self.outgoing.answer(encode(packet), room);
        }
    }
}

async fn write_all<S>(sink: &mut S, batch: &mut Vec<Message>) -> Result<(), SocketError>
where
    S: Sink<Message, Error = SocketError> + Unpin,
{
    for message in batch.drain(..) {
        sink.feed(message).await?;
    }
    sink.flush().await
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
