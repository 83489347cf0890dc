//! What neighbours may owe connectors, and what they have paid.

use std::time::Duration;

use super::config::{BalanceLimitConfig, ConfigError, LinkConfig, NetworkConfig};
use super::topology::{LinkIndex, NodeIndex, Topology};
use crate::balance::{AccountBalance, Balance};

/// The limits of all link ends.
#[derive(Debug)]
pub(super) struct Credit(Vec<[Option<Limit>; 2]>);

/// What one end of a link may be owed by the other.
#[derive(Debug)]
struct Limit {
    most: Balance,
    every: Option<Duration>,
    /// When the neighbour pays next.
    next: Duration,
    paid: Balance,
}

impl Credit {
    /// Limits must be at connectors, one at most for each end of a link.
    pub(super) fn new(config: &NetworkConfig, topology: &Topology) -> Result<Self, ConfigError> {
        let mut limits = Vec::new();
        for (place, link) in config.links.iter().enumerate() {
            let of_link = limits_of(link, topology.ends[place], topology);
            limits.push(of_link.map_err(|error| error.at(format_args!("links[{place}]")))?);
        }
        Ok(Self(limits))
    }

    /// Whether the account may be as it is now, with all that is under way.
    pub(super) fn allows(
        &mut self,
        link: LinkIndex,
        end: usize,
        account: AccountBalance,
        now: Duration,
    ) -> bool {
        self.catch_up(link, end, account, now);
        let limit = self.0.get(link).and_then(|ends| ends[end & 1].as_ref());
        limit.is_none_or(|limit| account.balance().plus(account.incoming).minus(limit.paid) <= limit.most)
    }

    /// The neighbour pays what it owed when it was due. To be called before an account changes: until then it stood as
    /// it does.
    pub(super) fn catch_up(&mut self, link: LinkIndex, end: usize, account: AccountBalance, now: Duration) {
        let limit = self.0.get_mut(link).and_then(|ends| ends[end & 1].as_mut());
        let Some((limit, every)) = limit.and_then(|limit| limit.every.map(|every| (limit, every))) else {
            return;
        };
        if now < limit.next {
            return;
        }
        limit.paid = limit.paid.max(account.balance());
        let missed = now.saturating_sub(limit.next).as_nanos().checked_div(every.as_nanos()).unwrap_or(0);
        let missed = u64::try_from(missed.saturating_mul(every.as_nanos())).unwrap_or(u64::MAX);
        limit.next = limit.next.saturating_add(Duration::from_nanos(missed)).saturating_add(every);
    }

    /// What an end has been paid.
    pub(super) fn paid(&self, link: LinkIndex, end: usize) -> Balance {
        let limit = self.0.get(link).and_then(|ends| ends[end & 1].as_ref());
        limit.map_or_else(Balance::default, |limit| limit.paid)
    }
}

/// The limits at the two ends of a link.
fn limits_of(
    link: &LinkConfig,
    ends: [NodeIndex; 2],
    topology: &Topology,
) -> Result<[Option<Limit>; 2], ConfigError> {
    let mut limits = [None, None];
    for limit in &link.balance_limits {
        let wrong = |problem| ConfigError::BalanceLimit { at: limit.at.clone(), problem };
        let node = topology.node(&limit.at)?;
        let end = ends.iter().position(|&end| end == node);
        let end = end.ok_or_else(|| wrong("it is no end of the link"))?;
        if node < topology.hosts {
            return Err(wrong("hosts have none"));
        }
        if limit.settle_every_ms == Some(0) {
            return Err(wrong("settle_every_ms is zero"));
        }
        if limits[end].replace(Limit::new(limit)).is_some() {
            return Err(wrong("there are two"));
        }
    }
    Ok(limits)
}

impl Limit {
    fn new(config: &BalanceLimitConfig) -> Self {
        let every = config.settle_every_ms.map(Duration::from_millis);
        let next = every.unwrap_or(Duration::MAX);
        Self { most: Balance::new(config.max_balance.into()), every, next, paid: Balance::default() }
    }
}
