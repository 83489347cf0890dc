use std::time::Duration;

use psk_codec::SourceAmount;

use super::lately::{Lately, MEASURED, Sample};
use super::{Controller, Fulfilled, Lost, Passed, Windows, jittered};

/// Measures what passes in a time, and sends a little more than that.
///
/// Connectors do not queue: what is too much for them is rejected at once, at no cost but a packet. So unlike on the
/// internet there is nothing to drain, and the best sender is one that always offers a little more than what passes:
/// then nothing that comes in at a connector is left unused. Two limits are measured apart, amount in a time (T04)
/// and packets in a time (T02, T03, T05), each only once the path has rejected something for it. Packets that leave
/// are spaced accordingly (*paced*).
///
/// When the first packets have shown what passes at once, nobody knows yet what comes in. So the pace climbs from there, twice
/// as high in half a round trip, without waiting for answers, until something is too much: where round trips are long,
/// what a connector has at hand says little of what it takes in one of them.
///
/// Not all rejects come of too much: a hop may say T04 to every third packet, however few there are. Offering less and
/// less would then end with nothing. So now and then, for two round trips, a quarter less than what passes is offered,
/// and the share of that which passes is what passes of anything.
///
/// Where round trips are short, next to nothing comes in at a connector in one of them. So what passes is measured in a longer time
/// there, and that time stands for the round trip; and what is too much again and again is tried later each time.
///
/// Until then it starts with 1,024 packets in flight, and three more with each that is fulfilled, up to a limit: what is
/// rejected costs nothing, and a round trip does. Unless answers take longer and longer: then somebody queues after all,
/// and more in flight would only wait longer.
#[derive(Debug)]
pub(super) struct PacedController {
    packets: usize,
    max_packets: usize,
    amount: Pace,
    count: Pace,
    lately: Lately,
    /// Smoothed, once it is known.
    round_trip: Option<Duration>,
    /// The quickest answer.
    quickest: Duration,
}

const FIRST_PACKETS: usize = 1_024;
/// A path with limits is shared by packets of so many parts of what passes in a round trip: small enough that a
/// connector which has less than all of it at hand takes most of them.
const PARTS: u32 = 8;
/// On short paths, of what passes in this time.
const LEAST_TIME: Duration = Duration::from_millis(20);
/// When nothing has passed for so long, it is not for what was sent just before.
pub(in crate::send) const DROUGHT: Duration = Duration::from_millis(100);
/// When something passes again after nothing did, so many packets of its size in a round trip carry as much as before.
const PACKETS_AFTER_DROUGHT: u64 = 8;
/// One packet is counted as so many.
const PER_PACKET: u64 = 1_000;
/// Between two packets of a pace.
const LONGEST_GAP: Duration = Duration::from_millis(100);
/// Between two packets where nothing passes: liquidity comes and goes, and who is busy is left alone.
const LONGEST_WITHOUT_LIQUIDITY: Duration = Duration::from_millis(500);
const LONGEST_WHEN_BUSY: Duration = Duration::from_secs(2);
/// At first, when nothing has passed yet over a short path: others may have come before.
const FIRST_WHEN_BUSY: Duration = Duration::from_millis(10);

impl PacedController {
    /// At most `max_packets` in flight.
    pub(super) fn new(max_packets: usize) -> Self {
        Self {
            packets: FIRST_PACKETS.min(max_packets),
            max_packets,
            amount: Pace::new(LONGEST_WITHOUT_LIQUIDITY, LONGEST_WITHOUT_LIQUIDITY),
            count: Pace::new(FIRST_WHEN_BUSY, LONGEST_WHEN_BUSY),
            lately: Lately::default(),
            round_trip: None,
            quickest: Duration::MAX,
        }
    }

    /// A round trip; zero while nobody knows how long it is.
    fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or_default()
    }

    fn times(&self) -> Times {
        match self.round_trip {
            None => Times { measured: Duration::ZERO, spare: Duration::ZERO },
            Some(round_trip) => {
                Times { measured: round_trip.max(MEASURED), spare: MEASURED.saturating_sub(round_trip) }
            }
        }
    }
}

