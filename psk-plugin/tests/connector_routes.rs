//! Where a connector sends packets, and who is told which address.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use psk_codec::{ErrorCode, Timestamp, ildcp};
use psk_plugin::connector::{AccountConfig, ConfigError, Connector, ConnectorConfig, InheritError, Relation};
use psk_plugin::memory::Link;
use psk_plugin::{AccountDetails, Clock, DetailsError, Plugin, handler_fn};
use support::*;

fn account(relation: Relation) -> AccountConfig {
    AccountConfig::new(relation, "XRP", 9)
}

/// A connector with a child, two peers, and a parent; each node answers with its own name.
fn network() -> Network {
    let routes = [("test.peer", "peer"), ("test.peer.near", "other"), ("g", "peer")];
    let config = ConnectorConfig {
        routes: routes.map(|(prefix, name)| (prefix.into(), name.into())).into(),
        ..ConnectorConfig::default()
    };
    let accounts = [
        ("child", account(Relation::Child)),
        ("peer", account(Relation::Peer)),
        ("other", account(Relation::Peer)),
        ("parent", account(Relation::Parent)),
    ];
    let network = Network::new(config, &accounts);
    for (name, end) in &network.ends {
        let name = name.clone();
        end.set_handler(Some(handler_fn(move |_| {
            let name = name.clone();
            async move { fulfill(name) }
        })));
    }
    network
}

#[tokio::test]
async fn the_longest_prefix_counts_and_the_parent_gets_the_rest() {
    let network = network();
    let cases = [
        ("test.connector.child", "child"),
        ("test.connector.child.any.thing", "child"),
        ("test.peer", "peer"),
        ("test.peer.x", "peer"),
        ("test.peer.near", "other"),
        ("test.peer.near.x", "other"),
        ("test.peer.nearly", "peer"),
        ("test.peers", "parent"),
        ("test.elsewhere", "parent"),
        ("g.anywhere", "peer"),
        ("private.x", "parent"),
    ];
    for (destination, expected) in cases {
        let reply = network.send("child", destination, 1).await;
        assert_eq!(fulfilled(reply).data, expected, "{destination}");
    }
}

#[tokio::test]
async fn own_addresses_that_nobody_has_do_not_go_to_the_parent() {
    let network = network();
    for destination in ["test.connector", "test.connector.nobody", "test.connector.nobody.x"] {
        let reject = rejected(network.send("child", destination, 1).await);
        assert_eq!(reject.code, ErrorCode::F02_UNREACHABLE, "{destination}");
        assert_eq!(reject.triggered_by.unwrap().as_str(), "test.connector");
    }
}

#[tokio::test]
async fn peer_addresses_are_never_forwarded() {
    let network = network();
    network.connector.set_route("", "peer").unwrap();
    for destination in ["peer.x", "peer", "peer.config.x", "peer.route.control"] {
        let reply = network.send("child", destination, 1).await;
        assert_eq!(code(reply), ErrorCode::F01_INVALID_PACKET, "{destination}");
    }
}

#[tokio::test]
async fn children_are_told_their_addresses_and_nobody_else_is() {
    let network = network();
    let details = network.ends["child"].details().await.unwrap();
    let expected = AccountDetails {
        address: "test.connector.child".parse().unwrap(),
        asset_scale: 9,
        asset_code: "XRP".into(),
    };
    assert_eq!(details, expected);
    for name in ["peer", "parent"] {
        let request = ildcp::request(network.clock.now());
        let reply = network.ends[name].send(request).await.unwrap();
        assert_eq!(code(reply), ErrorCode::F00_BAD_REQUEST, "{name}");
    }
}

