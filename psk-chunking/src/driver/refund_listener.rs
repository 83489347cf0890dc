//! What comes back to a sender (docs/frames.md, "Refunds").

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use psk_codec::psk::PaymentId;
use psk_codec::{Address, Amount, SourceAmount};
use psk_crypto::{
    Credentials, CredentialsError, Random, ReceiverSecret, SharedSecret, SystemRandom, refund_payment_id,
};
use psk_request::{
    AccountSuffix, Endpoint, EndpointReceiver, ReceiverConfig, ReceiverError, RegisterError, RejectAll,
};
use tokio::sync::watch;

use super::receive::{PaymentHandler, PaymentReceiver};
use super::telling::When;
use crate::receive::{PaymentOffer, ReceiveConfig, ReceiveEvent, Verdict};

/// Receives the refunds of payments that are sent over a plugin: one receiver on its endpoint, with an account for each
/// payment. Cheap to clone.
///
/// It is at an address of its own below the endpoint's, so that it is in nobody's way. After the endpoint's address has
/// changed, refunds of payments that were begun before go nowhere.
#[derive(Clone)]
pub struct RefundListener {
    receiver: EndpointReceiver,
    books: Books,
}

/// What may come back of one payment, and how much has. It comes as long as this, or a clone of it, is held, also when
/// the payment has ended long before.
#[derive(Clone)]
#[must_use = "a refund comes only as long as this is held"]
pub struct ExpectedRefund(Arc<Expected>);

struct Expected {
    listener: RefundListener,
    secret: SharedSecret,
    account: Address,
    suffix: AccountSuffix,
    total: watch::Receiver<SourceAmount>,
}

/// The accounts, by the last segments of their addresses.
#[derive(Clone, Default)]
struct Books(Arc<Mutex<HashMap<AccountSuffix, Entry>>>);

struct Entry {
    payment_id: PaymentId,
    total: watch::Sender<SourceAmount>,
}

impl RefundListener {
    /// Listens on an endpoint of the sender's plugin. Has to be called within a tokio runtime.
    pub fn new(endpoint: &Endpoint) -> Result<Self, ReceiverError> {
        let books = Books::default();
        let random = &mut SystemRandom;
        // Refunds bring no data, and are themselves never refunded.
        let limits = ReceiveConfig { max_data_length: 0, ..ReceiveConfig::default() };
        // At once, so that what came back is known here before the receiver can know it, and say that this was all.
        let clock = endpoint.clock().clone();
        let payments = PaymentReceiver::telling(limits, books.clone(), clock, When::AtOnce);
        let config = ReceiverConfig::new(ReceiverSecret::generate(random))
            .with_label(fresh_label(random))
            .with_chunks(payments);
        Ok(Self { receiver: endpoint.receiver(config)?, books })
    }

    /// Expects the refund of a payment to the receiver of these credentials, which must not have begun yet. Only that
    /// receiver, and the sender, know the secret by which it comes.
    ///
    /// # Errors
    ///
    /// When the refund of that very payment is expected already.
    pub fn expect(
        &self,
        credentials: &Credentials,
        payment_id: PaymentId,
    ) -> Result<ExpectedRefund, RegisterError> {
        let secret = credentials.shared_secret.refund(payment_id.octets());
        let account = self.receiver.register_secret(secret.clone(), "refund", RejectAll)?.destination_account;
        let suffix = account.segments().last().unwrap_or_default().parse();
        let suffix: AccountSuffix =
            suffix.map_err(|error| RegisterError::Credentials(CredentialsError::Address(error)))?;
        let (total, watcher) = watch::channel(SourceAmount::ZERO);
        self.books.lock().insert(suffix.clone(), Entry { payment_id, total });
        let listener = self.clone();
        Ok(ExpectedRefund(Arc::new(Expected { listener, secret, account, suffix, total: watcher })))
    }
}

/// Random, and says nothing to the hops that see it.
fn fresh_label(random: &mut dyn Random) -> String {
    let mut octets = [0; 8];
    random.fill_secure(&mut octets);
    format!("{:016x}", u64::from_be_bytes(octets))
}

impl ExpectedRefund {
    /// Where the refund goes: [`SendConfig::refund_account`](crate::send::SendConfig::refund_account).
    pub fn account(&self) -> &Address {
        &self.0.account
    }

    /// What has come back until now, in source units.
    pub fn refunded(&self) -> SourceAmount {
        *self.0.total.borrow()
    }

    /// The same with a signal when it changes.
    pub fn watch(&self) -> watch::Receiver<SourceAmount> {
        self.0.total.clone()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.listener.receiver.deregister_secret(self.secret.clone());
        self.listener.books.lock().remove(&self.suffix);
    }
}

impl Books {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccountSuffix, Entry>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PaymentHandler for Books {
    async fn review(&self, offer: PaymentOffer) -> Verdict {
        let payment_id = self.lock().get(&offer.payment.account).map(|entry| entry.payment_id);
        match payment_id {
            Some(refunded) if is_refund_of(refunded, offer.payment.payment_id) => Verdict::Accept,
            _ => Verdict::Refuse,
        }
    }

    fn on_event(&self, event: ReceiveEvent) {
        let ReceiveEvent::ChunkFulfilled { payment, amount, .. } = event else { return };
        match self.lock().get(&payment.account) {
            Some(entry) => entry.total.send_modify(|total| {
                // Of this asset there are no more than 64 bits.
                *total = total.saturating_add(Amount::from(amount).at_source());
            }),
            None => tracing::warn!(%amount, "money came back of a payment that is not looked after any more"),
        }
    }
}

fn is_refund_of(payment: PaymentId, refund: PaymentId) -> bool {
    (0..=u8::MAX).any(|attempts| refund_payment_id(payment.octets(), attempts) == *refund.octets())
}

impl fmt::Debug for RefundListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = self.books.lock().len();
        f.debug_struct("RefundListener").field("expected", &expected).finish_non_exhaustive()
    }
}

impl fmt::Debug for ExpectedRefund {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (account, refunded) = (self.account(), self.refunded());
        f.debug_struct("ExpectedRefund")
            .field("account", account)
            .field("refunded", &refunded)
            .finish_non_exhaustive()
    }
}
