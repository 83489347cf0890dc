//! The types of `docs/psk2-frames.asn1`, of BTP (RFC 23) and of IL-DCP (RFC 31), for `rasn`.

use bytes::Bytes;
use psk_codec::btp;
use psk_codec::ildcp::AccountDetails;
use psk_codec::psk::PskPacket;
use psk_codec::psk::frame::{Frame as OurFrame, SequenceRange as OurRange, SequenceRanges as OurRanges};
use psk_codec::{Fulfill as OurFulfill, Packet, Prepare as OurPrepare, Reject as OurReject};
use rasn::prelude::*;
use rasn::types::{Ia5String, OctetString, PrintableString};

/// An unsigned number with a length. With `u64` for the number `rasn` would take it for one of eight octets.
#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
#[rasn(delegate, value("0.."))]
pub(crate) struct VarUint(Integer);

impl VarUint {
    pub(crate) fn new(number: u64) -> Self {
        Self(number.into())
    }

    /// `None` for more than 64 bits.
    pub(crate) fn number(&self) -> Option<u64> {
        u64::try_from(&self.0).ok()
    }
}

/// An ILP packet (`InterledgerPacket`), and a frame.
#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct Typed {
    #[rasn(value("0..=255"))]
    pub(crate) number: u8,
    pub(crate) contents: OctetString,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct Prepare {
    #[rasn(value("0..=18446744073709551615"))]
    amount: u64,
    #[rasn(size("17"))]
    expires_at: PrintableString,
    condition: FixedOctetString<32>,
    #[rasn(size("1..=1023"))]
    destination: Ia5String,
    #[rasn(size("0..=32767"))]
    data: OctetString,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct Fulfill {
    fulfillment: FixedOctetString<32>,
    #[rasn(size("0..=32767"))]
    data: OctetString,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct Reject {
    #[rasn(size("3"))]
    code: Ia5String,
    #[rasn(size("0..=1023"))]
    triggered_by: Ia5String,
    // In characters, of which there are never more than octets.
    #[rasn(size("0..=8191"))]
    message: Utf8String,
    #[rasn(size("0..=32767"))]
    data: OctetString,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct PskRequest {
    #[rasn(value("0..=255"))]
    number: u8,
    #[rasn(value("0..=4294967295"))]
    request_id: u32,
    #[rasn(value("0..=18446744073709551615"))]
    amount: u64,
    data: OctetString,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct PskChunk {
    #[rasn(value("0..=255"))]
    number: u8,
    payment_id: FixedOctetString<16>,
    #[rasn(value("0..=4294967295"))]
    sequence: u32,
    #[rasn(value("0..=18446744073709551615"))]
    payment_amount: u64,
    #[rasn(value("0..=18446744073709551615"))]
    chunk_amount: u64,
    application_data: OctetString,
    #[rasn(value("0..=255"))]
    pub(crate) extension: u8,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct Account {
    #[rasn(size("1..=1023"))]
    account: Ia5String,
}

/// Without the SEQUENCE OF at its end. Since a SEQUENCE has no preamble here, its parts make up the whole.
#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct StatusStart {
    #[rasn(value("0..=18446744073709551615"))]
    received: u64,
    #[rasn(value("0..=4294967295"))]
    chunks: u32,
    #[rasn(value("0..=255"))]
    state: u8,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct SequenceRange {
    #[rasn(value("0..=4294967295"))]
    first: u32,
    #[rasn(value("0..=4294967295"))]
    last: u32,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct Closed {
    #[rasn(value("0..=255"))]
    reason: u8,
    message: Utf8String,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct RefundStatus {
    #[rasn(value("0..=18446744073709551615"))]
    refunded: u64,
    #[rasn(value("0..=18446744073709551615"))]
    total: u64,
}

/// `BilateralTransferProtocolPacket`.
#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct Btp {
    #[rasn(value("0..=255"))]
    pub(crate) number: u8,
    #[rasn(value("0..=4294967295"))]
    pub(crate) request_id: u32,
    pub(crate) contents: OctetString,
}

/// A Transfer without its sub-protocols.
#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct BtpTransferStart {
    #[rasn(value("0..=18446744073709551615"))]
    amount: u64,
}

/// An Error without its sub-protocols.
///
/// RFC 23 has a GeneralizedTime, whose canonical form has no zeros at the end of the fraction of a second. All
/// implementations write them, so that it is octets here as well as in ours.
#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct BtpErrorStart {
    #[rasn(size("3"))]
    code: Ia5String,
    name: Ia5String,
    triggered_at: OctetString,
    data: OctetString,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct SubProtocol {
    name: Ia5String,
    #[rasn(value("0..=255"))]
    content_type: u8,
    data: OctetString,
}

#[derive(AsnType, Clone, Debug, Decode, Encode, PartialEq)]
pub(crate) struct Details {
    #[rasn(size("1..=1023"))]
    address: Ia5String,
    #[rasn(value("0..=255"))]
    asset_scale: u8,
    asset_code: Utf8String,
}

fn ia5(octets: &[u8]) -> Option<Ia5String> {
    Ia5String::try_from(octets).ok()
}

fn octets(octets: &Bytes) -> OctetString {
    octets.to_vec().into()
}

fn write<T: Encode>(value: &T) -> Vec<u8> {
    rasn::coer::encode(value).unwrap()
}

/// The ILP packet as `rasn` writes it; `None` when a text has characters that its type does not.
pub(crate) fn ilp(packet: &Packet) -> Option<Vec<u8>> {
    let (number, contents) = match packet {
        Packet::Prepare(OurPrepare { amount, expires_at, condition, destination, data }) => {
            let prepare = Prepare {
                amount: amount.units(),
                expires_at: PrintableString::try_from(&expires_at.encode()[..]).unwrap(),
                condition: (*condition.octets()).into(),
                destination: ia5(destination.as_octets()).unwrap(),
                data: octets(data),
            };
            (12, write(&prepare))
        }
        Packet::Fulfill(OurFulfill { fulfillment, data }) => {
            (13, write(&Fulfill { fulfillment: (*fulfillment.octets()).into(), data: octets(data) }))
        }
        Packet::Reject(OurReject { code, triggered_by, message, data }) => {
            let reject = Reject {
                code: ia5(&code.octets())?,
                triggered_by: ia5(triggered_by.as_ref().map_or(&[], |by| by.as_octets())).unwrap(),
                message: String::from_utf8(message.to_vec()).ok()?,
                data: octets(data),
            };
            (14, write(&reject))
        }
        Packet::Unknown(packet) => (packet.packet_type().number(), packet.contents().to_vec()),
    };
    Some(write(&Typed { number, contents: contents.into() }))
}

/// The plaintext as `rasn` writes it, without junk.
pub(crate) fn psk(packet: &PskPacket) -> Vec<u8> {
    match packet {
        PskPacket::Request(packet) => write(&PskRequest {
            number: packet.kind.packet_type().number(),
            request_id: packet.request_id.number(),
            amount: packet.amount.units(),
            data: octets(&packet.data),
        }),
        PskPacket::Chunk(packet) => write(&PskChunk {
            number: packet.kind.packet_type().number(),
            payment_id: (*packet.payment_id.octets()).into(),
            sequence: packet.sequence.number(),
            payment_amount: packet.payment_amount.units(),
            chunk_amount: packet.chunk_amount.units(),
            application_data: octets(&packet.application_data),
            extension: 0,
        }),
        PskPacket::Unknown(packet) => [&[packet.packet_type().number()], &packet.body()[..]].concat(),
    }
}

/// The frame as `rasn` writes it.
pub(crate) fn frame(frame: &OurFrame) -> Vec<u8> {
    let contents = match frame {
        OurFrame::RefundAccount(account) => {
            write(&Account { account: ia5(account.address().as_octets()).unwrap() })
        }
        OurFrame::Data(data) => [write(&VarUint::new(data.offset())), data.data().to_vec()].concat(),
        OurFrame::DataEnd { length } => write(&VarUint::new(*length)),
        OurFrame::StatusRequest | OurFrame::Abort => Vec::new(),
        OurFrame::Status(status) => {
            let start = StatusStart {
                received: status.received.units(),
                chunks: status.chunks,
                state: status.state.number(),
            };
            [write(&start), ranges(&status.fulfilled)].concat()
        }
        OurFrame::Closed(closed) => {
            write(&Closed { reason: closed.reason().number(), message: closed.message().into() })
        }
        OurFrame::RefundStatus { refunded, total } => {
            write(&RefundStatus { refunded: refunded.units(), total: total.units() })
        }
        OurFrame::DataAck { offset } => write(&VarUint::new(*offset)),
        OurFrame::Outstanding(sequences) => ranges(sequences),
        OurFrame::Unknown(unknown) => unknown.contents().to_vec(),
        other => panic!("{other:?}"),
    };
    write(&Typed { number: frame.frame_type().number(), contents: contents.into() })
}

fn ranges(sequences: &OurRanges) -> Vec<u8> {
    let range =
        |range: OurRange| SequenceRange { first: range.first().number(), last: range.last().number() };
    write(&sequences.iter().map(range).collect::<SequenceOf<_>>())
}

/// The BTP packet as `rasn` writes it; `None` when a text has characters that its type does not.
pub(crate) fn btp(packet: &btp::Packet) -> Option<Vec<u8>> {
    let protocol_data: SequenceOf<_> = packet
        .protocol_data
        .iter()
        .map(|sub_protocol| {
            Some(SubProtocol {
                name: ia5(sub_protocol.name.as_octets())?,
                content_type: sub_protocol.content_type.number(),
                data: octets(&sub_protocol.data),
            })
        })
        .collect::<Option<_>>()?;
    let start = match &packet.kind {
        btp::Kind::Response | btp::Kind::Message => Vec::new(),
        btp::Kind::Transfer { amount } => write(&BtpTransferStart { amount: amount.units() }),
        btp::Kind::Error(error) => write(&BtpErrorStart {
            code: ia5(&error.code.octets())?,
            name: ia5(error.name.as_octets())?,
            triggered_at: octets(error.triggered_at.as_octets()),
            data: octets(&error.data),
        }),
        btp::Kind::Unknown(unknown) => unknown.contents().to_vec(),
    };
    let contents = match packet.kind {
        btp::Kind::Unknown(_) => start,
        _ => [start, write(&protocol_data)].concat(),
    };
    let (number, request_id) = (packet.kind.packet_type().number(), packet.request_id.number());
    Some(write(&Btp { number, request_id, contents: contents.into() }))
}

/// The data of an IL-DCP answer as `rasn` writes it.
pub(crate) fn ildcp(details: &AccountDetails) -> Vec<u8> {
    write(&Details {
        address: ia5(details.address.as_octets()).unwrap(),
        asset_scale: details.asset_scale,
        asset_code: details.asset_code.clone(),
    })
}
