//! The crate `loosepack` without a sandbox.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use loosepack::dir::cap::CapDir;
use loosepack::source::Source;
use loosepack::{
    Code, Compression, Config, Container, Content, Durability, Error, IoFailure, Job, ObjectId, Options, Part,
};

use super::{Store, Way};
use crate::Result;
use crate::side::{Tally, ensure};

/// What is asked for at once of a reader.
const PIECE: usize = 256 << 10;

pub(super) struct Native {
    pub(super) inputs: PathBuf,
}

impl Way for Native {
    fn create(&self, folder: &Path) -> Result<()> {
        Container::create(CapDir::open(folder)?, Config::default(), Options::default())?;
        Ok(())
    }

    fn open(&self, folder: &Path, durability: Durability) -> Result<Box<dyn Store>> {
        let container = Container::open(CapDir::open(folder)?, Options { durability, ..Options::default() })?;
        Ok(Box::new(NativeStore { container, inputs: self.inputs.clone() }))
    }
}

struct NativeStore {
    container: Container<CapDir>,
    inputs: PathBuf,
}

/// A file that is read as the store asks for it.
struct FileSource(File);

impl Source for FileSource {
    fn read(&mut self, buffer: &mut [u8]) -> loosepack::Result<usize> {
        let failure = |_| IoFailure { operation: "read".into(), path: "a source".into(), code: Code::Io };
        self.0.read(buffer).map_err(|error| Error::Io(failure(error)))
    }
}

impl Store for NativeStore {
    fn add(&mut self, content: &[u8]) -> Result<ObjectId> {
        Ok(self.container.add(content)?)
    }

    fn add_many(&mut self, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>> {
        Ok(self.container.add_many(contents)?)
    }

    fn pack(&mut self, contents: &[Vec<u8>], compression: Compression) -> Result<Vec<ObjectId>> {
        let mut writer = self.container.pack_writer(compression)?;
        let ids = writer.add_many(contents)?;
        writer.finish()?;
        Ok(ids)
    }

    fn pack_files(&mut self, paths: &[String], compression: Compression) -> Result<Vec<ObjectId>> {
        let mut writer = self.container.pack_writer(compression)?;
        let mut ids = Vec::with_capacity(paths.len());
        for path in paths {
            ids.push(writer.add_source(&mut FileSource(File::open(self.inputs.join(path))?))?);
        }
        writer.finish()?;
        Ok(ids)
    }

    fn get(&mut self, id: &ObjectId) -> Result<Vec<u8>> {
        Ok(self.container.get(id)?)
    }

    fn read_many(&mut self, ids: &[ObjectId]) -> Result<Tally> {
        let mut batch = self.container.read_many(ids.to_vec())?;
        let mut tally = Tally::default();
        loop {
            let items = batch.next(&self.container)?;
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
        let mut piece = vec![0; PIECE];
        let mut size = 0;
        loop {
            match reader.read(&mut piece)? {
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
        finish(self.container.pack_loose(Compression::Never)?)
    }

    fn clean(&mut self) -> Result<u64> {
        finish(self.container.clean()?)
    }

    fn verify(&mut self) -> Result<u64> {
        finish(self.container.verify(Part::default())?)
    }
}

fn finish(mut job: impl Job) -> Result<u64> {
    loop {
        let progress = job.step()?;
        ensure(progress.problems.is_empty(), "an object is damaged")?;
        if progress.finished {
            return Ok(progress.objects);
        }
    }
}
