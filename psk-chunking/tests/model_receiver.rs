//! Random chunks of a few payments, with frames and without, and commands, against a ledger that knows the rules and
//! nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use psk_chunking::receive::{
    ChunkArrival, ChunkFrames, Decision, OnIncomplete, Overshoot, PaymentKey, ReceiveConfig, ReceiveEvent,
    ReceivePayments, RequestFrames, Verdict,
};
use psk_codec::DestinationAmount;
use psk_codec::psk::frame::{Frame, Frames, PaymentState, SequenceRange, SequenceRanges, StreamData};
use psk_codec::psk::{PaymentId, Sequence};
use psk_crypto::{Credentials, SharedSecret};

#[derive(Clone, Debug)]
enum Operation {
    /// A chunk, and what the application says if it is asked, at once or not.
    Chunk(ChunkArrival, Option<Verdict>),
    Verdict(PaymentKey, Sequence, Verdict),
    Time(u64),
    Stop,
    /// The application orders a refund.
    Refund(PaymentKey, DestinationAmount),
    /// A refund that is under way has spent so much, and has ended or not.
    RefundReport(PaymentKey, DestinationAmount, bool),
}

fn key() -> impl Strategy<Value = PaymentKey> {
    ("[ab]", 0..3_u8).prop_map(|(account, id)| PaymentKey {
        account: account.parse().unwrap(),
        payment_id: PaymentId::new([id; 16]),
    })
}

fn units(range: std::ops::Range<u64>) -> impl Strategy<Value = DestinationAmount> {
    range.prop_map(DestinationAmount::new)
}

/// What is at this offset of every sender's data.
fn octets(range: std::ops::Range<u64>) -> Bytes {
    range.map(|offset| (offset % 251) as u8).collect::<Vec<_>>().into()
}

fn frames() -> impl Strategy<Value = ChunkFrames> {
    let rarely = || proptest::bool::weighted(0.01);
    let data = proptest::collection::vec((0..40_u64, 0..20_u64), 0..3);
    let numbers = proptest::option::weighted(0.7, (0..12_u32, 0..4_u32, 0..15_u32));
    let frames = (any::<bool>(), data, rarely(), any::<bool>(), rarely(), numbers);
    let frames = frames.prop_map(|(refund, data, end, status_request, abort, outstanding)| {
        let data = data
            .into_iter()
            .map(|(start, length)| StreamData::new(start, octets(start..start + length)).unwrap());
        ChunkFrames::Read(Box::new(RequestFrames {
            refund: refund.then(|| Credentials {
                destination_account: "test.refund".parse().unwrap(),
                shared_secret: SharedSecret::from_octets(&[1; 32]).unwrap(),
            }),
            data: data.collect(),
            data_end: end.then_some(60),
            data_ack: None,
            status_request,
            abort,
            outstanding: outstanding
                .map(|(first, length, other)| ranges(&(first..first + length).chain([other]).collect())),
        }))
    });
    prop_oneof![2 => Just(ChunkFrames::Plain), 1 => Just(ChunkFrames::Malformed), 17 => frames]
}

fn ranges(numbers: &BTreeSet<u32>) -> SequenceRanges {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let range = |(first, last)| SequenceRange::new(Sequence::new(first), Sequence::new(last)).unwrap();
    SequenceRanges::from_ranges(ranges.into_iter().map(range)).unwrap()
}

