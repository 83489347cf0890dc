//! The money invariants of ENGINE.md section 2, as they can be seen from outside of the machines.
//!
//! The network looks at its own accounts after every event (`World::problem`). The machines change only when a host has
//! its say, and so do the sums that are compared here after each such step: what senders say with what their neighbours'
//! books say, what receivers say with the books of their links, and what senders say with what receivers have.
//!
//! What has to remain an inequality, and why:
//!
//! - A receiver's links may show more than its payments where attackers are: the same packet sent twice is two transfers
//!   for the network, and one chunk for the receiver.
//! - A sender may know of more than has left by the books of its neighbours while packets are in flight, and for good
//!   when a packet was in doubt: the receiver may have a chunk that a hop fulfilled and was not paid for in time.
//! - A receiver may have more than a sender knows of while something is in flight, in doubt or unverified, and for good
//!   when a hop cheats: one that keeps a Fulfill and says that the packet was rejected has paid the receiver itself. The
//!   sender sends that amount again, so of what a receiver has beyond a fixed amount, what such hops have paid is not the
//!   sender's doing.

use psk_codec::SourceAmount;
use psk_plugin::sim::{HopConfig, LinkConfig};
use psk_quote::PPM;

use super::payee::Payee;
use super::payer::Paying;
use super::run::Running;
use super::scenario::{Expectation, Lie, Scenario};
use crate::receive::PaymentKey;
use crate::send::{Account, MinimumRate, SendReport, Target};

/// What does not hold at this moment, if anything.
pub(super) fn step(running: &Running<'_>) -> Option<String> {
    let world = running.simulation.world();
    if let Some((at, problem)) = world.problem() {
        return Some(format!("7: {problem}, at {at:?}"));
    }
    for place in 0..running.paid.len() {
        let problem = payment(running, place);
        if let Some(problem) = problem {
            return Some(format!("payments[{place}]: {problem}"));
        }
    }
    for (host, party) in running.hosts.iter().zip(running.simulation.hosts()) {
        if let Some(payee) = party.payee() {
            if let Some(problem) = payee.witness().problem() {
                return Some(format!("3 or 4: {problem}"));
            }
            let (links, known) = (world.totals(*host).received.units(), payee.witness().received_in_all());
            let known = i128::try_from(known).unwrap_or(i128::MAX);
            if known > links || (known < links && running.scenario.attacks.is_empty()) {
                return Some(format!("4: a receiver has {known}, its links show {links}"));
            }
        }
        if let Some(problem) = spent(running, *host) {
            return Some(problem);
        }
    }
    None
}

fn payment(running: &Running<'_>, place: usize) -> Option<String> {
    let (paying, paid) = (running.paying(place)?, running.paid.get(place)?);
    if let Some(problem) = &paying.problem {
        return Some(problem.clone());
    }
    let account = paying.machine()?.account();
    let Some(committed) = account.committed() else {
        return Some(format!("1: the account does not fit 64 bits: {account:?}"));
    };
    if committed > paying.budget() {
        return Some(format!("1: more than the budget has left: {account:?}"));
    }
    let payee = running.payee(place)?;
    let (delivered, most) = (u128::from(account.delivered.units()), claimed(running, place, &paid.key)?);
    if delivered > most {
        return Some(format!("2: more is delivered than the receiver has, {most}: {account:?}"));
    }
    let received = running.received(place);
    if !payee.is_honest() {
        return None;
    }
    let open = [account.in_flight, account.in_doubt].iter().any(|amount| !amount.is_zero());
    if !open && account.unverified.is_zero() && running.network.is_honest() && delivered != received {
        return Some(format!("2: all is answered, and the receiver has {received}: {account:?}"));
    }
    match paying.config.target {
        Target::Destination(amount) => {
            let over = received.saturating_sub(amount.units().into());
            let over = if over == 0 {
                0
            } else {
                over.saturating_sub(paid_by_hops(running, paying, payee, &paid.key))
            };
            let allowed = paid.most_over();
            (over > allowed)
                .then(|| format!("{over} too much delivered of {amount}, {allowed} at most may be"))
        }
        Target::Source(_) => None,
    }
}

