use core::fmt;

use bytes::Bytes;

use super::{
    ContentType, ErrorCode, ErrorDetails, ErrorTime, Kind, Packet, PacketType, RequestId, SubProtocol, Text,
    UnknownContents,
};
use crate::Amount;
use crate::error::{DecodeError, Problem};
use crate::octets::Octets;
use crate::oer::Reader;

/// The least that a sub-protocol takes: an empty name, the content type, no data.
const SHORTEST_SUB_PROTOCOL: usize = 3;

/// A [`Packet`] read where it stands (RFC 23): checked once, without an allocation.
///
/// ```
/// use psk_codec::btp::{Packet, PacketView, RequestId};
///
/// let octets = Packet::ilp_message(RequestId::new(7), "an ILP packet".into()).encode()?;
/// let view = PacketView::new(&octets[..])?;
/// assert_eq!(view.request_id(), RequestId::new(7));
/// assert_eq!(view.ilp(), Some(&b"an ILP packet"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PacketView<B> {
    octets: B,
    layout: Layout,
}

/// Where things are, in octets from the start of the packet. The last sub-protocol ends with the packet.
#[derive(Clone, Copy)]
struct Layout {
    packet_type: PacketType,
    request_id: RequestId,
    contents: usize,
    sub_protocols: usize,
    count: usize,
}

/// Which packet it is, with the fields that only it has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KindView<'a> {
    /// Type 1.
    Response,
    /// Type 2.
    Error(ErrorView<'a>),
    /// Type 6.
    Message,
    /// Type 7.
    Transfer {
        /// Units of the asset of the link.
        amount: Amount,
    },
    /// Any other type: the contents, not looked at.
    Unknown(&'a [u8]),
}

/// As [`ErrorDetails`], borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorView<'a> {
    /// The code.
    pub code: ErrorCode,
    /// The name that belongs to the code.
    pub name: &'a str,
    /// When it failed, as it stands on the wire.
    pub triggered_at: &'a [u8],
    /// More about it.
    pub data: &'a [u8],
}

/// As [`SubProtocol`], borrowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SubProtocolView<'a> {
    /// Its name, such as `ilp`.
    pub name: &'a str,
    /// What the data is.
    pub content_type: ContentType,
    /// Its data.
    pub data: &'a [u8],
}

impl Layout {
    #[inline]
    fn read(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets);
        let packet_type = PacketType::new(reader.u8("BTP packet type")?);
        let request_id = RequestId::new(reader.u32("requestId")?);
        let mut body = reader.contents("BTP packet contents")?;
        reader.end("BTP packet")?;
        let reader = &mut body;
        let contents = reader.position();
        if let KindView::Unknown(_) = KindView::read(packet_type, reader)? {
            return Ok(Self { packet_type, request_id, contents, sub_protocols: octets.len(), count: 0 });
        }
        let count = read_count(reader)?;
        let sub_protocols = reader.position();
        for _ in 0..count {
            SubProtocolView::read(reader)?;
        }
        reader.end("BTP packet contents")?;
        Ok(Self { packet_type, request_id, contents, sub_protocols, count })
    }
}

fn read_count(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let offset = reader.position();
    let count = reader.var_uint("number of sub-protocols")?;
    // What cannot be there is refused before anything is allocated for it.
    let most = reader.remaining() / SHORTEST_SUB_PROTOCOL;
    usize::try_from(count)
        .ok()
        .filter(|&count| count <= most)
        .ok_or_else(|| DecodeError::new("number of sub-protocols", offset, Problem::TooLarge))
}

impl<B: Octets> PacketView<B> {
    /// Checks one whole packet. The contents of a type that this crate does not know are not looked at.
    #[inline]
    pub fn new(octets: B) -> Result<Self, DecodeError> {
        let layout = Layout::read(octets.as_ref())?;
        Ok(Self { octets, layout })
    }

    /// The same in a request and its answer.
    pub fn request_id(&self) -> RequestId {
        self.layout.request_id
    }

    /// The type.
    pub fn packet_type(&self) -> PacketType {
        self.layout.packet_type
    }

