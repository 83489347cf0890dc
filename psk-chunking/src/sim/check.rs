//! The money invariants of ENGINE.md section 2, as they can be seen from outside of the machines.

use psk_plugin::sim::HopConfig;

use super::payer::Paying;
use super::run::Running;
use super::scenario::{Expectation, Scenario};
use crate::send::{Account, SendReport, Target};

/// What does not hold at this moment, if anything.
pub(super) fn step(running: &Running<'_>) -> Option<String> {
    let world = running.simulation.world();
    if !world.balances_add_up() {
        return Some("7: the accounts do not add up to zero".to_owned());
    }
    for place in 0..running.paid.len() {
        let problem = payment(running, place);
        if let Some(problem) = problem {
            return Some(format!("payment {place}: {problem}"));
        }
    }
    for (host, party) in running.hosts.iter().zip(running.simulation.hosts()) {
        let Some(payee) = party.payee() else { continue };
        if let Some(problem) = payee.witness().problem() {
            return Some(format!("3 or 4: {problem}"));
        }
        // Its accounts with its neighbours and its books are two views of the same money.
        let received = world.totals(*host).received.units();
        // More, when attackers send the same packet again as another transfer.
        if i128::try_from(payee.witness().received_in_all()).is_ok_and(|known| known > received) {
            return Some(format!(
                "4: {} is not what the links show, {received}",
                payee.witness().received_in_all()
            ));
        }
    }
    None
}

fn payment(running: &Running<'_>, place: usize) -> Option<String> {
    let paying = running.paying(place)?;
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
    let (payee, key) = (running.payee(place)?, &running.paid.get(place)?.key);
    let most = payee.claimed(key);
    if u128::from(account.delivered.units()) > most {
        return Some(format!("2: more is delivered than the receiver has, {most}: {account:?}"));
    }
    None
}

/// Checks what has to hold when all is over.
pub(super) fn ending(running: &mut Running<'_>) {
    let mut problems = Vec::new();
    for place in 0..running.paid.len() {
        let Some(paying) = running.paying(place) else { continue };
        let honest = running.payee(place).is_some_and(|payee| payee.is_honest());
        let received = running.received(place);
        let hops = running.paid.get(place).map_or(0, |paid| paid.hops);
        let network = Network::of(running.scenario, hops);
        let problem = ended(paying, (honest, network), received, running.scenario.expects);
        problems.extend(problem.map(|problem| format!("payment {place}: {problem}")));
    }
    problems.extend(spent(running));
    let sums = running.simulation.world().recount();
    for (asset, _, sum) in sums.iter().filter(|(.., sum)| sum.units() != 0) {
        problems.push(format!("7: counted anew, the accounts in {asset} add up to {sum}"));
    }
    if running.violations.is_empty() {
        running.violations = problems;
    }
}

/// What can be expected of a payment's path.
#[derive(Clone, Copy, Debug)]
struct Network {
    /// No rate moves.
    steady: bool,
    /// No hop keeps words or money back.
    honest: bool,
    /// How many connectors round.
    hops: u64,
}

impl Network {
    fn of(scenario: &Scenario, hops: u64) -> Self {
        let connectors = &scenario.network.connectors;
        let moves = |hop: &HopConfig| hop.rates.iter().any(|rate| !rate.curve.is_empty());
        let cheats = |hop: &HopConfig| hop.strips_fulfill_data || hop.hostility.is_some();
        Self { steady: !connectors.iter().any(moves), honest: !connectors.iter().any(cheats), hops }
    }
}

fn ended(
    paying: &Paying,
    (honest, network): (bool, Network),
    received: u128,
    expects: Expectation,
) -> Option<String> {
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
    match error {
        None => exact(paying, account, (honest, network), received),
        Some(_) => None,
    }
}

/// The amounts of a completed payment. That no more than the amount is delivered can only be promised at a rate that
/// does not rise while packets are under way.
fn exact(
    paying: &Paying,
    account: &Account,
    (honest, network): (bool, Network),
    received: u128,
) -> Option<String> {
    let delivered = u128::from(account.delivered.units());
    if honest && network.honest && delivered != received {
        return Some(format!("2: {delivered} delivered, but the receiver has {received}"));
    }
    match paying.config.target {
        Target::Source(amount) if account.source_sent != amount => {
            Some(format!("1: completed, but not exactly: {account:?}"))
        }
        Target::Destination(amount) if account.delivered < amount => {
            Some(format!("completed with too little: {account:?}"))
        }
        Target::Destination(amount) if honest && network.steady => {
            let over = received.saturating_sub(amount.units().into());
            // Less than the worth of one source unit, rounded up. A sender cannot tell how many hops round: it takes
            // them for one, and each of the others may bring a unit more than it reckons with.
            let worth = delivered.div_ceil(u128::from(account.source_sent.units()).max(1)).max(1);
            let allowed = worth.saturating_mul(network.hops.max(1).into());
            (over >= allowed).then(|| format!("{over} too much delivered"))
        }
        _ => None,
    }
}

/// What has left a host, as its neighbours see it, is in its payments' accounts.
fn spent(running: &Running<'_>) -> Option<String> {
    for (host, party) in running.hosts.iter().zip(running.simulation.hosts()) {
        let Some(payer) = party.payer() else { continue };
        let accounts = payer.payments().iter().filter_map(|paying| paying.machine().map(|it| it.account()));
        let committed: u128 = accounts
            .map(|account| account.committed().map_or(0, |committed| u128::from(committed.units())))
            .sum();
        let refunds = party.payee().map_or(0, |payee| payee.refunder().committed_in_all());
        let committed = committed.saturating_add(refunds);
        let sent = running.simulation.world().totals(*host).sent.units();
        if i128::try_from(committed).is_ok_and(|committed| sent > committed) {
            return Some(format!("1: {sent} has left a host whose payments know of {committed}"));
        }
    }
    None
}
