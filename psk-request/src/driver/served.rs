use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use psk_codec::{Address, Prepare, Reply, Timestamp};
use psk_crypto::{Credentials, SharedSecret, SystemRandom};
use psk_plugin::Clock;
use tokio::sync::watch;
use tokio::time::timeout;

use super::config::ReceiverConfig;
use super::handler::{ChunkHandler, IncomingRequest, RequestHandler};
use crate::account::AccountSuffix;
use crate::arrival::{Arrival, RequestArrival};
use crate::receiver::{Receiver, RegisterError};
use crate::refusal::Refusal;
use crate::replay::{ReplayMemory, Seen};

/// One receiver with its handlers.
pub(super) struct Served {
    receiver: Receiver,
    clock: Clock,
    max_hold: Duration,
    requests: Arc<dyn RequestHandler>,
    registered: RwLock<HashMap<AccountSuffix, Arc<dyn RequestHandler>>>,
    chunks: Option<Arc<dyn ChunkHandler>>,
    memory: Mutex<ReplayMemory<Pending>>,
}

/// Shows the answer as soon as there is one.
type Pending = watch::Receiver<Option<Reply>>;

impl Served {
    pub(super) fn new(address: Address, config: ReceiverConfig, clock: Clock) -> Self {
        Self {
            receiver: Receiver::new(address, config.secret, config.options),
            clock,
            max_hold: config.max_hold,
            requests: config.requests,
            registered: RwLock::default(),
            chunks: config.chunks,
            memory: Mutex::new(ReplayMemory::new(config.replay)),
        }
    }

