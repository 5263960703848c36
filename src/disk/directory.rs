//! Directories of a container that got lost and are recreated. Copies by git and by tools for object storage lose empty
//! ones.
//!
//! A process that recreates one may be killed before the entry is durable, and others who put an object into it find it
//! existing. So a marker file in `incoming` exists from before the directory is made until its entry is durable, and
//! whoever acknowledges something inside the directory looks for the marker.

use crate::dir::Dir;
use crate::disk::Disk;
use crate::disk::small_file::make_directory;
use crate::error::{Code, Context as _, Result};
use crate::format::names;

/// Makes a directory and the one that holds it, where they are missing.
pub(crate) fn make<D: Dir>(disk: &Disk<D>, path: &str) -> Result<()> {
    mark(&disk.dir, path)?;
    if let Some((parent, _)) = path.rsplit_once('/') {
        make_directory(&disk.dir, parent)?;
    }
    make_directory(&disk.dir, path)?;
    settle(disk, path)
}

/// Makes the entry of a recreated directory durable. The directory must exist.
pub(crate) fn settle<D: Dir>(disk: &Disk<D>, path: &str) -> Result<()> {
    if !disk.flush.is_full() || !is_marked(&disk.dir, path)? {
        return Ok(());
    }
    if let Some((parent, _)) = path.rsplit_once('/') {
        disk.flush.dir(&disk.dir, parent)?;
    }
    disk.flush.dir(&disk.dir, ".")?;
    unmark(&disk.dir, path)
}

/// Marks what is about to be made, a directory or [`names::THE_CONTAINER`].
pub(crate) fn mark(dir: &impl Dir, what: &str) -> Result<()> {
    let mark = names::made(what);
    let mut created = dir.create_new(&mark);
    if matches!(created, Err(Code::NotFound)) {
        make_directory(dir, names::INCOMING)?;
        created = dir.create_new(&mark);
    }
    match created {
        Ok(_) | Err(Code::Exists) => Ok(()),
        Err(code) => Err(code).during("create", &mark),
    }
}

/// Returns whether it is marked.
pub(crate) fn is_marked(dir: &impl Dir, what: &str) -> Result<bool> {
    let mark = names::made(what);
    match dir.metadata(&mark) {
        Ok(_) => Ok(true),
        Err(Code::NotFound) => Ok(false),
        Err(code) => Err(code).during("examine", &mark),
    }
}

/// Removes the marker of an entry that is durable. Somebody else may have removed it already.
pub(crate) fn unmark(dir: &impl Dir, what: &str) -> Result<()> {
    let mark = names::made(what);
    match dir.remove_file(&mark) {
        Ok(()) | Err(Code::NotFound) => Ok(()),
        Err(code) => Err(code).during("remove", &mark),
    }
}
