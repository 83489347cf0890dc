//! The network as a machine: packets in, packets out, on virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use psk_codec::{Address, Prepare, Reply, Timestamp};

use super::assets::{assets, curves_of};
use super::balances::Books;
use super::chance::Chance;
use super::config::{ConfigError, NetworkConfig};
use super::credit::Credit;
use super::hop::Hop;
use super::legs::{LegKey, Legs};
use super::link::Link;
use super::queue::Queue;
use super::topology::{LinkIndex, NodeIndex, Topology};
use super::trace::{Trace, TraceSink};
use crate::balance::{AccountBalance, Balance};

/// A host of a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub(super) NodeIndex);

/// A link of a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub(super) LinkIndex);

/// A Prepare that a host has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(super) LegKey);

/// What a [`World`] has for its hosts.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// A Prepare has come to a host, which answers it with [`World::answer`], now, later or never.
    Request {
        /// The host.
        host: HostId,
        /// What to answer under.
        request: RequestId,
        /// The Prepare, with the amount in units of the host's link.
        prepare: Prepare,
    },
    /// The answer to a Prepare that a host has sent has come back to it.
    Reply {
        /// The host.
        host: HostId,
        /// The tag that it was sent with.
        tag: u64,
        /// The answer.
        reply: Reply,
    },
    /// It is the time that was asked for, and nothing is due.
    Reached,
    /// Nothing is due, and nothing will be until a host sends or answers. Only said when it was asked for
    /// [`Duration::MAX`].
    Idle,
}

