//! One file per command.

pub(crate) mod connector;
pub(crate) mod demo;
pub(crate) mod probe;
pub(crate) mod quote;
pub(crate) mod receive;
pub(crate) mod request;
pub(crate) mod send;

/// Ends when the user or the system asks the program to.
async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
