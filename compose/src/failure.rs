//! Messages for a person, and files whose errors name the path.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

/// A message for a person.
pub(crate) struct Failure(String);

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// The failure of the operation `what`, as in "cannot `what`: `why`".
    pub(crate) fn cannot(what: impl Display, why: impl Display) -> Self {
        Failure(format!("cannot {what}: {why}"))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Failure::cannot(format_args!("read {}", path.display()), error))
}

/// Writes a file, and prints its size. One that is the same keeps its time.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if !fs::read(path).is_ok_and(|old| old == bytes) {
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = folder.and_then(|()| fs::write(path, bytes));
        written.map_err(|error| Failure::cannot(format_args!("write {}", path.display()), error))?;
    }
    println!("{:<32} {:>9} bytes", path.display(), bytes.len());
    Ok(())
}
