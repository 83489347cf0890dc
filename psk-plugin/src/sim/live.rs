//! A simulated network as plugins: for the drivers, on tokio's clock, which tests pause.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use psk_codec::{Prepare, Reply};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::config::ConfigError;
use super::world::{HostId, Output, RequestId, World};
use crate::handler::HandlerSlot;
use crate::time_limit::time_limit;
use crate::{AccountDetails, Clock, DetailsError, Plugin, PrepareHandler, SendError};

/// A [`World`] that goes on with tokio's clock, and whose hosts are plugins.
///
/// On a paused clock it takes no longer than the work in it. Timers of tokio have milliseconds, so that packets
/// arrive up to one later than in a [`Simulation`](super::Simulation). Clones are the same network; when the last one
/// and the last plugin are dropped, it stops.
#[derive(Clone)]
pub struct LiveNetwork(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Something was put into the world: the next event may be sooner.
    changed: Notify,
    clock: Clock,
    origin: Instant,
}

struct State {
    world: World,
    waiting: HashMap<u64, oneshot::Sender<Reply>>,
    next_tag: u64,
    handlers: HashMap<HostId, Arc<HandlerSlot>>,
}

/// A host of a [`LiveNetwork`]: its link, or links, as one plugin.
pub struct HostPlugin {
    network: LiveNetwork,
    host: HostId,
    details: AccountDetails,
    handler: Arc<HandlerSlot>,
    closed: watch::Sender<bool>,
}

impl LiveNetwork {
    /// Starts the world, which must not have been used. Has to be called within a tokio runtime.
    pub fn start(world: World) -> Self {
        let clock = Clock::starting_at(world.wall());
        let state = State { world, waiting: HashMap::new(), next_tag: 0, handlers: HashMap::new() };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Notify::new(),
            clock,
            origin: Instant::now(),
        });
        tokio::spawn(run(Arc::downgrade(&shared)));
        Self(shared)
    }

    /// The time of day in the network.
    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// The plugin of a host. Made twice, the later one's handler is asked.
    pub fn plugin(&self, name: &str) -> Result<Arc<HostPlugin>, ConfigError> {
        let handler = Arc::new(HandlerSlot::default());
        let mut state = self.0.state();
        let host = state.world.host(name)?;
        let (asset_code, asset_scale) = state.world.asset_of_host(host);
        let address = state.world.address(host).clone();
        state.handlers.insert(host, handler.clone());
        drop(state);
        let details = AccountDetails { address, asset_scale, asset_code };
        let (network, closed) = (self.clone(), watch::Sender::new(false));
        Ok(Arc::new(HostPlugin { network, host, details, handler, closed }))
    }

    /// Looks at the world, as it is now.
    pub fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.0.with_world(|_| ());
        look(&self.0.state().world)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, but for a bug of the world, which its user then sees elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the world to the present, hands on what has come out of it, and puts something in.
    fn with_world<T>(self: &Arc<Self>, put_in: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        loop {
            match state.world.poll(self.origin.elapsed()) {
                Output::Request { host, request, prepare } => {
                    let handler = state.handlers.get(&host).cloned();
                    tokio::spawn(self.clone().answer(handler, request, prepare));
                }
                Output::Reply { tag, reply, .. } => {
                    if let Some(waiting) = state.waiting.remove(&tag) {
                        // Who waits no more does not want to know.
                        let _ = waiting.send(reply);
                    }
                }
                Output::Reached | Output::Idle => break,
            }
        }
        let result = put_in(&mut state);
        drop(state);
        self.changed.notify_one();
        result
    }

    async fn answer(
        self: Arc<Self>,
        handler: Option<Arc<HandlerSlot>>,
        request: RequestId,
        prepare: Prepare,
    ) {
        let reply = match handler {
            Some(handler) => handler.answer(prepare).await,
            None => HandlerSlot::default().answer(prepare).await,
        };
        self.with_world(|state| state.world.answer(request, reply));
    }
}

/// Has the world go on when something is due.
async fn run(network: Weak<Shared>) {
    loop {
        let Some(shared) = network.upgrade() else { return };
        // Before the world is asked: what is put in after that is not missed.
        let due = {
            let mut state = shared.state();
            let due = state.world.next_due();
            state.waiting.retain(|_, waiting| !waiting.is_closed());
            due
        };
        let now = shared.origin.elapsed();
        if due.is_some_and(|due| due <= now) {
            shared.with_world(|_| ());
            continue;
        }
        // Now and then it looks whether it is still wanted.
        let due = due.unwrap_or(Duration::MAX).min(now + Duration::from_secs(60));
        let wake = shared.origin + due;
        tokio::select! {
            () = shared.changed.notified() => {}
            () = sleep_until(wake) => {}
        }
    }
}

#[async_trait]
impl Plugin for HostPlugin {
    async fn send(&self, prepare: Prepare) -> Result<Reply, SendError> {
        let mut closed = self.closed.subscribe();
        if *closed.borrow() {
            return Err(SendError::NotSent("the link is closed".into()));
        }
        let shared = &self.network.0;
        let limit = time_limit(shared.clock.now(), prepare.expires_at);
        let (reply, answer) = oneshot::channel();
        let sent = shared.with_world(|state| {
            let tag = state.next_tag;
            state.next_tag += 1;
            state.waiting.insert(tag, reply);
            state.world.send(self.host, None, tag, prepare)
        });
        sent.map_err(|error| SendError::NotSent(error.to_string()))?;
        tokio::select! {
            biased;
            answer = timeout(limit, answer) => match answer {
                Ok(Ok(reply)) => Ok(reply),
                Ok(Err(_gone)) => Err(SendError::Unknown("the network has stopped".into())),
                Err(_elapsed) => Err(SendError::Unknown("no answer in time".into())),
            },
            _ = closed.wait_for(|closed| *closed) => Err(SendError::Unknown("the link was closed".into())),
        }
    }

    fn set_handler(&self, handler: Option<Arc<dyn PrepareHandler>>) {
        self.handler.set(handler);
    }

    async fn details(&self) -> Result<AccountDetails, DetailsError> {
        Ok(self.details.clone())
    }

    async fn close(&self) {
        self.closed.send_replace(true);
        self.handler.set(None);
    }
}

impl fmt::Debug for LiveNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveNetwork").field("world", &self.0.state().world).finish_non_exhaustive()
    }
}

impl fmt::Debug for HostPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostPlugin").field("details", &self.details).finish_non_exhaustive()
    }
}
