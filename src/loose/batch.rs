//! Loose objects that become durable together.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::mem;

use super::{IncomingFile, LooseWriter, flush_file, is_there};
use crate::codec;
use crate::dir::Dir;
use crate::directory;
use crate::disk::Disk;
use crate::error::Result;
use crate::id::ObjectId;
use crate::layout;
use crate::proof::Packed;
use crate::source::{Source, read_up_to};

/// Objects that are added loose, and become visible and durable together: at [`LooseBatch::commit`], and when a bounded
/// number of them has gathered. Where the system can flush everything at once, a batch costs two flushes instead of two
/// for each object. Dropped before, it leaves none of those added since the last commit.
pub struct LooseBatch<D: Dir> {
    disk: Disk<D>,
    /// Written to `incoming`.
    written: Vec<(ObjectId, IncomingFile<D>)>,
    /// Those that were loose already.
    found: Vec<ObjectId>,
    /// Tells of those that were packed already.
    packed: Packed<D>,
    /// All of them.
    taken: BTreeSet<ObjectId>,
}

impl<D: Dir> LooseBatch<D> {
    pub(crate) fn new(disk: &Disk<D>) -> Self {
        LooseBatch {
            disk: disk.clone(),
            written: Vec::new(),
            found: Vec::new(),
            packed: Packed::new(disk),
            taken: BTreeSet::new(),
        }
    }

    /// Add an object.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io): this object is not added; the batch goes on.
    /// [`Error::WriterFailed`](crate::Error::WriterFailed) after a flush that failed.
    pub fn add(&mut self, content: &[u8]) -> Result<ObjectId> {
        self.check()?;
        let id = codec::sha256(content);
        self.add_known(id, content)?;
        Ok(id)
    }

    /// Add objects; the ids are in their order.
    ///
    /// # Errors
    /// Those of [`LooseBatch::add`].
    pub fn add_many<T: AsRef<[u8]>>(&mut self, contents: &[T]) -> Result<Vec<ObjectId>> {
        self.check()?;
        let contents: Vec<&[u8]> = contents.iter().map(AsRef::as_ref).collect();
        let ids = codec::sha256_many(&contents);
        ids.iter().zip(contents).try_for_each(|(id, content)| self.add_known(*id, content))?;
        Ok(ids)
    }

    fn add_known(&mut self, id: ObjectId, content: &[u8]) -> Result<()> {
        if self.taken.contains(&id) {
            return Ok(());
        }
        if is_there(&self.disk, &id, content.len() as u64)? {
            self.found.push(id);
        } else if !self.packed.holds(&id) {
            let mut file = IncomingFile::create(&self.disk)?;
            file.append(content)?;
            self.keep(id, file);
        }
        self.take(id)
    }

    /// Add what a source gives.
    ///
    /// # Errors
    /// Those of [`LooseBatch::add`] and of the source.
    pub fn add_source(&mut self, source: &mut dyn Source) -> Result<ObjectId> {
        self.check()?;
        let (mut buffer, tuning) = (Vec::new(), &self.disk.tuning);
        if read_up_to(source, tuning.chunk, tuning.piece, &mut buffer)? {
            return self.add(&buffer);
        }
        let mut writer = LooseWriter::new(&self.disk)?;
        writer.write_all(buffer, source)?;
        let (id, file) = writer.close()?;
        if !self.taken.contains(&id) {
            if is_there(&self.disk, &id, file.len)? {
                self.found.push(id);
            } else if !self.packed.holds(&id) {
                self.keep(id, file);
            }
            self.take(id)?;
        }
        Ok(id)
    }

    /// Close the file, so that a batch has one open at a time.
    fn keep(&mut self, id: ObjectId, mut file: IncomingFile<D>) {
        file.file = None;
        self.written.push((id, file));
    }

    fn take(&mut self, id: ObjectId) -> Result<()> {
        self.taken.insert(id);
        if self.taken.len() < self.disk.tuning.loose_objects { Ok(()) } else { self.commit() }
    }

    /// Whether the batch still takes objects.
    ///
    /// # Errors
    /// [`Error::WriterFailed`](crate::Error::WriterFailed) after a flush that failed.
    pub fn check(&self) -> Result<()> {
        self.disk.flush.check()
    }

    /// Make everything added so far visible and durable.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io): some of what was added since the last commit may have become visible.
    pub fn commit(&mut self) -> Result<()> {
        self.check()?;
        let found = mem::take(&mut self.found);
        let mut written = mem::take(&mut self.written);
        self.taken.clear();
        let shards: BTreeSet<u8> = written.iter().map(|(id, _)| id).chain(&found).map(ObjectId::shard).collect();
        let all = written.len() + found.len();
        // The bytes are durable before they have their name: whoever finds an object flushes its entry, and no more.
        if !self.flush_all(written.len())? {
            written.iter_mut().try_for_each(|(_, file)| file.sync())?;
        }
        for (id, file) in written {
            file.put_in_place(&id)?;
        }
        // COMMIT: of all of them. Cut at by `store::crash`.
        self.packed.flush()?;
        if !self.flush_all(all)? {
            found.iter().try_for_each(|id| flush_file(&self.disk, id))?;
            let Disk { dir, flush, .. } = &self.disk;
            for shard in shards.into_iter().map(layout::shard) {
                directory::settle(&self.disk, &shard)?;
                flush.dir(dir, &shard)?;
            }
        }
        Ok(())
    }

    /// Flush everything at once, if that is worth it and possible.
    fn flush_all(&self, files: usize) -> Result<bool> {
        if files < self.disk.tuning.flush_together { Ok(false) } else { self.disk.flush.all(&self.disk.dir) }
    }
}
