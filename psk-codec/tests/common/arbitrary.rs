//! Any packets, and packets that have been damaged.

#![allow(dead_code, reason = "every test file is a crate of its own and uses a part of this")]

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use psk_codec::btp;
use psk_codec::ildcp::AccountDetails;
use psk_codec::psk::frame::{
    CloseReason, Closed, Frame, FrameType, FramesBuilder, PaymentState, RefundAccount, SequenceRange,
    SequenceRanges, Status, StreamData, UnknownFrame,
};
use psk_codec::psk::{
    ChunkKind, ChunkPacket, PaymentId, PskPacket, PskPacketType, RequestId, RequestKind, RequestPacket,
    Sequence, UnknownPskPacket,
};
use psk_codec::{
    Address, Amount, Condition, DestinationAmount, ErrorCode, Fulfill, Fulfillment, Packet, PacketType,
    Prepare, Reject, Timestamp, UnknownPacket,
};

pub(crate) fn octets(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}

pub(crate) fn amount() -> impl Strategy<Value = Amount> {
    any::<u64>().prop_map(Amount::new)
}

pub(crate) fn address() -> impl Strategy<Value = Address> {
    "(g|private|example|peer|self|test[123]?|local)(\\.[A-Za-z0-9_~-]{1,40}){0,8}"
        .prop_map(|text| text.parse().unwrap())
}

pub(crate) fn timestamp() -> impl Strategy<Value = Timestamp> {
    // From the year 0000 to the year 9999.
    (-62_167_219_200_000i64..253_402_300_800_000)
        .prop_map(|millis| Timestamp::from_unix_millis(millis).unwrap())
}

pub(crate) fn prepare() -> impl Strategy<Value = Prepare> {
    (amount(), timestamp(), any::<[u8; 32]>(), address(), octets(300)).prop_map(
        |(amount, expires_at, condition, destination, data)| Prepare {
            amount,
            expires_at,
            condition: Condition::new(condition),
            destination,
            data,
        },
    )
}

pub(crate) fn fulfill() -> impl Strategy<Value = Fulfill> {
    (any::<[u8; 32]>(), octets(300))
        .prop_map(|(fulfillment, data)| Fulfill { fulfillment: Fulfillment::new(fulfillment), data })
}

pub(crate) fn reject() -> impl Strategy<Value = Reject> {
    let triggered_by = proptest::option::of(address());
    (any::<[u8; 3]>(), triggered_by, octets(200), octets(300)).prop_map(
        |(code, triggered_by, message, data)| Reject {
            code: ErrorCode::new(code),
            triggered_by,
            message,
            data,
        },
    )
}

pub(crate) fn unknown_packet() -> impl Strategy<Value = UnknownPacket> {
    (any::<u8>(), octets(300)).prop_filter_map("a known type", |(packet_type, contents)| {
        UnknownPacket::new(PacketType::new(packet_type), contents)
    })
}

pub(crate) fn ilp_packet() -> impl Strategy<Value = Packet> {
    prop_oneof![
        prepare().prop_map(Packet::Prepare),
        fulfill().prop_map(Packet::Fulfill),
        reject().prop_map(Packet::Reject),
        unknown_packet().prop_map(Packet::Unknown),
    ]
}

pub(crate) fn request_packet() -> impl Strategy<Value = RequestPacket> {
    let kind =
        prop_oneof![Just(RequestKind::Request), Just(RequestKind::Response), Just(RequestKind::Error),];
    (kind, any::<u32>(), amount(), octets(300)).prop_map(|(kind, id, amount, data)| RequestPacket {
        kind,
        request_id: RequestId::new(id),
        amount,
        data,
    })
}

pub(crate) fn chunk_packet() -> impl Strategy<Value = ChunkPacket> {
    let kind = prop_oneof![
        Just(ChunkKind::Chunk),
        Just(ChunkKind::LastChunk),
        Just(ChunkKind::Fulfillment),
        Just(ChunkKind::Reject),
    ];
    let ids = (any::<[u8; 16]>(), any::<u32>());
    (kind, ids, amount(), amount(), octets(300)).prop_map(
        |(kind, (id, sequence), payment_amount, chunk_amount, application_data)| ChunkPacket {
            kind,
            payment_id: PaymentId::new(id),
            sequence: Sequence::new(sequence),
            payment_amount,
            chunk_amount,
            application_data,
        },
    )
}

pub(crate) fn psk_packet() -> impl Strategy<Value = PskPacket> {
    let unknown = (7_u8.., octets(300)).prop_map(|(packet_type, body)| {
        UnknownPskPacket::new(PskPacketType::new(packet_type), body).unwrap()
    });
    prop_oneof![
        request_packet().prop_map(PskPacket::Request),
        chunk_packet().prop_map(PskPacket::Chunk),
        unknown.prop_map(PskPacket::Unknown),
    ]
}

pub(crate) fn sequence_ranges() -> impl Strategy<Value = SequenceRanges> {
    let steps = vec((2_u32..50, 0_u32..50), 0..200);
    // From the least number on, up to the greatest, or anywhere.
    let start = prop_oneof![Just(0), Just(u32::MAX - 5_000), any::<u32>()];
    (start, steps, any::<bool>()).prop_map(|(start, steps, to_the_end)| {
        let mut ranges = Vec::new();
        let mut next = Some(start);
        for (gap, length) in steps {
            let Some(first) = next else { break };
            let Some(last) = first.checked_add(length) else { break };
            ranges.push((first, last));
            next = last.checked_add(gap);
        }
        if to_the_end && let Some((_, last)) = ranges.last_mut() {
            *last = u32::MAX;
        }
        let range = |(first, last)| SequenceRange::new(Sequence::new(first), Sequence::new(last)).unwrap();
        SequenceRanges::from_ranges(ranges.into_iter().map(range)).unwrap()
    })
}

