use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use psk_crypto::ReceiverSecret;

use super::handler::{ChunkHandler, RejectAll, RequestHandler};
use crate::receiver::ReceiverOptions;
use crate::replay::ReplayLimits;

/// How an [`Endpoint`](super::Endpoint) receives.
#[derive(Clone)]
pub struct ReceiverConfig {
    /// From which the shared secrets follow. Keep it, so that credentials survive a restart.
    pub secret: ReceiverSecret,
    /// A segment after the endpoint's address, to tell several receivers on one link apart. `None` by default: the
    /// receiver is at the endpoint's own address.
    pub label: Option<String>,
    /// Tolerance for our clock, and the number of keys that are kept.
    pub options: ReceiverOptions,
    /// How many answers are remembered for replays.
    pub replay: ReplayLimits,
    /// For how long a packet is handled, and its answer remembered, at most. 60 s by default: connectors let no
    /// packet live longer than 30 s, and a packet that claims more should not occupy memory for years.
    pub max_hold: Duration,
    /// Who decides on requests. Rejects all by default.
    pub requests: Arc<dyn RequestHandler>,
    /// Who answers chunks. Nobody by default: they are refused with F06.
    pub chunks: Option<Arc<dyn ChunkHandler>>,
}

impl ReceiverConfig {
    /// All defaults.
    pub fn new(secret: ReceiverSecret) -> Self {
        Self {
            secret,
            label: None,
            options: ReceiverOptions::default(),
            replay: ReplayLimits::default(),
            max_hold: Duration::from_secs(60),
            requests: Arc::new(RejectAll),
            chunks: None,
        }
    }

    /// The same at a segment of its own after the endpoint's address.
    pub fn with_label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// The same with a handler that decides on requests.
    pub fn with_requests(self, requests: impl RequestHandler) -> Self {
        Self { requests: Arc::new(requests), ..self }
    }

    /// The same with a handler that answers chunks.
    pub fn with_chunks(self, chunks: impl ChunkHandler) -> Self {
        Self { chunks: Some(Arc::new(chunks)), ..self }
    }
}

impl fmt::Debug for ReceiverConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverConfig")
            .field("label", &self.label)
            .field("options", &self.options)
            .field("replay", &self.replay)
            .field("max_hold", &self.max_hold)
            .finish_non_exhaustive()
    }
}