/// What the receiver has got of packets that were rejected to the sender, which only a hop that cheats can have done.
fn paid_by_hops(running: &Running<'_>, paying: &Paying, payee: &Payee, key: &PaymentKey) -> u128 {
    match running.network.cheats {
        true => payee.witness().received_with(key, &paying.not_paid),
        false => 0,
    }
}

/// The most that the receiver of a payment has said that it has of it: what it has, if it is honest.
fn claimed(running: &Running<'_>, place: usize, key: &PaymentKey) -> Option<u128> {
    let host = &running.scenario.payments.get(place)?.to;
    // Whoever asks it without paying is told the first one.
    let falling = running.scenario.lies.get(host) == Some(&Lie::DecreasingTotals);
    let first = if falling { u128::from(u64::MAX / 2) } else { 0 };
    Some(running.payee(place)?.claimed(key).max(first))
}

/// Whether what a host's payments say has left is what its neighbours' books and its own links show.
fn spent(running: &Running<'_>, host: psk_plugin::sim::HostId) -> Option<String> {
    let world = running.simulation.world();
    let payer = running.simulation.host(host)?.payer()?;
    let machines = payer.payments().iter().filter_map(|paying| paying.machine());
    let mut known = Known::default();
    for account in machines.map(|machine| machine.account()) {
        known.sent += i128::from(account.source_sent.units());
        known.in_flight += i128::from(account.in_flight.units());
        known.in_doubt += i128::from(account.in_doubt.units());
    }
    let refunds = refunds(running, host);
    known.in_doubt += refunds;
    // What was settled by asking the receiver was not seen on the links, and refunds are known as a sum alone.
    known.settled = refunds > 0 || payer.payments().iter().any(|paying| running.has_doubted(paying.place));
    let own = world.totals(host).sent.units();
    let theirs = world.totals_of_neighbours(host).received.units();
    known.judge(own, theirs)
}

/// What the payments of a host say together, in source units.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    sent: i128,
    in_flight: i128,
    in_doubt: i128,
    /// Some of it has been in doubt.
    settled: bool,
}

impl Known {
    /// What is wrong with it beside what the host's own links show and what its neighbours say they have.
    fn judge(&self, own: i128, theirs: i128) -> Option<String> {
        let most = self.sent + self.in_flight + self.in_doubt;
        let too_much = theirs > most || own > theirs;
        let unequal = !self.settled && (self.sent != own || self.sent > theirs);
        (too_much || unequal)
            .then(|| format!("1: {self:?}, but its links show {own}, and its neighbours have {theirs}"))
    }
}

/// Checks what has to hold when all is over.
pub(super) fn ending(running: &mut Running<'_>) {
    let mut problems = Vec::new();
    for place in 0..running.paid.len() {
        let Some(paying) = running.paying(place) else { continue };
        let problem = ended(paying, running.scenario.expects);
        let problem = problem.or_else(|| data(running, place)).or_else(|| completion(running, place));
        let problem = problem.or_else(|| too_little(paying)).or_else(|| too_dear(running, place));
        problems.extend(problem.map(|problem| format!("payments[{place}]: {problem}")));
    }
    problems.extend(running.hosts.iter().filter_map(|host| settled(running, *host)));
    let sums = running.simulation.world().recount();
    for (asset, _, sum) in sums.iter().filter(|(.., sum)| sum.units() != 0) {
        problems.push(format!("7: counted anew, the accounts in {asset} add up to {sum}"));
    }
    if running.violations.is_empty() {
        running.violations = problems;
    }
}

/// What can be expected of a network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    /// A hop cheats.
    cheats: bool,
    /// No hop cheats or takes the data out of Fulfills.
    honest: bool,
    /// No answer is lost or comes too late.
    answers: bool,
    /// Besides, no packet is lost or late either, and none is rejected for no reason.
    works: bool,
}

