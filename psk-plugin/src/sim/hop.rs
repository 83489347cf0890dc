//! A simulated connector at work.

use std::time::Duration;

use psk_codec::{
    Address, Amount, AmountTooLarge, ErrorCode, Fulfill, Fulfillment, Prepare, Reject, Reply, Timestamp,
};

use super::assets::Curves;
use super::bucket::Bucket;
use super::chance::Chance;
use super::checks::{check_hop, errors_of};
use super::config::ConfigError;
use super::hop_config::{HopConfig, Hostility, HostilityConfig, TooLargeAnswer};
use super::legs::LegKey;

/// A connector.
#[derive(Debug)]
pub(super) struct Hop {
    address: Address,
    max_packet_amount: Option<Amount>,
    too_large: TooLargeAnswer,
    liquidity: Option<Bucket>,
    packets: Option<Bucket>,
    pub(super) processing: Duration,
    min_message_window: Duration,
    max_hold_time: Duration,
    strips_fulfill_data: bool,
    errors: Vec<(ErrorCode, u32)>,
    hostility: Option<HostilityConfig>,
    /// By the assets that packets come and leave in.
    curves: Curves,
    chance: Chance,
    /// Prepares until now.
    seen: u64,
    /// A reply that waits for another one to be exchanged with.
    kept: Option<(LegKey, Reply)>,
}

/// What becomes of a Prepare.
#[derive(Debug)]
pub(super) enum Passage {
    Forward(Prepare),
    /// Back to where it came from, as if it were for there.
    Reflect(Prepare),
    Reject(Reject),
    /// No answer, ever.
    Swallow,
}

/// A reply that a connector passes on.
#[derive(Debug)]
pub(super) struct Backward {
    /// The leg that it answers.
    pub(super) to: LegKey,
    pub(super) reply: Reply,
    /// Not before that.
    pub(super) at: Duration,
}

/// Half a second after the expiry: too late for whoever looks at the time, in time for who waits a little longer.
const LATE_BY: Duration = Duration::from_millis(500);

impl Hop {
    pub(super) fn new(
        config: &HopConfig,
        address: Address,
        curves: Curves,
        chance: Chance,
    ) -> Result<Self, ConfigError> {
        check_hop(config)?;
        Ok(Self {
            address,
            max_packet_amount: config.max_packet_amount.map(Amount::new),
            too_large: config.too_large,
            liquidity: config.liquidity.as_ref().map(Bucket::of_liquidity),
            packets: config.packet_rate.as_ref().map(Bucket::of_packets),
            processing: Duration::from_micros(config.processing_us),
            min_message_window: Duration::from_millis(config.min_message_window_ms),
            max_hold_time: Duration::from_millis(config.max_hold_time_ms),
            strips_fulfill_data: config.strips_fulfill_data,
            errors: errors_of(config)?,
            hostility: config.hostility,
            curves,
            chance,
            seen: 0,
            kept: None,
        })
    }

    /// Decides about a Prepare between two assets; `None` when no link leads to its destination.
    pub(super) fn pass(
        &mut self,
        prepare: Prepare,
        assets: Option<(usize, usize)>,
        now: Duration,
        wall: Timestamp,
    ) -> Passage {
        self.seen = self.seen.saturating_add(1);
        match self.mischief() {
            Some(Hostility::Reflect) => return Passage::Reflect(prepare),
            Some(Hostility::Swallow) => return Passage::Swallow,
            Some(Hostility::R00) => return self.reject(ErrorCode::R00_TRANSFER_TIMED_OUT).into(),
            Some(Hostility::R01) => return self.reject(ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT).into(),
            Some(Hostility::WrongPreimage | Hostility::LateFulfills | Hostility::SwappedReplies) | None => {}
        }
        match self.forward(prepare, assets, now, wall) {
            Ok(prepare) => Passage::Forward(prepare),
            Err(reject) => Passage::Reject(reject),
        }
    }

