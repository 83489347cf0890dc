use std::sync::Arc;

use psk_codec::{Amount, DestinationAmount, SourceAmount};
use psk_plugin::{Clock, Plugin};

use super::send::send_payment;
use crate::receive::RefundOrder;
use crate::send::{SendConfig, Target};

/// Pays a refund and tells how far it is. All that has left or may have left, in units of the receiver's asset, which
/// is the source of this payment.
pub(super) async fn pay_refund(
    plugin: Arc<dyn Plugin>,
    order: RefundOrder,
    clock: Clock,
    tell: impl Fn(DestinationAmount),
) -> DestinationAmount {
    let amount = Amount::from(order.amount).at_source();
    let config = SendConfig::new(Target::Source(amount), order.payment_id);
    let running = send_payment(plugin, &order.credentials, config, clock);
    let mut progress = running.progress();
    let mut sent = SourceAmount::ZERO;
    // It ends when the payment has: its task holds the other end.
    while progress.changed().await.is_ok() {
        let now = progress.borrow_and_update().account.source_sent;
        if now > sent {
            sent = now;
            tell(at_destination(sent));
        }
    }
    let report = running.finished().await;
    if let Some(error) = &report.error {
        tracing::warn!(%error, payment = %order.payment.account, "a refund has not gone through");
    }
    // What does not fit 64 bits cannot be less than what was ordered.
    at_destination(report.account.committed().unwrap_or(amount))
}

fn at_destination(amount: SourceAmount) -> DestinationAmount {
    Amount::from(amount).at_destination()
}
