//! A path in virtual time, with a real receiver at its end: what the machines are judged by until the simulator is
//! there. No I/O, no clock; the same seed gives the same run.
#![allow(unreachable_pub, reason = "shared by the scenarios")]
#![allow(dead_code, reason = "each scenario uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

pub mod fate;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use psk_chunking::Now;
use psk_chunking::receive::{
    ChunkArrival, Decision, ReceiveConfig, ReceiveEvent, ReceivePayments, Verdict, answer_packet,
};
use psk_chunking::send::{Input, Output, SendConfig, SendEvent, SendPayment, SendReport, Target};
use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket, Sequence};
use psk_codec::{
    Address, Amount, AmountTooLarge, DestinationAmount, ErrorCode, Prepare, Reject, Reply, SourceAmount,
    Timestamp,
};
use psk_crypto::{ReceiverSecret, SeededRandom};
use psk_request::{Arrival, Receiver, ReceiverOptions};

/// What a hop does with a packet on its way to the receiver.
pub enum Hop {
    /// Passes it on with this amount.
    Forward(Amount),
    /// Answers it.
    Reject(Reject),
    /// Swallows it: no answer ever comes.
    Swallow,
    /// Hands it to the receiver as it is, and keeps the answer for so long.
    Late(Duration),
    /// Keeps it for so long and hands it on to the receiver then, past all hops that follow: others overtake it.
    Slow(Duration),
    /// The link says that it could not send it.
    NotSent,
    /// The link was lost after the write; the receiver does or does not get it.
    LinkLost { arrives: bool },
}

/// What a receiver says, and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub fulfills: bool,
    /// The code when it does not.
    pub code: ErrorCode,
    /// What it says that arrived with this chunk.
    pub claimed: u64,
    /// What it says that arrived in all.
    pub total: u64,
    /// Whether there is a body at all.
    pub has_body: bool,
}

/// A receiver of its own mind: from a chunk and what an honest receiver would answer.
pub type PeerFn = Box<dyn FnMut(&ChunkArrival, Answer) -> Answer>;

/// What a hop may look at.
pub struct Passing<'a> {
    pub prepare: &'a Prepare,
    /// Whether it is a chunk, or only asks.
    pub is_probe: bool,
    /// Counts packets from 1.
    pub count: u64,
    pub now: Duration,
    /// What is on its way, without this one, in source units.
    pub in_flight: u128,
}

