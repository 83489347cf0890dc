//! Frames in the application data of chunk packets (PROTOCOL.md section 2, "Frames"): what is written is read back
//! the same, what is read is written the same, and everything else is refused with the place and the reason.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bytes::Bytes;
use common::arbitrary::{damaged, frame, frames, number, octets, sequence_ranges, status};
use proptest::prelude::*;
use psk_codec::psk::frame::{
    CloseReason, Closed, Frame, FrameType, Frames, FramesBuilder, FramesError, PaymentState, RefundAccount,
    SequenceRange, SequenceRanges, Status, StreamData, UnknownFrame, are_frames, max_data_length,
};
use psk_codec::psk::{MAX_APPLICATION_DATA_LENGTH, Sequence};
use psk_codec::{AddressError, DecodeError, DestinationAmount, Problem};

fn range(first: u32, last: u32) -> SequenceRange {
    SequenceRange::new(Sequence::new(first), Sequence::new(last)).unwrap()
}

fn data(offset: u64, data: &'static [u8]) -> Frame {
    Frame::Data(StreamData::new(offset, Bytes::from_static(data)).unwrap())
}

/// Writes frames without the builder.
fn written(frames: impl IntoIterator<Item = Frame>) -> Bytes {
    let mut octets = vec![1];
    frames.into_iter().for_each(|frame| frame.encode_into(&mut octets).unwrap());
    octets.into()
}

