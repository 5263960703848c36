//! The pack lock: one packer at a time for each container.
//!
//! There are two ways to hold it. Where the host provides locks of the operating system, a packer locks [`OS_LOCK`] and
//! then creates the lock file [`OS_MARK`]; elsewhere it creates the lock file [`FILE_MARK`], exclusively. Each kind
//! first creates its own lock file and then looks for the other's, so that of two packers of different kinds at least
//! one sees the other and gives way. A file [`OS_MARK`] that a killed packer left behind is taken over by the next
//! holder of the operating system's lock. A file [`FILE_MARK`] does not show whether its creator still lives: only a
//! person can tell.
//!
//! On a full disk there may be no room for a lock file. A process that frees the disk goes on without one, and must do
//! nothing that a second packer, who cannot see it, could not do at the same time: it appends nothing and cuts nothing.

use alloc::format;
use alloc::string::String;

use crate::dir::{Dir, File as _, write_all_at};
use crate::disk::small_file;
use crate::error::{Code, Context as _, Error, Result};
use crate::format::lock_mark;
use crate::format::names::{FILE_MARK, LOCK, OS_LOCK, OS_MARK};

/// The pack lock, held until dropped.
pub(crate) struct PackerLock<D: Dir> {
    dir: D,
    mark: &'static str,
    // Released after the lock file is removed: `drop` of this struct runs before that of its fields.
    _os_lock: Option<D::Lock>,
}

impl<D: Dir> PackerLock<D> {
    /// Takes the pack lock, or fails with [`Error::Locked`]. `holder` is shown to others who want it.
    pub(crate) fn acquire(dir: &D, holder: &str) -> Result<Self> {
        Self::take(dir, holder, false)
    }

    /// Takes it for something that only removes unneeded files. Where the operating system locks, that needs no room
    /// for a lock file.
    pub(crate) fn acquire_to_free(dir: &D, holder: &str) -> Result<Self> {
        Self::take(dir, holder, true)
    }

    fn take(dir: &D, holder: &str, frees: bool) -> Result<Self> {
        let mut os_lock = dir.try_lock(OS_LOCK);
        if matches!(os_lock, Err(Code::NotFound)) && small_file::make_directory(dir, LOCK)? {
            os_lock = dir.try_lock(OS_LOCK);
        }
        let os_lock = match os_lock {
            Ok(lock) => Some(lock),
            Err(Code::Unsupported) => None,
            Err(Code::WouldBlock) => return Err(held(dir, OS_MARK, true)),
            Err(code) => return Err(code).during("lock", OS_LOCK),
        };
        let locked = os_lock.is_some();
        let (mark, other) = if locked { (OS_MARK, FILE_MARK) } else { (FILE_MARK, OS_MARK) };
        let mut created = dir.create_new(mark);
        if matches!(created, Err(Code::NotFound)) && small_file::make_directory(dir, LOCK)? {
            created = dir.create_new(mark);
        }
        let file = match created {
            Ok(file) => Some(file),
            Err(Code::Exists) if locked => Some(take_over(dir, mark)?),
            Err(Code::Exists) => return Err(held(dir, mark, locked)),
            Err(Code::NoSpace | Code::Quota) if locked && frees => None,
            Err(code) => return Err(code).during("create", mark),
        };
        // From here on the lock file is removed when anything fails.
        let lock = PackerLock { dir: dir.clone(), mark, _os_lock: os_lock };
        let text = lock_mark::encode(holder, dir.now());
        if let Some(file) = file {
            match file.set_len(0).and_then(|()| write_all_at(&file, text.as_bytes(), 0)) {
                Ok(()) => {}
                // The text is only for people: the existence of the file is what counts.
                Err(Code::NoSpace | Code::Quota) if locked => {}
                Err(code) => return Err(code).during("write", mark),
            }
        }
        match dir.metadata(other) {
            Err(Code::NotFound) => Ok(lock),
            Ok(_) => Err(held(dir, other, locked)),
            Err(code) => Err(code).during("examine", other),
        }
    }
}

/// Opens the lock file that a killed packer left behind, which only the holder of the operating system's lock may do. One
/// that must not or cannot be written to is replaced.
fn take_over<D: Dir>(dir: &D, mark: &'static str) -> Result<D::File> {
    match dir.open_write(mark) {
        Ok(file) if !file.metadata().during("examine", mark)?.is_linked() => Ok(file),
        Ok(_) | Err(Code::Access) => {
            dir.remove_file(mark).during("remove", mark)?;
            dir.create_new(mark).during("create", mark)
        }
        Err(code) => Err(code).during("open", mark),
    }
}

impl<D: Dir> Drop for PackerLock<D> {
    fn drop(&mut self) {
        // One that cannot be removed is found by the next packer, which is where it is reported.
        let _ = self.dir.remove_file(self.mark);
    }
}

/// Removes the marks whoever made them; returns what they said of their holder. Fails with [`Error::Locked`] when the
/// operating system knows that the holder lives.
pub(crate) fn force_unlock(dir: &impl Dir) -> Result<Option<String>> {
    let _os_lock = match dir.try_lock(OS_LOCK) {
        Ok(lock) => Some(lock),
        Err(Code::Unsupported) => None,
        // Without a directory for lock files there is no lock file.
        Err(Code::NotFound) => return Ok(None),
        Err(Code::WouldBlock) => return Err(held(dir, OS_MARK, true)),
        Err(code) => return Err(code).during("lock", OS_LOCK),
    };
    let mut found = None;
    for mark in [OS_MARK, FILE_MARK] {
        let holder = read(dir, mark);
        match dir.remove_file(mark) {
            Ok(()) => found = Some(holder),
            Err(Code::NotFound) => {}
            Err(code) => return Err(code).during("remove", mark),
        }
    }
    Ok(found)
}

/// Describes the holder that a lock file names.
fn read(dir: &impl Dir, mark: &str) -> String {
    // An unreadable lock file is no obstacle: its content is only text for a message.
    let bytes = small_file::read(dir, mark).ok().flatten().unwrap_or_default();
    lock_mark::describe(&bytes)
}

/// Returns the error for whoever finds the lock file `mark`. `locks`: the operating system provides locks.
fn held(dir: &impl Dir, mark: &str, locks: bool) -> Error {
    let holder = read(dir, mark);
    let remedy = if mark == FILE_MARK || !locks {
        "; if it was killed and no longer runs, a forced unlock removes its lock file"
    } else {
        ""
    };
    Error::Locked(format!("another packer is at work: {holder}{remedy}"))
}
