//! What goes wrong on a path, and what the payment makes of it. Every ending carries its account.

mod common;

use std::cell::Cell;
use std::time::Duration;

use common::{Hop, World, config, destination, maximum, rate, source};
use psk_chunking::receive::{EndReason, ReceiveEvent, Verdict};
use psk_chunking::send::{MinimumRate, SendError, Target};
use psk_codec::{Amount, Fulfillment, Reply};

#[test]
fn a_wrong_preimage_is_not_a_fulfillment() {
    let fulfills = Cell::new(0);
    let world = World {
        reply: Box::new(move |_, reply| match reply {
            Reply::Fulfill(mut fulfill) => {
                fulfills.set(fulfills.get() + 1);
                if fulfills.get() == 3 {
                    fulfill.fulfillment = Fulfillment::new([0; 32]);
                }
                Some(fulfill.into())
            }
            reply => Some(reply),
        }),
        ..World::with(vec![maximum(1_000)])
    };
    // The receiver did get it, as its total shows in the end.
    let run = world.send_source(10_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(10_000));
    assert_eq!(run.report.account.delivered, destination(10_000));
}

#[test]
fn fulfillments_without_data_count_their_minimum_until_the_receiver_is_asked() {
    let world = World {
        reply: Box::new(|_, reply| match reply {
            Reply::Fulfill(mut fulfill) => {
                fulfill.data = bytes::Bytes::new();
                Some(fulfill.into())
            }
            reply => Some(reply),
        }),
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send_source(10_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.account.delivered, destination(10_000));
    assert!(run.report.account.unverified.is_zero());
}

#[test]
fn a_rate_below_the_minimum_sends_nothing_and_ends_with_the_account() {
    let mut chunks = 0;
    let dropping = Box::new(move |packet: &common::Passing<'_>| {
        chunks += u64::from(!packet.is_probe);
        let percent = if chunks > 50 { 90 } else { 100 };
        Hop::Forward(Amount::new(packet.prepare.amount.units() * percent / 100))
    });
    let run = World::with(vec![maximum(1_000), dropping]).send_source(10_000_000);
    assert_eq!(run.report.error, Some(SendError::RateTooLow));
    let account = run.report.account;
    assert_eq!(account.delivered.units(), account.source_sent.units());
    assert!(run.took < Duration::from_secs(70), "{:?}", run.took);
    // The windows before, one that comes too late, and one at a time after that.
    assert!(run.packets < 5_000, "{}", run.packets);
}

#[test]
fn a_rate_that_recovers_is_waited_for() {
    let dip = Box::new(|packet: &common::Passing<'_>| {
        let dip = (400..5_000).contains(&packet.now.as_millis());
        let percent = if dip { 90 } else { 100 };
        Hop::Forward(Amount::new(packet.prepare.amount.units() * percent / 100))
    });
    let run = World::with(vec![maximum(1_000), dip]).send_source(1_000_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(1_000_000));
}

#[test]
fn the_callers_minimum_rate_is_checked_before_any_money_moves() {
    let mut config = config(Target::Source(source(1_000)));
    config.minimum_rate = MinimumRate::AtLeast("0.5".parse().unwrap());
    let run = World::with(vec![rate(37, 100)]).send(config);
    assert_eq!(run.report.error, Some(SendError::RateTooLow));
    assert_eq!(run.report.account.source_sent, source(0));
}

#[test]
fn one_to_one_paths_work_without_slippage() {
    let mut config = config(Target::Source(source(123_456)));
    config.minimum_rate = MinimumRate::Slippage(0);
    let run = World::with(vec![maximum(1_000)]).send(config);
    assert!(run.report.is_completed(), "{:?}", run.report);
}

#[test]
fn amounts_that_deliver_nothing_fail_before_any_money_moves() {
    let run = World::with(vec![rate(1, 1_000)]).send_source(500);
    let smallest = Some(source(1_000));
    assert!(
        matches!(&run.report.error, Some(SendError::AmountTooSmall { smallest: found }) if found.is_none_or(|found| Some(found) <= smallest)),
        "{:?}",
        run.report
    );
    let run = World::with(vec![maximum(100), rate(1, 1_000)]).send_source(100_000);
    assert_eq!(run.report.error, Some(SendError::AmountTooSmall { smallest: None }));
}

#[test]
fn a_maximum_source_amount_is_a_hard_limit() {
    let mut config = config(Target::Destination(destination(1_000)));
    config.max_source_amount = source(1_999);
    let run = World::with(vec![rate(1, 2)]).send(config.clone());
    assert_eq!(run.report.error, Some(SendError::MaxSourceAmountTooLow { needed: source(2_000) }));
    assert_eq!(run.report.account.source_sent, source(0));
    config.max_source_amount = source(2_000);
    let run = World::with(vec![rate(1, 2)]).send(config);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(2_000));
}

#[test]
fn a_receiver_that_takes_chunk_by_chunk_gets_them_all() {
    let world = World { verdict: Verdict::AcceptChunk, ..World::with(vec![maximum(1_000)]) };
    let run = world.send_source(50_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(50_000));
}

#[test]
fn the_total_timeout_ends_with_the_account() {
    let mut config = config(Target::Source(source(u64::MAX)));
    config.total_timeout = Some(Duration::from_secs(3));
    let run = World::with(vec![maximum(1_000)]).send(config);
    assert_eq!(run.report.error, Some(SendError::TotalTimeout));
    assert_eq!(run.report.account.delivered, run.received);
    assert!(run.took < Duration::from_secs(4), "{:?}", run.took);
}

#[test]
fn the_receiver_hears_how_each_payment_ended() {
    let run = World::with(vec![maximum(1_000)]).send_source(5_000);
    let Some(ReceiveEvent::Finished { received, expected, reason, chunks, .. }) = run.receive_events.last()
    else {
        panic!("{:?}", run.receive_events);
    };
    assert_eq!((*received, *expected), (destination(5_000), None));
    assert_eq!((*reason, *chunks), (EndReason::LastChunk, run.report.account.chunks_fulfilled));
}
