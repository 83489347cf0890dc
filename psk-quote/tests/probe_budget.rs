//! Probing ties up liquidity: how much and how often is limited.

mod model;

use std::time::Duration;

use model::tiers::tier_paths;
use model::{Path, Refusal, Watched, ask, paths};
use proptest::prelude::*;
use psk_codec::{DestinationAmount, SourceAmount, Timestamp};
use psk_quote::{
    PathSearch, Precision, ProbeBudget, ProbeResult, Quote, QuoteError, QuoteOptions, QuoteSearch,
    SearchError, SearchStep,
};

fn search(by_source: bool, amount: u64, options: QuoteOptions) -> QuoteSearch {
    match by_source {
        true => QuoteSearch::by_source(SourceAmount::new(amount), options, Timestamp::UNIX_EPOCH),
        false => QuoteSearch::by_destination(DestinationAmount::new(amount), options, Timestamp::UNIX_EPOCH),
    }
}

/// The quote, and the most that was in flight.
fn watched(
    search: QuoteSearch,
    probe: impl FnMut(SourceAmount) -> ProbeResult,
) -> (Result<Quote, QuoteError>, u128) {
    let watched = Watched::new(search);
    let most = watched.most.clone();
    (ask(watched, probe), most.get())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_more_is_in_flight_nor_probed_than_allowed(
        mut path in paths(), amount in 1..10_000_000u64, by_source: bool, exact: bool,
        max_in_flight in prop_oneof![1..100u64, 1..1_000_000u64], max_probes in 1..60u32,
    ) {
        let precision = if exact { Precision::Exact } else { Precision::Near };
        let options = QuoteOptions {
            precision, max_probe_amount: Some(SourceAmount::new(max_in_flight)), max_probes,
            ..QuoteOptions::default()
        };
        let (result, most) = watched(search(by_source, amount, options), |amount| path.probe(amount));
        prop_assert!(most <= u128::from(max_in_flight), "{most} in flight");
        prop_assert!(path.probes <= max_probes, "{} probes", path.probes);
        if let Err(QuoteError::AmountTooSmall { .. } | QuoteError::NothingArrives { .. }) = result {
            // Nothing is said to be so for want of probes.
            prop_assert!(path.probes < max_probes, "{result:?}");
        }
        if let Ok(quote) = result {
            prop_assert_eq!(quote.probes, path.probes);
            prop_assert!(quote.exact || quote.probes == max_probes);
            let arrives = path.delivers_plan(&quote.plan());
            // Whatever ran out: no less arrives than is said, and it is sent in packets that were allowed.
            prop_assert!(arrives >= u128::from(quote.destination_amount.units()), "{quote:?}");
            prop_assert!(quote.max_packet_amount.unwrap_or(quote.source_amount).units() <= max_in_flight);
        }
    }

    #[test]
    fn by_default_no_more_is_in_flight_than_twice_the_amount(path in tier_paths(), amount in 1..10_000_000u64) {
        let (result, most) = watched(search(true, amount, QuoteOptions::default()), |amount| path.probe(amount));
        prop_assert!(result.is_err() || most <= 2 * u128::from(amount), "{most} in flight");
    }
}

#[test]
fn probes_go_from_small_to_large_and_large_ones_wait() {
    let options =
        QuoteOptions { max_probe_amount: Some(SourceAmount::new(10_000)), ..QuoteOptions::default() };
    let mut search = search(true, 10_000, options);
    let mut next = || search.poll(Duration::ZERO);
    use psk_quote::QuoteStep::{AwaitResults, Probe};
    assert_eq!(next(), Probe(SourceAmount::new(1)));
    assert_eq!(next(), Probe(SourceAmount::new(1_000)));
    // 10,000 more would be 11,001.
    assert_eq!(next(), AwaitResults);
    for amount in [1, 1_000] {
        let arrived = ProbeResult::Arrived(DestinationAmount::new(amount));
        search.handle_result(SourceAmount::new(amount), arrived, Duration::ZERO);
    }
    assert_eq!(search.poll(Duration::ZERO), Probe(SourceAmount::new(10_000)));
}