impl Controller for PacedController {
    fn allows(&self, _amount: SourceAmount, in_flight: SourceAmount, packets: usize) -> bool {
        // Twice what should be in flight: answers that are late must not stop it, a path that is silent must.
        let time = self.round_trip() * 2;
        let amount_fits = in_flight.units() <= self.amount.within(time);
        let count_fits = (packets as u64).saturating_mul(PER_PACKET) <= self.count.within(time);
        packets == 0 || (packets < self.packets && amount_fits && count_fits)
    }

    fn next_send(&self) -> Duration {
        self.amount.next_send.max(self.count.next_send)
    }

    fn largest(&self, _in_flight: SourceAmount) -> SourceAmount {
        // Where packets are rarer than that, each could carry what passes in the time between them.
        let time = self.round_trip().max(LEAST_TIME).max(self.count.time_for(PER_PACKET));
        // Where packets are limited too, few of them have to carry it; and they could carry twice as much.
        let packets = self.count.within(time) / PER_PACKET / 2;
        // No more of them may be in flight.
        let most = u32::try_from(self.max_packets).unwrap_or(PARTS).clamp(1, PARTS);
        let parts = u32::try_from(packets).unwrap_or(PARTS).clamp(1, most);
        SourceAmount::new(self.amount.within(time / parts).max(1))
    }

    fn windows(&self) -> Option<Windows> {
        let packets = self.count.within(self.round_trip()) / PER_PACKET;
        let packets = usize::try_from(packets).unwrap_or(usize::MAX).min(self.packets).max(1);
        Some(Windows { amount: SourceAmount::new(self.amount.within(self.round_trip())), packets })
    }

    fn on_sent(&mut self, amount: SourceAmount, now: Duration) {
        let burst = (self.round_trip() / 16).max(Duration::from_millis(1));
        let times = self.times();
        self.amount.on_sent(amount.units(), now, burst, times);
        self.count.on_sent(PER_PACKET, now, burst, times);
    }

    fn on_fulfilled(&mut self, fulfilled: &Fulfilled) {
        let took = fulfilled.now.saturating_sub(fulfilled.sent_at);
        let round_trip = match self.round_trip.filter(|round_trip| !round_trip.is_zero()) {
            Some(round_trip) => (round_trip * 7 + took) / 8,
            None => took,
        };
        self.round_trip = Some(round_trip);
        self.quickest = self.quickest.min(took).max(LEAST_TIME);
        if round_trip <= self.quickest * 2 {
            let prompt = round_trip <= self.quickest + self.quickest / 4;
            let more = if prompt { 15 } else { 3 };
            self.packets = self.packets.saturating_add(more).min(self.max_packets);
        }
        let (times, sample) = (self.times(), self.lately.sample(fulfilled));
        let in_few = fulfilled.amount.units().saturating_mul(PACKETS_AFTER_DROUGHT);
        let at_most = per_second(in_few, times.measured);
        self.amount.on_passed(&sample, sample.passed.amount.units(), at_most, times);
        let count = sample.passed.packets.saturating_mul(PER_PACKET);
        self.count.on_passed(&sample, count, u64::MAX, times);
    }

    fn on_no_liquidity(&mut self, lost: &Lost) {
        let times = self.times();
        let news = self.amount.on_lost(lost, times);
        if news && lost.in_flight.is_zero() && self.amount.per_second > 0 {
            // Not even alone: until about so much has come in again.
            let pause = self.amount.pause(lost.amount.units(), lost.now, times);
            self.amount.next_send = self.amount.next_send.max(lost.now.saturating_add(pause));
        }
    }

    fn on_busy(&mut self, lost: &Lost, jitter: u64) {
        let (times, in_vain) = (self.times(), self.count.in_vain);
        if self.count.on_lost(lost, times) && in_vain {
            // Nothing passes: a pause, which grows as the pace falls.
            let pause = jittered(self.count.pause(PER_PACKET, lost.now, times), jitter);
            self.count.next_send = self.count.next_send.max(lost.now.saturating_add(pause));
        }
    }
}

