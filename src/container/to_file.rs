//! Writing an object to a file outside the container.

use alloc::format;

use crate::container::ObjectReader;
use crate::dir::{Dir, File, write_all_at};
use crate::error::{Code, Context as _, Error, Result};

/// Write what `reader` gives to `file`, from its start; returns the number of bytes.
pub fn to<D: Dir>(reader: &mut ObjectReader<D>, file: &impl File, path: &str) -> Result<u64> {
    let mut buffer = reader.buffer();
    let mut position = 0;
    loop {
        let len = reader.read(&mut buffer)?;
        if len == 0 {
            return Ok(position);
        }
        write_all_at(file, &buffer[..len], position).during("write", path)?;
        position += len as u64;
    }
}

/// The same to the file `path` of a directory, which appears, and replaces an earlier one, when it is complete.
pub(crate) fn to_file<D: Dir>(reader: &mut ObjectReader<D>, dir: &impl Dir, path: &str) -> Result<u64> {
    // Beside the target, as a rename needs; hidden, as long as it is not whole.
    let (parent, name) = path.rsplit_once('/').map_or(("", path), |(parent, name)| (parent, name));
    let slash = if parent.is_empty() { "" } else { "/" };
    let mut attempt = 0;
    let (temporary, file) = loop {
        let temporary = format!("{parent}{slash}.{name}.{:x}-{attempt}", dir.now());
        match dir.create_new(&temporary) {
            Ok(file) => break (temporary, file),
            Err(Code::Exists) => attempt += 1,
            Err(code) => return Err(code).during("create", path),
        }
    };
    let written = to(reader, &file, path);
    drop(file);
    let result = written.and_then(|len| dir.rename(&temporary, path).during("rename to", path).map(|()| len));
    result.inspect_err(|_: &Error| {
        let _ = dir.remove_file(&temporary);
    })
}
