//! Where random octets come from: an argument, so that machines and tests can be repeated.

use rand::rngs::ChaCha12Rng;
use rand::{Rng, SeedableRng};

/// A source of random octets, with two kinds of calls, so that each use says which it needs.
pub trait Random {
    /// Fills `octets` with what nobody can predict: nonces, tokens, ids, conditions.
    fn fill_secure(&mut self, octets: &mut [u8]);

    /// A number for spreading delays; predicting it gains nothing.
    fn jitter(&mut self) -> u64;
}

/// The operating system's generator, stretched by a thread-local ChaCha12.
#[cfg(feature = "system-random")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

#[cfg(feature = "system-random")]
impl Random for SystemRandom {
    fn fill_secure(&mut self, octets: &mut [u8]) {
        rand::rng().fill_bytes(octets);
    }

    fn jitter(&mut self) -> u64 {
        rand::rng().next_u64()
    }
}

/// The same octets for the same seed, on every machine: for simulations and tests **only**. Whoever knows the seed
/// knows the nonces, and nonces that come back under one key give the key's protection away.
#[derive(Debug)]
pub struct SeededRandom(ChaCha12Rng);

impl SeededRandom {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }
}

impl Random for SeededRandom {
    fn fill_secure(&mut self, octets: &mut [u8]) {
        self.0.fill_bytes(octets);
    }

    fn jitter(&mut self) -> u64 {
        self.0.next_u64()
    }
}
