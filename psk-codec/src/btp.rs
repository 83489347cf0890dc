//! The Bilateral Transfer Protocol 2.0 (RFC 23): what ILP packets travel in between two peers.
//!
//! ```
//! use psk_codec::btp::{Packet, RequestId};
//!
//! let packet = Packet::ilp_message(RequestId::new(7), "an ILP packet".into());
//! let octets = packet.encode()?;
//! assert_eq!(octets, "\x06\0\0\0\x07\x15\x01\x01\x03ilp\0\x0dan ILP packet");
//! assert_eq!(Packet::decode(octets)?.ilp().unwrap(), "an ILP packet");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fields;
mod view;

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

pub use fields::{ContentType, ErrorCode, ErrorTime, PacketType, RequestId, Text};
pub use view::{ErrorView, KindView, PacketView, SubProtocolView};

use crate::error::{DecodeError, EncodeError};
use crate::oer;
use crate::{Amount, Timestamp};

/// type, request id; the length of the contents follows
const HEADER_LENGTH: usize = 1 + 4;

/// Any BTP packet (RFC 23, `BilateralTransferProtocolPacket`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Packet {
    /// The same in a request and its answer.
    pub request_id: RequestId,
    /// Which packet it is, with the fields that only it has.
    pub kind: Kind,
    /// The sub-protocols in the order they were sent; the first one is the primary one.
    pub protocol_data: Vec<SubProtocol>,
}

/// Which packet it is, with the fields that only it has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Kind {
    /// Type 1: the answer to a Message or a Transfer that was accepted.
    Response,
    /// Type 2: the answer to a Message or a Transfer that was not.
    Error(ErrorDetails),
    /// Type 6: a request that moves no money between the peers by itself.
    Message,
    /// Type 7: a request that settles so much.
    Transfer {
        /// Units of the asset of the link.
        amount: Amount,
    },
    /// Any other type, such as those of BTP 1.0. It has no sub-protocols, since nobody knows where they are.
    Unknown(UnknownContents),
}

/// The contents of a packet of a type that this crate does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownContents {
    packet_type: PacketType,
    contents: Bytes,
}

/// One of the protocols that share a packet (RFC 23, `ProtocolData`).
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct SubProtocol {
    /// Its name, such as `ilp`.
    pub name: Text,
    /// What the data is.
    pub content_type: ContentType,
    /// Its data.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_forms::octets"))]
    pub data: Bytes,
}

/// Why a request failed (RFC 23, "Error").
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct ErrorDetails {
    /// The code.
    pub code: ErrorCode,
    /// The name that belongs to the code, such as `NotAcceptedError`.
    pub name: Text,
    /// When it failed.
    pub triggered_at: ErrorTime,
    /// More about it; text in all known implementations.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_forms::octets"))]
    pub data: Bytes,
}

impl Packet {
    /// Reads one whole packet, sharing the memory of `octets`.
    pub fn decode(octets: Bytes) -> Result<Self, DecodeError> {
        PacketView::new(octets).map(Self::from)
    }

    /// Writes the packet. Fails only for contents of 4 GiB and more, and for sub-protocols of a packet of unknown
    /// type.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let contents_length = self.contents_length();
        EncodeError::check("BTP packet contents", contents_length, u32::MAX as usize)?;
        if let Kind::Unknown(_) = self.kind {
            EncodeError::check("sub-protocols of an unknown type", self.protocol_data.len(), 0)?;
        }
        let length = HEADER_LENGTH + oer::var_octets_length(contents_length);
        let mut buffer = Vec::with_capacity(length);
        buffer.put_u8(self.kind.packet_type().number());
        buffer.put_u32(self.request_id.number());
        oer::put_length(&mut buffer, contents_length);
        match &self.kind {
            Kind::Response | Kind::Message => {}
            Kind::Error(details) => details.put(&mut buffer),
            Kind::Transfer { amount } => buffer.put_u64(amount.units()),
            Kind::Unknown(unknown) => {
                buffer.put_slice(&unknown.contents);
                return Ok(buffer.into());
            }
        }
        oer::put_var_uint(&mut buffer, self.protocol_data.len() as u64);
        for sub_protocol in &self.protocol_data {
            oer::put_var_octets(&mut buffer, sub_protocol.name.as_octets());
            buffer.put_u8(sub_protocol.content_type.number());
            oer::put_var_octets(&mut buffer, &sub_protocol.data);
        }
        Ok(buffer.into())
    }

    /// The first sub-protocol of this name.
    pub fn sub_protocol(&self, name: &str) -> Option<&SubProtocol> {
        let mut all = self.protocol_data.iter();
        all.find(|sub_protocol| sub_protocol.name.as_str() == name)
    }

    /// The ILP packet in it, whatever content type it claims, as JS reads it.
    pub fn ilp(&self) -> Option<&Bytes> {
        self.sub_protocol(SubProtocol::ILP).map(|ilp| &ilp.data)
    }

    fn contents_length(&self) -> usize {
        let fixed = match &self.kind {
            Kind::Response | Kind::Message => 0,
            Kind::Error(details) => details.length(),
            Kind::Transfer { .. } => 8,
            Kind::Unknown(unknown) => return unknown.contents.len(),
        };
        let sub_protocols = self.protocol_data.iter().map(SubProtocol::length);
        let count = oer::var_uint_length(self.protocol_data.len() as u64);
        fixed + count + sub_protocols.sum::<usize>()
    }
}

