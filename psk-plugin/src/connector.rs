//! A small connector: it forwards ILP packets between its accounts.
//!
//! What it does to a packet, in this order; the first thing that is wrong rejects it:
//!
//! 1. `peer.config` is answered (IL-DCP) for children, and refused with `F00` for others; anything else below `peer.`
//!    is `F01`, and never forwarded.
//! 2. A packet that has expired is `R00`.
//! 3. An amount above the account's maximum is `F08` with its details.
//! 4. The longest prefix says which account it goes to; none, or the connector's own address, is `F02`, and so is a
//!    pair of assets without a rate.
//! 5. The amount is converted and rounded down. A rate that would need more than 64 bits is `F08`, an amount that
//!    becomes zero is `R01`.
//! 6. A second is taken from the expiry, and it is at most 30 s off; when less than a second is left, `R02`.
//! 7. Both accounts' balances are checked (`T04`) and the amounts noted as under way.
//! 8. It is sent. `T01` when that is not possible, `R00` when there is no answer in time or the outcome is unknown.
//! 9. A Fulfill must show the preimage of the condition, else `F05`. Then the amounts are final; after anything else
//!    they are taken back.
//!
//! There is no settlement and no routing protocol, and it remembers nothing: it is for tests, demonstrations, and a
//! handful of known peers. In the JS connector's `balance` the packets under way to an account do not count; here they
//! do, so that a limit is never exceeded.
//!
//! See the [crate's documentation](crate) for an example.

mod config;
mod forward;
mod ledger;
mod routes;
mod tables;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use async_trait::async_trait;
use psk_codec::{Address, AddressError, Prepare, Reply};

pub use crate::balance::{AccountBalance, Balance};
pub use crate::rate::{Rate, RateError};
use crate::{Clock, DetailsError, Plugin, PrepareHandler};
pub use config::{AccountConfig, ConnectorConfig, RateConfig, Relation, RoundedToZero, TooLarge};
use tables::{Account, Tables};

/// A connector. Clones are the same connector; when the last one is dropped, it forwards no more.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    settings: Settings,
    clock: Clock,
    tables: RwLock<Tables>,
}

/// What holds for every packet.
struct Settings {
    min_message_window: Duration,
    max_hold_time: Duration,
    latency: Duration,
    too_large: TooLarge,
    rounded_to_zero: RoundedToZero,
}

/// What is wrong with a connector's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such account.
    #[error("no account {0:?}")]
    UnknownAccount(String),
    /// There is an account of that name already.
    #[error("account {0:?} exists already")]
    AccountExists(String),
    /// There is a parent already.
    #[error("account {0:?} is a second parent")]
    SecondParent(String),
    /// The account has no plugin yet.
    #[error("account {0:?} is not attached to a plugin")]
    NotAttached(String),
    /// There is no parent to inherit an address from.
    #[error("no account is a parent")]
    NoParent,
    /// A child's name cannot be a segment of an address.
    #[error("account {name:?} cannot be a child: {problem}")]
    ChildName {
        /// The name.
        name: String,
        /// What is wrong with the address that it would have.
        problem: AddressError,
    },
    /// A route's prefix is not made of whole segments.
    #[error("route {0:?} is not a prefix of addresses: whole segments without a dot at the end")]
    Prefix(String),
    /// A pair of assets has no rate that can be applied.
    #[error("rate from {from} to {to}: {problem}")]
    Rate {
        /// The asset that packets come in, as `code/scale`.
        from: String,
        /// The asset that they leave in.
        to: String,
        /// What is wrong with it.
        problem: RateError,
    },
}

impl Connector {
    /// A connector whose accounts are not attached to plugins yet: packets to them are rejected with `T01`.
    pub fn new(config: ConnectorConfig, clock: Clock) -> Result<Self, ConfigError> {
        let settings = Settings {
            min_message_window: Duration::from_millis(config.min_message_window_ms),
            max_hold_time: Duration::from_millis(config.max_hold_time_ms),
            latency: Duration::from_millis(config.latency_ms),
            too_large: config.too_large,
            rounded_to_zero: config.rounded_to_zero,
        };
        let mut tables = Tables::new(config.spread_ppm, config.address);
        for rate in &config.rates {
            tables.set_rate(rate)?;
        }
        for (name, account) in config.accounts {
            tables.add_account(&name, account)?;
        }
        for (prefix, name) in &config.routes {
            tables.add_route(prefix, name)?;
        }
        let tables = RwLock::new(tables);
        Ok(Self(Arc::new(Inner { settings, clock, tables })))
    }

