//! The receiver's data, when the answer that carries it is lost: the money is there, and the data comes again, or the
//! payment completes without it. And the sender's, when answers become slow.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Hop, LieFn, Passing, ReplyFn, Run, World, config, maximum, source};
use psk_chunking::receive::ReceiveConfig;
use psk_chunking::send::{SendConfig, Target};
use psk_codec::Reply;
use psk_codec::psk::frame::{Frame, Frames, FramesBuilder};

/// Twenty chunks, and the answers to some of them are lost.
fn pay(one_way: Duration, lost: impl Fn(u64) -> bool + 'static) -> Run {
    let mut fulfills = 0;
    let reply: ReplyFn = Box::new(move |_, reply| {
        let is_fulfill = matches!(reply, Reply::Fulfill(_));
        fulfills += u64::from(is_fulfill);
        (!(is_fulfill && lost(fulfills))).then_some(reply)
    });
    let world = World { reply, says: "thank you".into(), one_way, ..World::with(vec![maximum(1_000)]) };
    let run = world.send(config(Target::Source(source(20_000))));
    assert!(run.report.is_completed(), "{:?} {one_way:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(20_000));
    run
}

#[test]
fn it_is_asked_for_until_it_comes_again() {
    for one_way in [50, 1] {
        let one_way = Duration::from_millis(one_way);
        for lost in [1, 2, 20] {
            let run = pay(one_way, move |fulfill| fulfill == lost);
            let (data, complete) = run.data_returned();
            assert_eq!((data.as_slice(), complete), (b"thank you".as_slice(), true), "{lost} {one_way:?}");
            // The receiver sends it again after two seconds without a word.
            assert!(run.took < Duration::from_secs(5), "{lost}: {:?}", run.took);
        }
    }
}

/// A receiver that says that there is data and never sends it: the payment is none the worse for it.
#[test]
fn one_that_promises_data_and_sends_none_is_paid_all_the_same() {
    let promise: LieFn = Box::new(|frames| {
        let Ok(read) = Frames::read(frames.clone()) else { return frames };
        let mut lie = FramesBuilder::new(1_000);
        for frame in read.iter().filter(|frame| !matches!(frame, Frame::Data(_) | Frame::DataEnd { .. })) {
            lie.push(frame).unwrap();
        }
        lie.push(Frame::DataEnd { length: 10 }).unwrap();
        lie.encode()
    });
    let world = World { lie: Some(promise), ..World::with(vec![maximum(1_000)]) };
    let run = world.send(config(Target::Source(source(20_000))));
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.report.account.source_sent, source(20_000));
    assert_eq!(run.data_returned(), (Vec::new(), false));
}

/// After the money answers take much longer than the round trip that was measured.
#[test]
fn data_arrives_although_answers_become_slow() {
    for late in [0, 100, 300, 1_000] {
        let slow = Box::new(move |packet: &Passing<'_>| match packet.now > Duration::from_millis(200) {
            true => Hop::Late(Duration::from_millis(late)),
            false => Hop::Forward(packet.prepare.amount),
        });
        let receive = ReceiveConfig { max_data_length: 4 << 20, ..ReceiveConfig::default() };
        let world = World { receive, ..World::with(vec![maximum(1_000), slow]) };
        let data = Some(Bytes::from(vec![7; 3 << 20]));
        let run = world.send(SendConfig { data, ..config(Target::Source(source(2_000))) });
        assert!(run.report.is_completed(), "{late}: {:?}", run.report);
        let (received, complete) = run.data_received();
        assert_eq!((received.len(), complete), (3 << 20, true), "{late}");
        assert!(run.packets < 300, "{late}: {}", run.packets);
    }
}
