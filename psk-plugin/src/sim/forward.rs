//! The way of packets through the [`World`], event by event.

use std::time::Duration;

use psk_codec::{Amount, ErrorCode, Packet, Prepare, Reply};
use sha2::{Digest, Sha256};

use super::balances::Figure;
use super::hop::{Backward, Hop, Passage};
use super::legs::{Leg, LegKey, Origin};
use super::link::Kind;
use super::topology::{LinkIndex, NodeIndex};
use super::world::{Event, HostId, LinkId, Output, RequestId, World, since_start, wall};

/// A host's Prepare without an answer is forgotten so long after its expiry: longer than any grace.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// A host has no link, or not this one: nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host has no such link")]
pub struct NoLink;

impl World {
    /// A host sends a Prepare: over this link of its, or on the way with the fewest links, or over its first link
    /// when nobody is known at the destination. The answer, if one comes, comes with `tag`.
    pub fn send(
        &mut self,
        host: HostId,
        via: Option<LinkId>,
        tag: u64,
        prepare: Prepare,
    ) -> Result<(), NoLink> {
        let own = self.topology.links.get(host.0).ok_or(NoLink)?;
        let link = match via {
            Some(LinkId(link)) => Some(link).filter(|link| own.contains(link)),
            None => {
                let first = own.first().copied();
                let to = self.topology.host_of(&prepare.destination);
                to.and_then(|to| self.topology.route(host.0, to)).or(first)
            }
        };
        let link = link.ok_or(NoLink)?;
        self.send_leg(host.0, link, Origin::Host(tag), prepare, self.now);
        self.watch();
        Ok(())
    }

    /// A host answers a Prepare. An answer to what was answered before, or was given up, goes nowhere.
    pub fn answer(&mut self, request: RequestId, reply: Reply) {
        self.reply(request.0, reply, self.now);
        self.watch();
    }

