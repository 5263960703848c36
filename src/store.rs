//! A container, however it is reached: one interface over the native store and the sandboxed one.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

pub use crate::container::{Block, Found};
use crate::container::{Container, ObjectBatch, ObjectInfo, ObjectReader, PackInfo, Stats};
use crate::dir::Dir;
use crate::error::Result;
use crate::format::Config;
use crate::id::ObjectId;
use crate::jobs::{GcOptions, Job, Part, RepackOptions};
use crate::loose::LooseBatch;
use crate::options::{Compression, Durability};
use crate::packer::{PackWriter, PackedObject};
use crate::source::Source;

/// An open container, native ([`Container`]) or sandboxed (the crate `loosepack-host`). [`Container`] documents what
/// its methods do and why they fail.
pub trait Store {
    /// Returns the container's own identifier.
    fn id(&self) -> Result<String>;
    /// Returns the settings it was created with.
    fn config(&self) -> Result<Config>;
    /// Returns when an acknowledgement is given.
    fn durability(&self) -> Result<Durability>;
    /// Stores bytes as a loose object.
    fn add(&self, content: &[u8]) -> Result<ObjectId>;
    /// Starts adding loose objects that become durable together.
    fn batch(&self) -> Result<Box<dyn Adder + '_>>;
    /// Takes the pack lock and starts writing objects straight to packs.
    fn pack_writer(&self, compression: Compression) -> Result<Box<dyn Adder + '_>>;
    /// Returns the bytes of an object.
    fn get(&self, id: &ObjectId) -> Result<Vec<u8>>;
    /// Starts reading an object piece by piece.
    fn reader(&self, id: &ObjectId) -> Result<Box<dyn Reader + '_>>;
    /// Starts reading many objects, in the order that is fastest for the store. Duplicates are read once.
    fn read_many(&self, ids: Vec<ObjectId>) -> Result<Box<dyn ReadMany + '_>>;
    /// Returns whether each of these objects exists, in order.
    fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>>;
    /// Returns size and place of many objects, in order; `None` for one that does not exist.
    fn info_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<ObjectInfo>>>;
    /// Returns a page of the IDs of all objects, sorted: at most `limit` IDs greater than `after`. The end is an empty
    /// page.
    fn objects(&self, after: Option<&ObjectId>, limit: u32) -> Result<Vec<ObjectId>>;
    /// Returns counts and sizes.
    fn stats(&self) -> Result<Stats>;
    /// Starts to move loose objects into packs.
    fn pack_loose(&self, compression: Compression) -> Result<Box<dyn Job + '_>>;
    /// Starts to move loose objects into packs and to remove their loose files, batch by batch.
    fn pack_and_clean(&self, compression: Compression) -> Result<Box<dyn Job + '_>>;
    /// Starts to remove the loose files of packed objects.
    fn clean(&self) -> Result<Box<dyn Job + '_>>;
    /// Starts to delete objects.
    fn delete(&self, ids: Vec<ObjectId>) -> Result<Box<dyn Job + '_>>;
    /// Starts to delete all objects but these.
    fn gc(&self, keep: Vec<ObjectId>, options: GcOptions) -> Result<Box<dyn Job + '_>>;
    /// Returns all packs, and how much of each is in use.
    fn packs(&self) -> Result<Vec<PackInfo>>;
    /// Starts to free the dead bytes of packs.
    fn repack(&self, options: RepackOptions) -> Result<Box<dyn Job + '_>>;
    /// Starts to check everything.
    fn verify(&self, part: Part) -> Result<Box<dyn Job + '_>>;
    /// Starts to rebuild the index.
    fn reindex(&self) -> Result<Box<dyn Job + '_>>;
    /// Starts to merge the index into one file.
    fn fold(&self) -> Result<Box<dyn Job + '_>>;
    /// Removes the lock file that a packer left behind when it was killed.
    fn force_unlock(&self) -> Result<Option<String>>;
}

/// Takes objects, which become durable at [`Adder::commit`] or earlier. Uncommitted objects may be lost. It may go from
/// thread to thread.
pub trait Adder: Send {
    /// Adds objects. Returns their IDs, in order.
    ///
    /// # Errors
    /// Failures of the container. Some of the objects may have been stored.
    fn add_many(&mut self, contents: &[&[u8]]) -> Result<Vec<ObjectId>>;

    /// Adds objects that are given as they lie in packs. Returns for each, in order, whether it is in the container, as
    /// [`PackWriter::add_packed_many`] does. Loose objects are inflated.
    ///
    /// # Errors
    /// Those of [`PackWriter::add_packed_many`].
    fn add_packed_many(&mut self, objects: &[PackedObject<'_>]) -> Result<Vec<bool>> {
        let contents = PackedObject::inflate_many(objects)?;
        let sound: Vec<&[u8]> = contents.iter().flatten().map(Vec::as_slice).collect();
        self.add_many(&sound)?;
        Ok(contents.iter().map(Option::is_some).collect())
    }

    /// Adds the bytes of a source.
    ///
    /// # Errors
    /// Those of the source, after which other objects can be added, and failures of the container, after which none
    /// can: [`Adder::check`] tells which.
    fn add_source(&mut self, source: Box<dyn Source + Send>) -> Result<ObjectId>;

    /// Checks that it still takes objects.
    ///
    /// # Errors
    /// [`Error::WriterFailed`](crate::Error::WriterFailed) after a failure to write.
    fn check(&self) -> Result<()>;

    /// Makes everything added so far visible and durable.
    ///
    /// # Errors
    /// Whatever keeps it from becoming durable.
    fn commit(&mut self) -> Result<()>;
}

/// An object that is being read.
pub trait Reader {
    /// Size of the object in bytes.
    fn size(&self) -> u64;

