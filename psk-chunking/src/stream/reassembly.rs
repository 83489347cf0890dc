use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};

/// How much a [`Reassembly`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReassemblyLimits {
    /// How long the stream may be in all, in octets.
    pub max_length: u64,
    /// How many octets may wait, for those before them or to be taken.
    pub max_buffered: usize,
    /// How many separate pieces may wait for those before them. Each takes some 100 octets beside its own.
    pub max_pieces: usize,
}

/// One direction of a payment's data on its way in: pieces in any order, any of them more than once, become octets in
/// order.
///
/// It copies what it keeps, so that a few octets do not hold the memory of a whole packet. After an error the stream
/// is of no use: a piece of it is missing that its sender takes for delivered.
///
/// ```
/// use psk_chunking::stream::{Reassembly, ReassemblyLimits};
///
/// let limits = ReassemblyLimits { max_length: 100, max_buffered: 100, max_pieces: 10 };
/// let mut stream = Reassembly::new(limits);
/// stream.insert(5, b" world")?;
/// assert!(stream.take().is_empty());
/// stream.insert(0, b"hello")?;
/// stream.end(11)?;
/// assert!(stream.is_complete());
/// assert_eq!(stream.take(), "hello world");
/// # Ok::<(), psk_chunking::stream::ReassemblyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reassembly {
    limits: ReassemblyLimits,
    /// The offset after the last octet in order.
    in_order: u64,
    /// In order, to be taken.
    ready: VecDeque<Bytes>,
    ready_length: usize,
    /// Out of order, by offset: not empty, and neither overlapping nor touching `in_order`.
    waiting: BTreeMap<u64, Bytes>,
    waiting_length: usize,
    length: Option<u64>,
}

/// Why a piece is not taken. The stream cannot be completed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReassemblyError {
    /// It is longer than the limit, or more would have to wait than may.
    #[error("more data than is taken")]
    TooLong,
    /// Too many separate pieces wait for those before them.
    #[error("more pieces than are kept")]
    TooManyPieces,
    /// Two pieces, or two lengths, contradict each other.
    #[error("the data contradicts itself")]
    Conflict,
}

impl Reassembly {
    /// An empty stream.
    pub fn new(limits: ReassemblyLimits) -> Self {
        Self {
            limits,
            in_order: 0,
            ready: VecDeque::new(),
            ready_length: 0,
            waiting: BTreeMap::new(),
            waiting_length: 0,
            length: None,
        }
    }

    /// A piece that begins at `offset`. What of it is there already is skipped; it is compared while it waits for
    /// octets before it.
    pub fn insert(&mut self, offset: u64, data: &[u8]) -> Result<(), ReassemblyError> {
        let end = offset.checked_add(data.len() as u64).ok_or(ReassemblyError::TooLong)?;
        if self.length.is_some_and(|length| end > length) {
            return Err(ReassemblyError::Conflict);
        }
        if end > self.limits.max_length {
            return Err(ReassemblyError::TooLong);
        }
        let gaps = self.gaps(offset, data)?;
        let new: usize = gaps.iter().map(|(_, piece)| piece.len()).sum();
        if self.buffered().saturating_add(new) > self.limits.max_buffered {
            return Err(ReassemblyError::TooLong);
        }
        for (start, piece) in gaps {
            self.waiting_length += piece.len();
            self.waiting.insert(start, Bytes::copy_from_slice(piece));
        }
        self.release();
        if self.waiting.len() > self.limits.max_pieces {
            return Err(ReassemblyError::TooManyPieces);
        }
        Ok(())
    }

    /// How long the stream is in all.
    pub fn end(&mut self, length: u64) -> Result<(), ReassemblyError> {
        let waiting_to = self.waiting.last_key_value();
        let waiting_to = waiting_to.map(|(&start, piece)| start.saturating_add(piece.len() as u64));
        let contradicts = self.length.is_some_and(|known| known != length);
        if contradicts || length < self.in_order.max(waiting_to.unwrap_or(0)) {
            return Err(ReassemblyError::Conflict);
        }
        if length > self.limits.max_length {
            return Err(ReassemblyError::TooLong);
        }
        self.length = Some(length);
        Ok(())
    }

