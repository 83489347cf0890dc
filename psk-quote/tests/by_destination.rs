//! Quotes by destination amount: the smallest source amount whose plan is sure to deliver it.

mod model;

use model::{Path, Refusal, ask, paths, paths_of_one_hop};
use proptest::prelude::*;
use psk_codec::{DestinationAmount, SourceAmount, Timestamp};
use psk_quote::{ChunkPlan, Precision, Quote, QuoteError, QuoteOptions, QuoteSearch, SearchError};

fn quote(path: &mut Path, amount: u64, options: QuoteOptions) -> Result<Quote, QuoteError> {
    let amount = DestinationAmount::new(amount);
    let search = QuoteSearch::by_destination(amount, options, Timestamp::UNIX_EPOCH);
    ask(search, |amount| path.probe(amount))
}

fn with_precision(exact: bool) -> QuoteOptions {
    let precision = if exact { Precision::Exact } else { Precision::Near };
    QuoteOptions { precision, ..QuoteOptions::default() }
}

fn amounts() -> impl Strategy<Value = u64> {
    prop_oneof![1..100u64, 1..1_000_000u64, 1..1_000_000_000_000u64]
}

/// The plan that the quote would have for another total.
fn plan_for(quote: &Quote, total: u64) -> ChunkPlan {
    let maximum = quote.max_packet_amount.unwrap_or(quote.source_amount);
    ChunkPlan::new(SourceAmount::new(total), maximum)
}

fn check(path: &mut Path, amount: u64, options: QuoteOptions) -> Result<(), TestCaseError> {
    match quote(path, amount, options) {
        Ok(quote) => {
            let delivered = path.delivers_plan(&quote.plan());
            prop_assert!(delivered >= u128::from(amount), "{quote:?}");
            let high = u128::from(quote.destination_amount_high.units());
            prop_assert!(delivered >= high && (delivered == high || !quote.exact));
            // Hops that lie can use the probes up.
            prop_assert!(quote.exact || quote.probes >= 200, "{quote:?}");
            let less = plan_for(&quote, quote.source_amount.units() - 1);
            let suffices = path.delivers_plan(&less) >= u128::from(amount);
            prop_assert!(!quote.exact || !suffices, "{quote:?}");
            prop_assert!(quote.source_amount_low <= quote.source_amount);
            prop_assert!(quote.source_amount <= quote.source_amount_high);
            prop_assert!(quote.probes <= 210, "{} probes", quote.probes);
        }
        // Hops that lie can use the probes up.
        Err(QuoteError::OutOfProbes(probes)) => prop_assert!(probes >= 160),
        Err(QuoteError::NothingArrives { largest }) => {
            prop_assert_eq!(path.delivers(largest), Some(0));
        }
        Err(QuoteError::MaxSourceAmount { needed: None, .. }) => {}
        Err(QuoteError::Search(SearchError::TooSmall(_))) => {
            prop_assert_eq!(path.smallest_delivering(path.largest(u64::MAX)), None);
        }
        Err(QuoteError::Search(SearchError::NothingPasses | SearchError::Busy { .. })) => {
            let (largest, short) = (path.largest(u64::MAX), &path.short_of_liquidity);
            prop_assert!(largest == 0 || !short.is_empty() || path.smallest_delivering(largest).is_none());
        }
        Err(error) => prop_assert!(false, "{error:?} after {} probes", path.probes),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn over_one_hop_the_answer_suffices_and_one_less_does_not(
        mut path in paths_of_one_hop(), amount in amounts(), exact: bool,
    ) {
        check(&mut path, amount, with_precision(exact))?;
    }

    #[test]
    fn over_several_hops_the_answer_suffices_and_one_less_does_not(
        mut path in paths(), amount in amounts(), exact: bool,
    ) {
        check(&mut path, amount, with_precision(exact))?;
    }

    #[test]
    fn no_smaller_total_suffices(
        rate in (1..50u64, 1..50u64), maximum in 1..60u64, amount in 1..300u64,
    ) {
        let mut path = Path::of_one_hop(rate, maximum, Refusal::Honest);
        let Ok(quote) = quote(&mut path, amount, with_precision(true)) else {
            prop_assert_eq!(path.delivers(SourceAmount::new(maximum)), Some(0));
            return Ok(());
        };
        for total in 0..quote.source_amount.units() {
            let delivered = path.delivers_plan(&plan_for(&quote, total));
            prop_assert!(delivered < u128::from(amount), "{total} suffices: {quote:?}");
        }
    }
}

#[test]
fn each_chunk_is_rounded_on_its_own() {
    let mut path = Path::of_one_hop((37, 100), 9_999, Refusal::Honest);
    let quote = quote(&mut path, 369_937, with_precision(true)).unwrap();
    // ceil(369,937 / 0.37) = 999,830 would do if nothing but the whole were rounded.
    assert_eq!(quote.source_amount, SourceAmount::new(999_999));
    assert_eq!(quote.destination_amount_high, DestinationAmount::new(369_937));
    assert_eq!(quote.source_amount_low, SourceAmount::new(999_730));
    assert!(quote.probes <= 12, "{} probes", quote.probes);
}

#[test]
fn rates_far_from_one_need_larger_or_smaller_packets() {
    let mut tiny = Path::of_one_hop((1, 1_000_000_000), u64::MAX, Refusal::Empty);
    let answer = quote(&mut tiny, 7, QuoteOptions::default()).unwrap();
    assert_eq!(answer.source_amount, SourceAmount::new(7_000_000_000));
    assert_eq!(answer.max_packet_amount, None);
    let mut huge = Path::of_one_hop((1_000_000_000, 1), u64::MAX, Refusal::Empty);
    let answer = quote(&mut huge, 7, QuoteOptions::default()).unwrap();
    assert_eq!(answer.source_amount, SourceAmount::new(1));
    assert_eq!(answer.destination_amount_high, DestinationAmount::new(1_000_000_000));
}

#[test]
fn what_costs_more_than_the_maximum_is_not_quoted_and_not_probed() {
    let mut path = Path::of_one_hop((1, 2), 10_000, Refusal::Honest);
    let maximum = SourceAmount::new(1_000);
    let options = QuoteOptions { max_source_amount: maximum, ..QuoteOptions::default() };
    let search =
        QuoteSearch::by_destination(DestinationAmount::new(501), options.clone(), Timestamp::UNIX_EPOCH);
    let result = ask(search, |amount| {
        assert!(amount <= maximum);
        path.probe(amount)
    });
    let needed = Some(SourceAmount::new(1_002));
    assert_eq!(result, Err(QuoteError::MaxSourceAmount { maximum, needed }));
    let quote = quote(&mut path, 500, options).unwrap();
    assert_eq!(quote.source_amount, maximum);
}
