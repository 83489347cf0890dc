//! The one place where the wall clock is read.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use psk_codec::Timestamp;
use tokio::time::Instant;

/// Tells drivers the time of day; monotonic time is [`tokio::time::Instant`].
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Virtual(Arc<(Timestamp, Instant)>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `start` now and goes on with tokio's time, which a test can pause and advance.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Source::Virtual(Arc::new((start, Instant::now()))))
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Virtual(origin) => origin.0.saturating_add(origin.1.elapsed()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that drivers read")]
fn system_now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::UNIX_EPOCH.saturating_add(since_1970)
}
