use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;

/// All of a file; of stdin for `-`.
pub(crate) fn read(path: &Path) -> io::Result<Bytes> {
    if path == Path::new("-") {
        let mut octets = Vec::new();
        io::stdin().lock().read_to_end(&mut octets)?;
        return Ok(octets.into());
    }
    std::fs::read(path).map(Bytes::from)
}
