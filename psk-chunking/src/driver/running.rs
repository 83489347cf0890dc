//! What the caller of a payment holds while it runs.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use psk_codec::SourceAmount;
use psk_codec::psk::frame::CloseReason;
use psk_quote::RateInterval;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::send::{Account, SendReport};
use crate::stream::WriteError;

/// How far a payment is: for progress bars.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Where the money is.
    pub account: Account,
    /// What is known of each path, in the order in which the plugins were given.
    pub paths: Vec<PathProgress>,
    /// How far the application's data is.
    pub data: DataProgress,
}

/// How far a payment's path is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathProgress {
    /// The rates that fit what arrived; `None` until the path has been searched.
    pub rate: Option<RateInterval>,
    /// The largest packet known to pass, in source units; `None` until the path has been searched.
    pub max_packet_amount: Option<SourceAmount>,
    /// Nothing more goes over it, and the payment goes on over others. When the last one fails, the payment does, and its
    /// report says why.
    pub failed: bool,
}

/// How far the application's data is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataProgress {
    /// So many octets of what was written has the receiver, without a gap before them.
    pub acknowledged: u64,
    /// The receiver has all that was written, and knows that it is all.
    pub delivered: bool,
    /// Why the receiver does not take it, if it has said so.
    pub refused: Option<CloseReason>,
    /// So many octets of the receiver's data have come, in order.
    pub received: u64,
    /// They are all of it.
    pub received_all: bool,
}

/// A payment that runs in a task of its own.
///
/// Dropping it does not end the payment, because its account would be lost: cancel it with its
/// [`control`](Self::control) and await [`finished`](Self::finished).
#[derive(Debug)]
pub struct RunningPayment {
    pub(super) control: PaymentControl,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) received: Option<ReceivedData>,
    pub(super) task: JoinHandle<SendReport>,
}

impl RunningPayment {
    /// For commands.
    pub fn control(&self) -> PaymentControl {
        self.control.clone()
    }

    /// The latest progress, and a signal when it changes. The last one stays when the payment has ended.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// The data that comes from the receiver; once, `None` after that.
    pub fn received_data(&mut self) -> Option<ReceivedData> {
        self.received.take()
    }

    /// Waits for the end of the payment, whatever it is. The receiver's data is dropped unless
    /// [`received_data`](Self::received_data) was called before.
    ///
    /// # Panics
    ///
    /// When the runtime is shut down meanwhile.
    pub async fn finished(self) -> SendReport {
        drop(self.received);
        match self.task.await {
            Ok(report) => report,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => panic!("the runtime was shut down during a payment: {error}"),
        }
    }
}

/// Commands for a running payment. Cheap to clone; commands for a payment that has ended do nothing.
#[derive(Clone, Debug)]
pub struct PaymentControl {
    commands: mpsc::UnboundedSender<Command>,
    /// Whether the data for the receiver has been finished. Held while a command about it is given, so that none comes
    /// after the end.
    data_finished: Arc<Mutex<bool>>,
}

#[derive(Debug)]
pub(super) enum Command {
    Pause,
    Resume,
    Cancel,
    GiveUpRefund,
    Write(Bytes),
    FinishData,
}

impl PaymentControl {
    pub(super) fn new(commands: mpsc::UnboundedSender<Command>, data_finished: bool) -> Self {
        Self { commands, data_finished: Arc::new(Mutex::new(data_finished)) }
    }

    /// Sends no more until [`resume`](Self::resume). Deadlines go on.
    pub fn pause(&self) {
        self.tell(Command::Pause);
    }

    /// Goes on.
    pub fn resume(&self) {
        self.tell(Command::Resume);
    }

    /// Ends the payment, after what is in flight has been answered, and what may come back has come.
    pub fn cancel(&self) {
        self.tell(Command::Cancel);
    }

    /// Waits no longer for what may come back: a payment that has failed or was cancelled ends after what is in flight
    /// has been answered, and its report has what has come back by then. What comes later is in
    /// [`ExpectedRefund::refunded`](crate::ExpectedRefund::refunded), as long as that is held.
    pub fn give_up_refund(&self) {
        self.tell(Command::GiveUpRefund);
    }

    /// Adds to the data that goes to the receiver beside the money. What is written is kept until the receiver has it:
    /// who writes much looks at the [`Progress`]. Finish it ([`finish_data`](Self::finish_data)), or the payment waits
    /// for more.
    ///
    /// # Errors
    ///
    /// When the data has been finished, as it has from the start by [`SendConfig::data`](crate::send::SendConfig::data).
    pub fn write(&self, data: Bytes) -> Result<(), WriteError> {
        let finished = self.data_finished.lock().unwrap_or_else(PoisonError::into_inner);
        if *finished {
            return Err(WriteError::Finished);
        }
        self.tell(Command::Write(data));
        Ok(())
    }

    /// Nothing more will be written. The payment does not end before the receiver has all of it, if it takes data.
    pub fn finish_data(&self) {
        let mut finished = self.data_finished.lock().unwrap_or_else(PoisonError::into_inner);
        if !*finished {
            *finished = true;
            self.tell(Command::FinishData);
        }
    }

    fn tell(&self, command: Command) {
        // Nobody listens when the payment has ended: then there is nothing to do.
        let _ = self.commands.send(command);
    }
}

/// What comes from the receiver beside the money, in order. All of it is at most
/// [`SendConfig::max_received_data`](crate::send::SendConfig::max_received_data) octets long.
#[derive(Debug)]
pub struct ReceivedData {
    pieces: mpsc::UnboundedReceiver<Piece>,
    complete: bool,
}

#[derive(Debug)]
pub(super) enum Piece {
    Octets(Bytes),
    End,
}

impl ReceivedData {
    pub(super) fn new(pieces: mpsc::UnboundedReceiver<Piece>) -> Self {
        Self { pieces, complete: false }
    }

    /// Waits for the next octets. `None` when there are no more, because that was all, or because the payment has ended.
    pub async fn next(&mut self) -> Option<Bytes> {
        match self.pieces.recv().await {
            Some(Piece::Octets(octets)) => Some(octets),
            Some(Piece::End) => {
                self.complete = true;
                None
            }
            None => None,
        }
    }

    /// After the end: whether it is all that the receiver has written.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}