/// What can be read must be written the same again, borrowed and shared.
fn canonical_or_refused(octets: &Bytes) {
    assert_eq!(are_frames(octets), octets.first() == Some(&1));
    match (Frames::read(octets.clone()), Frames::read(&octets[..])) {
        (Ok(shared), Ok(borrowed)) => {
            assert_eq!(&written(shared.clone()), octets);
            assert!(borrowed.iter().map(|frame| frame.to_shared()).eq(shared));
        }
        (Err(error), Err(of_borrowed)) => {
            assert_eq!(error, of_borrowed);
            assert_eq!(error.is_plain(), !are_frames(octets));
            if let FramesError::Malformed(error) = error {
                assert!((1..=octets.len()).contains(&error.offset), "{error}");
            }
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn frames_come_back_in_their_order((octets, frames) in frames()) {
        prop_assert_eq!(&written(frames.clone()), &octets);
        prop_assert!(are_frames(&octets));
        let read = Frames::read(octets.clone()).unwrap();
        prop_assert_eq!(read.octets(), &octets[..]);
        prop_assert_eq!(read.into_iter().collect::<Vec<_>>(), frames);
    }

    #[test]
    fn a_frame_is_as_long_as_it_says_and_fails_without_room(frame in frame()) {
        let length = frame.encoded_length();
        let mut buffer = vec![0; length + 3];
        frame.encode_into(&mut &mut buffer[..]).unwrap();
        prop_assert_eq!(&buffer[..length], &written([frame.clone()])[1..]);
        let error = frame.encode_into(&mut &mut buffer[..length - 1]).unwrap_err();
        prop_assert_eq!((error.field, error.length, error.maximum), ("frame", length, length - 1));
    }

    #[test]
    fn random_octets_are_canonical_or_refused(octets in octets(600), frames_first in any::<bool>()) {
        let octets = if frames_first { [&[1], &octets[..]].concat().into() } else { octets };
        canonical_or_refused(&octets);
    }

    #[test]
    fn damaged_frames_are_canonical_or_refused(
        octets in frames().prop_flat_map(|(octets, _)| damaged(octets)),
    ) {
        canonical_or_refused(&octets);
    }

    #[test]
    fn every_truncation_ends_at_a_frame_or_is_refused((octets, frames) in frames()) {
        let mut ends = vec![1];
        ends.extend(frames.iter().scan(1, |end, frame| {
            *end += frame.encoded_length();
            Some(*end)
        }));
        for length in 1..octets.len() {
            let read = Frames::read(octets.slice(..length));
            prop_assert_eq!(read.is_ok(), ends.contains(&length), "{} of {}", length, octets.len());
        }
    }

    #[test]
    fn frames_share_the_memory_they_were_read_from((octets, _) in frames()) {
        let memory = octets.as_ptr_range();
        for frame in Frames::read(octets.clone()).unwrap() {
            if let Frame::Data(data) = frame && !data.data().is_empty() {
                prop_assert!(memory.contains(&data.data().as_ptr()));
            }
        }
    }

    #[test]
    fn the_room_for_data_is_filled_as_far_as_lengths_allow(
        offset in number(), room in prop_oneof![0..400_usize, 0..70_000_usize],
    ) {
        let length_of = |data: usize| {
            let data = vec![0; data];
            StreamData::new(offset, Bytes::from(data)).map(|data| Frame::Data(data).encoded_length())
        };
        match max_data_length(room, offset) {
            Some(fits) => {
                prop_assert!(length_of(fits).unwrap() <= room);
                // One octet more is too long, for the room or for the stream.
                prop_assert!(length_of(fits + 1).is_none_or(|length| length > room));
            }
            None => prop_assert!(length_of(0).unwrap() > room),
        }
    }

    #[test]
    fn a_builder_never_exceeds_its_length(frames in proptest::collection::vec(frame(), 0..8), most in 0..600_usize) {
        let mut builder = FramesBuilder::new(most);
        let mut taken = Vec::new();
        for frame in frames {
            let (room, length) = (builder.room(), frame.encoded_length());
            match builder.push(frame.clone()) {
                Ok(()) => taken.push(frame),
                Err(error) => prop_assert_eq!((error.length, error.maximum), (length, room)),
            }
            prop_assert!(builder.encoded_length() <= most.max(1));
        }
        prop_assert_eq!(builder.frames(), &taken[..]);
        let octets = builder.encode();
        prop_assert_eq!(octets.len(), builder.encoded_length());
        prop_assert_eq!(octets, written(taken));
        let mut short = vec![0; builder.encoded_length() - 1];
        builder.encode_into(&mut &mut short[..]).unwrap_err();
    }

    #[test]
    fn ranges_are_a_set(ranges in sequence_ranges(), number in any::<u32>()) {
        let list: Vec<_> = ranges.iter().collect();
        prop_assert_eq!(list.len(), ranges.len());
        prop_assert_eq!(list.iter().map(|range| range.count()).sum::<u64>(), ranges.count());
        let ends = list.iter().flat_map(|range| [range.first().number(), range.last().number()]);
        let near = ends.flat_map(|end| [end.saturating_sub(1), end, end.saturating_add(1)]);
        for number in near.chain([number, 0, u32::MAX]).map(Sequence::new) {
            let expected = list.iter().any(|range| range.contains(number));
            prop_assert_eq!(ranges.contains(number), expected, "{:?} in {:?}", number, ranges);
        }
        prop_assert_eq!(SequenceRanges::from_ranges(list), Some(ranges));
    }

    #[test]
    fn as_many_ranges_fit_as_said(status in status(), room in 0..40_000_usize) {
        let with = |ranges: usize| {
            let ranges = (0..ranges as u32).map(|number| range(number * 2, number * 2));
            let fulfilled = SequenceRanges::from_ranges(ranges).unwrap();
            Frame::Status(Status { fulfilled, ..status.clone() }).encoded_length()
        };
        match Status::max_ranges(room) {
            Some(most) => prop_assert!(with(most) <= room && with(most + 1) > room),
            None => prop_assert!(with(0) > room),
        }
    }
}

#[test]
fn every_frame_has_the_octets_of_the_protocol() {
    let status = Status {
        received: DestinationAmount::new(1_000),
        chunks: 9,
        state: PaymentState::OPEN,
        fulfilled: SequenceRanges::from_ranges([range(0, 6), range(8, 9)]).unwrap(),
    };
    let unknown = UnknownFrame::new(FrameType::new(200), Bytes::from_static(b"?!")).unwrap();
    let (refunded, total) = (DestinationAmount::new(3), DestinationAmount::new(258));
    let outstanding = SequenceRanges::from_ranges([range(3, 3), range(5, 9)]).unwrap();
    let cases: [(Frame, &[u8]); 13] = [
        (Frame::RefundAccount("g.a".parse().unwrap()), b"\x01\x04\x03g.a"),
        (data(0, b""), b"\x02\x02\x01\x00"),
        (data(256, b"hello"), b"\x02\x08\x02\x01\x00hello"),
        (Frame::DataEnd { length: 261 }, b"\x03\x03\x02\x01\x05"),
        (Frame::StatusRequest, b"\x04\x00"),
        (
            Frame::Status(status),
            b"\x05\x1f\0\0\0\0\0\0\x03\xe8\0\0\0\x09\x01\x01\x02\0\0\0\0\0\0\0\x06\0\0\0\x08\0\0\0\x09",
        ),
        (Frame::Abort, b"\x06\x00"),
        (Frame::Closed(Closed::with_message(CloseReason::SILENCE, "bye")), b"\x07\x05\x04\x03bye"),
        (Frame::RefundStatus { refunded, total }, b"\x08\x10\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\x01\x02"),
        (Frame::DataAck { offset: 261 }, b"\x09\x03\x02\x01\x05"),
        (Frame::Outstanding(SequenceRanges::EMPTY), b"\x0a\x02\x01\x00"),
        (Frame::Outstanding(outstanding), b"\x0a\x12\x01\x02\0\0\0\x03\0\0\0\x03\0\0\0\x05\0\0\0\x09"),
        (Frame::Unknown(unknown), b"\xc8\x02?!"),
    ];
    for (frame, octets) in cases {
        let octets = [&[1], octets].concat();
        assert_eq!(written([frame.clone()]), octets, "{frame:?}");
        let read = Frames::read(&octets[..]).unwrap();
        assert!(read.iter().map(|frame| frame.to_shared()).eq([frame]), "{octets:?}");
    }
}

#[test]
fn what_is_no_frames_is_told_from_broken_frames() {
    assert_eq!(Frames::read(&[][..]), Err(FramesError::Absent));
    assert_eq!(Frames::read(&[0, 4, 0][..]), Err(FramesError::OtherVersion(0)));
    assert_eq!(Frames::read(&[2, 4, 0][..]), Err(FramesError::OtherVersion(2)));
    for plain in [&[][..], &[0], &[2], b"{\"json\":1}"] {
        assert!(Frames::read(plain).unwrap_err().is_plain());
        assert!(!are_frames(plain));
    }
    assert!(!Frames::read(&[1, 4][..]).unwrap_err().is_plain());
    // Frames are understood, and there are none.
    assert_eq!(Frames::read(&[1][..]).unwrap().iter().count(), 0);
    assert_eq!(FramesBuilder::<Bytes>::new(0).encode(), [1][..]);
}

#[test]
fn malformed_frames_are_refused_with_place_and_reason() {
    let truncated = |needed, available| Problem::Truncated { needed, available };
    let trailing = Problem::TrailingOctets(1);
    let invalid = Problem::Invalid;
    let cases: [(&[u8], &str, usize, Problem); 36] = [
        (b"\x01\x04", "frame contents", 2, truncated(1, 0)),
        (b"\x01\x04\x01", "frame contents", 3, truncated(1, 0)),
        (b"\x01\x04\x81\x00", "frame contents", 2, Problem::NotCanonical),
        (b"\x01\x02\x84\xff\xff\xff\xff", "frame contents", 7, truncated(0xffff_ffff, 0)),
        (b"\x01\x01\x00", "refund account", 3, truncated(1, 0)),
        (b"\x01\x01\x01\x00", "refund account", 3, Problem::InvalidAddress(AddressError::EmptySegment)),
        (b"\x01\x01\x03\x02g.", "refund account", 3, Problem::InvalidAddress(AddressError::EmptySegment)),
        (b"\x01\x01\x04\x02g.a", "refund account", 3, Problem::InvalidAddress(AddressError::EmptySegment)),
        (b"\x01\x01\x05\x03g.a\0", "RefundAccount frame", 7, trailing.clone()),
        (b"\x01\x02\x00", "stream offset", 3, truncated(1, 0)),
        (b"\x01\x02\x01\x00", "stream offset", 3, Problem::NotCanonical),
        (b"\x01\x02\x03\x02\x00\x01", "stream offset", 3, Problem::NotCanonical),
        (b"\x01\x02\x0a\x09\x01\0\0\0\0\0\0\0\0", "stream offset", 3, Problem::TooLarge),
        // Its last octet would be the 2^64th one.
        (b"\x01\x02\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff!", "stream offset", 3, Problem::TooLarge),
        (b"\x01\x03\x00", "stream length", 3, truncated(1, 0)),
        (b"\x01\x03\x03\x01\x05\x00", "DataEnd frame", 5, trailing.clone()),
        (b"\x01\x04\x00\x04\x01\x00", "StatusRequest frame", 5, trailing.clone()),
        (b"\x01\x05\x04\0\0\0\0", "total received", 3, truncated(8, 4)),
        (b"\x01\x05\x0a\0\0\0\0\0\0\0\0\0\0", "number of chunks", 11, truncated(4, 2)),
        (b"\x01\x05\x0c\0\0\0\0\0\0\0\0\0\0\0\0", "payment state", 15, truncated(1, 0)),
        (b"\x01\x06\x01\x00", "Abort frame", 3, trailing.clone()),
        (b"\x01\x07\x00", "close reason", 3, truncated(1, 0)),
        (b"\x01\x07\x01\x00", "close message", 4, truncated(1, 0)),
        (b"\x01\x07\x03\x00\x01\xff", "close message", 4, invalid("not UTF-8")),
        (b"\x01\x07\x03\x00\x00\x00", "Closed frame", 5, trailing.clone()),
        (b"\x01\x08\x00", "amount refunded", 3, truncated(8, 0)),
        (b"\x01\x08\x0c\0\0\0\0\0\0\0\0\0\0\0\0", "total refund", 11, truncated(8, 4)),
        (b"\x01\x08\x11\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "RefundStatus frame", 19, trailing.clone()),
        (b"\x01\x09\x00", "stream offset", 3, truncated(1, 0)),
        (b"\x01\x09\x03\x02\x00\x01", "stream offset", 3, Problem::NotCanonical),
        (b"\x01\x09\x03\x01\x05\x00", "DataAck frame", 5, trailing.clone()),
        (b"\x01\x0a\x00", "number of sequence ranges", 3, truncated(1, 0)),
        (b"\x01\x0a\x02\x01\x01", "number of sequence ranges", 3, Problem::TooLarge),
        (b"\x01\x0a\x03\x01\x00\x00", "Outstanding frame", 5, trailing),
        (b"\x01\xc8\x02\x00", "frame contents", 3, truncated(2, 1)),
        (b"\x01\x04\x00\x06\x00\x09", "frame contents", 6, truncated(1, 0)),
    ];
    for (octets, reading, offset, problem) in cases {
        let expected = FramesError::Malformed(DecodeError::new(reading, offset, problem));
        assert_eq!(Frames::read(octets), Err(expected), "{}", octets.escape_ascii());
    }
}

#[test]
fn ranges_that_are_not_canonical_are_refused() {
    const NUMBER: &str = "number of sequence ranges";
    // Where the number of ranges is, and where they are when it has one octet.
    const AT: usize = 1 + 2 + 13;
    const FIRST: usize = AT + 2;
    let ranges = |ranges: &[[u32; 2]]| {
        let numbers = ranges.iter().flatten().flat_map(|number| number.to_be_bytes());
        [1, ranges.len() as u8].into_iter().chain(numbers).collect::<Vec<u8>>()
    };
    let ascending = || Problem::Invalid("not after the range before");
    let cases = [
        (vec![], NUMBER, AT, Problem::Truncated { needed: 1, available: 0 }),
        (vec![0], NUMBER, AT, Problem::NotCanonical),
        (vec![2, 0, 0], NUMBER, AT, Problem::NotCanonical),
        (vec![1, 1, 0, 0, 0, 0, 0, 0, 0], NUMBER, AT, Problem::TooLarge),
        (vec![4, 0x20, 0, 0, 0], NUMBER, AT, Problem::TooLarge),
        (vec![8, 0x20, 0, 0, 0, 0, 0, 0, 1], NUMBER, AT, Problem::TooLarge),
        (vec![9, 1, 0, 0, 0, 0, 0, 0, 0, 0], NUMBER, AT, Problem::TooLarge),
        (vec![1, 0, 0], "Status frame", FIRST, Problem::TrailingOctets(1)),
        ([&ranges(&[[1, 2]])[..], &[0]].concat(), "Status frame", FIRST + 8, Problem::TrailingOctets(1)),
        (ranges(&[[2, 1]]), "sequence range", FIRST, Problem::Invalid("first after last")),
        (ranges(&[[0, 4], [9, 8]]), "sequence range", FIRST + 8, Problem::Invalid("first after last")),
        // As one range these would be [0-9].
        (ranges(&[[0, 4], [5, 9]]), "sequence range", FIRST + 8, Problem::NotCanonical),
        (ranges(&[[0, 4], [4, 9]]), "sequence range", FIRST + 8, ascending()),
        (ranges(&[[6, 9], [0, 4]]), "sequence range", FIRST + 8, ascending()),
        (ranges(&[[0, 1], [3, u32::MAX], [0, 0]]), "sequence range", FIRST + 16, ascending()),
    ];
    for (ranges, reading, offset, problem) in cases {
        let octets = [&[1, 5, 13 + ranges.len() as u8], &[0; 13][..], &ranges].concat();
        let expected = FramesError::Malformed(DecodeError::new(reading, offset, problem));
        assert_eq!(Frames::read(&octets[..]), Err(expected), "{ranges:?}");
    }
    assert_eq!(SequenceRange::new(Sequence::new(2), Sequence::new(1)), None);
    for refused in [[range(0, 4), range(5, 9)], [range(0, 4), range(4, 9)], [range(6, 9), range(0, 4)]] {
        assert_eq!(SequenceRanges::from_ranges(refused), None);
    }
}

#[test]
fn a_status_is_exact_when_ranges_and_chunks_agree() {
    let status = |chunks, ranges: &[SequenceRange]| Status {
        received: DestinationAmount::ZERO,
        chunks,
        state: PaymentState::OPEN,
        fulfilled: SequenceRanges::from_ranges(ranges.iter().copied()).unwrap(),
    };
    assert!(status(0, &[]).is_exact());
    assert!(status(4, &[range(0, 2), range(7, 7)]).is_exact());
    // Ranges that were joined for want of room hold more numbers than were fulfilled.
    assert!(!status(4, &[range(0, 7)]).is_exact());
    // 2^32 numbers do not look like none.
    let all = status(0, &[range(0, u32::MAX)]);
    assert_eq!(all.fulfilled.count(), 1 << 32);
    assert!(!all.is_exact());
}

#[test]
fn streams_end_at_64_bits() {
    assert_eq!(StreamData::new(u64::MAX, &b""[..]).unwrap().end(), u64::MAX);
    assert_eq!(StreamData::new(u64::MAX - 1, &b"!"[..]).unwrap().end(), u64::MAX);
    assert_eq!(StreamData::new(u64::MAX, &b"!"[..]), None);
    assert_eq!(max_data_length(1_000, u64::MAX - 3), Some(3));
    assert_eq!(max_data_length(11, u64::MAX), Some(0));
    assert_eq!(max_data_length(10, u64::MAX), None);
    assert_eq!(max_data_length(4, 0), Some(0));
    assert_eq!(max_data_length(3, 0), None);
    // At 130 octets the length takes two, so that 129 octets of room are as good as 130.
    assert_eq!((max_data_length(129, 0), max_data_length(130, 0)), (Some(125), Some(125)));
    assert_eq!(max_data_length(131, 0), Some(126));
}

#[test]
fn unknown_numbers_survive_and_known_ones_have_names() {
    assert_eq!(UnknownFrame::new(FrameType::ABORT, Bytes::new()), None);
    assert_eq!((FrameType::REFUND_ACCOUNT.number(), FrameType::OUTSTANDING.number()), (1, 10));
    assert_eq!(format!("{:?} {:?}", FrameType::DATA_END, FrameType::new(11)), "DATA_END FrameType(11)");
    assert_eq!(PaymentState::new(4).name(), Some("REFUNDING"));
    assert_eq!(format!("{:?}", PaymentState::new(6)), "PaymentState(6)");
    assert_eq!(CloseReason::new(9).name(), Some("PROTOCOL_VIOLATION"));
    assert_eq!(CloseReason::new(10).name(), None);
    let open = (0..=u8::MAX).map(PaymentState::new).filter(|state| state.takes_chunks());
    assert!(open.eq([PaymentState::NOT_FOUND, PaymentState::OPEN]));
}

#[test]
fn only_addresses_and_text_are_taken_for_them() {
    assert_eq!(RefundAccount::new(&b"g..a"[..]), Err(AddressError::EmptySegment));
    let account: RefundAccount = "test.alice".parse().unwrap();
    assert_eq!(psk_codec::Address::from(account).as_str(), "test.alice");
    Closed::new(CloseReason::OTHER, &b"\xff"[..]).unwrap_err();
    assert_eq!(Closed::new(CloseReason::OTHER, &b"caf\xc3\xa9"[..]).unwrap().message(), "café");
}

#[test]
fn data_of_the_application_is_not_shown_by_debug() {
    let frames = [data(7, b"secret"), Frame::Closed(Closed::with_message(CloseReason::OTHER, "\x1b"))];
    let octets = written(frames);
    let text = format!("{:?}", Frames::read(octets).unwrap());
    let expected =
        "[StreamData { offset: 7, data: 6 octets }, Closed { reason: OTHER, message: \"\\u{1b}\" }]";
    assert_eq!(text, expected);
}

#[test]
fn the_longest_application_data_fits_a_chunk_packet() {
    let mut builder = FramesBuilder::new(usize::MAX);
    let length = builder.room_for_data(0).unwrap();
    builder.push(Frame::Data(StreamData::new(0, Bytes::from(vec![7; length])).unwrap())).unwrap();
    assert_eq!((builder.room(), builder.encoded_length()), (0, MAX_APPLICATION_DATA_LENGTH));
    builder.push(Frame::Abort).unwrap_err();
    let mut packet = psk_codec::psk::ChunkPacket {
        kind: psk_codec::psk::ChunkKind::Chunk,
        payment_id: psk_codec::psk::PaymentId::new([0; 16]),
        sequence: Sequence::FIRST,
        payment_amount: psk_codec::Amount::ZERO,
        chunk_amount: psk_codec::Amount::ZERO,
        application_data: builder.encode(),
    };
    assert_eq!(packet.encode().unwrap().len(), psk_codec::psk::MAX_PLAINTEXT_LENGTH);
    packet.application_data = vec![1; MAX_APPLICATION_DATA_LENGTH + 1].into();
    packet.encode().unwrap_err();
}