    fn forward(
        &mut self,
        prepare: Prepare,
        assets: Option<(usize, usize)>,
        now: Duration,
        wall: Timestamp,
    ) -> Result<Prepare, Reject> {
        for at in 0..self.errors.len() {
            let (code, share_ppm) = self.errors[at];
            if self.chance.hits(share_ppm) {
                return Err(self.reject(code));
            }
        }
        if self.packets.as_mut().is_some_and(|packets| !packets.take(1, now)) {
            return Err(self.reject(ErrorCode::T05_RATE_LIMITED));
        }
        if prepare.expires_at <= wall {
            return Err(self.reject(ErrorCode::R00_TRANSFER_TIMED_OUT));
        }
        if let Some(maximum) = self.max_packet_amount.filter(|&most| prepare.amount > most) {
            return Err(self.too_large(prepare.amount, maximum));
        }
        let (from, to) = assets.ok_or_else(|| self.reject(ErrorCode::F02_UNREACHABLE))?;
        let amount = match self.curves[from][to].as_mut() {
            Some(curve) => curve.apply(prepare.amount, now),
            None => return Err(self.reject(ErrorCode::F02_UNREACHABLE)),
        };
        let amount = amount.map_err(|greatest| self.too_large(prepare.amount, greatest))?;
        if amount.is_zero() && !prepare.amount.is_zero() {
            return Err(self.reject(ErrorCode::R01_INSUFFICIENT_SOURCE_AMOUNT));
        }
        let expires_at = self.shorten(prepare.expires_at, wall)?;
        if self.liquidity.as_mut().is_some_and(|bucket| !bucket.take(amount.units(), now)) {
            return Err(self.reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY));
        }
        Ok(Prepare { amount, expires_at, ..prepare })
    }

    fn shorten(&self, expires_at: Timestamp, wall: Timestamp) -> Result<Timestamp, Reject> {
        let shorter = expires_at.saturating_sub(self.min_message_window);
        let capped = shorter.min(wall.saturating_add(self.max_hold_time));
        match capped.saturating_since(wall) >= self.min_message_window && capped > wall {
            true => Ok(capped),
            false => Err(self.reject(ErrorCode::R02_INSUFFICIENT_TIMEOUT)),
        }
    }

    /// What to send back for the answer to a packet that was forwarded; nothing while it is kept, two when it is
    /// exchanged. `valid` is whether a Fulfill shows the right preimage. `expiry` is that of the leg it answers.
    pub(super) fn pass_back(
        &mut self,
        to: LegKey,
        reply: Reply,
        valid: bool,
        expiry: Duration,
        now: Duration,
    ) -> [Option<Backward>; 2] {
        let mischief = self.mischief();
        let mut at = now;
        let reply = match reply {
            Reply::Fulfill(_) if !valid => self.reject(ErrorCode::F05_WRONG_CONDITION).into(),
            Reply::Fulfill(fulfill) => {
                if mischief == Some(Hostility::LateFulfills) {
                    at = expiry.saturating_add(LATE_BY).max(now);
                }
                self.changed(fulfill, mischief).into()
            }
            reject => reject,
        };
        if mischief == Some(Hostility::SwappedReplies) {
            return match self.kept.take() {
                None => {
                    self.kept = Some((to, reply));
                    [None, None]
                }
                Some((other, kept)) => {
                    [Some(Backward { to, reply: kept, at }), Some(Backward { to: other, reply, at })]
                }
            };
        }
        [Some(Backward { to, reply, at }), None]
    }

    fn changed(&self, fulfill: Fulfill, mischief: Option<Hostility>) -> Fulfill {
        let fulfillment = match mischief {
            Some(Hostility::WrongPreimage) => {
                Fulfillment::new(fulfill.fulfillment.octets().map(|octet| !octet))
            }
            _ => fulfill.fulfillment,
        };
        let data = if self.strips_fulfill_data { Default::default() } else { fulfill.data };
        Fulfill { fulfillment, data }
    }

    /// What it does to this packet, if anything.
    fn mischief(&mut self) -> Option<Hostility> {
        let hostility = self.hostility?;
        let hits = self.seen > hostility.after_packets && self.chance.hits(hostility.share_ppm);
        hits.then_some(hostility.kind)
    }

    pub(super) fn reject(&self, code: ErrorCode) -> Reject {
        Reject::new(code, self.address.clone())
    }

    fn too_large(&self, received: Amount, maximum: Amount) -> Reject {
        let details = |received, maximum| Some(AmountTooLarge { received, maximum });
        let (zero, one) = (Amount::ZERO, Amount::new(1));
        let details = match self.too_large {
            TooLargeAnswer::T04 => return self.reject(ErrorCode::T04_INSUFFICIENT_LIQUIDITY),
            TooLargeAnswer::F08Empty => None,
            TooLargeAnswer::F08 => details(received, maximum),
            TooLargeAnswer::F08ZeroZero => details(zero, zero),
            TooLargeAnswer::F08ZeroOne => details(zero, one),
            TooLargeAnswer::F08OneOne => details(one, one),
            TooLargeAnswer::F08Greatest => details(received, Amount::MAX),
        };
        let reject = self.reject(ErrorCode::F08_AMOUNT_TOO_LARGE);
        match details {
            Some(details) => reject.with_data(details.encode()),
            None => reject,
        }
    }
}

impl From<Reject> for Passage {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}
