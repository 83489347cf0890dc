//! What happens later, in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// A queue of events on virtual time: the earliest first, and of one time the one that was pushed first.
///
/// The heap holds places alone; the events, which are large, stay where they are.
#[derive(Debug)]
pub(super) struct Queue<E> {
    heap: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    events: Vec<Option<E>>,
    free: Vec<usize>,
}

impl<E> Queue<E> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), events: Vec::new(), free: Vec::new() }
    }

    /// `number` tells events of one time apart: greater ones come later.
    pub(super) fn push(&mut self, at: Duration, number: u64, event: E) {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.events.push(None);
                self.events.len() - 1
            }
        };
        self.events[place] = Some(event);
        self.heap.push(Reverse((at, number, place)));
    }

    /// Time and number of the next event.
    pub(super) fn next(&self) -> Option<(Duration, u64)> {
        self.heap.peek().map(|Reverse((at, number, _))| (*at, *number))
    }

    pub(super) fn pop(&mut self) -> Option<E> {
        let Reverse((_, _, place)) = self.heap.pop()?;
        self.free.push(place);
        self.events.get_mut(place)?.take()
    }
}