/// In what time something comes in at a connector, and can be measured.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// A round trip, or [`MEASURED`] if that is longer.
    measured: Duration,
    /// By how much it is longer.
    spare: Duration,
}

/// How much of something passes in a second, and when more of it may leave.
#[derive(Debug)]
struct Pace {
    /// Between two while nothing has passed yet, and rejects come soon. It doubles.
    first_interval: Duration,
    longest_interval: Duration,
    /// The last reject came in less than [`MEASURED`].
    is_near: bool,
    /// The path has rejected something because it was too much at once. Until then nothing is held back.
    limited: bool,
    /// What passes in a second, smoothed over about two round trips.
    per_second: u64,
    /// Packets sent up to here were answered by the last cut.
    cut_at: u64,
    lost_at: Duration,
    /// Nothing has passed since the last cut.
    in_vain: bool,
    /// The next cut before this time does not halve it: on a short path it comes too soon to show anything.
    halves_at: Duration,
    /// So many did not since something passed.
    spared: u32,
    /// What passed before nothing did any more.
    before_drought: Option<u64>,
    /// Something passes again, and not yet as much.
    revives: bool,
    /// When something last passed.
    passed_at: Duration,
    next_send: Duration,
    /// When it was first known what passes.
    known_at: Option<Duration>,
    /// More than that has been too much since.
    found: bool,
    /// To what the pace has climbed, in a second; zero when it does not, since nothing is known or it has been found.
    climbed: u64,
    /// When it last climbed.
    climbed_at: Duration,
    trial: Trial,
}

/// Offering less, to see what passes of that.
#[derive(Debug)]
struct Trial {
    starts_at: Duration,
    /// Round trips until the next one.
    every: u32,
    /// Packets in it that passed, and that were too much.
    passed: u32,
    lost: u32,
    /// What passes of little, in parts of 256.
    share: u64,
}

/// All of [`Trial::share`].
const WHOLE: u64 = 256;
/// Trials that show less are not believed: then nothing can be told.
const LEAST_SHARE: u64 = WHOLE / 4;
/// More such cuts than this make no longer pause.
const MOST_SPARED: u32 = 16;
/// While the pace climbs it is no more than so many times as high as what has passed: answers do not come, or little is sent.
const MOST_AHEAD: u64 = 16;
/// It climbs again when nothing has been too much for so many round trips.
const QUIET: u32 = 4;
/// Round trips before the first trial, and between others.
const FIRST_TRIAL: u32 = 3;
const TRIAL_EVERY: u32 = 16;

impl Pace {
    /// Of which something is tried every so often at least, and more often at first while nothing has passed.
    fn new(first_interval: Duration, longest_interval: Duration) -> Self {
        Self {
            first_interval,
            longest_interval,
            is_near: false,
            limited: false,
            per_second: 0,
            cut_at: 0,
            lost_at: Duration::ZERO,
            in_vain: false,
            halves_at: Duration::ZERO,
            spared: 0,
            before_drought: None,
            revives: false,
            passed_at: Duration::ZERO,
            next_send: Duration::ZERO,
            known_at: None,
            found: false,
            climbed: 0,
            climbed_at: Duration::ZERO,
            trial: Trial { starts_at: Duration::MAX, every: FIRST_TRIAL, passed: 0, lost: 0, share: WHOLE },
        }
    }
}

impl Trial {
    /// Whether what leaves at this time is part of it. It takes two round trips.
    fn covers(&self, time: Duration, times: Times) -> bool {
        self.starts_at <= time && time < self.starts_at.saturating_add(times.measured * 2)
    }

    /// Its last answers are there, a round trip after its end.
    fn end(&mut self, now: Duration, times: Times) {
        if now < self.starts_at.saturating_add(times.measured * 3) {
            return;
        }
        if let Some(share) = (u64::from(self.passed) * WHOLE).checked_div(u64::from(self.passed + self.lost))
        {
            self.share = share.max(LEAST_SHARE);
        }
        (self.passed, self.lost) = (0, 0);
        self.starts_at = now.saturating_add(times.measured * self.every);
        self.every = TRIAL_EVERY;
    }
}

