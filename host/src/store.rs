//! The sandboxed container as a [`Store`], as programs use it that do not care how a container is reached.

use loosepack::source::Source;
use loosepack::store::{Adder, ReadMany, Reader};
use loosepack::{Error, Job, Result, Store};

use crate::instance::PIECE;
use crate::{
    Compression, Config, Container, Durability, GcOptions, ObjectId, ObjectInfo, ObjectReader, ObjectWriter, PackInfo,
    PackWriter, PackedObject, Part, RepackOptions, Stats,
};

impl Store for Container {
    fn id(&self) -> Result<String> {
        Ok(self.id()?)
    }

    fn config(&self) -> Result<Config> {
        Ok(self.config()?)
    }

    fn durability(&self) -> Result<Durability> {
        Ok(self.durability()?)
    }

    fn add(&self, content: &[u8]) -> Result<ObjectId> {
        Ok(self.add(content)?)
    }

    fn batch(&self) -> Result<Box<dyn Adder + '_>> {
        Ok(Box::new(Loose { container: self, failed: false }))
    }

    fn pack_writer(&self, compression: Compression) -> Result<Box<dyn Adder + '_>> {
        Ok(Box::new(self.pack_writer(compression)?))
    }

    fn get(&self, id: &ObjectId) -> Result<Vec<u8>> {
        Ok(self.get(id)?)
    }

    fn reader(&self, id: &ObjectId) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(self.reader(id)?))
    }

    fn read_many(&self, ids: Vec<ObjectId>) -> Result<Box<dyn ReadMany + '_>> {
        Ok(Box::new(self.read_blocks(ids)?))
    }

    fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        Ok(self.contains(ids)?)
    }

    fn info_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<ObjectInfo>>> {
        Ok(self.info_many(ids)?)
    }

    fn objects(&self, after: Option<&ObjectId>, limit: u32) -> Result<Vec<ObjectId>> {
        Ok(self.objects(after, limit)?)
    }

    fn stats(&self) -> Result<Stats> {
        Ok(self.stats()?)
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
        Ok(Box::new(self.delete(&ids)?))
    }

    fn gc(&self, keep: Vec<ObjectId>, options: GcOptions) -> Result<Box<dyn Job + '_>> {
        Ok(Box::new(self.gc(&keep, options)?))
    }

    fn packs(&self) -> Result<Vec<PackInfo>> {
        Ok(self.packs()?)
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
        Ok(self.force_unlock()?)
    }
}

/// Adds loose objects: each call makes durable what it adds.
struct Loose<'a> {
    container: &'a Container,
    failed: bool,
}

impl Loose<'_> {
    fn append(&mut self, writer: &mut ObjectWriter, bytes: &[u8]) -> Result<()> {
        writer.append(bytes).inspect_err(|_| self.failed = true)?;
        Ok(())
    }
}

impl Adder for Loose<'_> {
    fn add_many(&mut self, contents: &[&[u8]]) -> Result<Vec<ObjectId>> {
        Ok(self.container.add_many(contents).inspect_err(|_| self.failed = true)?)
    }

    fn add_source(&mut self, mut source: Box<dyn Source + Send>) -> Result<ObjectId> {
        let mut writer = self.container.writer().inspect_err(|_| self.failed = true)?;
        let mut buffer = vec![0; PIECE];
        loop {
            match source.read(&mut buffer)? {
                0 => return Ok(writer.finish().inspect_err(|_| self.failed = true)?),
                len => self.append(&mut writer, &buffer[..len])?,
            }
        }
    }

    fn check(&self) -> Result<()> {
        if self.failed { Err(Error::WriterFailed) } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<()> {
        self.check()
    }
}

impl Adder for PackWriter {
    fn add_many(&mut self, contents: &[&[u8]]) -> Result<Vec<ObjectId>> {
        Ok(self.add_many(contents)?)
    }

    fn add_packed_many(&mut self, objects: &[PackedObject<'_>]) -> Result<Vec<bool>> {
        Ok(PackWriter::add_packed_many(self, objects)?)
    }

    fn add_source(&mut self, source: Box<dyn Source + Send>) -> Result<ObjectId> {
        Ok(PackWriter::add_source(self, source)?)
    }

    fn check(&self) -> Result<()> {
        Ok(self.check()?)
    }

    fn commit(&mut self) -> Result<()> {
        Ok(self.commit()?)
    }
}

impl Reader for ObjectReader {
    fn size(&self) -> u64 {
        self.size()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        Ok(self.fill(buffer)?)
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        Ok(self.go_to(position)?)
    }
}
