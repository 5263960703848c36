//! The pack writer.

use std::path::Path;

use loosepack::source::Source;
use wasmtime::component::ResourceAny;

use crate::bindings::exports::loosepack::store::maintenance::{GuestPackWriter, PackedObject as WitPackedObject};
use crate::convert::{self, answer};
use crate::error::{Error, Result};
use crate::instance::{Handle, Instance};
use crate::state::State;
use crate::streams::{Failure, SourceStream};
use crate::{Compression, ObjectId, PackedObject, StoreError};

type Store = wasmtime::Store<State>;

/// Writes objects straight to packs. Holds the pack lock until dropped.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let runtime = loosepack_host::Runtime::new()?;
/// # let store = runtime.create(folder.path(), Default::default(), Default::default())?;
/// let mut writer = store.pack_writer(loosepack_host::Compression::Never)?;
/// let id = writer.add(b"some bytes")?;
/// writer.finish()?;
/// assert_eq!(store.get(&id)?, b"some bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PackWriter {
    handle: Handle,
    failed: bool,
}

impl PackWriter {
    pub(crate) fn open(instance: &Instance, container: ResourceAny, compression: Compression) -> Result<Self> {
        let compression = convert::compression(compression);
        let opened = instance.call(|component, store| {
            Ok(component.loosepack_store_maintenance().pack_writer().call_open(store, container, compression)?)
        });
        Ok(PackWriter { handle: instance.keep(answer(opened)?), failed: false })
    }

    fn call<T>(
        &self,
        call: impl FnOnce(GuestPackWriter<'_>, &mut Store, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T> {
        let this = self.handle.get()?;
        Ok(self
            .handle
            .instance()
            .call(|component, store| call(component.loosepack_store_maintenance().pack_writer(), store, this))?)
    }

    /// Appends an object.
    pub fn add(&mut self, content: &[u8]) -> Result<ObjectId> {
        convert::id(
            &answer(self.call(|interface, store, this| interface.call_add(store, this, content)))
                .inspect_err(|_| self.failed = true)?,
        )
    }

    /// Appends objects. Returns their IDs, in order.
    pub fn add_many<T: AsRef<[u8]>>(&mut self, contents: &[T]) -> Result<Vec<ObjectId>> {
        let contents: Vec<&[u8]> = contents.iter().map(AsRef::as_ref).collect();
        let added = self.call(|interface, store, this| interface.call_add_many(store, this, &contents));
        convert::ids(&answer(added).inspect_err(|_| self.failed = true)?)
    }

    /// Appends objects that are given as they lie in packs, without compressing them again. Returns for each, in order,
    /// whether it is in the container: not if its payload is anything but `size` bytes that match its ID, or one zlib
    /// stream of them. Objects of more than 1 MiB are refused.
    pub fn add_packed_many(&mut self, objects: &[PackedObject<'_>]) -> Result<Vec<bool>> {
        let ids: Vec<ObjectId> = objects.iter().map(|object| object.id).collect();
        let ids = ObjectId::many_to_bytes(&ids);
        let objects = objects.iter().map(|object| WitPackedObject { size: object.size, payload: object.payload });
        let objects: Vec<WitPackedObject<'_>> = objects.collect();
        match answer(self.call(|interface, store, this| interface.call_add_packed_many(store, this, &ids, &objects))) {
            // Refused before anything was written.
            Err(Error::Store(error @ StoreError::InvalidArgument(_))) => Err(error.into()),
            added => added.inspect_err(|_| self.failed = true),
        }
    }

    /// Appends files of a directory. Returns one result for each file, in order. `paths` are relative to `dir`, which
    /// the component may read during this call.
    pub fn add_files(&mut self, dir: impl AsRef<Path>, paths: &[String]) -> Result<Vec<Result<ObjectId>>> {
        let streams = self.handle.instance().file_streams(dir.as_ref(), paths)?;
        self.add_streams(&streams)
    }

    /// Appends the bytes of a source. When the source fails, nothing is appended and the writer goes on; when writing
    /// fails, every later call fails, as [`PackWriter::check`] tells.
    pub fn add_source(&mut self, source: Box<dyn Source + Send>) -> Result<ObjectId> {
        let failure = Failure::default();
        let stream = self.handle.instance().with(|component, guest| {
            let stream = SourceStream::boxed(source, failure.clone());
            let stream = guest.call().data_mut().table.push(stream).map_err(wasmtime::Error::from)?;
            Ok(component.loosepack_store_sources().lazy_stream().call_from_stream(guest.call(), stream)?)
        })?;
        let added = self.add_streams(&[stream]).inspect_err(|_| self.failed = true)?.pop();
        let added = added.unwrap_or_else(|| Err(StoreError::Other("the component returned no result".into()).into()));
        added.map_err(|error| failure.take().map_or(error, Into::into))
    }

    fn add_streams(&mut self, streams: &[ResourceAny]) -> Result<Vec<Result<ObjectId>>> {
        let added = self.call(|interface, store, this| interface.call_add_streams(store, this, streams));
        Ok(answer(added)?.into_iter().map(|result| convert::id(&answer(Ok(result))?)).collect())
    }

    /// Checks that the writer still writes.
    pub fn check(&self) -> Result<()> {
        if self.failed { Err(StoreError::WriterFailed.into()) } else { Ok(()) }
    }

    /// Makes everything added so far visible and durable.
    pub fn commit(&mut self) -> Result<()> {
        answer(self.call(|interface, store, this| interface.call_commit(store, this)))
            .inspect_err(|_| self.failed = true)
    }

    /// Commit, and free the pack lock. A writer that is dropped instead loses what was added since the last commit.
    pub fn finish(mut self) -> Result<()> {
        let this = self.handle.take()?;
        answer(self.handle.instance().call(|component, store| {
            Ok(component.loosepack_store_maintenance().pack_writer().call_finish(store, this)?)
        }))
    }
}