/// The packets that a link exchanges.
impl Packet {
    /// A Message that carries an ILP Prepare.
    pub fn ilp_message(request_id: RequestId, prepare: Bytes) -> Self {
        Self { request_id, kind: Kind::Message, protocol_data: vec![SubProtocol::ilp(prepare)] }
    }

    /// A Response that carries an ILP Fulfill or Reject (PROTOCOL.md section 5: never the other way round).
    pub fn ilp_response(request_id: RequestId, reply: Bytes) -> Self {
        Self { request_id, kind: Kind::Response, protocol_data: vec![SubProtocol::ilp(reply)] }
    }

    /// A Response that says no more than that the request was accepted.
    pub fn empty_response(request_id: RequestId) -> Self {
        Self { request_id, kind: Kind::Response, protocol_data: Vec::new() }
    }

    /// The Message that a client sends first (RFC 23, "Authentication"): `auth`, empty, must come first. JS clients
    /// always send `auth_username`, which is not in the RFC; without a user it is left out here.
    pub fn auth(request_id: RequestId, username: Option<&str>, token: &str) -> Self {
        let mut protocol_data = vec![SubProtocol::octets(SubProtocol::AUTH, Bytes::new())];
        if let Some(username) = username {
            protocol_data.push(SubProtocol::text(SubProtocol::AUTH_USERNAME, username));
        }
        protocol_data.push(SubProtocol::text(SubProtocol::AUTH_TOKEN, token));
        Self { request_id, kind: Kind::Message, protocol_data }
    }

    /// An Error of one of the codes that RFC 23 names, with a text about it.
    pub fn error(request_id: RequestId, code: ErrorCode, at: Timestamp, text: &str) -> Self {
        Self {
            request_id,
            kind: Kind::Error(ErrorDetails {
                code,
                name: Text::from(code.name().unwrap_or_default()),
                triggered_at: ErrorTime::from(at),
                data: Bytes::copy_from_slice(text.as_bytes()),
            }),
            protocol_data: Vec::new(),
        }
    }
}

impl Kind {
    /// The type on the wire.
    pub fn packet_type(&self) -> PacketType {
        match self {
            Self::Response => PacketType::RESPONSE,
            Self::Error(_) => PacketType::ERROR,
            Self::Message => PacketType::MESSAGE,
            Self::Transfer { .. } => PacketType::TRANSFER,
            Self::Unknown(unknown) => unknown.packet_type,
        }
    }
}

impl UnknownContents {
    /// Contents of any type but the four that are known, for which it is `None`.
    pub fn new(packet_type: PacketType, contents: Bytes) -> Option<Self> {
        (!packet_type.is_known()).then_some(Self { packet_type, contents })
    }

    /// The type.
    pub fn packet_type(&self) -> PacketType {
        self.packet_type
    }

    /// The contents, not looked at.
    pub fn contents(&self) -> &Bytes {
        &self.contents
    }
}

impl SubProtocol {
    /// An ILP packet.
    pub const ILP: &str = "ilp";
    /// Empty; comes first in an authentication.
    pub const AUTH: &str = "auth";
    /// Who authenticates.
    pub const AUTH_USERNAME: &str = "auth_username";
    /// The secret of the one who authenticates.
    pub const AUTH_TOKEN: &str = "auth_token";

    /// An ILP packet.
    pub fn ilp(packet: Bytes) -> Self {
        Self::octets(Self::ILP, packet)
    }

    /// A sub-protocol whose data are octets.
    pub fn octets(name: &'static str, data: Bytes) -> Self {
        Self { name: Text::from(name), content_type: ContentType::OCTETS, data }
    }

