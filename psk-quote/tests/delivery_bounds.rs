//! What is certain of packets, from others that arrived, over hops that each round down.

use proptest::prelude::*;
use psk_codec::{DestinationAmount, SourceAmount};
use psk_quote::{DeliveryBounds, Learned, Rate, RateInterval};

fn source(units: u64) -> SourceAmount {
    SourceAmount::new(units)
}

fn destination(units: u64) -> DestinationAmount {
    DestinationAmount::new(units)
}

/// What arrives over hops of these rates.
fn deliver(hops: &[(u64, u64)], sent: u64) -> u64 {
    let hop = |amount: u128, &(out, into): &(u64, u64)| amount * u128::from(out) / u128::from(into);
    u64::try_from(hops.iter().fold(u128::from(sent), hop)).expect("small")
}

fn learn(bounds: &mut DeliveryBounds, hops: &[(u64, u64)], sent: u64) -> Learned {
    bounds.learn(source(sent), destination(deliver(hops, sent)))
}

/// Up to eight hops: spreads, conversions both ways, and such as undo each other.
fn hops() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let rate = prop_oneof![
        Just((998, 1_000)),
        Just((1, 1)),
        (1..20u64, 1..20u64),
        Just((1, 100)),
        Just((100, 1)),
        (900..1_100u64, Just(1_000)),
    ];
    prop::collection::vec(rate, 1..=8)
}

fn amounts() -> impl Strategy<Value = u64> {
    prop_oneof![1..50u64, 1..5_000u64, 1..10_000_000u64]
}

/// For a path of the model.
fn check(hops: &[(u64, u64)], bounds: &DeliveryBounds, packets: &[u64]) -> Result<(), TestCaseError> {
    for &packet in packets {
        let arrives = destination(deliver(hops, packet));
        let (least, most) = (bounds.at_least(source(packet)), bounds.at_most(source(packet)));
        prop_assert!(least <= arrives && arrives <= most, "{packet}: {least} <= {arrives} <= {most}");
    }
    let together = destination(packets.iter().map(|&packet| deliver(hops, packet)).sum());
    let sizes = || packets.iter().copied().map(source);
    prop_assert!(bounds.at_least_together(sizes()) <= together);
    prop_assert!(together <= bounds.at_most_together(sizes()));
    prop_assert!(together <= bounds.at_most(source(packets.iter().sum())), "{packets:?} together");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn bounds_hold_for_all_packets_alone_and_together(
        hops in hops(),
        seen in prop::collection::vec(amounts(), 0..20),
        packets in prop::collection::vec(amounts(), 1..20),
    ) {
        let mut bounds = DeliveryBounds::new();
        for packet in seen {
            prop_assert_eq!(learn(&mut bounds, &hops, packet), Learned::Fits);
            check(&hops, &bounds, &packets)?;
        }
    }

    #[test]
    fn bounds_hold_when_more_packets_were_seen_than_are_kept(
        hops in hops(),
        seen in prop::collection::vec(amounts(), 100..150),
        packets in prop::collection::vec(amounts(), 1..20),
    ) {
        let mut bounds = DeliveryBounds::new();
        for packet in seen {
            prop_assert_eq!(learn(&mut bounds, &hops, packet), Learned::Fits);
        }
        check(&hops, &bounds, &packets)?;
    }

    /// The bounds for all sizes of a short range, by brute force.
    #[test]
    fn bounds_hold_for_every_small_packet(hops in hops(), seen in prop::collection::vec(1..300u64, 1..6)) {
        let mut bounds = DeliveryBounds::new();
        for packet in seen {
            prop_assert_eq!(learn(&mut bounds, &hops, packet), Learned::Fits);
        }
        for packet in 0..600 {
            check(&hops, &bounds, &[packet])?;
        }
    }

    /// Rule 4 of the documentation: no later product above 1.
    #[test]
    fn the_interval_over_several_roundings_holds_the_rate_if_later_rates_are_at_most_1(
        first in (1..1_000u64, 1..1_000u64),
        later in prop::collection::vec((1..=1_000u64).prop_map(|out| (out, 1_000)), 0..5),
        sent in amounts(),
    ) {
        let hops: Vec<_> = std::iter::once(first).chain(later).collect();
        let roundings = u32::try_from(hops.len()).unwrap();
        let delivered = destination(deliver(&hops, sent));
        let interval = RateInterval::of_packet_over(source(sent), delivered, roundings).unwrap();
        let out = hops.iter().map(|hop| hop.0).product::<u64>();
        let into = hops.iter().map(|hop| hop.1).product::<u64>();
        let rate = Rate::new(destination(out), source(into)).unwrap();
        prop_assert!(interval.low() <= rate && rate < interval.high());
    }

    /// Whatever anybody says arrived: no panic, bounded memory (the time of this test), bounds in order.
    #[test]
    fn any_claims_are_taken(claims in prop::collection::vec((any::<u64>(), any::<u64>()), 1..100), of: u64) {
        let mut bounds = DeliveryBounds::new();
        for (sent, delivered) in claims {
            let _ = bounds.learn(source(sent), destination(delivered));
            if sent > 0 {
                prop_assert_eq!(bounds.at_least(source(sent)), destination(delivered));
                prop_assert_eq!(bounds.at_most(source(sent)), destination(delivered));
            }
            prop_assert!(bounds.at_most_together([source(of), source(of)]) >= bounds.at_most(source(of)));
            prop_assert!(bounds.rate().low() < bounds.rate().high());
        }
    }
}

