//! `SHA256SUMS`: the checksums of all files below a folder, as `sha256sum -c` reads them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::release::{list, read, sha256, write};

/// The file of checksums.
pub const NAME: &str = "SHA256SUMS";

/// Writes the checksums of all files below a folder to [`NAME`] in it, sorted by path. Returns how many there are.
///
/// # Errors
/// Failures to read or to write, with the file's name.
pub fn write_sums(folder: &Path) -> Result<usize> {
    let text = sums(folder)?;
    write(&folder.join(NAME), text.as_bytes())?;
    Ok(text.lines().count())
}

fn sums(folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    let mut lines = Vec::new();
    for path in files {
        let relative = path.strip_prefix(folder)?.components().map(|part| part.as_os_str().to_string_lossy());
        let name = relative.collect::<Vec<_>>().join("/");
        if name != NAME {
            lines.push((name, sha256(&read(&path)?)));
        }
    }
    lines.sort();
    Ok(lines.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for path in list(folder)? {
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
