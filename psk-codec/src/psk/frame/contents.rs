use core::str::{FromStr, Utf8Error};

use bytes::{BufMut, Bytes};

use super::{CloseReason, FrameType, PaymentState, SequenceRanges};
use crate::error::{DecodeError, Problem};
use crate::octets::Octets;
use crate::oer::{self, Reader};
use crate::{Address, AddressError, AddressRef, DestinationAmount};

/// Where a refund is to be paid: a valid ILP address, of the sender's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefundAccount<D = Bytes>(D);

impl<D: Octets> RefundAccount<D> {
    /// Checks octets and keeps them.
    pub fn new(octets: D) -> Result<Self, AddressError> {
        AddressRef::new(octets.as_ref())?;
        Ok(Self(octets))
    }
}

impl<'a> RefundAccount<&'a [u8]> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let offset = reader.position();
        let octets = reader.var_octets("refund account")?;
        let problem = |error| DecodeError::new("refund account", offset, Problem::InvalidAddress(error));
        Self::new(octets).map_err(problem)
    }
}

impl<D> RefundAccount<D> {
    pub(super) fn map_data<E>(self, map: impl FnOnce(D) -> E) -> RefundAccount<E> {
        RefundAccount(map(self.0))
    }
}

impl<D: AsRef<[u8]>> RefundAccount<D> {
    /// The address.
    pub fn address(&self) -> AddressRef<'_> {
        AddressRef::from_checked(self.0.as_ref())
    }

    pub(super) fn length(&self) -> usize {
        oer::var_octets_length(self.0.as_ref().len())
    }

    pub(super) fn put(&self, buffer: &mut impl BufMut) {
        oer::put_var_octets(buffer, self.0.as_ref());
    }
}

impl From<Address> for RefundAccount {
    fn from(address: Address) -> Self {
        Self(address.as_octets().clone())
    }
}

impl From<RefundAccount> for Address {
    /// Shares the memory of the frame.
    fn from(account: RefundAccount) -> Self {
        Self::from_checked(account.0)
    }
}

impl FromStr for RefundAccount {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse::<Address>().map(Self::from)
    }
}

/// A part of the application's data, a stream of octets that is split over chunks and put together again in order.
/// Each direction has its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamData<D = Bytes> {
    offset: u64,
    data: D,
}

impl<D: Octets> StreamData<D> {
    /// Data whose first octet is at `offset` of the stream; `None` when the stream would be longer than 2^64 - 1
    /// octets.
    pub fn new(offset: u64, data: D) -> Option<Self> {
        offset.checked_add(data.as_ref().len() as u64)?;
        Some(Self { offset, data })
    }
}

impl<'a> StreamData<&'a [u8]> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let offset_at = reader.position();
        let offset = reader.var_uint("stream offset")?;
        Self::new(offset, reader.rest())
            .ok_or_else(|| DecodeError::new("stream offset", offset_at, Problem::TooLarge))
    }
}

impl<D> StreamData<D> {
    /// Where in the stream its first octet is, from 0.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The octets; there may be none.
    pub fn data(&self) -> &D {
        &self.data
    }

    /// The octets, for keeping.
    pub fn into_data(self) -> D {
        self.data
    }

    pub(super) fn map_data<E>(self, map: impl FnOnce(D) -> E) -> StreamData<E> {
        StreamData { offset: self.offset, data: map(self.data) }
    }
}

impl<D: AsRef<[u8]>> StreamData<D> {
    /// The offset after its last octet, at most 2^64 - 1.
    pub fn end(&self) -> u64 {
        // Checked when it was made; it never saturates.
        self.offset.saturating_add(self.data.as_ref().len() as u64)
    }

    pub(super) fn length(&self) -> usize {
        oer::var_uint_length(self.offset) + self.data.as_ref().len()
    }

    pub(super) fn put(&self, buffer: &mut impl BufMut) {
        oer::put_var_uint(buffer, self.offset);
        buffer.put_slice(self.data.as_ref());
    }
}

/// What has arrived of a payment, as its receiver says. All of it is a claim; the codec does not compare the parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status<D = Bytes> {
    /// The total received, in units of the receiver's asset.
    pub received: DestinationAmount,
    /// How many chunks were fulfilled. 32 bits are enough: a key seals at most 2^31 packets.
    pub chunks: u32,
    /// How far the payment is.
    pub state: PaymentState,
    /// The sequence numbers that were fulfilled.
    ///
    /// A receiver that has no room for all ranges, in memory or in the packet, joins neighbours and never leaves a
    /// number out. So a number that is not here was not fulfilled, and one that is here was when the status is
    /// [exact](Status::is_exact).
    pub fulfilled: SequenceRanges<D>,
}

impl<'a> Status<&'a [u8]> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            received: DestinationAmount::new(reader.u64("total received")?),
            chunks: reader.u32("number of chunks")?,
            state: PaymentState::new(reader.u8("payment state")?),
            fulfilled: SequenceRanges::read(reader)?,
        })
    }
}

