//! What happened, a line for each event.

use std::fmt::{self, Write};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Takes one line of a trace, without its end.
pub type TraceSink = Box<dyn FnMut(&str) + Send>;

/// Writes the trace down, hashes it, or neither.
#[derive(Default)]
pub(super) struct Trace {
    hash: Option<Sha256>,
    sink: Option<TraceSink>,
    line: String,
}

impl Trace {
    pub(super) fn is_on(&self) -> bool {
        self.hash.is_some() || self.sink.is_some()
    }

    pub(super) fn start_hash(&mut self) {
        self.hash = Some(Sha256::new());
    }

    pub(super) fn set_sink(&mut self, sink: TraceSink) {
        self.sink = Some(sink);
    }

    /// One event.
    pub(super) fn write(&mut self, now: Duration, what: fmt::Arguments<'_>) {
        self.line.clear();
        // Writing to a string never fails.
        let _ = write!(self.line, "{}.{:09} {what}", now.as_secs(), now.subsec_nanos());
        if let Some(hash) = &mut self.hash {
            hash.update(self.line.as_bytes());
            hash.update(b"\n");
        }
        if let Some(sink) = &mut self.sink {
            sink(&self.line);
        }
    }

    /// SHA-256 of all lines until now, each with its end; `None` when it was not asked for.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        self.hash.clone().map(|hash| hash.finalize().into())
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("on", &self.is_on()).finish_non_exhaustive()
    }
}
