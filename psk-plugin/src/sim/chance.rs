//! The randomness of the simulated network.

use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};

pub(super) const MILLION: u32 = 1_000_000;

/// One stream of random numbers, the same on every machine. Every link and every connector has its own, so that a
/// fault in one place does not change what happens by chance in another.
#[derive(Debug)]
pub(super) struct Chance(ChaCha12Rng);

impl Chance {
    /// The stream of so many for a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut octets = [0; 32];
        octets[..8].copy_from_slice(&seed.to_be_bytes());
        octets[8..16].copy_from_slice(&stream.to_be_bytes());
        Self(ChaCha12Rng::from_seed(octets))
    }

    /// Whether a thing happens that happens in so many of a million cases. Never and always draw nothing.
    pub(super) fn hits(&mut self, share_ppm: u32) -> bool {
        match share_ppm {
            0 => false,
            MILLION.. => true,
            share => self.below(MILLION.into()) < share.into(),
        }
    }

    /// From 0 to `most`, evenly.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(1) => 0,
            Some(bound) => self.below(bound),
            None => self.0.next_u64(),
        }
    }

    /// Below `bound`: the upper half of a product of 128 bits, so evenly up to one part in 2^64 / `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.0.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_about_right_and_streams_differ() {
        let mut chance = Chance::new(1, 1);
        let hits = (0..100_000).filter(|_| chance.hits(20_000)).count();
        assert!((1_900..2_100).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| chance.up_to(7) <= 7));
        assert!(!chance.hits(0) && chance.hits(MILLION));
        let first = |seed, stream| Chance::new(seed, stream).up_to(u64::MAX);
        assert_eq!(first(1, 1), first(1, 1));
        assert_ne!(first(1, 1), first(1, 2));
        assert_ne!(first(1, 1), first(2, 1));
    }
}
