//! A sender and a receiver with frames, over one to three paths at a rate of one, with data both ways and refunds:
//! random troubles of chunks, of questions and of their answers, and receivers that lie in their frames. Against a
//! ledger of sums: what was received, sent, sent back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use common::fate::Fate;
use common::{HopFn, Run, World, config, destination, maximum, source};
use proptest::prelude::*;
use psk_chunking::receive::{OnIncomplete, ReceiveConfig};
use psk_chunking::send::control::ControllerKind;
use psk_chunking::send::{Input, SendConfig, SendError, Target};
use psk_codec::Reply;
use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{Frame, Frames, FramesBuilder, SequenceRange, SequenceRanges, Status};

fn fate() -> impl Strategy<Value = Fate> {
    common::fate::fate(2, Just(Fate::R00Afterwards))
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    proptest::collection::vec(fate(), 1..30)
}

/// What a receiver says in its frames instead of the truth.
#[derive(Clone, Copy, Debug)]
enum Lie {
    HasAll,
    HasNone,
    /// So many thousandths of the total and of the number of chunks.
    Counts(u64),
    /// Octets that are no frames.
    Garbage,
    /// Its data begins somewhere, and is another each time.
    Data(u64),
    Refunded(u64),
}

fn lie() -> impl Strategy<Value = Lie> {
    prop_oneof![
        Just(Lie::HasAll),
        Just(Lie::HasNone),
        (0..3_000_u64).prop_map(Lie::Counts),
        Just(Lie::Garbage),
        any::<u64>().prop_map(Lie::Data),
        any::<u64>().prop_map(Lie::Refunded),
    ]
}

/// The same frames as a liar writes them.
fn told(lie: Lie, frames: Bytes) -> Bytes {
    let Ok(honest) = Frames::read(frames.clone()) else { return frames };
    if let Lie::Garbage = lie {
        return Bytes::from_static(&[1, 4, 200, 7]);
    }
    let mut builder = FramesBuilder::new(30_000);
    for frame in honest {
        let _ = builder.push(match frame {
            Frame::Status(status) => Frame::Status(status_told(lie, status)),
            other => other,
        });
    }
    let more = match lie {
        Lie::Data(offset) => {
            psk_codec::psk::frame::StreamData::new(offset, Bytes::from(offset.to_be_bytes().to_vec()))
                .map(Frame::Data)
        }
        Lie::Refunded(units) => {
            Some(Frame::RefundStatus { refunded: destination(units), total: destination(units / 2) })
        }
        _ => None,
    };
    more.map(|frame| builder.push(frame));
    builder.encode()
}

fn status_told(lie: Lie, status: Status) -> Status {
    let all = SequenceRange::new(Sequence::FIRST, Sequence::new(u32::MAX));
    match lie {
        Lie::HasAll => Status { fulfilled: SequenceRanges::from_ranges(all).unwrap(), ..status },
        Lie::HasNone => Status { fulfilled: SequenceRanges::from_ranges([]).unwrap(), ..status },
        Lie::Counts(per_mille) => Status {
            received: destination(status.received.units().saturating_mul(per_mille) / 1_000),
            chunks: (u64::from(status.chunks) * per_mille / 1_000) as u32,
            ..status
        },
        _ => status,
    }
}

/// One of a path's hops: its fates come one after the other, again and again, to chunks and to questions.
fn hop(chunks: Vec<Fate>, questions: Vec<Fate>, befallen: Rc<Cell<Fate>>) -> HopFn {
    let (mut chunk, mut question) = (0, 0);
    Box::new(move |packet| {
        let fate = match packet.is_probe {
            // What the search of the path does without answers is a matter of its own.
            true if packet.now < Duration::from_secs(3) => Fate::Passes,
            true => {
                question += 1;
                questions[question % questions.len()]
            }
            false => {
                chunk += 1;
                chunks[chunk % chunks.len()]
            }
        };
        befallen.set(fate);
        fate.of_packet(packet.prepare.amount)
    })
}

fn answered(fate: Fate, reply: Reply) -> Option<Reply> {
    match (fate, reply) {
        (Fate::Stripped, Reply::Reject(reject)) => Some(reject.with_data(Bytes::new()).into()),
        (fate, reply) => fate.of_answer(reply),
    }
}

#[derive(Clone, Debug)]
struct Case {
    paths: Vec<(Vec<Fate>, u64)>,
    questions: Vec<Fate>,
    amount: u64,
    one_way: u64,
    to_destination: bool,
    controller: ControllerKind,
    says: usize,
    hears: usize,
    refunds: Option<u64>,
    cancelled_at: Option<u64>,
}

fn case() -> impl Strategy<Value = Case> {
    let path = (fates(), prop_oneof![Just(1_000_u64), 100..5_000_u64]);
    let kinds = [ControllerKind::Paced, ControllerKind::Paced, ControllerKind::Window, ControllerKind::Psk2];
    let sizes = || prop_oneof![2 => Just(0_usize), 1 => 1..60_000_usize];
    let who = (proptest::collection::vec(path, 1..4), fates(), 1..60_000_u64);
    let how = (
        prop_oneof![Just(1_u64), Just(50), Just(500)],
        any::<bool>(),
        proptest::sample::select(kinds.to_vec()),
    );
    let more = (
        sizes(),
        sizes(),
        proptest::option::of(0..=1_000_u64),
        proptest::option::weighted(0.3, 0..20_000_u64),
    );
    (who, how, more).prop_map(|((paths, questions, amount), (one_way, to_destination, controller), more)| {
        let (says, hears, refunds, cancelled_at) = more;
        Case {
            paths,
            questions,
            amount,
            one_way,
            to_destination,
            controller,
            says,
            hears,
            refunds,
            cancelled_at,
        }
    })
}

