//! Loose objects that become durable together.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use super::{IncomingFile, LooseWriter, flush_file, is_there, open};
use crate::codec;
use crate::dir::Dir;
use crate::disk::Disk;
use crate::disk::collections::Collections;
use crate::disk::directory;
use crate::error::{Error, Result};
use crate::format::location::Location;
use crate::format::names;
use crate::id::ObjectId;
use crate::proof::Packed;
use crate::read::{Stored, StoredReader};
use crate::source::{Source, read_up_to};

/// Objects that are added loose, and become visible and durable together: at [`LooseBatch::commit`], and when a bounded
/// number of them has gathered. Where the system can flush everything at once, a batch costs two flushes instead of two
/// for each object. Dropped before, it leaves none of those added since the last commit.
///
/// ```
/// # use loosepack::dir::cap::CapDir;
/// # let folder = tempfile::tempdir()?;
/// # let dir = CapDir::open(folder.path())?;
/// # let store = loosepack::Container::create(dir, Default::default(), Default::default())?;
/// let mut batch = store.batch()?;
/// let id = batch.add(b"some bytes")?;
/// batch.commit()?;
/// assert_eq!(store.get(&id)?, b"some bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LooseBatch<D: Dir> {
    disk: Disk<D>,
    /// Written to `incoming`.
    written: Vec<(ObjectId, IncomingFile<D>)>,
    /// Their ids.
    written_ids: BTreeSet<ObjectId>,
    /// Objects that existed already, and where they are packed, unless they are loose. They may be deleted before the
    /// batch is committed, so adding one again checks again.
    found: BTreeMap<ObjectId, Option<Location>>,
    /// Tells of those that were packed already; `None` when that does not count.
    packed: Option<Packed<D>>,
    /// The garbage collections there had been when the first object since the last commit was looked for.
    collections: Option<Collections>,
}

impl<D: Dir> LooseBatch<D> {
    pub(crate) fn new(disk: &Disk<D>) -> Self {
        LooseBatch {
            disk: disk.clone(),
            written: Vec::new(),
            written_ids: BTreeSet::new(),
            found: BTreeMap::new(),
            packed: Some(Packed::new(disk)),
            collections: None,
        }
    }

    /// A batch that stores loose what is packed as well, for a container whose index is about to be replaced.
    pub(crate) fn beside_packs(disk: &Disk<D>) -> Self {
        LooseBatch { packed: None, ..LooseBatch::new(disk) }
    }

    /// Adds an object.
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

    /// Adds objects and returns their IDs, in order.
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
        if self.is_to_be_written(&id, content.len() as u64)? {
            let mut file = IncomingFile::create(&self.disk)?;
            file.append(content)?;
            self.keep(id, file);
        }
        self.commit_if_many()
    }

    /// Returns whether an object is new, here and in the container.
    fn is_to_be_written(&mut self, id: &ObjectId, len: u64) -> Result<bool> {
        if self.written_ids.contains(id) {
            return Ok(false);
        }
        let collections = match self.collections {
            Some(collections) => collections,
            None => *self.collections.insert(Collections::count(&self.disk.dir)?),
        };
        let place = match is_there(&self.disk, id, len)? {
            true => None,
            false => match self.packed.as_mut().and_then(|packed| packed.holds(id)) {
                None => return Ok(true),
                place => place,
            },
        };
        // A collection that is at work may be about to remove it.
        if !collections.at_work() {
            self.found.insert(*id, place);
        }
        Ok(collections.at_work())
    }

    /// Adds the bytes of a source.
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
        if self.is_to_be_written(&id, file.len)? {
            self.keep(id, file);
        }
        self.commit_if_many()?;
        Ok(id)
    }

    /// Closes the file, so that a batch has one open at a time.
    fn keep(&mut self, id: ObjectId, mut file: IncomingFile<D>) {
        file.file = None;
        self.written_ids.insert(id);
        self.written.push((id, file));
    }

    fn commit_if_many(&mut self) -> Result<()> {
        if self.written.len() + self.found.len() < self.disk.tuning.loose_objects { Ok(()) } else { self.commit() }
    }

    /// Returns whether the batch still takes objects.
    ///
    /// # Errors
    /// [`Error::WriterFailed`](crate::Error::WriterFailed) after a flush that failed.
    pub fn check(&self) -> Result<()> {
        self.disk.flush.check()
    }

    /// Makes everything added so far visible and durable.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io): some of what was added since the last commit may have become visible.
    pub fn commit(&mut self) -> Result<()> {
        self.check()?;
        let mut found = mem::take(&mut self.found);
        let mut written = mem::take(&mut self.written);
        self.written_ids.clear();
        self.restore_collected(&mut found, &mut written)?;
        let found: Vec<ObjectId> = found.into_iter().filter(|(_, packed)| packed.is_none()).map(|(id, _)| id).collect();
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
        self.packed.as_mut().map_or(Ok(()), Packed::flush)?;
        if !self.flush_all(all)? {
            found.iter().try_for_each(|id| flush_file(&self.disk, id))?;
            let Disk { dir, flush, .. } = &self.disk;
            for shard in shards.into_iter().map(names::shard) {
                directory::settle(&self.disk, &shard)?;
                flush.dir(dir, &shard)?;
            }
        }
        Ok(())
    }

    /// Makes copies of objects that existed already, if a garbage collection may have removed them since. They are written
    /// with the others.
    fn restore_collected(
        &mut self,
        found: &mut BTreeMap<ObjectId, Option<Location>>,
        written: &mut Vec<(ObjectId, IncomingFile<D>)>,
    ) -> Result<()> {
        let Some(collections) = self.collections.take() else { return Ok(()) };
        if found.is_empty() || collections.are_over(&self.disk.dir)? {
            return Ok(());
        }
        for (id, place) in mem::take(found) {
            let stored = match (place, &mut self.packed) {
                (Some(location), Some(packed)) => packed.open(&id, location)?,
                _ => open(&self.disk.dir, &id)?
                    .map(|(file, size)| Stored::loose(id, Arc::new(file), size, &self.disk.tuning)),
            };
            let stored = stored.ok_or_else(|| {
                Error::Other(format!("object {id} was collected as garbage while it was added again: add it once more"))
            })?;
            let (mut reader, mut buffer) = (StoredReader::new(stored, true), vec![0; self.disk.tuning.chunk]);
            let mut writer = LooseWriter::new(&self.disk)?;
            while let read @ 1.. = reader.read(&mut buffer)? {
                writer.write(&buffer[..read])?;
            }
            let (id, mut file) = writer.close()?;
            file.file = None;
            written.push((id, file));
        }
        Ok(())
    }

    /// Flushes everything at once, if that is worth it and possible.
    fn flush_all(&self, files: usize) -> Result<bool> {
        if files < self.disk.tuning.flush_together { Ok(false) } else { self.disk.flush.all(&self.disk.dir) }
    }
}
