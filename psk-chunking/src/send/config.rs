use std::time::Duration;

use bytes::Bytes;
use psk_codec::psk::PaymentId;
use psk_codec::{Address, DestinationAmount, SourceAmount};
use psk_quote::Rate;

use super::control::ControllerKind;
use super::policy::PathPolicy;

/// What a payment is to achieve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Send exactly this much, whatever arrives (above the minimum rate).
    Source(SourceAmount),
    /// Deliver exactly this much; when one source unit is worth several destination units, less than one source
    /// unit's worth more.
    Destination(DestinationAmount),
}

/// The least that every chunk has to deliver. Fixed when the payment starts; a receiver's claims never raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinimumRate {
    /// The rate that the path shows at the start, less so many parts per million. Over several paths it counts from the best of
    /// them too, less what the [`PathPolicy`] allows: what the best one does for a moment, or when it fails, makes no other
    /// price. With [`PathPolicy::Fastest`] each path has its own.
    Slippage(u32),
    /// This rate.
    AtLeast(Rate),
    /// Both: the higher of this rate and the shown one less so many parts per million.
    Both(Rate, u32),
    /// Anything, even nothing. **Hops and receivers may keep all of the money.**
    AnyRate,
}

/// One payment: what to achieve, and within which limits.
#[derive(Clone, Debug)]
pub struct SendConfig {
    /// What to achieve.
    pub target: Target,
    /// The payment's name; the same name is the same payment. Fresh and random for each payment.
    pub payment_id: PaymentId,
    /// A hard limit for [`Target::Destination`], in source units. Default: none.
    pub max_source_amount: SourceAmount,
    /// The least that every chunk has to deliver. Default: 1 % below the rate that the path shows, which covers
    /// the rounding of several hops and small moves.
    pub minimum_rate: MinimumRate,
    /// How long each packet is valid at most. Default: 30 s, what connectors cap it to. Once it is known how long answers
    /// take, packets live for sixteen times that, 10 s at least, for as long as no hop finds that too little: what became
    /// of a lost one is known the sooner.
    pub packet_timeout: Duration,
    /// How long after its expiry an unanswered packet is given up. Default: 5 s, for clocks and slow links.
    pub expiry_grace: Duration,
    /// Ends the payment when nothing was fulfilled for so long. Default: 60 s, longer than a lost packet is in
    /// flight.
    pub idle_timeout: Duration,
    /// Ends the payment after so long: nothing more is sent. What is in flight or in doubt then is awaited for as long as it
    /// may arrive. Default: none.
    pub total_timeout: Option<Duration>,
    /// How many packets may be in flight. Default: 16,384, which a path has to earn (the default controller starts with
    /// 1,024), and which keeps memory below some ten megabytes.
    pub max_packets_in_flight: usize,
    /// How much is sent at once. Default: what did best in the simulator (docs/controllers.md).
    pub controller: ControllerKind,
    /// Which of several paths are used. Default: all that cost at most 1 % more than the cheapest, as much as the rate
    /// may slip anyway.
    pub path_policy: PathPolicy,
    /// How much of the payment may be delivered without the receiver's word of how much it was, in parts per million
    /// of what the payment delivers; then it stops until the receiver has been asked. Hops that take the data out of
    /// Fulfills make it so. Default: 10 %.
    pub max_unverified_ppm: u32,
    /// Where money comes back to when the payment fails half way: an account for the secret of its refund, on which the
    /// caller listens ([`Input::Refunded`](super::Input::Refunded)). Default: none.
    pub refund_account: Option<Address>,
    /// Nothing has come back for so long, since the payment failed or its receiver has read that it has: the payment ends.
    /// Default: 60 s, as for the payment itself. A receiver that cannot be told begins its refund by itself when it has heard
    /// nothing for 75 s or more; who wants to await that even of a payment that is cancelled sets more.
    pub refund_timeout: Duration,
    /// What goes to the receiver beside the money, if it knows frames. More can be written while it is sent. Default:
    /// nothing.
    pub data: Option<Bytes>,
    /// How much data is taken from the receiver, in octets. Default: 64 kB.
    pub max_received_data: u64,
}

impl SendConfig {
    /// A payment with the defaults.
    pub fn new(target: Target, payment_id: PaymentId) -> Self {
        Self {
            target,
            payment_id,
            max_source_amount: SourceAmount::MAX,
            minimum_rate: MinimumRate::Slippage(10_000),
            packet_timeout: Duration::from_secs(30),
            expiry_grace: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            total_timeout: None,
            max_packets_in_flight: 16_384,
            controller: ControllerKind::default(),
            path_policy: PathPolicy::Weighed(10_000),
            max_unverified_ppm: 100_000,
            refund_account: None,
            refund_timeout: Duration::from_secs(60),
            data: None,
            max_received_data: 1 << 16,
        }
    }

    /// The most that may leave, in source units.
    pub(super) fn budget(&self) -> SourceAmount {
        match self.target {
            Target::Source(amount) => amount.min(self.max_source_amount),
            Target::Destination(_) => self.max_source_amount,
        }
    }
}
