//! Cancelling sends nothing new, awaits all replies and accounts for them.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::{Hop, World, chunks_only, config, destination, maximum, source};
use psk_chunking::receive::{OnIncomplete, ReceiveConfig};
use psk_chunking::send::{Input, SendConfig, SendError, Target};

fn cancelled_at(millis: u64, world: World) -> World {
    World { commands: vec![(Duration::from_millis(millis), || Input::Cancel)], ..world }
}

#[test]
fn all_replies_are_awaited_and_accounted_for() {
    for at in (0..700).step_by(20) {
        let newest = Rc::new(Cell::new(Duration::ZERO));
        let seen = newest.clone();
        let watch = chunks_only(move |_, packet| {
            seen.set(packet.now);
            None
        });
        let world = cancelled_at(at, World::with(vec![maximum(1_000), watch]));
        let mut config = config(Target::Source(source(10_000_000)));
        config.max_packets_in_flight = 150;
        let run = world.send(config);
        assert_eq!(run.report.error, Some(SendError::Cancelled), "{at}");
        let account = run.report.account;
        assert_eq!(
            (account.delivered, account.source_sent.units()),
            (run.received, run.received.units()),
            "{at}"
        );
        assert!(account.in_doubt.is_zero() && account.unverified.is_zero(), "{at}: {account:?}");
        // The receiver is told, so that it waits for nothing more.
        let late = run.sent_at.iter().filter(|sent| sent.as_millis() > u128::from(at)).count();
        assert!(late <= 1, "{at}: {late} sent after it was cancelled");
        assert!(run.took <= Duration::from_millis(at + 210), "{at}: {:?}", run.took);
    }
}

/// What became of a chunk is unknown, and the receiver says nothing any more.
#[test]
fn a_receiver_that_has_gone_is_not_awaited_for_ever() {
    let hop = chunks_only(|chunk, _| (chunk == 5).then_some(Hop::LinkLost { arrives: false }));
    let silent = Box::new(|packet: &common::Passing<'_>| {
        match packet.is_probe && packet.now > Duration::from_millis(200) {
            true => Hop::Swallow,
            false => Hop::Forward(packet.prepare.amount),
        }
    });
    let world = cancelled_at(350, World::with(vec![maximum(1_000), hop, silent]));
    let mut config = config(Target::Source(source(10_000_000)));
    config.max_packets_in_flight = 20;
    let run = world.send(config);
    assert_eq!(run.report.error, Some(SendError::Cancelled));
    assert_eq!(run.report.account.in_doubt, source(1_000));
    assert!(run.took < Duration::from_secs(60), "{:?}", run.took);
}

/// A chunk and a packet with data alone are lost: the chunk is awaited until it is settled, and nobody goes round in
/// circles meanwhile.
#[test]
fn replies_that_never_come_are_awaited_too() {
    for arrives in [true, false] {
        let hop = chunks_only(move |chunk, _| (!arrives && chunk == 5).then_some(Hop::Swallow));
        let mut fulfills = 0;
        let reply = Box::new(move |_: &_, reply| {
            let fulfilled = matches!(reply, psk_codec::Reply::Fulfill(_));
            fulfills += u64::from(fulfilled);
            (!arrives || !fulfilled || fulfills != 5).then_some(reply)
        });
        let world = cancelled_at(350, World { reply, ..World::with(vec![maximum(1_000), hop]) });
        let mut config = config(Target::Source(source(10_000_000)));
        config.max_packets_in_flight = 20;
        let run = world.send(config);
        assert_eq!(run.report.error, Some(SendError::Cancelled));
        let account = run.report.account;
        assert_eq!((account.delivered, account.source_sent.units()), (run.received, run.received.units()));
        assert!(account.in_flight.is_zero() && account.in_doubt.is_zero(), "{account:?}");
        // What cannot arrive any more takes its expiry and a grace to be known of.
        let longest = if arrives { 3 } else { 40 };
        assert!(run.took < Duration::from_secs(longest), "{arrives}: {:?}", run.took);
    }
}

#[test]
fn data_under_way_holds_nobody_up() {
    for at in [250, 310, 350, 400, 450, 600, 1_000] {
        let mut probes = 0;
        let lossy = Box::new(move |packet: &common::Passing<'_>| {
            probes += u64::from(packet.is_probe);
            match packet.is_probe && probes > 6 && probes % 2 == 0 {
                true => Hop::Swallow,
                false => Hop::Forward(packet.prepare.amount),
            }
        });
        let hop = chunks_only(move |chunk, _| (chunk == 2).then_some(Hop::Swallow));
        let receive = ReceiveConfig { max_data_length: 4 << 20, ..ReceiveConfig::default() };
        let world = World { receive, ..World::with(vec![maximum(1_000), lossy, hop]) };
        let world = cancelled_at(at, world);
        let mut config = config(Target::Source(source(3_000)));
        config.data = Some(bytes::Bytes::from(vec![7; 1 << 20]));
        let run = world.send(config);
        assert_eq!(run.report.error, Some(SendError::Cancelled), "{at}");
        assert_eq!(run.report.account.delivered, run.received, "{at}");
        assert!(run.took < Duration::from_secs(60), "{at}: {:?}", run.took);
    }
}

/// The chunks on the way complete the payment: it is not called cancelled for that it was too late.
#[test]
fn what_completes_all_the_same_is_accounted_for() {
    let world = cancelled_at(250, World::with(vec![maximum(1_000)]));
    let run = world.send(config(Target::Source(source(5_000))));
    assert_eq!((run.report.error, run.report.account.source_sent), (None, source(5_000)));
    assert_eq!(run.received, destination(5_000));
    // The same with a time-out, and of a fixed destination amount.
    for target in [Target::Source(source(1_000)), Target::Destination(destination(1_000))] {
        let mut config = config(target);
        config.total_timeout = Some(Duration::from_millis(250));
        let run = World::with(vec![maximum(1_000)]).send(config);
        assert_eq!((run.report.error, run.report.account.delivered), (None, destination(1_000)));
    }
}

