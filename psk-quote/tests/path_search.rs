//! The search for the largest packet that passes.

mod model;

use std::time::Duration;

use model::{Path, Refusal, ask, refusals};
use proptest::prelude::*;
use psk_codec::{DestinationAmount, ErrorCode, SourceAmount};
use psk_quote::{PathSearch, Precision, ProbeResult, QuoteError, SearchError, SearchStep};

/// Enough for a search that is lied to, and a margin for the round that it is in.
const MOST_PROBES: u32 = 170;

fn search(path: &mut Path, limit: u64, precision: Precision) -> (PathSearch, Result<(), QuoteError>) {
    let mut search = PathSearch::new(SourceAmount::new(limit), precision);
    let result = ask(&mut search, |amount| path.probe(amount));
    (search, result)
}

proptest! {
    #[test]
    fn the_maximum_is_found_to_the_unit(
        maximum in 1..1_000_000_000u64, limit in 1..10_000_000_000u64, refusal in refusals(),
    ) {
        let mut path = Path::of_one_hop((37, 100), maximum, refusal);
        let (search, result) = search(&mut path, limit, Precision::Exact);
        prop_assert_eq!(result, Ok(()));
        let view = search.view().unwrap();
        prop_assert_eq!(view.passes.units(), maximum.min(limit));
        prop_assert_eq!(view.refused.is_some(), maximum < limit);
        prop_assert!(search.probes() < MOST_PROBES);
    }

    #[test]
    fn a_near_search_misses_a_sixteenth_at_most(
        maximum in 1..1_000_000_000u64, limit in 1..10_000_000_000u64, refusal in refusals(),
    ) {
        let honest = matches!(refusal, Refusal::Honest | Refusal::Empty | Refusal::NoLiquidity);
        let mut path = Path::of_one_hop((37, 100), maximum, refusal);
        let (search, result) = search(&mut path, limit, Precision::Near);
        prop_assert_eq!(result, Ok(()));
        let passes = search.view().unwrap().passes.units();
        prop_assert!(passes <= maximum.min(limit));
        prop_assert!(!honest || passes + passes / 16 >= maximum.min(limit) - 1);
        prop_assert!(search.probes() < 100, "{} probes", search.probes());
    }
}

#[test]
fn honest_details_need_two_round_trips() {
    let mut path = Path::of_one_hop((1, 1), 10_000, Refusal::Honest);
    let (search, result) = search(&mut path, 1_000_000, Precision::Exact);
    assert_eq!(result, Ok(()));
    assert_eq!(search.view().unwrap().passes, SourceAmount::new(10_000));
    assert!(search.is_exact());
    assert_eq!(search.probes(), 5);
}

#[test]
fn a_dead_destination_ends_the_search_after_one_round() {
    let mut search = PathSearch::new(SourceAmount::new(1_000_000), Precision::Near);
    let refused = ErrorCode::F02_UNREACHABLE;
    let result = ask(&mut search, |_| ProbeResult::Refused(refused));
    assert_eq!(result, Err(SearchError::Refused(refused).into()));
    assert_eq!(search.probes(), 3);
}

#[test]
fn packets_that_are_too_small_for_a_hop_end_the_search_at_once() {
    let limit = SourceAmount::new(1_000);
    let mut search = PathSearch::new(limit, Precision::Near);
    let result = ask(&mut search, |_| ProbeResult::TooSmall);
    assert_eq!(result, Err(SearchError::TooSmall(limit).into()));
    assert_eq!(search.probes(), 2);
}

#[test]
fn small_packets_that_are_not_forwarded_do_not_hide_large_ones_that_are() {
    let mut search = PathSearch::new(SourceAmount::new(1_000_000), Precision::Exact);
    let result = ask(&mut search, |amount| match amount.units() {
        0..=1_500 => ProbeResult::TooSmall,
        1_501..=1_600 => ProbeResult::Arrived(Default::default()),
        _ => ProbeResult::TooLarge(None),
    });
    assert_eq!(result, Ok(()));
    assert_eq!(search.view().unwrap().passes, SourceAmount::new(1_600));
}

#[test]
fn one_unit_without_liquidity_is_asked_for_again() {
    let mut path = Path::of_one_hop((1, 1), 10_000, Refusal::Honest);
    path.short_of_liquidity = vec![1, 2, 3];
    let (search, result) = search(&mut path, 1_000_000, Precision::Exact);
    assert_eq!(result, Ok(()));
    assert_eq!(search.view().unwrap().passes, SourceAmount::new(10_000));
}

/// 500 units are the smallest packet that is not too small, and need all of a hop's liquidity.
#[test]
fn what_needs_all_of_the_liquidity_is_awaited() {
    let mut search = PathSearch::new(SourceAmount::new(1_000_000), Precision::Exact);
    let mut asked = 0;
    let result = ask(&mut search, |amount| {
        asked += u32::from(amount.units() == 500);
        match amount.units() {
            0..=499 => ProbeResult::TooSmall,
            500..=520 if asked > 6 => ProbeResult::Arrived(DestinationAmount::new(9)),
            _ => ProbeResult::NoLiquidity,
        }
    });
    assert_eq!(result, Ok(()));
    assert!((500..=520).contains(&search.view().unwrap().passes.units()));
}

#[test]
fn liquidity_that_never_comes_is_not_awaited_for_ever() {
    let mut search = PathSearch::new(SourceAmount::new(1_000_000), Precision::Exact);
    let result = ask(&mut search, |amount| match amount.units() {
        0..=499 => ProbeResult::TooSmall,
        _ => ProbeResult::NoLiquidity,
    });
    let busy = SearchError::Busy { code: ErrorCode::T04_INSUFFICIENT_LIQUIDITY, attempts: 2 };
    assert_eq!(result, Err(QuoteError::Search(busy)));
    assert!(search.probes() < MOST_PROBES, "{}", search.probes());
}

#[test]
fn a_packet_that_never_returns_is_taken_as_too_large() {
    let mut search = PathSearch::new(SourceAmount::new(1_000_000), Precision::Near);
    let result = ask(&mut search, |amount| match amount.units() {
        0..=5_000 => ProbeResult::Arrived(Default::default()),
        _ => ProbeResult::Unanswered,
    });
    assert_eq!(result, Ok(()));
    let view = search.view().unwrap();
    assert!((4_700..=5_000).contains(&view.passes.units()), "{view:?}");
    assert!(!view.refused_for_size);
}

#[test]
fn a_busy_path_is_asked_again_later_and_not_for_ever() {
    let mut search = PathSearch::new(SourceAmount::new(1), Precision::Near);
    let busy = ProbeResult::Busy(ErrorCode::T05_RATE_LIMITED);
    let (mut now, mut probes) = (Duration::ZERO, 0);
    let error = loop {
        match search.poll(now) {
            SearchStep::Probe(amount) => {
                probes += 1;
                search.handle_result(amount, busy, now);
            }
            SearchStep::WaitUntil(until) => now = until,
            SearchStep::Done(result) => break result.unwrap_err(),
            SearchStep::AwaitResults => panic!("nothing is in flight"),
        }
    };
    assert_eq!((probes, now), (8, Duration::from_millis(6_350)));
    assert!(matches!(error, SearchError::Busy { attempts: 8, .. }), "{error}");
}