pub type HopFn = Box<dyn FnMut(&Passing<'_>) -> Hop>;
/// What a receiver says in its frames, from what is true.
pub type LieFn = Box<dyn FnMut(Bytes) -> Bytes>;
pub type ReplyFn = Box<dyn FnMut(&Prepare, Reply) -> Option<Reply>>;

pub struct World {
    pub one_way: Duration,
    pub hops: Vec<HopFn>,
    /// Other paths to the same receiver.
    pub others: Vec<Vec<HopFn>>,
    /// Changes replies on their way back; `None` loses them.
    pub reply: ReplyFn,
    pub receive: ReceiveConfig,
    pub verdict: Verdict,
    /// Makes the receiver dishonest. Then what it says is not checked against what it has.
    pub peer: Option<PeerFn>,
    /// Changes the frames of the receiver's answers. What it says is not checked then either.
    pub lie: Option<LieFn>,
    /// What the receiver's application says as soon as the payment has begun.
    pub says: Bytes,
    /// How much of what has to be refunded goes back, in thousandths; the rest is given up.
    pub refunds: u64,
    /// Commands for the sender, by time.
    pub commands: Vec<(Duration, fn() -> Input)>,
}

/// What came of a run.
pub struct Run {
    pub report: SendReport,
    /// What the receiver has, by its own account.
    pub received: DestinationAmount,
    /// What the receiver has sent back, at a rate of one.
    pub refunded: u64,
    pub events: Vec<SendEvent>,
    pub receive_events: Vec<ReceiveEvent>,
    pub took: Duration,
    pub packets: u64,
    /// When each of them left.
    pub sent_at: Vec<Duration>,
    pub rejects: HashMap<ErrorCode, u64>,
    pub max_in_flight: usize,
}

impl Run {
    /// What the receiver was told beside the money, and whether that was all.
    pub fn data_received(&self) -> (Vec<u8>, bool) {
        let mut octets = Vec::new();
        let mut complete = false;
        for event in &self.receive_events {
            match event {
                ReceiveEvent::Data { offset, data, .. } => {
                    assert_eq!(*offset, octets.len() as u64, "in order, without gaps");
                    octets.extend_from_slice(data);
                }
                ReceiveEvent::DataComplete { .. } => complete = true,
                _ => {}
            }
        }
        (octets, complete)
    }

    /// What the sender was told, and whether that was all.
    pub fn data_returned(&self) -> (Vec<u8>, bool) {
        let data = self.events.iter().filter_map(|event| match event {
            SendEvent::Data(data) => Some(&data[..]),
            _ => None,
        });
        (data.collect::<Vec<_>>().concat(), self.events.contains(&SendEvent::DataComplete))
    }
}

pub fn hop_address() -> Address {
    "test.hop".parse().unwrap()
}

pub fn reject(code: ErrorCode) -> Hop {
    Hop::Reject(Reject::new(code, hop_address()))
}

/// Converts at a rate, rounding down.
pub fn rate(numerator: u64, denominator: u64) -> HopFn {
    Box::new(move |packet| {
        let product = u128::from(packet.prepare.amount.units()) * u128::from(numerator);
        Hop::Forward(Amount::new((product / u128::from(denominator)) as u64))
    })
}

/// F08 above a maximum, with details.
pub fn maximum(maximum: u64) -> HopFn {
    Box::new(move |packet| match packet.prepare.amount.units() {
        amount if amount > maximum => {
            let details = AmountTooLarge { received: Amount::new(amount), maximum: Amount::new(maximum) };
            let reject = Reject::new(ErrorCode::F08_AMOUNT_TOO_LARGE, hop_address());
            Hop::Reject(reject.with_data(details.encode()))
        }
        amount => Hop::Forward(Amount::new(amount)),
    })
}

/// Answers packets above a maximum with a code and no details.
pub fn maximum_with(code: ErrorCode, maximum: u64) -> HopFn {
    Box::new(move |packet| match packet.prepare.amount.units() {
        amount if amount > maximum => reject(code),
        amount => Hop::Forward(Amount::new(amount)),
    })
}

/// Answers every `n`th packet with a code.
pub fn every(n: u64, code: ErrorCode) -> HopFn {
    Box::new(move |packet| match packet.count.is_multiple_of(n) {
        true => reject(code),
        false => Hop::Forward(packet.prepare.amount),
    })
}

impl Default for World {
    fn default() -> Self {
        Self {
            one_way: Duration::from_millis(50),
            hops: vec![],
            others: vec![],
            reply: Box::new(|_, reply| Some(reply)),
            receive: ReceiveConfig::default(),
            verdict: Verdict::Accept,
            peer: None,
            lie: None,
            says: Bytes::new(),
            refunds: 1_000,
            commands: vec![],
        }
    }
}

impl World {
    pub fn with(hops: Vec<HopFn>) -> Self {
        Self { hops, ..Self::default() }
    }

    pub fn send_source(self, amount: u64) -> Run {
        self.send(config(Target::Source(SourceAmount::new(amount))))
    }

    pub fn send_destination(self, amount: u64) -> Run {
        self.send(config(Target::Destination(DestinationAmount::new(amount))))
    }

    /// Runs a payment to its end, checking the money invariants after every step.
    pub fn send(self, config: SendConfig) -> Run {
        let mut random = SeededRandom::new(7);
        let secret = ReceiverSecret::generate(&mut random);
        let address: Address = "test.receiver".parse().unwrap();
        let credentials = secret.credentials(&address, b"", &mut random).unwrap();
        let receiver = Receiver::new(address, secret, ReceiverOptions::default());
        let budget = match config.target {
            Target::Source(amount) => amount,
            Target::Destination(_) => config.max_source_amount,
        };
        let sender = SendPayment::new(config, &credentials, at(Duration::ZERO));
        let sender = sender.with_paths(1 + self.others.len());
        self.run(sender, &receiver, budget, &mut random)
    }

    /// Runs a payment to the end that is set up otherwise.
    pub fn run(
        mut self,
        sender: SendPayment,
        receiver: &Receiver,
        budget: SourceAmount,
        random: &mut SeededRandom,
    ) -> Run {
        let mut run = Running::new(sender, std::mem::take(&mut self.receive));
        let honest = self.peer.is_none() && self.lie.is_none();
        // Waiting for a moment that has come, while nothing comes with it: a driver would go round and round.
        let mut idle = 0;
        for (at, command) in std::mem::take(&mut self.commands) {
            run.schedule(at, Event::Command(command));
        }
        loop {
            match run.sender.poll(run.now(), random) {
                Output::Send { packet, path, prepare } => {
                    run.send_packet(packet, path.0, prepare, self.one_way);
                }
                Output::Event(event) => run.events.push(event),
                Output::Wait(until) => {
                    assert!(until >= run.time, "waits for the past");
                    let before = (run.time, run.next_id, run.queue.len());
                    run.advance(until, &mut self, receiver, random);
                    idle = if before == (run.time, run.next_id, run.queue.len()) { idle + 1 } else { 0 };
                    assert!(idle < 10, "waits for what does not come: {:?}", run.sender);
                }
                Output::Ended(report) => return run.finish(report),
                other => panic!("{other:?}"),
            }
            run.check(budget, honest);
        }
    }
}

enum Event {
    Arrive(Sequence, usize, Box<Prepare>),
    Reply(Sequence, u64, Reply),
    Link(Input),
    Command(fn() -> Input),
    Refunded(SourceAmount),
}

struct Running {
    sender: SendPayment,
    payments: ReceivePayments,
    time: Duration,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    scheduled: HashMap<u64, Event>,
    next_id: u64,
    events: Vec<SendEvent>,
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

const START: i64 = 1_700_000_000_000;

pub fn at(time: Duration) -> Now {
    let start = Timestamp::from_unix_millis(START).unwrap();
    Now { monotonic: time, wall: start.saturating_add(time) }
}

impl Running {
    fn new(sender: SendPayment, receive: ReceiveConfig) -> Self {
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

    fn now(&self) -> Now {
        at(self.time)
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.queue.push(Reverse((at, self.next_id)));
        self.scheduled.insert(self.next_id, event);
        self.next_id += 1;
    }

    fn send_packet(&mut self, packet: Sequence, path: usize, prepare: Prepare, one_way: Duration) {
        self.sent_at.push(self.time);
        assert!(self.sent_at.len() < 1_000_000, "this does not end");
        self.packets_in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.packets_in_flight);
        self.schedule(self.time + one_way, Event::Arrive(packet, path, Box::new(prepare)));
    }

    /// Goes on to the next event, at most to `until`.
    fn advance(
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
    fn check(&self, budget: SourceAmount, honest: bool) {
        let account = self.sender.account();
        assert!(account.committed().unwrap() <= budget, "{account:?}");
        assert!(!honest || account.delivered <= self.received, "{account:?} {:?}", self.received);
    }

    fn finish(mut self, report: SendReport) -> Run {
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

/// Leaves probes alone and decides about chunks, counted from 1; `None` passes one on.
pub fn chunks_only(mut hop: impl FnMut(u64, &Passing<'_>) -> Option<Hop> + 'static) -> HopFn {
    let mut chunks = 0;
    Box::new(move |packet| {
        let forward = Hop::Forward(packet.prepare.amount);
        if packet.is_probe {
            return forward;
        }
        chunks += 1;
        hop(chunks, packet).unwrap_or(forward)
    })
}

pub fn config(target: Target) -> SendConfig {
    SendConfig::new(target, PaymentId::new([9; 16]))
}

pub fn source(units: u64) -> SourceAmount {
    SourceAmount::new(units)
}

pub fn destination(units: u64) -> DestinationAmount {
    DestinationAmount::new(units)
}
