use std::time::Duration;

use psk_codec::DestinationAmount;

/// How a [`ReceivePayments`](super::ReceivePayments) behaves.
#[derive(Clone, Debug)]
pub struct ReceiveConfig {
    /// How much more than its amount a payment may deliver. Default: [`Overshoot::CompletingChunk`].
    pub overshoot: Overshoot,
    /// A payment without a fulfilled chunk for so long is over. Default: 45 s, longer than a packet that was lost
    /// on the way keeps its sender waiting (30 s and a grace).
    pub silence_timeout: Duration,
    /// How many payments are remembered, live and ended. Default: 100,000, some 30 MB.
    pub max_payments: usize,
    /// How many of them one account may have, so that one sender cannot use up the memory of all. Default: 1,000.
    /// A new payment takes the place of the account's oldest ended one; when all are live it is refused.
    pub max_payments_per_account: usize,
    /// For how long an ended payment is remembered, so that its late chunks are refused. Default: 10 minutes.
    pub retention: Duration,
}

/// How much more than its amount a payment may deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overshoot {
    /// A chunk is taken as long as something is missing, whatever it brings.
    ///
    /// The sender's rate may be thousands of our units for one of its own, and only the sender knows; JS senders
    /// also start fixed-destination payments with a chunk of 1,000 units however little is asked for.
    CompletingChunk,
    /// At most so much, in units of the receiver's asset.
    AtMost(DestinationAmount),
}

impl Default for ReceiveConfig {
    fn default() -> Self {
        Self {
            overshoot: Overshoot::CompletingChunk,
            silence_timeout: Duration::from_secs(45),
            max_payments: 100_000,
            max_payments_per_account: 1_000,
            retention: Duration::from_secs(600),
        }
    }
}
