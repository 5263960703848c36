//! Removing a pack of theirs, so that a kill at any moment leaves a container that they can read, and a removal that the
//! next import completes.
//!
//! 1. `packs/N.lock`, the lock of their packer, is made with our mark in it, and locked by the operating system.
//! 2. The objects are imported, committed and read back.
//! 3. The lock file is marked: everything in the pack is ours.
//! 4. The rows of the pack are deleted, in one durable transaction. Until then the pack serves their readers; from then
//!    on no row refers to it.
//! 5. The pack is removed, and then its lock file.

use std::collections::BTreeSet;

use loosepack::dir::cap::{CapDir, CapLock};
use loosepack::{Code, Dir as _, File as _};

use crate::Error;
use crate::layout::{PACKS, Place, pack, read_up_to};

/// The content of a lock file of ours.
const MARK: &[u8] = b"loosepack import\n";
/// What is appended to it once the pack may be removed.
const REMOVED: &[u8] = b"imported\n";

/// The lock on a pack of theirs.
pub(super) struct PackLock {
    dir: CapDir,
    place: String,
    number: i64,
    lock: CapLock,
}

impl PackLock {
    /// Locks a pack. Takes over a lock file of ours whose process has ended.
    ///
    /// # Errors
    /// Why it cannot be locked, and what to do.
    pub(super) fn take(place: &Place, number: i64) -> Result<Self, String> {
        let path = lock_path(number);
        let cannot = |operation: &str, code: Code| format!("cannot {operation} {path}: {code}");
        match make(place, &path) {
            Ok(()) | Err(Code::Exists) => {}
            Err(code) => return Err(cannot("make", code)),
        }
        if !read_mark(&place.dir, &path).map_err(|code| cannot("read", code))?.starts_with(MARK) {
            return Err(format!("{path} exists: another process packs; if none does, remove that file"));
        }
        match place.dir.try_lock(&path) {
            Ok(lock) => Ok(PackLock { dir: place.dir.clone(), place: place.name.clone(), number, lock }),
            Err(Code::WouldBlock) => Err("another import moves it".into()),
            Err(code) => Err(cannot("lock", code)),
        }
    }

    /// The name of the pack.
    pub(super) fn pack(&self) -> String {
        pack(self.number)
    }

    /// Everything in the pack is imported: whoever finds the lock file may remove the pack once no row refers to it.
    pub(super) fn mark_removed(&self) -> Result<(), Error> {
        let path = lock_path(self.number);
        let mark = || {
            let file = self.dir.open_write(&path)?;
            let mut written = 0;
            while written < REMOVED.len() {
                written += file.write_at(&REMOVED[written..], (MARK.len() + written) as u64)?;
            }
            file.sync()?;
            self.dir.sync_dir(PACKS)
        };
        mark().map_err(|code| self.failed("write", &path, code))
    }

    /// Removes the pack, to which no row refers, and the lock file.
    pub(super) fn remove_pack(self) -> Result<(), Error> {
        let pack = self.pack();
        match self.dir.remove_file(&pack) {
            Ok(()) | Err(Code::NotFound) => {}
            Err(code) => return Err(self.failed("remove", &pack, code)),
        }
        // The lock file is the reason to remove the pack: it outlives it.
        self.dir.sync_dir(PACKS).map_err(|code| self.failed("flush", PACKS, code))?;
        self.release()
    }

    /// Removes the lock file.
    pub(super) fn release(self) -> Result<(), Error> {
        let path = lock_path(self.number);
        let removed = self.dir.remove_file(&path).map_err(|code| self.failed("remove", &path, code));
        drop(self.lock);
        removed
    }

    fn failed(&self, operation: &str, path: &str, code: Code) -> Error {
        crate::layout::failed(operation, &self.place, path, code)
    }
}

/// Completes removals that a kill has cut short. `packs`: those that rows refer to.
pub(super) fn finish_removed(place: &Place, packs: &BTreeSet<i64>) -> Result<(), Error> {
    let mut numbers = Vec::new();
    place.each_name(PACKS, |name| {
        let number = name.strip_suffix(".lock").and_then(|number| number.parse().ok());
        numbers.extend(number.filter(|number| !packs.contains(number)));
        Ok(())
    })?;
    for number in numbers {
        let mark = read_mark(&place.dir, &lock_path(number));
        let ours = mark.as_ref().is_ok_and(|mark| mark.starts_with(MARK));
        // One that another import holds is its own.
        if ours && let Ok(lock) = PackLock::take(place, number) {
            if mark.is_ok_and(|mark| mark.ends_with(REMOVED)) { lock.remove_pack()? } else { lock.release()? }
        }
    }
    Ok(())
}

fn lock_path(number: i64) -> String {
    format!("{}.lock", pack(number))
}

/// Makes a lock file that is complete as soon as it exists.
fn make(place: &Place, path: &str) -> Result<(), Code> {
    let temporary = format!("{path}.loosepack");
    // Left by a kill.
    let _ = place.dir.remove_file(&temporary);
    let file = place.dir.create_new(&temporary)?;
    file.write_at(MARK, 0)?;
    file.sync()?;
    let made = place.std.hard_link(&temporary, &place.std, path).map_err(|error| Code::from(&error));
    place.dir.remove_file(&temporary)?;
    made
}

/// The content of a lock file, as far as it can be one of ours.
fn read_mark(dir: &CapDir, path: &str) -> Result<Vec<u8>, Code> {
    let mut mark = vec![0; MARK.len() + REMOVED.len() + 1];
    let read = read_up_to(&dir.open_read(path)?, &mut mark, 0)?;
    mark.truncate(read);
    Ok(mark)
}
