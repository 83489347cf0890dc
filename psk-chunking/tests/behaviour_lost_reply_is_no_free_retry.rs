//! A chunk whose reply is lost counts against the budget until the receiver has said what became of it: it is not sent
//! again as if it were free.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{Hop, World, chunks_only, config, destination, maximum, reject, source};
use psk_chunking::send::{SendError, Target};
use psk_codec::{Amount, ErrorCode, Reply};

fn loses_every(n: u64) -> common::ReplyFn {
    let mut fulfills = 0;
    Box::new(move |_, reply| {
        fulfills += u64::from(matches!(reply, Reply::Fulfill(_)));
        let lost = matches!(reply, Reply::Fulfill(_)) && fulfills % n == 0;
        (!lost).then_some(reply)
    })
}

/// The chunk arrived: the receiver says so, and nothing is sent for it.
#[test]
fn what_arrived_is_counted_once() {
    for n in [1, 2, 3, 12] {
        let world = World { reply: loses_every(n), ..World::with(vec![maximum(1_000)]) };
        let run = world.send_source(20_000);
        assert!(run.report.is_completed(), "{n}: {:?}", run.report);
        let account = run.report.account;
        assert_eq!((account.source_sent, run.received), (source(20_000), destination(20_000)), "{n}");
        assert_eq!(account.delivered, destination(20_000), "{n}");
    }
}

#[test]
fn what_arrived_of_a_fixed_destination_amount_is_counted_once() {
    for n in [1, 2, 3, 12] {
        let world = World { reply: loses_every(n), ..World::with(vec![maximum(1_000), common::rate(9, 10)]) };
        let run = world.send_destination(20_000);
        assert!(run.report.is_completed(), "{n}: {:?}", run.report);
        assert_eq!(
            (run.report.account.delivered, run.received),
            (destination(20_000), destination(20_000)),
            "{n}"
        );
    }
}

/// The chunk is lost on its way: only once it has expired for sure, it is sent again.
#[test]
fn what_did_not_arrive_is_sent_again_when_it_cannot_arrive_any_more() {
    let resent_at = Rc::new(Cell::new(std::time::Duration::ZERO));
    let seen = resent_at.clone();
    let hop = chunks_only(move |chunk, packet| {
        if chunk > 20 {
            seen.set(packet.now);
        }
        (chunk == 4).then_some(Hop::Swallow)
    });
    let run = World::with(vec![maximum(1_000), hop]).send_source(20_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(20_000));
    // Its life of ten seconds, and a grace.
    assert!(resent_at.get().as_secs() >= 15, "{:?}", resent_at.get());
}

/// Nobody tells what became of it: then it stays in doubt, and the payment says so.
#[test]
fn what_nobody_knows_is_not_sent_again() {
    let swallowed = Rc::new(Cell::new(false));
    let asked = swallowed.clone();
    let hop = chunks_only(move |chunk, _| {
        (chunk == 4).then(|| {
            swallowed.set(true);
            Hop::Swallow
        })
    });
    let silent = Box::new(move |packet: &common::Passing<'_>| match packet.is_probe && asked.get() {
        true => reject(ErrorCode::F06_UNEXPECTED_PAYMENT),
        false => Hop::Forward(Amount::new(packet.prepare.amount.units())),
    });
    let run = World::with(vec![maximum(1_000), hop, silent]).send(config(Target::Source(source(20_000))));
    assert_eq!(run.report.error, Some(SendError::InDoubt));
    assert_eq!(
        (run.report.account.source_sent, run.report.account.in_doubt),
        (source(19_000), source(1_000))
    );
    assert_eq!(run.received, destination(19_000));
}

/// The last chunks ask what else has arrived: the answers to others tell of the one that is lost, and nobody has to ask.
#[test]
fn other_answers_tell_of_a_lost_one() {
    for lost in 1..20 {
        let mut fulfills = 0;
        let loses = Box::new(move |_: &_, reply| {
            fulfills += u64::from(matches!(reply, Reply::Fulfill(_)));
            (fulfills != lost || !matches!(reply, Reply::Fulfill(_))).then_some(reply)
        });
        let whole = World::with(vec![maximum(1_000)]).send_source(20_000);
        let run = World { reply: loses, ..World::with(vec![maximum(1_000)]) }.send_source(20_000);
        assert!(run.report.is_completed(), "{lost}: {:?}", run.report);
        assert_eq!(run.report.account.delivered, destination(20_000), "{lost}");
        assert_eq!((run.took, run.packets), (whole.took, whole.packets), "{lost}");
    }
}
