//! Containers, typed for Rust programs.

use std::io::{self, Read, Write};
use std::path::Path;

use wasmtime::component::ResourceAny;
use wasmtime_wasi::FsPerms;

use crate::bindings::exports::loosepack::store::container::GuestContainer;
use crate::convert::{self, answer};
use crate::error::Result;
use crate::instance::{Handle, IDS_MAX, Instance, PIECE};
use crate::pack_writer::PackWriter;
use crate::reading::{ObjectBatch, ObjectReader};
use crate::state::{self, State};
use crate::{Compression, Config, Durability, ObjectId, ObjectInfo, Stats};

/// A handle on a container.
///
/// Any number of handles, in any number of threads and processes, may be open on one container. Readers, writers and
/// jobs made from a handle own what they need: they can be kept, sent to other threads, and outlive it. A handle and
/// everything made from it do one thing at a time. For several at once, open the container several times, which is
/// cheap.
///
/// All operations fail with [`Error::Store`](crate::Error::Store) for failures of the store, and with
/// [`Error::Runtime`](crate::Error::Runtime) when the component was stopped.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let runtime = loosepack_host::Runtime::new()?;
/// # let store = runtime.create(folder.path(), Default::default(), Default::default())?;
/// let id = store.add(b"some bytes")?;
/// assert_eq!(store.get(&id)?, b"some bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Container {
    pub(crate) handle: Handle,
}

impl Container {
    pub(crate) fn new(handle: Handle) -> Self {
        Container { handle }
    }

    pub(crate) fn instance(&self) -> &Instance {
        self.handle.instance()
    }

