//! Alice and bob, on a link in memory.

use std::sync::Arc;
use std::time::Duration;

use psk_codec::Timestamp;
use psk_plugin::memory::{Link, MemoryPlugin};
use psk_plugin::{AccountDetails, Clock};

fn details(name: &str) -> AccountDetails {
    AccountDetails {
        address: format!("test.{name}").parse().unwrap(),
        asset_scale: 9,
        asset_code: "XRP".into(),
    }
}

/// Both ends of a link with 20 ms each way, and the clock of both.
pub(crate) fn alice_and_bob() -> (Arc<MemoryPlugin>, Arc<MemoryPlugin>, Clock) {
    let clock = Clock::starting_at(Timestamp::from_unix_millis(1_700_000_000_000).unwrap());
    let link = Link {
        left_details: Some(details("alice")),
        right_details: Some(details("bob")),
        latency: Duration::from_millis(20),
        clock: clock.clone(),
    };
    let (alice, bob) = link.pair();
    (alice, bob, clock)
}
