//! The interface `container`.

use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::Component;
use super::convert::{Result, bytes, id, ids};
use super::sources::with_source;
use super::wit::container::{
    self as wit, Guest, GuestContainer, GuestObjectBatch, GuestObjectReader, GuestObjectWriter,
};
use crate::bindings::wasi::filesystem::types::Descriptor;
use crate::dir::wasi::{WasiDir, plain_path};
use crate::error::Context as _;
use crate::format::FRAME;
use crate::store::{Block, Found};
use crate::{Container, Error, ObjectBatch, ObjectReader, ObjectWriter};

/// Ids on one page of a listing at most.
const PAGE_MAX: u32 = 1 << 16;

impl Guest for Component {
    type Container = Handle;
    type ObjectWriter = Writer;
    type ObjectReader = Reader;
    type ObjectBatch = Batch;
}

/// The resource `container`. Shared with the batches made from it, which may outlive it.
pub(super) struct Handle(pub(super) Rc<Container<WasiDir>>);

impl Handle {
    fn hand_out(container: Container<WasiDir>) -> wit::Container {
        wit::Container::new(Handle(Rc::new(container)))
    }
}

pub(super) fn open_dir(dir: &Descriptor) -> crate::Result<WasiDir> {
    WasiDir::new(dir).during("open", ".")
}

impl GuestContainer for Handle {
    fn create(dir: &Descriptor, config: wit::Config, options: wit::OpenOptions) -> Result<wit::Container> {
        Ok(Handle::hand_out(Container::create(open_dir(dir)?, config.into(), options.into())?))
    }

    fn open(dir: &Descriptor, options: wit::OpenOptions) -> Result<wit::Container> {
        Ok(Handle::hand_out(Container::open(open_dir(dir)?, options.into())?))
    }

    fn open_damaged(dir: &Descriptor, options: wit::OpenOptions) -> Result<wit::Container> {
        Ok(Handle::hand_out(Container::open_damaged(open_dir(dir)?, options.into())?))
    }

    fn id(&self) -> String {
        self.0.id().to_string()
    }

    fn config(&self) -> wit::Config {
        self.0.config().into()
    }

    fn durability(&self) -> wit::Durability {
        self.0.durability().into()
    }

    fn add(&self, content: Vec<u8>) -> Result<String> {
        Ok(self.0.add(&content)?.to_text())
    }

    fn add_many(&self, contents: Vec<Vec<u8>>) -> Result<Vec<u8>> {
        Ok(bytes(&self.0.add_many(&contents)?))
    }

    fn add_streams(&self, streams: Vec<wit::LazyStream>) -> Result<Vec<Result<String>>> {
        let mut batch = self.0.batch()?;
        let mut results = Vec::with_capacity(streams.len());
        for stream in streams {
            let added = with_source(&stream, |source| batch.add_source(source));
            // A flush that failed concerns all of them.
            if let (Err(error), Err(_)) = (&added, batch.check()) {
                return Err(error.clone().into());
            }
            results.push(added.map(|id| id.to_text()).map_err(Into::into));
        }
        batch.commit()?;
        Ok(results)
    }

    fn writer(&self) -> Result<wit::ObjectWriter> {
        Ok(wit::ObjectWriter::new(Writer(RefCell::new(self.0.writer()?))))
    }

    fn get(&self, object: String) -> Result<Vec<u8>> {
        Ok(self.0.get(&id(&object)?)?)
    }

    fn get_to_file(&self, object: String, dir: &Descriptor, path: String) -> Result<u64> {
        plain_path(&path).during("create", &path)?;
        Ok(self.0.get_to_file(&id(&object)?, &open_dir(dir)?, &path)?)
    }

    fn reader(&self, object: String) -> Result<wit::ObjectReader> {
        Ok(wit::ObjectReader::new(Reader(RefCell::new(self.0.reader(&id(&object)?)?))))
    }

    fn read_many(&self, objects: Vec<u8>) -> Result<wit::ObjectBatch> {
        Ok(wit::ObjectBatch::new(Batch(RefCell::new(ObjectBatch::new(self.0.clone(), ids(&objects)?)?))))
    }

    fn get_many_to_files(&self, objects: Vec<u8>, dir: &Descriptor) -> Result<Vec<Result<u64>>> {
        let written = self.0.get_many_to_files(&ids(&objects)?, &open_dir(dir)?)?;
        Ok(written.into_iter().map(|written| Ok(written?)).collect())
    }

    fn contains(&self, objects: Vec<u8>) -> Result<Vec<bool>> {
        Ok(self.0.contains(&ids(&objects)?)?)
    }

    fn info(&self, object: String) -> Result<wit::ObjectInfo> {
        Ok(self.0.info(&id(&object)?)?.into())
    }

    fn info_many(&self, objects: Vec<u8>) -> Result<Vec<Option<wit::ObjectInfo>>> {
        Ok(self.0.info_many(&ids(&objects)?)?.into_iter().map(|info| info.map(Into::into)).collect())
    }

    fn objects(&self, after: Option<String>, limit: u32) -> Result<Vec<u8>> {
        let after = after.map(|after| id(&after)).transpose()?;
        let page = self.0.objects(after.as_ref(), limit.min(PAGE_MAX) as usize)?;
        Ok(bytes(&page))
    }

    fn stats(&self) -> Result<wit::Stats> {
        Ok(self.0.stats()?.into())
    }
}

/// The resource `object-writer`.
pub(super) struct Writer(RefCell<ObjectWriter<WasiDir>>);

impl GuestObjectWriter for Writer {
    fn write(&self, content: Vec<u8>) -> Result<()> {
        Ok(self.0.borrow_mut().write(&content)?)
    }

    fn finish(this: wit::ObjectWriter) -> Result<String> {
        let Writer(writer) = this.into_inner();
        Ok(writer.into_inner().finish()?.to_text())
    }
}

/// The resource `object-reader`.
pub(super) struct Reader(RefCell<ObjectReader<WasiDir>>);

impl GuestObjectReader for Reader {
    fn size(&self) -> u64 {
        self.0.borrow().size()
    }

    fn read(&self, len: u64) -> Result<Vec<u8>> {
        if len == 0 {
            return Err(Error::InvalidArgument("len must be at least 1".into()).into());
        }
        let mut reader = self.0.borrow_mut();
        let mut buffer = vec![0; len.min(reader.left()).min(FRAME as u64) as usize];
        let read = reader.read(&mut buffer)?;
        buffer.truncate(read);
        Ok(buffer)
    }

    fn seek(&self, position: u64) -> Result<()> {
        self.0.borrow_mut().seek(position);
        Ok(())
    }
}

/// The resource `object-batch`.
pub(super) struct Batch(RefCell<ObjectBatch<WasiDir, Rc<Container<WasiDir>>>>);

impl GuestObjectBatch for Batch {
    fn next(&self) -> Result<wit::Block> {
        let Block { bytes, items } = self.0.borrow_mut().next_block();
        let (mut lengths, mut positions) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
        let mut others = Vec::new();
        for (position, found) in items {
            others.push((
                position,
                match found {
                    Found::Bytes(range) => {
                        lengths.push(range.len() as u32);
                        positions.push(position);
                        continue;
                    }
                    Found::TooLarge(size) => wit::Without::TooLarge(size),
                    Found::Missing => wit::Without::Missing,
                    Found::Failed(error) => wit::Without::Failed(error.into()),
                },
            ));
        }
        Ok(wit::Block { bytes, lengths, positions, others })
    }
}
