//! Rates that depend on the size of the packet: fees in steps, tiers, a fee on each packet.

mod model;

use model::ask;
use model::tiers::{Pricing, TierPath, tier_paths};
use proptest::prelude::*;
use psk_codec::{DestinationAmount, SourceAmount, Timestamp};
use psk_quote::{ChunkPlan, ProbeResult, Quote, QuoteError, QuoteOptions, QuoteSearch, RateInterval};

fn by_source(path: &TierPath, amount: u64) -> Result<Quote, QuoteError> {
    let amount = SourceAmount::new(amount);
    let search = QuoteSearch::by_source(amount, QuoteOptions::default(), Timestamp::UNIX_EPOCH);
    ask(search, |amount| path.probe(amount))
}

fn by_destination(path: &TierPath, amount: u64) -> Result<Quote, QuoteError> {
    let amount = DestinationAmount::new(amount);
    let search = QuoteSearch::by_destination(amount, QuoteOptions::default(), Timestamp::UNIX_EPOCH);
    ask(search, |amount| path.probe(amount))
}

fn of_one_rate(pricing: Pricing) -> TierPath {
    TierPath { pricing, later: Vec::new(), maximum: 100_000 }
}

/// What holds of every quote for a path that does not change.
fn check(path: &TierPath, quote: &Quote) -> Result<(), TestCaseError> {
    prop_assert!(!quote.rate_moved, "{quote:?}");
    prop_assert!(quote.probes <= 200);
    prop_assert!((1..=8).contains(&quote.segments.len()));
    prop_assert!(quote.segments.windows(2).all(|pair| pair[0].to < pair[1].from));
    for segment in &quote.segments {
        prop_assert!(segment.from <= segment.to && segment.rate.low() < segment.rate.high());
        for end in [segment.from, segment.to] {
            let delivered = DestinationAmount::new(path.delivers(end.units()));
            let seen = RateInterval::of_packet_over(end, delivered, 8).expect("not of nothing");
            prop_assert!(segment.rate.intersect(&seen).is_some(), "{segment:?} {delivered}");
        }
    }
    if let Some(best) = quote.best_chunk {
        let largest = quote.max_packet_amount.unwrap_or(quote.source_amount).units();
        let (best_worth, largest_worth) = (path.delivers(best.units()), path.delivers(largest));
        let better = u128::from(best_worth) * u128::from(largest);
        prop_assert!(better > u128::from(largest_worth) * u128::from(best.units()), "{quote:?}");
    }
    prop_assert!(quote.source_amount_low <= quote.source_amount);
    prop_assert!(quote.source_amount <= quote.source_amount_high);
    prop_assert!(quote.destination_amount_low <= quote.destination_amount);
    prop_assert!(quote.destination_amount <= quote.destination_amount_high);
    Ok(())
}

