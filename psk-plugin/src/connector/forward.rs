//! What the connector does to a packet; the order is in the documentation of the [module](super).

use std::sync::Arc;

use psk_codec::ildcp::{self, AccountDetails};
use psk_codec::{Amount, AmountTooLarge, ErrorCode, Fulfill, Prepare, Reject, Reply, Timestamp};
use sha2::{Digest, Sha256};
use tokio::time;
use tracing::{debug, trace};

use super::ledger::{Hold, OutOfBounds};
use super::tables::Account;
use super::{Inner, Relation, RoundedToZero, TooLarge};
use crate::rate::Conversion;
use crate::{Plugin, SendError, handler};

/// The answer once the connector itself has been dropped.
pub(super) fn gone() -> Reject {
    handler::reject(ErrorCode::T01_PEER_UNREACHABLE, "the connector is gone")
}

/// Where a packet goes, and what becomes of its amount on the way.
struct Hop {
    account: Arc<Account>,
    plugin: Option<Arc<dyn Plugin>>,
    conversion: Conversion,
}

impl Inner {
    pub(super) async fn handle(&self, from: &Arc<Account>, prepare: Prepare) -> Reply {
        self.travel().await;
        let reply = match self.answer(from, prepare).await {
            Ok(fulfill) => fulfill.into(),
            Err(reject) => {
                let (code, message) = (reject.code, reject.message_text());
                debug!(from = from.name, %code, %message, "packet rejected");
                reject.into()
            }
        };
        self.travel().await;
        reply
    }

    async fn travel(&self) {
        if !self.settings.latency.is_zero() {
            time::sleep(self.settings.latency).await;
        }
    }

    async fn answer(&self, from: &Arc<Account>, prepare: Prepare) -> Result<Fulfill, Reject> {
        if prepare.destination.segments().next() == Some("peer") {
            return self.answer_peer(from, &prepare);
        }
        let now = self.clock.now();
        if prepare.expires_at <= now {
            return Err(self.reject(ErrorCode::R00_TRANSFER_TIMED_OUT, "the packet has expired"));
        }
        if let Some(maximum) = from.max_packet_amount.filter(|&most| prepare.amount > most) {
            return Err(self.too_large(prepare.amount, maximum));
        }
        let hop = self.next_hop(from, &prepare)?;
        let amount = self.convert(&hop, prepare.amount)?;
        let expires_at = self.shorten(prepare.expires_at, now)?;
        self.forward(from, hop, prepare, (amount, expires_at)).await
    }

    /// Addresses below `peer.` are for the link they came over.
    fn answer_peer(&self, from: &Account, prepare: &Prepare) -> Result<Fulfill, Reject> {
        if !ildcp::is_request(prepare) {
            return Err(self.reject(ErrorCode::F01_INVALID_PACKET, "unknown peer protocol"));
        }
        if from.relation != Relation::Child {
            let message = "only children are told an address";
            return Err(self.reject(ErrorCode::F00_BAD_REQUEST, message));
        }
        let own = self.read().address().cloned();
        let address = own.and_then(|own| own.with_suffix(&from.name).ok());
        let Some(address) = address else {
            let message = "the connector has no address yet";
            return Err(self.reject(ErrorCode::T01_PEER_UNREACHABLE, message));
        };
        let details =
            AccountDetails { address, asset_scale: from.asset.scale, asset_code: from.asset.code.clone() };
        let message = "the asset code is too long";
        details.to_fulfill().map_err(|_| self.reject(ErrorCode::T00_INTERNAL_ERROR, message))
    }

    fn next_hop(&self, from: &Account, prepare: &Prepare) -> Result<Hop, Reject> {
        let unreachable = |message| Err(self.reject(ErrorCode::F02_UNREACHABLE, message));
        let tables = self.read();
        let Some(account) = tables.next_hop(&prepare.destination).cloned() else {
            drop(tables);
            return unreachable("no route to the destination");
        };
        let Some(conversion) = tables.conversion(&from.asset, &account.asset) else {
            drop(tables);
            return unreachable("no exchange rate between the assets");
        };
        drop(tables);
        let plugin = account.plugin();
        Ok(Hop { account, plugin, conversion })
    }

