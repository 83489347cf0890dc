//! One file per command.

pub(crate) mod connector;
pub(crate) mod demo;
pub(crate) mod probe;
pub(crate) mod quote;
pub(crate) mod receive;
pub(crate) mod request;
pub(crate) mod send;
pub(crate) mod simulate;

use crate::error::Failure;

/// The user's or the system's wish that the program ends, from the moment this is made: a signal that comes before
/// it is awaited is not lost.
struct Stop {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    #[cfg(unix)]
    fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| Failure::not_done(format!("no signals: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    fn new() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Ends when the program is to end.
    #[cfg(unix)]
    async fn wanted(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn wanted(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
