//! Frames and the packets around them as asn1tools writes them, given `docs/psk2-frames.asn1` and none of our code
//! (`interop/frames_vectors.py`).

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::fmt::Display;
use std::str::FromStr;

use bytes::Bytes;
use common::hex;
use psk_codec::psk::frame::{
    CloseReason, Closed, Frame, FrameType, Frames, FramesBuilder, PaymentState, SequenceRange,
    SequenceRanges, Status, StreamData, UnknownFrame,
};
use psk_codec::psk::{
    ChunkKind, ChunkPacket, PaymentId, PskPacket, RequestId, RequestKind, RequestPacket, Sequence,
};
use psk_codec::{
    Amount, Condition, DestinationAmount, ErrorCode, Fulfill, Fulfillment, Packet, Prepare, Reject, Timestamp,
};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

#[derive(Deserialize)]
struct Vector {
    #[serde(flatten)]
    value: Value,
    #[serde(deserialize_with = "hex")]
    octets: Bytes,
}

#[derive(Deserialize)]
#[serde(tag = "kind", content = "fields", rename_all_fields = "camelCase")]
enum Value {
    RefundAccount {
        account: String,
    },
    Data {
        #[serde(deserialize_with = "number")]
        offset: u64,
        #[serde(deserialize_with = "hex")]
        data: Bytes,
    },
    DataEnd {
        #[serde(deserialize_with = "number")]
        length: u64,
    },
    StatusRequest {},
    Status {
        #[serde(deserialize_with = "number")]
        received: u64,
        #[serde(deserialize_with = "number")]
        chunks: u32,
        #[serde(deserialize_with = "number")]
        state: u8,
        fulfilled: Vec<Range>,
    },
    Abort {},
    Closed {
        #[serde(deserialize_with = "number")]
        reason: u8,
        message: String,
    },
    RefundStatus {
        #[serde(deserialize_with = "number")]
        refunded: u64,
        #[serde(deserialize_with = "number")]
        total: u64,
    },
    DataAck {
        #[serde(deserialize_with = "number")]
        offset: u64,
    },
    Outstanding {
        sequences: Vec<Range>,
    },
    Unknown {
        #[serde(rename = "type", deserialize_with = "number")]
        frame_type: u8,
        #[serde(deserialize_with = "hex")]
        contents: Bytes,
    },
    Frames {
        frames: Vec<usize>,
    },
    PskRequest {
        #[serde(rename = "type", deserialize_with = "number")]
        packet_type: u8,
        #[serde(deserialize_with = "number")]
        request_id: u32,
        #[serde(deserialize_with = "number")]
        amount: u64,
        #[serde(deserialize_with = "hex")]
        data: Bytes,
    },
    PskChunk {
        #[serde(rename = "type", deserialize_with = "number")]
        packet_type: u8,
        #[serde(deserialize_with = "hex")]
        payment_id: Bytes,
        #[serde(deserialize_with = "number")]
        sequence: u32,
        #[serde(deserialize_with = "number")]
        payment_amount: u64,
        #[serde(deserialize_with = "number")]
        chunk_amount: u64,
        #[serde(deserialize_with = "hex")]
        application_data: Bytes,
    },
    Prepare {
        #[serde(deserialize_with = "number")]
        amount: u64,
        expires_at: String,
        #[serde(deserialize_with = "hex")]
        execution_condition: Bytes,
        destination: String,
        #[serde(deserialize_with = "hex")]
        data: Bytes,
    },
    Fulfill {
        #[serde(deserialize_with = "hex")]
        fulfillment: Bytes,
        #[serde(deserialize_with = "hex")]
        data: Bytes,
    },
    Reject {
        code: String,
        triggered_by: String,
        message: String,
        #[serde(deserialize_with = "hex")]
        data: Bytes,
    },
}

#[derive(Deserialize)]
struct Range {
    #[serde(deserialize_with = "number")]
    first: u32,
    #[serde(deserialize_with = "number")]
    last: u32,
}

