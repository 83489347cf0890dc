//! What was seen of payments over time, in bounded memory.

use std::collections::BTreeMap;
use std::time::Duration;

use psk_codec::SourceAmount;

use crate::send::Snapshot;

/// A figure of a payment that changes over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// What is in flight, in source units.
    InFlight,
    /// How much may be in flight, in source units; none while there is no limit.
    Window,
    /// Chunks in flight.
    Packets,
    /// How many packets may be in flight.
    PacketWindow,
    /// The largest chunk that would be sent, in source units.
    ChunkSize,
    /// The lowest rate that fits what is known, in destination units for 10^9 source units.
    LowRate,
    /// The highest, likewise; none while nothing is known.
    HighRate,
    /// What was delivered as the sender knows, in destination units.
    Delivered,
    /// What the receiver has.
    Received,
    /// Nobody knows whether it arrived, in source units.
    InDoubt,
    /// What was fulfilled, in source units.
    Sent,
    /// What has come back to the sender, in source units.
    Refunded,
}

const FIGURES: usize = Figure::Refunded as usize + 1;

/// When a payment did what, as far as it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// Its first chunk was sent.
    pub first_chunk: Option<Duration>,
    /// Its latest chunk was sent.
    pub last_chunk: Option<Duration>,
    /// The latest answer to a chunk came, or the receiver's word that it has it.
    pub last_answer: Option<Duration>,
    /// It ended.
    pub ended: Option<Duration>,
    /// So many chunks count as fulfilled by the receiver's word alone, without an answer of their own.
    pub by_word: u64,
}

/// What is known of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Track {
    bins: BTreeMap<usize, Bin>,
    moments: Moments,
    chunks_sent: u64,
    chunks_answered: u64,
}

impl Track {
    fn see(&mut self, at: Duration, snapshot: &Snapshot, by_word: u64) {
        let account = &snapshot.account;
        let answered = account.chunks_fulfilled.saturating_add(account.chunks_rejected);
        let open = snapshot.chunks_in_flight.saturating_add(snapshot.chunks_in_doubt);
        let sent = answered.saturating_add(u64::try_from(open).unwrap_or(u64::MAX));
        if sent > self.chunks_sent {
            self.moments.first_chunk.get_or_insert(at);
            self.moments.last_chunk = Some(at);
        }
        if answered > self.chunks_answered {
            self.moments.last_answer = Some(at);
        }
        (self.chunks_sent, self.chunks_answered, self.moments.by_word) = (sent, answered, by_word);
    }
}

/// What a figure was in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// At least.
    pub least: u128,
    /// At most.
    pub most: u128,
    /// At last.
    pub last: u128,
}

impl Extent {
    fn of(value: u128) -> Self {
        Self { least: value, most: value, last: value }
    }

    fn and(self, later: Self) -> Self {
        Self { least: self.least.min(later.least), most: self.most.max(later.most), last: later.last }
    }
}

/// A while of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bin {
    figures: [Option<Extent>; FIGURES],
    rejects: BTreeMap<String, u64>,
}

impl Bin {
    fn and(mut self, later: Self) -> Self {
        for (figure, later) in self.figures.iter_mut().zip(later.figures) {
            *figure = match (*figure, later) {
                (Some(figure), Some(later)) => Some(figure.and(later)),
                (figure, later) => later.or(figure),
            };
        }
        for (code, count) in later.rejects {
            *self.rejects.entry(code).or_default() += count;
        }
        self
    }
}

/// Payments over time, cut into at most [`MOST_BINS`](Self::MOST_BINS) whiles of equal length, which become longer as
/// the run does. Of each while the least, the most and the last of every figure is kept, so that no spike is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    width: Duration,
    payments: Vec<Track>,
    ends: Duration,
}

impl Timeline {
    /// So many whiles at most.
    pub const MOST_BINS: usize = 600;

    pub(super) fn new(payments: usize) -> Self {
        let payments = vec![Track::default(); payments];
        Self { width: Duration::from_micros(1), payments, ends: Duration::ZERO }
    }

    /// How long a while is.
    pub fn width(&self) -> Duration {
        self.width
    }

    /// When the last thing was seen.
    pub fn ends(&self) -> Duration {
        self.ends
    }

    /// A figure of a payment: where the middle of each while is in which it was seen, and what it was.
    pub fn figure(&self, payment: usize, figure: Figure) -> Vec<(Duration, Extent)> {
        let bins = self.payments.get(payment).map(|track| &track.bins).into_iter().flatten();
        bins.filter_map(|(place, bin)| Some((self.middle(*place), bin.figures[figure as usize]?))).collect()
    }

    /// When a payment did what.
    pub fn moments(&self, payment: usize) -> Moments {
        self.payments.get(payment).map(|track| track.moments).unwrap_or_default()
    }

