use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use psk_codec::{DestinationAmount, ErrorCode, Reject, Reply};
use psk_crypto::SystemRandom;
use psk_plugin::{Clock, Plugin};
use psk_request::{Arrival, ChunkHandler};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::refund::pay_refund;
use crate::receive::{
    ChunkArrival, Decision, PaymentKey, PaymentOffer, ReceiveConfig, ReceiveEvent, ReceivePayments,
    RefundError, RefundOrder, Verdict, WriteDataError, answer_packet,
};

/// The application's side of chunked payments. A closure from a [`PaymentOffer`] to a future of a [`Verdict`] is
/// one.
#[async_trait]
pub trait PaymentHandler: Send + Sync + 'static {
    /// Decides about a payment before anything of it is fulfilled. Whoever takes longer than the
    /// [review time-out](ReceiveConfig::review_timeout), or than the chunk is valid, refuses that chunk and is asked
    /// again at the next one; whoever panics, the payment.
    async fn review(&self, offer: PaymentOffer) -> Verdict;

    /// Is told what happens, in order: also the sender's data ([`ReceiveEvent::Data`]), and refunds. Called while the receiver's books are locked: it must not block, nor call
    /// the receiver.
    fn on_event(&self, event: ReceiveEvent) {
        let _ = event;
    }
}

#[async_trait]
impl<F, Answer> PaymentHandler for F
where
    F: Fn(PaymentOffer) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Verdict> + Send,
{
    async fn review(&self, offer: PaymentOffer) -> Verdict {
        self(offer).await
    }
}

/// Receives chunked payments: the [`ChunkHandler`] for a [`psk_request::EndpointReceiver`]. Cheap to clone.
#[derive(Clone)]
pub struct PaymentReceiver(Arc<Inner>);

struct Inner {
    payments: Mutex<ReceivePayments>,
    handler: Box<dyn PaymentHandler>,
    clock: Clock,
    origin: Instant,
    review_timeout: Duration,
    /// Over which refunds are paid.
    refunds: OnceLock<Arc<dyn Plugin>>,
    /// How many of them are under way.
    refunding: watch::Sender<usize>,
    /// Where tasks run, whoever calls.
    runtime: Handle,
    /// Counts verdicts; chunks that wait for one watch it.
    verdicts: watch::Sender<u64>,
}

/// A packet that expires so soon is taken for expired: between the decision to count it and its Fulfill leaving it
/// must not expire.
const ANSWER_MARGIN: Duration = Duration::from_millis(50);

impl PaymentReceiver {
    /// A receiver without payments. Has to be made within a tokio runtime, where it watches for silence.
    pub fn new(config: ReceiveConfig, handler: impl PaymentHandler, clock: Clock) -> Self {
        // Never so short that watching would keep a processor busy.
        let tick = config.min_silence.min(config.review_timeout).min(config.refund_pause);
        let tick = tick.max(Duration::from_millis(10));
        let review_timeout = config.review_timeout;
        let inner = Arc::new(Inner {
            payments: Mutex::new(ReceivePayments::new(config)),
            handler: Box::new(handler),
            clock,
            origin: Instant::now(),
            review_timeout,
            refunds: OnceLock::new(),
            refunding: watch::channel(0).0,
            runtime: Handle::current(),
            verdicts: watch::channel(0).0,
        });
        tokio::spawn(watch_time(Arc::downgrade(&inner), tick));
        Self(inner)
    }

    /// Pays refunds over this plugin: those by the [policy](ReceiveConfig::on_incomplete) and those that the
    /// application orders. Without one, refunds come to nothing. The first plugin that is given stays.
    #[must_use]
    pub fn with_refunds(self, plugin: Arc<dyn Plugin>) -> Self {
        let _ = self.0.refunds.set(plugin);
        self
    }

    /// Refunds so much of a payment that is over, in units of the receiver's asset, to what is refunded already.
    pub fn refund(&self, payment: &PaymentKey, amount: DestinationAmount) -> Result<(), RefundError> {
        self.0.with_payments(|payments, now| payments.refund(payment, amount, now))
    }

    /// Adds to the data for the sender of this payment, which goes with answers to its chunks.
    pub fn write(&self, payment: &PaymentKey, data: Bytes) -> Result<(), WriteDataError> {
        self.0.with_payments(|payments, _| payments.write(payment, data))
    }

    /// Nothing more will be written for the sender of this payment.
    pub fn finish_data(&self, payment: &PaymentKey) -> Result<(), WriteDataError> {
        self.0.with_payments(|payments, _| payments.finish_data(payment))
    }

    /// Waits until no refund is under way; those that are to be tried again later do not count.
    pub async fn refunds_paid(&self) {
        let mut refunding = self.0.refunding.subscribe();
        // It ends with the receiver, which this holds.
        let _ = refunding.wait_for(|count| *count == 0).await;
    }

    /// Ends all payments that are under way, with an event for each; more chunks of them are refused, and refunds
    /// begin by the policy.
    pub fn stop(&self) {
        self.0.with_payments(|payments, now| payments.stop(now));
    }
}

