//! Loose objects: one file each, any number of writers at once.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::codec::{self, Sha256};
use crate::dir::{Dir, Kind, write_all_at};
use crate::error::{Code, Context as _, Error, Result};
use crate::flush::Flush;
use crate::id::ObjectId;
use crate::layout::{self, LOOSE};
use crate::reader::{ObjectReader, Stored};
use crate::regular;
use crate::small_file::create_in_sandbox;

/// A loose object that is being written. Dropped before `finish`, it leaves no object.
pub(crate) struct LooseWriter<D: Dir> {
    dir: D,
    flush: Flush,
    path: String,
    /// Open until the writer is done with, whether well or not.
    file: Option<D::File>,
    hash: Sha256,
    len: u64,
    failed: bool,
}

impl<D: Dir> LooseWriter<D> {
    pub(crate) fn new(dir: &D, flush: &Flush) -> Result<Self> {
        let (path, file) = create_in_sandbox(dir)?;
        let (dir, flush, hash) = (dir.clone(), flush.clone(), Sha256::default());
        Ok(LooseWriter { dir, flush, path, file: Some(file), hash, len: 0, failed: false })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.append(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| !self.failed) else { return Err(Error::WriterFailed) };
        self.failed = true;
        write_all_at(file, bytes, self.len).during("write", &self.path)?;
        self.failed = false;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Make the file an object.
    pub(crate) fn finish(mut self) -> Result<ObjectId> {
        let id = core::mem::take(&mut self.hash).finish();
        self.put_in_place(&id)?;
        Ok(id)
    }

    fn put_in_place(&mut self, id: &ObjectId) -> Result<()> {
        if self.failed {
            return Err(Error::WriterFailed);
        }
        let target = layout::loose(id);
        // Looked at first because replacing a file is dear: some file systems flush the replacement. One that is damaged
        // is replaced.
        let present = match self.dir.metadata(&target) {
            Ok(found) => found.kind == Kind::File && found.len == self.len && is_sound(&self.dir, id)?,
            Err(Code::NotFound) => false,
            Err(code) => return Err(code).during("examine", &target),
        };
        if !present {
            if let Some(file) = self.file.take() {
                self.flush.file(&file, &self.path)?;
            }
            self.rename(id, &target)?;
        }
        // COMMIT: of a loose object. Also when it was there already: whoever put it there may not have come this far.
        // Cut at by `store::crash`.
        self.flush.dir(&self.dir, &layout::shard(id.shard()))
    }

    fn rename(&mut self, id: &ObjectId, target: &str) -> Result<()> {
        let mut renamed = self.dir.rename(&self.path, target);
        if let Err(Code::NotFound) = renamed {
            // A container that was copied without its empty directories.
            let shard = layout::shard(id.shard());
            match self.dir.create_dir(&shard) {
                Ok(()) | Err(Code::Exists) => {}
                Err(code) => return Err(code).during("create", &shard),
            }
            self.flush.dir(&self.dir, LOOSE)?;
            renamed = self.dir.rename(&self.path, target);
        }
        renamed.during("rename to", target)?;
        self.path.clear();
        Ok(())
    }
}

impl<D: Dir> Drop for LooseWriter<D> {
    fn drop(&mut self) {
        self.file = None;
        if !self.path.is_empty() {
            // What cannot be removed now is left for `clean`.
            let _ = self.dir.remove_file(&self.path);
        }
    }
}

/// Store bytes that are in memory.
pub(crate) fn add<D: Dir>(dir: &D, flush: &Flush, bytes: &[u8]) -> Result<ObjectId> {
    let id = codec::sha256(bytes);
    let mut writer = LooseWriter::new(dir, flush)?;
    writer.append(bytes)?;
    writer.put_in_place(&id)?;
    Ok(id)
}

/// Open a loose object; `None` when there is none. With its size.
pub(crate) fn open<D: Dir>(dir: &D, id: &ObjectId) -> Result<Option<(D::File, u64)>> {
    match regular::open(dir, &layout::loose(id)) {
        Ok(found) => Ok(found.map(|(file, found)| (file, found.len))),
        Err(Error::Io(failure)) if failure.code == Code::NotDirectory => {
            Err(Error::corrupt(layout::shard(id.shard()), "there is a file in place of the directory"))
        }
        Err(error) => Err(error),
    }
}

/// Whether there is a loose object, and its bytes match its id.
fn is_sound(dir: &impl Dir, id: &ObjectId) -> Result<bool> {
    let Some((file, size)) = open(dir, id)? else { return Ok(false) };
    let mut reader = ObjectReader::new(Stored::loose(*id, Arc::new(file), size), true);
    reader.is_sound()
}

/// Size of a loose object; `None` when there is none.
pub(crate) fn size(dir: &impl Dir, id: &ObjectId) -> Result<Option<u64>> {
    let path = layout::loose(id);
    match dir.metadata(&path) {
        Ok(found) if found.kind == Kind::File => Ok(Some(found.len)),
        Ok(_) => Err(Error::corrupt(path, "there is something else in place of the object")),
        Err(Code::NotFound) => Ok(None),
        Err(code) => Err(code).during("examine", &path),
    }
}

/// Remove a loose object; whether there was one. One that cannot be removed now, as it may be on Windows while it is
/// read, is left for the next time.
pub(crate) fn remove(dir: &impl Dir, id: &ObjectId) -> Result<bool> {
    let path = layout::loose(id);
    match dir.remove_file(&path) {
        Ok(()) => Ok(true),
        Err(Code::NotFound | Code::Busy) => Ok(false),
        Err(Code::Access) if cfg!(windows) => Ok(false),
        Err(code) => Err(code).during("remove", &path),
    }
}

/// The ids of a shard's objects, sorted. Files with other names are no objects.
pub(crate) fn list(dir: &impl Dir, shard: u8) -> Result<Vec<ObjectId>> {
    let path = layout::shard(shard);
    match dir.list(&path) {
        // The names of a shard sort as the ids do.
        Ok(entries) => Ok(entries.iter().filter_map(|entry| layout::loose_id(shard, &entry.name)).collect()),
        Err(Code::NotFound) => Ok(Vec::new()),
        Err(code) => Err(code).during("list", &path),
    }
}