fn check_nothing_arrives(path: &TierPath, error: &QuoteError) -> Result<(), TestCaseError> {
    match error {
        QuoteError::NothingArrives { largest } => prop_assert_eq!(path.delivers(largest.units()), 0),
        error => prop_assert!(false, "{error:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_a_quote_by_source_says_arrives_when_its_plan_is_sent(
        path in tier_paths(), amount in prop_oneof![1..1_000u64, 1..10_000_000u64],
    ) {
        let quote = match by_source(&path, amount) {
            Ok(quote) => quote,
            Err(QuoteError::AmountTooSmall { smallest }) => {
                prop_assert!(smallest.units() > amount);
                let next = by_source(&path, smallest.units());
                prop_assert!(next.is_ok(), "{smallest}: {next:?}");
                return Ok(());
            }
            Err(error) => return check_nothing_arrives(&path, &error),
        };
        check(&path, &quote)?;
        prop_assert_eq!(path.delivers_plan(&quote.plan()), u128::from(quote.destination_amount.units()));
    }

    #[test]
    fn what_a_quote_by_destination_says_suffices_and_is_the_least_where_more_is_never_less(
        path in tier_paths(), amount in prop_oneof![1..300u64, 1..10_000_000u64],
    ) {
        let quote = match by_destination(&path, amount) {
            Ok(quote) => quote,
            Err(error) => return check_nothing_arrives(&path, &error),
        };
        check(&path, &quote)?;
        let delivered = path.delivers_plan(&quote.plan());
        prop_assert!(delivered >= u128::from(amount), "{delivered}: {quote:?}");
        prop_assert_eq!(delivered, u128::from(quote.destination_amount_high.units()));
        prop_assert!(quote.exact || !path.is_monotone(), "{quote:?}");
        if !path.is_monotone() || quote.source_amount.units() > 20_000 {
            return Ok(());
        }
        let maximum = quote.max_packet_amount.unwrap_or(quote.source_amount);
        for total in 0..quote.source_amount.units() {
            let less = path.delivers_plan(&ChunkPlan::new(SourceAmount::new(total), maximum));
            prop_assert!(less < u128::from(amount), "{total} suffices: {quote:?}");
        }
    }
}

#[test]
fn a_fee_in_steps_makes_segments_and_the_better_chunk_is_named() {
    // Free up to 1,000, one tenth up to 20,000, one fifth above.
    let tiers = vec![(0, (1, 1)), (1_001, (9, 10)), (20_001, (8, 10))];
    let path = of_one_rate(Pricing::Whole(tiers));
    let quote = by_source(&path, 1_000_000).unwrap();
    assert!(quote.depends_on_size() && !quote.rate_moved);
    assert_eq!(path.delivers_plan(&quote.plan()), u128::from(quote.destination_amount.units()));
    let segments: Vec<_> = quote.segments.iter().map(|it| (it.from.units(), it.to.units())).collect();
    assert_eq!(segments.len(), 3, "{segments:?}");
    // Where the rate changes is known to a sixteenth.
    for (segment, step) in segments.windows(2).zip([1_000, 20_000]) {
        let (below, above) = (segment[0].1, segment[1].0);
        assert!(below <= step && step < above && above - below <= below / 16 + 1, "{segments:?}");
    }
    let best = quote.best_chunk.unwrap();
    assert!(best.units() <= 1_000 && best.units() > 900, "{best}");
    // The rates are those of the chunks that will be sent.
    assert!(quote.rate.low() > "0.799".parse().unwrap() && quote.rate.high() < "0.801".parse().unwrap());
}

#[test]
fn a_fee_on_each_packet_makes_larger_packets_better() {
    let path = of_one_rate(Pricing::Fee((1, 1), 900));
    let quote = by_source(&path, 1_000_000).unwrap();
    assert!(quote.depends_on_size());
    assert_eq!(quote.best_chunk, None);
    assert_eq!(path.delivers_plan(&quote.plan()), u128::from(quote.destination_amount.units()));
    assert_eq!(quote.smallest_delivering, SourceAmount::new(901));
}

#[test]
fn packets_that_deliver_less_for_more_do_not_fool_a_quote_by_destination() {
    // 1,000 deliver 1,000, but 1,001 deliver 500.
    let tiers = vec![(0, (1, 1)), (1_001, (1, 2))];
    let path = of_one_rate(Pricing::Whole(tiers));
    for amount in [900, 999, 1_000, 1_001, 30_000, 49_999, 50_001, 123_456] {
        let quote = by_destination(&path, amount).unwrap();
        assert!(path.delivers_plan(&quote.plan()) >= u128::from(amount), "{quote:?}");
        assert!(!quote.exact || quote.source_amount.units() <= 1_000, "{quote:?}");
    }
}

#[test]
fn one_rate_is_one_segment_and_costs_no_probe() {
    let path = of_one_rate(Pricing::Fee((37, 100), 0));
    let quote = by_source(&path, 100_000).unwrap();
    assert!(!quote.depends_on_size());
    assert_eq!(quote.best_chunk, None);
    // 1, 1,000, 100,000; 2 and 3, of which the latter is the smallest that delivers.
    assert_eq!(quote.probes, 5);
}

#[test]
fn a_rate_that_moves_is_not_taken_for_one_of_size() {
    let mut probes = 0_u32;
    let search =
        QuoteSearch::by_source(SourceAmount::new(900_000), QuoteOptions::default(), Timestamp::UNIX_EPOCH);
    let quote = ask(search, |amount| {
        probes += 1;
        let rate = if probes < 4 { 9 } else { 10 };
        match amount.units() <= 100_000 {
            true => ProbeResult::Arrived(DestinationAmount::new(amount.units() * rate / 10)),
            false => ProbeResult::TooLarge(None),
        }
    })
    .unwrap();
    assert!(quote.rate_moved && !quote.depends_on_size(), "{quote:?}");
    assert_eq!(quote.best_chunk, None);
}
