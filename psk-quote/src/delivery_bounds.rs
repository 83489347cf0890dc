//! Sound bounds of what packets deliver, learned from packets that arrived.

use std::collections::BTreeMap;

use psk_codec::{DestinationAmount, SourceAmount};

use crate::rate::{Rate, RateInterval};

/// What is known for certain of the packets of a path, from those of which it is known what arrived.
///
/// # The model
///
/// A path is k hops with unknown fixed rates r1 ... rk that each round down once:
/// f(s) = floor( ... floor(floor(s r1) r2) ... rk). What a hop refuses as worth nothing (R01) delivers 0. A path whose
/// rate depends on the size of the packet, or that takes a fixed fee, is no such path; what arrives there contradicts
/// the bounds sooner or later, and [`learn`](Self::learn) says so.
///
/// # Why the bounds hold
///
/// Whatever k and the rates are:
///
/// 1. f is *monotone*, and *superadditive*, f(a + b) >= f(a) + f(b): both are true of floor(s r) and survive
///    composition.
/// 2. So of S >= n s: n f(s) + f(S - n s) <= f(S). What was seen of a large packet bounds all smaller ones, each alone
///    and several together, and what was seen of small ones bounds large ones from below.
/// 3. Nothing bounds from above what a packet delivers that is larger than all that were seen: a hop may have lost
///    nearly all of those to rounding.
///
/// That last bound needs the number of roundings, and only that. With r = r1 ... rk, hop i loses e < 1 of its own
/// units, which are worth e R destination units, R = r(i+1) ... rk the product of the later rates; so
///
/// 4. s r - f(s) is below the sum of the k products R. It is below k where no product is above 1 (see
///    [`RateInterval::of_packet_over`]), and more where one is: over rates 1/1000 and 1000, 1,999 units lose 999.
/// 5. Let m be a packet of which anything arrived. Then at least one unit left each hop i, so m r1 ... ri >= 1, and
///    R = r / (r1 ... ri) <= m r. So the loss of any packet is below k m r, *what k packets like m are worth*.
/// 6. Therefore r (s - k m) < f(s) <= r s: with f(S) seen, r >= f(S)/S, and r < f(S)/(S - k m) if S > k m. This
///    bounds all packets, of any size, both ways; the closer, the smaller m is and the larger S.
///
/// Rules 1 and 2 hold however many hops there are; [`DeliveryBounds::ROUNDINGS`] or fewer is what rule 6 assumes.
///
/// # Money in flight
///
/// Packets in flight deliver together at most what one packet of their sum does (rule 1), so
/// `at_most(sum)` is sound for any number of them, also when only their sum is known.
/// [`at_most_together`](Self::at_most_together) is closer when the sizes are known.
///
/// Memory is bounded: of many packets those are kept that say most, and every bound stays sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryBounds {
    roundings: u32,
    /// What arrived, by what was sent; at most [`DeliveryBounds::MOST_PACKETS`].
    packets: BTreeMap<SourceAmount, DestinationAmount>,
    /// The smallest packet of which anything arrived: m.
    smallest_delivering: Option<SourceAmount>,
    /// What the rate r is known to be, also from packets that are no longer kept.
    rate: RateInterval,
    restarts: u64,
}

/// Whether a packet fits what was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Learned {
    /// It does.
    Fits,
    /// It does not: the rate has moved, or the path is not of the kind that [`DeliveryBounds`] is for. What was known
    /// is forgotten; this packet alone is known now.
    StartedAgain,
}

impl DeliveryBounds {
    /// How many hops are assumed to round, at most: as many as a long path has. An ILP address seldom passes more than
    /// four connectors, and a packet that lives for 30 s cannot pass more than thirty.
    pub const ROUNDINGS: u32 = 8;
    /// How many packets are kept.
    pub const MOST_PACKETS: usize = 64;

    /// Nothing is known; up to [`ROUNDINGS`](Self::ROUNDINGS) hops round.
    pub const fn new() -> Self {
        Self::with_roundings(Self::ROUNDINGS)
    }

    /// Nothing is known; up to `roundings` hops round.
    pub const fn with_roundings(roundings: u32) -> Self {
        Self {
            roundings,
            packets: BTreeMap::new(),
            smallest_delivering: None,
            rate: RateInterval::UNKNOWN,
            restarts: 0,
        }
    }

    /// Takes what arrived of one packet of `sent`, which may be nothing.
    pub fn learn(&mut self, sent: SourceAmount, delivered: DestinationAmount) -> Learned {
        if sent.is_zero() {
            // Says nothing; what a liar says arrived of it is not the path's doing.
            return Learned::Fits;
        }
        if self.packets.get(&sent) == Some(&delivered) {
            return Learned::Fits;
        }
        let fits = self.at_least(sent) <= delivered && delivered <= self.at_most(sent);
        // With it, others may contradict each other that did not before.
        let agrees = |bounds: &Self| bounds.at_least(sent) == delivered && bounds.at_most(sent) == delivered;
        let learned = if fits && self.include(sent, delivered) && agrees(self) {
            Learned::Fits
        } else {
            let restarts = self.restarts.saturating_add(1);
            *self = Self { restarts, ..Self::with_roundings(self.roundings) };
            self.include(sent, delivered);
            Learned::StartedAgain
        };
        self.forget_the_least();
        learned
    }

    /// How often everything was forgotten.
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// The rates that the path can have (rule 6); what one packet delivers is at most its worth at any of them.
    pub const fn rate(&self) -> RateInterval {
        self.rate
    }

    /// The smallest packet of which anything is known to have arrived.
    pub const fn smallest_delivering(&self) -> Option<SourceAmount> {
        self.smallest_delivering
    }

