//! Questions to the receiver: the newest is awaited, and answers to those before it are still taken.

use std::collections::VecDeque;

use psk_codec::psk::Sequence;

use super::packets::Asked;

/// Questions about one matter.
#[derive(Debug, Default)]
pub(super) struct Questions {
    newest: Option<Asked>,
    /// Those before it whose answers are overdue, which may come all the same: the newest [`MOST_OVERDUE`].
    overdue: VecDeque<Asked>,
}

const MOST_OVERDUE: usize = 8;

impl Questions {
    /// The newest one, whose answer is not overdue.
    pub(super) fn in_flight(&self) -> Option<Asked> {
        self.newest
    }

    /// One whose answer would be taken.
    pub(super) fn find(&self, packet: Sequence) -> Option<Asked> {
        self.overdue.iter().chain(&self.newest).find(|asked| asked.packet == packet).copied()
    }

    /// Whether it is in flight.
    pub(super) fn is_in_time(&self, packet: Sequence) -> bool {
        self.newest.is_some_and(|asked| asked.packet == packet)
    }

    /// Another one leaves.
    pub(super) fn ask(&mut self, asked: Asked) {
        self.newest = Some(asked);
    }

    /// The answer to the newest one is overdue.
    pub(super) fn miss(&mut self) {
        let Some(asked) = self.newest.take() else { return };
        if self.overdue.len() == MOST_OVERDUE {
            self.overdue.pop_front();
        }
        self.overdue.push_back(asked);
    }

    /// Nothing more is awaited of one. Whether it was the newest, and not taken for lost before.
    pub(super) fn land(&mut self, packet: Sequence) -> bool {
        let newest = self.newest.take_if(|asked| asked.packet == packet).is_some();
        if !newest {
            self.overdue.retain(|asked| asked.packet != packet);
        }
        newest
    }
}
