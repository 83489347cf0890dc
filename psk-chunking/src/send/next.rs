//! Which chunk to send next, and over which path.

mod destination;
mod source;

use std::time::Duration;

use psk_codec::{DestinationAmount, SourceAmount};

use super::path::{FEW, Path, PathIndex};
use super::{Account, MinimumRate, PathPolicy, SendError, SendPayment, Target};

const ONE: DestinationAmount = DestinationAmount::new(1);
/// A path that is doubted gets nothing more when no more than so many chunks are left, and others are there.
const NEAR_THE_END: u64 = 16;
/// The part of a payment that the rounding of minimums may take.
const GIVEN_AWAY: u64 = 1_000;
/// So many chunks at the end of a payment ask for the receiver's status.
const LAST: u64 = 1_024;

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Send a chunk.
    Send(Chunk),
    /// Ask what arrives of these, over this path.
    Ask(PathIndex, Vec<SourceAmount>),
    /// The same of parts of a fixed source amount.
    AskParts(PathIndex, Vec<SourceAmount>),
    /// Nothing until answers come, or until this time.
    AwaitReplies(Duration),
    /// Nothing until a plain receiver has been asked about packets in doubt.
    Reconcile,
    /// All is sent and answered.
    Finished,
    /// Nothing over this path until its rate has recovered.
    RateTooLow(PathIndex),
    /// It cannot go on.
    Fail(SendError),
}

/// A chunk to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) path: PathIndex,
    pub(super) amount: SourceAmount,
    pub(super) minimum: DestinationAmount,
    /// Goes out as the payment's last one.
    pub(super) last: bool,
    /// Completes a fixed-destination payment: its minimum is all that is missing.
    pub(super) completing: bool,
}

/// What a path has to offer for what is left.
#[derive(Debug)]
enum Candidate {
    Chunk(Chunk),
    /// Ask what arrives of these.
    Ask(Vec<SourceAmount>),
    /// The same of parts of a fixed source amount.
    AskParts(Vec<SourceAmount>),
    /// Nothing until answers come.
    Blocked,
    /// Nothing until a plain receiver has been asked.
    Reconcile,
    RateTooLow,
    /// What is left costs more over this path than may be spent.
    TooExpensive(SendError),
}

impl SendPayment {
    pub(super) fn next(&self, now: Duration) -> Next {
        if self.nothing_is_left() {
            return self.finished_when_answered();
        }
        // Until a plain receiver has shown that it fulfills, one chunk has to do: a JS receiver asks its payment
        // handler once for each chunk that arrives before the handler has accepted.
        let alone = !self.has_begun() && !self.peer.knows_frames() && !self.chunks.is_empty();
        if alone || self.is_much_unverified(1) && self.awaits_word() {
            return self.await_word();
        }
        // Until then paths may be asked, and nothing more.
        let awaits_rates = self.awaits_rates_until(now);
        let mut until = awaits_rates.unwrap_or(Duration::MAX);
        let mut too_expensive = None;
        let paths = self.preferred_paths();
        for &path in &paths {
            if paths.len() > 1 && self.leaves_it_to_others(path, &paths, now) {
                continue;
            }
            let not_before = self.path(path).not_before();
            if now < not_before {
                until = until.min(not_before);
                continue;
            }
            let candidate = match self.config.target {
                Target::Source(amount) => self.candidate_for_source(path, self.left(amount)),
                Target::Destination(amount) => {
                    self.candidate_for_destination(path, self.missing(amount), amount)
                }
            };
            match candidate {
                Candidate::Chunk(_) if awaits_rates.is_some() => {}
                Candidate::Chunk(chunk) => return Next::Send(chunk),
                Candidate::Ask(sizes) => return Next::Ask(path, sizes),
                Candidate::AskParts(sizes) => return Next::AskParts(path, sizes),
                Candidate::Blocked => {}
                Candidate::Reconcile => return Next::Reconcile,
                Candidate::RateTooLow => return Next::RateTooLow(path),
                Candidate::TooExpensive(error) => too_expensive = Some(error),
            }
        }
        let may_change =
            !self.chunks.is_empty() || self.awaits_status() || self.paths.iter().any(Path::is_searching);
        match too_expensive {
            Some(error) if !may_change && until == Duration::MAX => Next::Fail(error),
            _ => Next::AwaitReplies(until),
        }
    }

