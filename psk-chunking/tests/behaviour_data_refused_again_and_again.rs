//! A receiver that refuses the data of chunks that carry none: it refuses the chunks.

mod common;

use std::time::Duration;

use common::{World, maximum};
use psk_chunking::receive::Verdict;
use psk_chunking::send::SendError;
use psk_codec::psk::frame::{CloseReason, Closed, Frame, FramesBuilder};

#[test]
fn it_is_taken_for_a_refusal() {
    for reason in [CloseReason::DATA_TOO_LONG, CloseReason::PROTOCOL_VIOLATION] {
        for one_way in [0, 5] {
            let refuses: common::LieFn = Box::new(move |_| {
                let mut frames = FramesBuilder::new(1_000);
                frames.push(Frame::Closed(Closed::with_message(reason, ""))).unwrap();
                frames.encode()
            });
            let world = World {
                verdict: Verdict::RefuseChunk,
                lie: Some(refuses),
                one_way: Duration::from_millis(one_way),
                ..World::with(vec![maximum(1_000)])
            };
            let run = world.send_source(1_000_000);
            assert_eq!(run.report.error, Some(SendError::Refused), "{reason:?}");
            assert!(run.took < Duration::from_secs(10), "{reason:?}: {:?}", run.took);
            // A thousand chunks that left before the first answer, those again, and few more.
            assert!(run.packets < 2_500, "{reason:?}: {} packets", run.packets);
        }
    }
}
