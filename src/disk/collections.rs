//! Garbage collections, counted, so that whoever relies on an object that exists already notices one.
//!
//! An object that is added and exists already is not written again. A garbage collection at work may have decided about
//! that object before. So each one makes a file longer by a byte when it starts, before it looks at any object, and by
//! another when it has ended; whoever adds an object relies on what exists only if the length was even before he looked
//! and is the same afterwards, and stores the object anew otherwise. A collection spares what became loose after its
//! start.

use alloc::vec;

use crate::dir::Dir;
use crate::disk::small_file::{self, make_directory};
use crate::disk::{Disk, directory};
use crate::error::{Code, Context as _, Result};
use crate::format::names::{self, COLLECTIONS, INCOMING, LOCK};
use crate::id::ObjectId;

/// The length at which the file starts over.
const LEN_MAX: usize = 1 << 16;

/// The collections there have been, as seen at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Collections(u64);

impl Collections {
    /// Counts them.
    pub(crate) fn count(dir: &impl Dir) -> Result<Self> {
        match dir.metadata(COLLECTIONS) {
            Ok(found) => Ok(Collections(found.len)),
            Err(Code::NotFound) => Ok(Collections(0)),
            Err(code) => Err(code).during("examine", COLLECTIONS),
        }
    }

    /// Returns whether one is at work, or was killed.
    pub(crate) fn at_work(self) -> bool {
        self.0 % 2 == 1
    }

    /// Returns whether what was found to exist since these were counted can be relied on.
    pub(crate) fn are_over(self, dir: &impl Dir) -> Result<bool> {
        Ok(!self.at_work() && Self::count(dir)? == self)
    }
}

/// Counts the start of a collection. The pack lock must be held. Returns when that was, on the clock of file times.
pub(crate) fn start<D: Dir>(disk: &Disk<D>) -> Result<u64> {
    append(disk)?;
    Ok(disk.metadata(COLLECTIONS).during("examine", COLLECTIONS)?.modified)
}

/// Counts the end of one. What it did must be durable.
pub(crate) fn end<D: Dir>(disk: &Disk<D>) -> Result<()> {
    append(disk)
}

/// Makes the file longer. Replaced, as a snapshot may share it by a hard link.
fn append<D: Dir>(disk: &Disk<D>) -> Result<()> {
    let Collections(len) = Collections::count(&disk.dir)?;
    make_directory(&disk.dir, LOCK)?;
    let len = usize::try_from(len).unwrap_or(0).min(LEN_MAX);
    // Back at the start, its length is still odd or even as it has to be.
    let len = if len == LEN_MAX { len % 2 } else { len };
    small_file::replace(&disk.dir, COLLECTIONS, &vec![b'.'; len + 1], &disk.flush)
}

/// Ends a collection that was killed, if there is one. The pack lock must be held. Loose objects about which it had not
/// decided are put back.
pub(crate) fn end_killed<D: Dir>(disk: &Disk<D>) -> Result<()> {
    if !Collections::count(&disk.dir)?.at_work() {
        return Ok(());
    }
    for entry in small_file::list(&disk.dir, INCOMING)? {
        let Some(id) = names::collected_id(&entry.name) else { continue };
        put_back(disk, &id)?;
        disk.flush.dir(&disk.dir, &names::shard(id.shard()))?;
    }
    disk.flush.dir(&disk.dir, INCOMING)?;
    match end(disk) {
        // On a full disk it is ended by somebody else. Until then what exists is stored again.
        Err(error) if error.is_full() => Ok(()),
        ended => ended,
    }
}

/// Makes a file that a collection has moved away a loose object again.
pub(crate) fn put_back<D: Dir>(disk: &Disk<D>, id: &ObjectId) -> Result<()> {
    let (from, to) = (names::collected(id), names::loose(id));
    let mut renamed = disk.rename(&from, &to);
    if matches!(renamed, Err(Code::NotFound)) {
        directory::make(disk, &names::shard(id.shard()))?;
        renamed = disk.rename(&from, &to);
    }
    renamed.during("rename to", &to)
}
