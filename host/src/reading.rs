//! Objects that are being read.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};

use loosepack::store::{Block, ReadMany};
use wasmtime::component::ResourceAny;

use crate::convert::{self, answer};
use crate::error::Result;
use crate::instance::{Handle, IDS_MAX, Instance, PIECE};
use crate::{Content, ObjectId, StoreError};

/// An object that is being read.
///
/// When it is read from its start to its end without seeking, the read that would give the last bytes fails unless the
/// whole matches the id.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let runtime = loosepack_host::Runtime::new()?;
/// # let store = runtime.create(folder.path(), Default::default(), Default::default())?;
/// # let id = store.add(b"some bytes")?;
/// use std::io::{Read as _, Seek as _, SeekFrom};
///
/// let mut reader = store.reader(&id)?;
/// reader.seek(SeekFrom::Start(5))?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ObjectReader {
    handle: Handle,
    size: u64,
    position: u64,
    /// Bytes that the component has given and nobody has taken.
    buffer: Vec<u8>,
    taken: usize,
}

impl ObjectReader {
    pub(crate) fn new(handle: Handle) -> Result<Self> {
        let this = handle.get()?;
        let size = handle
            .instance()
            .call(|component, store| component.loosepack_store_container().object_reader().call_size(store, this))?;
        Ok(ObjectReader { handle, size, position: 0, buffer: Vec::new(), taken: 0 })
    }

    /// Size of the object in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads into `buffer` the bytes that are there next, and returns their number; 0 is the end. It is
    /// [`Read::read`] with the errors of the store. After an error the position is not known: [`go_to`](Self::go_to)
    /// sets it.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.taken == self.buffer.len() {
            let this = self.handle.get()?;
            self.buffer = answer(self.handle.instance().call(|component, store| {
                Ok(component.loosepack_store_container().object_reader().call_read(store, this, PIECE as u64)?)
            }))?;
            self.taken = 0;
        }
        let rest = &self.buffer[self.taken..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.taken += len;
        self.position += len as u64;
        Ok(len)
    }

    /// Continues reading at this byte. Beyond the end is the end.
    pub fn go_to(&mut self, position: u64) -> Result<()> {
        let this = self.handle.get()?;
        answer(self.handle.instance().call(|component, store| {
            Ok(component.loosepack_store_container().object_reader().call_seek(store, this, position)?)
        }))?;
        self.buffer.clear();
        self.taken = 0;
        self.position = position;
        Ok(())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.fill(buffer)?)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = loosepack::io::seek_target(to, self.position, self.size)?;
        self.go_to(position)?;
        Ok(position)
    }
}

/// Many objects that are being read: an iterator over ids and what was found for them.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let runtime = loosepack_host::Runtime::new()?;
/// # let store = runtime.create(folder.path(), Default::default(), Default::default())?;
/// # let ids = vec![store.add(b"some bytes")?];
/// for item in store.read_many(&ids)? {
///     let (id, content) = item?;
///     println!("{id} {content:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ObjectBatch {
    instance: Instance,
    container: ResourceAny,
    ids: Vec<ObjectId>,
    /// Ids before this one have been asked for.
    asked: usize,
    /// The batch of the IDs requested last, and the position of their first.
    reading: Option<(Handle, usize)>,
    /// Items that the iterator returns next.
    ready: VecDeque<(ObjectId, Content)>,
}

impl ObjectBatch {
    /// Reads these, of which none is there twice.
    pub(crate) fn new(instance: Instance, container: ResourceAny, ids: Vec<ObjectId>) -> Result<Self> {
        let mut batch = ObjectBatch { instance, container, ids, asked: 0, reading: None, ready: VecDeque::new() };
        batch.ask()?;
        Ok(batch)
    }

    /// Asks for the next ids.
    fn ask(&mut self) -> Result<()> {
        let first = self.asked;
        let ids = &self.ids[first..self.ids.len().min(first + IDS_MAX)];
        let (bytes, container) = (ObjectId::many_to_bytes(ids), self.container);
        let asked = answer(self.instance.call(|component, store| {
            Ok(component.loosepack_store_container().container().call_read_many(store, container, &bytes)?)
        }))?;
        self.asked += ids.len();
        self.reading = Some((self.instance.keep(asked), first));
        Ok(())
    }

    /// The next objects, about 1 MiB of them; empty when each id has been answered once. Positions are those of
    /// the ids that were asked for. A call after one that failed tries again.
    pub fn next_block(&mut self) -> Result<Block> {
        loop {
            let Some((handle, first)) = &self.reading else {
                if self.asked == self.ids.len() {
                    return Ok(Block::default());
                }
                self.ask()?;
                continue;
            };
            let this = handle.get()?;
            let block = answer(self.instance.call(|component, store| {
                Ok(component.loosepack_store_container().object_batch().call_next(store, this)?)
            }))?;
            let block = convert::block(block, *first as u32)?;
            if !block.items.is_empty() {
                return Ok(block);
            }
            self.reading = None;
        }
    }

    /// The next objects, about 1 MiB of them; empty when each id has been answered once.
    pub fn next_items(&mut self) -> Result<Vec<(ObjectId, Content)>> {
        let block = self.next_block()?;
        let ids = &self.ids;
        let item = |(position, content)| {
            let id = ids.get(position as usize).ok_or_else(|| StoreError::Other("there is no such position".into()))?;
            Ok((*id, content))
        };
        block.into_items().map(item).collect()
    }
}

impl Iterator for ObjectBatch {
    type Item = Result<(ObjectId, Content)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            match self.next_items() {
                Ok(items) => self.ready = items.into(),
                Err(error) => {
                    // Nothing more comes after it.
                    (self.reading, self.asked) = (None, self.ids.len());
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl ReadMany for ObjectBatch {
    fn next_block(&mut self) -> loosepack::Result<Block> {
        Ok(self.next_block()?)
    }
}
