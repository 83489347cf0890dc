//! Runs the machines over plugins, on tokio.

mod receive;
mod refund;
mod refund_listener;
mod refund_queue;
mod running;
mod send;
mod telling;

pub use receive::{PaymentHandler, PaymentReceiver};
pub use refund_listener::{ExpectedRefund, RefundListener};
pub use running::{DataProgress, PathProgress, PaymentControl, Progress, ReceivedData, RunningPayment};
pub use send::{send_payment, send_payment_over, send_quoted_payment_over};