    /// Whether what is left is better sent over the other paths: near the end, by one of which answers are in doubt or
    /// which answers only when others could have brought all of it; and at the start half of it, by a slower one.
    fn leaves_it_to_others(&self, index: PathIndex, paths: &[PathIndex], now: Duration) -> bool {
        let path = self.path(index);
        let left = self.left_over(path);
        let others = || paths.iter().filter(|&&other| other != index).map(|&other| self.path(other));
        let few = left.units() / NEAR_THE_END <= path.largest_chunk().units();
        if path.cautious && few && others().any(|other| !other.cautious) {
            return true;
        }
        let Some(round_trip) = path.round_trip.smoothed() else { return false };
        // Nobody knows yet what passes over either: it may be nearly nothing here, and the other would have nothing to send.
        let is_untried = |path: &Path| path.passed.packets == 0;
        let is_quicker = |other: &Path| other.round_trip.smoothed().is_some_and(|it| it < round_trip);
        let has_half = !left.is_zero() && path.load.in_flight >= left;
        if has_half && is_untried(path) && others().any(|other| is_untried(other) && is_quicker(other)) {
            return true;
        }
        let is_sooner = |other: &Path| other.brings_within(left, round_trip, now);
        self.config.path_policy != PathPolicy::Cheapest && others().any(is_sooner)
    }

    /// Whether all that was to be sent has been, for all that is known.
    pub(super) fn nothing_is_left(&self) -> bool {
        match self.config.target {
            Target::Source(amount) => self.left(amount).is_zero(),
            Target::Destination(amount) => self.missing(amount).is_zero(),
        }
    }

    /// Whether a chunk is among the last ones. Their answers tell what else has arrived, so that a lost one is not missed.
    pub(super) fn is_among_the_last(&self, chunk: &Chunk) -> bool {
        let (left, step) = match self.config.target {
            Target::Source(amount) => (self.left(amount).units(), chunk.amount.units()),
            Target::Destination(amount) => (self.missing(amount).units(), chunk.minimum.units()),
        };
        left / step.max(1) <= LAST
    }

    /// What has not been sent, or what it would cost over this path at least.
    pub(super) fn left_over(&self, path: &Path) -> SourceAmount {
        match self.config.target {
            Target::Source(amount) => self.left(amount),
            Target::Destination(amount) => path.rate.maybe_enough(self.missing(amount)),
        }
    }

    /// What of a fixed source amount has not been sent.
    fn left(&self, target: SourceAmount) -> SourceAmount {
        target.saturating_sub(self.account.committed().unwrap_or(SourceAmount::MAX))
    }

    /// What of a fixed destination amount is certainly not there yet and not on the way. What is in flight or in doubt
    /// counts with the most that it may deliver, so that many chunks in flight cannot deliver too much together.
    fn missing(&self, target: DestinationAmount) -> DestinationAmount {
        let Account { delivered, unverified, .. } = self.account;
        let counted = delivered.saturating_add(unverified);
        let outstanding = self.paths.iter().map(Path::outstanding);
        target.saturating_sub(outstanding.fold(counted, DestinationAmount::saturating_add))
    }

    /// Whether a chunk of `amount` may keep the minimum rate, and surely does where rounding takes much.
    fn is_sound(&self, path: &Path, amount: SourceAmount) -> bool {
        let arrived = &path.arrived;
        !arrived.is_doubtful(amount)
            || arrived.is_enough(amount, self.minimum_for(path, amount, false)) == Some(true)
    }

    /// Where rounding takes much, a part is of a size of which it is known what arrives.
    fn known_part(&self, path: &Path, missing: DestinationAmount) -> Option<SourceAmount> {
        let minimum = |amount| self.minimum_for(path, amount, false);
        let part = |largest| path.arrived.known_part(missing, largest, minimum);
        part(path.largest_chunk()).or_else(|| part(path.largest_in_time()))
    }

