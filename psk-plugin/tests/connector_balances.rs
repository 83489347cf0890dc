//! Where accounts stand after packets of every fate.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use psk_codec::{ErrorCode, Fulfill, Fulfillment, Reject, Reply};
use psk_plugin::connector::{AccountBalance, AccountConfig, Balance, ConnectorConfig};
use psk_plugin::{Plugin, PrepareHandler, handler_fn};
use support::*;

fn limited(minimum: i128, maximum: i128) -> AccountConfig {
    AccountConfig {
        minimum_balance: Some(Balance::new(minimum)),
        maximum_balance: Some(Balance::new(maximum)),
        ..child()
    }
}

/// Does what the packet's data say.
fn obedient() -> Arc<dyn PrepareHandler> {
    handler_fn(|prepare| async move {
        match &prepare.data[..] {
            b"fulfill" => fulfill(""),
            b"reject" => {
                let reject = Reject::new(ErrorCode::F99_APPLICATION_ERROR, prepare.destination);
                reject.with_data("because").into()
            }
            _ => Reply::Fulfill(Fulfill { fulfillment: Fulfillment::new([1; 32]), data: "".into() }),
        }
    })
}

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const LIMIT: i128 = 1_000;

#[derive(Clone, Debug)]
struct Operation {
    from: usize,
    to: usize,
    units: u64,
    fate: &'static str,
}

fn operation() -> impl Strategy<Value = Operation> {
    let fate = prop_oneof![3 => Just("fulfill"), 1 => Just("reject"), 1 => Just("lie")];
    (0..3usize, 0..3usize, 0..700u64, fate).prop_map(|(from, to, units, fate)| Operation {
        from,
        to,
        units,
        fate,
    })
}

proptest! {
    #[test]
    fn balances_are_those_of_a_ledger_and_add_up_to_zero(
        operations in proptest::collection::vec(operation(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let accounts = NAMES.map(|name| (name, limited(-LIMIT, LIMIT)));
            let network = Network::new(ConnectorConfig::default(), &accounts);
            network.ends.values().for_each(|end| end.set_handler(Some(obedient())));
            let mut ledger = BTreeMap::from(NAMES.map(|name| (name, 0i128)));
            for Operation { from, to, units, fate } in operations {
                let (from, to, value) = (NAMES[from], NAMES[to], i128::from(units));
                let mut prepare = prepare(&format!("test.connector.{to}"), units);
                prepare.data = fate.into();
                let reply = network.ends[from].send(prepare).await.unwrap();
                let room = ledger[from] + value <= LIMIT && ledger[to] - value >= -LIMIT;
                match (room, fate) {
                    (false, _) => assert_eq!(code(reply), ErrorCode::T04_INSUFFICIENT_LIQUIDITY),
                    (true, "fulfill") => {
                        fulfilled(reply);
                        *ledger.get_mut(from).unwrap() += value;
                        *ledger.get_mut(to).unwrap() -= value;
                    }
                    (true, "reject") => assert_eq!(rejected(reply).data, "because"),
                    (true, _) => assert_eq!(code(reply), ErrorCode::F05_WRONG_CONDITION),
                }
                let balances = network.connector.balances();
                let sum: i128 = balances.values().map(|account| account.balance().units()).sum();
                assert_eq!(sum, 0);
                for (name, balance) in &ledger {
                    assert_eq!(balances[*name].balance().units(), *balance, "{name}");
                    assert_eq!(balances[*name].incoming, Balance::default());
                    assert_eq!(balances[*name].outgoing, Balance::default());
                }
            }
        });
    }
}

/// A handler that waits to be told to go on, and what tells it.
fn gate() -> (Arc<dyn PrepareHandler>, Arc<tokio::sync::Semaphore>, Arc<tokio::sync::Semaphore>) {
    let (arrived, go) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(tokio::sync::Semaphore::new(0)));
    let (arrive, wait) = (arrived.clone(), go.clone());
    let handler = handler_fn(move |_| {
        let (arrive, wait) = (arrive.clone(), wait.clone());
        async move {
            arrive.add_permits(1);
            wait.acquire().await.unwrap().forget();
            fulfill("")
        }
    });
    (handler, arrived, go)
}

#[tokio::test]
async fn packets_under_way_count_and_are_final_when_they_are_fulfilled() {
    let accounts = [("alice", limited(-100, 100)), ("bob", limited(-100, 100))];
    let network = Arc::new(Network::new(ConnectorConfig::default(), &accounts));
    let (handler, arrived, go) = gate();
    network.ends["bob"].set_handler(Some(handler));
    let under_way = network.clone();
    let send = tokio::spawn(async move { under_way.send("alice", "test.connector.bob", 70).await });
    arrived.acquire().await.unwrap().forget();
    let expected = AccountBalance { incoming: Balance::new(70), ..AccountBalance::default() };
    assert_eq!(network.connector.balances()["alice"], expected);
    assert_eq!(network.connector.balances()["bob"].outgoing, Balance::new(70));
    let reply = network.send("alice", "test.connector.bob", 31).await;
    assert_eq!(code(reply), ErrorCode::T04_INSUFFICIENT_LIQUIDITY);
    go.add_permits(1);
    fulfilled(send.await.unwrap());
    let expected = AccountBalance { received: Balance::new(70), ..AccountBalance::default() };
    assert_eq!(network.connector.balances()["alice"], expected);
    assert_eq!(network.balance("bob"), -70);
}

#[tokio::test]
async fn a_packet_that_is_abandoned_is_taken_back() {
    let network = Network::new(ConnectorConfig::default(), &[("alice", child()), ("bob", child())]);
    let (handler, arrived, _go) = gate();
    network.ends["bob"].set_handler(Some(handler));
    tokio::select! {
        _ = network.send("alice", "test.connector.bob", 70) => panic!("answered"),
        permit = arrived.acquire() => permit.unwrap().forget(),
    }
    assert_eq!(network.connector.balances()["alice"], AccountBalance::default());
    assert_eq!(network.connector.balances()["bob"], AccountBalance::default());
}

#[tokio::test]
async fn a_link_that_is_lost_under_way_leaves_the_outcome_unknown_to_the_sender_too() {
    let network = Network::new(ConnectorConfig::default(), &[("alice", child()), ("bob", child())]);
    let (handler, arrived, _go) = gate();
    network.ends["bob"].set_handler(Some(handler));
    let lose = async {
        arrived.acquire().await.unwrap().forget();
        network.ends["bob"].close().await;
    };
    let (reply, ()) = tokio::join!(network.send("alice", "test.connector.bob", 70), lose);
    assert_eq!(code(reply), ErrorCode::R00_TRANSFER_TIMED_OUT);
    assert_eq!(network.connector.balances()["alice"], AccountBalance::default());
}

#[tokio::test]
async fn balances_near_the_greatest_amounts_do_not_overflow() {
    let network = Network::new(ConnectorConfig::default(), &[("alice", child()), ("bob", child())]);
    for _ in 0..3 {
        fulfilled(network.send("alice", "test.connector.bob", u64::MAX).await);
    }
    assert_eq!(network.balance("alice"), 3 * i128::from(u64::MAX));
    assert_eq!(network.balance("bob"), -3 * i128::from(u64::MAX));
}
