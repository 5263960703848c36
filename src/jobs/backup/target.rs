//! The directory that becomes a backup.

use alloc::format;

use crate::container::check_vacant;
use crate::dir::Dir;
use crate::disk::small_file::{self, make_directory};
use crate::disk::{Disk, backup_mark};
use crate::error::{Code, Context as _, Error, Result};
use crate::format::names::{self, CONTAINER, DIRECTORIES, INCOMING, LOOSE};
use crate::packer::lock::PackerLock;

/// Makes a directory ready to become a copy of the container `id`, and locks it.
pub(super) fn prepare<D: Dir>(target: &Disk<D>, id: &str, holder: &str) -> Result<PackerLock<D>> {
    let dir = &target.dir;
    let vacant = match backup_mark::read(dir) {
        Ok(Some(of)) if of == id => false,
        Ok(Some(of)) => {
            let problem = format!("the directory holds a backup of another container ({of})");
            return Err(Error::AlreadyExists(problem));
        }
        // A malformed mark alone was left by a power cut.
        Ok(None) | Err(Error::Corrupt(_)) => true,
        Err(error) => return Err(error),
    };
    if vacant {
        check_vacant(dir)?;
    }
    for path in DIRECTORIES {
        make_directory(dir, path)?;
    }
    let lock = PackerLock::acquire(dir, holder)?;
    if vacant {
        backup_mark::write(target, id)?;
    }
    // Of backups that were stopped: nobody else writes here.
    for entry in small_file::list(dir, INCOMING)? {
        if names::is_incoming_file(&entry.name) {
            let path = format!("{INCOMING}/{}", entry.name);
            dir.remove_file(&path).during("remove", &path)?;
        }
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
    for path in [LOOSE, "."] {
        flush.dir(dir, path)?;
    }
    small_file::replace(dir, CONTAINER, &bytes, flush)?;
    // COMMIT: of the first backup. Cut at by `store::crash`.
    flush.dir(dir, ".")
}
