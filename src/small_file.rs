//! Files of a few hundred bytes that are read and written whole.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::dir::{Dir, read_full_at, write_all_at};
use crate::error::{Code, Context as _, Error, Result};
use crate::flush::Flush;
use crate::layout::{self, SMALL_FILE_MAX};
use crate::regular;

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

/// Write a file so that whoever opens it finds the old or the new bytes, whole, also after a power cut. The directory
/// that holds it is left to the caller to flush.
pub(crate) fn replace(dir: &impl Dir, path: &str, bytes: &[u8], flush: &Flush) -> Result<()> {
    let (temporary, file) = create_in_sandbox(dir)?;
    let written = (|| {
        write_all_at(&file, bytes, 0).during("write", &temporary)?;
        flush.file(&file, &temporary)?;
        dir.rename(&temporary, path).during("rename to", path)
    })();
    if written.is_err() {
        let _ = dir.remove_file(&temporary);
    }
    written
}

/// Make a file in the sandbox under a name that nobody else uses.
pub(crate) fn create_in_sandbox<D: Dir>(dir: &D) -> Result<(String, D::File)> {
    let time = dir.now();
    let mut attempt = 0;
    loop {
        let path = layout::sandbox(time, attempt);
        match dir.create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(Code::Exists) => attempt += 1,
            Err(code) => return Err(code).during("create", &path),
        }
    }
}
