use std::collections::BTreeMap;

use psk_codec::psk::Sequence;
use psk_codec::psk::frame::{SequenceRange, SequenceRanges};

use super::asked_about::AskedAbout;

/// The sequence numbers of a payment that have been fulfilled, as ranges.
///
/// Memory is bounded: when there are too many ranges, two neighbours are joined, and the numbers between them count as
/// fulfilled too. These are the lowest between which there is no number that the sender asks about. Refusing a number
/// that was not used is safe, fulfilling one twice is not.
#[derive(Clone, Debug, Default)]
pub(super) struct SequenceSet {
    /// First number to last number, both included.
    ranges: BTreeMap<u32, u32>,
    /// Up to this one a number may be in a range only because ranges were joined.
    joined_to: Option<u32>,
    /// Of these it is known nevertheless. Most payments have none.
    asked: Option<Box<AskedAbout>>,
}

/// At 8 octets each, with the tree around them, about 100 kB for one payment.
pub(super) const MAX_RANGES: usize = 4_096;
/// What a payment may have when all have too many, or those of its account. While it has no more, what is asked about need not
/// be remembered.
pub(super) const FEW_RANGES: usize = 16;

/// What is known of numbers that a sender asks about.
#[derive(Debug)]
pub(super) struct Among {
    /// Those that are fulfilled, or may be.
    pub(super) fulfilled: SequenceRanges,
    /// Those of which it is not known.
    pub(super) unknown: SequenceRanges,
}

impl SequenceSet {
    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        self.end_of_run(sequence).is_some()
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
            if max_ranges <= FEW_RANGES {
                self.asked = None;
            }
            self.join_two();
        }
        true
    }

    /// The greatest number up to which all from `sequence` on are there; `None` when that one is not.
    fn end_of_run(&self, sequence: Sequence) -> Option<Sequence> {
        let (_, &last) = self.ranges.range(..=sequence.number()).next_back()?;
        (sequence.number() <= last).then(|| Sequence::new(last))
    }

    /// The greatest number up to which all from `sequence` on are known to be fulfilled; `None` when that one is not.
    pub(super) fn end_of_known_run(&self, sequence: Sequence) -> Option<Sequence> {
        let last = self.end_of_run(sequence)?;
        match self.unknown_within(sequence.number(), last.number()).first() {
            None => Some(last),
            Some(&(unknown, _)) => {
                let before = unknown.checked_sub(1).map(Sequence::new);
                before.filter(|before| *before >= sequence)
            }
        }
    }

    /// The sender asks about these, in its packet `by`: what is known of them is remembered until a later packet asks, `most`
    /// numbers at most.
    pub(super) fn ask_about(&mut self, asked: &SequenceRanges, by: Sequence, most: usize) {
        let is_newer = self.asked.as_ref().is_none_or(|before| before.by() < by);
        if is_newer && self.ranges.len() > FEW_RANGES {
            let known = AskedAbout::new(asked, by, most, |number| self.is_known(number));
            self.asked = Some(Box::new(known)).filter(|known| known.len() > 0);
        }
    }

    /// Whether a number is fulfilled if it is in a range.
    fn is_known(&self, number: u32) -> bool {
        let may_be_joined = self.joined_to.is_some_and(|last| number <= last);
        let is_asked = || self.asked.as_ref().is_some_and(|asked| asked.names(number));
        !may_be_joined || is_asked() || !self.contains(Sequence::new(number))
    }

    /// Whether so many ranges at most, of [`to_ranges`](Self::to_ranges), name just what is fulfilled.
    pub(super) fn is_exact(&self, most: usize) -> bool {
        self.joined_to.is_none() && self.ranges.len() <= most
    }

    /// As ranges that ascend and do not touch, `most` at most. Where there are more, the lowest are joined, and so are all
    /// up to those that were joined in the set itself: no number is left out, and only the first range may name numbers
    /// that are not there.
    pub(super) fn to_ranges(&self, most: usize) -> SequenceRanges {
        let is_apart = |&(&first, _): &(&u32, &u32)| self.joined_to.is_none_or(|joined_to| first > joined_to);
        let most = most.max(1);
        let highest = self.ranges.iter().rev().take_while(is_apart).take(most);
        let mut ranges: Vec<(u32, u32)> = highest.map(|(&first, &last)| (first, last)).collect();
        let next = self.ranges.iter().rev().nth(ranges.len());
        if let (Some((&lowest, _)), Some((_, &last))) = (self.ranges.first_key_value(), next) {
            // Without room for another range, the lowest that is there stands for the others too.
            let last = if ranges.len() == most { ranges.pop().map_or(last, |(_, last)| last) } else { last };
            ranges.push((lowest, last));
        }
        ranges.reverse();
        of_ascending(ranges)
    }

    /// Those that are `asked` about; `None` when it takes more than `most` ranges to name them.
    pub(super) fn among(&self, asked: &SequenceRanges, most: usize) -> Option<Among> {
        let there = asked.iter().flat_map(|range| self.within(range.first().number(), range.last().number()));
        let there: Vec<(u32, u32)> = there.take(most.saturating_add(1)).collect();
        let unknown = there.iter().flat_map(|&(first, last)| self.unknown_within(first, last));
        let unknown: Vec<(u32, u32)> = unknown.take(most.saturating_add(1)).collect();
        (there.len() + unknown.len() <= most)
            .then(|| Among { fulfilled: of_ascending(there), unknown: of_ascending(unknown) })
    }

    /// What is there from `first` to `last`, both included, ascending.
    fn within(&self, first: u32, last: u32) -> impl Iterator<Item = (u32, u32)> {
        let before = self.ranges.range(..first).next_back();
        let overlaps = before.into_iter().filter(move |&(_, &end)| end >= first);
        let cut = move |(&start, &end): (&u32, &u32)| (start.max(first), end.min(last));
        overlaps.chain(self.ranges.range(first..=last)).map(cut)
    }

    /// Of what is there from `first` to `last`, what may only be there because ranges were joined.
    fn unknown_within(&self, first: u32, last: u32) -> Vec<(u32, u32)> {
        let Some(last) = self.joined_to.filter(|&joined_to| first <= joined_to).map(|it| it.min(last)) else {
            return Vec::new();
        };
        let known = self.asked.as_ref().map_or(&[][..], |asked| asked.within(first, last));
        let starts = std::iter::once(Some(first)).chain(known.iter().map(|number| number.checked_add(1)));
        let ends = known.iter().map(|number| number.checked_sub(1)).chain([Some(last)]);
        let between = starts.zip(ends).filter_map(|(start, end)| Some((start?, end?)));
        between.filter(|(start, end)| start <= end).collect()
    }

    /// What has to be remembered: ranges, and numbers that are asked about.
    pub(super) fn len(&self) -> usize {
        self.ranges.len() + self.asked()
    }

    /// How many numbers that are asked about are remembered.
    pub(super) fn asked(&self) -> usize {
        self.asked.as_ref().map_or(0, |asked| asked.len())
    }

    /// How many ranges there are.
    pub(super) fn ranges(&self) -> usize {
        self.ranges.len()
    }

    /// Joins the two lowest neighbours that may be joined.
    fn join_two(&mut self) {
        // Ranges do not touch: there is a number between two of them.
        let between = |(&last, &next): (&u32, &u32)| (last.saturating_add(1), next.saturating_sub(1));
        let mut gaps = self.ranges.values().zip(self.ranges.keys().skip(1)).map(between);
        let is_asked = |&(first, last): &(u32, u32)| {
            self.asked.as_ref().is_some_and(|asked| !asked.within(first, last).is_empty())
        };
        let lowest = gaps.clone().next();
        let gap = gaps.find(|gap| !is_asked(gap));
        if gap.is_none() {
            // There is no room to remember what is asked about.
            self.asked = None;
        }
        let Some((first, last)) = gap.or(lowest) else { return };
        if let Some(end) = self.ranges.remove(&last.saturating_add(1))
            && let Some((_, before)) = self.ranges.range_mut(..first).next_back()
        {
            *before = end;
            self.joined_to = self.joined_to.max(Some(last));
        }
    }
}

