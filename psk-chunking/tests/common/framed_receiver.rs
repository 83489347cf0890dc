//! A receiver of a payment whose sender writes frames, and what it answers.
#![allow(dead_code, reason = "not all tests need all of it")]

use std::time::Duration;

use bytes::Bytes;
use psk_chunking::receive::{
    ChunkArrival, ChunkRefusal, Decision, EndReason, PaymentKey, ReceiveConfig, ReceiveEvent,
    ReceivePayments, RequestFrames, Verdict,
};
use psk_codec::DestinationAmount;
use psk_codec::psk::frame::{CloseReason, Frame, Frames, SequenceRange, SequenceRanges, Status, StreamData};
use psk_codec::psk::{PaymentId, Sequence};

use crate::arrival;

pub(crate) const NOW: Duration = Duration::from_secs(1_000);

pub(crate) fn units(units: u64) -> DestinationAmount {
    DestinationAmount::new(units)
}

pub(crate) fn key() -> PaymentKey {
    PaymentKey { account: "alice".parse().unwrap(), payment_id: PaymentId::new([1; 16]) }
}

/// 100 units of an open-ended payment, of a sender with frames.
pub(crate) fn chunk(sequence: u32) -> ChunkArrival {
    with(sequence, RequestFrames::default())
}

pub(crate) fn with(sequence: u32, frames: RequestFrames) -> ChunkArrival {
    arrival::framed(key(), sequence, frames)
}

pub(crate) fn ask(frames: RequestFrames) -> ChunkArrival {
    ChunkArrival { fulfillable: false, amount: units(0), minimum: units(0), ..with(9_999, frames) }
}

pub(crate) fn asks_status() -> ChunkArrival {
    ask(RequestFrames { status_request: true, ..RequestFrames::default() })
}

/// The packet `by` asks what became of these.
pub(crate) fn asks_about(by: u32, numbers: &[(u32, u32)]) -> ChunkArrival {
    let outstanding = Some(of_ranges(numbers));
    let frames = RequestFrames { status_request: true, outstanding, ..RequestFrames::default() };
    ChunkArrival { sequence: Sequence::new(by), ..ask(frames) }
}

pub(crate) fn of_ranges(ranges: &[(u32, u32)]) -> SequenceRanges {
    let range =
        |&(first, last): &(u32, u32)| SequenceRange::new(Sequence::new(first), Sequence::new(last)).unwrap();
    SequenceRanges::from_ranges(ranges.iter().map(range)).unwrap()
}

pub(crate) fn ranges(ranges: &SequenceRanges) -> Vec<(u32, u32)> {
    ranges.iter().map(|range| (range.first().number(), range.last().number())).collect()
}

pub(crate) fn aborts() -> ChunkArrival {
    ask(RequestFrames { abort: true, ..RequestFrames::default() })
}

pub(crate) fn brings(sequence: u32, offset: u64, data: &'static str) -> ChunkArrival {
    let data = vec![StreamData::new(offset, Bytes::from_static(data.as_bytes())).unwrap()];
    with(sequence, RequestFrames { data, ..RequestFrames::default() })
}

pub(crate) fn last(sequence: u32, named: &[(u32, u32)]) -> ChunkArrival {
    let outstanding = Some(of_ranges(named));
    ChunkArrival { last: true, ..with(sequence, RequestFrames { outstanding, ..RequestFrames::default() }) }
}

/// What was answered: why not fulfilled, and the frames.
pub(crate) struct Answer {
    pub(crate) refusal: Option<ChunkRefusal>,
    pub(crate) total: u64,
    pub(crate) frames: Vec<Frame>,
    pub(crate) plain: bool,
}

impl Answer {
    pub(crate) fn status(&self) -> Option<&Status> {
        self.frames.iter().find_map(|frame| match frame {
            Frame::Status(status) => Some(status),
            _ => None,
        })
    }

    pub(crate) fn closed(&self) -> Option<CloseReason> {
        self.frames.iter().find_map(|frame| match frame {
            Frame::Closed(closed) => Some(closed.reason()),
            _ => None,
        })
    }

    /// Of what it is asked about and does not know.
    pub(crate) fn outstanding(&self) -> Option<Vec<(u32, u32)>> {
        self.frames.iter().find_map(|frame| match frame {
            Frame::Outstanding(sequences) => Some(ranges(sequences)),
            _ => None,
        })
    }

    pub(crate) fn data(&self) -> Vec<(u64, Bytes)> {
        let data = self.frames.iter().filter_map(|frame| match frame {
            Frame::Data(data) => Some((data.offset(), data.data().clone())),
            _ => None,
        });
        data.collect()
    }
}

pub(crate) fn answer(decision: Decision) -> Answer {
    let (refusal, total, frames) = match decision {
        Decision::Fulfill { total, frames } => (None, total, frames),
        Decision::Refuse { refusal, total, frames } => (Some(refusal), total, frames),
        waits => panic!("{waits:?}"),
    };
    let plain = frames.is_empty();
    let frames = if plain { Vec::new() } else { Frames::read(frames).unwrap().into_iter().collect() };
    Answer { refusal, total: total.units(), frames, plain }
}

pub(crate) fn hand_in(payments: &mut ReceivePayments, chunk: &ChunkArrival, now: Duration) -> Answer {
    let mut decision = payments.handle_chunk(chunk, now);
    if let Decision::Review(offer) = &decision {
        payments.handle_verdict(&offer.payment, offer.sequence, Verdict::Accept, now);
        decision = payments.handle_chunk(chunk, now);
    }
    answer(decision)
}

pub(crate) fn give(payments: &mut ReceivePayments, chunk: &ChunkArrival) -> Answer {
    hand_in(payments, chunk, NOW)
}

pub(crate) fn receiver() -> ReceivePayments {
    ReceivePayments::new(ReceiveConfig::default())
}

pub(crate) fn events(payments: &mut ReceivePayments) -> Vec<ReceiveEvent> {
    std::iter::from_fn(|| payments.poll_event()).collect()
}

pub(crate) fn end_of(payments: &mut ReceivePayments) -> Option<EndReason> {
    events(payments).into_iter().find_map(|event| match event {
        ReceiveEvent::Finished { reason, .. } => Some(reason),
        _ => None,
    })
}

pub(crate) fn told(payments: &mut ReceivePayments) -> String {
    let data = events(payments).into_iter().map(|event| match event {
        ReceiveEvent::Data { offset, data, .. } => format!("{offset}:{} ", String::from_utf8_lossy(&data)),
        ReceiveEvent::DataComplete { length, .. } => format!("complete:{length} "),
        ReceiveEvent::DataCutOff { .. } => "cut off ".to_owned(),
        _ => String::new(),
    });
    data.collect()
}
