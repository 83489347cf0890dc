use bytes::Bytes;
use psk_codec::psk::frame::{
    Closed, Frame, Frames, FramesBuilder, FramesError, SequenceRanges, Status, StreamData, UnknownFrame,
    VERSION, are_frames,
};
use psk_codec::psk::{
    ChunkPacket, MAX_APPLICATION_DATA_LENGTH, MAX_PLAINTEXT_LENGTH, PskPacket, RequestPacket, Sequence,
    UnknownPskPacket,
};

use super::{refused, shared};

/// Reads a PSK packet into shared and into borrowed fields. Such packets end with junk, a chunk even with an
/// extension octet that nobody reads.
pub(crate) fn psk(plaintext: &Bytes) {
    let (packet, borrowed) = match (PskPacket::decode(plaintext.clone()), PskPacket::read(plaintext)) {
        (Ok(packet), Ok(borrowed)) => (packet, borrowed),
        (Err(error), Err(of_borrowed)) => {
            assert_eq!(error, of_borrowed);
            return refused(Err::<PskPacket, _>(error), plaintext);
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(borrowed_psk(&packet), borrowed);
    match &packet {
        PskPacket::Request(request) => shared(&request.data, plaintext),
        PskPacket::Chunk(chunk) => {
            shared(&chunk.application_data, plaintext);
            frames(&chunk.application_data);
        }
        PskPacket::Unknown(unknown) => {
            shared(unknown.body(), plaintext);
            assert_eq!(packet.encoded_length(), plaintext.len());
        }
    }
    let length = packet.encoded_length();
    assert!(length <= plaintext.len());
    assert_eq!(borrowed.encoded_length(), length);
    assert_eq!(borrowed.encode(), packet.encode());
    let Ok(written) = packet.encode() else {
        // No envelope holds so much.
        assert!(length > MAX_PLAINTEXT_LENGTH);
        return;
    };
    assert_eq!(written.len(), length);
    let extension = usize::from(matches!(packet, PskPacket::Chunk(_)));
    assert!(plaintext.starts_with(&written[..length - extension]));
    assert!(written.ends_with(&[0][..extension]));

    let mut buffer = vec![0; length];
    borrowed.encode_into(&mut &mut buffer[..]).unwrap();
    assert_eq!(buffer, written);
    borrowed.encode_into(&mut &mut buffer[1..]).unwrap_err();
    assert_eq!(PskPacket::decode(written), Ok(packet));
}

/// The same packet with its data borrowed.
fn borrowed_psk(packet: &PskPacket) -> PskPacket<&[u8]> {
    match packet {
        &PskPacket::Request(RequestPacket { kind, request_id, amount, ref data }) => {
            PskPacket::Request(RequestPacket { kind, request_id, amount, data })
        }
        PskPacket::Chunk(chunk) => PskPacket::Chunk(ChunkPacket {
            kind: chunk.kind,
            payment_id: chunk.payment_id,
            sequence: chunk.sequence,
            payment_amount: chunk.payment_amount,
            chunk_amount: chunk.chunk_amount,
            application_data: &chunk.application_data,
        }),
        PskPacket::Unknown(unknown) => {
            PskPacket::Unknown(UnknownPskPacket::new(unknown.packet_type(), &unknown.body()[..]).unwrap())
        }
    }
}

/// Reads the frames in the application data of a chunk, shared and borrowed.
pub(crate) fn frames(application_data: &Bytes) {
    assert_eq!(are_frames(application_data), application_data.first() == Some(&VERSION));
    let (read, borrowed) = match (Frames::read(application_data.clone()), Frames::read(&application_data[..]))
    {
        (Ok(read), Ok(borrowed)) => (read, borrowed),
        (Err(error), Err(of_borrowed)) => {
            assert_eq!(error, of_borrowed);
            assert_eq!(error.is_plain(), !are_frames(application_data));
            if let FramesError::Malformed(error) = error {
                assert!(error.offset > 0);
                refused(Err::<Frames, _>(error), application_data);
            }
            return;
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(read.octets(), application_data);
    assert!(!format!("{read:?}").is_empty());
    let mut written = vec![VERSION];
    let mut builder = FramesBuilder::new(application_data.len());
    let fits = application_data.len() <= MAX_APPLICATION_DATA_LENGTH;
    for (frame, borrowed) in read.into_iter().zip(borrowed) {
        assert_eq!(frame, borrowed.to_shared());
        assert_eq!(frame_anew(&frame), frame);
        frame_shares(&frame, application_data);
        let start = written.len();
        borrowed.encode_into(&mut written).unwrap();
        assert_eq!(written.len() - start, frame.encoded_length());
        assert_eq!(builder.push(frame).is_ok(), fits || builder.room() >= borrowed.encoded_length());
    }
    assert_eq!(written, application_data[..]);
    if fits {
        assert_eq!(builder.room(), 0);
        assert_eq!(&builder.encode(), application_data);
    }
}

/// The frame made of its parts, which must be what those who make frames are held to.
fn frame_anew(frame: &Frame) -> Frame {
    match frame.clone() {
        Frame::RefundAccount(account) => Frame::RefundAccount(account.address().to_address().into()),
        Frame::Data(data) => {
            assert_eq!(data.end() - data.offset(), data.data().len() as u64);
            Frame::Data(StreamData::new(data.offset(), data.into_data()).unwrap())
        }
        Frame::Status(status) => {
            assert_eq!(status.is_exact(), status.fulfilled.count() == u64::from(status.chunks));
            Frame::Status(Status { fulfilled: ranges_anew(&status.fulfilled), ..status })
        }
        Frame::Outstanding(sequences) => Frame::Outstanding(ranges_anew(&sequences)),
        Frame::Closed(closed) => Frame::Closed(Closed::with_message(closed.reason(), closed.message())),
        Frame::Unknown(unknown) => {
            Frame::Unknown(UnknownFrame::new(unknown.frame_type(), unknown.contents().clone()).unwrap())
        }
        other => other,
    }
}

fn ranges_anew(sequences: &SequenceRanges) -> SequenceRanges {
    let ranges: Vec<_> = sequences.iter().collect();
    let count = ranges.iter().map(|range| range.count()).sum::<u64>();
    assert_eq!((sequences.len(), sequences.count()), (ranges.len(), count));
    for range in &ranges {
        assert!(range.first() <= range.last());
        assert!(sequences.contains(range.first()) && sequences.contains(range.last()));
        let next = range.last().number().checked_add(1).map(Sequence::new);
        assert!(next.is_none_or(|next| !sequences.contains(next)));
    }
    SequenceRanges::from_ranges(ranges).unwrap()
}

fn frame_shares(frame: &Frame, octets: &Bytes) {
    match frame {
        Frame::RefundAccount(account) => shared(account.address().as_octets(), octets),
        Frame::Data(data) => shared(data.data(), octets),
        Frame::Closed(closed) => shared(closed.message().as_bytes(), octets),
        Frame::Unknown(unknown) => shared(unknown.contents(), octets),
        _ => {}
    }
}