    /// A sub-protocol whose data are text.
    pub fn text(name: &'static str, text: &str) -> Self {
        Self {
            name: Text::from(name),
            content_type: ContentType::TEXT,
            data: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    fn length(&self) -> usize {
        oer::var_octets_length(self.name.as_octets().len()) + 1 + oer::var_octets_length(self.data.len())
    }
}

impl fmt::Debug for SubProtocol {
    /// Without the data of the sub-protocols that authenticate: those are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("SubProtocol");
        fields.field("name", &self.name);
        fields.field("content_type", &self.content_type);
        if self.name.as_str().starts_with(Self::AUTH) {
            fields.finish_non_exhaustive()
        } else {
            fields.field("data", &self.data).finish()
        }
    }
}

impl ErrorDetails {
    fn length(&self) -> usize {
        let fields = [self.name.as_octets(), self.triggered_at.as_octets(), &self.data];
        let lengths = fields.map(|field| oer::var_octets_length(field.len()));
        3 + lengths.iter().sum::<usize>()
    }

    fn put(&self, buffer: &mut Vec<u8>) {
        buffer.put_slice(&self.code.octets());
        oer::put_var_octets(buffer, self.name.as_octets());
        oer::put_var_octets(buffer, self.triggered_at.as_octets());
        oer::put_var_octets(buffer, &self.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Problem;

    fn decode(octets: &[u8]) -> Result<Packet, DecodeError> {
        Packet::decode(Bytes::copy_from_slice(octets))
    }

    #[test]
    fn a_count_of_sub_protocols_that_cannot_be_there_is_refused_before_allocating() {
        for count in [&[1, 1][..], &[4, 0xff, 0xff, 0xff, 0xff], &[8; 9]] {
            let mut octets = vec![6, 0, 0, 0, 1, count.len() as u8 + 2];
            octets.extend_from_slice(count);
            octets.extend_from_slice(&[0, 0]);
            let error = decode(&octets).unwrap_err();
            let expected = DecodeError::new("number of sub-protocols", 6, Problem::TooLarge);
            assert_eq!(error, expected, "{count:?}");
        }
    }

    #[test]
    fn the_types_of_btp_1_survive_and_trailing_octets_are_refused() {
        let octets = [3, 0, 0, 0, 1, 2, 1, 0];
        let mut packet = decode(&octets).unwrap();
        let contents = UnknownContents::new(PacketType::new(3), Bytes::from_static(&[1, 0])).unwrap();
        assert_eq!(packet.kind, Kind::Unknown(contents));
        assert_eq!(packet.encode().unwrap(), octets[..]);
        packet.protocol_data.push(SubProtocol::ilp(Bytes::new()));
        packet.encode().unwrap_err();
        assert_eq!(UnknownContents::new(PacketType::MESSAGE, Bytes::new()), None);
        let error = decode(&[6, 0, 0, 0, 1, 2, 1, 0, 9]).unwrap_err();
        assert_eq!(error.problem, Problem::TrailingOctets(1));
        let error = decode(&[6, 0, 0, 0, 1, 3, 1, 0, 9]).unwrap_err();
        assert_eq!(error.problem, Problem::TrailingOctets(1));
    }

    #[test]
    fn unknown_content_types_and_unreadable_times_survive() {
        let mut packet =
            Packet::error(RequestId::new(1), ErrorCode::new(*b"X42"), Timestamp::UNIX_EPOCH, "?");
        packet.protocol_data =
            vec![SubProtocol { content_type: ContentType::new(200), ..SubProtocol::text("custom", "x") }];
        if let Kind::Error(details) = &mut packet.kind {
            assert_eq!(details.triggered_at.timestamp(), Some(Timestamp::UNIX_EPOCH));
            details.triggered_at = ErrorTime::from_octets("yesterday".into());
            assert_eq!(details.triggered_at.timestamp(), None);
        }
        assert_eq!(Packet::decode(packet.encode().unwrap()), Ok(packet));
    }

    #[test]
    fn tokens_are_not_shown_by_debug() {
        let packet = Packet::auth(RequestId::new(1), Some("alice"), "secret token");
        let text = format!("{packet:?}");
        assert!(text.contains("auth_token"), "{text}");
        assert!(!text.contains("secret token"), "{text}");
        let names = packet.protocol_data.iter().map(|p| p.name.as_str());
        assert!(names.eq(["auth", "auth_username", "auth_token"]));
    }
}
