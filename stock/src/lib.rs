//! loosepack's components in a host that gives nothing but WASI, as any other host would run them: for tests and
//! benchmarks.

#![allow(missing_docs, reason = "the generated bindings have none")]

pub mod command;
mod container;
mod convert;

use std::path::Path;

use wasmtime::component::{Component, Linker, Resource, ResourceTable};
use wasmtime::{Config as EngineConfig, Engine, OptLevel, Store as Memory};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use self::bindings::PortablePre;
pub use self::container::Container;
use self::convert::answer;
use loosepack::{Config, Error, Options, Result};

pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "portable",
        with: { "wasi": wasmtime_wasi::p2::bindings::sync },
        ownership: Borrowing { duplicate_if_necessary: false },
        require_store_data_send: true,
    });
}

/// The name by which the component knows the container's directory.
const STORE: &str = "store";

/// The state of a running component.
pub struct Wasi {
    table: ResourceTable,
    wasi: WasiCtx,
}

impl Wasi {
    /// With what a builder grants.
    pub fn new(wasi: &mut WasiCtxBuilder) -> Self {
        Wasi { table: ResourceTable::new(), wasi: wasi.build() }
    }
}

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The portable component, compiled.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    component: PortablePre<Wasi>,
}

impl Runtime {
    /// Compiles the component.
    ///
    /// # Errors
    /// When it is none, or not of the world `portable`.
    pub fn new(component: &[u8]) -> wasmtime::Result<Self> {
        let mut config = EngineConfig::new();
        config.cranelift_opt_level(OptLevel::Speed);
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, component)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let component = PortablePre::new(linker.instantiate_pre(&component)?)?;
        Ok(Runtime { engine, component })
    }

    /// Makes a container in an empty directory.
    ///
    /// # Errors
    /// Those of the store.
    pub fn create(&self, folder: &Path, config: Config, options: &Options) -> Result<Container> {
        self.open_by(folder, |component, memory, dir| {
            let interface = component.loosepack_store_container().container();
            let (config, options) = (convert::config(config), convert::options(options));
            answer(interface.call_create(memory, dir, config, options))
        })
    }

    /// Opens a container.
    ///
    /// # Errors
    /// Those of the store.
    pub fn open(&self, folder: &Path, options: &Options) -> Result<Container> {
        self.open_by(folder, |component, memory, dir| {
            let interface = component.loosepack_store_container().container();
            answer(interface.call_open(memory, dir, convert::options(options)))
        })
    }

    fn open_by(
        &self,
        folder: &Path,
        open: impl FnOnce(
            &bindings::Portable,
            &mut Memory<Wasi>,
            Resource<Descriptor>,
        ) -> Result<wasmtime::component::ResourceAny>,
    ) -> Result<Container> {
        let start = || {
            let mut wasi = WasiCtxBuilder::new();
            wasi.allow_blocking_current_thread(true);
            wasi.preopened_dir(folder, STORE, FsPerms::ReadWrite)?;
            let mut memory = Memory::new(&self.engine, Wasi::new(&mut wasi));
            let component = self.component.instantiate(&mut memory)?;
            let dir = component.loosepack_store_preopens().call_preopened(&mut memory, STORE)?;
            let dir = dir.ok_or_else(|| wasmtime::Error::msg("the component has no directory"))?;
            Ok::<_, wasmtime::Error>((memory, component, dir))
        };
        let (mut memory, component, dir) = start().map_err(|error| Error::Other(format!("{error:#}")))?;
        let handle = open(&component, &mut memory, Resource::new_borrow(dir.rep()))?;
        Ok(Container::new(memory, component, handle))
    }
}
