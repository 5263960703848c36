//! The state of a running component.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::filesystem::{Descriptor, Dir, OpenMode};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::error::Result;
use crate::fetching::Fetch;
use crate::interrupt::Unfinished;
use crate::limits::Limits;

/// The state of a running component.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    memory: StoreLimits,
    /// The container's directory, and where files are remembered that are removed when the process is interrupted.
    unfinished: Option<(PathBuf, Arc<Unfinished>)>,
    fetch: Option<Arc<dyn Fetch>>,
}

impl State {
    /// Returns who fetches the bytes of the files that are read, if they are not there.
    pub(crate) fn fetch(&self) -> Option<&Arc<dyn Fetch>> {
        self.fetch.as_ref()
    }

    /// Returns where to remember a file that the container is about to make, if it is one that is renamed when it is
    /// finished.
    pub(crate) fn unfinished_file(&self, path: &str) -> Option<(Arc<Unfinished>, PathBuf)> {
        let (container, unfinished) = self.unfinished.as_ref()?;
        loosepack::format::is_unfinished(path).then(|| (unfinished.clone(), container.join(path)))
    }
}

/// A component's memory and what belongs to it.
pub(crate) struct Guest {
    store: Store<State>,
    call_ticks: u64,
}

impl Guest {
    pub(crate) fn new(
        engine: &Engine,
        limits: &Limits,
        unfinished: Option<(PathBuf, Arc<Unfinished>)>,
        fetch: Option<Arc<dyn Fetch>>,
    ) -> Self {
        // Each component has a thread to itself, so file operations need no other: many times faster for small ones.
        let wasi = WasiCtxBuilder::new().allow_blocking_current_thread(true).build();
        let memory = StoreLimitsBuilder::new().memory_size(limits.memory).build();
        let state = State { table: ResourceTable::new(), wasi, memory, unfinished, fetch };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.memory);
        // The component's memory bounds the arguments of a call; wasmtime's own bound of 128 MiB is lower.
        store.set_hostcall_fuel(limits.memory);
        Guest { store, call_ticks: limits.call_ticks() }
    }

    /// Returns the store for one call, whose time limit starts now.
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

/// Opens a directory to lend it.
pub(crate) fn lend_dir(guest: &mut Guest, path: &Path, perms: FsPerms) -> Result<Lent> {
    let descriptor = Descriptor::Dir(Dir::new(open_dir(path)?, perms, OpenMode::READ | OpenMode::WRITE, true));
    let own = guest.store.data_mut().table.push(descriptor).map_err(wasmtime::Error::from)?;
    Ok(Lent(own))
}

/// A handle on a directory.
fn open_dir(path: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Opening a pipe would wait for somebody to write to it.
        options.custom_flags(rustix::fs::OFlags::DIRECTORY.bits().cast_signed());
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt as _;
        // FILE_FLAG_BACKUP_SEMANTICS: needed to open a directory.
        options.custom_flags(0x0200_0000);
    }
    let dir = options.open(path)?;
    if dir.metadata()?.is_dir() { Ok(dir) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

impl Lent {
    /// Borrows it for a call.
    pub(crate) fn borrow(&self) -> Resource<Descriptor> {
        Resource::new_borrow(self.0.rep())
    }

    /// Closes it.
    pub(crate) fn take_back(self, guest: &mut Guest) -> Result<()> {
        guest.store.data_mut().table.delete(self.0).map_err(wasmtime::Error::from)?;
        Ok(())
    }
}
