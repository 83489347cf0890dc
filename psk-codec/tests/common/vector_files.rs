//! Where the vectors of the npm packages are: the committed ones and, when the environment variable `PSK_VECTORS`
//! names a directory, fresh ones of `interop/vectors.js`. psk-crypto reads its own with this file too.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// All files that `interop/vectors.js` makes. At least one of them must be in a `PSK_VECTORS` directory.
const NAMES: [&str; 7] = [
    "btp-packets.json",
    "crypto-conditions.json",
    "ildcp.json",
    "ilp-packets.json",
    "psk-chunks.json",
    "psk-packets.json",
    "receiver-keys.json",
];

/// A file of vectors, and its text.
pub(crate) struct VectorFile {
    path: PathBuf,
    is_fresh: bool,
    pub(crate) text: String,
}

impl VectorFile {
    /// The file of this name beside the tests of the crate at `manifest_dir`, then the fresh one.
    pub(crate) fn all(manifest_dir: &str, name: &str) -> impl Iterator<Item = Self> {
        assert!(NAMES.contains(&name), "{name} is no file of interop/vectors.js");
        let committed = Path::new(manifest_dir).join("tests/vectors").join(name);
        let fresh = env::var_os("PSK_VECTORS").map(PathBuf::from).and_then(|dir| {
            let is_there = |name: &str| dir.join(name).is_file();
            assert!(NAMES.into_iter().any(is_there), "PSK_VECTORS: no vectors in {}", dir.display());
            if !is_there(name) {
                tell(&format!("SKIPPED: PSK_VECTORS has no {name}\n"));
                return None;
            }
            Some(dir.join(name))
        });
        let files = [Some((committed, false)), fresh.map(|path| (path, true))];
        files.into_iter().flatten().map(|(path, is_fresh)| {
            let text = fs::read_to_string(&path);
            let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            Self { path, is_fresh, text }
        })
    }

    /// The vectors that were read from the text, each with what to call it when it fails. Says how many fresh ones
    /// there are.
    pub(crate) fn numbered<T>(&self, vectors: Vec<T>) -> Vec<(String, T)> {
        let path = self.path.display();
        assert!(!vectors.is_empty(), "no vectors in {path}");
        if self.is_fresh {
            tell(&format!("{} fresh vectors of {path}\n", vectors.len()));
        }
        let numbered = vectors.into_iter().enumerate();
        numbered.map(|(number, vector)| (format!("vector {number} of {path}"), vector)).collect()
    }
}

/// Past libtest, which hides what tests print that pass.
fn tell(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}
