use std::collections::BTreeMap;

/// A set of offsets, as ranges: from the first one (included) to the end (excluded).
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a range, joined with those that it overlaps or touches.
    pub(super) fn insert(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        while let Some((&first, &last)) = self.0.range(..=end).next_back()
            && last >= start
        {
            self.0.remove(&first);
            start = start.min(first);
            end = end.max(last);
        }
        self.0.insert(start, end);
    }

    /// The lowest range.
    pub(super) fn first(&self) -> Option<(u64, u64)> {
        self.0.first_key_value().map(|(&start, &end)| (start, end))
    }

    /// Takes what is below `to` out of the lowest range, which is all of it when it ends before.
    pub(super) fn take_first_to(&mut self, to: u64) {
        if let Some((start, end)) = self.0.pop_first()
            && start.max(to) < end
        {
            self.0.insert(start.max(to), end);
        }
    }

    /// Takes everything below `to` out.
    pub(super) fn remove_to(&mut self, to: u64) {
        while self.first().is_some_and(|(start, _)| start < to) {
            self.take_first_to(to);
        }
    }
}
