//! Prepares under way, one *leg* for each link that a packet takes.

use std::time::Duration;

use psk_codec::{Amount, Condition, Timestamp};

use super::topology::{LinkIndex, NodeIndex};

/// Names a leg; of a leg that is over, it names nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LegKey {
    place: u32,
    generation: u32,
}

/// One Prepare on one link.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) link: LinkIndex,
    /// The node that has sent it.
    pub(super) from: NodeIndex,
    pub(super) amount: Amount,
    pub(super) condition: Condition,
    pub(super) expires_at: Timestamp,
    /// What its sender knows it by.
    pub(super) origin: Origin,
    /// Whether its sender still waits for the answer.
    pub(super) open: bool,
    /// How many copies are on their way or at the other end and not answered yet.
    pub(super) unanswered: u8,
    /// Whether a copy has arrived.
    pub(super) arrived: bool,
    /// Whether the other end has counted it as fulfilled. Copies are one transfer, and count once.
    pub(super) counted: bool,
    /// When its sender gives it up, under its number in the order of events; connectors alone do.
    pub(super) times_out: Option<(Duration, u64)>,
}

/// Why a leg was sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// A host sent it, and knows it by this tag.
    Host(u64),
    /// A connector forwarded what came on this leg.
    Forwarded(LegKey),
}

/// All legs. Places are used again, in an order that depends on nothing but the order of calls.
#[derive(Debug, Default)]
pub(super) struct Legs {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    leg: Option<Leg>,
}

impl Legs {
    /// Its key; `None` when there are 2^32 already.
    pub(super) fn insert(&mut self, leg: Leg) -> Option<LegKey> {
        if let Some(place) = self.free.pop() {
            let slot = self.slots.get_mut(place as usize)?;
            slot.leg = Some(leg);
            return Some(LegKey { place, generation: slot.generation });
        }
        let place = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(Slot { generation: 0, leg: Some(leg) });
        Some(LegKey { place, generation: 0 })
    }

    pub(super) fn get(&self, key: LegKey) -> Option<&Leg> {
        let slot = self.slots.get(key.place as usize)?;
        slot.leg.as_ref().filter(|_| slot.generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: LegKey) -> Option<&mut Leg> {
        let slot = self.slots.get_mut(key.place as usize)?;
        let current = slot.generation == key.generation;
        slot.leg.as_mut().filter(|_| current)
    }

    /// Forgets the leg if nobody has to do with it any more.
    pub(super) fn release(&mut self, key: LegKey) {
        if self.get(key).is_none_or(|leg| leg.open || leg.unanswered > 0) {
            return;
        }
        if let Some(slot) = self.slots.get_mut(key.place as usize) {
            slot.leg = None;
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(key.place);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