/// So much in a time, in a second.
fn per_second(units: u64, time: Duration) -> u64 {
    let in_a_second = u128::from(units) * 1_000_000_000 / time.as_nanos().max(1);
    u64::try_from(in_a_second).unwrap_or(u64::MAX)
}

impl Pace {
    /// What may leave in a time; everything while there is no limit.
    fn within(&self, time: Duration) -> u64 {
        if !self.limited {
            return u64::MAX;
        }
        let per_second = self.per_second.max(self.climbed);
        let units = u128::from(per_second) * time.as_nanos() / 1_000_000_000 * u128::from(WHOLE);
        u64::try_from(units / u128::from(self.trial.share.max(1))).unwrap_or(u64::MAX)
    }

    /// In what time so much passes; none while there is no limit.
    fn time_for(&self, units: u64) -> Duration {
        if !self.limited || self.per_second == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(units.saturating_mul(1_000_000_000) / self.per_second).min(self.longest_interval)
    }

    /// A packet leaves: the pace is higher for the next one. Where nothing leaves it does not climb.
    fn climb(&mut self, now: Duration, times: Times) {
        // Nothing has been too much for long: it takes more than before. Over short paths that is soon seen without climbing.
        let is_quiet = now.saturating_sub(self.lost_at) >= times.measured * QUIET;
        self.found &= !(is_quiet && times.spare.is_zero());
        if self.found || self.known_at.is_none_or(|known_at| now < known_at) {
            return;
        }
        if self.climbed == 0 {
            self.climbed_at = now;
            self.climbed = self.per_second;
        }
        let half = times.measured / 2;
        let since = now.saturating_sub(self.climbed_at).min(half);
        let pace = u128::from(self.climbed);
        // In many small steps that is twice as much in half a round trip.
        let more = pace.saturating_mul(since.as_nanos()) / half.as_nanos().max(1) * 7 / 10;
        let pace = u64::try_from(pace.saturating_add(more)).unwrap_or(u64::MAX);
        self.climbed = pace.min(self.per_second.saturating_mul(MOST_AHEAD));
        self.climbed_at = now;
    }

    /// Something that left at `sent_at` was too much for the first time: what was offered then is about what passes.
    fn end_climb(&mut self, sent_at: Duration, times: Times) {
        let halves =
            self.climbed_at.saturating_sub(sent_at).as_nanos() / (times.measured / 2).as_nanos().max(1);
        let then = self.climbed.checked_shr(u32::try_from(halves).unwrap_or(u32::MAX)).unwrap_or(0);
        self.per_second = self.per_second.max(then);
        self.climbed = 0;
        self.found = true;
    }

    /// How long so much takes: at nearly twice what the pace has climbed to until that is too much, and then at a sixteenth
    /// more than what passes; while nothing is rejected, at more and more again; at a quarter less in a trial.
    fn interval(&self, units: u64, now: Duration, times: Times) -> Duration {
        if self.known_at.is_none() && self.is_near {
            return self.first_interval.saturating_mul(1 << self.spared).min(self.longest_interval);
        }
        let time = times.measured;
        let quiet = now.saturating_sub(self.lost_at);
        let sixteenths = match self.trial.covers(now, times) {
            true => 12,
            false if !self.found => 28,
            false if quiet < time * 2 => 17,
            false if quiet < time * 4 => 20,
            false if quiet < time * 6 => 24,
            false => 32,
        };
        let per_second = self.per_second.max(self.climbed).max(1);
        let offered = u128::from(per_second) * sixteenths * u128::from(WHOLE);
        let nanos = u128::from(units) * 16 * 1_000_000_000 * u128::from(self.trial.share.max(1)) / offered;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(self.longest_interval)
    }

    /// How long to wait after so much was too much: until it may have come in again. On short paths, where rejects come sooner than
    /// that, twice as long each time.
    fn pause(&self, units: u64, now: Duration, times: Times) -> Duration {
        let pause = self.interval(units, now, times);
        pause.saturating_mul(1 << self.spared).min(self.longest_interval)
    }

