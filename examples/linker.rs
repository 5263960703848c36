//! loosepack in a program that runs components itself, with an engine, a linker and a state of its own:
//! [`loosepack_host::add_to_linker`] gives components what the store imports, and other components of the program can
//! be linked beside it.
//!
//! ```sh
//! cargo run --release -p loosepack-host --example linker -- STORE
//! ```

use std::error::Error;
use std::fs::File;
use std::path::Path;

use wasmtime::component::{Component, Linker, Resource, ResourceTable};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::filesystem::{Descriptor, Dir, OpenMode};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use self::bindings::exports::loosepack::store::store_types::{
    Access, Compression, Config, Durability, OpenOptions, Sharing,
};

/// The contract as Rust types, from the WIT that is published: `wit/` and, for the world of the store, `wit/host/`.
mod bindings {
    wasmtime::component::bindgen!({
        path: ["wit", "wit/host"],
        world: "loosepack:host/store",
        with: { "wasi": wasmtime_wasi::p2::bindings::sync },
        require_store_data_send: true,
    });
}

/// What this program keeps for each component that runs.
struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    memory: StoreLimits,
}

/// All that `add_to_linker` asks of it.
impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl State {
    fn new() -> Self {
        // Nothing is granted here: no directories, no environment. The store is lent one directory below.
        // File operations on the thread of the caller are many times faster than on one of their own.
        let wasi = WasiCtxBuilder::new().allow_blocking_current_thread(true).build();
        State { table: ResourceTable::new(), wasi, memory: StoreLimitsBuilder::new().memory_size(256 << 20).build() }
    }
}

/// A directory, open in a component for as long as the handle is lent.
fn lend(store: &mut Store<State>, path: &Path) -> wasmtime::Result<Resource<Descriptor>> {
    let mode = OpenMode::READ | OpenMode::WRITE;
    let dir = Descriptor::Dir(Dir::new(File::open(path)?, FsPerms::ReadWrite, mode, true));
    Ok(store.data_mut().table.push(dir)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: linker STORE")?;
    println!("kept {}", keep(path.as_ref())?);
    Ok(())
}

/// Makes a container, and keeps an object in it, packed; returns its ID.
fn keep(path: &Path) -> Result<String, Box<dyn Error>> {
    std::fs::create_dir_all(path)?;
    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    // WASI comes first: the second replaces some of its functions for files.
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    loosepack_host::add_to_linker(&mut linker)?;

    // Compiled here. A program that starts often keeps what `Engine::precompile_component` makes of it.
    let component = Component::new(&engine, loosepack_artifacts::STORE)?;
    let mut store = Store::new(&engine, State::new());
    store.limiter(|state| &mut state.memory);
    let loosepack = bindings::Store::instantiate(&mut store, &component, &linker)?;

    // The component can reach this directory and nothing else. It opens it anew, so that the handle can be taken back.
    let dir = lend(&mut store, path)?;
    let config = Config { pack_target: 1 << 30, compression_level: 1, shared: Sharing::Umask };
    let options = OpenOptions {
        access: Access::ReadWrite,
        durability: Durability::Full,
        verify: true,
        holder: format!("process {} of the example", std::process::id()),
    };
    let containers = loosepack.loosepack_store_container().container();
    let container = containers.call_create(&mut store, Resource::new_borrow(dir.rep()), config, &options)??;
    store.data_mut().table.delete(dir)?;

    // A call fails twice over: when the component is stopped, and with an error of the store.
    let id = containers.call_add(&mut store, container, b"some bytes")??;
    let maintenance = loosepack.loosepack_store_maintenance();
    let job = maintenance.call_pack_loose(&mut store, container, Compression::Auto)??;
    while !maintenance.job().call_step(&mut store, job)??.finished {}
    assert_eq!(containers.call_get(&mut store, container, &id)??, b"some bytes");

    // What the component gave is given back, its parts first.
    job.resource_drop(&mut store)?;
    container.resource_drop(&mut store)?;
    Ok(id)
}

#[test]
fn the_host_reads_what_the_component_kept() {
    let folder = tempfile::tempdir().unwrap();
    let id = keep(folder.path()).unwrap().parse().unwrap();
    let store = loosepack_host::Runtime::new().unwrap().open(folder.path()).unwrap();
    assert_eq!(store.get(&id).unwrap(), b"some bytes");
    assert_eq!(store.stats().unwrap().packed_objects, 1);
}