/// Looks for payments that have fallen silent. None does earlier than a silence time-out from now.
async fn watch_time(inner: Weak<Inner>, tick: Duration) {
    loop {
        let pause = match inner.upgrade() {
            None => return,
            Some(inner) => inner.with_payments(|payments, now| {
                let next = payments.handle_time(now).unwrap_or(Duration::MAX);
                next.saturating_sub(now).min(tick)
            }),
        };
        sleep(pause).await;
    }
}

impl Inner {
    /// Runs `work` on the books and tells the application what happened.
    pub(super) fn with_payments<T>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut ReceivePayments, Duration) -> T,
    ) -> T {
        let mut payments: MutexGuard<'_, _> = self.payments.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut payments, self.origin.elapsed());
        while let Some(event) = payments.poll_event() {
            if let ReceiveEvent::RefundDue(order) = &event {
                self.begin_refund(order.clone());
            }
            // What is counted stays counted: a panic here must not turn a Fulfill into a Reject.
            let told = std::panic::catch_unwind(AssertUnwindSafe(|| self.handler.on_event(event)));
            if told.is_err() {
                tracing::error!("a payment handler panicked while it was told an event");
            }
        }
        result
    }

    fn begin_refund(self: &Arc<Self>, order: RefundOrder) {
        self.refunding.send_modify(|count| *count += 1);
        let (inner, plugin) = (self.clone(), self.refunds.get().cloned());
        self.runtime.spawn(async move {
            let key = order.payment.clone();
            let tell = |spent| inner.with_payments(|payments, _| payments.refund_progress(&key, spent));
            let spent = match plugin {
                Some(plugin) => pay_refund(plugin, order, inner.clock.clone(), tell).await,
                None => {
                    tracing::warn!("a refund is due, and there is no plugin to pay it over");
                    DestinationAmount::ZERO
                }
            };
            inner.with_payments(|payments, now| payments.refund_ended(&key, spent, now));
            inner.refunding.send_modify(|count| *count = count.saturating_sub(1));
        });
    }

    fn decide(self: &Arc<Self>, arrival: &Arrival) -> Option<Decision> {
        let chunk = ChunkArrival::of(arrival, self.clock.now().saturating_add(ANSWER_MARGIN))?;
        Some(self.with_payments(|payments, now| payments.handle_chunk(&chunk, now)))
    }

    /// The application's word, in time for the chunk to be answered.
    async fn review(&self, offer: PaymentOffer, arrival: &Arrival) -> Verdict {
        let left = arrival.fulfill_before.saturating_since(self.clock.now());
        let review = AssertUnwindSafe(self.handler.review(offer)).catch_unwind();
        match timeout(left.saturating_sub(ANSWER_MARGIN).min(self.review_timeout), review).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => {
                // Final, because a JS sender repeats a chunk that is refused for now at once and for ever.
                tracing::error!("a payment handler panicked");
                Verdict::Refuse
            }
            Err(_) => {
                tracing::warn!("a payment handler did not answer in time");
                Verdict::RefuseChunk
            }
        }
    }

    fn tell_verdict(self: &Arc<Self>, payment: &PaymentKey, verdict: Verdict) {
        self.with_payments(|payments, now| payments.handle_verdict(payment, verdict, now));
    }
}

#[async_trait]
impl ChunkHandler for PaymentReceiver {
    async fn handle_chunk(&self, arrival: Arrival) -> Reply {
        let inner = &self.0;
        let mut verdicts = inner.verdicts.subscribe();
        loop {
            verdicts.mark_unchanged();
            let Some(decision) = inner.decide(&arrival) else { return not_a_chunk(&arrival) };
            match decision {
                Decision::Review(offer) => {
                    let payment = offer.payment.clone();
                    let verdict = inner.review(offer, &arrival).await;
                    inner.tell_verdict(&payment, verdict);
                    let answer = inner.decide(&arrival);
                    inner.verdicts.send_modify(|count| *count += 1);
                    if let Some(reply) = answer.and_then(|answer| seal(&arrival, &answer)) {
                        return reply;
                    }
                }
                Decision::AwaitReview => {
                    let left = arrival.fulfill_before.saturating_since(inner.clock.now());
                    // Decided anew either way: as expired, or by the verdict.
                    let _ = timeout(left, verdicts.changed()).await;
                }
                decided => {
                    if let Some(reply) = seal(&arrival, &decided) {
                        return reply;
                    }
                }
            }
        }
    }
}

fn seal(arrival: &Arrival, decision: &Decision) -> Option<Reply> {
    answer_packet(arrival, decision, &mut SystemRandom)
}

/// The endpoint hands chunks only to a chunk handler.
fn not_a_chunk(arrival: &Arrival) -> Reply {
    Reject::new(ErrorCode::F06_UNEXPECTED_PAYMENT, arrival.receiver.clone()).into()
}