    /// The Rejects that a payment got before it ended, by code: how many in which while.
    pub fn rejects(&self, payment: usize) -> BTreeMap<String, Vec<(Duration, u64)>> {
        let mut by_code: BTreeMap<String, Vec<(Duration, u64)>> = BTreeMap::new();
        for (place, bin) in self.payments.get(payment).map(|track| &track.bins).into_iter().flatten() {
            for (code, count) in &bin.rejects {
                by_code.entry(code.clone()).or_default().push((self.middle(*place), *count));
            }
        }
        by_code
    }

    pub(super) fn see(
        &mut self,
        at: Duration,
        payment: usize,
        snapshot: &Snapshot,
        (received, by_word): (u128, u64),
    ) {
        let Some(bin) = self.bin(at, payment) else { return };
        let fresh = Bin { figures: figures(snapshot, received), rejects: BTreeMap::new() };
        *bin = std::mem::take(bin).and(fresh);
        if let Some(track) = self.payments.get_mut(payment) {
            track.see(at, snapshot, by_word);
        }
    }

    /// A payment has ended: nothing more is to be seen of it.
    pub(super) fn end(&mut self, at: Duration, payment: usize) {
        if let Some(track) = self.payments.get_mut(payment) {
            track.moments.ended = Some(at);
        }
    }

    pub(super) fn rejected(&mut self, at: Duration, payment: usize, code: &str, count: u64) {
        if let Some(bin) = self.bin(at, payment) {
            *bin.rejects.entry(code.to_owned()).or_default() += count;
        }
    }

    fn middle(&self, place: usize) -> Duration {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.width.saturating_mul(place).saturating_add(self.width / 2).min(self.ends)
    }

    fn bin(&mut self, at: Duration, payment: usize) -> Option<&mut Bin> {
        self.ends = self.ends.max(at);
        while self.place(at) >= Self::MOST_BINS {
            self.width = self.width.saturating_mul(2);
            for track in &mut self.payments {
                for (place, bin) in std::mem::take(&mut track.bins) {
                    let together = track.bins.remove(&(place / 2)).unwrap_or_default().and(bin);
                    track.bins.insert(place / 2, together);
                }
            }
        }
        let place = self.place(at);
        Some(self.payments.get_mut(payment)?.bins.entry(place).or_default())
    }

    fn place(&self, at: Duration) -> usize {
        let place = at.as_nanos().checked_div(self.width.as_nanos()).unwrap_or(0);
        usize::try_from(place).unwrap_or(usize::MAX)
    }
}

fn figures(snapshot: &Snapshot, received: u128) -> [Option<Extent>; FIGURES] {
    const BILLION: SourceAmount = SourceAmount::new(1_000_000_000);
    let mut figures = [None; FIGURES];
    let mut set = |figure: Figure, value: u128| figures[figure as usize] = Some(Extent::of(value));
    let account = &snapshot.account;
    set(Figure::InFlight, account.in_flight.units().into());
    set(Figure::Packets, u128::try_from(snapshot.chunks_in_flight).unwrap_or(u128::MAX));
    set(Figure::ChunkSize, snapshot.chunk_size.units().into());
    set(Figure::Delivered, account.delivered.units().into());
    set(Figure::Received, received);
    set(Figure::InDoubt, account.in_doubt.units().into());
    set(Figure::Sent, account.source_sent.units().into());
    set(Figure::Refunded, account.refunded.units().into());
    if let Some(windows) = snapshot.windows {
        set(Figure::PacketWindow, u128::try_from(windows.packets).unwrap_or(u128::MAX));
        if windows.amount < SourceAmount::MAX {
            set(Figure::Window, windows.amount.units().into());
        }
    }
    let (low, high) = (snapshot.rate.low().worth_floor(BILLION), snapshot.rate.high().worth_ceil(BILLION));
    // Before the path is known the interval has all rates.
    if high.units() < u64::MAX {
        set(Figure::LowRate, low.units().into());
        set(Figure::HighRate, high.units().into());
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whiles_become_longer_and_lose_no_spike_and_no_reject() {
        let mut timeline = Timeline::new(2);
        for millis in 0..10_000 {
            timeline.rejected(Duration::from_millis(millis), 1, "T04", 1);
            timeline.rejected(Duration::from_millis(millis), 7, "T04", 1);
        }
        assert!(timeline.width() <= Duration::from_millis(34), "{:?}", timeline.width());
        let rejects = &timeline.rejects(1)["T04"];
        assert!((300..=600).contains(&rejects.len()), "{}", rejects.len());
        assert_eq!(rejects.iter().map(|(_, count)| count).sum::<u64>(), 10_000);
        assert!(rejects.is_sorted_by_key(|(at, _)| *at));
        assert!(timeline.rejects(0).is_empty());
        let spike = Extent::of(1).and(Extent::of(9)).and(Extent::of(2));
        assert_eq!(spike, Extent { least: 1, most: 9, last: 2 });
    }
}