/// A simulated network: a state machine on virtual time, without I/O, clock, or randomness of its own.
///
/// # Driving it
///
/// 1. Put in what hosts have to say: [`send`](Self::send), [`answer`](Self::answer).
/// 2. Call [`poll`](Self::poll) with the time of the next thing that a host wants to do. Do what it says, which may
///    lead to 1, and call it again, until it says [`Output::Reached`] (then it is that time) or [`Output::Idle`].
///
/// Time stands still but in `poll`, which goes on to the next event or to the time that it was given, whichever is
/// first. Events of one time come in the order in which they were caused, so the same seed and the same inputs give
/// the same run, bit for bit, on every machine.
///
/// # Money
///
/// Every node keeps an account with every node that it has a link to. A node counts a packet as received when it
/// answers it with the right preimage, and as sent when it sees that preimage. Between the two the amount is
/// [unacknowledged](Self::unacknowledged): for a moment, or for good, when the Fulfill was lost or came too late. The
/// accounts of each asset less that add up to zero after every event ([`balances_add_up`](Self::balances_add_up)).
///
/// A Prepare that arrives twice is one transfer, however often it is answered.
#[derive(Debug)]
pub struct World {
    pub(super) topology: Topology,
    pub(super) links: Vec<Link>,
    /// By their place among the nodes, less the number of hosts.
    pub(super) hops: Vec<Hop>,
    pub(super) asset_of: Vec<usize>,
    pub(super) books: Books,
    pub(super) credit: Credit,
    pub(super) legs: Legs,
    pub(super) queue: Queue<Event>,
    /// When legs are given up. Most are answered long before, so these are not in the queue.
    pub(super) time_outs: BTreeMap<(Duration, u64), LegKey>,
    pub(super) next_number: u64,
    pub(super) now: Duration,
    pub(super) outputs: VecDeque<Output>,
    pub(super) trace: Trace,
    pub(super) encodes: bool,
    pub(super) events: u64,
    pub(super) last_event: Duration,
    /// The first thing that was wrong with the accounts, and when.
    pub(super) unsound: Option<(Duration, &'static str)>,
}

/// What happens later.
#[derive(Debug)]
pub(super) enum Event {
    /// A Prepare arrives at the far end of its leg.
    Arrive { leg: LegKey, prepare: Prepare },
    /// The answer arrives where the leg began. `fulfilled` is what the far end has counted as received.
    Answer { leg: LegKey, reply: Reply, fulfilled: Option<psk_codec::Amount> },
    /// A connector lets go of an answer that it has kept.
    PassBack { leg: LegKey, reply: Reply },
}

/// When the virtual clock starts: 2023-11-14T22:13:20Z.
const START_MILLIS: i64 = 1_700_000_000_000;

/// What time of day it is `since` the start.
pub(super) fn wall(since: Duration) -> Timestamp {
    start().saturating_add(since)
}

fn start() -> Timestamp {
    Timestamp::from_unix_millis(START_MILLIS).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// When a time of day is, since the start.
pub(super) fn since_start(time: Timestamp) -> Duration {
    time.saturating_since(start())
}

impl World {
    /// A network at rest, at time zero.
    pub fn new(config: &NetworkConfig, seed: u64) -> Result<Self, ConfigError> {
        let topology = Topology::new(config)?;
        let (asset_of, assets) = assets(&config.links);
        let credit = Credit::new(config, &topology)?;
        let mut streams = 0u64..;
        let mut chance = || Chance::new(seed, streams.next().unwrap_or(u64::MAX));
        let links = config.links.iter().map(|link| Link::new(link, chance())).collect();
        let mut hops = Vec::new();
        for (place, hop) in config.connectors.iter().enumerate() {
            let node = topology.hosts + place;
            let joined: Vec<usize> = topology.links[node].iter().map(|&link| asset_of[link]).collect();
            let curves = curves_of(hop, &assets, &joined)?;
            let hop = Hop::new(hop, topology.addresses[node].clone(), curves, chance());
            hops.push(hop.map_err(|error| error.at(format_args!("connector {:?}", topology.names[node])))?);
        }
        Ok(Self {
            topology,
            links,
            hops,
            asset_of,
            books: Books::new(&config.links),
            credit,
            legs: Legs::default(),
            queue: Queue::new(),
            time_outs: BTreeMap::new(),
            next_number: 0,
            now: Duration::ZERO,
            outputs: VecDeque::new(),
            trace: Trace::default(),
            encodes: false,
            events: 0,
            last_event: Duration::ZERO,
            unsound: None,
        })
    }

    /// Writes every packet as octets and reads it again on every link. Default: packets are handed on as they are.
    pub fn with_encoding(self) -> Self {
        Self { encodes: true, ..self }
    }

    /// Hashes the trace of all events ([`trace_hash`](Self::trace_hash)).
    pub fn hash_trace(&mut self) {
        self.trace.start_hash();
    }

    /// Writes every event as a line to `sink`.
    pub fn write_trace(&mut self, sink: TraceSink) {
        self.trace.set_sink(sink);
    }

    /// SHA-256 of the trace until now; `None` unless [`hash_trace`](Self::hash_trace) was called.
    pub fn trace_hash(&self) -> Option<[u8; 32]> {
        self.trace.hash()
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The time of day.
    pub fn wall(&self) -> Timestamp {
        wall(self.now)
    }

    /// When the next event is due; `None` when nothing is under way.
    pub fn next_due(&self) -> Option<Duration> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        let event = self.queue.next().map(|(at, _)| at);
        let time_out = self.time_outs.first_key_value().map(|((at, _), _)| *at);
        event.into_iter().chain(time_out).min()
    }

    /// How many events there have been.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// When the last of them was, since the start.
    pub fn last_event(&self) -> Duration {
        self.last_event
    }

    /// How many Prepares are under way, counting each link that one takes.
    pub fn under_way(&self) -> usize {
        self.legs.len()
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Result<HostId, ConfigError> {
        match self.topology.node(name)? {
            node if node < self.topology.hosts => Ok(HostId(node)),
            _ => Err(ConfigError::UnknownNode(name.to_owned())),
        }
    }

    /// The address of a host: packets for it, and for what is below it, come to it.
    pub fn address(&self, host: HostId) -> &Address {
        &self.topology.addresses[host.0]
    }

    /// The code and the scale of the asset of a host's first link; of no asset when it has no link.
    pub fn asset_of_host(&self, host: HostId) -> (String, u8) {
        let first = self.topology.links[host.0].first();
        first.map_or_else(Default::default, |&link| self.books.asset(link))
    }

    /// The links of a host, in the order of the description.
    pub fn links_of(&self, host: HostId) -> impl Iterator<Item = LinkId> {
        self.topology.links[host.0].iter().copied().map(LinkId)
    }

    /// The links that packets from one host to another take, first to last; empty when there is no way.
    pub fn path(&self, from: HostId, to: HostId) -> Vec<LinkId> {
        let Some(first) = self.topology.route(from.0, to.0) else { return Vec::new() };
        self.path_over(from, LinkId(first), to)
    }

    /// The links that packets from one host to another take when they start over this one, first to last; empty when
    /// it does not lead there.
    pub fn path_over(&self, from: HostId, first: LinkId, to: HostId) -> Vec<LinkId> {
        if !self.topology.links[from.0].contains(&first.0) {
            return Vec::new();
        }
        let mut path = vec![first];
        let mut node = self.topology.other_end(first.0, from.0);
        // Hosts forward nothing.
        if node != to.0 && node < self.topology.hosts {
            return Vec::new();
        }
        while node != to.0 && path.len() <= self.topology.names.len() {
            let Some(link) = self.topology.route(node, to.0) else { return Vec::new() };
            path.push(LinkId(link));
            node = self.topology.other_end(link, node);
        }
        path
    }

    /// The name of the node at the other end of a host's link.
    pub fn neighbour(&self, host: HostId, link: LinkId) -> &str {
        &self.topology.names[self.topology.other_end(link.0, host.0)]
    }

    /// A link's place in the description.
    pub fn place(&self, link: LinkId) -> usize {
        link.0
    }

    /// The account that a node keeps of its neighbour over a link; `None` when the link is none of its.
    pub fn account(&self, node: &str, link: LinkId) -> Option<AccountBalance> {
        let node = self.topology.node(node).ok()?;
        let end = self.topology.ends[link.0].iter().position(|&end| end == node)?;
        Some(self.books.account(link.0, end))
    }

    /// All that a host has received and sent, over all of its links.
    pub fn totals(&self, host: HostId) -> AccountBalance {
        let accounts = self.topology.links[host.0].iter().map(|&link| {
            let end = usize::from(self.topology.ends[link][0] != host.0);
            self.books.account(link, end)
        });
        sum_of(accounts)
    }

    /// What the nodes at the other ends of a host's links have received of it and sent to it, by their books.
    pub fn totals_of_neighbours(&self, host: HostId) -> AccountBalance {
        let accounts = self.topology.links[host.0].iter().map(|&link| {
            let end = usize::from(self.topology.ends[link][0] == host.0);
            self.books.account(link, end)
        });
        sum_of(accounts)
    }

    /// What a connector has been paid over a link, outside of Interledger, until now; zero without a
    /// [limit](super::BalanceLimitConfig).
    pub fn paid(&self, node: &str, link: LinkId) -> Balance {
        let node = self.topology.node(node).ok();
        let end = node.and_then(|node| self.topology.ends[link.0].iter().position(|&end| end == node));
        end.map_or_else(Balance::default, |end| self.credit.paid(link.0, end))
    }

    /// What has been fulfilled at one end of a link and not (yet, or in time) been seen at the other.
    pub fn unacknowledged(&self, link: LinkId) -> Balance {
        self.books.unacknowledged(link.0)
    }

    /// Whether the accounts add up to zero, asset by asset, and have done so after every event.
    pub fn balances_add_up(&self) -> bool {
        self.books.problem().is_none() && self.unsound.is_none()
    }

    /// What was wrong with the accounts, and when: the first thing, as it was seen right after the event.
    pub fn problem(&self) -> Option<(Duration, &'static str)> {
        self.unsound
    }

    /// Looks at the accounts after an event.
    pub(super) fn watch(&mut self) {
        if self.unsound.is_none() {
            self.unsound = self.books.problem().map(|problem| (self.now, problem));
        }
    }

    /// What the accounts of each asset (code, scale) add up to, counted anew: zero.
    pub fn recount(&self) -> Vec<(String, u8, Balance)> {
        self.books.recount()
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub(super) fn schedule(&mut self, at: Duration, event: Event) {
        let number = self.number();
        self.queue.push(at.max(self.now), number, event);
    }
}

fn sum_of(accounts: impl Iterator<Item = AccountBalance>) -> AccountBalance {
    accounts.fold(AccountBalance::default(), |sum, account| AccountBalance {
        received: sum.received.plus(account.received),
        sent: sum.sent.plus(account.sent),
        incoming: sum.incoming.plus(account.incoming),
        outgoing: sum.outgoing.plus(account.outgoing),
    })
}
