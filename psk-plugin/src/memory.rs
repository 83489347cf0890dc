//! Two plugins joined in memory, for tests, benchmarks and programs that hold both ends.
//!
//! A packet is handed to the other end's handler by a call: nothing is written as octets, no task is started. What
//! follows from it: dropping a [`Plugin::send`] future here also drops the handler's future, wherever it is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use psk_codec::{Prepare, Reply};
use tokio::sync::watch;
use tokio::time;

use crate::handler::HandlerSlot;
use crate::time_limit::time_limit;
use crate::{AccountDetails, Clock, DetailsError, Plugin, PrepareHandler, SendError, ildcp};

/// Joins two plugins that know their details: those of the left one first.
pub fn pair(left: AccountDetails, right: AccountDetails) -> (Arc<MemoryPlugin>, Arc<MemoryPlugin>) {
    Link { left_details: Some(left), right_details: Some(right), ..Link::default() }.pair()
}

/// What a link in memory is to be like.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// What the left plugin's [`Plugin::details`] says. Default: it asks the right end by IL-DCP, as it would ask
    /// over a network.
    pub left_details: Option<AccountDetails>,
    /// The same for the right plugin.
    pub right_details: Option<AccountDetails>,
    /// How long a packet travels, each way. Default: none, so that tests and benchmarks measure nothing else.
    pub latency: Duration,
    /// Tells when a packet has expired. Default: the system's clock.
    pub clock: Clock,
}

impl Link {
    /// The two ends: left, right.
    pub fn pair(self) -> (Arc<MemoryPlugin>, Arc<MemoryPlugin>) {
        let ends = Arc::new(Ends {
            handlers: [HandlerSlot::default(), HandlerSlot::default()],
            link: self,
            closed: watch::Sender::new(false),
        });
        let left = MemoryPlugin { ends: ends.clone(), this: LEFT };
        let right = MemoryPlugin { ends, this: RIGHT };
        (Arc::new(left), Arc::new(right))
    }
}

const LEFT: usize = 0;
const RIGHT: usize = 1;

/// One end of a link in memory.
pub struct MemoryPlugin {
    ends: Arc<Ends>,
    this: usize,
}

struct Ends {
    handlers: [HandlerSlot; 2],
    link: Link,
    closed: watch::Sender<bool>,
}

impl fmt::Debug for MemoryPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPlugin").field("link", &self.ends.link).finish_non_exhaustive()
    }
}

impl MemoryPlugin {
    async fn deliver(&self, prepare: Prepare) -> Reply {
        let latency = self.ends.link.latency;
        if !latency.is_zero() {
            time::sleep(latency).await;
        }
        let reply = self.ends.handlers[1 - self.this].answer(prepare).await;
        if !latency.is_zero() {
            time::sleep(latency).await;
        }
        reply
    }
}

#[async_trait]
impl Plugin for MemoryPlugin {
    async fn send(&self, prepare: Prepare) -> Result<Reply, SendError> {
        let mut closed = self.ends.closed.subscribe();
        if *closed.borrow() {
            return Err(SendError::NotSent("the link is closed".into()));
        }
        let limit = time_limit(self.ends.link.clock.now(), prepare.expires_at);
        tokio::select! {
            biased;
            reply = time::timeout(limit, self.deliver(prepare)) => {
                reply.map_err(|_| SendError::Unknown("no answer in time".into()))
            }
            _ = closed.wait_for(|closed| *closed) => {
                Err(SendError::Unknown("the link was closed".into()))
            }
        }
    }

    fn set_handler(&self, handler: Option<Arc<dyn PrepareHandler>>) {
        self.ends.handlers[self.this].set(handler);
    }

    async fn details(&self) -> Result<AccountDetails, DetailsError> {
        let link = &self.ends.link;
        let details = [&link.left_details, &link.right_details][self.this];
        match details {
            Some(details) => Ok(details.clone()),
            None => ildcp::ask(self, &link.clock).await,
        }
    }

    /// Closes both ends, for good.
    async fn close(&self) {
        self.ends.closed.send_replace(true);
    }
}