    /// The octets that are in order and have not been taken yet; none if there are none.
    pub fn take(&mut self) -> Bytes {
        let taken = self.peek();
        self.ready.clear();
        self.ready_length = 0;
        taken
    }

    /// The same, without taking them.
    pub fn peek(&self) -> Bytes {
        match self.ready.len() {
            0 => Bytes::new(),
            1 => self.ready.front().cloned().unwrap_or_default(),
            _ => {
                let mut all = BytesMut::with_capacity(self.ready_length);
                self.ready.iter().for_each(|piece| all.extend_from_slice(piece));
                all.freeze()
            }
        }
    }

    /// Forgets all octets that are kept; what is in order counts as arrived.
    pub fn clear(&mut self) {
        self.ready.clear();
        self.waiting.clear();
        (self.ready_length, self.waiting_length) = (0, 0);
    }

    /// The offset after the last octet that has arrived in order: what a DataAck says.
    pub fn in_order(&self) -> u64 {
        self.in_order
    }

    /// The length of the stream, once it is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether the length is known and all octets are there, taken or not.
    pub fn is_complete(&self) -> bool {
        self.length == Some(self.in_order)
    }

    /// How many octets are kept, in order and not.
    pub fn buffered(&self) -> usize {
        self.ready_length.saturating_add(self.waiting_length)
    }

    /// How many separate pieces wait for those before them.
    pub fn pieces(&self) -> usize {
        self.waiting.len()
    }

    /// How many octets of a piece are not there yet; none of one that contradicts what is there.
    pub(crate) fn missing(&self, offset: u64, data: &[u8]) -> usize {
        self.gaps(offset, data).map_or(0, |gaps| gaps.iter().map(|(_, piece)| piece.len()).sum())
    }

    /// What of a piece is not there yet.
    fn gaps<'a>(&self, offset: u64, data: &'a [u8]) -> Result<Vec<(u64, &'a [u8])>, ReassemblyError> {
        // What is in order may have been taken: nothing is known of it any more.
        let (mut offset, mut data) = (offset, data);
        if let Some(known) = self.in_order.checked_sub(offset) {
            data = usize::try_from(known).ok().and_then(|known| data.get(known..)).unwrap_or_default();
            offset = self.in_order;
        }
        let end = offset.saturating_add(data.len() as u64);
        let mut gaps = Vec::new();
        let (mut at, mut rest) = (offset, data);
        let before = self.waiting.range(..offset).next_back();
        for (&start, piece) in before.into_iter().chain(self.waiting.range(offset..end)) {
            let gap = split(&mut rest, start.saturating_sub(at));
            if !gap.is_empty() {
                gaps.push((at, gap));
            }
            at = at.max(start);
            // The one before may end before this begins.
            let skip = usize::try_from(at - start).unwrap_or(usize::MAX);
            let known = piece.get(skip..).unwrap_or_default();
            let same = split(&mut rest, known.len() as u64);
            if known.get(..same.len()) != Some(same) {
                return Err(ReassemblyError::Conflict);
            }
            at = at.saturating_add(same.len() as u64);
        }
        if !rest.is_empty() {
            gaps.push((at, rest));
        }
        Ok(gaps)
    }

    /// What was waiting for the octets before it and now follows them.
    fn release(&mut self) {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() == self.in_order
        {
            let piece = entry.remove();
            self.waiting_length -= piece.len();
            self.in_order = self.in_order.saturating_add(piece.len() as u64);
            self.ready_length += piece.len();
            self.ready.push_back(piece);
        }
    }
}

/// Cuts at most `length` octets off the front.
fn split<'a>(rest: &mut &'a [u8], length: u64) -> &'a [u8] {
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
    let (front, back) = rest.split_at(length);
    *rest = back;
    front
}