impl Network {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let cheats = |hop: &HopConfig| hop.hostility.is_some();
        let loses = |link: &LinkConfig| link.reply_loss_ppm > 0 || link.late_reply_ppm > 0;
        let strips = |hop: &HopConfig| hop.strips_fulfill_data;
        let connectors = &scenario.network.connectors;
        let cheats = connectors.iter().any(cheats);
        // Attackers send packets that expire on the way, whose answers come too late.
        let in_time = !cheats && scenario.attacks.is_empty();
        let answers = in_time && !scenario.network.links.iter().any(loses);
        let loses_packets = |link: &LinkConfig| link.request_loss_ppm > 0 || link.late_request_ppm > 0;
        let fails = |hop: &HopConfig| !hop.errors.is_empty();
        let works = !scenario.network.links.iter().any(loses_packets) && !connectors.iter().any(fails);
        Self { cheats, honest: !cheats && !connectors.iter().any(strips), answers, works: answers && works }
    }

    fn is_honest(self) -> bool {
        self.honest
    }
}

fn ended(paying: &Paying, expects: Expectation) -> Option<String> {
    let Some((report, _)) = &paying.ended else { return Some("it has not ended".to_owned()) };
    let SendReport { account, error, .. } = report;
    if !account.in_flight.is_zero() {
        return Some(format!("it has ended with packets in flight: {account:?}"));
    }
    match (expects, error) {
        (Expectation::Completes, Some(error)) => return Some(format!("not completed: {error}")),
        (Expectation::Fails, None) => return Some("completed, which cannot be".to_owned()),
        _ => {}
    }
    if error.is_none() { exact(paying, account) } else { None }
}

/// Whether the receiver of a completed payment knows it for one: by its policy it might send the money back otherwise.
fn completion(running: &Running<'_>, place: usize) -> Option<String> {
    let (paying, paid) = (running.paying(place)?, running.paid.get(place)?);
    let ((report, _), payee) = (paying.ended.as_ref()?, running.payee(place)?);
    let is_wrong = report.is_completed() && payee.is_honest() && !payee.knows_completed(&paid.key);
    is_wrong.then(|| "completed, and the receiver awaits more".to_owned())
}

/// What the sender knows of the data of a payment that is over, beside what its receiver has been told; where all has to
/// complete, the data has too.
fn data(running: &Running<'_>, place: usize) -> Option<String> {
    let (paying, paid) = (running.paying(place)?, running.paid.get(place)?);
    let (machine, payee) = (paying.machine()?, running.payee(place)?);
    if !payee.is_honest() || paying.config.data.is_none() && paying.returned.is_complete() {
        return None;
    }
    let (delivered, told) = (machine.data_is_delivered(), payee.has_all_data(&paid.key));
    let must = running.scenario.expects == Expectation::Completes;
    if delivered && !told && paying.config.data.is_some() {
        Some("the receiver has not all data that the sender says it has".to_owned())
    } else if must && !(told && paying.returned.is_complete()) {
        Some("completed without all of its data".to_owned())
    } else {
        None
    }
}

/// What has left a host, or may have, to refund payments, in its own units.
fn refunds(running: &Running<'_>, host: psk_plugin::sim::HostId) -> i128 {
    let payee = running.simulation.host(host).and_then(|party| party.payee());
    let refunds = payee.map_or(0, |payee| payee.refunder().committed_in_all());
    i128::try_from(refunds).unwrap_or(i128::MAX)
}

/// Whether a payment has brought less in all than the minimum rate that its sender was given allows.
fn too_little(paying: &Paying) -> Option<String> {
    let (MinimumRate::AtLeast(rate) | MinimumRate::Both(rate, _)) = paying.config.minimum_rate else {
        return None;
    };
    brings_less(paying, |amount| rate.worth_floor(amount).units().into(), "at the minimum rate")
}