fn chunk() -> impl Strategy<Value = ChunkArrival> {
    let amounts = (units(0..100), units(0..300), proptest::option::weighted(0.2, units(1..1_500)));
    let flags =
        (proptest::bool::weighted(0.2), proptest::bool::weighted(0.9), proptest::bool::weighted(0.05));
    (key(), 0..15_u32, amounts, flags, frames()).prop_map(|(payment, sequence, amounts, flags, frames)| {
        ChunkArrival {
            payment,
            key_id: Bytes::new(),
            sequence: Sequence::new(sequence),
            minimum: amounts.0,
            amount: amounts.1,
            expected: amounts.2,
            last: flags.0,
            fulfillable: flags.1,
            expired: flags.2,
            expires_in: Duration::ZERO,
            frames,
            answer_room: 30_000,
        }
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let verdict = || {
        prop_oneof![
            8 => Just(Verdict::Accept),
            2 => Just(Verdict::AcceptChunk),
            1 => Just(Verdict::RefuseChunk),
            1 => Just(Verdict::Refuse),
            1 => units(0..1_000).prop_map(Verdict::AcceptUpTo),
        ]
    };
    prop_oneof![
        60 => (chunk(), proptest::option::weighted(0.8, verdict()))
            .prop_map(|(chunk, verdict)| Operation::Chunk(chunk, verdict)),
        20 => (key(), 0..15_u32, verdict())
            .prop_map(|(key, number, verdict)| Operation::Verdict(key, Sequence::new(number), verdict)),
        4 => (0..100_u64).prop_map(Operation::Time),
        // Nothing begins after it.
        1 => Just(Operation::Stop),
        6 => (key(), units(0..500)).prop_map(|(key, amount)| Operation::Refund(key, amount)),
        12 => (key(), units(0..500), any::<bool>())
            .prop_map(|(key, spent, ended)| Operation::RefundReport(key, spent, ended)),
    ]
}

/// What a payment may and may not.
#[derive(Default)]
struct Ledger {
    received: u64,
    expected: Option<u64>,
    at_most: Option<u64>,
    used: HashSet<Sequence>,
    /// What the latest last chunk named.
    named: Option<BTreeSet<Sequence>>,
    /// The newest last chunk.
    last: Option<Sequence>,
    reviewed: bool,
    /// About which chunk the application is asked, and until when it may answer.
    asked: Option<(Sequence, Duration)>,
    ended: bool,
    /// What was told of the sender's data.
    told: u64,
    /// What went out for ended refunds, and what the one under way was ordered to spend.
    spent: u64,
    ordered: Option<u64>,
    /// The most that the one under way was said to have spent.
    reported: u64,
}

impl Ledger {
    fn fulfill(&mut self, chunk: &ChunkArrival, overshoot: Option<u64>) -> Result<(), TestCaseError> {
        prop_assert!(chunk.amount >= chunk.minimum && chunk.fulfillable && !chunk.expired);
        prop_assert!(chunk.frames != ChunkFrames::Malformed);
        prop_assert!(self.reviewed && !self.ended);
        prop_assert!(self.used.insert(chunk.sequence), "{:?} twice", chunk.sequence);
        if let Some(expected) = self.expected {
            prop_assert!(self.received < expected);
            let over = (self.received + chunk.amount.units()).saturating_sub(expected);
            prop_assert!(overshoot.is_none_or(|overshoot| over <= overshoot));
        }
        self.received += chunk.amount.units();
        prop_assert!(self.at_most.is_none_or(|most| self.received <= most));
        // The newest last chunk counts, in whatever order they come.
        if chunk.last && self.last.is_none_or(|last| last < chunk.sequence) {
            self.last = Some(chunk.sequence);
            let named = match &chunk.frames {
                ChunkFrames::Read(frames) => frames.outstanding.clone(),
                _ => None,
            };
            let named = named.unwrap_or(SequenceRanges::EMPTY);
            self.named = Some((0..40).map(Sequence::new).filter(|number| named.contains(*number)).collect());
        }
        let all_named =
            self.named.as_ref().is_some_and(|named| named.iter().all(|number| self.used.contains(number)));
        self.ended |= all_named || self.expected.is_some_and(|all| self.received >= all);
        Ok(())
    }

    /// What an answer says must be so.
    fn check_answer(&self, chunk: &ChunkArrival, known: bool, frames: &Bytes) -> Result<(), TestCaseError> {
        if chunk.frames == ChunkFrames::Plain {
            prop_assert!(frames.is_empty());
            return Ok(());
        }
        let frames: Vec<_> = Frames::read(frames.clone()).unwrap().into_iter().collect();
        for frame in &frames {
            match frame {
                Frame::Status(status) => {
                    prop_assert_eq!(status.received.units(), self.received);
                    prop_assert_eq!(status.fulfilled.count(), self.used.len() as u64);
                    prop_assert!(self.used.iter().all(|number| status.fulfilled.contains(*number)));
                    prop_assert_eq!(status.state == PaymentState::NOT_FOUND, !known);
                    prop_assert_eq!(status.state.takes_chunks(), !self.ended || !known);
                }
                Frame::Closed(_) => {
                    prop_assert!(frames.iter().any(|frame| matches!(frame, Frame::Status(_))))
                }
                Frame::RefundStatus { refunded, total } => {
                    prop_assert!(refunded <= total && total.units() <= self.received);
                    prop_assert_eq!(refunded.units(), self.spent + self.reported);
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        let asked =
            matches!(&chunk.frames, ChunkFrames::Read(frames) if frames.status_request || frames.abort);
        prop_assert!(!asked || frames.iter().any(|frame| matches!(frame, Frame::Status(_))));
        Ok(())
    }

    fn handle(&mut self, event: &ReceiveEvent) -> Result<(), TestCaseError> {
        match event {
            ReceiveEvent::Finished { received, reason, .. } => {
                prop_assert_eq!(received.units(), self.received);
                prop_assert_eq!(reason.is_complete(), self.ended, "{:?}", reason);
                self.ended = true;
                self.asked = None;
            }
            ReceiveEvent::Data { offset, data, .. } => {
                prop_assert!(!self.used.is_empty(), "data of a payment of which nothing was taken");
                prop_assert_eq!(*offset, self.told);
                self.told += data.len() as u64;
                prop_assert_eq!(data, &octets(*offset..self.told));
            }
            ReceiveEvent::DataComplete { length, .. } => prop_assert_eq!((*length, self.told), (60, 60)),
            ReceiveEvent::RefundDue(order) => {
                prop_assert!(self.ended && self.ordered.is_none(), "two refunds at a time");
                prop_assert!(self.spent + order.amount.units() <= self.received, "5: more than was received");
                self.ordered = Some(order.amount.units());
            }
            ReceiveEvent::RefundEnded { refunded, .. } => prop_assert_eq!(refunded.units(), self.spent),
            _ => {}
        }
        Ok(())
    }

    /// The application says this, if it is asked about that chunk.
    fn answer(&mut self, sequence: Sequence, verdict: Verdict) {
        if self.asked.take_if(|(asked, _)| *asked == sequence).is_some()
            && let Verdict::AcceptUpTo(most) = verdict
        {
            self.at_most = Some(most.units());
        }
    }

    fn report(&mut self, spent: u64, ended: bool) {
        let Some(ordered) = self.ordered else { return };
        self.reported = self.reported.max(spent.min(ordered));
        if ended {
            self.spent += std::mem::take(&mut self.reported);
            self.ordered = None;
        }
    }
}

fn payment_of(event: &ReceiveEvent) -> &PaymentKey {
    match event {
        ReceiveEvent::ChunkFulfilled { payment, .. }
        | ReceiveEvent::Finished { payment, .. }
        | ReceiveEvent::Data { payment, .. }
        | ReceiveEvent::DataComplete { payment, .. }
        | ReceiveEvent::DataCutOff { payment }
        | ReceiveEvent::RefundEnded { payment, .. } => payment,
        ReceiveEvent::RefundDue(order) => &order.payment,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_rule_is_broken_in_any_order(
        operations in proptest::collection::vec(operation(), 0..150),
        overshoot in proptest::option::of(0..100_u64),
        refunds in any::<bool>(),
    ) {
        let allowed = overshoot.map_or(Overshoot::CompletingChunk, |units| Overshoot::AtMost(DestinationAmount::new(units)));
        let mut payments = ReceivePayments::new(ReceiveConfig {
            overshoot: allowed,
            on_incomplete: if refunds { OnIncomplete::Refund } else { OnIncomplete::Keep },
            retention: Duration::from_secs(1_000_000),
            ..ReceiveConfig::default()
        });
        let mut ledgers: HashMap<PaymentKey, Ledger> = HashMap::new();
        let mut now = Duration::ZERO;
        for operation in operations {
            let answered = match operation {
                Operation::Chunk(chunk, verdict) => {
                    let mut decision = payments.handle_chunk(&chunk, now);
                    if let Decision::Review(offer) = &decision {
                        let ledger = ledgers.entry(chunk.payment.clone()).or_default();
                        prop_assert!(!ledger.ended);
                        if !ledger.reviewed {
                            ledger.expected = chunk.expected.map(DestinationAmount::units);
                        }
                        ledger.reviewed = true;
                        ledger.asked = Some((chunk.sequence, now + ReceiveConfig::default().review_timeout));
                        prop_assert_eq!(offer.sequence, chunk.sequence);
                        prop_assert_eq!(offer.expected.map(DestinationAmount::units), ledger.expected);
                        prop_assert_eq!(&offer.data, &octets(ledger.told..ledger.told + offer.data.len() as u64));
                        if let Some(verdict) = verdict {
                            ledger.answer(chunk.sequence, verdict);
                            payments.handle_verdict(&chunk.payment, chunk.sequence, verdict, now);
                            decision = payments.handle_chunk(&chunk, now);
                        }
                    }
                    if let Decision::Fulfill { total, .. } = decision {
                        let ledger = ledgers.get_mut(&chunk.payment).unwrap();
                        ledger.fulfill(&chunk, overshoot)?;
                        prop_assert_eq!(total.units(), ledger.received);
                    }
                    Some((chunk, decision))
                }
                Operation::Verdict(key, sequence, verdict) => {
                    payments.handle_verdict(&key, sequence, verdict, now);
                    if let Some(ledger) = ledgers.get_mut(&key) {
                        ledger.answer(sequence, verdict);
                    }
                    None
                }
                Operation::Time(seconds) => {
                    now += Duration::from_secs(seconds);
                    let next = payments.handle_time(now);
                    for ledger in ledgers.values_mut() {
                        ledger.asked = ledger.asked.filter(|(_, until)| *until > now);
                    }
                    prop_assert!(next.is_none_or(|next| next > now));
                    None
                }
                Operation::Stop => {
                    payments.stop(now);
                    None
                }
                Operation::Refund(key, amount) => {
                    let _ = payments.refund(&key, amount, now);
                    None
                }
                Operation::RefundReport(key, spent, ended) => {
                    if let Some(ledger) = ledgers.get_mut(&key) {
                        ledger.report(spent.units(), ended);
                    }
                    match ended {
                        true => payments.refund_ended(&key, spent, now),
                        false => payments.refund_progress(&key, spent),
                    }
                    None
                }
            };
            while let Some(event) = payments.poll_event() {
                ledgers.entry(payment_of(&event).clone()).or_default().handle(&event)?;
            }
            let Some((chunk, decision)) = answered else { continue };
            let (Decision::Fulfill { total, frames } | Decision::Refuse { total, frames, .. }) = &decision else {
                continue;
            };
            let known = ledgers.contains_key(&chunk.payment);
            let ledger = ledgers.entry(chunk.payment.clone()).or_default();
            prop_assert_eq!(total.units(), ledger.received);
            if known {
                ledger.check_answer(&chunk, known, frames)?;
            } else {
                // A record may have been made of a chunk whose data was refused: then nothing was asked.
                ledgers.remove(&chunk.payment);
            }
        }
        prop_assert!(payments.payments() <= 6);
    }
}
