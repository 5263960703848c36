//! Loose objects: one file each, any number of writers at once.

mod batch;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use self::batch::LooseBatch;
use crate::codec::{self, Sha256};
use crate::dir::{Dir, Kind, write_all_at};
use crate::disk::Disk;
use crate::disk::collections::Collections;
use crate::disk::directory;
use crate::disk::regular;
use crate::disk::small_file::{create_incoming, in_place};
use crate::error::{Code, Context as _, Error, Result};
use crate::format::names;
use crate::id::ObjectId;
use crate::read::{Stored, StoredReader};
use crate::source::{Source, read_up_to};
use crate::tuning::Tuning;

/// A file of `incoming` that is to become a loose object. Dropped before that, it is removed.
struct IncomingFile<D: Dir> {
    disk: Disk<D>,
    path: String,
    /// Open until the writer is done with, whether well or not.
    file: Option<D::File>,
    len: u64,
    failed: bool,
}

impl<D: Dir> IncomingFile<D> {
    fn create(disk: &Disk<D>) -> Result<Self> {
        let (path, file) = create_incoming(&disk.dir)?;
        Ok(IncomingFile { disk: disk.clone(), path, file: Some(file), len: 0, failed: false })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| !self.failed) else { return Err(Error::WriterFailed) };
        self.failed = true;
        write_all_at(file, bytes, self.len).during("write", &self.path)?;
        self.failed = false;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Makes the bytes durable, and closes the file.
    fn sync(&mut self) -> Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.disk.open_write(&self.path).during("open", &self.path)?,
        };
        self.disk.flush.file(&file, &self.path)
    }

    /// Makes it the object. Its bytes must be durable.
    fn put_in_place(mut self, id: &ObjectId) -> Result<()> {
        self.file = None;
        let target = names::loose(id);
        let mut renamed = self.disk.rename(&self.path, &target);
        if let Err(Code::NotFound) = renamed {
            directory::make(&self.disk, &names::shard(id.shard()))?;
            renamed = self.disk.rename(&self.path, &target);
        }
        renamed.map_err(|code| in_place(code, &target))?;
        self.path.clear();
        Ok(())
    }
}

impl<D: Dir> Drop for IncomingFile<D> {
    fn drop(&mut self) {
        self.file = None;
        if !self.path.is_empty() {
            // A file that cannot be removed now is left for `clean`.
            let _ = self.disk.remove_file(&self.path);
        }
    }
}

/// A loose object that is being written. Dropped before `finish`, it leaves no object.
pub(crate) struct LooseWriter<D: Dir> {
    file: IncomingFile<D>,
    hash: Sha256,
}

impl<D: Dir> LooseWriter<D> {
    pub(crate) fn new(disk: &Disk<D>) -> Result<Self> {
        Ok(LooseWriter { file: IncomingFile::create(disk)?, hash: Sha256::default() })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.file.append(bytes)
    }

    /// Appends `head`, and what is left of a source.
    pub(crate) fn write_all(&mut self, head: Vec<u8>, source: &mut dyn Source) -> Result<()> {
        let Tuning { chunk, piece, .. } = *self.file.disk.tuning;
        let (mut buffer, mut ended) = (head, false);
        loop {
            self.write(&buffer)?;
            if ended {
                return Ok(());
            }
            buffer.clear();
            ended = read_up_to(source, chunk, piece, &mut buffer)?;
        }
    }

    /// Makes the file an object, unless it is `packed`, as in [`add`].
    pub(crate) fn finish(self, packed: impl FnOnce(&ObjectId) -> Result<bool>) -> Result<ObjectId> {
        let (id, mut file) = self.close()?;
        let disk = file.disk.clone();
        match existing(&disk, &id, file.len, packed)? {
            Some(Existing::Packed) => return Ok(id),
            Some(Existing::Loose) => {}
            None => {
                file.sync()?;
                file.put_in_place(&id)?;
            }
        }
        commit(&disk, &id)?;
        Ok(id)
    }

    fn close(self) -> Result<(ObjectId, IncomingFile<D>)> {
        if self.file.failed {
            return Err(Error::WriterFailed);
        }
        Ok((self.hash.finish(), self.file))
    }
}

/// Stores bytes that are in memory, unless the object is `packed`: which says that it is sound and durable.
pub(crate) fn add<D: Dir>(
    disk: &Disk<D>,
    bytes: &[u8],
    packed: impl FnOnce(&ObjectId) -> Result<bool>,
) -> Result<ObjectId> {
    let id = codec::sha256(bytes);
    match existing(disk, &id, bytes.len() as u64, packed)? {
        Some(Existing::Packed) => return Ok(id),
        Some(Existing::Loose) => {}
        None => {
            let mut file = IncomingFile::create(disk)?;
            file.append(bytes)?;
            file.sync()?;
            file.put_in_place(&id)?;
        }
    }
    commit(disk, &id)?;
    Ok(id)
}