    /// Reads into `buffer`. Returns the number of bytes, less than its length only at the end.
    ///
    /// # Errors
    /// Those of [`ObjectReader::read`].
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;

    /// Continues at this byte. At or beyond the end, reading returns 0.
    ///
    /// # Errors
    /// Failures to reach the container.
    fn seek(&mut self, position: u64) -> Result<()>;
}

/// Many objects that are being read.
pub trait ReadMany {
    /// Returns the next objects, about 1 MiB of them; empty when each ID has been answered once.
    ///
    /// # Errors
    /// None that concern a single object: those are its [`Found::Failed`].
    fn next_block(&mut self) -> Result<Block>;
}

impl<D: Dir<File: Send + Sync, Lock: Send> + Send + 'static> Store for Container<D> {
    fn id(&self) -> Result<String> {
        Ok(self.id().to_string())
    }

    fn config(&self) -> Result<Config> {
        Ok(self.config())
    }

    fn durability(&self) -> Result<Durability> {
        Ok(self.durability())
    }

    fn add(&self, content: &[u8]) -> Result<ObjectId> {
        self.add(content)
    }

    fn batch(&self) -> Result<Box<dyn Adder + '_>> {
        Ok(Box::new(self.batch()?))
    }

    fn pack_writer(&self, compression: Compression) -> Result<Box<dyn Adder + '_>> {
        Ok(Box::new(self.pack_writer(compression)?))
    }

    fn get(&self, id: &ObjectId) -> Result<Vec<u8>> {
        self.get(id)
    }

    fn reader(&self, id: &ObjectId) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(self.reader(id)?))
    }

    fn read_many(&self, ids: Vec<ObjectId>) -> Result<Box<dyn ReadMany + '_>> {
        Ok(Box::new(self.read_many(ids)?))
    }

    fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        self.contains(ids)
    }

    fn info_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<ObjectInfo>>> {
        self.info_many(ids)
    }

    fn objects(&self, after: Option<&ObjectId>, limit: u32) -> Result<Vec<ObjectId>> {
        self.objects(after, limit as usize)
    }

    fn stats(&self) -> Result<Stats> {
        self.stats()
    }

    fn pack_loose(&self, compression: Compression) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.pack_loose(compression)?))
    }

    fn pack_and_clean(&self, compression: Compression) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.pack_and_clean(compression)?))
    }

    fn clean(&self) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.clean()?))
    }

    fn delete(&self, ids: Vec<ObjectId>) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.delete(ids)?))
    }

    fn gc(&self, keep: Vec<ObjectId>, options: GcOptions) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.gc(keep.into_iter().collect(), options)?))
    }

    fn packs(&self) -> Result<Vec<PackInfo>> {
        self.packs()
    }

    fn repack(&self, options: RepackOptions) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.repack(options)?))
    }

    fn verify(&self, part: Part) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.verify(part)?))
    }

    fn reindex(&self) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.reindex()?))
    }

    fn fold(&self) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.fold()?))
    }

    fn force_unlock(&self) -> Result<Option<String>> {
        self.force_unlock()
    }
}

impl<D: Dir<File: Send + Sync, Lock: Send> + Send> Adder for LooseBatch<D> {
    fn add_many(&mut self, contents: &[&[u8]]) -> Result<Vec<ObjectId>> {
        self.add_many(contents)
    }

    fn add_source(&mut self, mut source: Box<dyn Source + Send>) -> Result<ObjectId> {
        self.add_source(&mut *source)
    }

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn commit(&mut self) -> Result<()> {
        self.commit()
    }
}

impl<D: Dir<File: Send + Sync, Lock: Send> + Send> Adder for PackWriter<D> {
    fn add_many(&mut self, contents: &[&[u8]]) -> Result<Vec<ObjectId>> {
        self.add_many(contents)
    }

    fn add_packed_many(&mut self, objects: &[PackedObject<'_>]) -> Result<Vec<bool>> {
        self.add_packed_many(objects)
    }

    fn add_source(&mut self, mut source: Box<dyn Source + Send>) -> Result<ObjectId> {
        self.add_source(&mut *source)
    }

    fn check(&self) -> Result<()> {
        self.check()
    }

    fn commit(&mut self) -> Result<()> {
        self.commit()
    }
}

impl<D: Dir> Reader for ObjectReader<D> {
    fn size(&self) -> u64 {
        self.size()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.read(buffer)
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.seek(position);
        Ok(())
    }
}

impl<D: Dir> ReadMany for ObjectBatch<D, &Container<D>> {
    fn next_block(&mut self) -> Result<Block> {
        Ok(self.next_block())
    }
}
