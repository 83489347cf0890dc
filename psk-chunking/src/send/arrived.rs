//! What arrives of packets over a path: what is certain, what is likely, and which size completes a payment.

mod completing;
mod parts;

use std::collections::{BTreeMap, VecDeque};

use psk_codec::{DestinationAmount, SourceAmount};
use psk_quote::{DeliveryBounds, Learned, PathSearch, Rate, RateInterval};

pub(super) use completing::Completing;
pub(super) use parts::Parts;

/// What is known of what packets deliver.
#[derive(Debug)]
pub(super) struct Arrived {
    /// What is certain, as long as the rate stands.
    bounds: DeliveryBounds,
    /// The largest packet of the present rate and what arrived of it.
    largest: Option<(SourceAmount, DestinationAmount)>,
    /// What the packet has shown of which rounding took least.
    best: Rate,
    /// Hops call so much too small (R01). Nobody vouches for it: no bound is made of it, but sizes are chosen by it.
    too_small: SourceAmount,
    /// They have said so of so much when they were asked what of it completes the payment.
    surely_too_small: SourceAmount,
    /// Of sizes that were asked for to complete the payment: what arrived.
    seen: BTreeMap<SourceAmount, DestinationAmount>,
    /// Sizes to ask for.
    questions: VecDeque<SourceAmount>,
    effort: Effort,
    /// A chunk has delivered too little although the rate stands: what is rounded away is the matter.
    falls_short: bool,
    /// The larger of two neighbouring sizes that were asked for last, if they were.
    asked_both: Option<SourceAmount>,
    /// The last answer of [`bounds`](Self::bounds): most chunks are of one size.
    last_bounds: Option<(SourceAmount, DestinationAmount, DestinationAmount)>,
}

/// How much has been asked, and how it went. It stands when what was learned does not.
#[derive(Clone, Copy, Debug, Default)]
struct Effort {
    /// Questions that have no answer yet.
    asked: usize,
    /// How often it was asked since the rate moved, and everything was answered.
    rounds: u32,
    /// How often in a row some of it was not.
    lost_rounds: u32,
    /// Whether some of what was asked last was not answered.
    lost: bool,
    /// For so many rounds sizes are asked for one at a time, since there was no room for more.
    one_at_a_time: u32,
    /// How often it was asked in all, also when the rate moved meanwhile.
    all_rounds: u32,
    /// How often it was asked for sizes of parts.
    part_rounds: u32,
    /// How often what was asked for was larger than any that has arrived, and had no answer.
    refused_larger: u32,
}

const ONE: DestinationAmount = DestinationAmount::new(1);
/// What is lost to rounding by hops that count in no larger units than the receiver is less than so much: a unit for each.
pub(super) const SEVERAL: DestinationAmount = DestinationAmount::new(DeliveryBounds::ROUNDINGS as u64);
/// Rounds of questions after which it is left to chance.
const MAX_ROUNDS: u32 = 40;
/// Rounds in a row of which something was lost, or hops answered it with errors: then sizes are asked for one at a time.
const MAX_LOST_ROUNDS: u32 = 40;
/// After one of those, so many of one size each.
const ROUNDS_OF_ONE: u32 = 4;
/// All of them, where the rate moves before it is known which size would do.
const MAX_ALL_ROUNDS: u32 = 200;

impl Default for Arrived {
    fn default() -> Self {
        Self {
            bounds: DeliveryBounds::new(),
            largest: None,
            best: Rate::ZERO,
            too_small: SourceAmount::ZERO,
            surely_too_small: SourceAmount::ZERO,
            seen: BTreeMap::new(),
            questions: VecDeque::new(),
            effort: Effort::default(),
            falls_short: false,
            asked_both: None,
            last_bounds: None,
        }
    }
}

impl Arrived {
    /// Nothing but what the search has seen is known: what was learned since was of a rate that is not taken. How often it
    /// was asked stands: answers would be the same.
    pub(super) fn start_again(&mut self, search: &PathSearch) {
        *self = Self { effort: self.effort, ..Self::default() };
        for (&sent, &delivered) in search.arrivals() {
            let _ = self.learn(sent, delivered);
        }
        self.is_too_small(search.too_small());
    }

    /// A hop has called a packet of so much too small (R01), unless as little is known to arrive. Whether it may be true.
    pub(super) fn is_too_small(&mut self, amount: SourceAmount) -> bool {
        let is_new = self.bounds.at_least(amount).is_zero();
        if is_new {
            self.too_small = self.too_small.max(amount);
        }
        is_new
    }

