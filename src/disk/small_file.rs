//! Files of a few hundred bytes that are read and written whole.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::dir::{Dir, Entry, read_full_at, write_all_at};
use crate::disk::flush::Flush;
use crate::disk::regular;
use crate::error::{Code, Context as _, Error, IoFailure, Result};
use crate::format::names::{self, INCOMING, PACKS, SMALL_FILE_MAX};

/// The bytes of a file; `None` when there is none. One that is larger than any of its kind can be is damaged.
pub(crate) fn read(dir: &impl Dir, path: &str) -> Result<Option<Vec<u8>>> {
    let Some((file, found)) = regular::open(dir, path)? else { return Ok(None) };
    if found.len > SMALL_FILE_MAX {
        return Err(Error::corrupt(path, "it is far larger than such a file can be"));
    }
    let mut bytes = vec![0; found.len as usize];
    let read = read_full_at(&file, &mut bytes, 0).during("read", path)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Writes a file so that whoever opens it finds the old or the new bytes, whole, also after a power cut. The directory
/// that holds it is left to the caller to flush.
pub(crate) fn replace(dir: &impl Dir, path: &str, bytes: &[u8], flush: &Flush) -> Result<()> {
    let (temporary, file) = create_incoming(dir)?;
    let written = (|| {
        write_all_at(&file, bytes, 0).during("write", &temporary)?;
        flush.file(&file, &temporary)?;
        dir.rename(&temporary, path).map_err(|code| in_place(code, path))
    })();
    if written.is_err() {
        let _ = dir.remove_file(&temporary);
    }
    written
}

/// Returns the error for a file of `incoming` that could not get its final name.
pub(crate) fn in_place(code: Code, path: &str) -> Error {
    if code == Code::CrossDevice {
        let target = path.rsplit_once('/').map_or("the container's directory", |(parent, _)| parent);
        return Error::Other(format!(
            "cannot rename a file of {INCOMING} to {path}: {INCOMING} and {target} are different mounts or file systems; \
             mount the whole container at one place (only {PACKS} may be a mount of its own)"
        ));
    }
    Error::Io(IoFailure { operation: "rename to".into(), path: path.into(), code })
}

/// Makes a directory of the container that is missing; whether it was.
pub(crate) fn make_directory(dir: &impl Dir, path: &str) -> Result<bool> {
    match dir.create_dir(path) {
        Ok(()) => Ok(true),
        Err(Code::Exists) => Ok(false),
        Err(code) => Err(code).during("create", path),
    }
}

/// The entries of a directory of the container, which has none when it is missing.
pub(crate) fn list(dir: &impl Dir, path: &str) -> Result<Vec<Entry>> {
    match dir.list(path) {
        Err(Code::NotFound) => Ok(Vec::new()),
        listed => listed.during("list", path),
    }
}

/// Makes a file in `incoming` under a name that nobody else uses.
pub(crate) fn create_incoming<D: Dir>(dir: &D) -> Result<(String, D::File)> {
    let time = dir.now();
    let (mut attempt, mut made) = (0, false);
    loop {
        let path = names::incoming(time, attempt);
        match dir.create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(Code::Exists) => attempt += 1,
            // Empty directories are lost in copies by git or tools for object storage.
            Err(Code::NotFound) if !made => {
                make_directory(dir, INCOMING)?;
                made = true;
            }
            Err(code) => return Err(code).during("create", &path),
        }
    }
}