/// A number, written as text.
fn number<'de, D: Deserializer<'de>, N: FromStr<Err: Display>>(deserializer: D) -> Result<N, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// What a vector describes, made with our types.
enum Made {
    Frame(Frame),
    Frames(Vec<usize>),
    Psk(PskPacket),
    Ilp(Packet),
}

impl Value {
    fn make(self) -> Made {
        match self {
            Self::Frames { frames } => Made::Frames(frames),
            Self::PskRequest { .. } | Self::PskChunk { .. } => Made::Psk(self.psk_packet()),
            Self::Prepare { .. } | Self::Fulfill { .. } | Self::Reject { .. } => Made::Ilp(self.ilp_packet()),
            _ => Made::Frame(self.frame()),
        }
    }

    fn frame(self) -> Frame {
        match self {
            Self::RefundAccount { account } => Frame::RefundAccount(account.parse().unwrap()),
            Self::Data { offset, data } => Frame::Data(StreamData::new(offset, data).unwrap()),
            Self::DataEnd { length } => Frame::DataEnd { length },
            Self::StatusRequest {} => Frame::StatusRequest,
            Self::Status { received, chunks, state, fulfilled } => Frame::Status(Status {
                received: DestinationAmount::new(received),
                chunks,
                state: PaymentState::new(state),
                fulfilled: sequences(&fulfilled),
            }),
            Self::Abort {} => Frame::Abort,
            Self::Closed { reason, message } => {
                Frame::Closed(Closed::with_message(CloseReason::new(reason), &message))
            }
            Self::RefundStatus { refunded, total } => {
                let amount = DestinationAmount::new;
                Frame::RefundStatus { refunded: amount(refunded), total: amount(total) }
            }
            Self::DataAck { offset } => Frame::DataAck { offset },
            Self::Outstanding { sequences: ranges } => Frame::Outstanding(sequences(&ranges)),
            Self::Unknown { frame_type, contents } => {
                Frame::Unknown(UnknownFrame::new(FrameType::new(frame_type), contents).unwrap())
            }
            _ => panic!("no frame"),
        }
    }

    fn psk_packet(self) -> PskPacket {
        match self {
            Self::PskRequest { packet_type, request_id, amount, data } => PskPacket::Request(RequestPacket {
                kind: match packet_type {
                    4 => RequestKind::Request,
                    5 => RequestKind::Response,
                    6 => RequestKind::Error,
                    other => panic!("type {other}"),
                },
                request_id: RequestId::new(request_id),
                amount: Amount::new(amount),
                data,
            }),
            Self::PskChunk {
                packet_type,
                payment_id,
                sequence,
                payment_amount,
                chunk_amount,
                application_data,
            } => PskPacket::Chunk(ChunkPacket {
                kind: match packet_type {
                    0 => ChunkKind::Chunk,
                    1 => ChunkKind::LastChunk,
                    2 => ChunkKind::Fulfillment,
                    3 => ChunkKind::Reject,
                    other => panic!("type {other}"),
                },
                payment_id: PaymentId::new(payment_id[..].try_into().unwrap()),
                sequence: Sequence::new(sequence),
                payment_amount: Amount::new(payment_amount),
                chunk_amount: Amount::new(chunk_amount),
                application_data,
            }),
            _ => panic!("no PSK packet"),
        }
    }

    fn ilp_packet(self) -> Packet {
        match self {
            Self::Prepare { amount, expires_at, execution_condition, destination, data } => {
                Packet::Prepare(Prepare {
                    amount: Amount::new(amount),
                    expires_at: Timestamp::decode(expires_at.as_bytes().try_into().unwrap()).unwrap(),
                    condition: Condition::new(execution_condition[..].try_into().unwrap()),
                    destination: destination.parse().unwrap(),
                    data,
                })
            }
            Self::Fulfill { fulfillment, data } => Packet::Fulfill(Fulfill {
                fulfillment: Fulfillment::new(fulfillment[..].try_into().unwrap()),
                data,
            }),
            Self::Reject { code, triggered_by, message, data } => Packet::Reject(Reject {
                code: ErrorCode::new(code.as_bytes().try_into().unwrap()),
                triggered_by: (!triggered_by.is_empty()).then(|| triggered_by.parse().unwrap()),
                message: message.into(),
                data,
            }),
            _ => panic!("no ILP packet"),
        }
    }
}

