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
}

const FIGURES: usize = Figure::InDoubt as usize + 1;

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
    payments: Vec<BTreeMap<usize, Bin>>,
    ends: Duration,
}

impl Timeline {
    /// So many whiles at most.
    pub const MOST_BINS: usize = 600;

    pub(super) fn new(payments: usize) -> Self {
        let payments = vec![BTreeMap::new(); payments];
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
        let bins = self.payments.get(payment).into_iter().flatten();
        bins.filter_map(|(place, bin)| Some((self.middle(*place), bin.figures[figure as usize]?))).collect()
    }

    /// The Rejects that a payment got, by code: how many in which while.
    pub fn rejects(&self, payment: usize) -> BTreeMap<String, Vec<(Duration, u64)>> {
        let mut by_code: BTreeMap<String, Vec<(Duration, u64)>> = BTreeMap::new();
        for (place, bin) in self.payments.get(payment).into_iter().flatten() {
            for (code, count) in &bin.rejects {
                by_code.entry(code.clone()).or_default().push((self.middle(*place), *count));
            }
        }
        by_code
    }

    pub(super) fn see(&mut self, at: Duration, payment: usize, snapshot: &Snapshot, received: u128) {
        let Some(bin) = self.bin(at, payment) else { return };
        let fresh = Bin { figures: figures(snapshot, received), rejects: BTreeMap::new() };
        *bin = std::mem::take(bin).and(fresh);
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
            for bins in &mut self.payments {
                for (place, bin) in std::mem::take(bins) {
                    let together = bins.remove(&(place / 2)).unwrap_or_default().and(bin);
                    bins.insert(place / 2, together);
                }
            }
        }
        let place = self.place(at);
        Some(self.payments.get_mut(payment)?.entry(place).or_default())
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
