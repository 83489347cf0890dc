//! What came of a simulation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use psk_codec::{DestinationAmount, SourceAmount};

use super::timeline::Timeline;
use crate::send::{SendReport, Snapshot, Target};

/// How many packets were rejected, by code.
pub type Rejects = BTreeMap<String, u64>;

/// What came of a simulation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The command that runs it again, with a trace of every event.
    pub replay: String,
    /// The payments, in the order of the scenario.
    pub payments: Vec<PaymentOutcome>,
    /// What each host has received, of whomever, by its own books: in units of its link, by its name.
    pub received: BTreeMap<String, u128>,
    /// What was wrong: invariants that did not hold, expectations that were not met. Empty when all is well.
    pub violations: Vec<String>,
    /// SHA-256 of the trace, when it was asked for.
    pub trace_hash: Option<[u8; 32]>,
    /// Events of the network.
    pub events: u64,
    /// What was seen of the payments over time, when it was asked for.
    pub samples: Vec<Sample>,
    /// All payments over time, when it was asked for.
    pub timeline: Option<Timeline>,
    /// When the last event of the network was, those of late packets included.
    pub last_event: Duration,
    /// What came of hosts that attack.
    pub attacks: Vec<AttackOutcome>,
}

/// What came of a host that attacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttackOutcome {
    /// The host.
    pub from: String,
    /// Packets that it has sent.
    pub sent: u32,
    /// Those of them that were fulfilled.
    pub fulfilled: u64,
    /// Those that were rejected, by code.
    pub rejects: Rejects,
}

/// What came of one payment.
#[derive(Clone, Debug)]
pub struct PaymentOutcome {
    /// How it ended; `None` when it did not.
    pub report: Option<SendReport>,
    /// What it was to achieve.
    pub target: Target,
    /// What the receiver has of it, by its own books.
    pub received: u128,
    /// How long it took.
    pub took: Duration,
    /// When it started.
    pub starts_at: Duration,
    /// How long it would have taken at best: the amount over the bandwidth of its paths, and a round trip. Computed
    /// from the scenario alone: from the limits of connectors, the largest packets, how many may be in flight, the
    /// data, the paths that the payment's policy allows, and a fair share of what other payments use too.
    /// [`Duration::MAX`] when it cannot be done at all.
    pub ideal: Duration,
    /// There and back over the fastest of its paths.
    pub round_trip: Duration,
    /// Packets sent, probes included, but for those of its quote.
    pub packets: u64,
    /// The answers that were Rejects; probes are rejected with F05 or F99 when they arrive.
    pub rejects: Rejects,
    /// Those of them that came when it had ended.
    pub late_rejects: Rejects,
    /// What left the receiver, or may have, to refund it, in destination units.
    pub paid_back: u128,
    /// At best: what has arrived so long after the start, in the units of its target. Empty when there is no best.
    pub ideal_course: Vec<(Duration, u128)>,
    /// What became of its data; `None` when it had none.
    pub data: Option<DataOutcome>,
}

/// What became of the data beside a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataOutcome {
    /// How many octets there were for the receiver.
    pub octets: u64,
    /// How many of them the receiver has in order, as the sender knows.
    pub acknowledged: u64,
    /// Whether it has all of them, and knows that they are all; always when there were none.
    pub delivered: bool,
    /// How many octets there were for the sender.
    pub returned_octets: u64,
    /// How many of them the sender has in order.
    pub returned: u64,
}

impl PaymentOutcome {
    /// The Rejects that came before it ended.
    pub fn rejects_in_time(&self) -> Rejects {
        let late = |code: &String| self.late_rejects.get(code).copied().unwrap_or(0);
        let in_time =
            self.rejects.iter().map(|(code, count)| (code.clone(), count.saturating_sub(late(code))));
        in_time.filter(|(_, count)| *count > 0).collect()
    }

    /// What the receiver has of it and has not paid back, in destination units.
    pub fn left_with_receiver(&self) -> u128 {
        self.received.saturating_sub(self.paid_back)
    }

    /// What was delivered beyond a fixed destination amount, in destination units.
    pub fn overshoot(&self) -> u128 {
        match self.target {
            Target::Source(_) => 0,
            Target::Destination(amount) => self.received.saturating_sub(amount.units().into()),
        }
    }

    /// What was sent, in source units.
    pub fn sent(&self) -> SourceAmount {
        self.report.as_ref().map(|report| report.account.source_sent).unwrap_or_default()
    }

    /// What was delivered as the sender says, in destination units.
    pub fn delivered(&self) -> DestinationAmount {
        self.report.as_ref().map(|report| report.account.delivered).unwrap_or_default()
    }

    /// How much longer it took than at best, in parts per thousand: 1,000 is the best. `None` when the best is no
    /// time at all, or there is none.
    pub fn per_mille_of_ideal(&self) -> Option<u128> {
        if self.ideal == Duration::MAX {
            return None;
        }
        self.took.as_nanos().saturating_mul(1_000).checked_div(self.ideal.as_nanos())
    }

    /// The same of a payment that completed: of others it would tell nothing.
    pub fn over_ideal(&self) -> Option<u128> {
        self.per_mille_of_ideal().filter(|_| self.ending() == "completed")
    }

    /// `completed`, or why it ended.
    pub fn ending(&self) -> String {
        match &self.report {
            None => "did not end".to_owned(),
            Some(SendReport { error: None, .. }) => "completed".to_owned(),
            Some(SendReport { error: Some(error), .. }) => error.to_string(),
        }
    }
}

impl Outcome {
    /// Whether all invariants held and all expectations were met.
    pub fn is_well(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Seconds and milliseconds, for tables.
pub(super) struct Seconds(pub(super) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Duration::MAX => f.write_str("never"),
            time => write!(f, "{}.{:03}", time.as_secs(), time.subsec_millis()),
        }
    }
}

/// What is wrong, how it ended, and how to see it again.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} with seed {}:", self.scenario, self.seed)?;
        for violation in &self.violations {
            writeln!(f, "  wrong: {violation}")?;
        }
        for payment in &self.payments {
            let PaymentOutcome { packets, rejects, received, .. } = payment;
            let ending = payment.ending();
            writeln!(f, "  {ending} after {} s, {packets} packets, {rejects:?}", Seconds(payment.took))?;
            if let Some(report) = &payment.report {
                writeln!(f, "  {:?}, received {received}", report.account)?;
            }
        }
        write!(f, "  run it again: {}", self.replay)
    }
}

/// Where a payment stood at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since the start.
    pub at: Duration,
    /// Which payment, by its place in the scenario.
    pub payment: usize,
    /// Where it stood.
    pub snapshot: Snapshot,
    /// What the receiver had of it.
    pub received: u128,
}