    /// Calls the component: its interface, the memory it runs in, and its handle.
    pub(crate) fn call<T>(
        &self,
        call: impl FnOnce(GuestContainer<'_>, &mut wasmtime::Store<State>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T> {
        let this = self.handle.get()?;
        Ok(self
            .instance()
            .call(|component, store| call(component.loosepack_store_container().container(), store, this))?)
    }

    /// Returns the container's own identifier: 32 hexadecimal digits.
    pub fn id(&self) -> Result<String> {
        self.call(|interface, store, this| interface.call_id(store, this))
    }

    /// Returns the settings it was created with.
    pub fn config(&self) -> Result<Config> {
        let config = self.call(|interface, store, this| interface.call_config(store, this))?;
        Ok(convert::config_of(config))
    }

    /// Returns when an acknowledgement of this handle is given.
    pub fn durability(&self) -> Result<Durability> {
        Ok(convert::durability(self.call(|interface, store, this| interface.call_durability(store, this))?))
    }

    /// Stores bytes as a loose object.
    pub fn add(&self, content: &[u8]) -> Result<ObjectId> {
        convert::id(&answer(self.call(|interface, store, this| interface.call_add(store, this, content)))?)
    }

    /// Stores the bytes of a reader as a loose object.
    pub fn add_reader(&self, mut reader: impl Read) -> Result<ObjectId> {
        let mut writer = self.writer()?;
        let mut buffer = vec![0; PIECE];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return writer.finish(),
                Ok(len) => writer.append(&buffer[..len])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Stores many loose objects, durable together, which is far cheaper than one by one. Returns their IDs, in order.
    /// When it fails, some of them may have been stored.
    pub fn add_many<T: AsRef<[u8]>>(&self, contents: &[T]) -> Result<Vec<ObjectId>> {
        let contents: Vec<&[u8]> = contents.iter().map(AsRef::as_ref).collect();
        let added = self.call(|interface, store, this| interface.call_add_many(store, this, &contents));
        convert::ids(&answer(added)?)
    }

    /// Stores files of a directory as loose objects, durable together. Returns one result for each file, in order.
    /// `paths` are relative to `dir`, which the component may read during this call.
    pub fn add_files(&self, dir: impl AsRef<Path>, paths: &[String]) -> Result<Vec<Result<ObjectId>>> {
        let streams = self.instance().file_streams(dir.as_ref(), paths)?;
        let results = answer(self.call(|interface, store, this| interface.call_add_streams(store, this, &streams)))?;
        Ok(results.into_iter().map(|result| convert::id(&answer(Ok(result))?)).collect())
    }

    /// Starts writing a loose object piece by piece.
    pub fn writer(&self) -> Result<ObjectWriter> {
        let resource = answer(self.call(|interface, store, this| interface.call_writer(store, this)))?;
        Ok(ObjectWriter { handle: self.instance().keep(resource) })
    }

    /// Returns the bytes of an object.
    pub fn get(&self, id: &ObjectId) -> Result<Vec<u8>> {
        let id = id.to_text();
        answer(self.call(|interface, store, this| interface.call_get(store, this, &id)))
    }

    /// Writes the bytes of an object to a file of a directory, to which the component may write during this call.
    /// Returns their number. The file appears, and replaces an earlier one, only when it is complete.
    pub fn get_to_file(&self, id: &ObjectId, dir: impl AsRef<Path>, path: &str) -> Result<u64> {
        let (id, this) = (id.to_text(), self.handle.get()?);
        self.instance().with(|component, guest| {
            let dir = state::lend_dir(guest, dir.as_ref(), FsPerms::ReadWrite)?;
            let interface = component.loosepack_store_container().container();
            let written = interface.call_get_to_file(guest.call(), this, &id, dir.borrow(), path);
            dir.take_back(guest)?;
            answer(Ok(written?))
        })
    }

    /// Writes objects to files of a directory, each under its id, in the order that is fastest for the store. Each file
    /// appears, and replaces an earlier one, only when it is complete. The results are in the order of `ids`.
    pub fn get_many_to_files(&self, ids: &[ObjectId], dir: impl AsRef<Path>) -> Result<Vec<Result<u64>>> {
        let this = self.handle.get()?;
        let mut results = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            let written = self.instance().with(|component, guest| {
                let dir = state::lend_dir(guest, dir.as_ref(), FsPerms::ReadWrite)?;
                let interface = component.loosepack_store_container().container();
                let ids = ObjectId::many_to_bytes(ids);
                let written = interface.call_get_many_to_files(guest.call(), this, &ids, dir.borrow());
                dir.take_back(guest)?;
                answer(Ok(written?))
            })?;
            results.extend(written.into_iter().map(|written| answer(Ok(written))));
        }
        Ok(results)
    }

    /// Starts reading an object piece by piece.
    pub fn reader(&self, id: &ObjectId) -> Result<ObjectReader> {
        let id = id.to_text();
        let resource = answer(self.call(|interface, store, this| interface.call_reader(store, this, &id)))?;
        ObjectReader::new(self.instance().keep(resource))
    }

    /// Starts reading many objects, in the order that is fastest for the store. Duplicates are read once.
    pub fn read_many(&self, ids: &[ObjectId]) -> Result<ObjectBatch> {
        let mut ids = ids.to_vec();
        // IDs requested together are then close together in the index.
        ids.sort_unstable();
        ids.dedup();
        self.read_blocks(ids)
    }

    /// Starts to read many objects, with positions that refer to `ids` as given.
    pub(crate) fn read_blocks(&self, ids: Vec<ObjectId>) -> Result<ObjectBatch> {
        ObjectBatch::new(self.instance().clone(), self.handle.get()?, ids)
    }

    /// Returns whether each of these objects exists, in order.
    pub fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            let ids = ObjectId::many_to_bytes(ids);
            let contained = self.call(|interface, store, this| interface.call_contains(store, this, &ids));
            found.append(&mut answer(contained)?);
        }
        Ok(found)
    }

    /// Returns size and place of an object.
    pub fn info(&self, id: &ObjectId) -> Result<ObjectInfo> {
        let text = id.to_text();
        let info = answer(self.call(|interface, store, this| interface.call_info(store, this, &text)))?;
        Ok(convert::object_info(&info))
    }

    /// Returns size and place of many objects, in the order of `ids`; `None` for one that does not exist.
    pub fn info_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<ObjectInfo>>> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            let ids = ObjectId::many_to_bytes(ids);
            let infos = answer(self.call(|interface, store, this| interface.call_info_many(store, this, &ids)))?;
            found.extend(infos.iter().map(|info| info.as_ref().map(convert::object_info)));
        }
        Ok(found)
    }

    /// Returns a page of the IDs of all objects, sorted: at most `limit` IDs greater than `after`. The end is an empty
    /// page.
    pub fn objects(&self, after: Option<&ObjectId>, limit: u32) -> Result<Vec<ObjectId>> {
        let after = after.map(ObjectId::to_text);
        let after = after.as_ref();
        convert::ids(&answer(self.call(|interface, store, this| interface.call_objects(store, this, after, limit)))?)
    }

    /// Returns counts and sizes. Walks the loose objects.
    pub fn stats(&self) -> Result<Stats> {
        let stats = answer(self.call(|interface, store, this| interface.call_stats(store, this)))?;
        Ok(convert::stats(stats))
    }

    /// Takes the pack lock, and starts writing objects straight to packs.
    pub fn pack_writer(&self, compression: Compression) -> Result<PackWriter> {
        PackWriter::open(self.instance(), self.handle.get()?, compression)
    }
}

/// A loose object that is being written. Dropped before [`ObjectWriter::finish`], it leaves no object.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let runtime = loosepack_host::Runtime::new()?;
/// # let store = runtime.create(folder.path(), Default::default(), Default::default())?;
/// use std::io::Write as _;
///
/// let mut writer = store.writer()?;
/// writer.write_all(b"some bytes")?;
/// let id = writer.finish()?;
/// assert_eq!(store.get(&id)?, b"some bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ObjectWriter {
    handle: Handle,
}

impl ObjectWriter {
    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let this = self.handle.get()?;
        for piece in bytes.chunks(PIECE) {
            answer(self.handle.instance().call(|component, store| {
                Ok(component.loosepack_store_container().object_writer().call_write(store, this, piece)?)
            }))?;
        }
        Ok(())
    }

    /// Completes the object and returns its ID.
    pub fn finish(mut self) -> Result<ObjectId> {
        let this = self.handle.take()?;
        let finished = self.handle.instance().call(|component, store| {
            Ok(component.loosepack_store_container().object_writer().call_finish(store, this)?)
        });
        convert::id(&answer(finished)?)
    }
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.append(piece)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