    /// Goes on to the next event that a host has to know of, at most to `until`.
    pub fn poll(&mut self, until: Duration) -> Output {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            let event = self.queue.next();
            let time_out = self.time_outs.first_key_value().map(|(due, _)| *due);
            let next = event.into_iter().chain(time_out).min().filter(|(at, _)| *at <= until);
            let Some((at, number)) = next else {
                if until == Duration::MAX {
                    return Output::Idle;
                }
                self.now = self.now.max(until);
                return Output::Reached;
            };
            self.now = self.now.max(at);
            self.events += 1;
            self.last_event = self.now;
            if time_out == Some((at, number)) {
                self.give_up_next();
            } else if let Some(event) = self.queue.pop() {
                self.happen(event);
            }
            self.watch();
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { leg, prepare } => self.arrive(leg, prepare),
            Event::Answer { leg, reply, fulfilled } => self.answered(leg, reply, fulfilled),
            Event::PassBack { leg, reply } => self.reply(leg, reply, self.now),
        }
    }

    /// A Prepare leaves a node over a link, at a time.
    fn send_leg(&mut self, from: NodeIndex, link: LinkIndex, origin: Origin, prepare: Prepare, at: Duration) {
        let expiry = since_start(prepare.expires_at);
        let give_up = match origin {
            Origin::Forwarded(_) => expiry.max(at),
            Origin::Host(_) => expiry.max(at).saturating_add(FORGOTTEN_AFTER),
        };
        let time_out = (give_up, self.number());
        let from_end = self.end_of(link, from);
        let arrivals = self.links[link].travel(Kind::Request, 1 - from_end, at, expiry);
        let copies = arrivals.iter().flatten().count();
        let leg = Leg {
            link,
            from,
            amount: prepare.amount,
            condition: prepare.condition,
            expires_at: prepare.expires_at,
            origin,
            open: true,
            unanswered: u8::try_from(copies).unwrap_or(0),
            arrived: false,
            counted: false,
            times_out: Some(time_out),
        };
        self.trace_prepare("sends", from, link, &prepare, copies);
        let Some(key) = self.legs.insert(leg) else { return };
        self.books.hold_outgoing(link, from_end, prepare.amount, true);
        self.time_outs.insert(time_out, key);
        let prepare = self.on_the_wire(prepare);
        match arrivals {
            [Some(first), Some(second)] => {
                self.schedule(first, Event::Arrive { leg: key, prepare: prepare.clone() });
                self.schedule(second, Event::Arrive { leg: key, prepare });
            }
            [Some(first), None] | [None, Some(first)] => {
                self.schedule(first, Event::Arrive { leg: key, prepare });
            }
            [None, None] => {}
        }
    }

    fn arrive(&mut self, key: LegKey, prepare: Prepare) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let (link, from, repeated) = (leg.link, leg.from, leg.arrived);
        leg.arrived = true;
        let node = self.topology.other_end(link, from);
        self.trace_prepare("gets", node, link, &prepare, 1);
        let end = self.end_of(link, node);
        self.books.hold_incoming(link, end, prepare.amount, true);
        let Some(place) = node.checked_sub(self.topology.hosts) else {
            let (host, request) = (HostId(node), RequestId(key));
            return self.outputs.push_back(Output::Request { host, request, prepare });
        };
        if repeated {
            // Connectors know the transfers that they have seen, and pay for none twice.
            return self.forget_copy(key);
        }
        let to = self.topology.host_of(&prepare.destination);
        let out = to.and_then(|host| self.topology.route(node, host));
        let assets = out.map(|out| (self.asset_of[link], self.asset_of[out]));
        let (now, time_of_day) = (self.now, wall(self.now));
        if !self.credit.allows(link, end, self.books.account(link, end), now) {
            let hop = &self.hops[place];
            let (reject, at) = (hop.reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY), now + hop.processing);
            return self.reply(key, reject.into(), at);
        }
        let hop = &mut self.hops[place];
        let passage = hop.pass(prepare, assets, now, time_of_day);
        let at = now.saturating_add(hop.processing);
        match (passage, out) {
            (Passage::Forward(prepare), Some(out)) => {
                self.send_leg(node, out, Origin::Forwarded(key), prepare, at);
            }
            (Passage::Forward(_), None) => {
                let reject = self.hops[place].reject(ErrorCode::F02_UNREACHABLE);
                self.reply(key, reject.into(), at);
            }
            (Passage::Reflect(prepare), _) => {
                self.send_leg(node, link, Origin::Forwarded(key), prepare, at);
            }
            (Passage::Reject(reject), _) => self.reply(key, reject.into(), at),
            (Passage::Swallow, _) => self.forget_copy(key),
        }
    }

    /// The node at the far end of a leg answers it, at a time.
    fn reply(&mut self, key: LegKey, reply: Reply, at: Duration) {
        let Some(leg) = self.legs.get_mut(key).filter(|leg| leg.unanswered > 0) else { return };
        leg.unanswered -= 1;
        let (link, from, amount, expires_at) = (leg.link, leg.from, leg.amount, leg.expires_at);
        let fulfilled = match &reply {
            Reply::Fulfill(fulfill) => {
                let hash: [u8; 32] = Sha256::digest(fulfill.fulfillment.octets()).into();
                hash == *leg.condition.octets()
            }
            Reply::Reject(_) => false,
        };
        let counts = fulfilled && !leg.counted;
        leg.counted |= fulfilled;
        let node = self.topology.other_end(link, from);
        let (end, from_end) = (self.end_of(link, node), self.end_of(link, from));
        self.books.hold_incoming(link, end, amount, false);
        if counts {
            self.credit.catch_up(link, end, self.books.account(link, end), self.now);
            self.books.settle(link, end, amount, amount, Figure::Received);
        }
        let expiry = since_start(expires_at);
        let arrivals = self.links[link].travel(Kind::Reply, from_end, at, expiry);
        self.trace_reply("answers", node, link, &reply, arrivals.iter().flatten().count());
        let reply = self.reply_on_the_wire(reply);
        let fulfilled = fulfilled.then_some(amount);
        for arrival in arrivals.into_iter().flatten() {
            self.schedule(arrival, Event::Answer { leg: key, reply: reply.clone(), fulfilled });
        }
        self.legs.release(key);
    }

    /// An answer is back where its leg began.
    fn answered(&mut self, key: LegKey, reply: Reply, fulfilled: Option<Amount>) {
        let Some(leg) = self.close(key) else {
            if self.trace.is_on() {
                self.trace.write(self.now, format_args!("an answer that nobody waits for"));
            }
            return;
        };
        let (from, link) = (leg.from, leg.link);
        self.trace_reply("is answered", from, link, &reply, 1);
        if let Some(on_wire) = fulfilled {
            let end = self.end_of(link, from);
            self.credit.catch_up(link, end, self.books.account(link, end), self.now);
            self.books.settle(link, end, leg.amount, on_wire, Figure::Sent);
        }
        match leg.origin {
            Origin::Host(tag) => self.outputs.push_back(Output::Reply { host: HostId(from), tag, reply }),
            Origin::Forwarded(incoming) => self.pass_back(from, incoming, reply, fulfilled.is_some()),
        }
    }

    /// A connector answers a leg with what it was answered itself.
    fn pass_back(&mut self, node: NodeIndex, incoming: LegKey, reply: Reply, valid: bool) {
        let Some(expires_at) = self.legs.get(incoming).map(|leg| leg.expires_at) else { return };
        let now = self.now;
        let Some(hop) = self.hop_mut(node) else { return };
        let at = now.saturating_add(hop.processing);
        let passed = hop.pass_back(incoming, reply, valid, since_start(expires_at), at);
        for Backward { to, reply, at } in passed.into_iter().flatten() {
            match at <= now {
                true => self.reply(to, reply, at),
                false => self.schedule(at, Event::PassBack { leg: to, reply }),
            }
        }
    }

    /// The leg that waits the shortest is given up: its connector says R00, its host is told nothing.
    fn give_up_next(&mut self) {
        let Some((_, &key)) = self.time_outs.first_key_value() else { return };
        let Some(leg) = self.close(key) else { return };
        if self.trace.is_on() {
            let name = &self.topology.names[leg.from];
            self.trace.write(self.now, format_args!("{name} gives up {:?}", leg.condition));
        }
        if let Origin::Forwarded(incoming) = leg.origin
            && let Some(hop) = self.hop_mut(leg.from)
        {
            let reject = hop.reject(ErrorCode::R00_TRANSFER_TIMED_OUT);
            self.reply(incoming, reject.into(), self.now);
        }
    }

    /// Its sender waits no more for the answer. `None` when it has not waited before.
    fn close(&mut self, key: LegKey) -> Option<Leg> {
        let leg = self.legs.get_mut(key).filter(|leg| leg.open)?;
        leg.open = false;
        if let Some(time_out) = leg.times_out.take() {
            self.time_outs.remove(&time_out);
        }
        let leg = leg.clone();
        let end = self.end_of(leg.link, leg.from);
        self.books.hold_outgoing(leg.link, end, leg.amount, false);
        self.legs.release(key);
        Some(leg)
    }

    /// A copy that is at the far end of its leg will not be answered.
    fn forget_copy(&mut self, key: LegKey) {
        if let Some(leg) = self.legs.get_mut(key) {
            leg.unanswered = leg.unanswered.saturating_sub(1);
            let (link, amount) = (leg.link, leg.amount);
            let node = self.topology.other_end(link, leg.from);
            let end = self.end_of(link, node);
            self.books.hold_incoming(link, end, amount, false);
        }
        self.legs.release(key);
    }

    fn hop_mut(&mut self, node: NodeIndex) -> Option<&mut Hop> {
        let place = node.checked_sub(self.topology.hosts)?;
        self.hops.get_mut(place)
    }

    fn end_of(&self, link: LinkIndex, node: NodeIndex) -> usize {
        usize::from(self.topology.ends[link][0] != node)
    }

    /// With [`World::with_encoding`], the packet that the octets of this one are read as.
    fn on_the_wire(&self, prepare: Prepare) -> Prepare {
        if !self.encodes {
            return prepare;
        }
        match prepare.encode().map(Packet::decode) {
            Ok(Ok(Packet::Prepare(read))) => read,
            _ => prepare,
        }
    }

    fn reply_on_the_wire(&self, reply: Reply) -> Reply {
        if !self.encodes {
            return reply;
        }
        match reply.encode().map(Reply::decode) {
            Ok(Ok(read)) => read,
            _ => reply,
        }
    }

    fn trace_prepare(
        &mut self,
        what: &str,
        node: NodeIndex,
        link: LinkIndex,
        prepare: &Prepare,
        copies: usize,
    ) {
        if !self.trace.is_on() {
            return;
        }
        let (name, peer) = (&self.topology.names[node], self.topology.other_end(link, node));
        let peer = &self.topology.names[peer];
        let Prepare { amount, expires_at, condition, destination, data } = prepare;
        let (expiry, length) = (since_start(*expires_at).as_millis(), data.len());
        self.trace.write(
            self.now,
            format_args!(
                "{name} {what} link {link} {peer} x{copies} {amount} until {expiry} {condition:?} \
                 for {destination} {length} octets"
            ),
        );
    }

    fn trace_reply(&mut self, what: &str, node: NodeIndex, link: LinkIndex, reply: &Reply, copies: usize) {
        if !self.trace.is_on() {
            return;
        }
        let name = &self.topology.names[node];
        match reply {
            Reply::Fulfill(fulfill) => self.trace.write(
                self.now,
                format_args!(
                    "{name} {what} link {link} x{copies} {:?} {} octets",
                    fulfill.fulfillment,
                    fulfill.data.len()
                ),
            ),
            Reply::Reject(reject) => self.trace.write(
                self.now,
                format_args!(
                    "{name} {what} link {link} x{copies} {} {} octets",
                    reject.code,
                    reject.data.len()
                ),
            ),
        }
    }
}
