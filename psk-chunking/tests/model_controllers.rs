//! Whatever happens on a path, a controller never closes it and never waits long: random lists of what a payment may
//! tell it, for each of the four, against a ledger of what is in flight.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use psk_chunking::send::control::{Controller, ControllerKind, Fulfilled, Lost, Passed};
use psk_codec::SourceAmount;

/// What happens next. Which packet it befalls is counted from the oldest in flight.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many packets of at most this leave, if they may.
    Send(u64, u8),
    Fulfilled(u8),
    NoLiquidity(u8),
    Busy(u8, u64),
    /// So often a packet leaves and is too much, in turn for its amount and for itself.
    Storm(u8, u64),
    /// Rejected for a reason that no controller is told, or in doubt.
    Gone(u8),
    /// Nanoseconds.
    Passes(u64),
    /// Until the next packet may leave.
    Waits,
}

/// What may be told to be in flight at most, as the default of `SendConfig` has it.
const MAX_PACKETS: usize = 1_024;

/// A controller says when the next packet may leave; never later than this after what it was told last.
fn longest_pause(kind: ControllerKind) -> Duration {
    Duration::from_millis(match kind {
        // 2 s, and a quarter of that in chance.
        ControllerKind::Paced => 2_500,
        // Four intervals of at most 2 s, and a quarter of that in chance.
        ControllerKind::Window => 10_000,
        ControllerKind::Aimd => 1,
        _ => 100,
    })
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![Just(1), 1..1_000_u64, 1..u64::MAX, Just(u64::MAX), Just(u64::MAX / 2 + 1)]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), 1..1_000_000_u64, 1_000_000..3_000_000_000_u64, Just(3_600_000_000_000)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (amount(), 1..100_u8).prop_map(|(amount, packets)| Step::Send(amount, packets)),
        6 => any::<u8>().prop_map(Step::Fulfilled),
        3 => any::<u8>().prop_map(Step::NoLiquidity),
        3 => (any::<u8>(), any::<u64>()).prop_map(|(place, jitter)| Step::Busy(place, jitter)),
        1 => (1..30_u8, any::<u64>()).prop_map(|(rounds, jitter)| Step::Storm(rounds, jitter)),
        1 => any::<u8>().prop_map(Step::Gone),
        3 => time().prop_map(Step::Passes),
        4 => Just(Step::Waits),
    ]
}

/// A packet in flight.
#[derive(Clone, Copy)]
struct Sent {
    amount: SourceAmount,
    beside: SourceAmount,
    sent_at: Duration,
    before: Passed,
    order: u64,
}

/// What a payment keeps of one path.
struct Ledger {
    controller: Box<dyn Controller>,
    in_flight: VecDeque<Sent>,
    passed: Passed,
    sent: u64,
    now: Duration,
    told_at: Duration,
}

impl Ledger {
    fn amount_in_flight(&self) -> SourceAmount {
        self.in_flight.iter().fold(SourceAmount::ZERO, |sum, sent| sum.saturating_add(sent.amount))
    }

    fn take(&mut self, place: u8) -> Option<Sent> {
        self.told_at = self.now;
        let places = self.in_flight.len();
        self.in_flight.remove(usize::from(place) % places.max(1))
    }

    /// As a payment does it: nothing before its time, nothing larger, nothing that is not allowed.
    fn send(&mut self, most: u64) {
        let in_flight = self.amount_in_flight();
        let amount = self.controller.largest(in_flight).min(SourceAmount::new(most));
        // What is sent of a payment, and what is in flight of it, has 64 bits.
        let fits = in_flight.checked_add(amount).is_some();
        let may = self.now >= self.controller.next_send() && self.in_flight.len() < MAX_PACKETS;
        if !may || !fits || !self.controller.allows(amount, in_flight, self.in_flight.len()) {
            return;
        }
        self.sent += 1;
        self.told_at = self.now;
        self.controller.on_sent(amount, self.now);
        let (sent_at, before, order) = (self.now, self.passed, self.sent);
        self.in_flight.push_back(Sent { amount, beside: in_flight, sent_at, before, order });
    }