impl<D> Status<D> {
    /// received, chunks, state
    const FIXED_LENGTH: usize = 8 + 4 + 1;

    pub(super) fn map_data<E>(self, map: impl FnOnce(D) -> E) -> Status<E> {
        let Self { received, chunks, state, fulfilled } = self;
        Status { received, chunks, state, fulfilled: fulfilled.map_data(map) }
    }
}

impl Status {
    /// How many sequence ranges a Status frame holds that takes `room` octets in all, at most; `None` when there is
    /// not even room for one without ranges.
    pub fn max_ranges(room: usize) -> Option<usize> {
        let length = |ranges: usize| {
            let count = oer::var_uint_length(ranges as u64);
            let contents = Self::FIXED_LENGTH + count + ranges * super::ranges::RANGE_LENGTH;
            1 + oer::var_octets_length(contents)
        };
        let least = length(0);
        let mut ranges = room.checked_sub(least)? / super::ranges::RANGE_LENGTH;
        // The two lengths before the ranges grow with them, by a few octets: a step or two.
        while length(ranges) > room {
            ranges -= 1;
        }
        Some(ranges)
    }
}

impl<D: AsRef<[u8]>> Status<D> {
    /// Whether the sequence ranges hold exactly as many numbers as chunks were fulfilled: then they are those.
    pub fn is_exact(&self) -> bool {
        self.fulfilled.count() == u64::from(self.chunks)
    }

    pub(super) fn length(&self) -> usize {
        Self::FIXED_LENGTH + self.fulfilled.length()
    }

    pub(super) fn put(&self, buffer: &mut impl BufMut) {
        buffer.put_u64(self.received.units());
        buffer.put_u32(self.chunks);
        buffer.put_u8(self.state.number());
        self.fulfilled.put(buffer);
    }
}

/// Why the receiver takes no more.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Closed<D = Bytes> {
    reason: CloseReason,
    /// Checked to be UTF-8.
    message: D,
}

impl Closed {
    /// With a copy of a message for people, which may be empty.
    pub fn with_message(reason: CloseReason, message: &str) -> Self {
        Self { reason, message: Bytes::copy_from_slice(message.as_bytes()) }
    }
}

impl<D: Octets> Closed<D> {
    /// With a message for people, which may be empty. Fails when it is not UTF-8.
    pub fn new(reason: CloseReason, message: D) -> Result<Self, Utf8Error> {
        str::from_utf8(message.as_ref())?;
        Ok(Self { reason, message })
    }
}

impl<'a> Closed<&'a [u8]> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let reason = CloseReason::new(reader.u8("close reason")?);
        let offset = reader.position();
        let message = reader.var_octets("close message")?;
        Self::new(reason, message)
            .map_err(|_| DecodeError::new("close message", offset, Problem::Invalid("not UTF-8")))
    }
}

impl<D> Closed<D> {
    /// The reason, for programs.
    pub fn reason(&self) -> CloseReason {
        self.reason
    }

    pub(super) fn map_data<E>(self, map: impl FnOnce(D) -> E) -> Closed<E> {
        Closed { reason: self.reason, message: map(self.message) }
    }
}

impl<D: AsRef<[u8]>> Closed<D> {
    /// More about it, for people. The other side wrote it: who shows it on a terminal escapes control characters.
    pub fn message(&self) -> &str {
        // Checked to be UTF-8 when it was made; the fallback is never taken.
        str::from_utf8(self.message.as_ref()).unwrap_or_default()
    }

    pub(super) fn length(&self) -> usize {
        1 + oer::var_octets_length(self.message.as_ref().len())
    }

    pub(super) fn put(&self, buffer: &mut impl BufMut) {
        buffer.put_u8(self.reason.number());
        oer::put_var_octets(buffer, self.message.as_ref());
    }
}

/// A frame of a type that this crate does not know, with contents that it has not looked at.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnknownFrame<D = Bytes> {
    frame_type: FrameType,
    contents: D,
}

impl<D> UnknownFrame<D> {
    /// A frame of any type but those that are known, for which it is `None`.
    pub fn new(frame_type: FrameType, contents: D) -> Option<Self> {
        (!frame_type.is_known()).then_some(Self { frame_type, contents })
    }

    pub(super) fn of(frame_type: FrameType, contents: D) -> Self {
        Self { frame_type, contents }
    }

    /// The type.
    pub fn frame_type(&self) -> FrameType {
        self.frame_type
    }

    /// What follows type and length.
    pub fn contents(&self) -> &D {
        &self.contents
    }

    pub(super) fn map_data<E>(self, map: impl FnOnce(D) -> E) -> UnknownFrame<E> {
        UnknownFrame { frame_type: self.frame_type, contents: map(self.contents) }
    }
}
