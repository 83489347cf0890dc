use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use psk_codec::psk::Sequence;
use psk_codec::{DestinationAmount, ErrorCode, Reject, Reply};
use psk_crypto::SystemRandom;
use psk_plugin::{Clock, Plugin};
use psk_request::{Arrival, ChunkHandler};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::refund::pay_refund;
use super::refund_queue::RefundQueue;
use super::telling::{Telling, When};
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

    /// Is told what happens, in order and one at a time: also the sender's data ([`ReceiveEvent::Data`]), and refunds.
    ///
    /// A task of its own tells, soon after it happened: no chunk waits for it. It is a task of the runtime all the same,
    /// so whoever has to wait here, as for a disk, should do so in tokio's `block_in_place` or in a thread. When
    /// 16 MiB of events wait to be told, chunks are refused for now.
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
    telling: Arc<Telling>,
    clock: Clock,
    origin: Instant,
    review_timeout: Duration,
    /// Over which refunds are paid.
    refunds: OnceLock<Arc<dyn Plugin>>,
    /// Those that are due: some are paid at once, and others wait.
    refunds_due: Mutex<RefundQueue>,
    /// How many of them there are.
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
        Self::telling(config, handler, clock, When::Soon)
    }

    pub(super) fn telling(
        config: ReceiveConfig,
        handler: impl PaymentHandler,
        clock: Clock,
        when: When,
    ) -> Self {
        // Never so short that watching would keep a processor busy.
        let tick = config.min_silence.min(config.review_timeout).min(config.refund_pause);
        let tick = tick.max(Duration::from_millis(10));
        let review_timeout = config.review_timeout;
        let inner = Arc::new(Inner {
            payments: Mutex::new(ReceivePayments::new(config)),
            telling: Arc::new(Telling::new(handler, when, Handle::current())),
            clock,
            origin: Instant::now(),
            review_timeout,
            refunds: OnceLock::new(),
            refunds_due: Mutex::default(),
            refunding: watch::channel(0).0,
            runtime: Handle::current(),
            verdicts: watch::channel(0).0,
        });
        tokio::spawn(watch_time(Arc::downgrade(&inner), tick));
        Self(inner)
    }

    /// Pays refunds over this plugin: those by the [policy](ReceiveConfig::on_incomplete) and those that the
    /// application orders; some dozens at once, of one account eight. Without one, refunds come to nothing. The first
    /// plugin that is given stays.
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

    /// Waits until no refund is under way, or waits for those that are; those that are to be tried again later do not
    /// count.
    pub async fn refunds_paid(&self) {
        let mut refunding = self.0.refunding.subscribe();
        // It ends with the receiver, which this holds.
        let _ = refunding.wait_for(|count| *count == 0).await;
    }

    /// Waits until the application has been told all that has happened.
    pub async fn events_told(&self) {
        self.0.telling.all_told().await;
    }

    /// Ends all payments that are under way, with an event for each, and lets none begin any more: chunks are refused
    /// from now on. Refunds begin by the policy.
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
    /// Runs `work` on the books, and has the application told what happened.
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
            self.telling.add(event);
        }
        drop(payments);
        self.telling.begin();
        result
    }

    fn begin_refund(self: &Arc<Self>, order: RefundOrder) {
        self.refunding.send_modify(|count| *count += 1);
        self.refunds_due().add(order);
        self.pay_refunds();
    }

    /// Pays as many refunds at once as may be.
    fn pay_refunds(self: &Arc<Self>) {
        loop {
            let next = self.refunds_due().begin_next();
            let Some(order) = next else { return };
            self.pay(order);
        }
    }

    fn pay(self: &Arc<Self>, order: RefundOrder) {
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
            inner.refunds_due().ended(&key.account);
            inner.pay_refunds();
        });
    }

    fn refunds_due(&self) -> MutexGuard<'_, RefundQueue> {
        // Nothing panics while it holds the lock.
        self.refunds_due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(self: &Arc<Self>, arrival: &Arrival) -> Option<Decision> {
        let mut chunk = ChunkArrival::of(arrival, self.clock.now())?;
        Some(self.with_payments(|payments, now| {
            // It may have waited for the books: what counts is when it is counted.
            chunk.judge_at(arrival, self.clock.now().saturating_add(ANSWER_MARGIN));
            payments.handle_chunk(&chunk, now)
        }))
    }

    /// The application's word, in time for the chunk to be answered.
    async fn review(&self, offer: PaymentOffer, arrival: &Arrival) -> Verdict {
        let left = arrival.fulfill_before.saturating_since(self.clock.now());
        let review = AssertUnwindSafe(self.telling.handler().review(offer)).catch_unwind();
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

    fn tell_verdict(self: &Arc<Self>, payment: &PaymentKey, sequence: Sequence, verdict: Verdict) {
        self.with_payments(|payments, now| payments.handle_verdict(payment, sequence, verdict, now));
    }
}

#[async_trait]
impl ChunkHandler for PaymentReceiver {
    async fn handle_chunk(&self, arrival: Arrival) -> Reply {
        let inner = &self.0;
        let mut verdicts = inner.verdicts.subscribe();
        if inner.telling.is_behind() {
            return busy(&arrival);
        }
        loop {
            verdicts.mark_unchanged();
            let Some(mut decision) = inner.decide(&arrival) else { return not_a_chunk(&arrival) };
            // A word that came too late counts for nothing: then the application may have to be asked anew.
            while let Decision::Review(offer) = decision {
                let (payment, sequence) = (offer.payment.clone(), offer.sequence);
                let verdict = inner.review(offer, &arrival).await;
                inner.tell_verdict(&payment, sequence, verdict);
                let Some(decided) = inner.decide(&arrival) else { return not_a_chunk(&arrival) };
                decision = decided;
                inner.verdicts.send_modify(|count| *count += 1);
            }
            if let Some(reply) = seal(&arrival, &decision) {
                return reply;
            }
            let left = arrival.fulfill_before.saturating_since(inner.clock.now());
            // Decided anew either way: as expired, or by the verdict.
            let _ = timeout(left, verdicts.changed()).await;
        }
    }
}

