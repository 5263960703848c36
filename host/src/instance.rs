//! A component that runs, shared by the handles on what is in it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::ResourceAny;
use wasmtime_wasi::FsPerms;

use crate::bindings;
use crate::convert::answer;
use crate::error::Result;
use crate::state::{self, Guest, State};

/// Bytes requested from a reader at once.
pub(crate) const PIECE: usize = 256 << 10;

/// IDs passed to the component at once: with the answers they take about 16 MiB of its memory.
pub(crate) const IDS_MAX: usize = 1 << 18;

/// A component that runs, with one container open in it. It does one thing at a time.
#[derive(Clone)]
pub(crate) struct Instance(Arc<Mutex<Running>>);

struct Running {
    guest: Guest,
    component: bindings::Store,
}

impl Instance {
    pub(crate) fn new(guest: Guest, component: bindings::Store) -> Self {
        Instance(Arc::new(Mutex::new(Running { guest, component })))
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        // A panic in a call leaves a component that wasmtime refuses to enter again, and says so.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the component.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&bindings::Store, &mut wasmtime::Store<State>) -> T) -> T {
        let Running { guest, component } = &mut *self.lock();
        call(component, guest.call())
    }

    /// Does something with the component and its memory.
    pub(crate) fn with<T>(&self, run: impl FnOnce(&bindings::Store, &mut Guest) -> Result<T>) -> Result<T> {
        let Running { guest, component } = &mut *self.lock();
        run(component, guest)
    }

    /// Lazy streams of files of a directory, for one call.
    pub(crate) fn file_streams(&self, dir: &Path, paths: &[String]) -> Result<Vec<ResourceAny>> {
        self.with(|component, guest| {
            let dir = state::lend_dir(guest, dir, FsPerms::ReadOnly)?;
            let interface = component.loosepack_store_sources().lazy_stream();
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let streams = interface.call_from_files(guest.call(), dir.borrow(), &paths);
            dir.take_back(guest)?;
            answer(Ok(streams?))
        })
    }

    /// Keeps a handle that the component gave.
    pub(crate) fn keep(&self, resource: ResourceAny) -> Handle {
        Handle { instance: self.clone(), resource: Some(resource) }
    }
}

/// A handle on something in a component: a container, a reader, a job. Dropped, it is given back.
pub(crate) struct Handle {
    instance: Instance,
    /// Gone once it was consumed.
    resource: Option<ResourceAny>,
}

impl Handle {
    /// The component it is in.
    pub(crate) fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The handle, to be passed to the component.
    ///
    /// # Errors
    /// [`WriterFailed`](loosepack::Error::WriterFailed) when it was consumed.
    pub(crate) fn get(&self) -> Result<ResourceAny> {
        Ok(self.resource.ok_or(loosepack::Error::WriterFailed)?)
    }

    /// The handle, to be consumed by the component.
    pub(crate) fn take(&mut self) -> Result<ResourceAny> {
        Ok(self.resource.take().ok_or(loosepack::Error::WriterFailed)?)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(resource) = self.resource {
            // A component that was stopped takes nothing back, and is gone with the last handle.
            let _ = self.instance.call(|_, store| resource.resource_drop(store));
        }
    }
}
