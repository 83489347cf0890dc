//! Frames for people. The application's data is not shown, so that it does not get into logs.

use core::fmt;

use super::{Closed, Frame, FramesBuilder, RefundAccount, Status, StreamData, UnknownFrame};
use crate::octets::Octets;

impl<D: AsRef<[u8]>> fmt::Debug for Frame<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RefundAccount(account) => account.fmt(f),
            Self::Data(data) => data.fmt(f),
            Self::DataEnd { length } => f.debug_struct("DataEnd").field("length", length).finish(),
            Self::StatusRequest => f.write_str("StatusRequest"),
            Self::Status(status) => status.fmt(f),
            Self::Abort => f.write_str("Abort"),
            Self::Closed(closed) => closed.fmt(f),
            Self::RefundStatus { refunded, total } => {
                let mut fields = f.debug_struct("RefundStatus");
                fields.field("refunded", refunded).field("total", total).finish()
            }
            Self::DataAck { offset } => f.debug_struct("DataAck").field("offset", offset).finish(),
            Self::Outstanding(sequences) => f.debug_tuple("Outstanding").field(sequences).finish(),
            Self::Unknown(unknown) => unknown.fmt(f),
        }
    }
}

impl<D: AsRef<[u8]>> fmt::Debug for RefundAccount<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefundAccount({})", self.address())
    }
}

impl<D: AsRef<[u8]>> fmt::Debug for StreamData<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.data().as_ref().len();
        let mut fields = f.debug_struct("StreamData");
        fields.field("offset", &self.offset()).field("data", &format_args!("{length} octets")).finish()
    }
}

impl<D: AsRef<[u8]>> fmt::Debug for Status<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status")
            .field("received", &self.received)
            .field("chunks", &self.chunks)
            .field("state", &self.state)
            .field("fulfilled", &self.fulfilled)
            .finish()
    }
}

impl<D: AsRef<[u8]>> fmt::Debug for Closed<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Closed");
        fields.field("reason", &self.reason()).field("message", &self.message()).finish()
    }
}

impl<D: AsRef<[u8]>> fmt::Debug for UnknownFrame<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.contents().as_ref().len();
        let mut fields = f.debug_struct("UnknownFrame");
        let fields = fields.field("frame_type", &self.frame_type());
        fields.field("contents", &format_args!("{length} octets")).finish()
    }
}

impl<D: Octets> fmt::Debug for FramesBuilder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("FramesBuilder");
        fields.field("frames", &self.frames()).field("room", &self.room()).finish()
    }
}