    fn convert(&self, hop: &Hop, amount: Amount) -> Result<Amount, Reject> {
        let converted = match hop.conversion.apply(amount) {
            Ok(converted) => converted,
            Err(greatest) => return Err(self.too_large(amount, greatest)),
        };
        let rejected = self.settings.rounded_to_zero == RoundedToZero::Reject;
        if converted.is_zero() && !amount.is_zero() && rejected {
            let code = ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT;
            return Err(self.reject(code, "the amount is rounded down to zero"));
        }
        Ok(converted)
    }

    fn shorten(&self, expires_at: Timestamp, now: Timestamp) -> Result<Timestamp, Reject> {
        let window = self.settings.min_message_window;
        let latest = now.saturating_add(self.settings.max_hold_time);
        let shortened = expires_at.saturating_sub(window).min(latest);
        if shortened < now.saturating_add(window) {
            let code = ErrorCode::R02_INSUFFICIENT_TIMEOUT;
            return Err(self.reject(code, "the packet expires too soon to be forwarded"));
        }
        Ok(shortened)
    }

    async fn forward(
        &self,
        from: &Account,
        hop: Hop,
        prepare: Prepare,
        (amount, expires_at): (Amount, Timestamp),
    ) -> Result<Fulfill, Reject> {
        let to = &hop.account;
        let hold = Hold::new((&from.ledger, prepare.amount), (&to.ledger, amount));
        let hold = hold.map_err(|side| {
            let message = match side {
                OutOfBounds::Incoming => "the sender's account would exceed its maximum balance",
                OutOfBounds::Outgoing => "the next account would exceed its minimum balance",
            };
            self.reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY, message)
        })?;
        let Some(plugin) = hop.plugin else {
            let message = "the next account is not attached";
            return Err(self.reject(ErrorCode::T01_PEER_UNREACHABLE, message));
        };
        trace!(from = from.name, to = to.name, %amount, "packet forwarded");
        let condition = prepare.condition;
        let sent = plugin.send(Prepare { amount, expires_at, ..prepare });
        // By the clock that the packet's expiry was compared with; the second that was taken off is for the answer.
        let limit = expires_at.saturating_since(self.clock.now());
        let fulfill = match time::timeout(limit, sent).await {
            Ok(Ok(Reply::Fulfill(fulfill))) => fulfill,
            Ok(Ok(Reply::Reject(reject))) => return Err(reject),
            Ok(Err(SendError::NotSent(reason))) => {
                debug!(to = to.name, reason, "packet not sent");
                let message = "the next account is not connected";
                return Err(self.reject(ErrorCode::T01_PEER_UNREACHABLE, message));
            }
            Ok(Err(SendError::Unknown(reason))) => {
                // The sender should take the outcome for unknown as well, and R00 says so.
                debug!(to = to.name, reason, "the packet's outcome is unknown");
                let message = "no answer from the next account";
                return Err(self.reject(ErrorCode::R00_TRANSFER_TIMED_OUT, message));
            }
            Err(_) => {
                let message = "the packet expired at the next account";
                return Err(self.reject(ErrorCode::R00_TRANSFER_TIMED_OUT, message));
            }
        };
        let preimage = Sha256::digest(fulfill.fulfillment.octets());
        if preimage.as_slice() != condition.octets() {
            let message = "the fulfillment does not fit the condition";
            return Err(self.reject(ErrorCode::F05_WRONG_CONDITION, message));
        }
        hold.settle();
        Ok(fulfill)
    }

    fn too_large(&self, received: Amount, maximum: Amount) -> Reject {
        let message = "the amount is too large";
        let code = match self.settings.too_large {
            TooLarge::F08 | TooLarge::F08Empty => ErrorCode::F08_AMOUNT_TOO_LARGE,
            TooLarge::T04 => ErrorCode::T04_INSUFFICIENT_LIQUIDITY,
        };
        let reject = self.reject(code, message);
        match self.settings.too_large {
            TooLarge::F08 => reject.with_data(AmountTooLarge { received, maximum }.encode()),
            TooLarge::F08Empty | TooLarge::T04 => reject,
        }
    }

    fn reject(&self, code: ErrorCode, message: &'static str) -> Reject {
        Reject { triggered_by: self.read().address().cloned(), ..handler::reject(code, message) }
    }
}
