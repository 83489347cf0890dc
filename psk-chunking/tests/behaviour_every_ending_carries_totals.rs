//! However a payment ends, its report says what was sent and what was delivered.

mod common;

use std::time::Duration;

use common::{Answer, Hop, Run, World, chunks_only, config, destination, maximum, reject, source};
use psk_chunking::send::{Input, MinimumRate, SendConfig, SendError, Target};
use psk_codec::{Amount, ErrorCode, Fulfillment, Reply};

/// 20 chunks at a time, so that some have passed and some are in flight when the trouble begins with the 31st.
fn pays() -> SendConfig {
    let mut config = config(Target::Source(source(10_000_000)));
    config.max_packets_in_flight = 20;
    config
}

fn after_thirty(mut hop: impl FnMut() -> Hop + 'static) -> World {
    World::with(vec![maximum(1_000), chunks_only(move |chunk, _| (chunk > 30).then(&mut hop))])
}

fn at_half_a_second(command: fn() -> Input) -> World {
    World { commands: vec![(Duration::from_millis(500), command)], ..World::with(vec![maximum(1_000)]) }
}

/// The account is that of the receiver, of whom nothing is in doubt.
fn check(run: Run, is_expected: impl Fn(&SendError) -> bool) {
    let account = run.report.account;
    assert!(run.report.error.as_ref().is_some_and(is_expected), "{:?}", run.report);
    assert!(account.delivered.units() >= 30_000, "{account:?}");
    assert_eq!(account.delivered, run.received, "{account:?}");
    assert_eq!(account.source_sent.units(), run.received.units(), "{account:?}");
    assert!(account.in_flight.is_zero() && account.unverified.is_zero(), "{account:?}");
    assert!(account.chunks_fulfilled >= 30);
}

#[test]
fn rejected_for_good() {
    for code in [
        ErrorCode::F00_BAD_REQUEST,
        ErrorCode::F01_INVALID_PACKET,
        ErrorCode::F02_UNREACHABLE,
        ErrorCode::F05_WRONG_CONDITION,
    ] {
        check(
            after_thirty(move || reject(code)).send(pays()),
            |error| matches!(error, SendError::Rejected { code: said, .. } if *said == code),
        );
    }
}

#[test]
fn the_path_keeps_failing() {
    let run = after_thirty(|| reject(ErrorCode::T00_INTERNAL_ERROR)).send(pays());
    check(run, |error| matches!(error, SendError::PathFailed { .. } | SendError::Rejected { .. }));
}

#[test]
fn the_link_fails() {
    check(after_thirty(|| Hop::NotSent).send(pays()), |error| matches!(error, SendError::LinkFailed(_)));
}

#[test]
fn no_liquidity_any_more() {
    let run = after_thirty(|| reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY)).send(pays());
    check(run, |error| matches!(error, SendError::Rejected { .. } | SendError::IdleTimeout));
}

#[test]
fn packets_are_not_answered() {
    check(after_thirty(|| Hop::Swallow).send(pays()), |_| true);
    check(after_thirty(|| Hop::LinkLost { arrives: false }).send(pays()), |_| true);
}

/// The receiver has fulfilled, and says so when it is asked; until it says nothing any more.
#[test]
fn fulfillments_that_are_none() {
    let (mut fulfills, mut rejects) = (0, 0);
    let world = World {
        reply: Box::new(move |_, reply| match reply {
            Reply::Fulfill(mut fulfill) => {
                fulfills += 1;
                if fulfills > 30 {
                    fulfill.fulfillment = Fulfillment::new([0; 32]);
                }
                Some(fulfill.into())
            }
            reply => {
                rejects += 1;
                (rejects < 10).then_some(reply)
            }
        }),
        ..World::with(vec![maximum(1_000)])
    };
    let run = world.send(pays());
    let account = run.report.account;
    assert!(run.report.error.is_some(), "{:?}", run.report);
    assert!(account.delivered >= destination(30_000) && account.delivered <= run.received, "{account:?}");
    let known = account.committed().unwrap();
    assert_eq!(known.units(), run.received.units(), "{account:?}");
}

#[test]
fn the_rate_falls_below_the_minimum() {
    let mut chunks = 0;
    let hop = Box::new(move |packet: &common::Passing<'_>| {
        chunks += u64::from(!packet.is_probe);
        let amount = packet.prepare.amount.units();
        Hop::Forward(Amount::new(if chunks > 30 { amount * 9 / 10 } else { amount }))
    });
    let run = World::with(vec![maximum(1_000), hop]).send(pays());
    check(run, |error| *error == SendError::RateTooLow);
}

#[test]
fn it_costs_more_than_it_may() {
    let mut config = config(Target::Destination(destination(1_000_000)));
    (config.max_packets_in_flight, config.max_source_amount) = (20, source(1_001_000));
    config.minimum_rate = MinimumRate::Slippage(500_000);
    let mut chunks = 0;
    let hop = Box::new(move |packet: &common::Passing<'_>| {
        chunks += u64::from(!packet.is_probe);
        let amount = packet.prepare.amount.units();
        Hop::Forward(Amount::new(if chunks > 30 { amount * 9 / 10 } else { amount }))
    });
    let run = World::with(vec![maximum(1_000), hop]).send(config);
    assert!(matches!(run.report.error, Some(SendError::MaxSourceAmountTooLow { .. })), "{:?}", run.report);
    let account = run.report.account;
    assert!(account.source_sent <= source(1_001_000) && account.delivered.units() > 30_000, "{account:?}");
    assert_eq!(account.delivered, run.received);
}

#[test]
fn the_receiver_refuses() {
    let mut chunks = 0;
    let world = World {
        peer: Some(Box::new(move |chunk, honest| {
            chunks += u64::from(chunk.fulfillable);
            Answer {
                fulfills: honest.fulfills && chunks <= 30,
                code: ErrorCode::F99_APPLICATION_ERROR,
                ..honest
            }
        })),
        ..World::with(vec![maximum(1_000)])
    };
    check(world.send(pays()), |error| *error == SendError::Refused);
}

#[test]
fn cancelled() {
    check(at_half_a_second(|| Input::Cancel).send(pays()), |error| *error == SendError::Cancelled);
}

#[test]
fn too_late() {
    let mut idle = pays();
    idle.idle_timeout = Duration::from_secs(5);
    check(at_half_a_second(|| Input::Pause).send(idle), |error| *error == SendError::IdleTimeout);
    let mut late = pays();
    late.total_timeout = Some(Duration::from_millis(600));
    check(World::with(vec![maximum(1_000)]).send(late), |error| *error == SendError::TotalTimeout);
}

/// Those that end before any money has moved say so.
#[test]
fn before_anything_has_moved() {
    let zero = World::default().send_source(0);
    assert_eq!(zero.report.error, Some(SendError::ZeroAmount));
    let dust = World::with(vec![common::rate(1, 1_000)]).send_source(500);
    assert!(matches!(dust.report.error, Some(SendError::AmountTooSmall { .. })), "{:?}", dust.report);
    for run in [zero, dust] {
        assert_eq!(run.report.account, psk_chunking::send::Account::default());
    }
}
