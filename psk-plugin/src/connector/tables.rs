//! Accounts, routes and rates: what changes rarely and is looked up for every packet.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use psk_codec::{Address, Amount};

use super::ledger::Ledger;
use super::routes::Routes;
use super::{AccountConfig, ConfigError, Rate, RateConfig, RateError, Relation};
use crate::Plugin;
use crate::rate::Conversion;

/// A link to another node, and the terms.
pub(super) struct Account {
    pub(super) name: String,
    pub(super) relation: Relation,
    pub(super) asset: Asset,
    pub(super) max_packet_amount: Option<Amount>,
    pub(super) ledger: Ledger,
    plugin: RwLock<Option<Arc<dyn Plugin>>>,
}

/// What an account is kept in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asset {
    pub(super) code: String,
    pub(super) scale: u8,
}

/// What is at a prefix.
#[derive(Clone)]
pub(super) enum NextHop {
    Account(Arc<Account>),
    /// The connector itself: an address below it that no child has.
    Nobody,
}

pub(super) struct Tables {
    address: Option<Address>,
    accounts: BTreeMap<String, Arc<Account>>,
    parent: Option<Arc<Account>>,
    configured_routes: BTreeMap<String, Arc<Account>>,
    /// The configured routes, and those to the children and the parent.
    routes: Routes<NextHop>,
    spread_ppm: u32,
    rates: HashMap<String, HashMap<String, (Rate, u32)>>,
    /// For every pair of assets that accounts are kept in, as far as there is a rate.
    conversions: HashMap<Asset, HashMap<Asset, Conversion>>,
}

impl Account {
    fn new(name: &str, config: AccountConfig) -> Self {
        Self {
            name: name.to_owned(),
            relation: config.relation,
            max_packet_amount: config.max_packet_amount,
            ledger: Ledger::new(&config),
            asset: Asset { code: config.asset_code, scale: config.asset_scale },
            plugin: RwLock::new(None),
        }
    }

    pub(super) fn plugin(&self) -> Option<Arc<dyn Plugin>> {
        self.plugin.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_plugin(&self, plugin: Option<Arc<dyn Plugin>>) {
        *self.plugin.write().unwrap_or_else(PoisonError::into_inner) = plugin;
    }
}

impl Tables {
    pub(super) fn new(spread_ppm: u32, address: Option<Address>) -> Self {
        let mut tables = Self {
            address,
            accounts: BTreeMap::new(),
            parent: None,
            configured_routes: BTreeMap::new(),
            routes: Routes::default(),
            spread_ppm,
            rates: HashMap::new(),
            conversions: HashMap::new(),
        };
        tables.rebuild_routes();
        tables
    }

    pub(super) fn address(&self) -> Option<&Address> {
        self.address.as_ref()
    }

    pub(super) fn parent(&self) -> Option<&Arc<Account>> {
        self.parent.as_ref()
    }

    pub(super) fn account(&self, name: &str) -> Option<&Arc<Account>> {
        self.accounts.get(name)
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.values()
    }

    /// Where a packet for `destination` goes; `None` where nobody is.
    pub(super) fn next_hop(&self, destination: &Address) -> Option<&Arc<Account>> {
        match self.routes.longest(destination)? {
            NextHop::Account(account) => Some(account),
            NextHop::Nobody => None,
        }
    }

    pub(super) fn conversion(&self, from: &Asset, to: &Asset) -> Option<Conversion> {
        self.conversions.get(from)?.get(to).copied()
    }

    pub(super) fn add_account(&mut self, name: &str, config: AccountConfig) -> Result<(), ConfigError> {
        if self.accounts.contains_key(name) {
            return Err(ConfigError::AccountExists(name.to_owned()));
        }
        if config.relation == Relation::Parent && self.parent.is_some() {
            return Err(ConfigError::SecondParent(name.to_owned()));
        }
        let account = Arc::new(Account::new(name, config));
        check_child(&account, self.address.as_ref())?;
        self.add_asset(&account.asset)?;
        match account.relation {
            Relation::Parent => {
                self.parent = Some(account.clone());
                self.rebuild_routes();
            }
            Relation::Child => self.route_to_child(&account),
            Relation::Peer => {}
        }
        self.accounts.insert(name.to_owned(), account);
        Ok(())
    }

    pub(super) fn add_route(&mut self, prefix: &str, name: &str) -> Result<(), ConfigError> {
        if !Routes::<()>::is_prefix(prefix) {
            return Err(ConfigError::Prefix(prefix.to_owned()));
        }
        let account = self.account(name).cloned();
        let account = account.ok_or_else(|| ConfigError::UnknownAccount(name.to_owned()))?;
        self.configured_routes.insert(prefix.to_owned(), account.clone());
        self.routes.insert(prefix, NextHop::Account(account));
        Ok(())
    }

    pub(super) fn set_address(&mut self, address: Address) -> Result<(), ConfigError> {
        for account in self.accounts.values() {
            check_child(account, Some(&address))?;
        }
        self.address = Some(address);
        self.rebuild_routes();
        Ok(())
    }

