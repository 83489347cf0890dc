//! Probes that have no answer yet, and how long answers take.

use std::time::Duration;

use psk_codec::SourceAmount;

/// Before anything is known of the path. Long enough for the slowest ones.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);
/// Also for paths that are quick once in a while.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);

/// Probes that have no answer yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flight {
    /// With the time when they were sent.
    probes: Vec<(SourceAmount, Duration)>,
    /// The shortest time in which the receiver has answered one.
    round_trip: Option<Duration>,
}

impl Flight {
    pub(crate) fn is_empty(&self) -> bool {
        self.probes.is_empty()
    }

    /// What they hold, in source units.
    pub(crate) fn held(&self) -> u128 {
        self.probes.iter().map(|(amount, _)| u128::from(amount.units())).sum()
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// For how long an answer is waited for: no money hangs on a probe, and to wait for the expiry of one that was lost
    /// takes longer.
    pub(crate) fn patience(&self) -> Duration {
        match self.round_trip {
            Some(round_trip) => round_trip.saturating_mul(8).max(LEAST_PATIENCE),
            None => FIRST_PATIENCE,
        }
    }

    pub(crate) fn send(&mut self, amount: SourceAmount, now: Duration) {
        self.probes.push((amount, now));
    }

    /// One has its answer, from the receiver itself or from somebody on the path, or will get none.
    pub(crate) fn land(&mut self, amount: SourceAmount, by_receiver: bool, now: Duration) {
        let Some(place) = self.probes.iter().position(|(sent, _)| *sent == amount) else { return };
        let (_, sent_at) = self.probes.remove(place);
        if by_receiver {
            let took = now.saturating_sub(sent_at);
            self.round_trip = Some(self.round_trip.map_or(took, |shortest| shortest.min(took)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_trip_is_the_shortest_of_what_the_receiver_answered() {
        let (one, two) = (SourceAmount::new(1), SourceAmount::new(2));
        let ms = Duration::from_millis;
        let mut flight = Flight::default();
        for amount in [one, two, two] {
            flight.send(amount, ms(10));
        }
        assert_eq!(flight.held(), 5);
        flight.land(one, false, ms(15));
        assert_eq!((flight.round_trip(), flight.patience()), (None, FIRST_PATIENCE), "a hop answered");
        flight.land(two, true, ms(90));
        flight.land(two, true, ms(60));
        assert_eq!((flight.round_trip(), flight.patience()), (Some(ms(50)), LEAST_PATIENCE));
        flight.land(two, true, ms(61));
        assert_eq!(flight.round_trip(), Some(ms(50)), "there was no such probe");
        assert!(flight.is_empty());
    }
}
