//! Archives (`.tar.gz`) whose bytes depend on names, contents and the release alone: sorted, owned by root, of one
//! time.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use crate::Release;
use crate::release::{list, read};

/// A file or a folder, and its name in the archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name in the archive, with `/` between folders.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// It is a program: its mode is 755, that of others 644.
    pub is_program: bool,
}

/// Writes an archive of these files, and of all that is in folders among them.
///
/// # Errors
/// Failures to read or to write, with the file's name.
pub fn write_archive(path: &Path, entries: &[Entry], release: &Release) -> Result<()> {
    let mut files = Vec::new();
    for entry in entries {
        collect(entry, &mut files)?;
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let output = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let seconds = u32::try_from(release.seconds).context("the release is in a far future")?;
    let mut archive = tar::Builder::new(GzBuilder::new().mtime(seconds).write(output, Compression::best()));
    for Entry { name, path, is_program } in files {
        let bytes = read(&path)?;
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(if is_program { 0o755 } else { 0o644 });
        header.set_mtime(release.seconds);
        archive.append_data(&mut header, &name, &bytes[..]).with_context(|| format!("cannot add {name}"))?;
    }
    archive.into_inner()?.finish()?.flush().with_context(|| format!("cannot write {}", path.display()))
}

fn collect(entry: &Entry, files: &mut Vec<Entry>) -> Result<()> {
    if !entry.path.is_dir() {
        files.push(entry.clone());
        return Ok(());
    }
    for path in list(&entry.path)? {
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{}/{file_name}", entry.name);
        collect(&Entry { name, path, is_program: entry.is_program }, files)?;
    }
    Ok(())
}
