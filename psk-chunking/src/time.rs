use std::time::Duration;

use psk_codec::Timestamp;

/// What time it is, told to a machine with every input: machines read no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Time that never goes back, since any fixed moment: for pauses and deadlines.
    pub monotonic: Duration,
    /// The time of day: for the expiry of ILP packets.
    pub wall: Timestamp,
}