#[test]
fn a_quote_that_ran_out_of_probes_says_so() {
    let mut path = Path::of_one_hop((37, 100), 9_999, Refusal::Empty);
    let options = QuoteOptions { max_probes: 12, ..QuoteOptions::default() };
    let (quote, _) = watched(search(true, 1_000_000, options), |amount| path.probe(amount));
    let quote = quote.unwrap();
    assert!(!quote.exact);
    assert_eq!((quote.probes, path.probes), (12, 12));
    // Nor is what is not known to deliver anything said to be too small.
    for max_probes in 3..30 {
        let options = QuoteOptions { max_probes, ..QuoteOptions::default() };
        let (quote, _) = watched(search(true, 1_000_000, options), |amount| path.probe(amount));
        assert!(quote.is_ok_and(|quote| quote.destination_amount > DestinationAmount::new(350_000)));
    }
}

/// 2,000 to 5,000 units deliver something; the search has only seen 1,000 pass when its probes are spent.
#[test]
fn packets_that_were_not_looked_at_are_not_said_to_deliver_nothing() {
    let mut path = Path::of_one_hop((1, 2_000), 5_000, Refusal::Empty);
    for max_probes in 3..40 {
        let options = QuoteOptions { max_probes, precision: Precision::Exact, ..QuoteOptions::default() };
        let (result, _) = watched(search(true, 1_000_000, options), |amount| path.probe(amount));
        match result {
            Ok(quote) => {
                assert!(path.delivers_plan(&quote.plan()) >= quote.destination_amount.units().into())
            }
            Err(error) => assert!(matches!(error, QuoteError::OutOfProbes(_)), "{error:?}"),
        }
    }
}

#[test]
fn a_quote_without_any_answer_fails_for_lack_of_probes() {
    let mut path = Path::of_one_hop((1, 1_000_000_000), u64::MAX, Refusal::Empty);
    for by_source in [true, false] {
        let options = QuoteOptions { max_probes: 2, ..QuoteOptions::default() };
        let (result, _) = watched(search(by_source, 1_000_000, options), |amount| path.probe(amount));
        assert_eq!(result, Err(QuoteError::OutOfProbes(2)));
    }
    let (result, _) =
        watched(search(true, 7, QuoteOptions { max_probes: 0, ..QuoteOptions::default() }), |amount| {
            path.probe(amount)
        });
    assert_eq!(result, Err(QuoteError::OutOfProbes(0)));
}

#[test]
fn a_path_search_has_the_same_budget_and_none_by_default() {
    let budget = ProbeBudget { max_in_flight: SourceAmount::new(500), ..ProbeBudget::default() };
    let mut search = PathSearch::with_budget(SourceAmount::new(1_000_000), Precision::Exact, budget);
    assert_eq!(search.limit(), SourceAmount::new(500));
    let mut path = Path::of_one_hop((1, 1), 300, Refusal::Empty);
    let watched = Watched::new(&mut search);
    let most = watched.most.clone();
    assert_eq!(ask(watched, |amount| path.probe(amount)), Ok(()));
    assert!(most.get() <= 500);
    assert_eq!(search.view().unwrap().passes, SourceAmount::new(300));

    let few = ProbeBudget { max_probes: 1, ..ProbeBudget::default() };
    let mut search = PathSearch::with_budget(SourceAmount::new(1_000), Precision::Exact, few);
    let result = ask(&mut search, |_| ProbeResult::TooSmall);
    assert_eq!(result, Err(SearchError::OutOfProbes(1).into()));

    let mut all = PathSearch::new(SourceAmount::MAX, Precision::Near);
    let ladder = std::iter::from_fn(|| match all.poll(Duration::ZERO) {
        SearchStep::Probe(amount) => Some(amount),
        _ => None,
    });
    assert_eq!(ladder.count(), 8);
}