    fn on_sent(&mut self, units: u64, now: Duration, burst: Duration, times: Times) {
        if self.limited {
            self.trial.end(now, times);
            let from = self.next_send.max(now.saturating_sub(burst));
            self.next_send = from.saturating_add(self.interval(units, now, times));
            self.climb(now, times);
        }
    }

    /// So much has passed in a time, until now. After a drought it may be `at_most` so much in a second again.
    fn on_passed(&mut self, sample: &Sample, units: u64, at_most: u64, times: Times) {
        let Sample { sent_at, now, since, passed: Passed { packets, .. } } = *sample;
        (self.in_vain, self.spared) = (false, 0);
        let was_dry = now.saturating_sub(self.passed_at) >= DROUGHT;
        if let Some(before) = self.before_drought.take().filter(|_| was_dry || self.revives) {
            // What comes again after a while comes as before, or is soon known not to. But not all of it in tiny packets.
            self.per_second = self.per_second.max(before.min(at_most));
            self.before_drought = Some(before).filter(|before| *before > at_most);
            self.revives = self.before_drought.is_some();
        }
        if self.trial.covers(sent_at, times) {
            self.trial.passed += 1;
        }
        let mut took = sample.took();
        if packets == 1 && self.known_at.is_some() {
            // Nothing else has passed in that time: in how long has something? What took longer stood still meanwhile.
            took = took.max(now.saturating_sub(self.passed_at).min(LONGEST_GAP));
        }
        self.passed_at = now;
        let sample = per_second(units, took);
        let Some(known_at) = self.known_at else {
            self.known_at = Some(now.saturating_add(times.spare));
            self.trial.starts_at = now.saturating_add(times.measured * self.trial.every);
            self.per_second = sample;
            // Until now nobody could say when to send the next one.
            self.next_send = self.next_send.min(now);
            return;
        };
        if since < known_at {
            // Of what left together with the first one, each answer shows more.
            self.per_second = self.per_second.max(sample);
            self.climbed = 0;
            return;
        }
        let began_at = if packets == 1 { sent_at } else { since };
        if began_at > self.lost_at {
            // Nothing was too much since it left: as much passes as was offered, and who knows how much more.
            self.per_second = self.per_second.max(sample);
            return;
        }
        // In a longer time than a round trip most of what there is to know is in one sample.
        let share = (if since < sent_at { packets / 2 } else { packets * 2 }).clamp(2, 128);
        let (more, less) = (sample.saturating_sub(self.per_second), self.per_second.saturating_sub(sample));
        self.per_second = self.per_second.saturating_add(more / share).saturating_sub(less / share);
    }

    /// A packet was too much. Whether that is news: of one that was sent after the last cut.
    fn on_lost(&mut self, lost: &Lost, times: Times) -> bool {
        if !self.limited {
            self.limited = true;
            self.trial.starts_at = lost.now.saturating_add(times.measured * self.trial.every);
        }
        self.lost_at = lost.now;
        self.is_near = lost.now.saturating_sub(lost.sent_at) < MEASURED;
        if !self.found && self.known_at.is_some_and(|known_at| lost.sent_at >= known_at) {
            self.end_climb(lost.sent_at, times);
        }
        if self.trial.covers(lost.sent_at, times) {
            self.trial.lost += 1;
        }
        let news = lost.order > self.cut_at;
        if news {
            self.cut_at = lost.newest;
            if self.in_vain && (self.known_at.is_none() || lost.now < self.halves_at) {
                self.spared = self.spared.saturating_add(1).min(MOST_SPARED);
            } else {
                if self.in_vain {
                    // Nothing passes any more: what passed once says nothing.
                    self.before_drought.get_or_insert(self.per_second);
                    self.per_second /= 2;
                }
                self.halves_at = lost.now.saturating_add(times.spare);
            }
            self.in_vain = true;
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_no_packets_lets_one_through() {
        let controller = PacedController::new(0);
        assert_eq!(controller.windows().map(|windows| windows.packets), Some(1));
        assert!(controller.allows(SourceAmount::new(1), SourceAmount::ZERO, 0));
    }
}
