use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use super::Scenario;

/// The oldest Node that `interop/` runs on.
const OLDEST_NODE: u32 = 20;

/// How long a failed `npm ci` counts: as long as one run of all tests takes, whose every file is a process.
const FAILURE_COUNTS: Duration = Duration::from_secs(600);

/// Runs a test that needs the npm peers. Without Node or the packages it says so, loudly, and returns; with
/// `PSK_REQUIRE_PEERS=1` that is a failure.
pub fn with_peers(test: impl FnOnce(&Scenario)) {
    static NODE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match NODE.get_or_init(|| find_node().and_then(|node| install_packages().map(|()| node))) {
        Ok(node) => test(&Scenario::with_node(Some(node.clone()))),
        Err(reason) if env::var_os("PSK_REQUIRE_PEERS").is_some_and(|value| value == "1") => {
            panic!("PSK_REQUIRE_PEERS=1, but {reason}");
        }
        Err(reason) => {
            let test = thread::current().name().unwrap_or("a test").to_owned();
            tell(&format!("SKIPPED: {test}: {reason}\n"));
        }
    }
}

/// Past libtest, which hides what tests print that pass.
fn tell(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The folder of the npm peers.
pub(super) fn interop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop")
}

fn find_node() -> Result<PathBuf, String> {
    let node = PathBuf::from(env::var_os("NODE").unwrap_or_else(|| "node".into()));
    let output = Command::new(&node).arg("--version").stdin(Stdio::null()).output();
    let version =
        output.map_err(|error| format!("Node does not start ({}: {error})", node.display()))?.stdout;
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    match major {
        Some(major) if OLDEST_NODE <= major => Ok(node),
        _ => Err(format!("Node {version:?} is older than {OLDEST_NODE}")),
    }
}

/// Runs `npm ci` in `interop/` unless that has been done: once, whatever runs at the same time.
fn install_packages() -> Result<(), String> {
    let interop = interop();
    // npm writes it when everything else is there.
    let installed = || interop.join("node_modules/.package-lock.json").exists();
    if installed() {
        return Ok(());
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm-ci");
    let mut lock =
        File::options().create(true).append(true).open(&path).map_err(|error| error.to_string())?;
    // Held until the file is closed, by whatever end of this process.
    lock.lock().map_err(|error| error.to_string())?;
    if installed() {
        return Ok(());
    }
    let failure = fs::read_to_string(&path).unwrap_or_default();
    let age =
        lock.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
    if !failure.is_empty() && age.is_some_and(|age| age < FAILURE_COUNTS) {
        return Err(failure);
    }
    let outcome = run_npm_ci(&interop);
    lock.set_len(0).map_err(|error| error.to_string())?;
    if let Err(reason) = &outcome {
        lock.write_all(reason.as_bytes()).map_err(|error| error.to_string())?;
    }
    outcome
}

fn run_npm_ci(interop: &Path) -> Result<(), String> {
    tell("interop/node_modules is missing: running npm ci there\n");
    let mut command = Command::new("npm");
    command.args(["ci", "--prefer-offline", "--fetch-retries=1", "--fetch-timeout=60000"]);
    let output = command.current_dir(interop).stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| format!("interop/node_modules is missing and npm does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    Err(format!("interop/node_modules is missing and npm ci failed: {last}"))
}
