//! Opening the container's own files for reading: what is in their place and is no regular file is damage.

use alloc::format;

use crate::dir::{Dir, File as _, Kind, Metadata};
use crate::error::{Code, Context as _, Error, Result};

/// An open file and what is known of it; `None` when there is nothing of this name.
pub(crate) fn open<D: Dir>(dir: &D, path: &str) -> Result<Option<(D::File, Metadata)>> {
    let instead = |found: &str| Error::corrupt(path, format!("there is {found} in place of the file"));
    let file = match dir.open_read(path) {
        Ok(file) => file,
        Err(Code::NotFound) => return Ok(None),
        Err(Code::Loop) => return Err(instead("a symbolic link")),
        Err(Code::Invalid) => return Err(instead(SPECIAL)),
        Err(code) => return Err(code).during("open", path),
    };
    let found = file.metadata().during("examine", path)?;
    match found.kind {
        Kind::File => Ok(Some((file, found))),
        Kind::Dir => Err(instead("a directory")),
        Kind::Symlink | Kind::Other => Err(instead(SPECIAL)),
    }
}

const SPECIAL: &str = "a device, a pipe or a socket";
