//! What every part of a release says of it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Where the sources are.
pub const REPOSITORY: &str = "https://github.com/loosepack/loosepack";

/// The license of all parts.
pub const LICENSE: &str = "MIT OR Apache-2.0";

/// Version and time of a release.
#[derive(Debug, Clone)]
pub struct Release {
    /// The version, as in `Cargo.toml`.
    pub version: String,
    /// When its commit was made, in seconds since 1970-01-01 UTC: the time of everything in it, whenever it is built.
    pub seconds: u64,
}

impl Release {
    /// The time as RFC 3339 has it, in UTC.
    ///
    /// # Errors
    /// When it is beyond the year 9999.
    pub fn time(&self) -> Result<String> {
        let seconds = i64::try_from(self.seconds).context("the release is in a far future")?;
        Ok(OffsetDateTime::from_unix_timestamp(seconds)?.format(&Rfc3339)?)
    }
}

/// Reads a file, with errors that name it.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file and makes the folders above it, with errors that name it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The entries of a folder, sorted.
pub(crate) fn list(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