/// Whether a payment over several paths, all of which work, has paid more than the policy and what rates may slip allow
/// beside the best of them.
fn too_dear(running: &Running<'_>, place: usize) -> Option<String> {
    let (paying, paid) = (running.paying(place)?, running.paid.get(place)?);
    let (MinimumRate::Slippage(ppm) | MinimumRate::Both(_, ppm)) = paying.config.minimum_rate else {
        return None;
    };
    let least = paid.least_rate.filter(|_| running.network.works && paying.links.len() > 1)?;
    let least = least.times(u128::from(PPM.saturating_sub(ppm)), PPM.into());
    brings_less(paying, |amount| least.of(amount.units().into()), "over the best path")
}

/// Whether a payment has brought less than what it has sent is `worth`: minimums are rounded down by a thousandth of the
/// payment and a unit at most on each path, and the last one may be a unit short.
fn brings_less(paying: &Paying, worth: impl Fn(SourceAmount) -> u128, how: &str) -> Option<String> {
    let account = &paying.ended.as_ref()?.0.account;
    let payment = match paying.config.target {
        Target::Source(amount) => worth(amount),
        Target::Destination(amount) => amount.units().into(),
    };
    let allowed = (payment / 1_000 + 2) * paying.links.len().max(1) as u128;
    let delivered = u128::from(account.delivered.units()) + u128::from(account.unverified.units());
    let least = worth(account.source_sent);
    (delivered + allowed < least)
        .then(|| format!("3: {least} should have been delivered {how}, {allowed} less at most: {account:?}"))
}

/// The amounts of a completed payment. That the receiver has not got too much is checked at every step.
fn exact(paying: &Paying, account: &Account) -> Option<String> {
    match paying.config.target {
        Target::Source(amount) if account.source_sent != amount => {
            Some(format!("1: completed, but not exactly: {account:?}"))
        }
        Target::Destination(amount) if account.delivered < amount => {
            Some(format!("completed with too little: {account:?}"))
        }
        _ => None,
    }
}

/// Where no answer was lost, both ends of a host's links agree when all is over, and so do its payments.
fn settled(running: &Running<'_>, host: psk_plugin::sim::HostId) -> Option<String> {
    let world = running.simulation.world();
    let open = world.links_of(host).map(|link| world.unacknowledged(link).units()).find(|units| *units != 0);
    if let Some(units) = open.filter(|_| running.network.answers) {
        return Some(format!("7: no answer was lost, and {units} are not acknowledged"));
    }
    let payer = running.simulation.host(host)?.payer()?;
    let doubted = payer.payments().iter().any(|paying| running.has_doubted(paying.place));
    let accounts = payer.payments().iter().filter_map(|paying| Some(paying.machine()?.account()));
    let sent: i128 = accounts.map(|account| i128::from(account.source_sent.units())).sum();
    let theirs = world.totals_of_neighbours(host).received.units();
    let refunds = refunds(running, host);
    (!doubted && refunds == 0 && sent != theirs)
        .then(|| format!("1: {sent} sent, the neighbours have {theirs}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_senders_say_is_held_against_both_ends_of_their_links() {
        let known = Known { sent: 100, in_flight: 20, in_doubt: 0, settled: false };
        assert_eq!(known.judge(100, 100), None);
        assert_eq!(known.judge(100, 120), None, "what is in flight may be theirs already");
        assert!(known.judge(100, 121).is_some(), "they have more than has left");
        assert!(known.judge(99, 100).is_some(), "more sent than the links show");
        assert!(known.judge(101, 110).is_some(), "less sent than the links show");
        assert!(known.judge(100, 99).is_some(), "they have less than was acknowledged");
        let settled = Known { in_doubt: 5, settled: true, ..known };
        assert_eq!(settled.judge(97, 97), None, "what was settled was not seen");
        assert_eq!(settled.judge(97, 125), None);
        assert!(settled.judge(97, 126).is_some());
        assert!(settled.judge(98, 97).is_some());
    }
}