    fn lost(&self, sent: Sent) -> Lost {
        let Sent { amount, beside, sent_at, order, .. } = sent;
        Lost { amount, in_flight: beside, order, newest: self.sent, sent_at, now: self.now }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send(most, packets) => (0..packets).for_each(|_| self.send(most)),
            Step::Fulfilled(place) => {
                let Some(sent) = self.take(place) else { return };
                self.passed.amount = self.passed.amount.saturating_add(sent.amount);
                self.passed.packets += 1;
                self.controller.on_fulfilled(&Fulfilled {
                    amount: sent.amount,
                    sent_at: sent.sent_at,
                    now: self.now,
                    before: sent.before,
                    after: self.passed,
                    in_flight: self.amount_in_flight(),
                });
            }
            Step::NoLiquidity(place) => {
                let Some(sent) = self.take(place) else { return };
                self.controller.on_no_liquidity(&self.lost(sent));
            }
            Step::Busy(place, jitter) => {
                let Some(sent) = self.take(place) else { return };
                self.controller.on_busy(&self.lost(sent), jitter);
            }
            Step::Storm(rounds, jitter) => {
                for round in 0..rounds {
                    self.step(Step::Waits);
                    self.step(Step::Send(1_000, 1));
                    let newest = (self.in_flight.len() as u8).wrapping_sub(1);
                    self.step(if round % 2 == 0 {
                        Step::NoLiquidity(newest)
                    } else {
                        Step::Busy(newest, jitter)
                    });
                }
            }
            Step::Gone(place) => drop(self.take(place)),
            Step::Passes(nanos) => self.now = self.now.saturating_add(Duration::from_nanos(nanos)),
            Step::Waits => self.now = self.now.max(self.controller.next_send()),
        }
    }

    fn check(&self, kind: ControllerKind) -> Result<(), TestCaseError> {
        let in_flight = self.amount_in_flight();
        let largest = self.controller.largest(in_flight);
        prop_assert!(!largest.is_zero(), "{kind:?} sends nothing");
        for amount in [1, 1_000, u64::MAX].map(SourceAmount::new) {
            let alone = self.controller.allows(amount, SourceAmount::ZERO, 0);
            prop_assert!(alone, "{kind:?} allows no packet alone, {:?}", self.controller);
        }
        let pause = self.controller.next_send().saturating_sub(self.told_at);
        prop_assert!(pause <= longest_pause(kind), "{kind:?} waits for {pause:?}: {:?}", self.controller);
        if let Some(windows) = self.controller.windows() {
            prop_assert!(windows.packets > 0, "{kind:?} has no window");
        }
        Ok(())
    }
}

fn ledger(kind: ControllerKind, payment: u64, max_packets: usize) -> Ledger {
    Ledger {
        controller: kind.controller(SourceAmount::new(payment), max_packets),
        in_flight: VecDeque::new(),
        passed: Passed::default(),
        sent: 0,
        now: Duration::ZERO,
        told_at: Duration::ZERO,
    }
}

fn holds(
    kind: ControllerKind,
    payment: u64,
    max_packets: usize,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut ledger = ledger(kind, payment, max_packets);
    ledger.check(kind)?;
    for &step in steps {
        ledger.step(step);
        ledger.check(kind)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn paced(payment in amount(), most in 1..2_000_usize, steps in proptest::collection::vec(step(), 1..120)) {
        holds(ControllerKind::Paced, payment, most, &steps)?;
    }

    #[test]
    fn window(payment in amount(), most in 1..2_000_usize, steps in proptest::collection::vec(step(), 1..120)) {
        holds(ControllerKind::Window, payment, most, &steps)?;
    }

    #[test]
    fn aimd(payment in amount(), most in 1..2_000_usize, steps in proptest::collection::vec(step(), 1..120)) {
        holds(ControllerKind::Aimd, payment, most, &steps)?;
    }

    #[test]
    fn psk2(payment in amount(), most in 1..2_000_usize, steps in proptest::collection::vec(step(), 1..120)) {
        holds(ControllerKind::Psk2, payment, most, &steps)?;
    }
}

/// After a minute of the worst, a path that takes everything again is used again: each controller gets a million units
/// through in packets of up to a thousand.
#[test]
fn a_path_that_has_recovered_is_used() {
    for kind in ControllerKind::ALL {
        for passed_before in [false, true] {
            let mut ledger = ledger(kind, 1_000_000, MAX_PACKETS);
            if passed_before {
                pass(&mut ledger, 100_000);
            }
            let storm_ends = ledger.now + Duration::from_secs(60);
            for round in 0.. {
                ledger.step(Step::Send(1_000, 50));
                ledger.step(Step::Passes(50_000_000));
                while !ledger.in_flight.is_empty() {
                    ledger.step(if round % 2 == 0 { Step::NoLiquidity(0) } else { Step::Busy(0, 500) });
                    ledger.check(kind).unwrap();
                }
                ledger.step(Step::Waits);
                if ledger.now > storm_ends {
                    break;
                }
            }
            let began = ledger.now;
            pass(&mut ledger, 1_000_000);
            let took = ledger.now - began;
            println!("{kind:?} {passed_before}: {took:?}");
            assert!(took < Duration::from_secs(120), "{kind:?}, {passed_before}: {took:?}");
        }
    }
}

/// So many units more, over a path of 50 ms that takes everything.
fn pass(ledger: &mut Ledger, units: u64) {
    let enough = ledger.passed.amount.units() + units;
    while ledger.passed.amount.units() < enough {
        ledger.step(Step::Waits);
        ledger.step(Step::Send(1_000, 1));
        // What has been on its way for 50 ms arrives.
        while let Some(sent) = ledger.in_flight.front().copied() {
            let due = sent.sent_at + Duration::from_millis(50);
            let in_flight = ledger.amount_in_flight();
            let next = SourceAmount::new(1_000).min(ledger.controller.largest(in_flight));
            let may_send = ledger.controller.allows(next, in_flight, ledger.in_flight.len());
            if may_send && ledger.controller.next_send() < due && ledger.in_flight.len() < MAX_PACKETS {
                break;
            }
            ledger.now = ledger.now.max(due);
            ledger.step(Step::Fulfilled(0));
        }
        assert!(ledger.now < Duration::from_secs(3_600), "{:?}", ledger.controller);
    }
}
