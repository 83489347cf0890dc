use std::time::Duration;

use psk_codec::DestinationAmount;

/// How a [`ReceivePayments`](super::ReceivePayments) behaves.
#[derive(Clone, Debug)]
pub struct ReceiveConfig {
    /// How much more than its amount a payment may deliver. Default: [`Overshoot::CompletingChunk`].
    pub overshoot: Overshoot,
    /// How long the application may take to say something about an offer. After that the chunk is refused for now,
    /// and the application is asked again at the next one. Default: 10 s, of the 30 s that a packet is valid.
    pub review_timeout: Duration,
    /// A payment without a word of its sender for so long may be over; for slow payments it is more, by the mean and the
    /// deviation of the times between its chunks. Chunks that bring too little or are refused are such a word, and
    /// questions. Never before the last packet that was seen and might have been fulfilled has expired, up to
    /// [`max_silence`](Self::max_silence). Default: 75 s, longer than our senders wait for a better rate or for liquidity
    /// before they give up (60 s), and a grace; and than a packet that was lost on the way keeps its sender waiting.
    pub min_silence: Duration,
    /// A payment without a fulfilled chunk for so long is over, however slow it was, and whatever its sender says; at least
    /// a minute, and from the application's last word on, if that was later. Default: 10 minutes.
    pub max_silence: Duration,
    /// How many payments are remembered, live and ended. Default: 100,000, at most some 80 MB.
    pub max_payments: usize,
    /// How many of them one account may have, so that one sender cannot use up the memory of all. Default: 1,000.
    /// A new payment takes the place of the account's oldest ended one, of which nothing was fulfilled or which ended a
    /// minute ago; when there is none it is refused for now. So more than a thousand payments a minute with the same
    /// credentials want a greater number.
    pub max_payments_per_account: usize,
    /// For how long an ended payment is remembered, so that its late chunks are refused and its sender's questions
    /// answered; at least a minute. Default: 10 minutes. One of which nothing was fulfilled is remembered a minute less.
    pub retention: Duration,
    /// How much application data one payment may bring, and as much may go back, in octets. Default: 64 kB: an
    /// invoice or a small document; who wants more says so.
    pub max_data_length: u64,
    /// How much application data of all payments may wait for what comes before it or for the application's word, in
    /// octets, with what last chunks name; one account may have an eighth of it. Beyond that, such chunks are refused
    /// for now. Default: 16 MB.
    pub max_data_waiting: usize,
    /// How many ranges of sequence numbers are remembered, of all payments, with the numbers that senders ask about; a
    /// payment of which chunks come in order has one. One account may have an eighth of them. Beyond that a payment keeps
    /// 16, and takes numbers between them for used. Default: 1,000,000, some 20 MB.
    pub max_sequence_ranges: usize,
    /// After how long without a word from the sender the receiver's data is sent again, at the latest: after twice as long
    /// as that took lately, once that is known. Default: 2 s, longer than most round trips.
    pub data_patience: Duration,
    /// What becomes of the money of a payment that ends incomplete. Default: [`OnIncomplete::Keep`], because a refund
    /// needs somebody who pays it.
    pub on_incomplete: OnIncomplete,
    /// How often a refund is tried. Default: 5.
    pub max_refund_attempts: u8,
    /// How long to wait before a refund is tried again; twice as long each time. Default: 10 s.
    pub refund_pause: Duration,
}

/// What becomes of the money of a payment that ends before all of it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnIncomplete {
    /// It stays where it is. [`ReceivePayments::refund`](super::ReceivePayments::refund) refunds it nevertheless.
    Keep,
    /// All of it goes back, if the sender has said whereto.
    Refund,
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
            review_timeout: Duration::from_secs(10),
            min_silence: Duration::from_secs(75),
            max_silence: Duration::from_secs(600),
            max_payments: 100_000,
            max_payments_per_account: 1_000,
            retention: Duration::from_secs(600),
            max_data_length: 64 * 1_024,
            max_data_waiting: 16 << 20,
            max_sequence_ranges: 1_000_000,
            data_patience: Duration::from_secs(2),
            on_incomplete: OnIncomplete::Keep,
            max_refund_attempts: 5,
            refund_pause: Duration::from_secs(10),
        }
    }
}
