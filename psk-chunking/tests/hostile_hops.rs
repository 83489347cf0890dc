//! Hops that cheat or break (ENGINE.md section 7, "hostile hops"): the payment ends in bounded packets and time,
//! with an account that is true.

mod common;

use std::time::Duration;

use common::{Hop, World, chunks_only, config, destination, maximum, rate, reject, source};
use psk_chunking::send::{MinimumRate, SendError, Target};
use psk_codec::{Amount, ErrorCode, Fulfillment, Reply};

#[test]
fn r00_for_ever_ends_the_payment() {
    for amount in [500, 20_000, 1_000_000] {
        let hop = chunks_only(|_, _| Some(reject(ErrorCode::R00_TRANSFER_TIMED_OUT)));
        let run = World::with(vec![maximum(1_000), hop]).send_source(amount);
        assert!(run.report.error.is_some());
        assert_eq!(run.report.account.source_sent, source(0));
        // The search, a window, and questions for the status until nothing can arrive any more.
        assert!(run.packets < 1_150, "{amount}: {}", run.packets);
        assert!(run.took < Duration::from_secs(600), "{:?}", run.took);
    }
}

#[test]
fn r00_for_ever_after_a_good_start_ends_the_payment() {
    let hop = chunks_only(|chunk, _| (chunk > 50).then(|| reject(ErrorCode::R00_TRANSFER_TIMED_OUT)));
    let run = World::with(vec![maximum(1_000), hop]).send_source(1_000_000);
    assert!(run.report.error.is_some());
    assert_eq!(run.report.account.source_sent, source(50_000));
    assert_eq!(run.received, destination(50_000));
    // A window, and a few alone.
    assert!(run.packets < 1_100, "{}", run.packets);
}

#[test]
fn a_link_that_is_lost_with_every_packet_ends_the_payment() {
    for arrives in [false, true] {
        let hop = chunks_only(move |_, _| Some(Hop::LinkLost { arrives }));
        let run = World::with(vec![maximum(1_000), hop]).send_source(100_000);
        // The receiver is asked, and tells what has arrived.
        assert_eq!(run.report.is_completed(), arrives, "{:?}", run.report);
        assert_eq!(run.received.units(), if arrives { 100_000 } else { 0 });
        assert_eq!(run.report.account.delivered, run.received);
        assert!(run.packets < 250, "{}", run.packets);
    }
}

#[test]
fn a_path_that_swallows_the_only_chunk_for_ever_ends_the_payment() {
    let hop = chunks_only(|_, _| Some(Hop::Swallow));
    let run = World::with(vec![hop]).send_source(500);
    assert!(run.report.error.is_some());
    assert!(run.took < Duration::from_secs(600), "{:?}", run.took);
    assert!(run.packets < 100, "{}", run.packets);
}

#[test]
fn wrong_preimages_for_ever_end_the_payment() {
    let world = World {
        reply: Box::new(|_, reply| match reply {
            Reply::Fulfill(mut fulfill) => {
                fulfill.fulfillment = Fulfillment::new([0; 32]);
                Some(fulfill.into())
            }
            reply => Some(reply),
        }),
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send_source(100_000);
    assert!(run.packets < 200, "{}", run.packets);
    assert!(run.took < Duration::from_secs(600), "{:?}", run.took);
}

#[test]
fn an_r01_that_lies_about_size_makes_nobody_overpay() {
    // A destination amount of 5,005: 5 chunks of 1,000, of which the hop refuses one as too small, and 5 more.
    let hop = chunks_only(|chunk, _| (chunk == 2).then(|| reject(ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT)));
    let run = World::with(vec![maximum(1_000), hop]).send_destination(5_005);
    assert!(run.received <= destination(5_005), "{:?} {:?}", run.received, run.report);
}

#[test]
fn storms_of_temporary_errors_end_with_the_account_and_few_packets() {
    for code in [
        ErrorCode::T00_INTERNAL_ERROR,
        ErrorCode::T01_PEER_UNREACHABLE,
        ErrorCode::T02_PEER_BUSY,
        ErrorCode::T03_CONNECTOR_BUSY,
        ErrorCode::T04_INSUFFICIENT_LIQUIDITY,
        ErrorCode::T05_RATE_LIMITED,
        ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT,
        ErrorCode::R02_INSUFFICIENT_TIMEOUT,
        ErrorCode::F08_AMOUNT_TOO_LARGE,
        ErrorCode::F99_APPLICATION_ERROR,
        ErrorCode::F02_UNREACHABLE,
    ] {
        for after in [0, 1, 40] {
            let hop = chunks_only(move |chunk, _| (chunk > after).then(|| reject(code)));
            let world =
                World { one_way: Duration::from_micros(50), ..World::with(vec![maximum(1_000), hop]) };
            let run = world.send_source(1_000_000);
            assert!(run.report.error.is_some(), "{code} after {after}");
            assert_eq!(run.report.account.source_sent, source(after * 1_000), "{code} after {after}");
            // A window, which is the whole payment, and a few more: liquidity is asked for twice in a second.
            assert!(run.packets < 1_400, "{code} after {after}: {}", run.packets);
            assert!(run.took < Duration::from_secs(120), "{code} after {after}: {:?}", run.took);
        }
    }
}

#[test]
fn liquidity_that_vanishes_under_a_full_window_costs_few_packets() {
    let hop = chunks_only(|chunk, _| (chunk > 3_000).then(|| reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY)));
    let run = World::with(vec![maximum(1_000), hop]).send_source(100_000_000);
    assert!(run.report.error.is_some());
    assert!(run.packets < 30_000, "{} {}", run.packets, run.max_in_flight);
}

