//! What lives at the edge of the network, and the loop that runs it.

use std::time::Duration;

use psk_codec::{Prepare, Reply, Timestamp};

use super::world::{HostId, LinkId, Output, RequestId, World};

/// What a host is told.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostInput {
    /// A Prepare has come in; answer it under this name, now, later or never.
    Request {
        /// Its name.
        request: RequestId,
        /// The Prepare, with the amount in units of the host's link.
        prepare: Prepare,
    },
    /// The answer to a Prepare that it has sent.
    Reply {
        /// What it was sent with.
        tag: u64,
        /// The answer.
        reply: Reply,
    },
    /// A Prepare was not sent: the host has no such link.
    NotSent {
        /// What it was to be sent with.
        tag: u64,
    },
}

/// What a host wants.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostOutput {
    /// Send a Prepare: over this link, or where the network thinks best.
    Send {
        /// The link.
        via: Option<LinkId>,
        /// Comes back with the answer.
        tag: u64,
        /// The Prepare.
        prepare: Prepare,
    },
    /// Answer a Prepare.
    Answer {
        /// Its name.
        request: RequestId,
        /// The answer.
        reply: Reply,
    },
    /// Nothing, until an input comes or until this time since the start; [`Duration::MAX`] for no time.
    Wait(Duration),
}

/// A program at the edge of the network, as a machine: [`handle`](Self::handle) takes an input, then
/// [`poll`](Self::poll) is drained until it says [`HostOutput::Wait`].
pub trait Host {
    /// Takes an input. `now` is the time since the start, `wall` the time of day.
    fn handle(&mut self, input: HostInput, now: Duration, wall: Timestamp);

    /// What to do next.
    fn poll(&mut self, now: Duration, wall: Timestamp) -> HostOutput;
}

/// A [`World`] and what its hosts do.
///
/// Hosts of one time are asked in the order in which they were added.
#[derive(Debug)]
pub struct Simulation<H> {
    world: World,
    hosts: Vec<Running<H>>,
}

#[derive(Debug)]
struct Running<H> {
    id: HostId,
    host: H,
    /// It has to be asked: something has happened to it.
    awake: bool,
    wakes_at: Duration,
}

/// What a [`Simulation::step`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This host was told something, or its time had come, and it has had its say.
    Host(HostId),
    /// Nothing is under way and no host waits for a time.
    Idle,
}

impl<H: Host> Simulation<H> {
    /// A world in which nobody does anything yet.
    pub fn new(world: World) -> Self {
        Self { world, hosts: Vec::new() }
    }

    /// Has a program run at a host, which has no other one: inputs go to the first.
    pub fn add(&mut self, id: HostId, host: H) {
        self.hosts.push(Running { id, host, awake: true, wakes_at: Duration::ZERO });
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, for its trace.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The programs, in the order in which they were added.
    pub fn hosts(&self) -> impl Iterator<Item = &H> {
        self.hosts.iter().map(|running| &running.host)
    }

    /// The program that was added first at a host.
    pub fn host(&self, id: HostId) -> Option<&H> {
        self.hosts.iter().find(|running| running.id == id).map(|running| &running.host)
    }

    /// Goes on until one host has had its say, at most to `until`. `None` when it is that time.
    pub fn step(&mut self, until: Duration) -> Option<Step> {
        loop {
            if let Some(place) = self.hosts.iter().position(|running| running.awake) {
                self.ask(place);
                return Some(Step::Host(self.hosts[place].id));
            }
            let wake = self.hosts.iter().map(|running| running.wakes_at).min().unwrap_or(Duration::MAX);
            match self.world.poll(wake.min(until)) {
                Output::Request { host, request, prepare } => {
                    self.tell(host, HostInput::Request { request, prepare });
                }
                Output::Reply { host, tag, reply } => self.tell(host, HostInput::Reply { tag, reply }),
                Output::Reached if wake > until => return None,
                Output::Reached => {
                    let now = self.world.now();
                    for running in self.hosts.iter_mut().filter(|running| running.wakes_at <= now) {
                        running.awake = true;
                    }
                }
                Output::Idle => return Some(Step::Idle),
            }
        }
    }

    fn tell(&mut self, id: HostId, input: HostInput) {
        let (now, wall) = (self.world.now(), self.world.wall());
        if let Some(running) = self.hosts.iter_mut().find(|running| running.id == id) {
            running.host.handle(input, now, wall);
            running.awake = true;
        }
    }

    /// Drains what a host wants.
    fn ask(&mut self, place: usize) {
        let (now, wall) = (self.world.now(), self.world.wall());
        let Running { id, host, awake, wakes_at } = &mut self.hosts[place];
        loop {
            match host.poll(now, wall) {
                HostOutput::Send { via, tag, prepare } => {
                    if self.world.send(*id, via, tag, prepare).is_err() {
                        host.handle(HostInput::NotSent { tag }, now, wall);
                    }
                }
                HostOutput::Answer { request, reply } => self.world.answer(request, reply),
                HostOutput::Wait(until) => {
                    (*awake, *wakes_at) = (false, until);
                    return;
                }
            }
        }
    }
}
