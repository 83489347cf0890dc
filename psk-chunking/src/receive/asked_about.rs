use psk_codec::psk::Sequence;
use psk_codec::psk::frame::SequenceRanges;

/// Numbers that a sender asks about and of which it is known whether they are fulfilled.
#[derive(Clone, Debug)]
pub(super) struct AskedAbout {
    /// The packet that asked.
    by: Sequence,
    /// Ascending.
    numbers: Vec<u32>,
}

/// Of what asks about more, the rest is known as long as there is room.
const MOST: usize = 512;

impl AskedAbout {
    /// Those of `asked` that are known, `most` at most.
    pub(super) fn new(
        asked: &SequenceRanges,
        by: Sequence,
        most: usize,
        is_known: impl Fn(u32) -> bool,
    ) -> Self {
        let numbers = asked.iter().flat_map(|range| range.first().number()..=range.last().number());
        let known = numbers.take(MOST).filter(|&number| is_known(number));
        Self { by, numbers: known.take(most).collect() }
    }

    /// The packet that asked.
    pub(super) fn by(&self) -> Sequence {
        self.by
    }

    pub(super) fn names(&self, number: u32) -> bool {
        self.numbers.binary_search(&number).is_ok()
    }

    /// The numbers from `first` to `last`, both included, ascending.
    pub(super) fn within(&self, first: u32, last: u32) -> &[u32] {
        let at = |number: u32| self.numbers.partition_point(|&known| known < number);
        let end = last.checked_add(1).map_or(self.numbers.len(), at);
        self.numbers.get(at(first)..end).unwrap_or_default()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }
}
