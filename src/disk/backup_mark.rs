//! The file that makes a directory a backup: only a backup writes to it.

use alloc::string::String;

use crate::dir::Dir;
use crate::disk::{Disk, small_file};
use crate::error::{Code, Context as _, Error, Result};
use crate::format::backup_json;
use crate::format::names::{BACKUP, LOCK};

/// The container that a directory is a backup of, or is about to become one of.
pub(crate) fn read(dir: &impl Dir) -> Result<Option<String>> {
    let Some(bytes) = small_file::read(dir, BACKUP)? else { return Ok(None) };
    let malformed = || Error::corrupt(BACKUP, "it is malformed: remove the backup, and make another");
    backup_json::decode(&bytes).map(Some).ok_or_else(malformed)
}

/// Returns whether a directory is a backup, or is about to become one.
pub(crate) fn is_there(dir: &impl Dir) -> Result<bool> {
    match dir.metadata(BACKUP) {
        Ok(_) => Ok(true),
        Err(Code::NotFound) => Ok(false),
        Err(code) => Err(code).during("examine", BACKUP),
    }
}

/// Makes a directory one that is to become a backup of the container `id`, durably: before anything else is in it.
pub(crate) fn write<D: Dir>(disk: &Disk<D>, id: &str) -> Result<()> {
    let Disk { dir, flush, .. } = disk;
    small_file::replace(dir, BACKUP, &backup_json::encode(id), flush)?;
    flush.dir(dir, LOCK)?;
    flush.dir(dir, ".")
}

/// Makes a backup a container like any other.
pub(crate) fn remove<D: Dir>(disk: &Disk<D>) -> Result<()> {
    match disk.remove_file(BACKUP) {
        Ok(()) | Err(Code::NotFound) => {}
        Err(code) => return Err(code).during("remove", BACKUP),
    }
    disk.flush.dir(&disk.dir, LOCK)
}
