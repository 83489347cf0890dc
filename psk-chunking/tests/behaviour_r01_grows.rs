//! R01 says that a packet was too small: the next ones are larger. (npm `ilp-protocol-psk2` halves them.)

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::{Hop, World, chunks_only, destination, maximum, reject};
use psk_codec::{Amount, ErrorCode};

const R01: ErrorCode = ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT;

/// Too little liquidity first, which makes chunks small; then a smallest packet.
#[test]
fn chunks_grow_until_they_pass() {
    let sizes = Rc::new(RefCell::new(vec![]));
    let seen = sizes.clone();
    let mut too_small = 0;
    let hop = chunks_only(move |_, packet| {
        let amount = packet.prepare.amount.units();
        seen.borrow_mut().push(amount);
        too_small += u64::from(amount < 70);
        match (amount, too_small) {
            (..70, _) => Some(reject(R01)),
            (_, 0) => Some(reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY)),
            _ => None,
        }
    });
    let run = World::with(vec![maximum(1_000), hop]).send_source(100_000);
    assert!(run.report.is_completed(), "{:?} {:?}", run.report, run.rejects);
    assert_eq!(run.received, destination(100_000));
    assert!(run.rejects[&R01] > 0, "{:?}", run.rejects);
    let sizes = sizes.borrow();
    let first = sizes.iter().position(|&size| size < 70).unwrap();
    let passing = sizes.iter().skip(first).position(|&size| size >= 70).unwrap();
    assert!(passing <= 10, "{:?}", &sizes[first..]);
}

#[test]
fn a_hop_with_a_smallest_packet_makes_nobody_overpay() {
    for amount in [5, 50, 95, 99, 5_005, 5_500] {
        let hop = Box::new(|packet: &common::Passing<'_>| match packet.prepare.amount.units() {
            amount if amount < 100 => reject(R01),
            amount => Hop::Forward(Amount::new(amount)),
        });
        let run = World::with(vec![maximum(1_000), hop]).send_destination(amount);
        assert!(run.received <= destination(amount), "{amount}: {:?} {:?}", run.received, run.report);
        assert!(run.packets < 100, "{}", run.packets);
    }
}

#[test]
fn r01_for_a_size_that_passes_does_not_end_a_payment() {
    let hop = chunks_only(move |chunk, _| (chunk % 7 == 5).then(|| reject(R01)));
    let run = World::with(vec![maximum(1_000), hop]).send_source(50_000);
    assert!(run.report.is_completed(), "{:?}", run.report);
    assert_eq!(run.received, destination(50_000));
}

#[test]
fn r01_for_ever_ends_in_a_few_packets() {
    let hop = chunks_only(|chunk, _| (chunk > 10).then(|| reject(R01)));
    let run = World::with(vec![maximum(1_000), hop]).send_source(50_000);
    assert!(run.report.error.is_some());
    assert_eq!(run.received, destination(10_000));
    assert!(run.packets < 300, "{}", run.packets);
}
