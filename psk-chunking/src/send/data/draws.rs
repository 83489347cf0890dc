//! How many packets go out for the sake of their answers, in which the receiver's data comes.

/// How many of them may be in flight. It begins with as much as our own data begins with, doubles in a round trip while
/// answers bring something, and grows slowly once a hop had no room for all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draws {
    /// In quarters of a packet.
    at_once: u64,
    /// A hop had no room for so many.
    refused: bool,
    /// The most octets that came in one answer.
    in_answer: u64,
    /// So many answers in a row brought nothing new: the receiver has sent everything, and some of it was lost.
    repeats: u64,
}

const FIRST_AT_ONCE: u64 = 48 * QUARTERS;
const MOST_AT_ONCE: u64 = 256 * QUARTERS;
/// So many answers in a row may repeat what has arrived: more than may wait for what was lost.
const MOST_REPEATS: u64 = 512;
/// One packet.
const QUARTERS: u64 = 4;
/// What an answer brings, before one has brought anything.
const IN_ANSWER: u64 = 16 << 10;

impl Draws {
    pub(super) fn new() -> Self {
        Self { at_once: FIRST_AT_ONCE, refused: false, in_answer: 0, repeats: 0 }
    }

    /// So many packets may be in flight for so many octets that are missing, beside which so many wait for those.
    pub(super) fn wanted(&self, missing: u64, waiting: u64) -> u64 {
        // What is sent again comes in order, with what has arrived among it.
        let coming = if self.repeats > 0 { missing } else { missing.saturating_sub(waiting) };
        let in_answer = if self.in_answer == 0 { IN_ANSWER } else { self.in_answer };
        coming.div_ceil(in_answer).min(self.at_once / QUARTERS)
    }

    /// So many octets came in one piece.
    pub(super) fn on_piece(&mut self, octets: u64) {
        self.in_answer = self.in_answer.max(octets);
    }

    /// An answer has come, with something new or without.
    pub(super) fn on_answer(&mut self, is_new: bool) {
        self.repeats = if is_new { 0 } else { self.repeats.saturating_add(1) };
        if is_new {
            let more = if self.refused { 1 } else { QUARTERS };
            self.at_once = self.at_once.saturating_add(more).min(MOST_AT_ONCE);
        }
    }

    /// Whether a receiver says the same again and again.
    pub(super) fn repeats_itself(&self) -> bool {
        self.repeats > MOST_REPEATS
    }

    /// Some of them came back from a hop, that had no room for them or for another reason, or have no answer.
    pub(super) fn on_failure(&mut self, no_room: bool) {
        self.refused |= no_room;
        let fewer = if no_room { self.at_once / 4 * 3 } else { self.at_once / 2 };
        self.at_once = fewer.max(QUARTERS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_drawn_than_is_missing() {
        let mut draws = Draws::new();
        assert_eq!(draws.wanted(1, 0), 1);
        draws.on_piece(32_000);
        assert_eq!((draws.wanted(32_000, 0), draws.wanted(32_001, 0)), (1, 2));
        assert_eq!((draws.wanted(100_000, 40_000), draws.wanted(10_000_000, 0)), (2, 48));
        draws.on_answer(false);
        assert_eq!(draws.wanted(100_000, 40_000), 4, "all of it comes again");
        assert_eq!(draws.wanted(0, 0), 0);
    }

    #[test]
    fn what_is_lost_comes_again_among_what_has_arrived_but_not_for_ever() {
        let mut draws = Draws::new();
        (0..512).for_each(|_| draws.on_answer(false));
        assert!(!draws.repeats_itself());
        draws.on_answer(false);
        assert!(draws.repeats_itself());
        draws.on_answer(true);
        assert!(!draws.repeats_itself());
    }

    #[test]
    fn more_is_drawn_while_it_brings_something_and_less_where_there_is_no_room() {
        let mut draws = Draws::new();
        let at_once = |draws: &Draws| draws.wanted(u64::MAX, 0);
        (0..48).for_each(|_| draws.on_answer(true));
        assert_eq!(at_once(&draws), 96);
        (0..1_000).for_each(|_| draws.on_answer(true));
        assert_eq!(at_once(&draws), 256);
        draws.on_failure(true);
        assert_eq!(at_once(&draws), 192);
        (0..192).for_each(|_| draws.on_answer(true));
        assert_eq!(at_once(&draws), 240);
        (0..100).for_each(|_| draws.on_failure(false));
        assert_eq!(at_once(&draws), 1);
    }
}
