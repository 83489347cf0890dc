use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use psk_codec::{ErrorCode, Reject, Reply};
use psk_crypto::SystemRandom;
use psk_plugin::Clock;
use psk_request::{Arrival, ChunkHandler};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::receive::{
    ChunkArrival, Decision, PaymentKey, PaymentOffer, ReceiveConfig, ReceiveEvent, ReceivePayments, Verdict,
    answer_packet,
};

/// The application's side of chunked payments. A closure from a [`PaymentOffer`] to a future of a [`Verdict`] is
/// one.
#[async_trait]
pub trait PaymentHandler: Send + Sync + 'static {
    /// Decides about a payment before anything of it is fulfilled. Whoever takes longer than the first chunk is
    /// valid refuses that chunk; whoever panics, the payment.
    async fn review(&self, offer: PaymentOffer) -> Verdict;

    /// Is told what happens, in order. Called while the receiver's books are locked: it must not block, nor call
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
        let tick = config.min_silence.min(config.review_timeout).max(Duration::from_millis(10));
        let inner = Arc::new(Inner {
            payments: Mutex::new(ReceivePayments::new(config)),
            handler: Box::new(handler),
            clock,
            origin: Instant::now(),
            verdicts: watch::channel(0).0,
        });
        tokio::spawn(watch_time(Arc::downgrade(&inner), tick));
        Self(inner)
    }

    /// Ends all payments that are under way, with an event for each; more chunks of them are refused.
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
    fn with_payments<T>(&self, work: impl FnOnce(&mut ReceivePayments, Duration) -> T) -> T {
        let mut payments: MutexGuard<'_, _> = self.payments.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut payments, self.origin.elapsed());
        while let Some(event) = payments.poll_event() {
            // What is counted stays counted: a panic here must not turn a Fulfill into a Reject.
            let told = std::panic::catch_unwind(AssertUnwindSafe(|| self.handler.on_event(event)));
            if told.is_err() {
                tracing::error!("a payment handler panicked while it was told an event");
            }
        }
        result
    }

    fn decide(&self, arrival: &Arrival) -> Option<Decision> {
        let chunk = ChunkArrival::of(arrival, self.clock.now().saturating_add(ANSWER_MARGIN))?;
        Some(self.with_payments(|payments, now| payments.handle_chunk(&chunk, now)))
    }

    /// The application's word, in time for the chunk to be answered.
    async fn review(&self, offer: PaymentOffer, arrival: &Arrival) -> Verdict {
        let left = arrival.fulfill_before.saturating_since(self.clock.now());
        let review = AssertUnwindSafe(self.handler.review(offer)).catch_unwind();
        match timeout(left.saturating_sub(ANSWER_MARGIN), review).await {
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

    fn tell_verdict(&self, payment: &PaymentKey, verdict: Verdict) {
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