    /// Which packet it is, with the fields that only it has.
    pub fn kind(&self) -> KindView<'_> {
        let mut reader = Reader::starting_at(self.octets(), self.layout.contents);
        // It could be read when it was checked; the fallback is never taken.
        KindView::read(self.layout.packet_type, &mut reader).unwrap_or(KindView::Unknown(&[]))
    }

    /// The sub-protocols in the order they were sent; the first one is the primary one.
    pub fn sub_protocols(&self) -> impl Iterator<Item = SubProtocolView<'_>> {
        let mut reader = Reader::starting_at(self.octets(), self.layout.sub_protocols);
        // They could be read when they were checked: none is missing.
        (0..self.layout.count).map_while(move |_| SubProtocolView::read(&mut reader).ok())
    }

    /// The first sub-protocol of this name.
    pub fn sub_protocol(&self, name: &str) -> Option<SubProtocolView<'_>> {
        self.sub_protocols().find(|sub_protocol| sub_protocol.name == name)
    }

    /// The ILP packet in it, whatever content type it claims, as JS reads it.
    pub fn ilp(&self) -> Option<&[u8]> {
        self.sub_protocol(SubProtocol::ILP).map(|ilp| ilp.data)
    }

    /// The whole packet.
    pub fn octets(&self) -> &[u8] {
        self.octets.as_ref()
    }

    /// The whole packet, in what it was given in.
    pub fn into_octets(self) -> B {
        self.octets
    }
}

impl<'a> KindView<'a> {
    #[inline]
    fn read(packet_type: PacketType, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match packet_type {
            PacketType::RESPONSE => Self::Response,
            PacketType::ERROR => Self::Error(ErrorView::read(reader)?),
            PacketType::MESSAGE => Self::Message,
            PacketType::TRANSFER => Self::Transfer { amount: Amount::new(reader.u64("amount")?) },
            _ => Self::Unknown(reader.rest()),
        })
    }
}

impl<'a> ErrorView<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            code: ErrorCode::new(*reader.array("code")?),
            name: read_text(reader, "name")?,
            triggered_at: reader.var_octets("triggeredAt")?,
            data: reader.var_octets("data")?,
        })
    }
}

impl<'a> SubProtocolView<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: read_text(reader, "protocolName")?,
            content_type: ContentType::new(reader.u8("contentType")?),
            data: reader.var_octets("sub-protocol data")?,
        })
    }
}

#[inline]
fn read_text<'a>(reader: &mut Reader<'a>, reading: &'static str) -> Result<&'a str, DecodeError> {
    let offset = reader.position();
    let octets = reader.var_octets(reading)?;
    str::from_utf8(octets).map_err(|_| DecodeError::new(reading, offset, Problem::Invalid("not UTF-8")))
}

impl From<PacketView<Bytes>> for Packet {
    /// Shares the memory of the view's octets.
    fn from(view: PacketView<Bytes>) -> Self {
        let octets = &view.octets;
        let text = |text: &str| Text::from_checked(octets.slice_ref(text.as_bytes()));
        let kind = match view.kind() {
            KindView::Response => Kind::Response,
            KindView::Error(error) => Kind::Error(ErrorDetails {
                code: error.code,
                name: text(error.name),
                triggered_at: ErrorTime::from_octets(octets.slice_ref(error.triggered_at)),
                data: octets.slice_ref(error.data),
            }),
            KindView::Message => Kind::Message,
            KindView::Transfer { amount } => Kind::Transfer { amount },
            KindView::Unknown(contents) => Kind::Unknown(UnknownContents {
                packet_type: view.packet_type(),
                contents: octets.slice_ref(contents),
            }),
        };
        let protocol_data = view.sub_protocols().map(|sub_protocol| SubProtocol {
            name: text(sub_protocol.name),
            content_type: sub_protocol.content_type,
            data: octets.slice_ref(sub_protocol.data),
        });
        Self { request_id: view.request_id(), kind, protocol_data: protocol_data.collect() }
    }
}

impl fmt::Debug for SubProtocolView<'_> {
    /// Without the data of the sub-protocols that authenticate: those are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("SubProtocolView");
        fields.field("name", &self.name).field("content_type", &self.content_type);
        if self.name.starts_with(SubProtocol::AUTH) {
            fields.finish_non_exhaustive()
        } else {
            fields.field("data", &format_args!("{} octets", self.data.len())).finish()
        }
    }
}

impl<B: Octets> fmt::Debug for PacketView<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketView")
            .field("request_id", &self.request_id())
            .field("kind", &self.kind())
            .field("sub_protocols", &self.layout.count)
            .finish()
    }
}
