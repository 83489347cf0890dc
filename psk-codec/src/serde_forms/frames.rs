//! Frames, as fields that are checked again when they are read.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::de::{Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::psk::Sequence;
use crate::psk::frame::{
    CloseReason, Closed, Frame, PaymentState, RefundAccount, SequenceRange, SequenceRanges, Status,
    StreamData, UnknownFrame,
};
use crate::{Address, Amount, DestinationAmount};

/// A frame with all of its fields in the open. Numbers of 64 bits look as amounts do.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    RefundAccount(Address),
    Data {
        offset: Amount,
        #[serde(with = "super::octets")]
        data: Bytes,
    },
    DataEnd {
        length: Amount,
    },
    StatusRequest,
    Status {
        received: DestinationAmount,
        chunks: u32,
        state: PaymentState,
        fulfilled: Vec<(Sequence, Sequence)>,
    },
    Abort,
    Closed {
        reason: CloseReason,
        message: String,
    },
    RefundStatus {
        refunded: DestinationAmount,
        total: DestinationAmount,
    },
    DataAck {
        offset: Amount,
    },
    Outstanding(Vec<(Sequence, Sequence)>),
    Unknown(UnknownFrame),
}

impl From<Frame> for Form {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::RefundAccount(account) => Self::RefundAccount(account.into()),
            Frame::Data(data) => Self::Data { offset: Amount::new(data.offset()), data: data.into_data() },
            Frame::DataEnd { length } => Self::DataEnd { length: Amount::new(length) },
            Frame::StatusRequest => Self::StatusRequest,
            Frame::Status(Status { received, chunks, state, fulfilled }) => {
                Self::Status { received, chunks, state, fulfilled: pairs(&fulfilled) }
            }
            Frame::Abort => Self::Abort,
            Frame::Closed(closed) => {
                Self::Closed { reason: closed.reason(), message: closed.message().into() }
            }
            Frame::RefundStatus { refunded, total } => Self::RefundStatus { refunded, total },
            Frame::DataAck { offset } => Self::DataAck { offset: Amount::new(offset) },
            Frame::Outstanding(sequences) => Self::Outstanding(pairs(&sequences)),
            Frame::Unknown(unknown) => Self::Unknown(unknown),
        }
    }
}

impl TryFrom<Form> for Frame {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Self, &'static str> {
        Ok(match form {
            Form::RefundAccount(address) => Self::RefundAccount(RefundAccount::from(address)),
            Form::Data { offset, data } => Self::Data(
                StreamData::new(offset.units(), data).ok_or("a stream of more than 2^64 - 1 octets")?,
            ),
            Form::DataEnd { length } => Self::DataEnd { length: length.units() },
            Form::StatusRequest => Self::StatusRequest,
            Form::Status { received, chunks, state, fulfilled } => {
                Self::Status(Status { received, chunks, state, fulfilled: ranges(fulfilled)? })
            }
            Form::Abort => Self::Abort,
            Form::Closed { reason, message } => Self::Closed(Closed::with_message(reason, &message)),
            Form::RefundStatus { refunded, total } => Self::RefundStatus { refunded, total },
            Form::DataAck { offset } => Self::DataAck { offset: offset.units() },
            Form::Outstanding(sequences) => Self::Outstanding(ranges(sequences)?),
            Form::Unknown(unknown) => Self::Unknown(unknown),
        })
    }
}

/// First and last number of each range.
fn pairs(ranges: &SequenceRanges) -> Vec<(Sequence, Sequence)> {
    ranges.iter().map(|range| (range.first(), range.last())).collect()
}

fn ranges(pairs: Vec<(Sequence, Sequence)>) -> Result<SequenceRanges, &'static str> {
    let ranges = pairs.into_iter().map(|(first, last)| SequenceRange::new(first, last));
    let ranges: Vec<_> = ranges.collect::<Option<_>>().ok_or("a range that ends before it starts")?;
    SequenceRanges::from_ranges(ranges).ok_or("ranges that touch or do not ascend")
}

impl Serialize for Frame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Form::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Frame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Form::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}
