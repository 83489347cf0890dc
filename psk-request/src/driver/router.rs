use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use async_trait::async_trait;
use psk_codec::{Address, AddressError, Prepare, Reply};
use psk_plugin::PrepareHandler;

use super::endpoint::ReceiverError;
use super::served::Served;
use crate::account::AccountSuffix;
use crate::refusal::Refusal;

/// Finds the receiver of what comes in over one link. The plugin holds it, so it holds neither the plugin nor the
/// receivers.
pub(super) struct Router(RwLock<Routes>);

struct Routes {
    address: Address,
    bare: Weak<Served>,
    labelled: HashMap<AccountSuffix, Weak<Served>>,
}

impl Router {
    pub(super) fn new(address: Address) -> Self {
        Self(RwLock::new(Routes { address, bare: Weak::new(), labelled: HashMap::new() }))
    }

    /// Adds the receiver that `make` makes for the address it gets.
    pub(super) fn add(
        &self,
        label: Option<AccountSuffix>,
        make: impl FnOnce(Address) -> Served,
    ) -> Result<Arc<Served>, ReceiverError> {
        let mut routes = self.write();
        let address = address_of(&routes.address, label.as_ref())?;
        routes.labelled.retain(|_, route| route.strong_count() > 0);
        let route = match label {
            None => &mut routes.bare,
            Some(label) => routes.labelled.entry(label).or_default(),
        };
        if route.strong_count() > 0 {
            return Err(ReceiverError::AddressTaken(address));
        }
        let served = Arc::new(make(address));
        *route = Arc::downgrade(&served);
        Ok(served)
    }

    /// Moves all receivers to a new address, or none if one of theirs would be too long.
    pub(super) fn set_address(&self, address: Address) -> Result<(), AddressError> {
        let mut routes = self.write();
        let mut moves = Vec::new();
        if let Some(served) = routes.bare.upgrade() {
            moves.push((served, address.clone()));
        }
        for (label, route) in &routes.labelled {
            if let Some(served) = route.upgrade() {
                moves.push((served, address_of(&address, Some(label))?));
            }
        }
        for (served, address) in moves {
            served.receiver().set_address(address);
        }
        routes.address = address;
        Ok(())
    }

    /// The receiver at the longest address that the destination is below: its label's, else the bare one.
    fn route(&self, destination: &Address) -> Result<Arc<Served>, Address> {
        let routes = self.read();
        let segment = destination.suffix_after(&routes.address).and_then(|suffix| suffix.split('.').next());
        segment
            .and_then(|segment| {
                let labelled = routes.labelled.get(segment).and_then(Weak::upgrade);
                labelled.or_else(|| routes.bare.upgrade())
            })
            .ok_or_else(|| routes.address.clone())
    }

    fn read(&self) -> RwLockReadGuard<'_, Routes> {
        // Nothing panics while it holds the lock.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Routes> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PrepareHandler for Router {
    async fn handle(&self, prepare: Prepare) -> Reply {
        match self.route(&prepare.destination) {
            Ok(served) => served.answer(prepare).await,
            Err(address) => {
                tracing::debug!(destination = %prepare.destination, "no receiver there");
                Refusal::NotForUs.reject(address).into()
            }
        }
    }
}

fn address_of(address: &Address, label: Option<&AccountSuffix>) -> Result<Address, AddressError> {
    match label {
        None => Ok(address.clone()),
        Some(label) => address.with_suffix(label.as_str()),
    }
}
