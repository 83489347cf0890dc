//! Who waits for which answer on a connection.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use psk_codec::btp::{Packet, RequestId};
use tokio::sync::oneshot;

pub(super) struct Pending(Mutex<Waiters>);

struct Waiters {
    next_id: RequestId,
    /// `None` once the connection is lost: nobody may begin to wait then.
    by_id: Option<HashMap<RequestId, oneshot::Sender<Packet>>>,
}

/// A place among those who wait; dropping it gives it up.
pub(super) struct Waiter<'a> {
    pending: &'a Pending,
    id: RequestId,
    answer: oneshot::Receiver<Packet>,
}

impl Pending {
    pub(super) fn new(first_id: RequestId) -> Self {
        Self(Mutex::new(Waiters { next_id: first_id, by_id: Some(HashMap::new()) }))
    }

    /// A place with an id that no other waiter has; `None` when the connection is lost.
    pub(super) fn register(&self) -> Option<Waiter<'_>> {
        let mut waiters = self.lock();
        let Waiters { next_id, by_id } = &mut *waiters;
        let by_id = by_id.as_mut()?;
        let (sender, answer) = oneshot::channel();
        // After 2^32 requests the ids begin again: one may still be waited for.
        loop {
            let id = *next_id;
            *next_id = id.next();
            if let Entry::Vacant(entry) = by_id.entry(id) {
                entry.insert(sender);
                return Some(Waiter { pending: self, id, answer });
            }
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().by_id.as_ref().map_or(0, HashMap::len)
    }

    /// Hands an answer to the one who waits for it; false when nobody does.
    pub(super) fn answer(&self, packet: Packet) -> bool {
        let waiter = self.lock().by_id.as_mut().and_then(|by_id| by_id.remove(&packet.request_id));
        waiter.is_some_and(|waiter| waiter.send(packet).is_ok())
    }

    /// Tells all who wait that no answer will come, and lets nobody wait any more.
    pub(super) fn fail_all(&self) {
        let waiters = self.lock().by_id.take();
        drop(waiters);
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter<'_> {
    pub(super) fn id(&self) -> RequestId {
        self.id
    }

    /// The answer; `None` when the connection is lost before it comes.
    pub(super) async fn answer(mut self) -> Option<Packet> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(by_id) = &mut self.pending.lock().by_id {
            by_id.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_find_their_waiters_and_nobody_else() {
        let pending = Pending::new(RequestId::new(u32::MAX));
        let first = pending.register().unwrap();
        let second = pending.register().unwrap();
        assert_eq!((first.id().number(), second.id().number()), (u32::MAX, 0));
        let answer = Packet::empty_response(second.id());
        assert!(pending.answer(answer.clone()));
        assert!(!pending.answer(answer.clone()), "a second answer");
        assert_eq!(second.answer().await, Some(answer));
        let given_up = first.id();
        drop(first);
        assert_eq!(pending.lock().by_id.as_ref().map(HashMap::len), Some(0), "nothing is kept");
        assert!(!pending.answer(Packet::empty_response(given_up)));
    }

    #[tokio::test]
    async fn after_a_loss_nobody_waits() {
        let pending = Pending::new(RequestId::new(1));
        let waiter = pending.register().unwrap();
        pending.fail_all();
        assert_eq!(waiter.answer().await, None);
        assert!(pending.register().is_none());
    }

    #[test]
    fn an_id_that_is_waited_for_is_not_given_again() {
        let pending = Pending::new(RequestId::new(7));
        let first = pending.register().unwrap();
        pending.lock().next_id = first.id();
        assert_eq!(pending.register().unwrap().id().number(), 8);
    }
}
