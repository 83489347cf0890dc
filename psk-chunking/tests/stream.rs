//! The streams of a payment's data, against vectors that simply hold the octets: any order, repetition and loss.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use psk_chunking::stream::{Reassembly, ReassemblyError, ReassemblyLimits, SendStream, WriteError};
use psk_codec::psk::frame::{Frame, FramesBuilder};

const LIMITS: ReassemblyLimits =
    ReassemblyLimits { max_length: 10_000, max_buffered: 10_000, max_pieces: 1_000 };

/// What is at this offset of every stream here; not periodic in any power of two.
fn octet(offset: usize) -> u8 {
    (offset % 251) as u8
}

fn text(range: std::ops::Range<usize>) -> Vec<u8> {
    range.map(octet).collect()
}

/// Hands the frames to the other side.
fn deliver(frames: &[Frame], stream: &mut Reassembly) {
    for frame in frames {
        match frame {
            Frame::Data(data) => stream.insert(data.offset(), data.data()).unwrap(),
            Frame::DataEnd { length } => stream.end(*length).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn pieces_in_any_order_become_the_octets(
        pieces in vec((0..300_usize, 0..60_usize), 0..60), take in vec(any::<bool>(), 60),
    ) {
        let mut stream = Reassembly::new(LIMITS);
        let (mut there, mut taken) = (vec![false; 400], Vec::new());
        for ((start, length), take) in pieces.into_iter().zip(take) {
            stream.insert(start as u64, &text(start..start + length)).unwrap();
            there[start..start + length].fill(true);
            let in_order = there.iter().take_while(|there| **there).count();
            prop_assert_eq!(stream.in_order(), in_order as u64);
            let waiting = there[in_order..].iter().filter(|there| **there).count();
            prop_assert_eq!(stream.buffered(), in_order - taken.len() + waiting);
            prop_assert!(stream.pieces() <= waiting);
            if take {
                prop_assert_eq!(stream.peek().len(), in_order - taken.len());
                taken.extend(stream.take());
                prop_assert_eq!(taken.len(), in_order);
            }
        }
        taken.extend(stream.take());
        prop_assert_eq!(&taken, &text(0..taken.len()));
        // The end is where the last octet is, or later.
        let last = there.iter().rposition(|there| *there).map_or(0, |last| last + 1);
        if last > 0 {
            prop_assert_eq!(stream.clone().end(last as u64 - 1), Err(ReassemblyError::Conflict));
        }
        stream.end(last as u64).unwrap();
        prop_assert_eq!(stream.is_complete(), taken.len() == last);
        prop_assert_eq!(stream.insert(last as u64, b"!"), Err(ReassemblyError::Conflict));
    }

    #[test]
    fn a_piece_that_differs_from_what_is_kept_is_a_conflict(
        pieces in vec((1..100_usize, 1..30_usize), 1..20), wrong in 0..130_usize, length in 1..30_usize,
    ) {
        let mut stream = Reassembly::new(LIMITS);
        let mut there = [false; 200];
        for (start, length) in pieces {
            stream.insert(start as u64, &text(start..start + length)).unwrap();
            there[start..start + length].fill(true);
        }
        let mut piece = text(wrong..wrong + length);
        piece[length / 2] ^= 1;
        let result = stream.insert(wrong as u64, &piece);
        prop_assert_eq!(result.is_err(), there[wrong + length / 2]);
    }

    #[test]
    fn whatever_is_lost_is_sent_again(
        writes in vec(0..200_usize, 0..10),
        steps in vec((0..3_u8, 0..60_usize, any::<prop::sample::Index>()), 0..100),
        finish_at in 0..10_usize,
    ) {
        let (mut out, mut stream) = (SendStream::new(10_000), Reassembly::new(LIMITS));
        let mut in_flight: Vec<(usize, Vec<Frame>)> = Vec::new();
        let mut writes: VecDeque<_> = writes.into();
        let (mut written, mut received, mut packet) = (0, Vec::new(), 0);
        let mut acknowledged = 0;
        for (number, (step, room, which)) in steps.into_iter().enumerate() {
            if let Some(length) = writes.pop_front() {
                out.write(text(written..written + length).into()).unwrap();
                written += length;
            } else if number >= finish_at {
                out.finish();
            }
            if step == 0 || in_flight.is_empty() {
                let mut frames = FramesBuilder::new(room);
                if out.fill(&mut frames, packet) {
                    prop_assert!(frames.encoded_length() <= room.max(1));
                    in_flight.push((packet, frames.frames().to_vec()));
                }
                packet += 1;
                continue;
            }
            let (packet, frames) = in_flight.swap_remove(which.index(in_flight.len()));
            match step {
                // Arrived, with an answer or without.
                1 => {
                    deliver(&frames, &mut stream);
                    if room % 3 == 0 { out.lost(packet) } else { out.acknowledged(packet) }
                }
                _ => out.lost(packet),
            }
            received.extend(stream.take());
            // What is done is known to nobody.
            out.acknowledged(packet);
            out.lost(packet);
            // What is acknowledged has arrived, and stays so.
            prop_assert!((acknowledged..=stream.in_order()).contains(&out.acknowledged_in_order()));
            acknowledged = out.acknowledged_in_order();
        }
        // From here on nothing is lost.
        for length in writes {
            out.write(text(written..written + length).into()).unwrap();
            written += length;
        }
        out.finish();
        for (packet, frames) in in_flight {
            deliver(&frames, &mut stream);
            out.acknowledged(packet);
        }
        while out.has_more() {
            let mut frames = FramesBuilder::new(50);
            prop_assert!(out.fill(&mut frames, packet));
            deliver(frames.frames(), &mut stream);
            out.acknowledged(packet);
            packet += 1;
        }
        received.extend(stream.take());
        prop_assert!(out.is_acknowledged() && stream.is_complete());
        prop_assert_eq!(out.acknowledged_in_order(), written as u64);
        prop_assert_eq!(received, text(0..written));
    }

    #[test]
    fn responses_are_sent_again_after_a_while_without_a_word(
        length in 0..500_usize, steps in vec((any::<bool>(), any::<bool>(), 0..60_usize, 0..1_500_u64), 0..60),
    ) {
        let patience = Duration::from_secs(1);
        let (mut out, mut stream) = (SendStream::<()>::new(10_000), Reassembly::new(LIMITS));
        out.write(text(0..length).into()).unwrap();
        out.finish();
        let mut now = Duration::ZERO;
        let mut received = Vec::new();
        let steps = steps.into_iter().chain(std::iter::repeat_n((true, true, 60, 1_000), 30));
        for (arrives, says, room, millis) in steps {
            now += Duration::from_millis(millis);
            let mut frames = FramesBuilder::new(room);
            out.fill_response(&mut frames, now, patience);
            prop_assert!(frames.encoded_length() <= room.max(1));
            if arrives {
                deliver(frames.frames(), &mut stream);
            }
            received.extend(stream.take());
            if says {
                out.acknowledged_to(stream.in_order(), now);
            }
        }
        prop_assert!(stream.is_complete());
        prop_assert_eq!(received, text(0..length));
    }
}

#[test]
fn nothing_is_sent_again_before_its_time() {
    let (patience, mut now) = (Duration::from_secs(1), Duration::from_secs(5));
    let mut out = SendStream::<()>::new(100);
    out.write("hello".into()).unwrap();
    let sent = |out: &mut SendStream<()>, now| {
        let mut frames = FramesBuilder::<Bytes>::new(100);
        out.fill_response(&mut frames, now, patience);
        frames.frames().len()
    };
    assert_eq!(sent(&mut out, now), 1);
    assert_eq!(sent(&mut out, now + Duration::from_millis(999)), 0);
    out.acknowledged_to(2, now + Duration::from_millis(999));
    now += Duration::from_secs(1);
    assert_eq!(sent(&mut out, now), 0, "there was a word");
    assert_eq!(sent(&mut out, now + Duration::from_secs(1)), 1);
    // More than was written was not read.
    out.acknowledged_to(6, now);
    out.acknowledged_to(5, now);
    assert_eq!(sent(&mut out, now + Duration::from_secs(9)), 0);
}

#[test]
fn what_is_lost_is_sent_again_soon_when_words_come_soon() {
    let (patience, ms) = (Duration::from_secs(2), Duration::from_millis);
    let mut out = SendStream::<()>::new(1_000);
    out.write(Bytes::from(text(0..1_000))).unwrap();
    let sent_from = |out: &mut SendStream<()>, millis| {
        let mut frames = FramesBuilder::<Bytes>::new(100);
        out.fill_response(&mut frames, ms(millis), patience);
        match frames.frames().first() {
            Some(Frame::Data(data)) => data.offset(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sent_from(&mut out, 0), 0);
    let second = sent_from(&mut out, 0);
    out.acknowledged_to(second, ms(200));
    let third = sent_from(&mut out, 200);
    assert!(second < third);
    // There was a word after 200 ms, and then none.
    assert!(sent_from(&mut out, 599) > third);
    assert_eq!(sent_from(&mut out, 600), second);
    // The word that comes now may be about what was sent first: it tells no time.
    out.acknowledged_to(third, ms(610));
    assert_eq!(sent_from(&mut out, 610), third);
    assert!(sent_from(&mut out, 1_009) > third);
    assert_eq!(sent_from(&mut out, 1_010), third);
}

#[test]
fn no_more_is_sent_ahead_than_the_other_side_may_keep() {
    let mut stream = SendStream::new(1_000);
    stream.write(Bytes::from(text(0..100))).unwrap();
    stream.limit_ahead(30);
    let fill = |stream: &mut SendStream<u32>, packet| {
        let mut frames = FramesBuilder::new(1_000);
        stream.fill(&mut frames, packet);
        let octets = frames.frames().iter().map(|frame| match frame {
            Frame::Data(data) => data.data().len(),
            other => panic!("{other:?}"),
        });
        octets.sum::<usize>()
    };
    assert_eq!((fill(&mut stream, 1), stream.has_more(), fill(&mut stream, 2)), (30, false, 0));
    stream.lost(1);
    assert_eq!((stream.has_more(), fill(&mut stream, 3)), (true, 30), "what was lost goes again");
    stream.acknowledged(3);
    assert_eq!(fill(&mut stream, 4), 30);
    // A limit that falls takes nothing back.
    stream.limit_ahead(10);
    assert_eq!(fill(&mut stream, 5), 0);
    stream.acknowledged(4);
    assert_eq!((fill(&mut stream, 6), stream.has_more()), (10, false));
}

#[test]
fn a_stream_has_limits() {
    let limits = ReassemblyLimits { max_length: 10, max_buffered: 6, max_pieces: 2 };
    let mut stream = Reassembly::new(limits);
    assert_eq!(stream.insert(u64::MAX, b"!"), Err(ReassemblyError::TooLong));
    assert_eq!(stream.insert(10, b"!"), Err(ReassemblyError::TooLong));
    assert_eq!(stream.end(11), Err(ReassemblyError::TooLong));
    assert_eq!(stream.insert(2, b"cdefghi"), Err(ReassemblyError::TooLong));
    for (offset, data) in [(2, b"c"), (4, b"e")] {
        stream.insert(offset, data).unwrap();
    }
    assert_eq!(stream.clone().insert(6, b"g"), Err(ReassemblyError::TooManyPieces));
    stream.insert(0, b"abcd").unwrap();
    assert_eq!((stream.pieces(), stream.buffered(), stream.in_order()), (0, 5, 5));
    assert_eq!(stream.take(), "abcde");
    stream.insert(5, b"fghij").unwrap();
    stream.end(10).unwrap();
    assert_eq!(stream.end(9), Err(ReassemblyError::Conflict));
    assert!(stream.is_complete());

    let mut out = SendStream::<()>::new(5);
    assert_eq!(out.write("hello!".into()), Err(WriteError::TooLong(5)));
    out.write("hello".into()).unwrap();
    out.finish();
    assert_eq!(out.write(Bytes::new()), Err(WriteError::Finished));
}

#[test]
fn an_empty_stream_has_a_length_too() {
    let (mut out, mut frames) = (SendStream::new(0), FramesBuilder::new(100));
    assert!(!out.has_more() && !out.fill(&mut frames, 1));
    out.finish();
    assert!(out.has_more() && out.fill(&mut frames, 2));
    assert!(!out.has_more(), "it is on its way");
    assert_eq!(frames.frames(), [Frame::DataEnd { length: 0 }]);
    out.lost(2);
    assert!(out.has_more());
    out.fill(&mut FramesBuilder::new(100), 3);
    out.acknowledged(3);
    assert!(out.is_acknowledged());
}
