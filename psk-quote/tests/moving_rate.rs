//! A rate that moves while it is asked for.

mod model;

use model::{Path, Refusal, ask};
use proptest::prelude::*;
use psk_codec::{DestinationAmount, SourceAmount, Timestamp};
use psk_quote::{ProbeResult, QuoteOptions, QuoteSearch};

const AMOUNT: SourceAmount = SourceAmount::new(1_001_234);

/// A path that has one rate for so many probes, and then another.
fn moving(rates: [(u64, u64); 2], moves_after: u32) -> impl FnMut(SourceAmount) -> ProbeResult {
    let [mut before, mut after] = rates.map(|rate| Path::of_one_hop(rate, 10_000, Refusal::Honest));
    let mut probes = 0;
    move |amount| {
        probes += 1;
        match probes <= moves_after {
            true => before.probe(amount),
            false => after.probe(amount),
        }
    }
}

fn by_source() -> QuoteSearch {
    QuoteSearch::by_source(AMOUNT, QuoteOptions::default(), Timestamp::UNIX_EPOCH)
}

#[test]
fn a_rate_that_moves_between_probes_is_said_to_have_and_widens_the_bounds() {
    for (rates, later) in [([(1, 1), (9, 10)], 901_110), ([(9, 10), (1, 1)], AMOUNT.units())] {
        // After the packet of the maximum, before the tail of the plan.
        let quote = ask(by_source(), moving(rates, 4)).unwrap();
        assert!(quote.rate_moved);
        let later = DestinationAmount::new(later);
        assert!(quote.destination_amount_low <= later, "{quote:?}");
        assert!(later <= quote.destination_amount_high, "{quote:?}");
    }
}

#[test]
fn a_steady_rate_is_not_said_to_have_moved() {
    let quote = ask(by_source(), moving([(9, 10), (9, 10)], 4)).unwrap();
    assert!(!quote.rate_moved);
    assert_eq!(quote.destination_amount, DestinationAmount::new(901_110));
}

proptest! {
    #[test]
    fn a_search_ends_however_the_rate_moves(
        rates: [(u64, u64); 2], moves_after in 0..30u32, amount: u64, by_source: bool,
    ) {
        let rates = rates.map(|(out, into)| (out % 1_000 + 1, into % 1_000 + 1));
        let options = QuoteOptions::default();
        let expires_at = Timestamp::UNIX_EPOCH;
        let search = match by_source {
            true => QuoteSearch::by_source(SourceAmount::new(amount), options, expires_at),
            false => QuoteSearch::by_destination(DestinationAmount::new(amount), options, expires_at),
        };
        if let Ok(quote) = ask(search, moving(rates, moves_after)) {
            prop_assert!(quote.source_amount_low <= quote.source_amount);
            prop_assert!(quote.source_amount <= quote.source_amount_high);
            prop_assert!(quote.destination_amount_low <= quote.destination_amount);
            prop_assert!(quote.destination_amount <= quote.destination_amount_high);
            prop_assert!(quote.probes <= 210);
        }
    }
}
