//! What belongs to one running component.

use std::path::Path;

use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::error::Result;
use crate::grants::{self, Grants};
use crate::limits::Limits;

/// What belongs to one running component.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    memory: StoreLimits,
    /// What a command line grants; a library component is granted nothing but the descriptors it is handed.
    pub(crate) grants: Grants,
}

/// A component's memory and what belongs to it.
pub(crate) struct Guest {
    store: Store<State>,
    call_ticks: u64,
}

impl Guest {
    pub(crate) fn new(engine: &Engine, limits: &Limits, wasi: &mut WasiCtxBuilder, grants: Grants) -> Self {
        // Each component has a thread to itself, so file operations need no other: many times faster for small ones.
        let wasi = wasi.allow_blocking_current_thread(true).build();
        let memory = StoreLimitsBuilder::new().memory_size(limits.memory).build();
        let mut store = Store::new(engine, State { table: ResourceTable::new(), wasi, memory, grants });
        store.limiter(|state| &mut state.memory);
        // What one call may pass is bounded by the component's memory; wasmtime's own bound of 128 MiB is less.
        store.set_hostcall_fuel(limits.memory);
        Guest { store, call_ticks: limits.call_ticks() }
    }

    /// What a call of the component takes; the time it may run starts now.
    pub(crate) fn call(&mut self) -> &mut Store<State> {
        self.store.set_epoch_deadline(self.call_ticks);
        &mut self.store
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
pub(crate) fn lend_dir(guest: &mut Guest, path: &Path, perms: FsPerms) -> Result<Lent> {
    let descriptor = grants::directory(grants::open_dir(path)?, perms);
    let own = guest.store.data_mut().table.push(descriptor).map_err(wasmtime::Error::from)?;
    Ok(Lent(own))
}

impl Lent {
    /// What the call takes.
    pub(crate) fn borrow(&self) -> Resource<Descriptor> {
        Resource::new_borrow(self.0.rep())
    }

    /// Close it.
    pub(crate) fn take_back(self, guest: &mut Guest) -> Result<()> {
        guest.store.data_mut().table.delete(self.0).map_err(wasmtime::Error::from)?;
        Ok(())
    }
}
