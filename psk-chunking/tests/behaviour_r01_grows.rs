//! R01 says that a packet was too small: the next ones are larger. (npm `ilp-protocol-psk2` halves them.)

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::{Hop, World, chunks_only, config, destination, maximum, reject, source};
use psk_chunking::send::Target;
use psk_chunking::send::control::ControllerKind;
use psk_codec::{Amount, ErrorCode};

const T04: ErrorCode = ErrorCode::T04_INSUFFICIENT_LIQUIDITY;
const R01: ErrorCode = ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT;

/// So little may be on its way at once that packets would become small; but small ones do not pass either.
#[test]
fn chunks_grow_until_they_pass() {
    for kind in [ControllerKind::Paced, ControllerKind::Window] {
        let sizes = Rc::new(RefCell::new(vec![]));
        let seen = sizes.clone();
        let hop = Box::new(move |packet: &common::Passing<'_>| {
            let amount = packet.prepare.amount.units();
            seen.borrow_mut().push(amount);
            match amount {
                ..70 => reject(R01),
                _ if packet.in_flight + u128::from(amount) > 400 => reject(T04),
                _ => Hop::Forward(Amount::new(amount)),
            }
        });
        let mut config = config(Target::Source(source(20_000)));
        config.controller = kind;
        let run = World::with(vec![maximum(1_000), hop]).send(config);
        assert!(run.report.is_completed(), "{kind:?}: {:?} {:?}", run.report, run.rejects);
        assert_eq!(run.received, destination(20_000));
        // A few, and not one for each packet.
        let too_small = sizes.borrow().iter().filter(|&&size| size < 70).count();
        assert!(too_small < 20, "{kind:?}: {too_small} of {}", run.packets);
    }
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
        assert!(run.packets < 200, "{amount}: {} {:?} {:?}", run.packets, run.report, run.rejects);
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
