use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any test takes on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// How much of what the processes said a failure shows.
const LINES_SHOWN: usize = 400;

/// One test: its time limit, and all that its processes have said. Cheap to clone.
#[derive(Clone)]
pub struct Scenario(Arc<Inner>);

struct Inner {
    begin: Instant,
    /// Where Node is, in a test that needs it.
    node: Option<PathBuf>,
    said: Mutex<Vec<String>>,
}

impl Scenario {
    /// For a test without npm peers.
    pub fn new() -> Self {
        Self::with_node(None)
    }

    pub(super) fn with_node(node: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner { begin: Instant::now(), node, said: Mutex::default() }))
    }

    pub(super) fn node(&self) -> &PathBuf {
        self.0.node.as_ref().expect("a test that starts npm peers runs in with_peers")
    }

    /// What is left of the time limit; zero when it has passed.
    pub fn time_left(&self) -> Duration {
        TIME_LIMIT.saturating_sub(self.0.begin.elapsed())
    }

    /// Writes down what a process said.
    pub(super) fn heard(&self, process: &str, line: &str) {
        let line = format!("{:8.3} {process} {line}", self.0.begin.elapsed().as_secs_f64());
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

impl Drop for Inner {
    /// libtest shows it with the failure.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let said = self.said.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::from("what the processes said, with the seconds since the test began:\n");
        let hidden = said.len().saturating_sub(LINES_SHOWN);
        if hidden > 0 {
            let _ = writeln!(text, "({hidden} lines before these)");
        }
        for line in &said[hidden..] {
            let _ = writeln!(text, "{line}");
        }
        eprintln!("{text}");
    }
}
