//! Copying from one container to another. Both are opened in the same component.

use std::path::Path;

use wasmtime_wasi::FsPerms;

use crate::bindings::exports::loosepack::store::transfer;
use crate::container::Container;
use crate::convert::{self, answer};
use crate::error::Result;
use crate::instance::Handle;
use crate::jobs::Job;
use crate::state;
use crate::{Access, BackupOptions, ObjectId, Options};

impl Container {
    /// Starts to copy objects from the container in another directory, which is only read: these, or all. Objects that
    /// exist here are not copied.
    pub fn import(&self, source: impl AsRef<Path>, ids: Option<&[ObjectId]>) -> Result<Job> {
        let (this, source) = (self.handle.get()?, self.open_beside(source.as_ref())?);
        let (from, ids) = (source.get()?, ids.map(ObjectId::many_to_bytes));
        let started = self.instance().call(|component, store| {
            let interface = component.loosepack_store_transfer();
            Ok(interface.call_import_objects(store, this, from, ids.as_ref())?)
        });
        Ok(Job::new(self.instance().keep(answer(started)?)))
    }

    /// Starts to mend damaged objects with those of the container in another directory, which is only read.
    pub fn repair(&self, source: impl AsRef<Path>) -> Result<Job> {
        let (this, source) = (self.handle.get()?, self.open_beside(source.as_ref())?);
        let from = source.get()?;
        let started = self
            .instance()
            .call(|component, store| Ok(component.loosepack_store_transfer().call_repair(store, this, from)?));
        Ok(Job::new(self.instance().keep(answer(started)?)))
    }

    /// Starts to make a directory, which must exist, a copy of this container: an empty one, or an earlier backup of the
    /// same container, to which what is new is added.
    pub fn backup(&self, dir: impl AsRef<Path>, options: BackupOptions) -> Result<Job> {
        let this = self.handle.get()?;
        let options = transfer::BackupOptions { link: options.link, restore: options.restore };
        let job = self.instance().with(|component, guest| {
            let dir = state::lend_dir(guest, dir.as_ref(), FsPerms::ReadWrite)?;
            let started = component.loosepack_store_transfer().call_backup(guest.call(), this, dir.borrow(), options);
            dir.take_back(guest)?;
            answer(Ok(started?))
        })?;
        Ok(Job::new(self.instance().keep(job)))
    }

    /// Opens the container in another directory, for reading, in the same component.
    fn open_beside(&self, dir: &Path) -> Result<Handle> {
        let options = Options { access: Access::ReadOnly, ..Options::default() };
        let opened = self.instance().with(|component, guest| {
            let dir = state::lend_dir(guest, dir, FsPerms::ReadOnly)?;
            let interface = component.loosepack_store_container().container();
            let opened = interface.call_open(guest.call(), dir.borrow(), convert::open_options(&options));
            dir.take_back(guest)?;
            answer(Ok(opened?))
        })?;
        Ok(self.instance().keep(opened))
    }
}