/// Ranges that ascend and do not touch.
fn of_ascending(ranges: Vec<(u32, u32)>) -> SequenceRanges {
    let range = |(first, last)| SequenceRange::new(Sequence::new(first), Sequence::new(last));
    // Those of a set and parts of them do so: this never falls back.
    SequenceRanges::from_ranges(ranges.into_iter().filter_map(range)).unwrap_or(SequenceRanges::EMPTY)
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

    proptest! {
        /// Whatever is joined: what was fulfilled is there, what is told for certain is true, and what is asked about again
        /// and again stays known while there is room.
        #[test]
        fn what_is_asked_about_is_known(
            numbers in proptest::collection::vec(0..300u32, 0..250),
            asked in proptest::collection::btree_set(0..300u32, 0..8),
            begin in 0..60usize,
            max_ranges in 18..60usize,
        ) {
            let (mut set, mut model) = (SequenceSet::default(), HashSet::new());
            let ranges = asked.iter().fold(Vec::<(u32, u32)>::new(), |mut ranges, &number| {
                match ranges.last_mut() {
                    Some((_, last)) if *last + 1 == number => *last = number,
                    _ => ranges.push((number, number)),
                }
                ranges
            });
            let ranges = of_ascending(ranges);
            for (index, number) in numbers.into_iter().enumerate() {
                if index >= begin {
                    set.ask_about(&ranges, Sequence::new(1_000 + index as u32), 100);
                }
                if set.insert(Sequence::new(number), max_ranges) {
                    model.insert(number);
                }
                prop_assert!(set.ranges.len() <= max_ranges);
                prop_assert!(model.iter().all(|&number| set.contains(Sequence::new(number))));
                let among = set.among(&ranges, 100).unwrap();
                for &number in &asked {
                    let sequence = Sequence::new(number);
                    let unknown = among.unknown.contains(sequence);
                    prop_assert!(begin >= 18 || !unknown, "asked about since it was known");
                    prop_assert!(unknown || among.fulfilled.contains(sequence) == model.contains(&number));
                    prop_assert!(!unknown || among.fulfilled.contains(sequence));
                }
                let told = set.to_ranges(10);
                prop_assert!(told.len() <= 10 && model.iter().all(|&it| told.contains(Sequence::new(it))));
                let certain = told.iter().skip(1).flat_map(|it| it.first().number()..=it.last().number());
                for number in certain {
                    prop_assert!(model.contains(&number));
                }
                if set.is_exact(100) {
                    prop_assert_eq!(set.to_ranges(100).count(), model.len() as u64);
                }
            }
        }
    }

    #[test]
    fn who_asks_about_everything_costs_no_more_than_others() {
        let mut set = SequenceSet::default();
        let all = of_ascending(vec![(0, u32::MAX)]);
        for number in 0..10_000 {
            set.ask_about(&all, Sequence::new(number), usize::MAX);
            set.insert(Sequence::new(number * 2), 1_000);
        }
        assert!(set.len() <= 2_000);
        let among = set.among(&all, 2_000).unwrap();
        assert!(among.unknown.contains(Sequence::new(601)));
        assert!(!among.fulfilled.contains(Sequence::new(1)), "it was asked about early");
        assert!(!among.unknown.contains(Sequence::new(19_998)));
        assert!(set.among(&all, 100).is_none());
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