    /// Joins an account to the plugin that leads to the other node, and answers what comes from there.
    pub fn attach(&self, name: &str, plugin: Arc<dyn Plugin>) -> Result<(), ConfigError> {
        let account = self.0.account(name)?;
        account.set_plugin(Some(plugin.clone()));
        plugin.set_handler(Some(self.0.handler(&account)));
        Ok(())
    }

    /// Adds an account, joined to its plugin.
    pub fn add_account(
        &self,
        name: &str,
        config: AccountConfig,
        plugin: Arc<dyn Plugin>,
    ) -> Result<(), ConfigError> {
        self.0.write().add_account(name, config)?;
        self.attach(name, plugin)
    }

    /// Joins all accounts that have no plugin yet to a server's accounts of the same names.
    #[cfg(feature = "btp")]
    pub fn attach_server(&self, server: &crate::btp::BtpServer) {
        let accounts: Vec<Arc<Account>> = self.0.read().accounts().cloned().collect();
        for account in accounts.iter().filter(|account| account.plugin().is_none()) {
            let plugin = server.account(&account.name);
            account.set_plugin(Some(plugin.clone()));
            plugin.set_handler(Some(self.0.handler(account)));
        }
    }

    /// For [`BtpServerConfig::new_account`](crate::btp::BtpServerConfig::new_account): joins everybody whom the server
    /// lets in to the account of the same name, which is made on these terms if there is none. Usually for children.
    #[cfg(feature = "btp")]
    pub fn accept_all(&self, terms: AccountConfig) -> crate::btp::NewAccount {
        let inner = Arc::downgrade(&self.0);
        Arc::new(move |account| {
            let connector = Connector(inner.upgrade().ok_or("the connector is gone")?);
            let known = connector.0.account(account.name()).ok();
            let result = match known {
                Some(known) if known.plugin().is_some() => {
                    Err(ConfigError::AccountExists(known.name.clone()))
                }
                Some(known) => connector.attach(&known.name, account.clone()),
                None => connector.add_account(account.name(), terms.clone(), account.clone()),
            };
            result.map_err(|error| error.to_string())
        })
    }

    /// The connector's address, if it has one by now.
    pub fn address(&self) -> Option<Address> {
        self.0.read().address().cloned()
    }

    /// Asks the parent for the connector's address, and takes it. To be repeated after the parent's link was lost.
    pub async fn inherit_address(&self) -> Result<Address, InheritError> {
        let parent = self.0.read().parent().cloned().ok_or(ConfigError::NoParent)?;
        let plugin = parent.plugin();
        let plugin = plugin.ok_or_else(|| ConfigError::NotAttached(parent.name.clone()))?;
        let details = plugin.details().await?;
        self.0.write().set_address(details.address.clone())?;
        Ok(details.address)
    }

    /// Adds a route, or changes where it leads.
    pub fn set_route(&self, prefix: &str, account: &str) -> Result<(), ConfigError> {
        self.0.write().add_route(prefix, account)
    }

    /// Changes a rate, for the packets that come from now on.
    pub fn set_rate(&self, rate: &RateConfig) -> Result<(), ConfigError> {
        self.0.write().set_rate(rate)
    }

    /// Where every account stands, by name.
    pub fn balances(&self) -> BTreeMap<String, AccountBalance> {
        let tables = self.0.read();
        let accounts = tables.accounts();
        accounts.map(|account| (account.name.clone(), account.ledger.now())).collect()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, balances) = (self.address(), self.balances());
        f.debug_struct("Connector").field("address", &address).field("balances", &balances).finish()
    }
}

/// Why a connector has not inherited an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InheritError {
    /// There is no parent with a plugin, or the address makes no sense for a child.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The parent did not say.
    #[error(transparent)]
    Details(#[from] DetailsError),
}

impl Inner {
    fn account(&self, name: &str) -> Result<Arc<Account>, ConfigError> {
        let account = self.read().account(name).cloned();
        account.ok_or_else(|| ConfigError::UnknownAccount(name.to_owned()))
    }

    fn handler(self: &Arc<Self>, account: &Arc<Account>) -> Arc<dyn PrepareHandler> {
        Arc::new(AccountHandler { connector: Arc::downgrade(self), account: Arc::downgrade(account) })
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers what comes from one account. It holds nothing, because the account holds its plugin, which holds this.
struct AccountHandler {
    connector: Weak<Inner>,
    account: Weak<Account>,
}

#[async_trait]
impl PrepareHandler for AccountHandler {
    async fn handle(&self, prepare: Prepare) -> Reply {
        match (self.connector.upgrade(), self.account.upgrade()) {
            (Some(connector), Some(account)) => connector.handle(&account, prepare).await,
            _ => forward::gone().into(),
        }
    }
}