/// Where an object is that is added again. It is sound there, and durable but for the entry of a loose file.
enum Existing {
    Loose,
    Packed,
}

/// Looks for an object that is about to be added. `None` also when a garbage collection may be about to remove it.
fn existing<D: Dir>(
    disk: &Disk<D>,
    id: &ObjectId,
    len: u64,
    packed: impl FnOnce(&ObjectId) -> Result<bool>,
) -> Result<Option<Existing>> {
    let collections = Collections::count(&disk.dir)?;
    let existing = if is_there(disk, id, len)? {
        flush_file(disk, id)?;
        Existing::Loose
    } else if packed(id)? {
        Existing::Packed
    } else {
        return Ok(None);
    };
    Ok(collections.are_over(&disk.dir)?.then_some(existing))
}

/// Makes the entry of a loose object durable: also when it was there already, as whoever put it there may not have come
/// this far.
fn commit<D: Dir>(disk: &Disk<D>, id: &ObjectId) -> Result<()> {
    let shard = names::shard(id.shard());
    directory::settle(disk, &shard)?;
    // COMMIT: of a loose object. Cut at by `store::crash`.
    disk.flush.dir(&disk.dir, &shard)
}

/// Makes the bytes of a loose object durable: whoever put it there may not have flushed them.
fn flush_file<D: Dir>(disk: &Disk<D>, id: &ObjectId) -> Result<()> {
    match open(&disk.dir, id)? {
        Some((file, _)) => disk.flush.file(&file, &names::loose(id)),
        // Packed and cleaned meanwhile, which makes it durable before.
        None => Ok(()),
    }
}

/// Returns whether the object exists and need not be put in place. Checked first because replacing a file is expensive:
/// some file systems flush the replacement. A damaged one is replaced.
fn is_there<D: Dir>(disk: &Disk<D>, id: &ObjectId, len: u64) -> Result<bool> {
    let path = names::loose(id);
    match disk.metadata(&path) {
        Ok(found) => Ok(found.kind == Kind::File && found.len == len && is_sound(disk, id)?),
        Err(Code::NotFound) => Ok(false),
        Err(code) => Err(code).during("examine", &path),
    }
}

/// Opens a loose object; `None` when there is none. With its size.
pub(crate) fn open<D: Dir>(dir: &D, id: &ObjectId) -> Result<Option<(D::File, u64)>> {
    match regular::open(dir, &names::loose(id)) {
        Ok(found) => Ok(found.map(|(file, found)| (file, found.len))),
        Err(Error::Io(failure)) if failure.code == Code::NotDirectory => {
            Err(Error::corrupt(names::shard(id.shard()), "there is a file in place of the directory"))
        }
        Err(error) => Err(error),
    }
}

/// Returns whether there is a loose object, and its bytes match its id.
pub(crate) fn is_sound<D: Dir>(disk: &Disk<D>, id: &ObjectId) -> Result<bool> {
    let Some((file, size)) = open(&disk.dir, id)? else { return Ok(false) };
    StoredReader::new(Stored::loose(*id, Arc::new(file), size, &disk.tuning), true).is_sound()
}

/// Size of a loose object; `None` when there is none.
pub(crate) fn size(dir: &impl Dir, id: &ObjectId) -> Result<Option<u64>> {
    let path = names::loose(id);
    match dir.metadata(&path) {
        Ok(found) if found.kind == Kind::File => Ok(Some(found.len)),
        Ok(_) => Err(Error::corrupt(path, "there is something else in place of the object")),
        Err(Code::NotFound) => Ok(None),
        Err(code) => Err(code).during("examine", &path),
    }
}

/// Removes a loose object; whether there was one.
pub(crate) fn remove(dir: &impl Dir, id: &ObjectId) -> Result<bool> {
    let path = names::loose(id);
    match dir.remove_file(&path) {
        Ok(()) => Ok(true),
        Err(Code::NotFound) => Ok(false),
        Err(code) => Err(code).during("remove", &path),
    }
}

/// Removes a loose object that is no longer needed; whether it is gone. One that cannot be removed now, as it may be on
/// Windows while it is read, is left for the next time.
pub(crate) fn remove_unneeded(dir: &impl Dir, id: &ObjectId) -> Result<bool> {
    match remove(dir, id) {
        Err(Error::Io(failure)) if failure.code == Code::Busy || failure.code == Code::Access && cfg!(windows) => {
            Ok(false)
        }
        removed => removed,
    }
}

/// The ids of a shard's objects, sorted. Files with other names are no objects.
pub(crate) fn list(dir: &impl Dir, shard: u8) -> Result<Vec<ObjectId>> {
    let path = names::shard(shard);
    match dir.list(&path) {
        // The names of a shard sort as the ids do.
        Ok(entries) => Ok(entries.iter().filter_map(|entry| names::loose_id(shard, &entry.name)).collect()),
        Err(Code::NotFound) => Ok(Vec::new()),
        Err(code) => Err(code).during("list", &path),
    }
}
