use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use psk_codec::psk::Sequence;
use psk_codec::{Prepare, SourceAmount};
use psk_crypto::{Credentials, SystemRandom};
use psk_plugin::{Clock, Plugin, SendError as LinkError};
use psk_quote::RedeemedQuote;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::refund_listener::ExpectedRefund;
use super::running::{Command, PathProgress, PaymentControl, Piece, Progress, ReceivedData, RunningPayment};
use crate::send::{Input, Output, PathIndex, SendConfig, SendEvent, SendPayment, SendReport};
use crate::time::Now;

/// Starts a payment over a plugin.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use psk_chunking::receive::{ReceiveConfig, Verdict};
/// use psk_chunking::send::{SendConfig, Target};
/// use psk_chunking::{PaymentReceiver, send_payment};
/// use psk_codec::{DestinationAmount, SourceAmount, psk::PaymentId};
/// use psk_crypto::{ReceiverSecret, SystemRandom};
/// use psk_plugin::{AccountDetails, Clock, memory};
/// use psk_request::{Endpoint, ReceiverConfig};
///
/// // A link in memory; over a network these would be BTP plugins.
/// let account = |name: &str| AccountDetails {
///     address: format!("test.{name}").parse().expect("an address"),
///     asset_scale: 9,
///     asset_code: "XRP".into(),
/// };
/// let (alice, bob) = memory::pair(account("alice"), account("bob"));
///
/// // Bob takes every payment.
/// let clock = Clock::system();
/// let payments = PaymentReceiver::new(ReceiveConfig::default(), |_offer| async { Verdict::Accept }, clock.clone());
/// let endpoint = Endpoint::attach(bob, clock.clone()).await?;
/// let secret = ReceiverSecret::generate(&mut SystemRandom);
/// let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments))?;
/// let credentials = receiver.credentials(b"")?;
///
/// // Alice sends a thousand units.
/// let target = Target::Source(SourceAmount::new(1_000));
/// let config = SendConfig::new(target, PaymentId::new([7; 16]));
/// let report = send_payment(alice, &credentials, config, clock).finished().await;
/// assert!(report.is_completed());
/// assert_eq!(report.account.delivered, DestinationAmount::new(1_000));
/// # Ok(())
/// # }
/// ```
pub fn send_payment(
    plugin: Arc<dyn Plugin>,
    credentials: &Credentials,
    config: SendConfig,
    clock: Clock,
) -> RunningPayment {
    send_payment_over(vec![plugin], credentials, config, None, clock)
}

