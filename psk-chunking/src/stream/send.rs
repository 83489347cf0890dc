use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use psk_codec::psk::frame::{Frame, FramesBuilder, StreamData};

use super::ranges::Ranges;

/// One direction of a payment's data on its way out: octets are kept until they are acknowledged.
///
/// Put what fits into each packet, in one of two ways:
///
/// - **Requests**, which are answered one by one: [`fill`](Self::fill) under a name for the packet (`T`), then tell
///   each packet's fate with [`acknowledged`](Self::acknowledged) or [`lost`](Self::lost). What was lost goes first
///   into the next packet.
/// - **Responses**, of which nobody knows which arrived: [`fill_response`](Self::fill_response), and
///   [`acknowledged_to`](Self::acknowledged_to) when the other side says how far it has read. When it says nothing
///   new for twice as long as that took lately, everything beyond is sent again.
///
/// ```
/// use psk_chunking::stream::SendStream;
/// use psk_codec::psk::frame::FramesBuilder;
///
/// let mut stream = SendStream::new(1_000);
/// stream.write("hello".into())?;
/// stream.finish();
/// let mut frames = FramesBuilder::new(100);
/// stream.fill(&mut frames, 7);
/// assert_eq!(frames.frames().len(), 2, "data and its length");
/// assert!(!stream.is_acknowledged());
/// stream.acknowledged(7);
/// assert!(stream.is_acknowledged());
/// # Ok::<(), psk_chunking::stream::WriteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SendStream<T> {
    max_length: u64,
    /// The octets from `kept_from` on.
    kept: VecDeque<Bytes>,
    /// Everything before is acknowledged.
    kept_from: u64,
    written: u64,
    finished: bool,
    end_acknowledged: bool,
    /// What is at or after this offset has never been sent.
    next: u64,
    /// New octets are sent up to so many beyond those that are acknowledged in order.
    ahead: u64,
    /// What has to be sent again.
    again: Ranges,
    /// What is acknowledged at or after `kept_from`.
    acknowledged: Ranges,
    in_flight: BTreeMap<T, Sent>,
    /// In responses: since when there is data without a word about it.
    waiting_since: Duration,
    /// Where one of them ended that was sent for the first time, and when, until there is a word about it.
    timed: Option<(u64, Duration)>,
    /// How long that took lately.
    round_trip: Option<Duration>,
    /// What is at or after this offset has not been sent, not even before it was to be sent again.
    sent_to: u64,
}

/// However soon there was a word lately, for so long it is waited for.
const LEAST_PATIENCE: Duration = Duration::from_millis(50);

/// What a packet carries.
#[derive(Clone, Debug, Default)]
struct Sent {
    ranges: Vec<(u64, u64)>,
    end: bool,
}

/// Why data cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The stream would be longer than its limit.
    #[error("the data would be longer than {0} octets")]
    TooLong(u64),
    /// The length has been told.
    #[error("the data has been finished")]
    Finished,
}

impl<T: Ord> SendStream<T> {
    /// An empty stream of at most so many octets in all.
    pub fn new(max_length: u64) -> Self {
        Self {
            max_length,
            kept: VecDeque::new(),
            kept_from: 0,
            written: 0,
            finished: false,
            end_acknowledged: false,
            next: 0,
            ahead: u64::MAX,
            again: Ranges::default(),
            acknowledged: Ranges::default(),
            in_flight: BTreeMap::new(),
            waiting_since: Duration::ZERO,
            timed: None,
            round_trip: None,
            sent_to: 0,
        }
    }

    /// Adds octets at the end. They are kept as they are, without a copy.
    pub fn write(&mut self, data: Bytes) -> Result<(), WriteError> {
        if self.finished {
            return Err(WriteError::Finished);
        }
        let end = self.written.checked_add(data.len() as u64).filter(|&end| end <= self.max_length);
        self.written = end.ok_or(WriteError::TooLong(self.max_length))?;
        if !data.is_empty() {
            self.kept.push_back(data);
        }
        Ok(())
    }

    /// Nothing more will be written: the length is told to the other side.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// In requests: sends new octets up to so many beyond those that are acknowledged in order, and no further. What comes
    /// before others that are still missing waits at the other side, which has room for so much. Without it, all at once.
    pub fn limit_ahead(&mut self, octets: u64) {
        self.ahead = octets;
    }

    /// The length so far; in all, once it is finished.
    pub fn length(&self) -> u64 {
        self.written
    }

    /// So many octets have arrived without a gap before them.
    pub fn acknowledged_in_order(&self) -> u64 {
        self.kept_from
    }

    /// Whether it is finished and all of it, its length included, has arrived.
    ///
    /// A response cannot be told from its acknowledgements to have brought the length, so with
    /// [`fill_response`](Self::fill_response) this is never true.
    pub fn is_acknowledged(&self) -> bool {
        self.finished && self.end_acknowledged && self.kept_from == self.written
    }

    /// Whether a packet with room should leave for the sake of this stream: something may be sent or was lost.
    pub fn has_more(&self) -> bool {
        let end_wanted = self.finished && !self.end_acknowledged;
        self.next_range().is_some() || (end_wanted && !self.in_flight.values().any(|sent| sent.end))
    }