fn sequences(ranges: &[Range]) -> SequenceRanges {
    let range =
        |&Range { first, last }: &Range| SequenceRange::new(Sequence::new(first), Sequence::new(last));
    SequenceRanges::from_ranges(ranges.iter().map(range).map(Option::unwrap)).unwrap()
}

#[test]
fn what_asn1tools_makes_of_the_module_is_read_and_written_alike() {
    let mut frames = Vec::new();
    let mut counts = [0; 4];
    for (position, vector) in common::vectors::<Vector>(include_str!("vectors/frames.json")) {
        let octets = vector.octets;
        match vector.value.make() {
            Made::Frame(frame) => {
                counts[0] += 1;
                let mut written = Vec::new();
                frame.encode_into(&mut written).unwrap();
                assert_eq!(written, octets, "{position}");
                let with_version = Bytes::from([&[1], &octets[..]].concat());
                assert!(Frames::read(with_version).unwrap().into_iter().eq([frame.clone()]), "{position}");
                assert_eq!(frames.len(), position, "frames come first");
                frames.push(frame);
            }
            Made::Frames(positions) => {
                counts[1] += 1;
                let expected: Vec<_> = positions.iter().map(|&position| frames[position].clone()).collect();
                let mut builder = FramesBuilder::new(octets.len());
                expected.iter().for_each(|frame| builder.push(frame.clone()).unwrap());
                assert_eq!(builder.encode(), octets, "{position}");
                assert!(Frames::read(octets).unwrap().into_iter().eq(expected), "{position}");
            }
            Made::Psk(packet) => {
                counts[2] += 1;
                assert_eq!(packet.encode().unwrap(), octets, "{position}");
                assert_eq!(PskPacket::decode(octets).unwrap(), packet, "{position}");
            }
            Made::Ilp(packet) => {
                counts[3] += 1;
                assert_eq!(packet.encode().unwrap(), octets, "{position}");
                assert_eq!(Packet::decode(octets).unwrap(), packet, "{position}");
            }
        }
    }
    assert_eq!(counts, [88, 5, 7, 9]);
}

#[test]
fn the_module_has_the_numbers_of_the_constants() {
    let module = include_str!("../../docs/psk2-frames.asn1");
    // `amountReached` is `AMOUNT_REACHED`.
    let constant = |name: &str| {
        let underscore = |c: char| c.is_uppercase().then_some('_');
        let separated: String = name.chars().flat_map(|c| underscore(c).into_iter().chain([c])).collect();
        separated.trim_start_matches('_').to_uppercase()
    };
    let mut counts = [0; 3];
    for line in module.lines() {
        let (which, known, name) = match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, "PaymentState", "::=", number, ..] => {
                (0, PaymentState::new(number.parse().unwrap()).name(), name)
            }
            [name, "CloseReason", "::=", number, ..] => {
                (1, CloseReason::new(number.parse().unwrap()).name(), name)
            }
            // The table of types, where Data goes by the name of its first field.
            ["--", number, name, ..] if number.parse::<u8>().is_ok() => {
                let name = if name == "StreamOffset" { "Data" } else { name };
                (2, FrameType::new(number.parse().unwrap()).name(), name)
            }
            _ => continue,
        };
        assert_eq!(known, Some(&constant(name)[..]), "{line}");
        counts[which] += 1;
    }
    assert_eq!(counts, [6, 10, 10]);
}
