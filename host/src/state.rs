//! What belongs to one running component.

use std::path::Path;

use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::error::Result;
use crate::grants::{self, Grants};

/// Memory a component may have, in bytes. Its own bounds are far below; a runaway ends here with an error.
pub(crate) const MEMORY_MAX: usize = 512 << 20;

/// What belongs to one running component.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    limits: StoreLimits,
    /// What a command line grants; a library component is granted nothing but the descriptors it is handed.
    pub(crate) grants: Grants,
}

impl State {
    /// A store for one component.
    pub(crate) fn store(engine: &Engine, wasi: &mut WasiCtxBuilder, grants: Grants) -> Store<State> {
        // Each component has a thread to itself, so file operations need no other: many times faster for small ones.
        let wasi = wasi.allow_blocking_current_thread(true).build();
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_MAX).build();
        let mut store = Store::new(engine, State { table: ResourceTable::new(), wasi, limits, grants });
        store.limiter(|state| &mut state.limits);
        // What one call may pass is bounded by the component's memory; wasmtime's own bound of 128 MiB is less.
        store.set_hostcall_fuel(MEMORY_MAX);
        store
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A descriptor that is lent to the component for one call.
pub(crate) struct Lent(Resource<Descriptor>);

/// Open a directory to lend it.
pub(crate) fn lend_dir(store: &mut Store<State>, path: &Path, perms: FsPerms) -> Result<Lent> {
    let descriptor = grants::directory(grants::open_dir(path)?, perms);
    let own = store.data_mut().table.push(descriptor).map_err(wasmtime::Error::from)?;
    Ok(Lent(own))
}

impl Lent {
    /// What the call takes.
    pub(crate) fn borrow(&self) -> Resource<Descriptor> {
        Resource::new_borrow(self.0.rep())
    }

    /// Close it.
    pub(crate) fn take_back(self, store: &mut Store<State>) -> Result<()> {
        store.data_mut().table.delete(self.0).map_err(wasmtime::Error::from)?;
        Ok(())
    }
}