    /// What a quote of this very payment has seen is as good as asked for to complete it, of the sizes that are known to
    /// be the smallest for what they deliver.
    pub(super) fn has_asked(&mut self, seen: &BTreeMap<SourceAmount, DestinationAmount>) {
        for (&size, &delivered) in seen {
            let one_less = size.saturating_sub(SourceAmount::new(1));
            if self.bounds.at_most(one_less) < delivered {
                self.seen.insert(size, delivered);
            }
        }
    }

    /// What the search has seen is as good as asked for to complete the payment, where few units arrive of any packet and
    /// the size that costs least was looked for.
    pub(super) fn has_seen(&mut self, seen: &BTreeMap<SourceAmount, DestinationAmount>) {
        self.seen.extend(seen);
    }

    /// Takes what arrived of a packet; whether that contradicts what was known.
    pub(super) fn learn(&mut self, sent: SourceAmount, delivered: DestinationAmount) -> Learned {
        if self.largest == Some((sent, delivered)) {
            // As most chunks are.
            return Learned::Fits;
        }
        self.last_bounds = None;
        if !delivered.is_zero() && sent <= self.too_small {
            (self.too_small, self.surely_too_small) = (SourceAmount::ZERO, SourceAmount::ZERO);
        }
        let learned = self.bounds.learn(sent, delivered);
        if learned == Learned::StartedAgain {
            self.surely_too_small = SourceAmount::ZERO;
            (self.largest, self.best) = (None, Rate::ZERO);
            self.seen.clear();
            self.effort.rounds = 0;
            self.falls_short = false;
        }
        if self.largest.is_none_or(|(largest, _)| sent >= largest) {
            self.largest = Some((sent, delivered));
        }
        self.best = Rate::new(delivered, sent).map_or(self.best, |rate| self.best.max(rate));
        learned
    }

    /// The rates that the largest packet shows: the likeliest ones, for hops that round away less than a unit of it.
    pub(super) fn rate(&self) -> RateInterval {
        let shown = self.largest.and_then(|(sent, delivered)| RateInterval::of_packet(sent, delivered));
        shown.unwrap_or(RateInterval::UNKNOWN)
    }

    /// The lowest of those, but no lower than what any other packet has delivered, if that fits: rounding only takes.
    pub(super) fn best_rate(&self) -> Rate {
        let shown = self.rate();
        if self.best < shown.high() { self.best.max(shown.low()) } else { shown.low() }
    }

    /// The largest packet of the present rate of which it is known what arrived; zero for none.
    pub(super) fn largest(&self) -> SourceAmount {
        self.largest.map_or(SourceAmount::ZERO, |(sent, _)| sent)
    }

    /// The least and the most that one packet of `amount` delivers.
    pub(super) fn bounds(&mut self, amount: SourceAmount) -> (DestinationAmount, DestinationAmount) {
        if let Some((of, least, most)) = self.last_bounds
            && of == amount
        {
            return (least, most);
        }
        let most = self.at_most(amount);
        let least = self.bounds.at_least(amount).min(most);
        self.last_bounds = Some((amount, least, most));
        (least, most)
    }

    /// The most that one packet of `amount` delivers.
    pub(super) fn at_most(&self, amount: SourceAmount) -> DestinationAmount {
        self.rate_over_hops().delivers_at_most(amount).min(self.bounds.at_most(amount))
    }

    /// No packet of less delivers `missing`.
    pub(super) fn maybe_enough(&self, missing: DestinationAmount) -> SourceAmount {
        self.rate_over_hops().maybe_enough(missing)
    }

