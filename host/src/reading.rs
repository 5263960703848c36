//! Objects that are being read.

use std::io::{self, Read, Seek, SeekFrom};

use wasmtime::component::ResourceAny;

use crate::bindings::exports::loosepack::store::container::BatchItem;
use crate::container::{self, Container, IDS_MAX, PIECE};
use crate::error::Result;
use crate::{Content, ObjectId, StoreError, convert};

/// An object that is being read.
///
/// When it is read from its start to its end without seeking, the read that would give the last bytes fails unless the
/// whole matches the id.
pub struct ObjectReader<'a> {
    container: &'a mut Container,
    handle: ResourceAny,
    size: u64,
    position: u64,
    /// Bytes that the component has given and nobody has taken.
    buffer: Vec<u8>,
    taken: usize,
}

impl<'a> ObjectReader<'a> {
    pub(crate) fn new(container: &'a mut Container, handle: ResourceAny) -> Result<Self> {
        let mut reader = ObjectReader { container, handle, size: 0, position: 0, buffer: Vec::new(), taken: 0 };
        let interface = reader.container.component.loosepack_store_container().object_reader();
        reader.size = interface.call_size(reader.container.guest.call(), handle)?;
        Ok(reader)
    }

    /// Size of the object in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes, at most 256 KiB; empty at the end.
    pub fn next_piece(&mut self) -> Result<Vec<u8>> {
        let interface = self.container.component.loosepack_store_container().object_reader();
        convert::answer(interface.call_read(self.container.guest.call(), self.handle, PIECE as u64))
    }
}

impl Read for ObjectReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.taken == self.buffer.len() {
            self.buffer = self.next_piece()?;
            self.taken = 0;
        }
        let rest = &self.buffer[self.taken..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.taken += len;
        self.position += len as u64;
        Ok(len)
    }
}

impl Seek for ObjectReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.size.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        let position = position.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        let interface = self.container.component.loosepack_store_container().object_reader();
        convert::answer(interface.call_seek(self.container.guest.call(), self.handle, position))?;
        self.buffer.clear();
        self.taken = 0;
        self.position = position;
        Ok(position)
    }
}

impl Drop for ObjectReader<'_> {
    fn drop(&mut self) {
        self.container.give_back(self.handle);
    }
}

/// Many objects that are being read.
pub struct ObjectBatch<'a> {
    container: &'a mut Container,
    /// Sorted, so that those that are asked for together lie close together in the index.
    ids: Vec<ObjectId>,
    /// Ids before this one have been asked for.
    asked: usize,
    /// What reads the last ones asked for, and the first of them.
    reading: Option<(ResourceAny, usize)>,
}

impl<'a> ObjectBatch<'a> {
    pub(crate) fn new(container: &'a mut Container, ids: &[ObjectId]) -> Result<Self> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut batch = ObjectBatch { container, ids, asked: 0, reading: None };
        batch.ask()?;
        Ok(batch)
    }

    /// Ask for the next ids.
    fn ask(&mut self) -> Result<()> {
        let first = self.asked;
        let ids = container::texts(&self.ids[first..self.ids.len().min(first + IDS_MAX)]);
        let asked = self.container.call(|interface, store, this| interface.call_read_many(store, this, &ids));
        self.reading = Some((convert::answer(asked)?, first));
        self.asked = first + ids.len();
        Ok(())
    }

    /// The next objects, about 1 MiB of them; empty when each id has been answered once.
    pub fn next_items(&mut self) -> Result<Vec<(ObjectId, Content)>> {
        while let Some((handle, first)) = self.reading {
            let interface = self.container.component.loosepack_store_container().object_batch();
            let items = convert::answer(interface.call_next(self.container.guest.call(), handle))?;
            if !items.is_empty() {
                let id = |position: u32| self.ids.get(first + position as usize).copied();
                let item = |item: BatchItem| {
                    let id = id(item.position).ok_or_else(|| StoreError::Other("there is no such position".into()))?;
                    Ok((id, convert::content(item.content)?))
                };
                return items.into_iter().map(item).collect();
            }
            self.reading = None;
            self.container.give_back(handle);
            if self.asked < self.ids.len() {
                self.ask()?;
            }
        }
        Ok(Vec::new())
    }
}

impl Drop for ObjectBatch<'_> {
    fn drop(&mut self) {
        if let Some((handle, _)) = self.reading {
            self.container.give_back(handle);
        }
    }
}
