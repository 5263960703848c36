//! The component in loosepack's own host.

use std::path::{Path, PathBuf};

use loosepack_host::{Compression, Config, Container, Content, Durability, ObjectId, Options, Part, Runtime};

use super::{CHUNK, Store, Way};
use crate::Result;
use crate::side::{Tally, ensure};

pub(super) struct Hosted {
    pub(super) runtime: Runtime,
    pub(super) inputs: PathBuf,
}

impl Way for Hosted {
    fn create(&self, folder: &Path) -> Result<()> {
        self.runtime.create(folder, Config::default(), Options::default())?;
        Ok(())
    }

    fn open(&self, folder: &Path, durability: Durability) -> Result<Box<dyn Store>> {
        let container = self.runtime.open_with(folder, Options { durability, ..Options::default() })?;
        Ok(Box::new(HostedStore { container, inputs: self.inputs.clone() }))
    }
}

struct HostedStore {
    container: Container,
    inputs: PathBuf,
}

impl Store for HostedStore {
    fn add(&mut self, content: &[u8]) -> Result<ObjectId> {
        Ok(self.container.add(content)?)
    }

    fn add_many(&mut self, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>> {
        Ok(self.container.add_many(contents)?)
    }

    fn pack(&mut self, contents: &[Vec<u8>], compression: Compression) -> Result<Vec<ObjectId>> {
        let mut writer = self.container.pack_writer(compression)?;
        let mut ids = Vec::with_capacity(contents.len());
        for some in contents.chunks(CHUNK) {
            ids.extend(writer.add_many(some)?);
        }
        writer.finish()?;
        Ok(ids)
    }

    fn pack_files(&mut self, paths: &[String], compression: Compression) -> Result<Vec<ObjectId>> {
        let mut writer = self.container.pack_writer(compression)?;
        let mut ids = Vec::with_capacity(paths.len());
        for some in paths.chunks(CHUNK) {
            for added in writer.add_files(&self.inputs, some)? {
                ids.push(added?);
            }
        }
        writer.finish()?;
        Ok(ids)
    }

    fn get(&mut self, id: &ObjectId) -> Result<Vec<u8>> {
        Ok(self.container.get(id)?)
    }

    fn read_many(&mut self, ids: &[ObjectId]) -> Result<Tally> {
        let mut batch = self.container.read_many(ids)?;
        let mut tally = Tally::default();
        loop {
            let items = batch.next_items()?;
            if items.is_empty() {
                return Ok(tally);
            }
            for (id, content) in items {
                match content {
                    Content::Bytes(bytes) => tally.count(bytes.len() as u64),
                    _ => return Err(format!("object {id} did not come").into()),
                }
            }
        }
    }

    fn read_through(&mut self, id: &ObjectId) -> Result<u64> {
        let mut reader = self.container.reader(id)?;
        let mut size = 0;
        loop {
            match reader.next_piece()?.len() {
                0 => return Ok(size),
                len => size += len as u64,
            }
        }
    }

    fn contains(&mut self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        Ok(self.container.contains(ids)?)
    }

    fn size(&mut self, id: &ObjectId) -> Result<u64> {
        Ok(self.container.info(id)?.size)
    }

    fn pack_loose(&mut self) -> Result<u64> {
        Ok(self.container.pack_loose(Compression::Never)?.finish()?.objects)
    }

    fn clean(&mut self) -> Result<u64> {
        Ok(self.container.clean()?.finish()?.objects)
    }

    fn verify(&mut self) -> Result<u64> {
        let progress = self.container.verify(Part::default())?.finish()?;
        ensure(progress.problems.is_empty(), "an object is damaged")?;
        Ok(progress.objects)
    }
}