    /// The packets of which it is known what arrived, and that: those that say most, from small to large.
    pub fn packets(&self) -> impl DoubleEndedIterator<Item = (SourceAmount, DestinationAmount)> + '_ {
        self.packets.iter().map(|(&sent, &delivered)| (sent, delivered))
    }

    /// The least that one packet of `amount` delivers.
    pub fn at_least(&self, amount: SourceAmount) -> DestinationAmount {
        let from_smaller = self.packets.range(..=amount).map(|(&sent, &delivered)| {
            let times = amount.units() / sent.units().max(1);
            let rest = SourceAmount::new(amount.units() % sent.units().max(1));
            let whole = u128::from(times) * u128::from(delivered.units());
            destination(whole + u128::from(self.below(rest).units()))
        });
        from_smaller.chain(self.at_least_by_rate(amount)).max().unwrap_or_default()
    }

    /// The most that one packet of `amount` delivers, and also the most that several deliver together whose sum is
    /// `amount`; 2^64 - 1 when nothing is known.
    pub fn at_most(&self, amount: SourceAmount) -> DestinationAmount {
        if amount.is_zero() {
            return DestinationAmount::ZERO;
        }
        let from_larger = self.packets.range(amount..).map(|(&sent, &delivered)| {
            let times = sent.units() / amount.units();
            let rest = |times| SourceAmount::new(sent.units() - times * amount.units());
            let each = |times: u64| delivered.saturating_sub(self.at_least(rest(times))).units() / times;
            DestinationAmount::new(each(1).min(each(times)))
        });
        from_larger.chain([self.rate.delivers_at_most(amount)]).min().unwrap_or(DestinationAmount::MAX)
    }

    /// The most that several packets deliver together.
    pub fn at_most_together(&self, packets: impl IntoIterator<Item = SourceAmount>) -> DestinationAmount {
        let (mut sum, mut each) = (SourceAmount::ZERO, DestinationAmount::ZERO);
        for packet in packets {
            sum = match sum.checked_add(packet) {
                Some(sum) => sum,
                // No packet is that large; at most 2^64 - 1 units are told apart from more.
                None => return DestinationAmount::MAX,
            };
            each = each.saturating_add(self.at_most(packet));
        }
        each.min(self.at_most(sum))
    }

    /// The least that several packets deliver together.
    pub fn at_least_together(&self, packets: impl IntoIterator<Item = SourceAmount>) -> DestinationAmount {
        let each = packets.into_iter().map(|packet| self.at_least(packet));
        each.fold(DestinationAmount::ZERO, DestinationAmount::saturating_add)
    }

    /// What the largest packet up to `amount` delivered.
    fn below(&self, amount: SourceAmount) -> DestinationAmount {
        self.packets.range(..=amount).next_back().map_or(DestinationAmount::ZERO, |(_, &delivered)| delivered)
    }

    /// Rule 6: more than r (s - k m).
    fn at_least_by_rate(&self, amount: SourceAmount) -> Option<DestinationAmount> {
        let above = self.above_loss(amount)?;
        Some(self.rate.low().worth_floor(above).saturating_add(DestinationAmount::new(1)))
    }

    /// s - k m, if it is not zero or less.
    fn above_loss(&self, amount: SourceAmount) -> Option<SourceAmount> {
        let lost = self.smallest_delivering?.units().checked_mul(u64::from(self.roundings))?;
        amount.checked_sub(SourceAmount::new(lost)).filter(|above| !above.is_zero())
    }

    /// False if it contradicts what is known of the rate.
    fn include(&mut self, sent: SourceAmount, delivered: DestinationAmount) -> bool {
        self.packets.insert(sent, delivered);
        if !delivered.is_zero() {
            let smallest = self.smallest_delivering.unwrap_or(sent);
            self.smallest_delivering = Some(smallest.min(sent));
        }
        // A smaller m makes all bounds closer, so all packets are looked at again.
        let mut rate = Some(self.rate);
        for (&sent, &delivered) in &self.packets {
            let above = self.above_loss(sent);
            let said = RateInterval::between(sent, above, delivered);
            rate = rate.zip(said).and_then(|(rate, said)| rate.intersect(&said));
        }
        if let Some(rate) = rate {
            self.rate = rate;
        }
        rate.is_some()
    }

    /// Of too many packets, the one goes between whose neighbours least lies open without it. The smallest and the
    /// largest stay.
    fn forget_the_least(&mut self) {
        while self.packets.len() > Self::MOST_PACKETS {
            let kept: Vec<_> = self.packets.iter().map(|(&sent, &delivered)| (sent, delivered)).collect();
            let open = |three: &&[(SourceAmount, DestinationAmount)]| three[2].1.saturating_sub(three[0].1);
            let Some(least) = kept.windows(3).min_by_key(open) else {
                return;
            };
            self.packets.remove(&least[1].0);
        }
    }
}

impl Default for DeliveryBounds {
    fn default() -> Self {
        Self::new()
    }
}

impl RateInterval {
    /// [delivered/sent, delivered/above): rule 6. `None` when nothing was sent.
    fn between(
        sent: SourceAmount,
        above: Option<SourceAmount>,
        delivered: DestinationAmount,
    ) -> Option<Self> {
        let low = Rate::new(delivered, sent)?;
        let high = above.and_then(|above| Rate::new(delivered, above));
        Some(Self::new(low, high.unwrap_or(Self::UNKNOWN.high())))
    }
}

fn destination(units: u128) -> DestinationAmount {
    DestinationAmount::new(u64::try_from(units).unwrap_or(u64::MAX))
}
