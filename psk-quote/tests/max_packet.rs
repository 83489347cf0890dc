//! The path's maximum packet amount, wherever it is.

mod model;

use model::{Path, Refusal, ask, paths};
use proptest::prelude::*;
use psk_codec::{ErrorCode, SourceAmount};
use psk_quote::{MaxPacket, MaxPacketSearch, ProbeResult, QuoteError, SearchError};

fn search(probe: impl FnMut(SourceAmount) -> ProbeResult) -> Result<MaxPacket, QuoteError> {
    ask(MaxPacketSearch::new(SourceAmount::MAX), probe)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_maximum_is_never_overstated_and_exact_when_it_is_said_to_be(mut path in paths()) {
        let largest = path.largest(u64::MAX);
        match search(|amount| path.probe(amount)) {
            Ok(found) => {
                let passing = found.largest_passing.units();
                prop_assert!(passing <= largest);
                prop_assert!(!found.exact || passing == largest, "{found:?}, {largest}");
                prop_assert!(found.max_packet_amount.is_none_or(|max| max == found.largest_passing));
                prop_assert!(found.probes < 170);
                let honest = |refusal: Refusal| matches!(refusal, Refusal::Honest | Refusal::Empty);
                let all_honest = path.hops.iter().all(|hop| honest(hop.refusal));
                let overflows = path.hops[0].rate.0 > path.hops[0].rate.1;
                if all_honest && !overflows && path.short_of_liquidity.is_empty() {
                    prop_assert!(found.exact, "{found:?}, {largest}");
                }
            }
            Err(QuoteError::Search(SearchError::TooSmall(_))) => {
                prop_assert_eq!(path.smallest_delivering(largest), None);
            }
            Err(QuoteError::Search(SearchError::NothingPasses | SearchError::Busy { .. })) => {
                let short = &path.short_of_liquidity;
                prop_assert!(largest == 0 || !short.is_empty() || path.smallest_delivering(largest).is_none());
            }
            Err(error) => prop_assert!(false, "{error:?}"),
        }
    }
}

#[test]
fn a_path_without_a_maximum_has_none() {
    let mut path = Path::of_one_hop((1, 1), u64::MAX, Refusal::Honest);
    let found = search(|amount| path.probe(amount)).unwrap();
    let expected =
        MaxPacket { max_packet_amount: None, exact: true, largest_passing: SourceAmount::MAX, probes: 8 };
    assert_eq!(found, expected);
}

#[test]
fn a_maximum_is_exact_although_larger_packets_overflow_on_the_way() {
    for refusal in [Refusal::Honest, Refusal::Empty] {
        // What comes near 2^64 overflows at the first hop, before the second one looks at its maximum.
        let mut path = Path::of_one_hop((1_000, 1), u64::MAX, Refusal::Honest);
        path.hops.extend(Path::of_one_hop((1, 1), 9_999_000, refusal).hops);
        let found = search(|amount| path.probe(amount)).unwrap();
        assert_eq!(found.max_packet_amount, Some(SourceAmount::new(9_999)));
        assert!(found.exact, "{found:?}");
    }
}

#[test]
fn where_only_overflow_ends_it_the_bound_is_not_exact() {
    let mut path = Path::of_one_hop((1_000, 1), u64::MAX, Refusal::Honest);
    let found = search(|amount| path.probe(amount)).unwrap();
    assert!(!found.exact);
    let (passing, largest) = (found.largest_passing.units(), u64::MAX / 1_000);
    assert!(passing <= largest && largest - passing <= passing / 16, "{found:?}");
    assert!(found.probes <= 60, "{found:?}");
}

#[test]
fn a_bound_of_liquidity_is_not_exact() {
    let mut path = Path::of_one_hop((37, 100), 5_000, Refusal::NoLiquidity);
    let found = search(|amount| path.probe(amount)).unwrap();
    assert_eq!(found.max_packet_amount, Some(SourceAmount::new(5_000)));
    assert!(!found.exact);
}

#[test]
fn what_is_refused_for_good_is_not_probed_for_ever() {
    let refused = ErrorCode::F02_UNREACHABLE;
    let error = search(|_| ProbeResult::Refused(refused)).unwrap_err();
    assert_eq!(error, SearchError::Refused(refused).into());
}
