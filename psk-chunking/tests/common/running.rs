//! A run in virtual time: what is on its way, and what becomes of it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use psk_chunking::Now;
use psk_chunking::receive::{
    ChunkArrival, Decision, ReceiveConfig, ReceiveEvent, ReceivePayments, answer_packet,
};
use psk_chunking::send::{Input, SendEvent, SendPayment, SendReport};
use psk_codec::psk::{ChunkKind, ChunkPacket, PskPacket, Sequence};
use psk_codec::{Amount, DestinationAmount, ErrorCode, Prepare, Reject, Reply, SourceAmount};
use psk_crypto::SeededRandom;
use psk_request::{Arrival, Receiver};

use super::{Answer, Hop, Passing, Run, World, at};

pub(super) enum Event {
    Arrive(Sequence, usize, Box<Prepare>),
    Reply(Sequence, u64, Reply),
    Link(Input),
    Command(fn() -> Input),
    Refunded(SourceAmount),
}

pub(super) struct Running {
    pub(super) sender: SendPayment,
    payments: ReceivePayments,
    pub(super) time: Duration,
    pub(super) queue: BinaryHeap<Reverse<(Duration, u64)>>,
    scheduled: HashMap<u64, Event>,
    pub(super) next_id: u64,
    pub(super) events: Vec<SendEvent>,
    receive_events: Vec<ReceiveEvent>,
    received: DestinationAmount,
    refunded: u64,
    sent_at: Vec<Duration>,
    arrived: u64,
    in_flight: u128,
    packets_in_flight: usize,
    max_in_flight: usize,
    rejects: HashMap<ErrorCode, u64>,
}

/// The path of a packet that has all hops behind it.
const PAST_HOPS: usize = usize::MAX;

impl Running {
    pub(super) fn new(sender: SendPayment, receive: ReceiveConfig) -> Self {
        Self {
            sender,
            payments: ReceivePayments::new(receive),
            time: Duration::ZERO,
            queue: BinaryHeap::new(),
            scheduled: HashMap::new(),
            next_id: 0,
            events: vec![],
            receive_events: vec![],
            received: DestinationAmount::ZERO,
            refunded: 0,
            sent_at: vec![],
            arrived: 0,
            in_flight: 0,
            packets_in_flight: 0,
            max_in_flight: 0,
            rejects: HashMap::new(),
        }
    }

    pub(super) fn now(&self) -> Now {
        at(self.time)
    }

    pub(super) fn schedule(&mut self, at: Duration, event: Event) {
        self.queue.push(Reverse((at, self.next_id)));
        self.scheduled.insert(self.next_id, event);
        self.next_id += 1;
    }

