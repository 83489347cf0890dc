//! What a neighbour may owe a connector, and how paying makes room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::time::Duration;

use psk_codec::ildcp::{CONDITION, FULFILLMENT};
use psk_codec::{Amount, ErrorCode, Fulfill, Prepare, Reply};
use psk_plugin::sim::{
    BalanceLimitConfig, ConfigError, HopConfig, HostId, LinkConfig, NetworkConfig, Output, World,
};

/// Alice and bob at a connector that alice may owe 100 units.
fn network(settle_every_ms: Option<u64>) -> NetworkConfig {
    let limit = BalanceLimitConfig { at: "hop".to_owned(), max_balance: 100, settle_every_ms };
    NetworkConfig {
        hosts: vec!["alice".to_owned(), "bob".to_owned()],
        connectors: vec![HopConfig::new("hop")],
        links: vec![
            LinkConfig { balance_limits: vec![limit], ..LinkConfig::new("alice", "hop", 1_000) },
            LinkConfig::new("hop", "bob", 1_000),
        ],
    }
}

fn send(world: &mut World, from: HostId, to: &str, amount: u64) {
    let prepare = Prepare {
        amount: Amount::new(amount),
        expires_at: world.wall().saturating_add(Duration::from_secs(30)),
        condition: CONDITION,
        destination: format!("test.{to}.x").parse().unwrap(),
        data: Default::default(),
    };
    world.send(from, None, amount, prepare).unwrap();
}

/// Everybody fulfills. The answers, by their tags: whether they were fulfilled.
fn answers(world: &mut World) -> Vec<(u64, bool)> {
    let mut answers = Vec::new();
    loop {
        match world.poll(Duration::MAX) {
            Output::Request { request, .. } => {
                let fulfill = Fulfill { fulfillment: FULFILLMENT, data: Default::default() };
                world.answer(request, fulfill.into());
            }
            Output::Reply { tag, reply, .. } => {
                if let Reply::Reject(reject) = &reply {
                    assert_eq!(reject.code, ErrorCode::T04_INSUFFICIENT_LIQUIDITY);
                }
                answers.push((tag, matches!(reply, Reply::Fulfill(_))));
            }
            _ => return answers,
        }
    }
}

#[test]
fn what_is_owed_and_under_way_is_at_most_the_limit() {
    let mut world = World::new(&network(None), 1).unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| world.host(name).unwrap());
    // Together they would be one unit too many, though nothing is fulfilled yet.
    send(&mut world, alice, "bob", 60);
    send(&mut world, alice, "bob", 41);
    send(&mut world, alice, "bob", 40);
    let mut first = answers(&mut world);
    first.sort_unstable();
    assert_eq!(first, [(40, true), (41, false), (60, true)]);
    send(&mut world, alice, "bob", 1);
    assert_eq!(answers(&mut world), [(1, false)], "it is all owed");
    // What alice receives makes room; bob may owe anything.
    send(&mut world, bob, "alice", 30);
    assert_eq!(answers(&mut world), [(30, true)]);
    send(&mut world, alice, "bob", 31);
    send(&mut world, alice, "bob", 29);
    let mut last = answers(&mut world);
    last.sort_unstable();
    assert_eq!(last, [(29, true), (31, false)]);
    assert!(world.balances_add_up() && world.problem().is_none());
    let link = world.links_of(alice).next().unwrap();
    assert_eq!(world.account("hop", link).unwrap().balance().units(), 99);
    assert_eq!(world.paid("hop", link).units(), 0);
}

#[test]
fn paying_makes_room_at_its_time_and_not_before() {
    let mut world = World::new(&network(Some(1_000)), 1).unwrap();
    let alice = world.host("alice").unwrap();
    let link = world.links_of(alice).next().unwrap();
    send(&mut world, alice, "bob", 100);
    assert_eq!(answers(&mut world), [(100, true)]);
    let at = |world: &mut World, millis| {
        assert!(matches!(world.poll(Duration::from_millis(millis)), Output::Reached));
    };
    at(&mut world, 998);
    send(&mut world, alice, "bob", 1);
    assert_eq!(answers(&mut world), [(1, false)]);
    at(&mut world, 1_000);
    send(&mut world, alice, "bob", 100);
    assert_eq!(answers(&mut world), [(100, true)]);
    assert_eq!(world.paid("hop", link).units(), 100);
    // Paid long ago: what has been missed is one payment, and the next is due when it would have been.
    at(&mut world, 5_500);
    send(&mut world, alice, "bob", 100);
    assert_eq!(answers(&mut world), [(100, true)]);
    at(&mut world, 5_990);
    send(&mut world, alice, "bob", 1);
    assert_eq!(answers(&mut world), [(1, false)]);
    at(&mut world, 6_000);
    send(&mut world, alice, "bob", 100);
    assert_eq!(answers(&mut world), [(100, true)]);
    assert_eq!(world.paid("hop", link).units(), 300);
    assert_eq!(world.account("hop", link).unwrap().balance().units(), 400, "the accounts go on");
    assert!(world.balances_add_up());
}

#[test]
fn limits_that_make_no_sense_are_told() {
    let wrong = |change: fn(&mut Vec<BalanceLimitConfig>)| {
        let mut network = network(None);
        change(&mut network.links[0].balance_limits);
        World::new(&network, 1).unwrap_err().problem().clone()
    };
    assert!(matches!(wrong(|limits| limits[0].at = "alice".to_owned()), ConfigError::BalanceLimit { .. }));
    assert!(matches!(wrong(|limits| limits[0].at = "bob".to_owned()), ConfigError::BalanceLimit { .. }));
    assert!(matches!(wrong(|limits| limits[0].at = "who".to_owned()), ConfigError::UnknownNode(_)));
    assert!(matches!(wrong(|limits| limits[0].settle_every_ms = Some(0)), ConfigError::BalanceLimit { .. }));
    assert!(matches!(wrong(|limits| limits.push(limits[0].clone())), ConfigError::BalanceLimit { .. }));
}

#[test]
fn a_way_may_start_over_any_link_that_leads_there() {
    let mut network = network(None);
    network.connectors.push(HopConfig::new("other"));
    network.connectors.push(HopConfig::new("end"));
    network.links.push(LinkConfig::new("alice", "other", 1));
    network.links.push(LinkConfig::new("other", "bob", 1));
    network.links.push(LinkConfig::new("alice", "end", 1));
    let world = World::new(&network, 1).unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| world.host(name).unwrap());
    let ways = world.links_of(alice).map(|link| {
        let path =
            world.path_over(alice, link, bob).into_iter().map(|link| world.place(link)).collect::<Vec<_>>();
        (world.neighbour(alice, link).to_owned(), path)
    });
    let ways: Vec<(String, Vec<usize>)> = ways.collect();
    let expected = [("hop", vec![0, 1]), ("other", vec![2, 3]), ("end", vec![])];
    assert_eq!(ways, expected.map(|(name, path)| (name.to_owned(), path)));
}