/// Any number, with all lengths of its shortest form about equally often.
pub(crate) fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64).prop_map(|(number, shift)| number >> shift)
}

pub(crate) fn stream_data() -> impl Strategy<Value = StreamData> {
    (number(), octets(300)).prop_filter_map("beyond the end", |(offset, data)| StreamData::new(offset, data))
}

pub(crate) fn status() -> impl Strategy<Value = Status> {
    (any::<u64>(), any::<u32>(), any::<u8>(), sequence_ranges()).prop_map(
        |(received, chunks, state, fulfilled)| Status {
            received: DestinationAmount::new(received),
            chunks,
            state: PaymentState::new(state),
            fulfilled,
        },
    )
}

pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        address().prop_map(|address| Frame::RefundAccount(RefundAccount::from(address))),
        stream_data().prop_map(Frame::Data),
        number().prop_map(|length| Frame::DataEnd { length }),
        Just(Frame::StatusRequest),
        status().prop_map(Frame::Status),
        Just(Frame::Abort),
        (any::<u8>(), "\\PC{0,140}").prop_map(|(reason, message)| {
            Frame::Closed(Closed::with_message(CloseReason::new(reason), &message))
        }),
        (any::<u64>(), any::<u64>()).prop_map(|(refunded, total)| Frame::RefundStatus {
            refunded: DestinationAmount::new(refunded),
            total: DestinationAmount::new(total),
        }),
        number().prop_map(|offset| Frame::DataAck { offset }),
        sequence_ranges().prop_map(Frame::Outstanding),
        (any::<u8>(), octets(300)).prop_filter_map("a known type", |(frame_type, contents)| {
            UnknownFrame::new(FrameType::new(frame_type), contents).map(Frame::Unknown)
        }),
    ]
}

/// The application data of a chunk packet, and the frames in it.
pub(crate) fn frames() -> impl Strategy<Value = (Bytes, Vec<Frame>)> {
    vec(frame(), 0..8).prop_map(|frames| {
        let mut builder = FramesBuilder::new(usize::MAX);
        frames.iter().for_each(|frame| builder.push(frame.clone()).unwrap());
        (builder.encode(), frames)
    })
}

pub(crate) fn text() -> impl Strategy<Value = btp::Text> {
    "\\PC{0,140}".prop_map(btp::Text::from)
}

pub(crate) fn btp_kind() -> impl Strategy<Value = btp::Kind> {
    let time = prop_oneof![
        timestamp().prop_map(btp::ErrorTime::from),
        octets(40).prop_map(btp::ErrorTime::from_octets),
    ];
    let error = (any::<[u8; 3]>(), text(), time, octets(200));
    prop_oneof![
        Just(btp::Kind::Response),
        Just(btp::Kind::Message),
        amount().prop_map(|amount| btp::Kind::Transfer { amount }),
        error.prop_map(|(code, name, triggered_at, data)| {
            btp::Kind::Error(btp::ErrorDetails { code: btp::ErrorCode::new(code), name, triggered_at, data })
        }),
        (any::<u8>(), octets(200)).prop_filter_map("a known type", |(packet_type, contents)| {
            let packet_type = btp::PacketType::new(packet_type);
            btp::UnknownContents::new(packet_type, contents).map(btp::Kind::Unknown)
        }),
    ]
}

pub(crate) fn sub_protocol() -> impl Strategy<Value = btp::SubProtocol> {
    (text(), any::<u8>(), octets(300)).prop_map(|(name, content_type, data)| btp::SubProtocol {
        name,
        content_type: btp::ContentType::new(content_type),
        data,
    })
}

pub(crate) fn btp_packet() -> impl Strategy<Value = btp::Packet> {
    // Up to 300, so that the number takes one octet and two.
    let protocol_data = prop_oneof![9 => vec(sub_protocol(), 0..5), 1 => vec(sub_protocol(), 0..300)];
    (any::<u32>(), btp_kind(), protocol_data).prop_map(|(id, kind, protocol_data)| btp::Packet {
        request_id: btp::RequestId::new(id),
        protocol_data: if let btp::Kind::Unknown(_) = kind { Vec::new() } else { protocol_data },
        kind,
    })
}

pub(crate) fn account_details() -> impl Strategy<Value = AccountDetails> {
    (address(), any::<u8>(), "\\PC{0,140}").prop_map(|(address, asset_scale, asset_code)| AccountDetails {
        address,
        asset_scale,
        asset_code,
    })
}

/// A packet with one octet changed, or cut short, or longer: more of these are read than of random octets.
pub(crate) fn damaged(packet: Bytes) -> impl Strategy<Value = Bytes> {
    let length = packet.len();
    (0..=length, any::<u8>(), 0..3).prop_map(move |(position, octet, how)| {
        let mut octets = packet.to_vec();
        match how {
            0 => octets.truncate(position),
            1 => octets.insert(position, octet),
            _ => octets.get_mut(position).into_iter().for_each(|found| *found = octet),
        }
        octets.into()
    })
}