fn seal(arrival: &Arrival, decision: &Decision) -> Option<Reply> {
    answer_packet(arrival, decision, &mut SystemRandom)
}

/// Without a body, since nothing of it was read.
fn busy(arrival: &Arrival) -> Reply {
    tracing::warn!("the application does not hear what happens: a chunk is refused for now");
    Reject::new(ErrorCode::T03_CONNECTOR_BUSY, arrival.receiver.clone()).into()
}

/// The endpoint hands chunks only to a chunk handler.
fn not_a_chunk(arrival: &Arrival) -> Reply {
    Reject::new(ErrorCode::F06_UNEXPECTED_PAYMENT, arrival.receiver.clone()).into()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use psk_codec::psk::{ChunkKind, ChunkPacket, PaymentId, PskPacket};
    use psk_codec::{Amount, Prepare, Timestamp};
    use psk_crypto::{Keys, ReceiverSecret, SeededRandom, condition_of};
    use psk_request::{Receiver, ReceiverOptions};

    use super::*;
    use crate::receive::ChunkRefusal;

    /// Valid for 30 s.
    fn chunk(now: Timestamp, sequence: u32) -> Arrival {
        let secret = ReceiverSecret::from_octets(&[7; 32]).unwrap();
        let receiver = Receiver::new("test.bob".parse().unwrap(), secret, ReceiverOptions::default());
        // The same account each time.
        let credentials = receiver.credentials(b"", &mut SeededRandom::new(1)).unwrap();
        let keys = Keys::derive(&credentials.shared_secret);
        let packet = PskPacket::Chunk(ChunkPacket {
            kind: ChunkKind::Chunk,
            payment_id: PaymentId::new([9; 16]),
            sequence: Sequence::new(sequence),
            payment_amount: ChunkPacket::OPEN_ENDED,
            chunk_amount: Amount::new(5),
            application_data: Bytes::new(),
        });
        let data = keys.seal_packet(&packet, &mut SystemRandom).unwrap();
        let prepare = Prepare {
            amount: Amount::new(5),
            expires_at: now.saturating_add(Duration::from_secs(30)),
            condition: condition_of(&keys.fulfillment(&data)),
            destination: credentials.destination_account,
            data,
        };
        receiver.open(&prepare, now).unwrap()
    }

    #[test]
    fn a_chunk_that_expires_while_it_waits_for_the_books_is_not_counted() {
        let runtime = || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().start_paused(true).build().unwrap()
        };
        // Of the second one the tasks never run: they would want the books, too.
        let (time, tasks) = (runtime(), runtime());
        let clock = {
            let _entered = time.enter();
            Clock::starting_at(Timestamp::from_unix_millis(1_700_000_000_000).unwrap())
        };
        let payments = {
            let _entered = tasks.enter();
            let accept = |_: PaymentOffer| async { Verdict::Accept };
            PaymentReceiver::new(ReceiveConfig::default(), accept, clock.clone())
        };
        let arrival = chunk(Timestamp::from_unix_millis(1_700_000_000_000).unwrap(), 1);
        let (begins, begun) = channel();
        let decision = std::thread::scope(|scope| {
            let books = payments.0.payments.lock().unwrap();
            let waits = scope.spawn(|| {
                let _entered = time.enter();
                begins.send(()).unwrap();
                payments.0.decide(&arrival)
            });
            begun.recv().unwrap();
            time.block_on(tokio::time::advance(Duration::from_secs(31)));
            drop(books);
            waits.join().unwrap()
        });
        assert!(
            matches!(&decision, Some(Decision::Refuse { refusal: ChunkRefusal::Expired, .. })),
            "{decision:?}"
        );
    }

    /// The word about a chunk comes too late, and meanwhile that about another one was there.
    #[tokio::test(start_paused = true)]
    async fn a_chunk_about_which_the_application_is_to_be_asked_anew_does_not_wait_for_it() {
        let clock = Clock::starting_at(Timestamp::from_unix_millis(1_700_000_000_000).unwrap());
        let (asked, mut offers) = watch::channel(0);
        let (may_answer, answers) = watch::channel(false);
        let review = move |_: PaymentOffer| {
            asked.send_modify(|count| *count += 1);
            let (is_first, mut answers) = (*asked.borrow() == 1, answers.clone());
            async move {
                if is_first {
                    let _ = answers.wait_for(|may| *may).await;
                }
                Verdict::AcceptChunk
            }
        };
        let payments = PaymentReceiver::new(ReceiveConfig::default(), review, clock.clone());
        let (receiver, arrival) = (payments.clone(), chunk(clock.now(), 1));
        let first = tokio::spawn(async move { receiver.handle_chunk(arrival).await });
        offers.wait_for(|count| *count == 1).await.unwrap();
        // It is a little later there than here.
        let late = payments.0.review_timeout;
        payments.0.with_payments(|payments, now| payments.handle_time(now.saturating_add(late)));
        assert!(matches!(payments.handle_chunk(chunk(clock.now(), 2)).await, Reply::Fulfill(_)));
        may_answer.send(true).unwrap();
        let reply = timeout(Duration::from_secs(1), first).await.expect("it waits").unwrap();
        assert!(matches!(reply, Reply::Fulfill(_)), "{reply:?}");
    }
}
