//! Runs the machines over plugins, on tokio.

mod receive;
mod refund;
mod send;

pub use receive::{PaymentHandler, PaymentReceiver};
pub use send::{PaymentControl, Progress, RunningPayment, send_payment};