/// Octets that are nowhere the same.
fn octets(length: usize) -> Bytes {
    (0..length).map(|place| (place * 31 + place / 251) as u8).collect::<Vec<u8>>().into()
}

fn send_config(case: &Case) -> SendConfig {
    let target = match case.to_destination {
        true => Target::Destination(destination(case.amount)),
        false => Target::Source(source(case.amount)),
    };
    SendConfig {
        max_source_amount: source(case.amount + case.amount / 20 + 100),
        total_timeout: Some(Duration::from_secs(2 * 3_600)),
        controller: case.controller,
        data: (case.says > 0).then(|| octets(case.says)),
        refund_account: case.refunds.map(|_| "test.sender.refund".parse().unwrap()),
        ..config(target)
    }
}

fn pay(case: &Case, lie: Option<Lie>) -> Run {
    let befallen = Rc::new(Cell::new(Fate::Passes));
    let mut ways: Vec<Vec<HopFn>> = vec![];
    for (fates, most) in &case.paths {
        ways.push(vec![maximum(*most), hop(fates.clone(), case.questions.clone(), befallen.clone())]);
    }
    let first = ways.remove(0);
    let on_incomplete = if case.refunds.is_some() { OnIncomplete::Refund } else { OnIncomplete::Keep };
    let mut world = World {
        one_way: Duration::from_millis(case.one_way),
        others: ways,
        reply: Box::new(move |_, reply| answered(befallen.get(), reply)),
        receive: ReceiveConfig { on_incomplete, ..ReceiveConfig::default() },
        says: octets(case.hears),
        refunds: case.refunds.unwrap_or_default(),
        ..World::with(first)
    };
    if let Some(lie) = lie {
        world.lie = Some(Box::new(move |frames| told(lie, frames)));
    }
    if let Some(at) = case.cancelled_at {
        world.commands.push((Duration::from_millis(at), || Input::Cancel));
    }
    world.send(send_config(case))
}

fn ends_within_reason(run: &Run) -> Result<(), TestCaseError> {
    prop_assert!(run.packets < 100_000, "{}", run.packets);
    prop_assert!(run.took < Duration::from_secs(4 * 3_600), "{:?}", run.took);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    // `World` checks after every step that the budget holds, and that no more is delivered than received.

    #[test]
    fn the_books_are_true_with_an_honest_receiver(case in case()) {
        let run = pay(&case, None);
        ends_within_reason(&run)?;
        let account = run.report.account;
        let (sent, in_doubt) = (account.source_sent.units(), account.in_doubt.units());
        prop_assert!(sent <= run.received.units(), "sent and not received: {:?} {:?}", run.received, run.report);
        prop_assert!(run.received.units() <= sent + in_doubt, "not known of: {:?} {:?}", run.received, run.report);
        prop_assert!(account.unverified.is_zero() || account.delivered < run.received || !run.report.is_completed());
        prop_assert!(run.report.error != Some(SendError::InDoubt) || in_doubt > 0);
        prop_assert!(run.refunded <= run.received.units());
        prop_assert!(account.refunded.units() <= run.refunded, "{} {:?}", run.refunded, run.report);
        // What is in doubt may have arrived and come back.
        prop_assert!(account.refunded.units() <= sent + in_doubt, "{} {:?}", run.refunded, run.report);
        let gone = source(run.received.units() - account.refunded.units());
        prop_assert!(account.lost() <= gone && Some(gone) <= account.lost_at_most(), "{gone} {:?}", run.report);
        if run.report.is_completed() {
            prop_assert_eq!(account.delivered, run.received);
            prop_assert_eq!(run.received, destination(case.amount), "{:?}", run.report);
            prop_assert_eq!((sent, in_doubt, run.refunded), (case.amount, 0, 0));
        }
        // What was told of data is a beginning of it; all of it, when it is said to be all.
        for ((told, complete), all) in
            [(run.data_received(), octets(case.says)), (run.data_returned(), octets(case.hears))]
        {
            prop_assert!(all.starts_with(&told), "{} of {}", told.len(), all.len());
            prop_assert!(!complete || told.len() == all.len());
        }
    }

    /// Whatever it says, it gets no more than the budget and what a hop has lost of its answers.
    #[test]
    fn the_budget_holds_with_a_lying_receiver(case in case(), lie in lie()) {
        let run = pay(&case, Some(lie));
        ends_within_reason(&run)?;
        let account = run.report.account;
        prop_assert!(account.committed().unwrap() <= send_config(&case).max_source_amount, "{:?}", run.report);
        prop_assert!(account.refunded.units() <= run.refunded, "told is not received: {:?}", run.report);
        if run.report.is_completed() && !case.to_destination {
            prop_assert_eq!(account.source_sent, source(case.amount));
        }
    }
}