    pub(super) fn set_rate(&mut self, config: &RateConfig) -> Result<(), ConfigError> {
        let spread = config.spread_ppm.unwrap_or(self.spread_ppm);
        let to = self.rates.entry(config.from.clone()).or_default();
        let previous = to.insert(config.to.clone(), (config.rate, spread));
        let result = self.rebuild_conversions();
        if result.is_err() {
            // Nothing has changed: the conversions are those of before.
            let to = self.rates.entry(config.from.clone()).or_default();
            match previous {
                Some(previous) => to.insert(config.to.clone(), previous),
                None => to.remove(&config.to),
            };
        }
        result
    }

    /// Routes in the order of precedence, lowest first: the parent, the children, what is configured.
    fn rebuild_routes(&mut self) {
        self.routes = Routes::default();
        if let Some(parent) = &self.parent {
            self.routes.insert("", NextHop::Account(parent.clone()));
        }
        if let Some(address) = &self.address {
            // Or else an address of a child that does not exist would go to the parent, and come back.
            self.routes.insert(address.as_str(), NextHop::Nobody);
        }
        for account in self.accounts.values().cloned().collect::<Vec<_>>() {
            if account.relation == Relation::Child {
                self.route_to_child(&account);
            }
        }
        for (prefix, account) in &self.configured_routes {
            self.routes.insert(prefix, NextHop::Account(account.clone()));
        }
    }

    fn route_to_child(&mut self, child: &Arc<Account>) {
        let address = self.address.as_ref().and_then(|own| own.with_suffix(&child.name).ok());
        if let Some(address) = address
            && !self.configured_routes.contains_key(address.as_str())
        {
            self.routes.insert(address.as_str(), NextHop::Account(child.clone()));
        }
    }

    /// Makes the conversions that a new asset needs.
    fn add_asset(&mut self, asset: &Asset) -> Result<(), ConfigError> {
        if self.conversions.contains_key(asset) {
            return Ok(());
        }
        let others: Vec<Asset> = self.conversions.keys().cloned().collect();
        let mut made = vec![(asset.clone(), asset.clone())];
        made.extend(others.iter().map(|other| (asset.clone(), other.clone())));
        made.extend(others.iter().map(|other| (other.clone(), asset.clone())));
        let made = self.conversions_between(made)?;
        self.conversions.entry(asset.clone()).or_default();
        self.take_conversions(made);
        Ok(())
    }

    fn rebuild_conversions(&mut self) -> Result<(), ConfigError> {
        let assets = self.conversions.keys();
        let pairs = assets.clone().flat_map(|from| assets.clone().map(move |to| (from, to)));
        let pairs = pairs.map(|(from, to)| (from.clone(), to.clone())).collect();
        let made = self.conversions_between(pairs)?;
        self.take_conversions(made);
        Ok(())
    }

    fn conversions_between(
        &self,
        pairs: Vec<(Asset, Asset)>,
    ) -> Result<Vec<(Asset, Asset, Conversion)>, ConfigError> {
        let mut made = Vec::with_capacity(pairs.len());
        for (from, to) in pairs {
            let Some((rate, spread)) = self.rate(&from.code, &to.code) else {
                continue;
            };
            match Conversion::new(rate, from.scale, to.scale, spread) {
                Ok(conversion) => made.push((from, to, conversion)),
                Err(problem) => return Err(rate_error(&from, &to, problem)),
            }
        }
        Ok(made)
    }

    fn take_conversions(&mut self, made: Vec<(Asset, Asset, Conversion)>) {
        for (from, to, conversion) in made {
            self.conversions.entry(from).or_default().insert(to, conversion);
        }
    }

    /// The rate between two assets and its spread: as configured, or the inverse of the other direction, or one for
    /// the same asset.
    fn rate(&self, from: &str, to: &str) -> Option<(Rate, u32)> {
        let given = |from: &str, to: &str| self.rates.get(from)?.get(to).copied();
        let inverse = || given(to, from).map(|(rate, spread)| (rate.inverse(), spread));
        let same = || (from == to).then_some((Rate::ONE, self.spread_ppm));
        given(from, to).or_else(inverse).or_else(same)
    }
}

/// A child's name must be one segment of an address, and the whole address not too long.
fn check_child(account: &Account, own: Option<&Address>) -> Result<(), ConfigError> {
    if account.relation != Relation::Child {
        return Ok(());
    }
    let problem = match account.name.contains('.') {
        true => Err(psk_codec::AddressError::InvalidCharacter),
        // Before there is an address, any will do to check the name.
        false => match own {
            Some(own) => own.with_suffix(&account.name),
            None => format!("g.{}", account.name).parse(),
        },
    };
    problem.map(drop).map_err(|problem| ConfigError::ChildName { name: account.name.clone(), problem })
}

fn rate_error(from: &Asset, to: &Asset, problem: RateError) -> ConfigError {
    let name = |asset: &Asset| format!("{}/{}", asset.code, asset.scale);
    ConfigError::Rate { from: name(from), to: name(to), problem }
}
