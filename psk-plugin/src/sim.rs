//! A simulated network: hosts, connectors and links in virtual time.
//!
//! [`World`] is the network as a state machine: how to drive it stands on the type. A [`Host`] is a program at its
//! edge, and [`Simulation`] runs some of them. There is no I/O, no clock, no system randomness and no float; the same
//! [`NetworkConfig`], seed and hosts give the same run, bit for bit, on every machine.
//!
//! With the feature `driver` too, a `LiveNetwork` has the hosts as plugins, on tokio's clock.
//!
//! What may be wrong with a network stands in [`LinkConfig`] (loss, repetition, reordering, delay beyond expiry) and
//! [`HopConfig`] (rates that move, limits, errors, hostility). All of it is off by default.
//!
//! ```
//! use std::time::Duration;
//!
//! use psk_codec::{Amount, Condition, ErrorCode, Prepare, Reject};
//! use psk_plugin::sim::{HopConfig, LinkConfig, NetworkConfig, Output, World};
//!
//! let network = NetworkConfig {
//!     hosts: vec!["alice".into(), "bob".into()],
//!     connectors: vec![HopConfig { spread_ppm: 2_000, ..HopConfig::new("hop") }],
//!     links: vec![LinkConfig::new("alice", "hop", 20_000), LinkConfig::new("hop", "bob", 30_000)],
//! };
//! let mut world = World::new(&network, 1)?;
//! let alice = world.host("alice")?;
//!
//! let prepare = Prepare {
//!     amount: Amount::new(1_000),
//!     expires_at: world.wall().saturating_add(Duration::from_secs(30)),
//!     condition: Condition::new([0; 32]),
//!     destination: "test.bob.shop".parse()?,
//!     data: "is anybody there?".into(),
//! };
//! world.send(alice, None, 7, prepare)?;
//!
//! let Output::Request { request, prepare, .. } = world.poll(Duration::MAX) else { panic!() };
//! assert_eq!(prepare.amount, Amount::new(998));
//! assert_eq!(world.now(), Duration::from_millis(50));
//! world.answer(request, Reject::new(ErrorCode::F05_WRONG_CONDITION, "test.bob".parse()?).into());
//!
//! let Output::Reply { tag: 7, .. } = world.poll(Duration::MAX) else { panic!() };
//! assert_eq!(world.now(), Duration::from_millis(100));
//! assert!(world.balances_add_up());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assets;
mod balances;
mod bucket;
mod chance;
mod checks;
mod config;
mod credit;
mod curve;
mod forward;
mod hop;
mod hop_config;
mod host;
mod legs;
mod link;
#[cfg(feature = "driver")]
mod live;
mod queue;
mod topology;
mod trace;
mod world;

pub use config::{BalanceLimitConfig, ConfigError, LinkConfig, NetworkConfig};
pub use forward::NoLink;
pub use hop_config::{
    CurveConfig, CurvePoint, ErrorConfig, HopConfig, Hostility, HostilityConfig, LiquidityConfig,
    LiquidityStep, PacketRateConfig, TooLargeAnswer,
};
pub use host::{Host, HostInput, HostOutput, Simulation, Step};
#[cfg(feature = "driver")]
pub use live::{HostPlugin, LiveNetwork};
pub use trace::TraceSink;
pub use world::{HostId, LinkId, Output, RequestId, World};

pub use crate::balance::{AccountBalance, Balance};
pub use crate::rate::{Rate, RateError};
