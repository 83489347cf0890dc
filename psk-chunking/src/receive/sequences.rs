use std::collections::BTreeMap;

use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{SequenceRange, SequenceRanges};

/// The sequence numbers of a payment that have been fulfilled, as ranges.
///
/// Memory is bounded: when there are too many ranges, the numbers between the two lowest count as fulfilled too. A
/// sender that numbers its chunks in order never comes near that; refusing a number that was not used is safe,
/// fulfilling one twice is not.
#[derive(Clone, Debug, Default)]
pub(super) struct SequenceSet {
    /// First number to last number, both included.
    ranges: BTreeMap<u32, u32>,
}

/// At 8 octets each, with the tree around them, about 100 kB for one payment.
pub(super) const MAX_RANGES: usize = 4_096;

impl SequenceSet {
    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        let number = sequence.number();
        self.ranges.range(..=number).next_back().is_some_and(|(_, &last)| number <= last)
    }

    /// Adds a number and keeps so many ranges at most; false if it was there.
    pub(super) fn insert(&mut self, sequence: Sequence, max_ranges: usize) -> bool {
        if self.contains(sequence) {
            return false;
        }
        let number = sequence.number();
        let before = self.ranges.range(..number).next_back().map(|(&first, &last)| (first, last));
        let joins_before = before.filter(|&(_, last)| last.checked_add(1) == Some(number));
        let after = number.checked_add(1).and_then(|next| self.ranges.remove(&next));
        let first = joins_before.map_or(number, |(first, _)| first);
        self.ranges.insert(first, after.unwrap_or(number));
        while self.ranges.len() > max_ranges.max(1) {
            self.join_lowest();
        }
        true
    }

    /// The greatest number up to which all from `sequence` on are there; `None` when that one is not.
    pub(super) fn end_of_run(&self, sequence: Sequence) -> Option<Sequence> {
        let (_, &last) = self.ranges.range(..=sequence.number()).next_back()?;
        (sequence.number() <= last).then(|| Sequence::new(last))
    }

    /// As ranges that ascend and do not touch, `most` at most. Where there are more, the lowest are joined, as they are in
    /// the set itself: so no number is left out, and only the first range may name numbers that are not there.
    pub(super) fn to_ranges(&self, most: usize) -> SequenceRanges {
        let highest = self.ranges.iter().rev().take(most.max(1));
        let mut ranges: Vec<(u32, u32)> = highest.map(|(&first, &last)| (first, last)).collect();
        ranges.reverse();
        if let (Some(range), Some((&first, _))) = (ranges.first_mut(), self.ranges.first_key_value()) {
            range.0 = first;
        }
        let range = |(first, last)| SequenceRange::new(Sequence::new(first), Sequence::new(last));
        // They ascend and do not touch, so this never falls back.
        SequenceRanges::from_ranges(ranges.into_iter().filter_map(range)).unwrap_or(SequenceRanges::EMPTY)
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    fn join_lowest(&mut self) {
        if let Some((first, _)) = self.ranges.pop_first()
            && let Some((_, last)) = self.ranges.pop_first()
        {
            self.ranges.insert(first, last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn it_is_a_set(numbers in proptest::collection::vec(
            prop_oneof![0..50u32, u32::MAX - 5..=u32::MAX], 0..200,
        )) {
            let (mut set, mut model) = (SequenceSet::default(), HashSet::new());
            for number in numbers {
                prop_assert_eq!(set.insert(Sequence::new(number), MAX_RANGES), model.insert(number));
                for most in [0, 1, 2, 5, 100] {
                    let ranges = set.to_ranges(most);
                    prop_assert!(ranges.len() <= most.max(1));
                    prop_assert!(model.iter().all(|&number| ranges.contains(Sequence::new(number))));
                    // Only the first range may name others.
                    let named = ranges.iter().skip(1).flat_map(|it| it.first().number()..=it.last().number());
                    for number in named {
                        prop_assert!(model.contains(&number));
                    }
                    if most >= set.ranges.len() {
                        prop_assert_eq!(ranges.count(), model.len() as u64);
                    }
                }
                let run = |number| {
                    (number..=u32::MAX).take_while(|number| model.contains(number)).last()
                };
                prop_assert_eq!(set.end_of_run(Sequence::new(number)).map(Sequence::number), run(number));
                for other in (0..60).chain(u32::MAX - 8..=u32::MAX) {
                    prop_assert_eq!(set.contains(Sequence::new(other)), model.contains(&other));
                }
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_forgotten() {
        let mut set = SequenceSet::default();
        for number in 0..10_000 {
            set.insert(Sequence::new(number * 2), MAX_RANGES);
        }
        assert!(set.ranges.len() <= MAX_RANGES);
        assert!((0..10_000).all(|number| set.contains(Sequence::new(number * 2))));
        assert!(!set.contains(Sequence::new(19_999)));
        set.insert(Sequence::new(30_000), 16);
        assert_eq!(set.len(), 16);
        assert!((0..10_000).all(|number| set.contains(Sequence::new(number * 2))));
    }
}
