use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use crate::error::{DecodeError, EncodeError, Problem};
use crate::ilp::{
    PacketType, Reject, check_data, check_message, open_envelope, read_data, start_envelope, tail,
};
use crate::octets::{Octets, OctetsMut};
use crate::oer::{self, Reader};
use crate::{Address, AddressRef, ErrorCode};

/// A [`Reject`](crate::Reject) read where it stands (RFC 27, "ILP Reject").
#[derive(Clone)]
pub struct RejectView<B> {
    octets: B,
    layout: Layout,
}

/// Where the fields are, in octets from the start of the packet.
#[derive(Clone, Copy)]
struct Layout {
    code: usize,
    /// The text itself, behind its length; as the others.
    triggered_by: usize,
    triggered_by_end: usize,
    message: usize,
    message_end: usize,
    data: usize,
}

impl Layout {
    #[inline]
    fn read(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = open_envelope(PacketType::REJECT, octets)?;
        let code = reader.position();
        reader.array::<3>("code")?;
        let triggered_by = read_triggered_by(&mut reader)?;
        let triggered_by_end = reader.position();
        let offset = reader.position();
        let message = reader.var_octets("message")?.len();
        let message_end = reader.position();
        if message > Reject::MAX_MESSAGE_LENGTH {
            let problem = Problem::Invalid("more than 8191 octets");
            return Err(DecodeError::new("message", offset, problem));
        }
        let data = read_data(&mut reader)?.len();
        Ok(Self {
            code,
            triggered_by: triggered_by_end - triggered_by.len(),
            triggered_by_end,
            message: message_end - message,
            message_end,
            data: octets.len() - data,
        })
    }
}

#[inline]
fn read_triggered_by<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let offset = reader.position();
    let triggered_by = reader.var_octets("triggeredBy")?;
    // PROTOCOL.md section 2: triggeredBy may be empty on the wire.
    if !triggered_by.is_empty() {
        AddressRef::new(triggered_by)
            .map_err(|error| DecodeError::new("triggeredBy", offset, Problem::InvalidAddress(error)))?;
    }
    Ok(triggered_by)
}

impl<B: Octets> RejectView<B> {
    /// Checks one whole packet: every field, the address included.
    #[inline]
    pub fn new(octets: B) -> Result<Self, DecodeError> {
        let layout = Layout::read(octets.as_ref())?;
        Ok(Self { octets, layout })
    }

    /// Why.
    #[inline]
    pub fn code(&self) -> ErrorCode {
        let mut code = [0; 3];
        code.copy_from_slice(&self.octets()[self.layout.code..self.layout.code + 3]);
        ErrorCode::new(code)
    }

    /// Who says so; some stacks leave it empty.
    #[inline]
    pub fn triggered_by(&self) -> Option<AddressRef<'_>> {
        let octets = &self.octets()[self.layout.triggered_by..self.layout.triggered_by_end];
        (!octets.is_empty()).then(|| AddressRef::from_checked(octets))
    }

    /// A message for people, UTF-8 if the other side keeps the rules. It is readable by every hop.
    #[inline]
    pub fn message(&self) -> &[u8] {
        &self.octets()[self.layout.message..self.layout.message_end]
    }

    /// Data for the sender: encrypted when the receiver wrote it, in the clear when a connector did.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.octets()[self.layout.data..]
    }

    /// The whole packet.
    #[inline]
    pub fn octets(&self) -> &[u8] {
        self.octets.as_ref()
    }

    /// The whole packet, in what it was given in.
    pub fn into_octets(self) -> B {
        self.octets
    }
}

impl<B: OctetsMut> RejectView<B> {
    /// The data, to be written to in place. Its length stays.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.octets.as_mut()[self.layout.data..]
    }
}

impl RejectView<Vec<u8>> {
    /// A packet in one buffer of the exact size whose `data_length` octets of data are zeros, to be written in
    /// place. Fails for more than [`MAX_DATA_LENGTH`](crate::MAX_DATA_LENGTH), and for a message of more than
    /// [`Reject::MAX_MESSAGE_LENGTH`].
    pub fn with_room(
        code: ErrorCode,
        triggered_by: Option<&Address>,
        message: &[u8],
        data_length: usize,
    ) -> Result<Self, EncodeError> {
        check_message(message)?;
        check_data(data_length)?;
        let triggered_by = triggered_by.map_or(&[][..], |address| address.view().as_octets());
        let mut octets = start_reject(code, triggered_by, message, data_length);
        let message_end = octets.len();
        let message = message_end - message.len();
        let triggered_by_end = message - oer::length_length(message_end - message);
        oer::put_length(&mut octets, data_length);
        let data = octets.len();
        octets.resize(data + data_length, 0);
        let layout = Layout {
            code: triggered_by_end - oer::var_octets_length(triggered_by.len()) - 3,
            triggered_by: triggered_by_end - triggered_by.len(),
            triggered_by_end,
            message,
            message_end,
            data,
        };
        Ok(Self { octets, layout })
    }
}

/// All but the data, in a buffer that has room for it.
#[inline]
pub(in crate::ilp) fn start_reject(
    code: ErrorCode,
    triggered_by: &[u8],
    message: &[u8],
    data_length: usize,
) -> Vec<u8> {
    let contents_length = 3
        + oer::var_octets_length(triggered_by.len())
        + oer::var_octets_length(message.len())
        + oer::var_octets_length(data_length);
    let mut octets = start_envelope(PacketType::REJECT, contents_length);
    octets.put_slice(&code.octets());
    oer::put_var_octets(&mut octets, triggered_by);
    oer::put_var_octets(&mut octets, message);
    octets
}

impl From<RejectView<Bytes>> for Reject {
    /// Shares the memory of the view's octets.
    #[inline]
    fn from(view: RejectView<Bytes>) -> Self {
        let code = view.code();
        let RejectView { octets, layout } = view;
        let part = |start, end| if start < end { octets.slice(start..end) } else { Bytes::new() };
        let triggered_by = part(layout.triggered_by, layout.triggered_by_end);
        Self {
            code,
            triggered_by: (!triggered_by.is_empty()).then(|| Address::from_checked(triggered_by)),
            message: part(layout.message, layout.message_end),
            data: tail(octets, layout.data),
        }
    }
}

impl<B: Octets> fmt::Debug for RejectView<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectView")
            .field("code", &self.code())
            .field("triggered_by", &self.triggered_by())
            .field("message", &format_args!("{}", self.message().escape_ascii()))
            .field("data", &format_args!("{} octets", self.data().len()))
            .finish()
    }
}