    pub(super) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    pub(super) fn register(
        &self,
        shared_secret: SharedSecret,
        key_id: Bytes,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Credentials, RegisterError> {
        // Held while the receiver learns the secret, so that no packet finds it before its handler.
        let mut handlers = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        let (credentials, account) = self.receiver.register(shared_secret, key_id)?;
        handlers.insert(account, handler);
        Ok(credentials)
    }

    pub(super) fn deregister(&self, shared_secret: SharedSecret) -> bool {
        let mut handlers = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        match self.receiver.deregister(shared_secret) {
            Some(account) => handlers.remove(&account).is_some(),
            None => false,
        }
    }

    /// Answers a packet: opens it, looks for its replays, and waits for its handler.
    pub(super) async fn answer(self: Arc<Self>, prepare: Prepare) -> Reply {
        let now = self.clock.now();
        let arrival = match self.receiver.open(&prepare, now) {
            Ok(arrival) => arrival,
            Err(reject) => return reject.into(),
        };
        let is_request = arrival.as_request().is_some();
        if !is_request && self.chunks.is_none() {
            return refuse(&arrival, Refusal::NoChunks, now);
        }
        if is_request && arrival.expired {
            return refuse(&arrival, Refusal::Expired, now);
        }
        match self.admit(&arrival, now) {
            Ok(pending) => self.wait(pending, &arrival, now).await,
            Err(reply) => reply,
        }
    }

    /// Lets the handler begin, or finds it at work on the same packet; an answer if there is one already.
    fn admit(self: &Arc<Self>, arrival: &Arrival, now: Timestamp) -> Result<Pending, Reply> {
        let (answer, pending) = watch::channel(None);
        let until = arrival.fulfill_before.min(now.saturating_add(self.max_hold));
        let seen = self.with_memory(|memory| memory.admit(arrival.replay_key(), until, now, pending.clone()));
        match seen {
            Seen::New => {
                // Nobody may take the money later than it is remembered that the packet was answered.
                let arrival = Arrival { fulfill_before: until, ..arrival.clone() };
                let work = self.clone().work(arrival, now, answer);
                // A task of its own: the plugin may drop the future that it got, as when a connection is lost, but
                // what was begun is to be finished and remembered.
                tokio::spawn(work);
                Ok(pending)
            }
            Seen::InProgress(pending) => {
                tracing::debug!(account = %arrival.account, "a replay waits for the first answer");
                Ok(pending)
            }
            Seen::Answered(reply) => {
                tracing::debug!(account = %arrival.account, "a replay gets the first answer");
                Err(reply)
            }
            Seen::Full => {
                tracing::debug!(account = %arrival.account, "the replay memory is full");
                Err(refuse(arrival, Refusal::Busy, now))
            }
        }
    }

    async fn work(self: Arc<Self>, arrival: Arrival, now: Timestamp, answer: watch::Sender<Option<Reply>>) {
        let key = arrival.replay_key();
        let reply = match (arrival.as_request(), &self.chunks) {
            (Some(request), _) => self.handle_request(request, now).await,
            (None, Some(chunks)) => handle_chunk(&**chunks, &arrival, now).await,
            (None, None) => refuse(&arrival, Refusal::NoChunks, now),
        };
        self.with_memory(|memory| memory.settle(&key, &reply));
        answer.send_replace(Some(reply));
    }

    async fn handle_request(&self, request: RequestArrival<'_>, now: Timestamp) -> Reply {
        let arrival = request.arrival();
        let handler = self.handler_of(&arrival.account);
        let decision = handler.handle_request(IncomingRequest::of(request));
        // The handler's own state is its own business after a panic; ours is not touched by it.
        let decision = AssertUnwindSafe(decision).catch_unwind();
        match timeout(self.time_left(arrival, now), decision).await {
            Ok(Ok(decision)) => request.answer(decision, self.clock.now(), &mut SystemRandom),
            Ok(Err(_panic)) => {
                tracing::error!(account = %arrival.account, "a request handler panicked");
                refuse(arrival, Refusal::HandlerFailed, self.clock.now())
            }
            Err(_elapsed) => {
                tracing::debug!(account = %arrival.account, "a request handler is too slow");
                refuse(arrival, Refusal::NoAnswerInTime, self.clock.now())
            }
        }
    }

    /// Waits for the answer as long as this packet allows: a replay may expire at another time than the first one.
    async fn wait(&self, mut pending: Pending, arrival: &Arrival, now: Timestamp) -> Reply {
        let answered = timeout(self.time_left(arrival, now), pending.wait_for(Option::is_some));
        let reply = match answered.await {
            Ok(Ok(reply)) => reply.clone(),
            // The runtime is shutting down.
            Ok(Err(_closed)) => None,
            Err(_elapsed) => Some(refuse(arrival, Refusal::NoAnswerInTime, self.clock.now())),
        };
        let now = self.clock.now();
        match reply {
            None => refuse(arrival, Refusal::HandlerFailed, now),
            Some(Reply::Fulfill(_)) if arrival.is_expired_at(now) => {
                tracing::debug!(account = %arrival.account, "a fulfillment comes too late");
                refuse(arrival, Refusal::Expired, now)
            }
            Some(reply) => reply,
        }
    }

    /// For how long a packet may be handled. One that has expired on arrival is a chunk whose handler is asked all
    /// the same; it cannot be fulfilled, so there is no haste.
    fn time_left(&self, arrival: &Arrival, now: Timestamp) -> Duration {
        match arrival.expired {
            true => self.max_hold,
            false => arrival.fulfill_before.saturating_since(now).min(self.max_hold),
        }
    }

    fn handler_of(&self, account: &AccountSuffix) -> Arc<dyn RequestHandler> {
        let handlers = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        handlers.get(account).unwrap_or(&self.requests).clone()
    }

    fn with_memory<T>(&self, use_it: impl FnOnce(&mut ReplayMemory<Pending>) -> T) -> T {
        // Nothing panics while it holds the lock.
        use_it(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Without a time limit: what the handler writes down must not be cut off.
async fn handle_chunk(chunks: &dyn ChunkHandler, arrival: &Arrival, now: Timestamp) -> Reply {
    let reply = AssertUnwindSafe(chunks.handle_chunk(arrival.clone())).catch_unwind();
    reply.await.unwrap_or_else(|_panic| {
        tracing::error!(account = %arrival.account, "a chunk handler panicked");
        refuse(arrival, Refusal::HandlerFailed, now)
    })
}

/// Refuses for this reason, or for one that comes before it in the table. Only requests get a body here: that of a
/// chunk states totals, which its handler alone knows.
fn refuse(arrival: &Arrival, refusal: Refusal, now: Timestamp) -> Reply {
    match arrival.as_request() {
        Some(request) => {
            let refusal = request.refusal(now).unwrap_or(refusal);
            request.refuse(refusal, Bytes::new(), &mut SystemRandom).into()
        }
        None => arrival.reject(refusal, Bytes::new()).into(),
    }
}
