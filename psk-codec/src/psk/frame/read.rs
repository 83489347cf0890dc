use core::fmt;

use bytes::Bytes;

use super::{
    Closed, Frame, FrameType, RefundAccount, SequenceRanges, Status, StreamData, UnknownFrame, VERSION,
};
use crate::DestinationAmount;
use crate::error::DecodeError;
use crate::octets::Octets;
use crate::oer::Reader;

/// The frames of a chunk packet, read where they stand: all checked once, without an allocation, then handed out one
/// by one in the order in which they were sent.
///
/// Iterated by value, it gives frames that live as long as the octets they were read from: `Frame<&[u8]>` of
/// borrowed ones, [`Frame`] of [`Bytes`], whose memory they share. [`Frames::iter`] borrows.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frames<B = Bytes> {
    octets: B,
}

/// Why application data is not frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FramesError {
    /// There is no application data: a plain peer of the first draft.
    #[error("no application data, so no frames")]
    Absent,
    /// The first octet is another one than [`VERSION`]: data of an application.
    #[error("application data that begins with {0} is no frames of version {VERSION}")]
    OtherVersion(u8),
    /// Frames that are not what they should be; offsets count from the version octet, which is at 0.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
}

impl FramesError {
    /// Whether the data never claimed to be frames: a plain peer's, with or without data of its application.
    pub fn is_plain(&self) -> bool {
        match self {
            Self::Absent | Self::OtherVersion(_) => true,
            Self::Malformed(_) => false,
        }
    }
}

/// Whether application data claims to be frames, by its first octet alone.
#[inline]
pub fn are_frames(application_data: &[u8]) -> bool {
    application_data.first() == Some(&VERSION)
}

impl<B: Octets> Frames<B> {
    /// Checks all frames in the application data of a chunk packet.
    pub fn read(application_data: B) -> Result<Self, FramesError> {
        match application_data.as_ref().first() {
            None => return Err(FramesError::Absent),
            Some(&VERSION) => {}
            Some(&other) => return Err(FramesError::OtherVersion(other)),
        }
        let mut reader = Reader::starting_at(application_data.as_ref(), FIRST_FRAME);
        while reader.remaining() > 0 {
            Frame::read(&mut reader)?;
        }
        Ok(Self { octets: application_data })
    }

    /// The frames in the order in which they were sent.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self.octets.as_ref())
    }

    /// The whole application data.
    pub fn octets(&self) -> &[u8] {
        self.octets.as_ref()
    }

    /// The whole application data, in what it was given in.
    pub fn into_octets(self) -> B {
        self.octets
    }
}

/// Behind the version octet.
const FIRST_FRAME: usize = 1;

impl<'a> Frame<&'a [u8]> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let frame_type = FrameType::new(reader.u8("frame type")?);
        let mut contents = reader.contents("frame contents")?;
        let reader = &mut contents;
        let (frame, name) = match frame_type {
            FrameType::REFUND_ACCOUNT => {
                (Self::RefundAccount(RefundAccount::read(reader)?), "RefundAccount frame")
            }
            FrameType::DATA => (Self::Data(StreamData::read(reader)?), "Data frame"),
            FrameType::DATA_END => {
                (Self::DataEnd { length: reader.var_uint("stream length")? }, "DataEnd frame")
            }
            FrameType::STATUS_REQUEST => (Self::StatusRequest, "StatusRequest frame"),
            FrameType::STATUS => (Self::Status(Status::read(reader)?), "Status frame"),
            FrameType::ABORT => (Self::Abort, "Abort frame"),
            FrameType::CLOSED => (Self::Closed(Closed::read(reader)?), "Closed frame"),
            FrameType::REFUND_STATUS => {
                let refunded = DestinationAmount::new(reader.u64("amount refunded")?);
                let total = DestinationAmount::new(reader.u64("total refund")?);
                (Self::RefundStatus { refunded, total }, "RefundStatus frame")
            }
            FrameType::DATA_ACK => {
                (Self::DataAck { offset: reader.var_uint("stream offset")? }, "DataAck frame")
            }
            FrameType::OUTSTANDING => (Self::Outstanding(SequenceRanges::read(reader)?), "Outstanding frame"),
            _ => (Self::Unknown(UnknownFrame::of(frame_type, reader.rest())), "unknown frame"),
        };
        reader.end(name)?;
        Ok(frame)
    }
}

/// The frames of [`Frames`], borrowed, in the order in which they were sent.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iter<'a> {
    fn new(octets: &'a [u8]) -> Self {
        Self { reader: Reader::starting_at(octets, FIRST_FRAME) }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Frame<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        // They could be read when they were checked: it fails at the end alone.
        Frame::read(&mut self.reader).ok()
    }
}

/// The frames of [`Frames`], sharing its memory, in the order in which they were sent.
#[derive(Clone, Debug)]
pub struct IntoIter {
    octets: Bytes,
    position: usize,
}

impl Iterator for IntoIter {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let mut reader = Reader::starting_at(&self.octets, self.position);
        // As in `Iter`.
        let frame = Frame::read(&mut reader).ok()?;
        self.position = reader.position();
        Some(frame.map_data(|data| self.octets.slice_ref(data)))
    }
}

impl IntoIterator for Frames<Bytes> {
    type Item = Frame;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter { octets: self.octets, position: FIRST_FRAME }
    }
}

impl<'a> IntoIterator for Frames<&'a [u8]> {
    type Item = Frame<&'a [u8]>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        Iter::new(self.octets)
    }
}

impl<'a, B: Octets> IntoIterator for &'a Frames<B> {
    type Item = Frame<&'a [u8]>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<B: Octets> fmt::Debug for Frames<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