#[test]
fn one_rounding_is_not_enough_for_three_hops() {
    let hops = [(9, 10); 3];
    assert_eq!(deliver(&hops, 3), 0);
    let rate: Rate = "0.729".parse().unwrap();
    let one = RateInterval::of_packet(source(3), destination(0)).unwrap();
    assert!(one.high() < rate);
    let three = RateInterval::of_packet_over(source(3), destination(0), 3).unwrap();
    assert!(three.low() <= rate && rate < three.high());
}

#[test]
fn a_later_rate_above_one_loses_more_units_than_there_are_hops() {
    let hops = [(1, 1_000), (1_000, 1)];
    let mut bounds = DeliveryBounds::with_roundings(2);
    assert_eq!(learn(&mut bounds, &hops, 1_999), Learned::Fits);
    let interval = RateInterval::of_packet_over(source(1_999), destination(1_000), 2).unwrap();
    assert!(interval.high() < "1".parse().unwrap(), "{interval:?} does not hold the rate");
    // Nothing bounds a larger packet: 2,000 deliver twice as much.
    assert_eq!(bounds.at_most(source(2_000)), DestinationAmount::MAX);
    // One that is large beside twice the smallest does: 20,000/(20,999 - 2 x 1,999) = 1.18.
    assert_eq!(learn(&mut bounds, &hops, 20_999), Learned::Fits);
    assert_eq!(bounds.at_most(source(100_000)), destination(117_640));
}

#[test]
fn packets_in_flight_deliver_together_what_their_sum_does_at_most() {
    // 0.5: two packets of 1 deliver nothing, one packet of 2 does.
    let mut bounds = DeliveryBounds::new();
    assert_eq!(bounds.at_most(source(1)), DestinationAmount::MAX);
    assert_eq!(bounds.learn(source(1_000), destination(500)), Learned::Fits);
    assert_eq!(bounds.at_most(source(1)), destination(0));
    assert_eq!(bounds.at_most(source(3)), destination(1));
    assert_eq!(bounds.at_most_together([source(3); 4]), destination(4));
    assert_eq!(bounds.at_most_together([source(1); 4]), destination(0));
    assert_eq!(bounds.at_least_together([source(1_000); 4]), destination(2_000));
    // Anything may arrive of more, as long as the smallest that delivers is as large as that.
    assert_eq!(bounds.at_most(source(1_001)), DestinationAmount::MAX);
    assert_eq!(bounds.learn(source(2), destination(1)), Learned::Fits);
    // 500/(1,000 - 8 x 2) x 1,001 = 508.6
    assert_eq!(bounds.at_most(source(1_001)), destination(508));
}

#[test]
fn what_contradicts_starts_again_and_is_counted() {
    let mut bounds = DeliveryBounds::new();
    assert_eq!(bounds.learn(source(1_000), destination(500)), Learned::Fits);
    assert_eq!(bounds.learn(source(1_000), destination(499)), Learned::StartedAgain);
    assert_eq!(bounds.learn(source(500), destination(250)), Learned::StartedAgain);
    assert_eq!(bounds.learn(source(500), destination(250)), Learned::Fits);
    assert_eq!(bounds.at_most(source(1_000)), DestinationAmount::MAX);
    assert_eq!(bounds.restarts(), 2);
}

/// Of 99 units each of these hops takes all of its 1 % away, of 1 unit too: as bad as rule 6 allows.
#[test]
fn the_number_of_roundings_matters_and_the_bound_is_close() {
    let hops = [(101, 100); 8];
    let bounds = |roundings| {
        let mut bounds = DeliveryBounds::with_roundings(roundings);
        assert_eq!([1, 99].map(|packet| learn(&mut bounds, &hops, packet)), [Learned::Fits; 2]);
        bounds
    };
    let arrives = deliver(&hops, 100_000);
    assert_eq!((deliver(&hops, 99), arrives), (99, 108_284));
    assert_eq!(bounds(8).at_most(source(100_000)), destination(108_791));
    // For one hop less than there are, it is wrong.
    let too_few = bounds(7);
    assert!(too_few.at_most(source(100_000)) < destination(arrives));
    let mut noticed = too_few;
    assert_eq!(learn(&mut noticed, &hops, 100_000), Learned::StartedAgain);
}
