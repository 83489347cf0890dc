//! Amounts that are too small fail before money moves, with the next amount that works.

mod model;

use model::{Path, Refusal, ask};
use proptest::prelude::*;
use psk_codec::{DestinationAmount, SourceAmount, Timestamp};
use psk_quote::{Precision, ProbeResult, Quote, QuoteError, QuoteOptions, QuoteSearch};

fn exactly() -> QuoteOptions {
    QuoteOptions { precision: Precision::Exact, ..QuoteOptions::default() }
}

fn by_source(path: &mut Path, amount: u64) -> Result<Quote, QuoteError> {
    let search = QuoteSearch::by_source(SourceAmount::new(amount), exactly(), Timestamp::UNIX_EPOCH);
    ask(search, |amount| path.probe(amount))
}

fn by_destination(path: &mut Path, amount: u64, options: QuoteOptions) -> Result<Quote, QuoteError> {
    let search = QuoteSearch::by_destination(DestinationAmount::new(amount), options, Timestamp::UNIX_EPOCH);
    ask(search, |amount| path.probe(amount))
}

/// 1,000 units make one, if at most `maximum` pass.
fn dear(maximum: u64, rejects_nothing: bool) -> Path {
    let mut path = Path::of_one_hop((1, 1_000), maximum, Refusal::Honest);
    path.rejects_nothing = rejects_nothing;
    path
}

fn too_small(smallest: u64) -> Result<Quote, QuoteError> {
    Err(QuoteError::AmountTooSmall { smallest: SourceAmount::new(smallest) })
}

#[test]
fn one_packet_that_delivers_nothing_fails_with_the_smallest_that_does() {
    for rejects_nothing in [false, true] {
        for amount in [1, 500, 999] {
            assert_eq!(by_source(&mut dear(u64::MAX, rejects_nothing), amount), too_small(1_000));
            assert_eq!(by_source(&mut dear(1_500, rejects_nothing), amount), too_small(1_000));
        }
        assert!(by_source(&mut dear(u64::MAX, rejects_nothing), 1_000).is_ok());
    }
}

#[test]
fn many_packets_fail_when_some_would_be_dust_and_no_other_sizes_help() {
    for rejects_nothing in [false, true] {
        // At most 1,500 pass, so 1,501 to 1,999 need two packets, and each of those 1,000.
        for amount in [1_501, 1_800, 1_999] {
            assert_eq!(by_source(&mut dear(1_500, rejects_nothing), amount), too_small(2_000));
        }
        // Full chunks would leave 2 x 875 and 2 x 750 here; three of about one size do.
        for amount in [3_250, 3_000] {
            let mut path = dear(1_500, rejects_nothing);
            let quote = by_source(&mut path, amount).unwrap();
            assert_eq!(quote.destination_amount.units(), amount / 1_500 + u64::from(amount > 3_000));
            assert_eq!(path.delivers_plan(&quote.plan()), u128::from(quote.destination_amount.units()));
        }
    }
}

#[test]
fn the_smallest_destination_amount_costs_the_smallest_packet() {
    for rejects_nothing in [false, true] {
        let quote = by_destination(&mut dear(1_500, rejects_nothing), 1, exactly()).unwrap();
        assert_eq!(quote.source_amount, SourceAmount::new(1_000));
        let quote = by_destination(&mut dear(1_500, rejects_nothing), 2, exactly()).unwrap();
        assert_eq!(quote.source_amount, SourceAmount::new(2_000));
    }
}

