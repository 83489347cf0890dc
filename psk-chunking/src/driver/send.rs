use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use psk_codec::psk::Sequence;
use psk_codec::{Prepare, SourceAmount};
use psk_crypto::{Credentials, SystemRandom};
use psk_plugin::{Clock, Plugin, SendError as LinkError};
use psk_quote::RateInterval;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::send::{Account, Input, Output, SendConfig, SendEvent, SendPayment, SendReport};
use crate::time::Now;

/// How far a payment is: for progress bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Where the money is.
    pub account: Account,
    /// The rates that fit what arrived; `None` until the path has been searched.
    pub rate: Option<RateInterval>,
    /// The largest packet known to pass, in source units; `None` until the path has been searched.
    pub max_packet_amount: Option<SourceAmount>,
}

/// A payment that runs in a task of its own.
///
/// Dropping it does not end the payment, because its account would be lost: cancel it with its
/// [`control`](Self::control) and await [`finished`](Self::finished).
#[derive(Debug)]
pub struct RunningPayment {
    control: PaymentControl,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<SendReport>,
}

/// Commands for a running payment. Cheap to clone; commands for a payment that has ended do nothing.
#[derive(Clone, Debug)]
pub struct PaymentControl(mpsc::UnboundedSender<Command>);

#[derive(Clone, Copy, Debug)]
enum Command {
    Pause,
    Resume,
    Cancel,
}

impl PaymentControl {
    /// Sends no more until [`resume`](Self::resume). Deadlines go on.
    pub fn pause(&self) {
        self.tell(Command::Pause);
    }

    /// Goes on.
    pub fn resume(&self) {
        self.tell(Command::Resume);
    }

    /// Ends the payment, after what is in flight has been answered.
    pub fn cancel(&self) {
        self.tell(Command::Cancel);
    }

    fn tell(&self, command: Command) {
        // Nobody listens when the payment has ended: then there is nothing to do.
        let _ = self.0.send(command);
    }
}

impl RunningPayment {
    /// For commands.
    pub fn control(&self) -> PaymentControl {
        self.control.clone()
    }

    /// The latest progress, and a signal when it changes.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits for the end of the payment, whatever it is.
    ///
    /// # Panics
    ///
    /// When the runtime is shut down meanwhile.
    pub async fn finished(self) -> SendReport {
        match self.task.await {
            Ok(report) => report,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => panic!("the runtime was shut down during a payment: {error}"),
        }
    }
}

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
    let time = Time { clock, origin: Instant::now() };
    let machine = SendPayment::new(config, credentials, time.now());
    let (commands, inbox) = mpsc::unbounded_channel();
    let (progress, watcher) = watch::channel(Progress::default());
    let task = tokio::spawn(Driver { plugin, machine, time, inbox, progress }.run());
    RunningPayment { control: PaymentControl(commands), progress: watcher, task }
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
    plugin: Arc<dyn Plugin>,
    machine: SendPayment,
    time: Time,
    inbox: mpsc::UnboundedReceiver<Command>,
    progress: watch::Sender<Progress>,
}

impl Driver {
    async fn run(mut self) -> SendReport {
        let mut in_flight = FuturesUnordered::new();
        let mut shown = Progress::default();
        let sleep = sleep_until(self.time.origin);
        tokio::pin!(sleep);
        loop {
            let wait = loop {
                match self.machine.poll(self.time.now(), &mut SystemRandom) {
                    Output::Send { packet, prepare, .. } => {
                        in_flight.push(send_packet(self.plugin.clone(), packet, prepare));
                    }
                    Output::Event(event) => show(&mut shown, event),
                    Output::Wait(until) => break until,
                    Output::Ended(report) => return report,
                }
            };
            self.tell_progress(&mut shown);
            // Endless time-outs of callers are beyond what an instant can hold.
            let deadline = self.time.origin + wait.min(FAR_FUTURE);
            if sleep.deadline() != deadline {
                sleep.as_mut().reset(deadline);
            }
            let input = tokio::select! {
                Some(input) = in_flight.next(), if !in_flight.is_empty() => input,
                Some(command) = self.inbox.recv() => match command {
                    Command::Pause => Input::Pause,
                    Command::Resume => Input::Resume,
                    Command::Cancel => Input::Cancel,
                },
                () = &mut sleep => continue,
            };
            self.machine.handle(input, self.time.now(), &mut SystemRandom);
        }
    }

    fn tell_progress(&self, shown: &mut Progress) {
        shown.account = *self.machine.account();
        self.progress.send_if_modified(|progress| {
            let changed = progress != shown;
            *progress = *shown;
            changed
        });
    }
}

fn show(progress: &mut Progress, event: SendEvent) {
    tracing::trace!(?event);
    match event {
        SendEvent::PathFound { rate, max_packet_amount, .. } => {
            progress.rate = Some(rate);
            progress.max_packet_amount = Some(max_packet_amount);
        }
        SendEvent::RateMoved { rate, .. } => progress.rate = Some(rate),
        _ => {}
    }
}

async fn send_packet(plugin: Arc<dyn Plugin>, packet: Sequence, prepare: Prepare) -> Input {
    match plugin.send(prepare).await {
        Ok(reply) => Input::Reply { packet, reply },
        Err(LinkError::NotSent(reason)) => Input::NotSent { packet, reason },
        // Whatever else may go wrong: nobody knows whether the packet arrived.
        Err(error) => {
            tracing::debug!(%packet, %error);
            Input::Unanswered { packet }
        }
    }
}