    /// No packet of less delivers `missing`; more than `largest` when that does not either.
    fn maybe_enough_up_to(&self, missing: DestinationAmount, largest: SourceAmount) -> SourceAmount {
        let (mut low, mut high) = (self.maybe_enough(missing).units(), largest.units().saturating_add(1));
        // More is never less.
        while low < high {
            let middle = low + (high - low) / 2;
            match self.at_most(SourceAmount::new(middle)) >= missing {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        SourceAmount::new(low)
    }

    /// The rates that the largest packet shows, for several hops that round.
    fn rate_over_hops(&self) -> RateInterval {
        let shown = self.largest.and_then(|(sent, delivered)| {
            // What a hop rounds away is worth up to as much as one of our units, when a unit is worth more after it.
            let worth = delivered.units().div_ceil(sent.units().max(1)).max(1);
            let worth = u32::try_from(worth).unwrap_or(u32::MAX);
            let lost = worth.saturating_mul(DeliveryBounds::ROUNDINGS).saturating_add(self.large_unit());
            RateInterval::of_packet_over(sent, delivered, lost)
        });
        shown.unwrap_or(RateInterval::UNKNOWN)
    }

    /// What a hop may round away that counts in larger units than we and the receiver do, as one of whole euros between
    /// two of cents: less than one of them, of which the smallest packet that arrives is worth one at least.
    fn large_unit(&self) -> u32 {
        let unit = self.bounds.smallest_delivering().map(|smallest| self.bounds.at_least(smallest).units());
        u32::try_from(unit.unwrap_or(0)).unwrap_or(u32::MAX)
    }

    fn may_ask(&self) -> bool {
        self.effort.rounds < MAX_ROUNDS
            && self.effort.lost_rounds < MAX_LOST_ROUNDS
            && self.effort.all_rounds < MAX_ALL_ROUNDS
    }

    /// These are to be asked for.
    pub(super) fn ask(&mut self, sizes: Vec<SourceAmount>) {
        self.effort.rounds += 1;
        self.effort.all_rounds += 1;
        self.effort.lost = false;
        self.asked_both = match sizes[..] {
            [one_less, size] if one_less.saturating_add(SourceAmount::new(1)) == size => Some(size),
            [size] if size == SourceAmount::new(1) => Some(size),
            _ => None,
        };
        self.questions = sizes.into();
    }

    /// Money has passed: other sizes are asked for now, and may be answered.
    pub(super) fn restore(&mut self) {
        (self.effort.rounds, self.effort.lost_rounds) = (0, 0);
    }

    /// So many rounds have brought errors.
    pub(super) fn lost_rounds(&self) -> u32 {
        self.effort.lost_rounds
    }

    /// The next size to ask for.
    pub(super) fn next_question(&mut self) -> Option<SourceAmount> {
        let question = self.questions.pop_front()?;
        self.effort.asked += 1;
        Some(question)
    }

    /// A hop calls what was asked for too small.
    pub(super) fn answer_too_small(&mut self, size: SourceAmount) {
        self.surely_too_small = self.surely_too_small.max(size);
        self.effort.asked = self.effort.asked.saturating_sub(1);
        self.end_round();
    }

    /// When all of a round has been answered, there is room again.
    fn end_round(&mut self) {
        if !self.effort.lost && self.effort.asked == 0 && self.questions.is_empty() {
            self.effort.one_at_a_time = self.effort.one_at_a_time.saturating_sub(1);
            self.effort.lost_rounds = 0;
        }
    }

    /// A question was answered: so much arrived, or nobody can say.
    pub(super) fn answer(&mut self, size: SourceAmount, delivered: Option<DestinationAmount>) -> Learned {
        self.effort.asked = self.effort.asked.saturating_sub(1);
        let Some(delivered) = delivered else {
            if !self.effort.lost {
                (self.effort.lost, self.effort.lost_rounds) = (true, self.effort.lost_rounds + 1);
                self.effort.one_at_a_time = ROUNDS_OF_ONE;
                self.effort.rounds = self.effort.rounds.saturating_sub(1);
                self.effort.part_rounds = self.effort.part_rounds.saturating_sub(1);
                self.effort.refused_larger += u32::from(size > self.largest());
            }
            return Learned::Fits;
        };
        self.end_round();
        let learned = self.learn(size, delivered);
        self.seen.insert(size, delivered);
        learned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(units: u64) -> SourceAmount {
        SourceAmount::new(units)
    }

    fn destination(units: u64) -> DestinationAmount {
        DestinationAmount::new(units)
    }

    /// Hops that keep so many parts per million each and round down.
    fn deliver(amount: u64, hops: &[u64]) -> u64 {
        hops.iter().fold(amount, |units, kept| units * kept / 1_000_000)
    }

    proptest! {
        /// Whatever hops keep, the completing chunk delivers exactly what is missing, after a few questions.
        #[test]
        fn a_completing_chunk_is_exact(
            hops in proptest::collection::vec(300_000..=1_000_000_u64, 1..6), large in 20_000..200_000_u64,
            part in 1..1_000_u64,
        ) {
            let most = deliver(large, &hops);
            let missing = destination((most * part / 1_000).max(1));
            prop_assume!(most > 100);
            let mut arrived = Arrived::default();
            for size in [1, 1_000, large] {
                let _ = arrived.learn(source(size), destination(deliver(size, &hops)));
            }
            let mut rounds = 0;
            let size = loop {
                match arrived.completing(missing, source(large), DestinationAmount::ZERO, SourceAmount::MAX) {
                    Completing::Known(size) => break size,
                    Completing::Ask(sizes) => {
                        prop_assert!(sizes.len() <= 9);
                        arrived.ask(sizes);
                        rounds += 1;
                    }
                    other => prop_assert!(false, "{:?} after {} rounds", other, rounds),
                }
                while let Some(size) = arrived.next_question() {
                    let delivered = destination(deliver(size.units(), &hops));
                    prop_assert_eq!(arrived.answer(size, Some(delivered)), Learned::Fits);
                }
            };
            prop_assert_eq!(destination(deliver(size.units(), &hops)), missing);
            prop_assert!(rounds <= 4, "{} rounds", rounds);
        }

        /// Also when little was seen, and a hop on the way rounds to units that are worth many of ours.
        #[test]
        fn a_hop_that_rounds_to_large_units_is_reckoned_with(
            unit in 2..5_000_u64, worth in 1..5_000_u64, seen in 2..6_u32, other in 1..1_000_000_u64,
        ) {
            let deliver = |amount: u64| amount / unit * worth;
            let ladder: Vec<u64> = (0..seen).map(|place| 10_u64.pow(place)).collect();
            let mut arrived = Arrived::default();
            for size in ladder.into_iter().filter(|&size| deliver(size) > 0) {
                let _ = arrived.learn(source(size), destination(deliver(size)));
            }
            prop_assert!(destination(deliver(other)) <= arrived.at_most(source(other)));
        }

        #[test]
        fn no_packet_delivers_more_than_the_bound(
            hops in proptest::collection::vec(300_000..=1_000_000_u64, 1..6), sizes in
            proptest::collection::vec(1..100_000_u64, 1..20), other in 1..100_000_u64,
        ) {
            let mut arrived = Arrived::default();
            for size in sizes {
                let _ = arrived.learn(source(size), destination(deliver(size, &hops)));
            }
            prop_assert!(destination(deliver(other, &hops)) <= arrived.at_most(source(other)));
        }
    }

    #[test]
    fn a_path_that_takes_nothing_is_known_at_once() {
        let mut arrived = Arrived::default();
        for size in [1, 1_000, 10_000] {
            let _ = arrived.learn(source(size), destination(size));
        }
        for missing in [1, 77, 999, 5_003] {
            assert_eq!(
                arrived.completing(
                    destination(missing),
                    source(10_000),
                    DestinationAmount::ZERO,
                    SourceAmount::MAX
                ),
                Completing::Known(source(missing))
            );
        }
    }

    /// Of 100 source units a hop makes one of its own, which is worth 100 here: most packets lose much of one.
    fn hundreds() -> Arrived {
        let mut arrived = Arrived::default();
        for (sent, delivered) in [(3_003, 2_900), (501, 500)] {
            let _ = arrived.learn(source(sent), destination(delivered));
        }
        arrived
    }

    #[test]
    fn of_sizes_that_deliver_the_same_the_smallest_known_completes() {
        let completing = |dearest| {
            let mut arrived = hundreds();
            let _ = arrived.learn(source(518), destination(500));
            arrived.completing(destination(500), source(3_003), DestinationAmount::ZERO, source(dearest))
        };
        assert_eq!(completing(510), Completing::Known(source(501)));
        assert!(!matches!(completing(500), Completing::Known(_)), "below the minimum rate");
    }

    #[test]
    fn what_is_too_small_is_believed_where_nothing_is_known_to_arrive() {
        let mut arrived = hundreds();
        assert!(!arrived.is_too_small(source(502)), "as much is known to arrive");
        assert!(arrived.is_too_small(source(99)));
        assert!(arrived.is_doubtful(source(99)) && arrived.is_doubtful(source(501)));
        assert_eq!(arrived.is_enough(source(99), ONE), Some(false));
        let _ = arrived.learn(source(90), destination(90));
        assert!(!arrived.is_doubtful(source(501)), "it was not true");
    }

    #[test]
    fn parts_are_equal_and_keep_the_rate() {
        let mut arrived = hundreds();
        let _ = arrived.is_too_small(source(99));
        let minimum = |amount: SourceAmount| destination(amount.units() * 98 / 100);
        assert_eq!(arrived.equal_parts(source(1_004), source(600), minimum), Parts::Of(source(502)));
        // Five parts of 110 would deliver 500 of 550, three of 184 no more than 300.
        assert_eq!(arrived.equal_parts(source(99), source(600), minimum), Parts::None);
        let Parts::Ask(sizes) = arrived.equal_parts(source(1_100), source(600), minimum) else {
            panic!("asks")
        };
        assert!(sizes.contains(&source(550)), "{sizes:?}");
    }

    #[test]
    fn rounds_that_are_lost_count_in_a_row() {
        let mut arrived = hundreds();
        for round in 0..3 * MAX_LOST_ROUNDS {
            assert!(arrived.may_ask(), "{round}");
            arrived.ask(vec![source(200)]);
            assert_eq!(arrived.next_question(), Some(source(200)));
            let answer = (round % 30 == 29).then(|| destination(100));
            let _ = arrived.answer(source(200), answer);
        }
        for _ in 0..MAX_LOST_ROUNDS {
            arrived.ask(vec![source(200)]);
            let _ = arrived.next_question();
            let _ = arrived.answer(source(200), None);
        }
        assert!(!arrived.may_ask());
    }
}