#[test]
fn a_maximum_cost_that_delivers_nothing_is_said_to_be_too_low() {
    let maximum = SourceAmount::new(999);
    for rejects_nothing in [false, true] {
        let options = QuoteOptions { max_source_amount: maximum, ..exactly() };
        let result = by_destination(&mut dear(u64::MAX, rejects_nothing), 1, options);
        assert_eq!(result, Err(QuoteError::MaxSourceAmount { maximum, needed: None }));
    }
    // One unit more would do, and is known to.
    let options = QuoteOptions { max_source_amount: SourceAmount::new(1_999), ..exactly() };
    let result = by_destination(&mut dear(1_500, false), 2, options);
    let needed = Some(SourceAmount::new(2_000));
    assert_eq!(result, Err(QuoteError::MaxSourceAmount { maximum: SourceAmount::new(1_999), needed }));
}

#[test]
fn where_no_packet_delivers_anything_no_amount_is_named() {
    let largest = SourceAmount::new(999);
    let result = by_source(&mut dear(999, false), 10_000);
    assert_eq!(result, Err(QuoteError::NothingArrives { largest }));
    let result = by_destination(&mut dear(999, false), 1, exactly());
    assert_eq!(result, Err(QuoteError::NothingArrives { largest }));
}

/// 311 to 314 units deliver one, and a search that is near enough ends at 307 (found by a property test).
#[test]
fn packets_that_deliver_are_found_among_those_that_a_near_search_leaves_out() {
    let mut path = Path::of_one_hop((1, 311), 314, Refusal::Empty);
    for by_source in [true, false] {
        let (options, never) = (QuoteOptions::default(), Timestamp::UNIX_EPOCH);
        let search = match by_source {
            true => QuoteSearch::by_source(SourceAmount::new(622), options, never),
            false => QuoteSearch::by_destination(DestinationAmount::new(2), options, never),
        };
        let quote = ask(search, |amount| path.probe(amount)).unwrap();
        assert!((622..=628).contains(&quote.source_amount.units()), "{quote:?}");
        assert_eq!(path.delivers_plan(&quote.plan()), 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// By brute force: an amount fails if and only if it cannot be cut into packets that all deliver something, or not
    /// by a plan of one size and a rest; and what is named works.
    #[test]
    fn an_amount_is_quoted_or_the_next_that_works_is_named(
        smallest in 1..80u64, more in 0..80u64, amount in 1..2_000u64, rejects_nothing: bool,
    ) {
        let maximum = smallest + more;
        let mut path = Path::of_one_hop((1, smallest), maximum, Refusal::Honest);
        path.rejects_nothing = rejects_nothing;
        match by_source(&mut path, amount) {
            Ok(quote) => {
                let plan = quote.plan();
                prop_assert!(plan.full_chunks == 0 || plan.full_chunk.units() >= smallest);
                prop_assert!(plan.tail.iter().all(|chunk| chunk.is_zero() || chunk.units() >= smallest));
                prop_assert_eq!(path.delivers_plan(&plan), u128::from(quote.destination_amount.units()));
            }
            Err(QuoteError::AmountTooSmall { smallest: next }) => {
                prop_assert!(next.units() > amount);
                // Below it nothing works that has as few packets as can be, but for sizes that a plan does not have.
                let packets = amount.div_ceil(maximum);
                prop_assert!(amount < packets * smallest || next.units() - amount < packets);
                prop_assert!(by_source(&mut path, next.units()).is_ok());
            }
            Err(error) => prop_assert!(false, "{error:?}"),
        }
    }
}

/// A hop that says of the largest amount there is that it is too small, and then that it is too large.
#[test]
fn the_largest_amount_there_is_may_be_called_too_small() {
    for forwarded in [ProbeResult::Arrived(DestinationAmount::ZERO), ProbeResult::TooSmall] {
        let mut was_too_small = false;
        let search = QuoteSearch::by_source(SourceAmount::new(7), exactly(), Timestamp::UNIX_EPOCH);
        let result = ask(search, |amount| match amount {
            SourceAmount::MAX if was_too_small => ProbeResult::TooLarge(None),
            SourceAmount::MAX => {
                was_too_small = true;
                ProbeResult::TooSmall
            }
            _ => forwarded,
        });
        assert!(was_too_small && result.is_err(), "{result:?}");
    }
}
