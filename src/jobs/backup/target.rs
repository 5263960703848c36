//! The directory that becomes a backup.

use alloc::format;

use crate::container::check_vacant;
use crate::dir::Dir;
use crate::disk::small_file::{self, make_directory};
use crate::disk::{Disk, backup_mark};
use crate::error::{Code, Context as _, Error, Result};
use crate::format::names::{self, CONTAINER, DIRECTORIES, LOCK, LOOSE};
use crate::packer::lock::PackerLock;

/// Makes a directory ready to become a copy of the container `id`, and locks it.
pub(super) fn prepare<D: Dir>(dir: &D, id: &str, holder: &str) -> Result<PackerLock<D>> {
    match backup_mark::read(dir)? {
        Some(of) if of == id => {}
        Some(of) => {
            let problem = format!("the directory holds a backup of another container ({of})");
            return Err(Error::AlreadyExists(problem));
        }
        None => {
            check_vacant(dir)?;
            make_directory(dir, LOCK)?;
        }
    }
    for path in DIRECTORIES {
        make_directory(dir, path)?;
    }
    let lock = PackerLock::acquire(dir, holder)?;
    if backup_mark::read(dir)?.is_none() {
        backup_mark::write(dir, id)?;
    }
    for shard in 0..=u8::MAX {
        make_directory(dir, &names::shard(shard))?;
    }
    Ok(lock)
}

/// Makes the copy a container, when its index is in place.
pub(super) fn complete<D: Dir>(source: &Disk<D>, target: &Disk<D>) -> Result<()> {
    let Disk { dir, flush, .. } = target;
    match dir.metadata(CONTAINER) {
        Ok(_) => return Ok(()),
        Err(Code::NotFound) => {}
        Err(code) => return Err(code).during("examine", CONTAINER),
    }
    let bytes = small_file::read(&source.dir, CONTAINER)?.ok_or(Error::NoContainer)?;
    backup_mark::flush(target)?;
    for path in [LOOSE, "."] {
        flush.dir(dir, path)?;
    }
    small_file::replace(dir, CONTAINER, &bytes, flush)?;
    // COMMIT: of the first backup. Cut at by `store::crash`.
    flush.dir(dir, ".")
}
