//! What chunk packets carry beside the money: our extensions to the first draft of RFC 25, in its
//! `applicationData` (PROTOCOL.md section 2, "Frames"). `docs/psk2-frames.asn1` describes the same octets for other
//! implementations.
//!
//! A version octet, 1, then any number of frames: a type octet and length-prefixed contents each. [`Frames`] checks
//! them all once and reads them where they stand; [`FramesBuilder`] writes as many as there is room for.
//!
//! - **No application data, no frames**: the other side is a plain peer of the draft
//!   ([`FramesError::Absent`]). The version octet alone says that frames are understood.
//! - **Another version** than 1 is plain data of an application ([`FramesError::OtherVersion`]). An application
//!   that writes plain data beginning with an octet 1 is taken for a peer with frames.
//! - **Unknown types** are skipped by receivers and survive here ([`UnknownFrame`]).
//! - **Order and repetition** are kept and not judged here. Several Data frames in a packet are usual. Of any other
//!   known type a writer puts at most one into a packet, and of several a reader takes the first.
//! - **Known frames are strict**: every number in its shortest form, nothing after the last field.
//!
//! ```
//! use bytes::Bytes;
//! use psk_codec::psk::frame::{Frame, Frames, FramesBuilder, StreamData};
//!
//! // A chunk with 40 octets of room takes the address for a refund and what fits of the data.
//! let mut builder = FramesBuilder::new(40);
//! builder.push(Frame::RefundAccount("test.alice.refund".parse()?))?;
//! let message = Bytes::from_static(b"a longer message for the receiver");
//! let fits = builder.room_for_data(0).ok_or("no room")?;
//! builder.push(Frame::Data(StreamData::new(0, message.slice(..fits)).ok_or("too long")?))?;
//! let application_data = builder.encode();
//! assert_eq!(application_data.len(), 40);
//!
//! let frames = Frames::read(&application_data[..])?;
//! for frame in frames {
//!     match frame {
//!         Frame::RefundAccount(account) => assert_eq!(account.address().as_str(), "test.alice.refund"),
//!         Frame::Data(data) => assert_eq!(*data.data(), b"a longer messag"),
//!         other => panic!("{other:?}"),
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod contents;
mod debug;
mod numbers;
mod ranges;
mod read;

use bytes::{BufMut, Bytes};

pub use builder::{FramesBuilder, max_data_length};
pub use contents::{Closed, RefundAccount, Status, StreamData, UnknownFrame};
pub use numbers::{CloseReason, FrameType, PaymentState};
pub use ranges::{Iter as RangesIter, SequenceRange, SequenceRanges};
pub use read::{Frames, FramesError, IntoIter, Iter, are_frames};

use crate::DestinationAmount;
use crate::error::EncodeError;
use crate::oer;

/// The first octet of application data that is frames.
pub const VERSION: u8 = 1;

/// One frame. Its octets are shared ([`Bytes`]) or borrowed (`&[u8]`).
///
/// *The sender* and *the receiver* are those of the payment, also in the frames about its refund.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Frame<D = Bytes> {
    /// Type 1, in requests: where a refund is to be paid. Sent until a response with frames shows that a packet
    /// with it arrived.
    RefundAccount(RefundAccount<D>),
    /// Type 2, in requests and responses: a part of the application's data.
    Data(StreamData<D>),
    /// Type 3, in requests and responses: how long the application's data is in all.
    DataEnd {
        /// The length of the stream in the direction of this packet, in octets: the offset after its last octet.
        length: u64,
    },
    /// Type 4, in requests with an unfulfillable condition: asks for a [`Status`].
    StatusRequest,
    /// Type 5, in responses: what has arrived.
    Status(Status<D>),
    /// Type 6, in requests: the sender gives up and wants its refund at once.
    Abort,
    /// Type 7, in responses: the receiver takes no more.
    Closed(Closed<D>),
    /// Type 8, in responses: how far the refund is, by the account of who pays it.
    RefundStatus {
        /// What has gone back so far, in units of the *receiver's* asset, as they left its account. What arrived of
        /// it, the sender sees on its own.
        refunded: DestinationAmount,
        /// What is to go back in all, in the same units: never more than what was received.
        total: DestinationAmount,
    },
    /// Type 9, in requests: all octets of the receiver's data before this offset have arrived.
    DataAck {
        /// The offset after the last octet that arrived in order.
        offset: u64,
    },
    /// Type 10, in the last chunk: the sequence numbers of the sender's chunks that it has no answer to. The
    /// payment ends when this chunk and all of them are fulfilled. With a StatusRequest: those that it is about. Beside a
    /// Status: it speaks of those alone, and of these it is not known.
    Outstanding(SequenceRanges<D>),
    /// Any other type.
    Unknown(UnknownFrame<D>),
}