/// Nothing comes back for a while after the first chunk, so that all is in doubt when the receiver is told of the end: its
/// answer says that it has everything.
#[test]
fn what_the_answer_to_the_abort_completes_is_not_called_failed() {
    for (by_time_out, refund_account) in [(false, false), (false, true), (true, false)] {
        let (now, began) = (Rc::new(Cell::new(Duration::ZERO)), Rc::new(Cell::new(None)));
        let (seen, time) = (began.clone(), now.clone());
        let watch = Box::new(move |packet: &common::Passing<'_>| {
            time.set(packet.now);
            if !packet.is_probe && seen.get().is_none() {
                seen.set(Some(packet.now));
            }
            Hop::Forward(packet.prepare.amount)
        });
        let is_lost = move || began.get().is_some_and(|began| now.get() < began + Duration::from_secs(6));
        let reply = Box::new(move |_: &_, reply| (!is_lost()).then_some(reply));
        let world = World { reply, ..World::with(vec![maximum(1_000), watch]) };
        let mut config = config(Target::Source(source(5_000)));
        config.refund_account = refund_account.then(|| "test.sender.refund".parse().unwrap());
        config.total_timeout = by_time_out.then_some(Duration::from_millis(700));
        let run = if by_time_out { world.send(config) } else { cancelled_at(700, world).send(config) };
        assert_eq!((run.received, run.refunded), (destination(5_000), 0));
        let account = run.report.account;
        assert_eq!((account.delivered, account.in_doubt), (run.received, source(0)), "{account:?}");
        assert_eq!(run.report.error, None, "{by_time_out} {refund_account}: {account:?}");
    }
}

/// The Fulfills come when the receiver, which is silent, is being told of the end.
#[test]
fn what_late_answers_complete_is_not_called_failed() {
    let silent = Box::new(|packet: &common::Passing<'_>| {
        match packet.is_probe && packet.now > Duration::from_millis(200) {
            true => Hop::Swallow,
            false => Hop::Forward(packet.prepare.amount),
        }
    });
    let late = chunks_only(|_, _| Some(Hop::Late(Duration::from_secs(40))));
    let world = cancelled_at(700, World::with(vec![maximum(1_000), silent, late]));
    let refund_account = Some("test.sender.refund".parse().unwrap());
    let run = world.send(SendConfig { refund_account, ..config(Target::Source(source(5_000))) });
    assert_eq!(run.report.account.delivered, destination(5_000), "{:?}", run.report);
    assert_eq!(run.report.error, None, "{:?}", run.took);
}

/// While the last answers are awaited, and while nothing comes of the refund that is promised.
#[test]
fn what_comes_back_is_not_awaited_when_it_is_given_up() {
    for (given_up, earliest, latest) in
        [(Some(351), 350, 700), (Some(2_000), 2_000, 2_000), (None, 60_000, 62_000)]
    {
        let mut world = cancelled_at(350, World::with(vec![maximum(1_000)]));
        world.receive.on_incomplete = OnIncomplete::Refund;
        world.refunds = 0;
        let commands =
            given_up.map(|at| (Duration::from_millis(at), (|| Input::GiveUpRefund) as fn() -> Input));
        world.commands.extend(commands);
        let config = SendConfig {
            refund_account: Some("test.sender.refund".parse().unwrap()),
            ..config(Target::Source(source(100_000_000)))
        };
        let run = world.send(config);
        assert_eq!(run.report.error, Some(SendError::Cancelled));
        let account = run.report.account;
        assert_eq!((account.in_doubt, account.refunded), (source(0), source(0)), "{account:?}");
        assert_eq!((account.lost(), account.delivered), (account.source_sent, run.received), "{account:?}");
        assert!((earliest..=latest).contains(&run.took.as_millis()), "{given_up:?}: {:?}", run.took);
    }
}

/// Answers are lost, so the receiver is asked while chunks are in flight, and it speaks before the last of them arrive:
/// that is not its last word.
#[test]
fn a_word_that_the_last_chunks_have_overtaken_is_not_the_last() {
    for at in (400..1_000).step_by(47) {
        for late in [0, 20, 45, 90, 400, 1_500] {
            let asks = Box::new(move |packet: &common::Passing<'_>| {
                match packet.is_probe && packet.now > Duration::from_millis(300) {
                    true => Hop::Late(Duration::from_millis(late)),
                    false => Hop::Forward(packet.prepare.amount),
                }
            });
            let mut fulfills = 0;
            let loses = Box::new(move |_: &_, reply| {
                fulfills += u64::from(matches!(reply, psk_codec::Reply::Fulfill(_)));
                let lost = matches!(reply, psk_codec::Reply::Fulfill(_)) && fulfills % 5 == 0;
                (!lost).then_some(reply)
            });
            let world = cancelled_at(at, World { reply: loses, ..World::with(vec![maximum(1_000), asks]) });
            let mut config = config(Target::Source(source(100_000_000)));
            config.max_packets_in_flight = 150;
            let run = world.send(config);
            assert_eq!(run.report.error, Some(SendError::Cancelled));
            let account = run.report.account;
            let known = (account.delivered, account.unverified, account.in_doubt);
            assert_eq!(known, (run.received, destination(0), source(0)), "{at} {late}: {account:?}");
            assert_eq!(account.source_sent.units(), run.received.units(), "{at} {late}");
        }
    }
}
