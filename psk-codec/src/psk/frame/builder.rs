use alloc::vec::Vec;

use bytes::{BufMut, Bytes};

use super::{Frame, VERSION};
use crate::error::EncodeError;
use crate::octets::Octets;
use crate::oer;
use crate::psk::MAX_APPLICATION_DATA_LENGTH;

/// Collects frames for one chunk packet, as many as there is room for.
///
/// Without frames it writes the version octet alone, which says that frames are understood.
#[derive(Clone)]
pub struct FramesBuilder<D = Bytes> {
    frames: Vec<Frame<D>>,
    length: usize,
    max_length: usize,
}

impl<D: Octets> FramesBuilder<D> {
    /// For application data of at most `max_length` octets. At least 1, for the version octet, and at most
    /// [`MAX_APPLICATION_DATA_LENGTH`], whatever is given.
    pub fn new(max_length: usize) -> Self {
        let max_length = max_length.clamp(1, MAX_APPLICATION_DATA_LENGTH);
        Self { frames: Vec::new(), length: 1, max_length }
    }

    /// Adds a frame after the others. One that does not fit is refused, and what was added before stays.
    pub fn push(&mut self, frame: Frame<D>) -> Result<(), EncodeError> {
        let frame_length = frame.encoded_length();
        EncodeError::check("frame", frame_length, self.room())?;
        self.length += frame_length;
        self.frames.push(frame);
        Ok(())
    }

    /// How many octets are left for frames, their types and lengths included.
    pub fn room(&self) -> usize {
        self.max_length - self.length
    }

    /// How many octets of data fit into one more [Data](Frame::Data) frame that starts at this offset of the
    /// stream; `None` when there is no room for one.
    pub fn room_for_data(&self, offset: u64) -> Option<usize> {
        max_data_length(self.room(), offset)
    }

    /// The frames so far.
    pub fn frames(&self) -> &[Frame<D>] {
        &self.frames
    }

    /// The length of the application data so far, in octets: at least 1.
    pub fn encoded_length(&self) -> usize {
        self.length
    }

    /// Writes the application data. Fails for a buffer that has no room for
    /// [`encoded_length`](FramesBuilder::encoded_length) octets.
    pub fn encode_into(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        EncodeError::check("frames", self.length, buffer.remaining_mut())?;
        buffer.put_u8(VERSION);
        self.frames.iter().try_for_each(|frame| frame.encode_into(buffer))
    }

    /// The application data, in a buffer of the exact size.
    pub fn encode(&self) -> Bytes {
        let mut buffer = Vec::with_capacity(self.length);
        // Never fails: a vector grows, and each frame is shorter than MAX_APPLICATION_DATA_LENGTH.
        let written = self.encode_into(&mut buffer);
        debug_assert!(written.is_ok() && buffer.len() == self.length);
        buffer.into()
    }
}

/// How many octets of data fit into a [Data](Frame::Data) frame that takes at most `room` octets in all and starts
/// at this offset of the stream; `None` when there is no room for one. 0 means that one without data would fit.
///
/// Never more than the stream may have: offset and length together are at most 2^64 - 1.
pub fn max_data_length(room: usize, offset: u64) -> Option<usize> {
    let before_data = oer::var_uint_length(offset);
    // The type and the shortest length; longer lengths take a few octets more.
    let mut contents = room.checked_sub(2)?;
    while 1 + oer::var_octets_length(contents) > room {
        contents -= 1;
    }
    let length = contents.checked_sub(before_data)?;
    let left = usize::try_from(u64::MAX - offset).unwrap_or(usize::MAX);
    Some(length.min(left))
}