    /// Puts what is to be sent next into a request, as much as there is room for, under the packet's name. Nothing
    /// when there is nothing to say. Whether it put anything in.
    ///
    /// The length goes with all data once it is known, and alone until it is acknowledged.
    pub fn fill(&mut self, frames: &mut FramesBuilder, packet: T) -> bool {
        let mut sent = Sent::default();
        if self.finished && !self.end_acknowledged {
            sent.end = frames.push(Frame::DataEnd { length: self.written }).is_ok();
        }
        while let Some((start, end)) = self.next_range()
            && let Some(end) = self.push_data(frames, start, end)
        {
            self.again.remove_to(end);
            self.next = self.next.max(end);
            sent.ranges.push((start, end));
        }
        let anything = sent.end || !sent.ranges.is_empty();
        if anything && let Some(before) = self.in_flight.insert(packet, sent) {
            // The name was given twice: what went with it first must not be forgotten.
            self.send_again(before);
        }
        anything
    }

    /// The packet has arrived: it was answered authentically.
    pub fn acknowledged(&mut self, packet: T) {
        let Some(sent) = self.in_flight.remove(&packet) else { return };
        self.end_acknowledged |= sent.end;
        for (start, end) in sent.ranges {
            self.acknowledged.insert(start.max(self.kept_from), end);
        }
        if let Some((start, end)) = self.acknowledged.first()
            && start <= self.kept_from
        {
            self.acknowledged.take_first_to(end);
            self.drop_to(end);
        }
    }

    /// The packet has not arrived, or nobody knows: what was in it is sent again.
    pub fn lost(&mut self, packet: T) {
        if let Some(sent) = self.in_flight.remove(&packet) {
            self.send_again(sent);
        }
    }

    /// Puts what is to be sent next into a response, as much as there is room for. What was sent before is sent again
    /// when the other side has said nothing new for twice as long as it took lately until it did, or for `patience`; the
    /// length, once it is known, goes with every response.
    pub fn fill_response(&mut self, frames: &mut FramesBuilder, now: Duration, patience: Duration) {
        if self.finished {
            // Without room for it there is none for data either, and the next response tells it.
            let _ = frames.push(Frame::DataEnd { length: self.written });
        }
        let waiting = self.next > self.kept_from;
        let usual = self.round_trip.map(|lately| lately.saturating_mul(2).max(LEAST_PATIENCE));
        let patience = usual.map_or(patience, |usual| usual.min(patience));
        if waiting && now.saturating_sub(self.waiting_since) >= patience {
            self.next = self.kept_from;
            // Nobody will know which of the two there is a word about.
            self.timed = None;
        }
        while self.next < self.written
            && let Some(end) = self.push_data(frames, self.next, self.written)
        {
            if self.next == self.kept_from {
                self.waiting_since = now;
            }
            if self.next >= self.sent_to {
                self.timed.get_or_insert((end, now));
            }
            self.next = end;
            self.sent_to = self.sent_to.max(end);
        }
    }

    /// The other side has read everything before this offset. What it cannot have read is not believed.
    pub fn acknowledged_to(&mut self, offset: u64, now: Duration) {
        let sent_to = offset <= self.written;
        if sent_to && offset > self.kept_from {
            self.waiting_since = now;
            if let Some((_, sent_at)) = self.timed.take_if(|(end, _)| *end <= offset) {
                let took = now.saturating_sub(sent_at);
                // Longer at once, shorter by and by.
                let lately = self.round_trip.map_or(took, |lately| (lately / 4 * 3).saturating_add(took / 4));
                self.round_trip = Some(lately.max(took));
            }
            self.next = self.next.max(offset);
            self.drop_to(offset);
        }
    }

    /// What was lost, then what was never sent.
    fn next_range(&self) -> Option<(u64, u64)> {
        let end = self.written.min(self.kept_from.saturating_add(self.ahead));
        let new = (self.next < end).then_some((self.next, end));
        self.again.first().or(new)
    }

    /// Adds a Data frame from `start` on, not beyond `end`. Where it ends, if there was room for an octet.
    fn push_data(&self, frames: &mut FramesBuilder, start: u64, end: u64) -> Option<u64> {
        let room = frames.room_for_data(start).filter(|&room| room > 0)?;
        let left = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let data = self.copy(start, left.min(room))?;
        let end = start.checked_add(data.len() as u64)?;
        frames.push(Frame::Data(StreamData::new(start, data)?)).ok()?;
        Some(end)
    }

    /// `length` octets from `start` on; shared when they stand together, copied when not. `None` for none.
    fn copy(&self, start: u64, length: usize) -> Option<Bytes> {
        let mut skip = usize::try_from(start.checked_sub(self.kept_from)?).ok()?;
        let mut copied = BytesMut::new();
        for piece in &self.kept {
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            let wanted = (length - copied.len()).min(piece.len() - skip);
            if copied.is_empty() && wanted == length {
                return Some(piece.slice(skip..skip + wanted)).filter(|octets| !octets.is_empty());
            }
            copied.extend_from_slice(piece.get(skip..skip + wanted)?);
            skip = 0;
            if copied.len() == length {
                break;
            }
        }
        Some(copied.freeze()).filter(|octets| !octets.is_empty())
    }

    fn send_again(&mut self, sent: Sent) {
        for (start, end) in sent.ranges {
            self.again.insert(start.max(self.kept_from), end);
        }
    }

    /// Forgets the octets before `offset`.
    fn drop_to(&mut self, offset: u64) {
        while self.kept_from < offset
            && let Some(piece) = self.kept.front_mut()
        {
            let length = piece.len() as u64;
            let gone = (offset - self.kept_from).min(length);
            // Not more than the piece's length, so it fits.
            piece.advance(usize::try_from(gone).unwrap_or(piece.len()));
            self.kept_from += gone;
            if gone == length {
                self.kept.pop_front();
            }
        }
        self.again.remove_to(self.kept_from);
    }
}