    pub(super) fn send_packet(&mut self, packet: Sequence, path: usize, prepare: Prepare, one_way: Duration) {
        self.sent_at.push(self.time);
        assert!(self.sent_at.len() < 1_000_000, "this does not end");
        self.packets_in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.packets_in_flight);
        self.schedule(self.time + one_way, Event::Arrive(packet, path, Box::new(prepare)));
    }

    /// Goes on to the next event, at most to `until`.
    pub(super) fn advance(
        &mut self,
        until: Duration,
        world: &mut World,
        receiver: &Receiver,
        random: &mut SeededRandom,
    ) {
        let Some(&Reverse((due, id))) = self.queue.peek() else {
            self.time = until;
            return;
        };
        if due > until {
            self.time = until;
            return;
        }
        self.queue.pop();
        self.time = due;
        match self.scheduled.remove(&id).unwrap() {
            Event::Arrive(packet, path, prepare) => {
                let amount = prepare.amount.units();
                let reply = self.traverse(path, &prepare, world, receiver, random);
                match reply {
                    Way::Back(reply, late) => {
                        self.in_flight += u128::from(amount);
                        match (world.reply)(&prepare, reply) {
                            Some(reply) => {
                                let at = due + late + world.one_way;
                                self.schedule(at, Event::Reply(packet, amount, reply));
                            }
                            None => self.packets_in_flight -= 1,
                        }
                    }
                    Way::Slow(by, prepare) => {
                        self.schedule(due + by, Event::Arrive(packet, PAST_HOPS, prepare))
                    }
                    Way::Lost => {
                        self.in_flight += u128::from(amount);
                        self.packets_in_flight -= 1;
                    }
                    Way::Link(input) => {
                        self.packets_in_flight -= 1;
                        let input = input(packet);
                        self.schedule(due, Event::Link(input));
                    }
                }
            }
            Event::Link(input) => self.sender.handle(input, at(due), random),
            Event::Reply(packet, amount, reply) => {
                self.in_flight -= u128::from(amount);
                self.packets_in_flight -= 1;
                if let Reply::Reject(reject) = &reply {
                    *self.rejects.entry(reject.code).or_default() += 1;
                }
                self.sender.handle(Input::Reply { packet, reply }, at(due), random);
            }
            Event::Refunded(total) => self.sender.handle(Input::Refunded(total), at(due), random),
            Event::Command(command) => self.sender.handle(command(), at(due), random),
        }
    }

    /// Through the hops to the receiver.
    fn traverse(
        &mut self,
        path: usize,
        prepare: &Prepare,
        world: &mut World,
        receiver: &Receiver,
        random: &mut SeededRandom,
    ) -> Way {
        let mut prepare = prepare.clone();
        let mut late = Duration::ZERO;
        self.arrived += 1;
        let opened = receiver.open(&prepare, at(self.time).wall).unwrap();
        let hops = match path {
            0 => &mut world.hops,
            PAST_HOPS => &mut Vec::new(),
            other => &mut world.others[other - 1],
        };
        for hop in hops {
            let passing = Passing {
                prepare: &prepare,
                is_probe: !opened.fulfillable,
                count: self.arrived,
                now: self.time,
                in_flight: self.in_flight,
            };
            match hop(&passing) {
                Hop::Forward(amount) => prepare.amount = amount,
                Hop::Reject(reject) => return Way::Back(reject.into(), late),
                Hop::Swallow => return Way::Lost,
                Hop::Late(by) => late += by,
                Hop::Slow(by) => return Way::Slow(by, Box::new(prepare)),
                Hop::NotSent => {
                    return Way::Link(|packet| Input::NotSent { packet, reason: "no link".into() });
                }
                Hop::LinkLost { arrives } => {
                    if arrives {
                        self.receive(&prepare, world, receiver, random);
                    }
                    return Way::Link(|packet| Input::Unanswered { packet });
                }
            }
        }
        Way::Back(self.receive(&prepare, world, receiver, random), late)
    }

    fn receive(
        &mut self,
        prepare: &Prepare,
        world: &mut World,
        receiver: &Receiver,
        random: &mut SeededRandom,
    ) -> Reply {
        // What was due before: payments that fell silent, and those that are forgotten.
        let mut due = Duration::ZERO;
        while let Some(next) = self.payments.handle_time(due).filter(|next| *next <= self.time) {
            due = next;
        }
        let arrival = receiver.open(prepare, at(self.time).wall).unwrap();
        assert!(matches!(arrival.packet, PskPacket::Chunk(_)));
        let chunk = ChunkArrival::of(&arrival, at(self.time).wall).unwrap();
        let mut decision = self.payments.handle_chunk(&chunk, self.time);
        if let Decision::Review(offer) = &decision {
            self.payments.handle_verdict(&offer.payment, offer.sequence, world.verdict, self.time);
            decision = self.payments.handle_chunk(&chunk, self.time);
            if !world.says.is_empty() && matches!(decision, Decision::Fulfill { .. }) {
                self.payments.write(&chunk.payment, std::mem::take(&mut world.says)).unwrap();
                self.payments.finish_data(&chunk.payment).unwrap();
            }
        }
        if let (Some(lie), Decision::Fulfill { frames, .. } | Decision::Refuse { frames, .. }) =
            (&mut world.lie, &mut decision)
        {
            *frames = lie(std::mem::take(frames));
        }
        let honest = answer_packet(&arrival, &decision, random).unwrap();
        while let Some(event) = self.payments.poll_event() {
            if let ReceiveEvent::RefundDue(order) = &event {
                let spent = u128::from(order.amount.units()) * u128::from(world.refunds) / 1_000;
                let spent = DestinationAmount::new(spent as u64);
                self.payments.refund_progress(&order.payment, spent);
                self.payments.refund_ended(&order.payment, spent, self.time);
                self.refunded += spent.units();
                self.schedule(self.time + world.one_way, Event::Refunded(SourceAmount::new(self.refunded)));
            }
            self.receive_events.push(event);
        }
        let fulfills = matches!(decision, Decision::Fulfill { .. });
        if fulfills {
            assert!(chunk.amount >= chunk.minimum && chunk.fulfillable && !chunk.expired);
        }
        let Some(peer) = &mut world.peer else {
            self.received = self
                .received
                .checked_add(if fulfills { chunk.amount } else { DestinationAmount::ZERO })
                .unwrap();
            return honest;
        };
        let total = match decision {
            Decision::Fulfill { total, .. } | Decision::Refuse { total, .. } => total.units(),
            _ => 0,
        };
        let code = match &honest {
            Reply::Reject(reject) => reject.code,
            Reply::Fulfill(_) => ErrorCode::F99_APPLICATION_ERROR,
        };
        let claimed = chunk.amount.units();
        let answer = peer(&chunk, Answer { fulfills, code, claimed, total, has_body: true });
        if answer.fulfills {
            self.received = self.received.checked_add(chunk.amount).unwrap();
        }
        seal_answer(&arrival, &chunk, answer, random)
    }

    /// ENGINE.md section 2.
    pub(super) fn check(&self, budget: SourceAmount, honest: bool) {
        let account = self.sender.account();
        assert!(account.committed().unwrap() <= budget, "{account:?}");
        assert!(!honest || account.delivered <= self.received, "{account:?} {:?}", self.received);
    }

    pub(super) fn finish(mut self, report: SendReport) -> Run {
        assert!(report.account.in_flight.is_zero(), "{report:?}");
        self.payments.stop(self.time);
        while let Some(event) = self.payments.poll_event() {
            self.receive_events.push(event);
        }
        Run {
            report,
            received: self.received,
            refunded: self.refunded,
            events: self.events,
            receive_events: self.receive_events,
            took: self.time,
            packets: self.sent_at.len() as u64,
            sent_at: self.sent_at,
            rejects: self.rejects,
            max_in_flight: self.max_in_flight,
        }
    }
}

/// What comes of a packet on its way.
enum Way {
    Back(Reply, Duration),
    Slow(Duration, Box<Prepare>),
    Lost,
    Link(fn(Sequence) -> Input),
}

fn seal_answer(arrival: &Arrival, chunk: &ChunkArrival, answer: Answer, random: &mut SeededRandom) -> Reply {
    let kind = if answer.fulfills { ChunkKind::Fulfillment } else { ChunkKind::Reject };
    let body = PskPacket::Chunk(ChunkPacket {
        kind,
        payment_id: chunk.payment.payment_id,
        sequence: chunk.sequence,
        payment_amount: Amount::new(answer.total),
        chunk_amount: Amount::new(answer.claimed),
        application_data: Bytes::new(),
    });
    let data = match answer.has_body {
        true => arrival.seal(&body, random).unwrap(),
        false => Bytes::new(),
    };
    match answer.fulfills {
        true => arrival.fulfill(data).into(),
        false => Reject::new(answer.code, arrival.receiver.clone()).with_data(data).into(),
    }
}
