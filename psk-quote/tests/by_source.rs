//! Quotes by source amount: what sending the plan delivers.

mod model;

use model::{Path, Refusal, ask, paths};
use proptest::prelude::*;
use psk_codec::{DestinationAmount, SourceAmount, Timestamp};
use psk_quote::{Precision, Quote, QuoteError, QuoteOptions, QuoteSearch, SearchError};

fn quote(path: &mut Path, amount: u64, precision: Precision) -> Result<Quote, QuoteError> {
    let options = QuoteOptions { precision, ..QuoteOptions::default() };
    let amount = SourceAmount::new(amount);
    let search = QuoteSearch::by_source(amount, options, Timestamp::UNIX_EPOCH);
    ask(search, |amount| path.probe(amount))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_quote_is_what_sending_the_plan_delivers(
        mut path in paths(),
        amount in prop_oneof![1..1_000u64, 1..1_000_000_000u64, 1..1_000_000_000_000u64],
        exact: bool,
    ) {
        let precision = if exact { Precision::Exact } else { Precision::Near };
        match quote(&mut path, amount, precision) {
            Ok(quote) => {
                let delivered = u128::from(quote.destination_amount.units());
                // Hops that lie can use the probes up.
                prop_assert!(quote.exact || quote.probes >= 200, "{quote:?}");
                let plan_delivers = path.delivers_plan(&quote.plan());
                prop_assert!(plan_delivers == delivered || !quote.exact && plan_delivers > delivered);
                prop_assert!(!quote.rate_moved, "{quote:?}");
                prop_assert!(quote.destination_amount_low <= quote.destination_amount);
                prop_assert!(quote.destination_amount <= quote.destination_amount_high);
                let packet = quote.max_packet_amount.unwrap_or(quote.source_amount).units();
                let largest = path.largest(u64::MAX);
                prop_assert!(packet <= largest);
                prop_assert!(!quote.max_packet_exact || packet == largest);
                let smallest = path.smallest_delivering(packet);
                let quoted = Some(quote.smallest_delivering.units());
                prop_assert!(smallest == quoted || !quote.exact && smallest < quoted);
                prop_assert!(quote.probes <= 210, "{} probes", quote.probes);
            }
            Err(QuoteError::AmountTooSmall { smallest }) => {
                let of_one_packet = path.smallest_delivering(path.largest(u64::MAX)).unwrap();
                prop_assert!(amount < smallest.units());
                prop_assert!(smallest.units() == of_one_packet || amount > of_one_packet);
                prop_assert!(smallest.units() % of_one_packet == 0 || smallest.units() - amount < 1_000_000);
                let next = quote(&mut path, smallest.units(), precision);
                // A hop that is short of liquidity now and then lets another maximum be found.
                let steady = path.short_of_liquidity.is_empty() && path.probes < 200;
                prop_assert!(!steady || !matches!(next, Err(QuoteError::AmountTooSmall { .. })), "{next:?}");
            }
            // Hops that lie can use the probes up.
            Err(QuoteError::OutOfProbes(probes)) => prop_assert!(probes >= 160),
            Err(QuoteError::NothingArrives { largest }) => {
                prop_assert_eq!(path.delivers(largest), Some(0));
            }
            Err(QuoteError::Search(SearchError::TooSmall(_))) => {
                prop_assert_eq!(path.smallest_delivering(path.largest(u64::MAX)), None);
            }
            Err(QuoteError::Search(SearchError::NothingPasses | SearchError::Busy { .. })) => {
                let (largest, short) = (path.largest(u64::MAX), &path.short_of_liquidity);
                prop_assert!(largest == 0 || !short.is_empty() || path.smallest_delivering(largest).is_none());
            }
            Err(error) => prop_assert!(false, "{error:?} after {} probes", path.probes),
        }
        prop_assert!(path.probes <= 250, "{} probes", path.probes);
    }
}

#[test]
fn each_chunk_is_rounded_on_its_own() {
    let mut path = Path::of_one_hop((37, 100), 9_999, Refusal::Honest);
    let quote = quote(&mut path, 1_000_000, Precision::Exact).unwrap();
    assert_eq!(quote.max_packet_amount, Some(SourceAmount::new(9_999)));
    assert!(quote.max_packet_exact);
    // 99 x floor(9,999 x 0.37) + 2 x floor(5,049.5 x 0.37) or so, not floor(1,000,000 x 0.37).
    assert_eq!(quote.destination_amount, DestinationAmount::new(369_937));
    assert_eq!(quote.smallest_delivering, SourceAmount::new(3));
    assert_eq!(quote.rate.delivers_at_most(SourceAmount::new(10_000)), DestinationAmount::new(3_700));
    assert!(!quote.rate_moved);
    assert!(quote.probes <= 9, "{} probes", quote.probes);
}

#[test]
fn an_amount_that_delivers_nothing_fails_with_the_smallest_that_does() {
    let mut path = Path::of_one_hop((1, 1_000), u64::MAX, Refusal::Empty);
    let error = quote(&mut path, 999, Precision::Near).unwrap_err();
    let smallest = SourceAmount::new(1_000);
    assert_eq!(error, QuoteError::AmountTooSmall { smallest });
}

#[test]
fn a_path_on_which_no_packet_delivers_anything_is_said_to_be_one() {
    let mut path = Path::of_one_hop((1, 1_000), 500, Refusal::Honest);
    let error = quote(&mut path, 1_000_000, Precision::Near).unwrap_err();
    let largest = SourceAmount::new(500);
    assert_eq!(error, QuoteError::NothingArrives { largest });
}

#[test]
fn nothing_is_no_amount() {
    let mut path = Path::of_one_hop((1, 1), 500, Refusal::Honest);
    assert_eq!(quote(&mut path, 0, Precision::Near), Err(QuoteError::ZeroAmount));
    assert_eq!(path.probes, 0);
}
