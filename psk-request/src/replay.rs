//! What has been answered before and may come again: connectors and attackers repeat packets.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use bytes::Bytes;
use psk_codec::{Condition, DestinationAmount, Fulfillment, Reply, Timestamp};

/// How much a [`ReplayMemory`] keeps at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayLimits {
    /// How many packets. When so many are remembered, new ones are not taken ([`Seen::Full`]): to forget one that
    /// has not expired would let it be handled twice. 262,144 by default: 8,700 packets per second that each
    /// expire after 30 s, in about 150 megabytes; memory is only taken as it is needed.
    pub max_packets: usize,
    /// How many octets of data in answers. When it is reached, further answers are kept without their data, and a
    /// replay is answered without it. 64 MiB by default.
    pub max_data_octets: usize,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self { max_packets: 1 << 18, max_data_octets: 64 << 20 }
    }
}

/// By what a repeated packet is recognized: same data under the same keys (the fulfillment is a digest of both),
/// same condition, same amount. The expiry is no part of it, because hops may change it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplayKey {
    pub(crate) fulfillment: Fulfillment,
    pub(crate) condition: Condition,
    pub(crate) amount: DestinationAmount,
}

impl fmt::Debug for ReplayKey {
    /// Without the fulfillment, which may still be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayKey")
            .field("condition", &self.condition)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// What a [`ReplayMemory`] knows about a packet that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Seen<W> {
    /// Not seen before: handle it, then [`ReplayMemory::settle`] it with the answer.
    New,
    /// The same packet is being handled: wait for its answer. What was given with the first one tells how.
    InProgress(W),
    /// The same packet was answered like this: answer the same. It may lack its data
    /// ([`ReplayLimits::max_data_octets`]).
    Answered(Reply),
    /// No more can be remembered, so this one must not be handled: refuse it
    /// ([`Refusal::Busy`](crate::Refusal::Busy)).
    Full,
}

/// Answers of packets that have not expired, so that a replay costs nothing and does nothing (PROTOCOL.md section 3).
///
/// Does no I/O and reads no clock. `W` is how one who asks about a packet in progress can wait for its answer; a
/// machine without waiting takes `()`. Whoever puts a packet in must settle it, or its replays wait until it expires.
///
/// Bounded by [`ReplayLimits`], and by time: a packet is forgotten at the time that it was admitted until, which
/// the caller caps, because hops and senders write the expiry.
#[derive(Debug)]
pub struct ReplayMemory<W = ()> {
    limits: ReplayLimits,
    packets: HashMap<ReplayKey, Remembered<W>>,
    /// The same packets by when they are forgotten; the number tells apart those of the same millisecond.
    by_end: BTreeMap<End, ReplayKey>,
    admitted: u64,
    data_octets: usize,
}

type End = (Timestamp, u64);

#[derive(Debug)]
struct Remembered<W> {
    end: End,
    state: State<W>,
}

#[derive(Debug)]
enum State<W> {
    InProgress(W),
    Answered(Reply),
}

impl<W: Clone> ReplayMemory<W> {
    /// Remembers nothing yet.
    pub fn new(limits: ReplayLimits) -> Self {
        Self { limits, packets: HashMap::new(), by_end: BTreeMap::new(), admitted: 0, data_octets: 0 }
    }

    /// How many packets are remembered.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Looks a packet up, and puts it in as being handled if it is new. It is remembered `until` then, or longer if
    /// a replay says so; `in_progress` is for those who ask meanwhile.
    pub fn admit(&mut self, key: ReplayKey, until: Timestamp, now: Timestamp, in_progress: W) -> Seen<W> {
        self.forget_ended(now);
        if let Some(remembered) = self.packets.get_mut(&key) {
            if remembered.end.0 < until {
                self.by_end.remove(&remembered.end);
                remembered.end.0 = until;
                self.by_end.insert(remembered.end, key);
            }
            return match &remembered.state {
                State::InProgress(waiting) => Seen::InProgress(waiting.clone()),
                State::Answered(reply) => Seen::Answered(reply.clone()),
            };
        }
        if self.packets.len() >= self.limits.max_packets {
            return Seen::Full;
        }
        self.admitted += 1;
        let end = (until, self.admitted);
        let state = State::InProgress(in_progress);
        self.by_end.insert(end, key);
        self.packets.insert(key, Remembered { end, state });
        Seen::New
    }

    /// Keeps the answer to a packet that was admitted as new. Nothing happens if it has been forgotten or has an
    /// answer.
    pub fn settle(&mut self, key: &ReplayKey, reply: &Reply) {
        let Some(remembered) = self.packets.get_mut(key) else {
            return;
        };
        if matches!(remembered.state, State::Answered(_)) {
            return;
        }
        let reply = match self.data_octets + data_of(reply).len() {
            octets if octets <= self.limits.max_data_octets => reply.clone(),
            _ => without_data(reply),
        };
        self.data_octets += data_of(&reply).len();
        remembered.state = State::Answered(reply);
    }

    fn forget_ended(&mut self, now: Timestamp) {
        while let Some(first) = self.by_end.first_entry()
            && first.key().0 <= now
        {
            let key = first.remove();
            if let Some(Remembered { state: State::Answered(reply), .. }) = self.packets.remove(&key) {
                self.data_octets -= data_of(&reply).len();
            }
        }
    }
}

fn data_of(reply: &Reply) -> &Bytes {
    match reply {
        Reply::Fulfill(fulfill) => &fulfill.data,
        Reply::Reject(reject) => &reject.data,
    }
}

fn without_data(reply: &Reply) -> Reply {
    let mut reply = reply.clone();
    match &mut reply {
        Reply::Fulfill(fulfill) => fulfill.data = Bytes::new(),
        Reply::Reject(reject) => reject.data = Bytes::new(),
    }
    reply
}
