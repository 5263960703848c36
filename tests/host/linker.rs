//! The component in a linker of another program: [`loosepack_host::add_to_linker`].

use std::fs::File;
use std::path::Path;

use loosepack_stock::Wasi;
use wasmtime::component::{Component, Linker, Resource};
use wasmtime::{Engine, Store};
use wasmtime_wasi::filesystem::{Descriptor, Dir, OpenMode};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, WasiView as _};

use self::bindings::exports::loosepack::store::store_types::{
    Access, Compression, Config, Durability, Error, OpenOptions, Sharing,
};
use crate::support::TempDir;

/// Bindings that such a program generates from the published WIT.
mod bindings {
    wasmtime::component::bindgen!({
        path: ["wit", "wit/host"],
        world: "loosepack:host/store",
        with: { "wasi": wasmtime_wasi::p2::bindings::sync },
        require_store_data_send: true,
    });
}

fn start() -> wasmtime::Result<(Store<Wasi>, bindings::Store)> {
    let engine = Engine::default();
    let mut linker = Linker::<Wasi>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    loosepack_host::add_to_linker(&mut linker)?;
    let mut store = Store::new(&engine, Wasi::new(&mut WasiCtxBuilder::new()));
    let component = Component::new(&engine, loosepack_artifacts::STORE)?;
    let component = bindings::Store::instantiate(&mut store, &component, &linker)?;
    Ok((store, component))
}

fn lend(store: &mut Store<Wasi>, path: &Path) -> Resource<Descriptor> {
    let mode = OpenMode::READ | OpenMode::WRITE;
    let dir = Descriptor::Dir(Dir::new(File::open(path).unwrap(), FsPerms::ReadWrite, mode, true));
    let own = store.data_mut().ctx().table.push(dir).unwrap();
    Resource::new_borrow(own.rep())
}

#[test]
fn the_store_runs_in_a_linker_of_another_program() {
    let folder = TempDir::new();
    let (mut store, component) = start().unwrap();
    let (interface, maintenance) = (component.loosepack_store_container(), component.loosepack_store_maintenance());
    let interface = interface.container();

    let config = Config { pack_target: 1 << 20, compression_level: 1, shared: Sharing::Umask };
    let options =
        OpenOptions { access: Access::ReadWrite, durability: Durability::Full, verify: true, holder: String::new() };
    let dir = lend(&mut store, folder.path());
    let container = interface.call_create(&mut store, dir, config, &options).unwrap().unwrap();
    let id = interface.call_add(&mut store, container, b"some bytes").unwrap().unwrap();
    let job = maintenance.call_pack_loose(&mut store, container, Compression::Always).unwrap().unwrap();
    while !maintenance.job().call_step(&mut store, job).unwrap().unwrap().finished {}
    assert_eq!(interface.call_get(&mut store, container, &id).unwrap().unwrap(), b"some bytes");
    let absent = interface.call_get(&mut store, container, &"0".repeat(64)).unwrap();
    assert!(matches!(absent, Err(Error::NotFound(_))), "{absent:?}");

    // The pack lock is one of the operating system: the host's own API meets it.
    let runtime = loosepack_host::Runtime::new().unwrap();
    let other = runtime.open(folder.path()).unwrap();
    assert_eq!(other.get(&id.parse().unwrap()).unwrap(), b"some bytes");
    let _writer = maintenance.pack_writer().call_open(&mut store, container, Compression::Never).unwrap().unwrap();
    let locked = other.pack_writer(loosepack::Compression::Never).map(drop).unwrap_err();
    assert!(matches!(locked, loosepack_host::Error::Store(loosepack::Error::Locked(_))), "{locked:?}");
}
