//! Hosts for tests of the simulated network: one sends packets by a plan, the other one fulfills whatever comes.
#![allow(unreachable_pub, reason = "shared by the scenarios")]
#![allow(dead_code, reason = "each scenario uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use psk_codec::{
    Amount, AmountTooLarge, Condition, ErrorCode, Fulfill, Fulfillment, Prepare, Reject, Reply, Timestamp,
};
use psk_plugin::sim::{
    HopConfig, Host, HostInput, HostOutput, LinkConfig, NetworkConfig, RequestId, Simulation, Step, World,
};
use sha2::{Digest, Sha256};

/// A host of a test.
pub struct Party {
    /// What to send, and when.
    plan: VecDeque<(Duration, u64)>,
    lives: Duration,
    sent: u64,
    answers: VecDeque<(RequestId, Reply)>,
    pub replies: Vec<(u64, Duration, Reply)>,
    /// The data of each Prepare that came, and when.
    pub requests: Vec<(u64, Duration, Amount)>,
    fulfills: bool,
}

impl Party {
    /// Sends these amounts at these times.
    pub fn sends(plan: impl IntoIterator<Item = (Duration, u64)>) -> Self {
        Self {
            plan: plan.into_iter().collect(),
            lives: Duration::from_secs(30),
            sent: 0,
            answers: VecDeque::new(),
            replies: vec![],
            requests: vec![],
            fulfills: false,
        }
    }

    /// Fulfills everything, or nothing.
    pub fn answers(fulfills: bool) -> Self {
        Self { fulfills, ..Self::sends([]) }
    }

    pub fn living(self, lives: Duration) -> Self {
        Self { lives, ..self }
    }

    /// How many packets were fulfilled, and how many were rejected with which code.
    pub fn outcomes(&self) -> BTreeMap<String, usize> {
        let mut outcomes = BTreeMap::new();
        for (_, _, reply) in &self.replies {
            let name = match reply {
                Reply::Fulfill(_) => "fulfilled".to_owned(),
                Reply::Reject(reject) => reject.code.to_string(),
            };
            *outcomes.entry(name).or_default() += 1;
        }
        outcomes
    }
}

fn fulfillment(number: u64) -> Fulfillment {
    Fulfillment::new(Sha256::digest(number.to_be_bytes()).into())
}

pub fn is_fulfilled_right(tag: u64, reply: &Reply) -> bool {
    matches!(reply, Reply::Fulfill(fulfill) if fulfill.fulfillment == fulfillment(tag))
}

impl Host for Party {
    fn handle(&mut self, input: HostInput, now: Duration, _wall: Timestamp) {
        match input {
            HostInput::Request { request, prepare } => {
                let number = u64::from_be_bytes(prepare.data[..8].try_into().unwrap());
                self.requests.push((number, now, prepare.amount));
                let reply = match self.fulfills {
                    true => {
                        let data = b"thanks"[..].into();
                        Fulfill { fulfillment: fulfillment(number), data }.into()
                    }
                    false => Reject::new(ErrorCode::F02_UNREACHABLE, "test.party".parse().unwrap()).into(),
                };
                self.answers.push_back((request, reply));
            }
            HostInput::Reply { tag, reply } => self.replies.push((tag, now, reply)),
            other => panic!("{other:?}"),
        }
    }

    fn poll(&mut self, now: Duration, wall: Timestamp) -> HostOutput {
        if let Some((request, reply)) = self.answers.pop_front() {
            return HostOutput::Answer { request, reply };
        }
        match self.plan.front() {
            Some(&(due, amount)) if due <= now => {
                self.plan.pop_front();
                let number = self.sent;
                self.sent += 1;
                let condition = Condition::new(Sha256::digest(fulfillment(number).octets()).into());
                let prepare = Prepare {
                    amount: Amount::new(amount),
                    expires_at: wall.saturating_add(self.lives),
                    condition,
                    destination: "test.bob.x".parse().unwrap(),
                    data: number.to_be_bytes().to_vec().into(),
                };
                HostOutput::Send { via: None, tag: number, prepare }
            }
            Some(&(due, _)) => HostOutput::Wait(due),
            None => HostOutput::Wait(Duration::MAX),
        }
    }
}

/// From alice to bob through these connectors, 10 ms for each link.
pub fn line(connectors: Vec<HopConfig>) -> NetworkConfig {
    let names = connectors.iter().map(|connector| connector.name.clone());
    let names: Vec<String> =
        ["alice".to_owned()].into_iter().chain(names).chain(["bob".to_owned()]).collect();
    let links = names.windows(2).map(|ends| LinkConfig::new(&ends[0], &ends[1], 10_000)).collect();
    NetworkConfig { hosts: vec!["alice".into(), "bob".into()], connectors, links }
}

/// So many packets of an amount, a millisecond apart.
pub fn every_millisecond(packets: u64, amount: u64) -> impl Iterator<Item = (Duration, u64)> {
    (0..packets).map(move |number| (Duration::from_millis(number), amount))
}

/// What is left when nothing happens any more.
pub struct Ended {
    pub simulation: Simulation<Party>,
}

impl Ended {
    pub fn alice(&self) -> &Party {
        self.simulation.hosts().next().unwrap()
    }

    pub fn bob(&self) -> &Party {
        self.simulation.hosts().nth(1).unwrap()
    }

    pub fn world(&self) -> &World {
        self.simulation.world()
    }

    /// What alice has sent and bob has received, by their own accounts.
    pub fn moved(&self) -> (i128, i128) {
        let totals = |name| self.world().totals(self.world().host(name).unwrap());
        (totals("alice").sent.units(), totals("bob").received.units())
    }
}

/// Runs alice's plan to its end, checking after every step that the accounts add up.
pub fn run(network: &NetworkConfig, alice: Party, bob: Party, seed: u64) -> Ended {
    let mut world = World::new(network, seed).unwrap();
    world.hash_trace();
    let (a, b) = (world.host("alice").unwrap(), world.host("bob").unwrap());
    let mut simulation = Simulation::new(world);
    simulation.add(a, alice);
    simulation.add(b, bob);
    while simulation.step(Duration::MAX) != Some(Step::Idle) {
        assert!(simulation.world().balances_add_up());
    }
    assert!(simulation.world().recount().iter().all(|(_, _, sum)| sum.units() == 0));
    let under_way = simulation.world().under_way();
    assert!(
        under_way <= 1,
        "all has come to its end, but for a reply that a connector may keep: {under_way}"
    );
    Ended { simulation }
}

/// The details of an F08.
pub fn details(reply: &Reply) -> Option<(u64, u64)> {
    let Reply::Reject(reject) = reply else { return None };
    let details = AmountTooLarge::decode(&reject.data).ok()?;
    Some((details.received.units(), details.maximum.units()))
}