/// Starts a payment over several plugins at once, each of which is a way to the receiver: a path of the payment has the
/// place of its plugin. The payment goes on as long as one of them works.
///
/// The accounts of all plugins must be in **the same asset with the same scale** ([`Plugin::details`]), for the
/// payment's amounts are in their units. Without any plugin the payment fails.
///
/// With a `refund` ([`RefundListener::expect`](super::RefundListener::expect), for the same credentials and payment id)
/// the receiver is told where to send money back when the payment fails half way, and a failed payment ends only when that
/// has come, or the [refund time-out](SendConfig::refund_timeout) has passed. It takes the place of
/// [`SendConfig::refund_account`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use psk_chunking::receive::{OnIncomplete, ReceiveConfig, Verdict};
/// # use psk_chunking::send::{SendConfig, SendError, Target};
/// # use psk_chunking::{PaymentReceiver, RefundListener, send_payment_over};
/// # use psk_codec::{SourceAmount, psk::PaymentId};
/// # use psk_crypto::{ReceiverSecret, SystemRandom};
/// # use psk_plugin::{AccountDetails, Clock, memory};
/// # use psk_request::{Endpoint, ReceiverConfig};
/// # let account = |name: &str| AccountDetails {
/// #     address: format!("test.{name}").parse().expect("an address"),
/// #     asset_scale: 9,
/// #     asset_code: "XRP".into(),
/// # };
/// # let (alice, bob) = memory::pair(account("alice"), account("bob"));
/// # let clock = Clock::system();
/// # let config = ReceiveConfig { on_incomplete: OnIncomplete::Refund, ..ReceiveConfig::default() };
/// # let payments = PaymentReceiver::new(config, |_offer| async { Verdict::Accept }, clock.clone());
/// # let payments = payments.with_refunds(bob.clone());
/// # let endpoint = Endpoint::attach(bob, clock.clone()).await?;
/// # let secret = ReceiverSecret::generate(&mut SystemRandom);
/// # let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments))?;
/// # let credentials = receiver.credentials(b"")?;
/// let endpoint = Endpoint::attach(alice.clone(), clock.clone()).await?;
/// let refunds = RefundListener::new(&endpoint)?;
///
/// let config = SendConfig::new(Target::Source(SourceAmount::new(1_000)), PaymentId::new([7; 16]));
/// let refund = refunds.expect(&credentials, config.payment_id)?;
/// let payment = send_payment_over(vec![alice], &credentials, config, Some(refund.clone()), clock);
/// payment.control().cancel();
/// let account = payment.finished().await.account;
/// assert_eq!(account.refunded, refund.refunded());
/// assert_eq!(account.lost(), SourceAmount::ZERO);
/// # Ok(())
/// # }
/// ```
pub fn send_payment_over(
    plugins: Vec<Arc<dyn Plugin>>,
    credentials: &Credentials,
    config: SendConfig,
    refund: Option<ExpectedRefund>,
    clock: Clock,
) -> RunningPayment {
    start(plugins, credentials, config, None, refund, clock)
}

/// As [`send_payment_over`], from a quote of this receiver **over the first plugin**: chunks go over it at once
/// ([`SendPayment::with_quote`]).
///
/// Ask for the quote with [`ProbeStyle::Chunk`](psk_quote::ProbeStyle::Chunk), or the first chunk goes alone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use psk_chunking::receive::{ReceiveConfig, Verdict};
/// # use psk_chunking::send::{SendConfig, Target};
/// # use psk_chunking::{PaymentReceiver, send_quoted_payment_over};
/// # use psk_codec::{SourceAmount, psk::PaymentId};
/// # use psk_crypto::{ReceiverSecret, SystemRandom};
/// # use psk_plugin::{AccountDetails, Clock, memory};
/// # use psk_request::{Destination, Endpoint, ReceiverConfig};
/// use psk_quote::{DriverOptions, ProbeStyle, quote_by_source};
///
/// # let account = |name: &str| AccountDetails {
/// #     address: format!("test.{name}").parse().expect("an address"),
/// #     asset_scale: 9,
/// #     asset_code: "XRP".into(),
/// # };
/// # let (alice, bob) = memory::pair(account("alice"), account("bob"));
/// # let clock = Clock::system();
/// # let payments = PaymentReceiver::new(ReceiveConfig::default(), |_offer| async { Verdict::Accept }, clock.clone());
/// # let endpoint = Endpoint::attach(bob, clock.clone()).await?;
/// # let secret = ReceiverSecret::generate(&mut SystemRandom);
/// # let receiver = endpoint.receiver(ReceiverConfig::new(secret).with_chunks(payments))?;
/// # let credentials = receiver.credentials(b"")?;
/// let amount = SourceAmount::new(1_000);
/// let options = DriverOptions { style: ProbeStyle::Chunk, ..DriverOptions::default() };
/// let quote = quote_by_source(&*alice, &Destination::from(&credentials), amount, &options).await?;
/// // Somebody looks at it and agrees.
/// let quote = quote.redeem(clock.now())?;
///
/// let config = SendConfig::new(Target::Source(amount), PaymentId::new([7; 16]));
/// let payment = send_quoted_payment_over(vec![alice], &credentials, config, quote, None, clock);
/// let report = payment.finished().await;
/// assert!(report.is_completed());
/// assert_eq!(report.probes, 0);
/// # Ok(())
/// # }
/// ```
pub fn send_quoted_payment_over(
    plugins: Vec<Arc<dyn Plugin>>,
    credentials: &Credentials,
    config: SendConfig,
    quote: RedeemedQuote,
    refund: Option<ExpectedRefund>,
    clock: Clock,
) -> RunningPayment {
    start(plugins, credentials, config, Some(quote), refund, clock)
}

