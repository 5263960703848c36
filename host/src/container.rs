//! Containers, typed for Rust programs.

use std::io::Read;
use std::path::Path;

use wasmtime::component::ResourceAny;
use wasmtime_wasi::FsPerms;

use crate::bindings;
use crate::bindings::exports::loosepack::store::container::GuestContainer;
use crate::error::Result;
use crate::packing::{Job, PackWriter};
use crate::reading::{ObjectBatch, ObjectReader};
use crate::state::{self, Guest, State};
use crate::{Compression, Config, ObjectId, ObjectInfo, Part, Stats, convert};

/// What a reader is asked for at once, in bytes.
pub(crate) const PIECE: usize = 256 << 10;

/// Ids that the component is asked for at once: so many take some 30 MiB of its memory.
pub(crate) const IDS_MAX: usize = 1 << 18;

/// A handle on a container.
///
/// Any number of handles, in any number of threads and processes, may be open on one container. A handle does one thing
/// at a time: what is made from it borrows it. It can be sent to another thread; threads share one behind a `Mutex`.
///
/// All operations fail with [`Error::Store`](crate::Error::Store) when the store says so, and with
/// [`Error::Runtime`](crate::Error::Runtime) when the component was stopped.
pub struct Container {
    pub(crate) guest: Guest,
    pub(crate) component: bindings::Store,
    pub(crate) handle: ResourceAny,
}

impl Container {
    pub(crate) fn new(guest: Guest, component: bindings::Store, handle: ResourceAny) -> Self {
        Container { guest, component, handle }
    }

    /// Call the component: its interface, the memory it runs in, and its handle.
    pub(crate) fn call<T>(
        &mut self,
        call: impl FnOnce(GuestContainer<'_>, &mut wasmtime::Store<State>, ResourceAny) -> T,
    ) -> T {
        call(self.component.loosepack_store_container().container(), self.guest.call(), self.handle)
    }

    /// The container's own identifier: 32 hexadecimal digits.
    pub fn id(&mut self) -> Result<String> {
        Ok(self.call(|interface, store, this| interface.call_id(store, this))?)
    }

    /// The settings it was created with.
    pub fn config(&mut self) -> Result<Config> {
        let config = self.call(|interface, store, this| interface.call_config(store, this))?;
        Ok(Config { pack_target: config.pack_target, compression_level: config.compression_level })
    }

    /// Store bytes as a loose object.
    pub fn add(&mut self, content: &[u8]) -> Result<ObjectId> {
        convert::id(&convert::answer(self.call(|interface, store, this| interface.call_add(store, this, content)))?)
    }

    /// Store what a reader gives as a loose object.
    pub fn add_reader(&mut self, mut reader: impl Read) -> Result<ObjectId> {
        let mut writer = self.writer()?;
        let mut buffer = vec![0; PIECE];
        loop {
            match reader.read(&mut buffer)? {
                0 => return writer.finish(),
                len => writer.write(&buffer[..len])?,
            }
        }
    }

    /// Store many as loose objects; the ids are in their order. Durable together, which is far cheaper than one by one.
    pub fn add_many(&mut self, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>> {
        let added = self.call(|interface, store, this| interface.call_add_many(store, this, contents));
        convert::answer(added)?.iter().map(|text| convert::id(text)).collect()
    }

    /// Store files of a directory as loose objects, durable together, one result a file, in their order. `paths` are relative to `dir`,
    /// which the component may read during this call.
    pub fn add_files(&mut self, dir: impl AsRef<Path>, paths: &[String]) -> Result<Vec<Result<ObjectId>>> {
        let streams = self.streams(dir.as_ref(), paths)?;
        let results =
            convert::answer(self.call(|interface, store, this| interface.call_add_streams(store, this, &streams)))?;
        Ok(results.into_iter().map(|result| convert::id(&convert::answer(Ok(result))?)).collect())
    }

    /// Lazy streams of files, for one call.
    pub(crate) fn streams(&mut self, dir: &Path, paths: &[String]) -> Result<Vec<ResourceAny>> {
        let dir = state::lend_dir(&mut self.guest, dir, FsPerms::ReadOnly)?;
        let interface = self.component.loosepack_store_sources().lazy_stream();
        let streams = convert::answer(interface.call_from_files(self.guest.call(), dir.borrow(), paths));
        dir.take_back(&mut self.guest)?;
        streams
    }

    /// Start writing a loose object piece by piece.
    pub fn writer(&mut self) -> Result<ObjectWriter<'_>> {
        let handle = convert::answer(self.call(|interface, store, this| interface.call_writer(store, this)))?;
        Ok(ObjectWriter { container: self, handle: Some(handle) })
    }

    /// The bytes of an object.
    pub fn get(&mut self, id: &ObjectId) -> Result<Vec<u8>> {
        let id = id.to_text();
        convert::answer(self.call(|interface, store, this| interface.call_get(store, this, &id)))
    }

    /// Write the bytes of an object to a file of a directory, to which the component may write during this call. Returns
    /// their number. The file appears, and replaces an earlier one, only when it is complete.
    pub fn get_to_file(&mut self, id: &ObjectId, dir: impl AsRef<Path>, path: &str) -> Result<u64> {
        let id = id.to_text();
        let dir = state::lend_dir(&mut self.guest, dir.as_ref(), FsPerms::ReadWrite)?;
        let borrow = dir.borrow();
        let written = self.call(|interface, store, this| interface.call_get_to_file(store, this, &id, borrow, path));
        dir.take_back(&mut self.guest)?;
        convert::answer(written)
    }

    /// Start reading an object piece by piece.
    pub fn reader(&mut self, id: &ObjectId) -> Result<ObjectReader<'_>> {
        let id = id.to_text();
        let handle = convert::answer(self.call(|interface, store, this| interface.call_reader(store, this, &id)))?;
        ObjectReader::new(self, handle)
    }