#[tokio::test]
async fn a_connector_inherits_its_address_from_its_parent() {
    let mut config = ConnectorConfig::default();
    config.accounts.insert("parent".into(), account(Relation::Parent));
    config.accounts.insert("child".into(), account(Relation::Child));
    let connector = Connector::new(config, Clock::system()).unwrap();
    let (child, childs_end) = Link::default().pair();
    connector.attach("child", childs_end).unwrap();
    let error = child.details().await.unwrap_err();
    assert!(matches!(&error, DetailsError::Refused(text) if text.starts_with("T01")), "{error}");
    let error = connector.inherit_address().await.unwrap_err();
    assert!(matches!(error, InheritError::Config(ConfigError::NotAttached(_))), "{error}");
    for address in ["test.parent.us", "test.moved"] {
        let link = Link { right_details: Some(details(address)), ..Link::default() };
        let (_parent, parents_end) = link.pair();
        connector.attach("parent", parents_end).unwrap();
        assert_eq!(connector.inherit_address().await.unwrap().as_str(), address);
        assert_eq!(connector.address().unwrap().as_str(), address);
        let childs = format!("{address}.child");
        assert_eq!(child.details().await.unwrap().address.as_str(), childs);
        child.set_handler(Some(echo()));
        let reply = child.send(prepare(&childs, 1)).await.unwrap();
        fulfilled(reply);
    }
}

#[tokio::test]
async fn accounts_and_routes_can_be_added_later() {
    let network = network();
    let (late, lates_end) = Link::default().pair();
    late.set_handler(Some(handler_fn(|_| async { fulfill("late") })));
    let add = |end| network.connector.add_account("late", account(Relation::Child), end);
    add(lates_end.clone()).unwrap();
    let reply = network.send("child", "test.connector.late.x", 1).await;
    assert_eq!(fulfilled(reply).data, "late");
    network.connector.set_route("test.peer.near", "late").unwrap();
    let reply = network.send("child", "test.peer.near.x", 1).await;
    assert_eq!(fulfilled(reply).data, "late");
    assert_eq!(add(lates_end), Err(ConfigError::AccountExists("late".into())));
}

#[tokio::test]
async fn an_account_that_is_not_attached_or_has_lost_its_link_cannot_be_reached() {
    let network = network();
    network.ends["peer"].close().await;
    let reject = rejected(network.send("child", "test.peer", 1).await);
    assert_eq!(reject.code, ErrorCode::T01_PEER_UNREACHABLE);
    let mut config = ConnectorConfig::default();
    config.routes.insert("".into(), "peer".into());
    config.accounts.insert("peer".into(), account(Relation::Peer));
    let connector = Connector::new(config, Clock::system()).unwrap();
    let (alice, alices_end) = Link::default().pair();
    connector.add_account("alice", account(Relation::Peer), alices_end).unwrap();
    let reply = alice.send(prepare("test.x", 1)).await.unwrap();
    assert_eq!(code(reply), ErrorCode::T01_PEER_UNREACHABLE);
    assert_eq!(connector.balances()["alice"], Default::default());
}

#[tokio::test]
async fn a_connector_that_is_dropped_forwards_no_more() {
    let network = network();
    let child = network.ends["child"].clone();
    drop(network);
    let reply = child.send(prepare("test.peer", 1)).await.unwrap();
    assert_eq!(code(reply), ErrorCode::T01_PEER_UNREACHABLE);
}

#[test]
fn configurations_that_make_no_sense_are_refused() {
    let new = |change: &dyn Fn(&mut ConnectorConfig)| {
        let mut config = ConnectorConfig::default();
        config.accounts.insert("a".into(), account(Relation::Parent));
        change(&mut config);
        Connector::new(config, Clock::starting_at(Timestamp::UNIX_EPOCH)).unwrap_err()
    };
    let error = new(&|config| {
        config.accounts.insert("b".into(), account(Relation::Parent));
    });
    assert_eq!(error, ConfigError::SecondParent("b".into()));
    let error = new(&|config| {
        config.routes.insert("test".into(), "nobody".into());
    });
    assert_eq!(error, ConfigError::UnknownAccount("nobody".into()));
    let error = new(&|config| {
        config.routes.insert("test.".into(), "a".into());
    });
    assert_eq!(error, ConfigError::Prefix("test.".into()));
    for name in ["", "a b", "a.b", "ä"] {
        let error = new(&|config| {
            config.accounts.insert(name.into(), account(Relation::Child));
        });
        assert!(matches!(error, ConfigError::ChildName { .. }), "{name:?}: {error}");
    }
}