fn start(
    plugins: Vec<Arc<dyn Plugin>>,
    credentials: &Credentials,
    mut config: SendConfig,
    quote: Option<RedeemedQuote>,
    refund: Option<ExpectedRefund>,
    clock: Clock,
) -> RunningPayment {
    if let Some(refund) = &refund {
        config.refund_account = Some(refund.account().clone());
    }
    let time = Time { clock, origin: Instant::now() };
    let (commands, inbox) = mpsc::unbounded_channel();
    let control = PaymentControl::new(commands, config.data.is_some());
    let mut machine = SendPayment::new(config, credentials, time.now()).with_paths(plugins.len());
    if let Some(quote) = quote {
        machine = machine.with_quote(quote);
    }
    let shown = Progress { paths: vec![PathProgress::default(); plugins.len()], ..Progress::default() };
    let (progress, watcher) = watch::channel(shown.clone());
    let (data, pieces) = mpsc::unbounded_channel();
    let refunds = Refunds { total: refund.as_ref().map(ExpectedRefund::watch), _expected: refund };
    let task = tokio::spawn(Driver { plugins, machine, time, inbox, refunds, shown, progress, data }.run());
    RunningPayment { control, progress: watcher, received: Some(ReceivedData::new(pieces)), task }
}

/// Far enough to be no deadline.
const FAR_FUTURE: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// Both kinds of time.
struct Time {
    clock: Clock,
    origin: Instant,
}

impl Time {
    fn now(&self) -> Now {
        Now { monotonic: self.origin.elapsed(), wall: self.clock.now() }
    }
}

struct Driver {
    plugins: Vec<Arc<dyn Plugin>>,
    machine: SendPayment,
    time: Time,
    inbox: mpsc::UnboundedReceiver<Command>,
    refunds: Refunds,
    shown: Progress,
    progress: watch::Sender<Progress>,
    data: mpsc::UnboundedSender<Piece>,
}

/// What comes back, if anything may.
struct Refunds {
    total: Option<watch::Receiver<SourceAmount>>,
    /// Held, so that it comes.
    _expected: Option<ExpectedRefund>,
}

impl Refunds {
    /// Waits until more has come back.
    async fn more(&mut self) {
        if let Some(total) = &mut self.total
            && total.changed().await.is_ok()
        {
            // It is still news to the machine.
            return total.mark_changed();
        }
        std::future::pending().await
    }

    /// How much has come back in all, when that is news.
    fn news(&mut self) -> Option<SourceAmount> {
        let total = self.total.as_mut().filter(|total| total.has_changed().unwrap_or(false))?;
        Some(*total.borrow_and_update())
    }
}

impl Driver {
    async fn run(mut self) -> SendReport {
        let mut in_flight = FuturesUnordered::new();
        let sleep = sleep_until(self.time.origin);
        tokio::pin!(sleep);
        loop {
            let wait = match self.drain(|packet| in_flight.push(packet.send())) {
                ControlFlow::Continue(wait) => wait,
                ControlFlow::Break(report) => return report,
            };
            // Endless time-outs of callers are beyond what an instant can hold.
            let deadline = self.time.origin + wait.min(FAR_FUTURE);
            if sleep.deadline() != deadline {
                sleep.as_mut().reset(deadline);
            }
            let input = tokio::select! {
                Some(input) = in_flight.next(), if !in_flight.is_empty() => Some(input),
                Some(command) = self.inbox.recv() => self.obey(command),
                () = self.refunds.more() => None,
                () = &mut sleep => None,
            };
            // What has come back was counted before the receiver was told so. Its word that this was all may be the
            // input.
            if let Some(total) = self.refunds.news() {
                self.machine.handle(Input::Refunded(total), self.time.now(), &mut SystemRandom);
            }
            if let Some(input) = input {
                self.machine.handle(input, self.time.now(), &mut SystemRandom);
            }
        }
    }

