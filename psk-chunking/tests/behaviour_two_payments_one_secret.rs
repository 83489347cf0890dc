//! Two payments at once on one shared secret, with the same sequence numbers, do not disturb each other.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use common::{at, destination, source};
use psk_chunking::receive::{
    ChunkArrival, Decision, ReceiveConfig, ReceiveEvent, ReceivePayments, Verdict, answer_packet,
};
use psk_chunking::send::{Input, Output, SendConfig, SendError, SendPayment, SendReport, Target};
use psk_codec::psk::{PaymentId, Sequence};
use psk_codec::{Amount, AmountTooLarge, DestinationAmount, ErrorCode, Prepare, Reject, Reply};
use psk_crypto::{Keys, ReceiverSecret, SeededRandom};
use psk_request::{Receiver, ReceiverOptions};

const HALF_A_ROUND_TRIP: Duration = Duration::from_millis(50);

/// What is on its way: whose it is, and what.
enum Event {
    Arrives(usize, Sequence, Box<Prepare>),
    Answered(usize, Sequence, Reply),
}

/// A receiver behind a hop that takes packets of up to 1,000 units and loses some answers.
struct Bob {
    receiver: Receiver,
    payments: ReceivePayments,
    received: HashMap<PaymentId, DestinationAmount>,
    answers: u64,
}

impl Bob {
    fn answer(&mut self, prepare: &Prepare, now: Duration, random: &mut SeededRandom) -> Option<Reply> {
        if prepare.amount > Amount::new(1_000) {
            let details = AmountTooLarge { received: prepare.amount, maximum: Amount::new(1_000) };
            let reject = Reject::new(ErrorCode::F08_AMOUNT_TOO_LARGE, common::hop_address());
            return Some(reject.with_data(details.encode()).into());
        }
        let arrival = self.receiver.open(prepare, at(now).wall).unwrap();
        let chunk = ChunkArrival::of(&arrival, at(now).wall).unwrap();
        let mut decision = self.payments.handle_chunk(&chunk, now);
        if let Decision::Review(offer) = &decision {
            self.payments.handle_verdict(&offer.payment, offer.sequence, Verdict::Accept, now);
            decision = self.payments.handle_chunk(&chunk, now);
        }
        if matches!(decision, Decision::Fulfill { .. }) {
            let received = self.received.entry(chunk.payment.payment_id).or_default();
            *received = received.checked_add(chunk.amount).unwrap();
        }
        self.answers += 1;
        (!self.answers.is_multiple_of(23)).then(|| answer_packet(&arrival, &decision, random).unwrap())
    }
}

