//! What goes wrong on a path, and what the payment makes of it. Every ending carries its account.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::{Hop, World, config, destination, every, maximum, rate, reject, source};
use psk_chunking::receive::{EndReason, ReceiveEvent, Verdict};
use psk_chunking::send::{Input, MinimumRate, SendError, Target};
use psk_codec::{Amount, AmountTooLarge, ErrorCode, Fulfillment, Reject, Reply};

fn chunks_only(mut hop: impl FnMut(u64) -> Option<Hop> + 'static) -> common::HopFn {
    common::chunks_only(move |chunk, _| hop(chunk))
}

#[test]
fn a_dead_destination_stops_after_a_few_packets() {
    let run = World::with(vec![every(1, ErrorCode::F02_UNREACHABLE)]).send_source(1_000_000);
    assert!(matches!(run.report.error, Some(SendError::NoPath(_))), "{:?}", run.report);
    // As many as one round trip asks for.
    assert!(run.packets <= 8, "{}", run.packets);
}

#[test]
fn a_receiver_that_goes_away_leaves_an_account() {
    let gone = chunks_only(|chunk| (chunk > 5).then(|| reject(ErrorCode::F02_UNREACHABLE)));
    let run = World::with(vec![maximum(1_000), gone]).send_source(100_000);
    assert!(matches!(run.report.error, Some(SendError::Rejected { .. })), "{:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(5_000));
    assert_eq!(run.report.account.delivered, run.received);
    assert!(run.packets < 200, "{}", run.packets);
}

#[test]
fn no_loop_on_f08_however_nonsensical_its_details() {
    for (received, maximum) in [(0, 0), (0, 1), (1, 1), (1, u64::MAX), (1_000, 1)] {
        let details = AmountTooLarge { received: Amount::new(received), maximum: Amount::new(maximum) };
        let hop = chunks_only(move |chunk| {
            let reject = Reject::new(ErrorCode::F08_AMOUNT_TOO_LARGE, common::hop_address());
            (chunk > 3).then(|| Hop::Reject(reject.with_data(details.encode())))
        });
        let run = World::with(vec![common::maximum(1_000), hop]).send_source(100_000);
        assert!(run.report.error.is_some());
        assert_eq!(run.report.account.source_sent, source(3_000));
        assert!(run.packets < 400, "{received}/{maximum}: {}", run.packets);
    }
}

#[test]
fn no_loop_on_r00_and_nothing_is_sent_again_as_if_it_were_free() {
    // ENGINE.md section 8: one R00 does not end a payment; a lost reply is not a free retry.
    let hop = chunks_only(|chunk| (chunk == 4).then(|| reject(ErrorCode::R00_TRANSFER_TIMED_OUT)));
    let run = World::with(vec![maximum(1_000), hop]).send_source(20_000);
    // The receiver says that it did not get that chunk, so it was sent again after it could not arrive any more.
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(20_000));
    assert!(run.took > Duration::from_secs(35), "{:?}", run.took);
}

#[test]
fn a_chunk_that_arrived_although_its_reply_was_lost_is_counted_once() {
    let replies = Cell::new(0);
    let world = World {
        reply: Box::new(move |_, reply| {
            replies.set(replies.get() + 1);
            (replies.get() != 12).then_some(reply)
        }),
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send_source(20_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(20_000));
    assert_eq!(run.report.account.delivered, destination(20_000));
    assert_eq!(run.received, destination(20_000));
}

#[test]
fn what_stays_in_doubt_is_said_and_not_sent() {
    // The receiver never tells its total: a JS receiver with a request handler.
    let swallowed = Rc::new(Cell::new(false));
    let swallowed_too = swallowed.clone();
    let hop = chunks_only(move |chunk| {
        (chunk == 4).then(|| {
            swallowed.set(true);
            Hop::Swallow
        })
    });
    let silent = Box::new(move |packet: &common::Passing<'_>| match packet.is_probe && swallowed_too.get() {
        true => reject(ErrorCode::F06_UNEXPECTED_PAYMENT),
        false => Hop::Forward(packet.prepare.amount),
    });
    let run = World::with(vec![maximum(1_000), hop, silent]).send_source(20_000);
    assert_eq!(run.report.error, Some(SendError::InDoubt));
    assert_eq!(run.report.account.source_sent, source(19_000));
    assert_eq!(run.report.account.in_doubt, source(1_000));
    assert_eq!(run.received, destination(19_000));
}

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
    let dropping = Box::new(|packet: &common::Passing<'_>| {
        let percent = if packet.now > Duration::from_millis(400) { 90 } else { 100 };
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
fn a_receiver_that_refuses_is_not_asked_for_ever() {
    let world = World { verdict: Verdict::Refuse, ..World::with(vec![maximum(1_000)]) };
    let run = world.send_source(100_000);
    assert_eq!(run.report.error, Some(SendError::Refused));
    assert_eq!(run.received, destination(0));
    // A window: the review takes as long as the packets.
    assert!(run.packets < 300, "{}", run.packets);
}

#[test]
fn a_receiver_that_takes_chunk_by_chunk_gets_them_all() {
    let world = World { verdict: Verdict::AcceptChunk, ..World::with(vec![maximum(1_000)]) };
    let run = world.send_source(50_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(50_000));
}

#[test]
fn cancelling_awaits_and_accounts_all_replies() {
    let world = World {
        commands: vec![(Duration::from_millis(450), || Input::Cancel)],
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send_source(10_000_000);
    assert_eq!(run.report.error, Some(SendError::Cancelled));
    assert_eq!(run.report.account.delivered, run.received);
    assert!(run.received.units() > 0);
    assert!(run.took < Duration::from_millis(600), "{:?}", run.took);
}

#[test]
fn a_paused_payment_sends_nothing_until_it_is_resumed() {
    let world = World {
        commands: vec![
            (Duration::from_millis(150), || Input::Pause),
            (Duration::from_secs(10), || Input::Resume),
        ],
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send_source(1_000_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert!(run.took > Duration::from_secs(10), "{:?}", run.took);
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
