//! F08 is followed down to what passes, with details, without, and with nonsense; it never becomes a loop.

mod common;

use common::{Hop, World, chunks_only, destination, hop_address, maximum, maximum_with, source};
use psk_chunking::send::SendError;
use psk_codec::{Amount, AmountTooLarge, ErrorCode, Reject};

const F08: ErrorCode = ErrorCode::F08_AMOUNT_TOO_LARGE;

/// Each of these hops lets less through than the one before it.
#[test]
fn the_maximum_of_every_hop_is_found() {
    let with_details = || vec![maximum(9_000), maximum(700), maximum(60)];
    let without = || [9_000, 700, 60].map(|most| maximum_with(F08, most)).into_iter().collect();
    for hops in [with_details(), without()] {
        let run = World::with(hops).send_source(20_000);
        assert!(run.report.is_completed(), "{:?}", run.report);
        assert_eq!(run.received, destination(20_000));
        assert!(run.rejects[&F08] < 60, "{:?}", run.rejects);
    }
}

#[test]
fn a_maximum_that_falls_during_the_payment_is_followed() {
    for details in [true, false] {
        let mut limit = 1_000;
        let hop = chunks_only(move |chunk, packet| {
            limit = if chunk > 30 { 90 } else { limit };
            let amount = packet.prepare.amount;
            let reject = Reject::new(F08, hop_address());
            let told = AmountTooLarge { received: amount, maximum: Amount::new(limit) }.encode();
            let reject = if details { reject.with_data(told) } else { reject };
            (amount.units() > limit).then_some(Hop::Reject(reject))
        });
        let run = World::with(vec![maximum(1_000), hop]).send_source(60_000);
        assert!(run.report.is_completed(), "{:?}", run.report);
        assert_eq!(run.received, destination(60_000));
        // A window of them at most, and a few more for each halving.
        assert!(run.rejects[&F08] < 200, "{:?}", run.rejects);
    }
}

#[test]
fn nonsensical_details_lead_to_an_end() {
    for (received, maximum) in [(0, 0), (0, 1), (1, 1), (1, u64::MAX), (u64::MAX, u64::MAX), (1_000, 1)] {
        let details = AmountTooLarge { received: Amount::new(received), maximum: Amount::new(maximum) };
        let hop = chunks_only(move |chunk, _| {
            let reject = Reject::new(F08, hop_address());
            (chunk > 3).then(|| Hop::Reject(reject.with_data(details.encode())))
        });
        let run = World::with(vec![common::maximum(1_000), hop]).send_source(100_000);
        assert!(matches!(run.report.error, Some(SendError::Rejected { code: F08, .. })), "{:?}", run.report);
        assert_eq!(run.report.account.source_sent, source(3_000));
        assert!(run.packets < 400, "{received}/{maximum}: {}", run.packets);
    }
}

#[test]
fn details_that_lower_by_one_unit_at_a_time_are_not_followed_for_ever() {
    let hop = chunks_only(|chunk, packet| {
        let amount = packet.prepare.amount.units();
        let details = AmountTooLarge { received: Amount::new(amount), maximum: Amount::new(amount - 1) };
        let reject = Reject::new(F08, hop_address());
        (chunk > 3).then(|| Hop::Reject(reject.with_data(details.encode())))
    });
    let run = World::with(vec![maximum(1_000_000), hop]).send_source(100_000_000);
    assert!(run.report.error.is_some());
    assert!(run.packets < 400, "{}", run.packets);
}
