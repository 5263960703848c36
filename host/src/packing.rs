//! What takes the packer's place.

use std::path::Path;

use wasmtime::component::ResourceAny;

use crate::bindings::exports::loosepack::store::packing::GuestPackWriter;
use crate::container::Container;
use crate::error::Result;
use crate::state::State;
use crate::{Compression, ObjectId, Progress, convert};

/// Writes objects straight to packs. Holds the packer's place until dropped.
pub struct PackWriter<'a> {
    container: &'a mut Container,
    /// Gone once it is finished.
    handle: Option<ResourceAny>,
}

impl<'a> PackWriter<'a> {
    pub(crate) fn open(container: &'a mut Container, compression: Compression) -> Result<Self> {
        let interface = container.component.loosepack_store_packing().pack_writer();
        let compression = convert::compression(compression);
        let handle = convert::answer(interface.call_open(container.guest.call(), container.handle, compression))?;
        Ok(PackWriter { container, handle: Some(handle) })
    }

    fn call<T>(
        &mut self,
        call: impl FnOnce(GuestPackWriter<'_>, &mut wasmtime::Store<State>, ResourceAny) -> T,
    ) -> Result<T> {
        let handle = self.handle.ok_or(loosepack::Error::WriterFailed)?;
        let interface = self.container.component.loosepack_store_packing().pack_writer();
        Ok(call(interface, self.container.guest.call(), handle))
    }

    /// Append an object.
    pub fn add(&mut self, content: &[u8]) -> Result<ObjectId> {
        let added = self.call(|interface, store, this| interface.call_add(store, this, content))?;
        convert::id(&convert::answer(added)?)
    }

    /// Append objects; the ids are in their order.
    pub fn add_many(&mut self, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>> {
        let added = self.call(|interface, store, this| interface.call_add_many(store, this, contents))?;
        convert::answer(added)?.iter().map(|text| convert::id(text)).collect()
    }

    /// Append files of a directory, one result a file, in their order. `paths` are relative to `dir`, which the component
    /// may read during this call.
    pub fn add_files(&mut self, dir: impl AsRef<Path>, paths: &[String]) -> Result<Vec<Result<ObjectId>>> {
        let streams = self.container.streams(dir.as_ref(), paths)?;
        let added = self.call(|interface, store, this| interface.call_add_streams(store, this, &streams))?;
        Ok(convert::answer(added)?.into_iter().map(|result| convert::id(&convert::answer(Ok(result))?)).collect())
    }

    /// Make everything added so far visible and durable.
    pub fn commit(&mut self) -> Result<()> {
        convert::answer(self.call(|interface, store, this| interface.call_commit(store, this))?)
    }

    /// Commit and give up the packer's place. A writer that is dropped instead loses what was added since the last
    /// commit.
    pub fn finish(mut self) -> Result<()> {
        let finished = self.call(|interface, store, this| interface.call_finish(store, this))?;
        self.handle = None;
        convert::answer(finished)
    }
}

impl Drop for PackWriter<'_> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle {
            self.container.give_back(handle);
        }
    }
}

/// A long operation, done in steps. Dropped early, what its steps have committed stays.
pub struct Job<'a> {
    container: &'a mut Container,
    handle: ResourceAny,
}

impl<'a> Job<'a> {
    pub(crate) fn new(container: &'a mut Container, handle: ResourceAny) -> Self {
        Job { container, handle }
    }

    /// Do a bounded piece of the work.
    pub fn step(&mut self) -> Result<Progress> {
        let interface = self.container.component.loosepack_store_packing().job();
        Ok(convert::progress(convert::answer(interface.call_step(self.container.guest.call(), self.handle))?))
    }

    /// Do all of it; what was found in all steps is in the result.
    pub fn finish(mut self) -> Result<Progress> {
        let (mut problems, mut notes, mut unread) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let mut progress = self.step()?;
            problems.append(&mut progress.problems);
            notes.append(&mut progress.notes);
            unread.append(&mut progress.unread);
            if progress.finished {
                return Ok(Progress { problems, notes, unread, ..progress });
            }
        }
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        self.container.give_back(self.handle);
    }
}