    /// Start reading many objects, in the order that is fastest for the store. Duplicates are read once.
    pub fn read_many(&mut self, ids: &[ObjectId]) -> Result<ObjectBatch<'_>> {
        ObjectBatch::new(self, ids)
    }

    /// Which of these objects there are, in their order.
    pub fn contains(&mut self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            let ids = texts(ids);
            let answer = self.call(|interface, store, this| interface.call_contains(store, this, &ids));
            found.append(&mut convert::answer(answer)?);
        }
        Ok(found)
    }

    /// What is known of an object.
    pub fn info(&mut self, id: &ObjectId) -> Result<ObjectInfo> {
        let id = id.to_text();
        let info = convert::answer(self.call(|interface, store, this| interface.call_info(store, this, &id)))?;
        convert::object_info(&info)
    }

    /// A page of the ids of all objects, sorted: at most `limit` ids greater than `after`. An empty page is the end.
    pub fn objects(&mut self, after: Option<&ObjectId>, limit: u32) -> Result<Vec<ObjectId>> {
        let after = after.map(ObjectId::to_text);
        let after = after.as_ref();
        let page =
            convert::answer(self.call(|interface, store, this| interface.call_objects(store, this, after, limit)))?;
        page.iter().map(|text| convert::id(text)).collect()
    }

    /// Counts and sizes. Walks the loose objects.
    pub fn stats(&mut self) -> Result<Stats> {
        let stats = convert::answer(self.call(|interface, store, this| interface.call_stats(store, this)))?;
        Ok(convert::stats(stats))
    }

    /// Take the packer's place and write objects straight to packs.
    pub fn pack_writer(&mut self, compression: Compression) -> Result<PackWriter<'_>> {
        PackWriter::open(self, compression)
    }

    /// Take the packer's place and start moving loose objects into packs. The loose files stay until [`Container::clean`].
    pub fn pack_loose(&mut self, compression: Compression) -> Result<Job<'_>> {
        let interface = self.component.loosepack_store_packing();
        let compression = convert::compression(compression);
        let handle = convert::answer(interface.call_pack_loose(self.guest.call(), self.handle, compression))?;
        Ok(Job::new(self, handle))
    }

    /// Take the packer's place and start removing the loose files of packed objects, and what crashed writers left.
    pub fn clean(&mut self) -> Result<Job<'_>> {
        let interface = self.component.loosepack_store_packing();
        let handle = convert::answer(interface.call_clean(self.guest.call(), self.handle))?;
        Ok(Job::new(self, handle))
    }

    /// Start reading and checking everything, or a part of it. Others may write, pack and clean meanwhile.
    pub fn verify(&mut self, part: Part) -> Result<Job<'_>> {
        let interface = self.component.loosepack_store_packing();
        let handle = convert::answer(interface.call_verify(self.guest.call(), self.handle, convert::part(part)))?;
        Ok(Job::new(self, handle))
    }

    /// Take the packer's place and start rebuilding the index from the packs. A container whose index does not open is
    /// opened with [`Runtime::open_damaged`](crate::Runtime::open_damaged).
    pub fn reindex(&mut self) -> Result<Job<'_>> {
        let interface = self.component.loosepack_store_packing();
        let handle = convert::answer(interface.call_reindex(self.guest.call(), self.handle))?;
        Ok(Job::new(self, handle))
    }

    /// Remove the mark that a packer left behind when it was killed; returns what it said of its maker. Only for a person
    /// who knows that no packer is running.
    pub fn force_unlock(&mut self) -> Result<Option<String>> {
        let interface = self.component.loosepack_store_packing();
        convert::answer(interface.call_force_unlock(self.guest.call(), self.handle))
    }

    /// Give a handle back to the component, which closes what is behind it.
    pub(crate) fn give_back(&mut self, handle: ResourceAny) {
        // After the component was stopped there is nobody to give it to; the whole memory goes with this container.
        let _ = handle.resource_drop(self.guest.call());
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let handle = self.handle;
        self.give_back(handle);
    }
}

pub(crate) fn texts(ids: &[ObjectId]) -> Vec<String> {
    ids.iter().map(ObjectId::to_text).collect()
}

/// A loose object that is being written. Dropped before [`ObjectWriter::finish`], it leaves no object.
pub struct ObjectWriter<'a> {
    container: &'a mut Container,
    /// Gone once it is finished.
    handle: Option<ResourceAny>,
}

impl ObjectWriter<'_> {
    /// Append bytes.
    pub fn write(&mut self, content: &[u8]) -> Result<()> {
        let Some(handle) = self.handle else { return Err(loosepack::Error::WriterFailed.into()) };
        let interface = self.container.component.loosepack_store_container().object_writer();
        convert::answer(interface.call_write(self.container.guest.call(), handle, content))
    }

    /// Make what was written an object.
    pub fn finish(mut self) -> Result<ObjectId> {
        let Some(handle) = self.handle.take() else { return Err(loosepack::Error::WriterFailed.into()) };
        let interface = self.container.component.loosepack_store_container().object_writer();
        convert::id(&convert::answer(interface.call_finish(self.container.guest.call(), handle))?)
    }
}

impl Drop for ObjectWriter<'_> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle {
            self.container.give_back(handle);
        }
    }
}
