use std::collections::BTreeMap;

use psk_codec::psk::Sequence;

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
const MAX_RANGES: usize = 4_096;

impl SequenceSet {
    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        let number = sequence.number();
        self.ranges.range(..=number).next_back().is_some_and(|(_, &last)| number <= last)
    }

    /// Adds a number; false if it was there.
    pub(super) fn insert(&mut self, sequence: Sequence) -> bool {
        if self.contains(sequence) {
            return false;
        }
        let number = sequence.number();
        let before = self.ranges.range(..number).next_back().map(|(&first, &last)| (first, last));
        let joins_before = before.filter(|&(_, last)| last.checked_add(1) == Some(number));
        let after = number.checked_add(1).and_then(|next| self.ranges.remove(&next));
        let first = joins_before.map_or(number, |(first, _)| first);
        self.ranges.insert(first, after.unwrap_or(number));
        if self.ranges.len() > MAX_RANGES {
            self.join_lowest();
        }
        true
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
                prop_assert_eq!(set.insert(Sequence::new(number)), model.insert(number));
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
            set.insert(Sequence::new(number * 2));
        }
        assert!(set.ranges.len() <= MAX_RANGES);
        assert!((0..10_000).all(|number| set.contains(Sequence::new(number * 2))));
        assert!(!set.contains(Sequence::new(19_999)));
    }
}
