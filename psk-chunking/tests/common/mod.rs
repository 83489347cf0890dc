//! A path in virtual time, with a real receiver at its end: what the machines are judged by until the simulator is
//! there. No I/O, no clock; the same seed gives the same run.
#![allow(unreachable_pub, reason = "shared by the scenarios")]
#![allow(dead_code, reason = "each scenario uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

pub mod fate;
mod running;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use psk_chunking::Now;
use psk_chunking::receive::{ChunkArrival, ReceiveConfig, ReceiveEvent, Verdict};
use psk_chunking::send::{Input, Output, SendConfig, SendEvent, SendPayment, SendReport, Target};
use psk_codec::psk::PaymentId;
use psk_codec::{
    Address, Amount, AmountTooLarge, DestinationAmount, ErrorCode, Prepare, Reject, Reply, SourceAmount,
    Timestamp,
};
use psk_crypto::{ReceiverSecret, SeededRandom};
use psk_request::{Receiver, ReceiverOptions};
use running::{Event, Running};

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

const START: i64 = 1_700_000_000_000;

pub fn at(time: Duration) -> Now {
    let start = Timestamp::from_unix_millis(START).unwrap();
    Now { monotonic: time, wall: start.saturating_add(time) }
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