/// All payments to their ends, over one link, and what the receiver has of each.
fn pay(configs: Vec<SendConfig>, cancels: Option<(usize, Duration)>) -> (Vec<SendReport>, Bob) {
    let mut random = SeededRandom::new(3);
    let secret = ReceiverSecret::generate(&mut random);
    let credentials = secret.credentials(&"test.receiver".parse().unwrap(), b"", &mut random).unwrap();
    let receiver = Receiver::new("test.receiver".parse().unwrap(), secret, ReceiverOptions::default());
    let payments = ReceivePayments::new(ReceiveConfig::default());
    let mut bob = Bob { receiver, payments, received: HashMap::new(), answers: 0 };
    let keys = Arc::new(Keys::derive(&credentials.shared_secret));
    let start = |config| {
        let address = credentials.destination_account.clone();
        SendPayment::with_keys(config, keys.clone(), address, at(Duration::ZERO))
    };
    let mut senders: Vec<SendPayment> = configs.into_iter().map(start).collect();
    let mut reports: Vec<Option<SendReport>> = senders.iter().map(|_| None).collect();
    let mut queue: BinaryHeap<Reverse<(Duration, usize)>> = BinaryHeap::new();
    let mut events: Vec<Option<Event>> = vec![];
    let (mut now, mut cancels) = (Duration::ZERO, cancels);
    loop {
        let mut next = Duration::MAX;
        for (place, sender) in senders.iter_mut().enumerate() {
            if let Some((_, time)) = cancels.filter(|(which, time)| *which == place && *time <= now) {
                assert!(time <= now);
                sender.handle(Input::Cancel, at(now), &mut random);
                cancels = None;
            }
            loop {
                match sender.poll(at(now), &mut random) {
                    Output::Send { packet, prepare, .. } => {
                        queue.push(Reverse((now + HALF_A_ROUND_TRIP, events.len())));
                        events.push(Some(Event::Arrives(place, packet, Box::new(prepare))));
                    }
                    Output::Event(_) => {}
                    Output::Wait(until) => {
                        next = next.min(until);
                        break;
                    }
                    Output::Ended(report) => {
                        reports[place] = Some(report);
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        if reports.iter().all(Option::is_some) {
            return (reports.into_iter().flatten().collect(), bob);
        }
        next = cancels.map_or(next, |(_, time)| next.min(time));
        match queue.peek() {
            Some(&Reverse((due, place))) if due <= next => {
                queue.pop();
                now = due;
                match events[place].take().unwrap() {
                    Event::Arrives(whose, packet, prepare) => {
                        if let Some(reply) = bob.answer(&prepare, now, &mut random) {
                            queue.push(Reverse((now + HALF_A_ROUND_TRIP, events.len())));
                            events.push(Some(Event::Answered(whose, packet, reply)));
                        }
                    }
                    Event::Answered(whose, packet, reply) => {
                        senders[whose].handle(Input::Reply { packet, reply }, at(now), &mut random);
                    }
                }
            }
            _ => now = next,
        }
        assert!(now < Duration::from_secs(1_000), "this does not end");
    }
}

fn id(place: u8) -> PaymentId {
    PaymentId::new([place; 16])
}

fn config(place: u8, target: Target) -> SendConfig {
    SendConfig { max_packets_in_flight: 20, ..SendConfig::new(target, id(place)) }
}

#[test]
fn each_gets_its_own() {
    let targets = [
        Target::Source(source(60_000)),
        Target::Destination(destination(45_678)),
        Target::Source(source(1_234)),
    ];
    let configs = (1..).zip(targets).map(|(place, target)| config(place, target)).collect();
    let (reports, mut bob) = pay(configs, None);
    for (place, (report, amount)) in (1..).zip(reports.iter().zip([60_000, 45_678, 1_234])) {
        assert!(report.is_completed(), "{place}: {report:?}");
        assert_eq!(report.account.source_sent, source(amount));
        assert_eq!(
            (report.account.delivered, bob.received[&id(place)]),
            (destination(amount), destination(amount))
        );
    }
    bob.payments.stop(Duration::from_secs(1_000));
    let ended = std::iter::from_fn(|| bob.payments.poll_event()).filter_map(|event| match event {
        ReceiveEvent::Finished { payment, received, .. } => Some((payment.payment_id, received)),
        _ => None,
    });
    let ended: HashMap<_, _> = ended.collect();
    assert_eq!(ended, bob.received);
}

#[test]
fn one_that_is_cancelled_leaves_the_other_alone() {
    let configs = vec![
        config(1, Target::Source(source(60_000))),
        config(2, Target::Source(source(50_000_000))),
        config(3, Target::Destination(destination(60_000))),
    ];
    let (reports, bob) = pay(configs, Some((1, Duration::from_millis(500))));
    for (place, amount) in [(0, 60_000), (2, 60_000)] {
        assert!(reports[place].is_completed(), "{:?}", reports[place]);
        assert_eq!(reports[place].account.delivered, destination(amount));
    }
    assert_eq!(reports[1].error, Some(SendError::Cancelled));
    assert!(reports[1].account.delivered.units() > 0);
    for (place, report) in (1..).zip(&reports) {
        assert_eq!(report.account.delivered, bob.received[&id(place)], "{report:?}");
    }
}
