//! Telling the application what happened.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::receive::PaymentHandler;
use crate::receive::ReceiveEvent;

/// Tells a handler what happened, in order.
///
/// A task of its own tells, while the books are free for other chunks and while answers leave: a chunk that is counted
/// has to be answered before it expires, however long the application takes to hear of it.
pub(super) struct Telling {
    handler: Box<dyn PaymentHandler>,
    when: When,
    untold: Mutex<Untold>,
    /// Whether nothing is left to be told.
    all_told: watch::Sender<bool>,
    /// Where tasks run, whoever calls.
    runtime: Handle,
}

/// When a handler is told what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Soon.
    Soon,
    /// Before the answer leaves: for a handler of our own that never blocks.
    AtOnce,
}

#[derive(Default)]
struct Untold {
    events: VecDeque<ReceiveEvent>,
    /// What they take, and those that are being told, in octets.
    octets: usize,
    /// Whether a task is telling.
    telling: bool,
}

/// So many octets of events may wait for an application that does not listen: as much as may wait of the data that is
/// out of order.
const MAX_UNTOLD: usize = 16 << 20;

impl Telling {
    pub(super) fn new(handler: impl PaymentHandler, when: When, runtime: Handle) -> Self {
        let (handler, untold, all_told) = (Box::new(handler), Mutex::default(), watch::channel(true).0);
        Self { handler, when, untold, all_told, runtime }
    }

    pub(super) fn handler(&self) -> &dyn PaymentHandler {
        &*self.handler
    }

    /// Takes an event that is to be told. Called while the books are locked, so that the order is theirs.
    pub(super) fn add(&self, event: ReceiveEvent) {
        if self.when == When::AtOnce {
            return self.tell(event);
        }
        let mut untold = self.untold();
        untold.octets = untold.octets.saturating_add(size_in_memory(&event));
        untold.events.push_back(event);
        self.all_told.send_replace(false);
    }

    /// Sees to it that what was added is told. Called when the books are free.
    pub(super) fn begin(self: &Arc<Self>) {
        let mut untold = self.untold();
        if untold.telling || untold.events.is_empty() {
            return;
        }
        untold.telling = true;
        drop(untold);
        self.runtime.spawn(self.clone().tell_all());
    }

    /// Whether the application has so much to hear that it should first.
    pub(super) fn is_behind(&self) -> bool {
        self.untold().octets >= MAX_UNTOLD
    }

    /// Waits until all is told that has happened.
    pub(super) async fn all_told(&self) {
        let mut all_told = self.all_told.subscribe();
        // It ends with the sender, which this holds.
        let _ = all_told.wait_for(|all_told| *all_told).await;
    }

    async fn tell_all(self: Arc<Self>) {
        while let Some(events) = self.next_to_tell() {
            for event in events {
                let octets = size_in_memory(&event);
                self.tell(event);
                let mut untold = self.untold();
                untold.octets = untold.octets.saturating_sub(octets);
            }
            // Others want to run too, however much happens.
            tokio::task::yield_now().await;
        }
    }

    fn next_to_tell(&self) -> Option<VecDeque<ReceiveEvent>> {
        let mut untold = self.untold();
        let events = std::mem::take(&mut untold.events);
        untold.telling = !events.is_empty();
        if events.is_empty() {
            self.all_told.send_replace(true);
            return None;
        }
        Some(events)
    }

    fn tell(&self, event: ReceiveEvent) {
        // What is counted stays counted: a panic here must not turn a Fulfill into a Reject.
        let told = std::panic::catch_unwind(AssertUnwindSafe(|| self.handler.on_event(event)));
        if told.is_err() {
            tracing::error!("a payment handler panicked while it was told an event");
        }
    }

    fn untold(&self) -> MutexGuard<'_, Untold> {
        // Nothing panics while it holds the lock.
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size_in_memory(event: &ReceiveEvent) -> usize {
    let data = match event {
        ReceiveEvent::Data { data, .. } => data.len(),
        _ => 0,
    };
    data.saturating_add(size_of::<ReceiveEvent>())
}
