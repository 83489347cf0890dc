use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use crate::error::{DecodeError, Problem};
use crate::oer::{self, Reader};
use crate::psk::Sequence;

/// Sequence numbers from a first to a last one, both included.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceRange {
    first: Sequence,
    last: Sequence,
}

impl SequenceRange {
    /// From `first` to `last`, both included; `None` when `first` is the greater one.
    pub fn new(first: Sequence, last: Sequence) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The least number.
    pub const fn first(self) -> Sequence {
        self.first
    }

    /// The greatest number.
    pub const fn last(self) -> Sequence {
        self.last
    }

    /// How many numbers these are: 1 to 2^32.
    pub const fn count(self) -> u64 {
        self.last.number() as u64 - self.first.number() as u64 + 1
    }

    /// Whether the number is one of these.
    pub fn contains(self, sequence: Sequence) -> bool {
        self.first <= sequence && sequence <= self.last
    }

    /// What is wrong with this one after the one `before`, if anything is.
    fn problem_after(self, before: Self) -> Option<Problem> {
        match self.first.number().checked_sub(before.last.number()) {
            None | Some(0) => Some(Problem::Invalid("not after the range before")),
            // The two would be one range.
            Some(1) => Some(Problem::NotCanonical),
            Some(_) => None,
        }
    }

    fn from_octets(octets: &[u8; RANGE_LENGTH]) -> (Sequence, Sequence) {
        let number = u64::from_be_bytes(*octets);
        // The upper and the lower half.
        (Sequence::new((number >> 32) as u32), Sequence::new(number as u32))
    }
}

impl fmt::Debug for SequenceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first.number(), self.last.number())
    }
}

/// first and last number, UInt32 each
pub(super) const RANGE_LENGTH: usize = 8;

/// A set of sequence numbers: ranges in ascending order with at least one number missing between two of them, so
/// that a set has one encoding. Its octets are shared ([`Bytes`]) or borrowed (`&[u8]`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceRanges<D = Bytes> {
    /// The ranges as they stand on the wire, without their number. Checked.
    octets: D,
}

impl SequenceRanges {
    /// No numbers.
    pub const EMPTY: Self = Self { octets: Bytes::new() };

    /// From ranges in ascending order; `None` when they are not, and when two of them overlap or touch.
    pub fn from_ranges(ranges: impl IntoIterator<Item = SequenceRange>) -> Option<Self> {
        let ranges = ranges.into_iter();
        let mut octets = Vec::with_capacity(ranges.size_hint().0.saturating_mul(RANGE_LENGTH));
        let mut before = None;
        for range in ranges {
            if before.is_some_and(|before| range.problem_after(before).is_some()) {
                return None;
            }
            before = Some(range);
            octets.put_u32(range.first.number());
            octets.put_u32(range.last.number());
        }
        Some(Self { octets: octets.into() })
    }
}

impl<'a> SequenceRanges<&'a [u8]> {
    /// Reads the number of ranges and the ranges.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let offset = reader.position();
        let count = reader.var_uint("number of sequence ranges")?;
        // What cannot be there is refused before it is looked for.
        let most = reader.remaining() / RANGE_LENGTH;
        let count = usize::try_from(count)
            .ok()
            .filter(|&count| count <= most)
            .ok_or_else(|| DecodeError::new("number of sequence ranges", offset, Problem::TooLarge))?;
        let start = reader.position();
        let octets = reader.octets(count * RANGE_LENGTH, "sequence range")?;
        let mut before = None;
        for (number, octets) in octets.as_chunks().0.iter().enumerate() {
            let (first, last) = SequenceRange::from_octets(octets);
            let problem = match (SequenceRange::new(first, last), before) {
                (None, _) => Some(Problem::Invalid("first after last")),
                (Some(range), Some(before)) => range.problem_after(before),
                (Some(_), None) => None,
            };
            if let Some(problem) = problem {
                return Err(DecodeError::new("sequence range", start + number * RANGE_LENGTH, problem));
            }
            before = Some(SequenceRange { first, last });
        }
        Ok(Self { octets })
    }
}

impl<D> SequenceRanges<D> {
    pub(super) fn map_data<E>(self, map: impl FnOnce(D) -> E) -> SequenceRanges<E> {
        SequenceRanges { octets: map(self.octets) }
    }
}

impl<D: AsRef<[u8]>> SequenceRanges<D> {
    /// The ranges, ascending.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.ranges().iter())
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.ranges().len()
    }

    /// Whether there is no number at all.
    pub fn is_empty(&self) -> bool {
        self.ranges().is_empty()
    }

    /// How many numbers there are in all ranges: 0 to 2^32.
    pub fn count(&self) -> u64 {
        self.iter().map(SequenceRange::count).sum()
    }

    /// Whether the number is in one of the ranges.
    pub fn contains(&self, sequence: Sequence) -> bool {
        let ranges = self.ranges();
        let after = ranges.partition_point(|octets| SequenceRange::from_octets(octets).0 <= sequence);
        let candidate = after.checked_sub(1).and_then(|index| ranges.get(index));
        candidate.is_some_and(|octets| sequence <= SequenceRange::from_octets(octets).1)
    }

    /// The length on the wire, in octets.
    pub(super) fn length(&self) -> usize {
        oer::var_uint_length(self.len() as u64) + self.octets.as_ref().len()
    }

    pub(super) fn put(&self, buffer: &mut impl BufMut) {
        oer::put_var_uint(buffer, self.len() as u64);
        buffer.put_slice(self.octets.as_ref());
    }

    fn ranges(&self) -> &[[u8; RANGE_LENGTH]] {
        // Whole ranges only: nothing remains.
        self.octets.as_ref().as_chunks().0
    }
}

impl<'a, D: AsRef<[u8]>> IntoIterator for &'a SequenceRanges<D> {
    type Item = SequenceRange;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<D: AsRef<[u8]>> fmt::Debug for SequenceRanges<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// The ranges of [`SequenceRanges`], ascending.
#[derive(Clone, Debug)]
pub struct Iter<'a>(core::slice::Iter<'a, [u8; RANGE_LENGTH]>);

impl Iterator for Iter<'_> {
    type Item = SequenceRange;

    fn next(&mut self) -> Option<SequenceRange> {
        let (first, last) = SequenceRange::from_octets(self.0.next()?);
        Some(SequenceRange { first, last })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}