    /// Does what the machine says, until it waits or has ended.
    fn drain(&mut self, mut send: impl FnMut(Packet)) -> ControlFlow<SendReport, Duration> {
        let drained = loop {
            match self.machine.poll(self.time.now(), &mut SystemRandom) {
                Output::Send { packet, path, prepare } => {
                    let plugin = self.plugins.get(path.0).cloned();
                    send(Packet { plugin, packet, prepare });
                }
                Output::Event(event) => self.show(event),
                Output::Wait(until) => break ControlFlow::Continue(until),
                Output::Ended(report) => break ControlFlow::Break(report),
            }
        };
        self.tell_progress();
        drained
    }

    fn obey(&mut self, command: Command) -> Option<Input> {
        match command {
            Command::Pause => Some(Input::Pause),
            Command::Resume => Some(Input::Resume),
            Command::Cancel => Some(Input::Cancel),
            Command::GiveUpRefund => Some(Input::GiveUpRefund),
            Command::Write(data) => {
                if let Err(error) = self.machine.write(data) {
                    tracing::warn!(%error, "data for the receiver is not taken");
                }
                None
            }
            Command::FinishData => {
                self.machine.finish_data();
                None
            }
        }
    }

    fn tell_progress(&mut self) {
        self.shown.account = *self.machine.account();
        self.shown.data.acknowledged = self.machine.data_acknowledged();
        self.shown.data.delivered = self.machine.data_is_delivered();
        self.shown.data.refused = self.machine.data_refused();
        let shown = &self.shown;
        self.progress.send_if_modified(|progress| {
            let changed = progress != shown;
            if changed {
                progress.clone_from(shown);
            }
            changed
        });
    }

    fn show(&mut self, event: SendEvent) {
        tracing::trace!(?event);
        let mut show_path = |path: PathIndex, show: &dyn Fn(&mut PathProgress)| {
            if let Some(path) = self.shown.paths.get_mut(path.0) {
                show(path);
            }
        };
        match event {
            SendEvent::PathFound { path, rate, max_packet_amount } => show_path(path, &|path| {
                path.rate = Some(rate);
                path.max_packet_amount = Some(max_packet_amount);
            }),
            SendEvent::RateMoved { path, rate } => show_path(path, &|path| path.rate = Some(rate)),
            SendEvent::PathFailed { path } => show_path(path, &|path| path.failed = true),
            SendEvent::Data(octets) => {
                let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
                self.shown.data.received = self.shown.data.received.saturating_add(length);
                // The caller may not want to have it.
                let _ = self.data.send(Piece::Octets(octets));
            }
            SendEvent::DataComplete => {
                self.shown.data.received_all = true;
                let _ = self.data.send(Piece::End);
            }
            _ => {}
        }
    }
}

/// A packet that is to leave.
struct Packet {
    plugin: Option<Arc<dyn Plugin>>,
    packet: Sequence,
    prepare: Prepare,
}

impl Packet {
    async fn send(self) -> Input {
        let packet = self.packet;
        let Some(plugin) = self.plugin else {
            return Input::NotSent { packet, reason: "there is no plugin".to_owned() };
        };
        match plugin.send(self.prepare).await {
            Ok(reply) => Input::Reply { packet, reply },
            Err(LinkError::NotSent(reason)) => Input::NotSent { packet, reason },
            // Whatever else may go wrong: nobody knows whether the packet arrived.
            Err(error) => {
                tracing::debug!(%packet, %error);
                Input::Unanswered { packet }
            }
        }
    }
}