    /// The last chunk waits until nothing else is in flight, unless the receiver can be told what is; others wait for
    /// the controller.
    fn may_send(&self, path: &Path, amount: SourceAmount, last: bool) -> bool {
        let may_be_last = || match self.peer.knows_frames() {
            true => self.may_name_outstanding(),
            false => self.chunks.is_empty(),
        };
        path.allows(amount) && (!last || may_be_last())
    }

    /// The least that a chunk of `amount` has to deliver: amount x minimum rate, at least one unit.
    ///
    /// Rounded down, because honest paths round down: rounded up, a 1:1 minimum with zero slippage would refuse
    /// 3,699 units for 9,999 at a rate of 0.37. But what that gives away adds up, and of small chunks it is much: where it
    /// would be more than `given_away` of all that went over the path, it is rounded up.
    fn minimum_for(&self, path: &Path, amount: SourceAmount, last: bool) -> DestinationAmount {
        if self.config.minimum_rate == MinimumRate::AnyRate {
            return DestinationAmount::ZERO;
        }
        let unit_if = |slack: bool| DestinationAmount::new(slack.into());
        let least = path.minimum_rate.worth_floor(amount).saturating_sub(unit_if(last));
        // Beside others, which may be refused, it may not be the last after all.
        let may_lack = self.given_away().saturating_add(unit_if(last && self.chunks.is_empty()));
        let due = path.has_to_bring(amount, may_lack);
        least.max(due).min(path.minimum_rate.worth_ceil(amount)).max(ONE)
    }

    /// So much may the rounding of minimums take of a payment: a unit, and a thousandth of it.
    pub(super) fn given_away(&self) -> DestinationAmount {
        let worth = match self.config.target {
            Target::Source(amount) => {
                let worth = self.paths.iter().map(|path| path.minimum_rate.worth_floor(amount));
                worth.max().unwrap_or_default()
            }
            Target::Destination(amount) => amount,
        };
        DestinationAmount::new(worth.units() / GIVEN_AWAY).saturating_add(ONE)
    }

    fn budget_left(&self) -> SourceAmount {
        let committed = self.account.committed().unwrap_or(SourceAmount::MAX);
        self.config.budget().saturating_sub(committed)
    }

    /// Whether nothing is left to send, to await or to ask.
    pub(super) fn is_done(&self) -> bool {
        self.nothing_is_left() && matches!(self.finished_when_answered(), Next::Finished)
    }

    fn finished_when_answered(&self) -> Next {
        if !self.chunks.is_empty() || self.awaits_status() || self.awaits_data() {
            Next::AwaitReplies(Duration::MAX)
        } else if self.must_reconcile() {
            Next::Reconcile
        } else {
            Next::Finished
        }
    }

    /// Whether somebody can still tell what is unverified.
    fn awaits_word(&self) -> bool {
        !self.chunks.is_empty() || self.awaits_status() || self.must_reconcile()
    }

    fn await_word(&self) -> Next {
        match self.chunks.is_empty() && self.must_reconcile() {
            true => Next::Reconcile,
            false => Next::AwaitReplies(Duration::MAX),
        }
    }
}

/// At most `amount`, and as little as delivers the same, or, with more candidates, a little less with the least
/// fraction of a unit lost to rounding. So a payment costs no more than it was quoted. A size that is only being
/// tried stays as it is.
fn with_least_waste(path: &Path, amount: SourceAmount, candidates: u64) -> SourceAmount {
    let low = path.arrived.best_rate();
    let most = low.worth_floor(amount);
    let is_tried = amount > path.sizing.passed() && most >= FEW;
    if is_tried || most.is_zero() {
        return amount;
    }
    let candidate = |less| {
        let delivered = most.checked_sub(DestinationAmount::new(less))?;
        let cost = low.cost_ceil(delivered).filter(|cost| !cost.is_zero())?;
        Some((low.waste(cost, delivered), cost))
    };
    let best = (0..candidates).filter_map(candidate).min_by_key(|&(waste, _)| waste);
    best.map_or(amount, |(_, cost)| cost)
}
