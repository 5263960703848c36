//! Jobs: long operations on a container, done in steps.

use wasmtime::component::ResourceAny;

use crate::bindings::exports::loosepack::store::maintenance::{self, Guest as Maintenance};
use crate::bindings::exports::loosepack::store::store_types::Error as WitError;
use crate::container::Container;
use crate::convert::{self, answer};
use crate::error::{Error, Result};
use crate::instance::{Handle, IDS_MAX, Instance};
use crate::state::State;
use crate::{Compression, GcOptions, ObjectId, PackInfo, Part, Progress, RepackOptions};

type Store = wasmtime::Store<State>;

/// A long operation, done in steps that the caller drives. Dropped early, what its steps have committed stays.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let runtime = loosepack_host::Runtime::new()?;
/// # let store = runtime.create(folder.path(), Default::default(), Default::default())?;
/// store.add(b"some bytes")?;
/// let packed = store.pack_loose(loosepack_host::Compression::Auto)?.finish()?;
/// assert_eq!(packed.objects, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Job {
    handle: Handle,
}

impl Job {
    pub(crate) fn start(
        instance: &Instance,
        container: ResourceAny,
        start: impl FnOnce(&Maintenance, &mut Store, ResourceAny) -> wasmtime::Result<Result<ResourceAny, WitError>>,
    ) -> Result<Self> {
        let started =
            instance.call(|component, store| Ok(start(component.loosepack_store_maintenance(), store, container)?));
        Ok(Job { handle: instance.keep(answer(started)?) })
    }

    pub(crate) fn new(handle: Handle) -> Self {
        Job { handle }
    }

    /// Does a bounded piece of the work.
    pub fn step(&mut self) -> Result<Progress> {
        let this = self.handle.get()?;
        let stepped = self
            .handle
            .instance()
            .call(|component, store| Ok(component.loosepack_store_maintenance().job().call_step(store, this)?));
        Ok(convert::progress(answer(stepped)?))
    }

    /// Runs all remaining steps. The result contains the findings of all of them.
    pub fn finish(&mut self) -> Result<Progress> {
        Ok(loosepack::Job::finish(self)?)
    }
}

impl Container {
    /// Starts to move loose objects into packs. The loose files stay until [`Container::clean`].
    pub fn pack_loose(&self, compression: Compression) -> Result<Job> {
        let compression = convert::compression(compression);
        Job::start(self.instance(), self.handle.get()?, |interface, store, this| {
            interface.call_pack_loose(store, this, compression)
        })
    }

    /// Starts to move loose objects into packs and to remove their loose files, a batch at a time, so that the disk needs
    /// room for a batch.
    pub fn pack_and_clean(&self, compression: Compression) -> Result<Job> {
        let compression = convert::compression(compression);
        Job::start(self.instance(), self.handle.get()?, |interface, store, this| {
            interface.call_pack_and_clean(store, this, compression)
        })
    }

    /// Starts to remove the loose files of packed objects, and what crashed writers left behind.
    pub fn clean(&self) -> Result<Job> {
        Job::start(self.instance(), self.handle.get()?, |interface, store, this| interface.call_clean(store, this))
    }

    /// Starts to delete objects, loose or packed. IDs without an object are not counted.
    pub fn delete(&self, ids: &[ObjectId]) -> Result<Job> {
        let ids = ObjectId::many_to_bytes(ids);
        Job::start(self.instance(), self.handle.get()?, |interface, store, this| {
            interface.call_delete(store, this, &ids)
        })
    }

    /// Starts to delete all objects but those of `keep`, which need not exist. What is added meanwhile is spared.
    pub fn gc(&self, keep: &[ObjectId], options: GcOptions) -> Result<Job> {
        let list = self.instance().call(|component, store| {
            let interface = component.loosepack_store_maintenance().keep_list();
            let list = interface.call_constructor(&mut *store)?;
            for ids in keep.chunks(IDS_MAX) {
                answer(Ok(interface.call_add(&mut *store, list, &ObjectId::many_to_bytes(ids))?))?;
            }
            Ok::<_, Error>(list)
        })?;
        let grace = u64::try_from(options.grace.as_nanos()).unwrap_or(u64::MAX);
        let options = maintenance::GcOptions { grace, dry_run: options.dry_run };
        Job::start(self.instance(), self.handle.get()?, |interface, store, this| {
            interface.call_gc(store, this, list, options)
        })
    }

    /// Returns all packs, by number, and how much of each is in use. Reads the whole index.
    pub fn packs(&self) -> Result<Vec<PackInfo>> {
        let this = self.handle.get()?;
        let packs = self
            .instance()
            .call(|component, store| Ok(component.loosepack_store_maintenance().call_packs(store, this)?));
        let info = |pack: maintenance::PackInfo| PackInfo {
            number: pack.number,
            size: pack.size,
            objects: pack.objects,
            live: pack.live,
        };
        Ok(answer(packs)?.into_iter().map(info).collect())
    }

    /// Starts to free the dead bytes of packs: objects in use are moved to other packs, and the packs are removed.
    pub fn repack(&self, options: RepackOptions) -> Result<Job> {
        let RepackOptions { min_dead, compression, level, dry_run } = options;
        let compression = compression.map(convert::compression);
        let options = maintenance::RepackOptions { min_dead, compression, level, dry_run };
        Job::start(self.instance(), self.handle.get()?, |interface, store, this| {
            interface.call_repack(store, this, options)
        })
    }

    /// Starts to read and check a part of everything. When the index does not open, it needs a handle of
    /// [`Runtime::open_damaged`](crate::Runtime::open_damaged).
    pub fn verify(&self, part: Part) -> Result<Job> {
        let part = convert::part(part);
        Job::start(self.instance(), self.handle.get()?, |interface, store, this| {
            interface.call_verify(store, this, part)
        })
    }

    /// Starts to rebuild the index from the packs. When the index does not open, it needs a handle of
    /// [`Runtime::open_damaged`](crate::Runtime::open_damaged).
    pub fn reindex(&self) -> Result<Job> {
        Job::start(self.instance(), self.handle.get()?, |interface, store, this| interface.call_reindex(store, this))
    }

    /// Starts to merge the index into one file, as mirrors and object storage want it.
    pub fn fold(&self) -> Result<Job> {
        Job::start(self.instance(), self.handle.get()?, |interface, store, this| interface.call_fold(store, this))
    }

    /// Removes the lock file that a packer left behind when it was killed. Only for a person who knows that none is
    /// running.
    pub fn force_unlock(&self) -> Result<Option<String>> {
        let this = self.handle.get()?;
        answer(
            self.instance()
                .call(|component, store| Ok(component.loosepack_store_maintenance().call_force_unlock(store, this)?)),
        )
    }
}

impl loosepack::Job for Job {
    fn step(&mut self) -> loosepack::Result<Progress> {
        Ok(Job::step(self)?)
    }
}
