//! Directories of a container that were lost, as empty ones are in copies by git or by tools for object storage, and are
//! made anew.
//!
//! Who makes one may be killed before its entry is durable, and whoever puts an object into it afterwards finds it there. So
//! a file in `incoming` marks it from before it is made until its entry is durable, and an acknowledgement of what is in it
//! looks for that mark.

use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::{Code, Context as _, Result};
use crate::layout;
use crate::small_file::make_directory;

/// Make a directory and the one that holds it, where they are missing.
pub(crate) fn make<D: Dir>(disk: &Disk<D>, path: &str) -> Result<()> {
    let mark = layout::made(path);
    let mut created = disk.create_new(&mark);
    if matches!(created, Err(Code::NotFound)) {
        make_directory(&disk.dir, layout::INCOMING)?;
        created = disk.create_new(&mark);
    }
    match created {
        Ok(_) | Err(Code::Exists) => {}
        Err(code) => return Err(code).during("create", &mark),
    }
    if let Some((parent, _)) = path.rsplit_once('/') {
        make_directory(&disk.dir, parent)?;
    }
    make_directory(&disk.dir, path)?;
    settle(disk, path)
}

/// Make the entry of a directory durable that was made anew. To be called when it is there.
pub(crate) fn settle<D: Dir>(disk: &Disk<D>, path: &str) -> Result<()> {
    if !disk.flush.is_full() {
        return Ok(());
    }
    let mark = layout::made(path);
    match disk.metadata(&mark) {
        Ok(_) => {}
        Err(Code::NotFound) => return Ok(()),
        Err(code) => return Err(code).during("examine", &mark),
    }
    if let Some((parent, _)) = path.rsplit_once('/') {
        disk.flush.dir(&disk.dir, parent)?;
    }
    disk.flush.dir(&disk.dir, ".")?;
    match disk.remove_file(&mark) {
        Ok(()) | Err(Code::NotFound) => Ok(()),
        Err(code) => Err(code).during("remove", &mark),
    }
}