impl<D> Frame<D> {
    /// The type on the wire.
    pub fn frame_type(&self) -> FrameType {
        match self {
            Self::RefundAccount(_) => FrameType::REFUND_ACCOUNT,
            Self::Data(_) => FrameType::DATA,
            Self::DataEnd { .. } => FrameType::DATA_END,
            Self::StatusRequest => FrameType::STATUS_REQUEST,
            Self::Status(_) => FrameType::STATUS,
            Self::Abort => FrameType::ABORT,
            Self::Closed(_) => FrameType::CLOSED,
            Self::RefundStatus { .. } => FrameType::REFUND_STATUS,
            Self::DataAck { .. } => FrameType::DATA_ACK,
            Self::Outstanding(_) => FrameType::OUTSTANDING,
            Self::Unknown(unknown) => unknown.frame_type(),
        }
    }

    /// The same frame with its octets in something else.
    fn map_data<E>(self, map: impl FnOnce(D) -> E) -> Frame<E> {
        match self {
            Self::RefundAccount(account) => Frame::RefundAccount(account.map_data(map)),
            Self::Data(data) => Frame::Data(data.map_data(map)),
            Self::DataEnd { length } => Frame::DataEnd { length },
            Self::StatusRequest => Frame::StatusRequest,
            Self::Status(status) => Frame::Status(status.map_data(map)),
            Self::Abort => Frame::Abort,
            Self::Closed(closed) => Frame::Closed(closed.map_data(map)),
            Self::RefundStatus { refunded, total } => Frame::RefundStatus { refunded, total },
            Self::DataAck { offset } => Frame::DataAck { offset },
            Self::Outstanding(sequences) => Frame::Outstanding(sequences.map_data(map)),
            Self::Unknown(unknown) => Frame::Unknown(unknown.map_data(map)),
        }
    }
}

impl Frame<&[u8]> {
    /// A copy with memory of its own.
    pub fn to_shared(&self) -> Frame {
        (*self).map_data(Bytes::copy_from_slice)
    }
}

impl<D: AsRef<[u8]>> Frame<D> {
    /// The length of the frame with its type and length, in octets.
    pub fn encoded_length(&self) -> usize {
        1 + oer::var_octets_length(self.contents_length())
    }

    /// Writes the frame. Fails for a buffer that has no room for
    /// [`encoded_length`](Frame::encoded_length) octets, and for contents of 4 GiB and more.
    pub fn encode_into(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        let contents_length = self.contents_length();
        EncodeError::check("frame contents", contents_length, u32::MAX as usize)?;
        EncodeError::check("frame", self.encoded_length(), buffer.remaining_mut())?;
        buffer.put_u8(self.frame_type().number());
        oer::put_length(buffer, contents_length);
        self.put_contents(buffer);
        Ok(())
    }

    fn contents_length(&self) -> usize {
        match self {
            Self::RefundAccount(account) => account.length(),
            Self::Data(data) => data.length(),
            Self::DataEnd { length } => oer::var_uint_length(*length),
            Self::StatusRequest | Self::Abort => 0,
            Self::Status(status) => status.length(),
            Self::Closed(closed) => closed.length(),
            Self::RefundStatus { .. } => 16,
            Self::DataAck { offset } => oer::var_uint_length(*offset),
            Self::Outstanding(sequences) => sequences.length(),
            Self::Unknown(unknown) => unknown.contents().as_ref().len(),
        }
    }

    fn put_contents(&self, buffer: &mut impl BufMut) {
        match self {
            Self::RefundAccount(account) => account.put(buffer),
            Self::Data(data) => data.put(buffer),
            Self::DataEnd { length } => oer::put_var_uint(buffer, *length),
            Self::StatusRequest | Self::Abort => {}
            Self::Status(status) => status.put(buffer),
            Self::Closed(closed) => closed.put(buffer),
            Self::RefundStatus { refunded, total } => {
                buffer.put_u64(refunded.units());
                buffer.put_u64(total.units());
            }
            Self::DataAck { offset } => oer::put_var_uint(buffer, *offset),
            Self::Outstanding(sequences) => sequences.put(buffer),
            Self::Unknown(unknown) => buffer.put_slice(unknown.contents().as_ref()),
        }
    }
}
