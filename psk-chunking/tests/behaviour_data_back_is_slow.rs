//! The receiver's data, when it comes slowly: all of it is taken, but no payment is kept open by an octet now and then.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use common::{Hop, HopFn, LieFn, ReplyFn, Run, World, config, maximum, source};
use psk_chunking::receive::ReceiveConfig;
use psk_chunking::send::{SendConfig, Target};
use psk_codec::Reply;
use psk_codec::psk::frame::{Frame, Frames, FramesBuilder, StreamData};

/// A hop that knows the time, and the time that it knows.
fn clock() -> (HopFn, Rc<Cell<Duration>>) {
    let clock = Rc::new(Cell::new(Duration::ZERO));
    let at = clock.clone();
    let hop = Box::new(move |packet: &common::Passing<'_>| {
        at.set(packet.now);
        Hop::Forward(packet.prepare.amount)
    });
    (hop, clock)
}

/// Ten chunks, and up to a megabyte back.
fn pay(world: World) -> Run {
    let receive = ReceiveConfig { max_data_length: 1 << 20, ..ReceiveConfig::default() };
    let world = World { receive, ..world };
    let config = SendConfig { max_received_data: 1 << 20, ..config(Target::Source(source(10_000))) };
    let run = world.send(config);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!((run.report.account.source_sent, run.received.units()), (source(10_000), 10_000));
    run
}

#[test]
fn an_octet_now_and_then_keeps_no_payment_open() {
    for every in [1, 50] {
        let (hop, clock) = clock();
        let (mut sent, mut last) = (0, Duration::ZERO);
        let trickle: LieFn = Box::new(move |honest| {
            let mut frames = FramesBuilder::new(20_000);
            for frame in Frames::read(honest).unwrap() {
                frames.push(frame).unwrap();
            }
            frames.push(Frame::DataEnd { length: 600_000 }).unwrap();
            if clock.get() > last + Duration::from_secs(every) {
                last = clock.get();
                let octet = StreamData::new(sent, Bytes::from_static(b"x")).unwrap();
                frames.push(Frame::Data(octet)).unwrap();
                sent += 1;
            }
            frames.encode()
        });
        let run = pay(World { lie: Some(trickle), ..World::with(vec![hop, maximum(1_000)]) });
        assert!(run.took < Duration::from_secs(62), "{every}: {:?}", run.took);
        assert!(run.packets < 500, "{every}: {} packets", run.packets);
    }
}

/// All of the receiver's data is lost but for one piece every so often.
#[test]
fn all_of_it_comes_where_little_passes() {
    for (every, octets) in [(5, 1 << 20), (20, 640_000)] {
        let (hop, clock) = clock();
        let mut last = Duration::ZERO;
        let thin: LieFn = Box::new(move |honest| {
            let passes = clock.get() > last + Duration::from_secs(every);
            let mut frames = FramesBuilder::new(40_000);
            for frame in Frames::read(honest).unwrap() {
                if matches!(frame, Frame::Data(_)) {
                    if !passes {
                        continue;
                    }
                    last = clock.get();
                }
                frames.push(frame).unwrap();
            }
            frames.encode()
        });
        let says = vec![7; octets].into();
        let run = pay(World { lie: Some(thin), says, ..World::with(vec![hop, maximum(1_000)]) });
        let (data, complete) = run.data_returned();
        assert_eq!((data.len(), complete), (octets, true), "{every}: {:?}", run.took);
    }
}

/// Most answers to packets that nobody can fulfill are lost.
#[test]
fn all_of_it_comes_where_most_answers_are_lost() {
    for passes in [3, 10] {
        let mut answers = 0;
        let reply: ReplyFn = Box::new(move |_, reply| {
            answers += u64::from(matches!(reply, Reply::Reject(_)));
            let is_lost = answers > 20 && matches!(reply, Reply::Reject(_)) && answers % passes != 0;
            (!is_lost).then_some(reply)
        });
        let says = vec![7; 1 << 20].into();
        let run = pay(World { reply, says, ..World::with(vec![maximum(1_000)]) });
        let (data, complete) = run.data_returned();
        assert_eq!((data.len(), complete), (1 << 20, true), "{passes}: {:?}", run.took);
    }
}