#[test]
fn a_link_that_is_down_is_waited_for_and_then_left() {
    let hop = chunks_only(|chunk, _| (chunk > 40).then_some(Hop::NotSent));
    let run = World::with(vec![maximum(1_000), hop]).send_source(1_000_000);
    assert!(matches!(run.report.error, Some(SendError::LinkFailed(_))), "{:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(40_000));
    // A window, and another when those before it are fulfilled; then one at a time.
    assert!(run.packets < 2_200, "{}", run.packets);

    let hop = chunks_only(|_, packet| (500..8_000).contains(&packet.now.as_millis()).then_some(Hop::NotSent));
    let run = World::with(vec![maximum(1_000), hop]).send_source(1_000_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(1_000_000));
}

#[test]
fn fulfills_that_come_long_after_giving_up_are_counted_once() {
    let hop = chunks_only(|chunk, _| (chunk == 10).then_some(Hop::Late(Duration::from_secs(34))));
    let run = World::with(vec![maximum(1_000), hop]).send_source(50_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(50_000));
    for seconds in [36, 45, 100] {
        let hop =
            chunks_only(move |chunk, _| (chunk == 10).then_some(Hop::Late(Duration::from_secs(seconds))));
        let run = World::with(vec![maximum(1_000), hop]).send_source(50_000);
        assert!(run.report.is_completed(), "{:?}", run.report);
        assert_eq!(run.report.account.source_sent, source(50_000));
        assert_eq!(run.received, destination(50_000));
    }
}

#[test]
fn replies_swapped_between_packets_move_nothing_twice() {
    let held = std::cell::RefCell::new(None);
    let world = World {
        reply: Box::new(move |_, reply| held.replace(Some(reply))),
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send_source(50_000);
    assert!(run.report.error.is_some());
    assert!(
        run.report.account.source_sent.units() + run.report.account.in_doubt.units() >= run.received.units()
    );
}

#[test]
fn the_data_of_another_fulfill_is_no_proof() {
    let first = std::cell::RefCell::new(None);
    let world = World {
        reply: Box::new(move |_, reply| match reply {
            Reply::Fulfill(mut fulfill) => {
                let data = first.borrow_mut().get_or_insert_with(|| fulfill.data.clone()).clone();
                fulfill.data = data;
                Some(fulfill.into())
            }
            reply => Some(reply),
        }),
        ..World::with(vec![maximum(1_000), rate(1, 2)])
    };
    let run = world.send_source(20_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.account.delivered, run.received);
}

#[test]
fn a_hop_that_keeps_more_than_the_slippage_gets_nothing() {
    let hop = chunks_only(|chunk, packet| {
        let amount = packet.prepare.amount.units();
        (chunk > 5).then(|| Hop::Forward(Amount::new(amount * 98 / 100)))
    });
    let run = World::with(vec![maximum(1_000), hop]).send_source(100_000);
    assert_eq!(run.report.error, Some(SendError::RateTooLow));
    assert_eq!(run.report.account.source_sent, source(5_000));
}

#[test]
fn a_rate_that_dips_at_the_completing_chunk_is_waited_for() {
    for dip in [90, 50, 10, 0] {
        let hop = chunks_only(move |chunk, packet| {
            let amount = packet.prepare.amount.units();
            (5..9).contains(&chunk).then(|| Hop::Forward(Amount::new(amount * dip / 100)))
        });
        let run = World::with(vec![maximum(1_000), hop]).send_destination(4_500);
        assert!(run.report.is_completed(), "{dip}: {:?}", run.report);
        assert_eq!(run.received, destination(4_500), "{dip}");
        assert!(run.took < Duration::from_secs(10), "{dip}: {:?}", run.took);
    }
}

#[test]
fn any_rate_by_name_ends_too() {
    let mut config = config(Target::Source(source(20_000)));
    config.minimum_rate = MinimumRate::AnyRate;
    let run = World::with(vec![maximum(1_000), rate(0, 1)]).send(config.clone());
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!((run.report.account.source_sent, run.received), (source(20_000), destination(0)));
    config.target = Target::Destination(destination(20_000));
    config.max_source_amount = source(50_000);
    let run = World::with(vec![maximum(1_000), rate(0, 1)]).send(config);
    assert!(run.report.error.is_some());
}
