//! The portable component in wasmtime, given WASI and nothing else: what any other WASI host would run.

use std::path::{Path, PathBuf};

use loosepack::{Compression, Config, Durability, ObjectId};
use wasmtime::component::{Component, Linker, Resource, ResourceAny, ResourceTable};
use wasmtime::{Config as EngineConfig, Engine, OptLevel, Store as Memory};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use xtask::components;
use xtask::{wasm_target, workspace};

use self::bindings::PortablePre;
use self::bindings::exports::loosepack::store::{container, packing, types};
use super::{CHUNK, Store, Way};
use crate::Result;
use crate::side::{Tally, ensure};

#[allow(missing_docs, unreachable_pub, reason = "generated code")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "portable",
        with: { "wasi": wasmtime_wasi::p2::bindings::sync },
        require_store_data_send: true,
    });
}

/// The names by which the component knows its directories.
const STORE: &str = "store";
const INPUTS: &str = "inputs";

/// What is asked for at once of a reader.
const PIECE: u64 = 256 << 10;

/// The component, compiled.
#[derive(Clone)]
pub(super) struct Runtime {
    engine: Engine,
    component: PortablePre<Wasi>,
}

pub(super) struct Wasi {
    table: ResourceTable,
    wasi: WasiCtx,
}

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Runtime {
    /// Build and compile it.
    pub(super) fn new() -> Result<Self> {
        wasm_target::ensure()?;
        // The store too, and last: the host's build asks for it next, and both have one place in cargo's folder.
        let built =
            components::build(&[components::Component::Portable, components::Component::Store], &workspace::dist())?;
        let mut config = EngineConfig::new();
        config.cranelift_opt_level(OptLevel::Speed);
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, &built[0])?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let component = PortablePre::new(linker.instantiate_pre(&component)?)?;
        Ok(Runtime { engine, component })
    }
}

pub(super) struct Portable {
    pub(super) runtime: Runtime,
    pub(super) inputs: PathBuf,
}

impl Portable {
    fn start(&self, folder: &Path) -> Result<(Memory<Wasi>, bindings::Portable, Resource<Descriptor>)> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.allow_blocking_current_thread(true);
        wasi.preopened_dir(folder, STORE, FsPerms::ReadWrite)?;
        wasi.preopened_dir(&self.inputs, INPUTS, FsPerms::ReadOnly)?;
        let mut memory = Memory::new(&self.runtime.engine, Wasi { table: ResourceTable::new(), wasi: wasi.build() });
        let component = self.runtime.component.instantiate(&mut memory)?;
        let dir = place(&component, &mut memory, STORE)?;
        Ok((memory, component, dir))
    }
}

fn place(component: &bindings::Portable, memory: &mut Memory<Wasi>, name: &str) -> Result<Resource<Descriptor>> {
    let found = component.loosepack_store_places().call_preopened(memory, name)?;
    found.ok_or_else(|| format!("the component has no directory {name}").into())
}

fn options(durability: Durability) -> types::OpenOptions {
    types::OpenOptions {
        access: types::Access::ReadWrite,
        durability: match durability {
            Durability::Full => types::Durability::Full,
            Durability::None => types::Durability::None,
        },
        verify: true,
        holder: String::new(),
    }
}

impl Way for Portable {
    fn create(&self, folder: &Path) -> Result<()> {
        let (mut memory, component, dir) = self.start(folder)?;
        let Config { pack_target, compression_level } = Config::default();
        let config = types::Config { pack_target, compression_level };
        let interface = component.loosepack_store_container().container();
        interface.call_create(&mut memory, Resource::new_borrow(dir.rep()), config, &options(Durability::Full))??;
        Ok(())
    }

    fn open(&self, folder: &Path, durability: Durability) -> Result<Box<dyn Store>> {
        let (mut memory, component, dir) = self.start(folder)?;
        let interface = component.loosepack_store_container().container();
        let handle = interface.call_open(&mut memory, Resource::new_borrow(dir.rep()), &options(durability))??;
        let inputs = place(&component, &mut memory, INPUTS)?;
        Ok(Box::new(PortableStore { memory, component, handle, inputs }))
    }
}

struct PortableStore {
    memory: Memory<Wasi>,
    component: bindings::Portable,
    handle: ResourceAny,
    inputs: Resource<Descriptor>,
}

impl PortableStore {
    fn container(&mut self) -> (container::GuestContainer<'_>, &mut Memory<Wasi>, ResourceAny) {
        (self.component.loosepack_store_container().container(), &mut self.memory, self.handle)
    }

    /// Open a pack writer, use it, finish it.
    fn pack_with(
        &mut self,
        compression: Compression,
        run: impl FnOnce(&mut Self, ResourceAny) -> Result<Vec<ObjectId>>,
    ) -> Result<Vec<ObjectId>> {
        let compression = match compression {
            Compression::Never => types::Compression::Never,
            Compression::Always => types::Compression::Always,
            Compression::Auto => types::Compression::Auto,
        };
        let writer = self.component.loosepack_store_packing().pack_writer();
        let handle = writer.call_open(&mut self.memory, self.handle, compression)??;
        let ids = run(self, handle)?;
        self.component.loosepack_store_packing().pack_writer().call_finish(&mut self.memory, handle)??;
        Ok(ids)
    }

    fn finish(&mut self, job: ResourceAny) -> Result<u64> {
        loop {
            let progress: packing::Progress =
                self.component.loosepack_store_packing().job().call_step(&mut self.memory, job)??;
            ensure(progress.problems.is_empty(), "an object is damaged")?;
            if progress.finished {
                job.resource_drop(&mut self.memory)?;
                return Ok(progress.objects);
            }
        }
    }
}

impl Store for PortableStore {
    fn add(&mut self, content: &[u8]) -> Result<ObjectId> {
        let (interface, memory, this) = self.container();
        Ok(interface.call_add(memory, this, content)??.parse()?)
    }

    fn add_many(&mut self, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>> {
        let (interface, memory, this) = self.container();
        interface.call_add_many(memory, this, contents)??.iter().map(|id| Ok(id.parse()?)).collect()
    }

    fn pack(&mut self, contents: &[Vec<u8>], compression: Compression) -> Result<Vec<ObjectId>> {
        self.pack_with(compression, |store, handle| {
            let mut ids = Vec::with_capacity(contents.len());
            for some in contents.chunks(CHUNK) {
                let writer = store.component.loosepack_store_packing().pack_writer();
                for id in writer.call_add_many(&mut store.memory, handle, some)?? {
                    ids.push(id.parse()?);
                }
            }
            Ok(ids)
        })
    }

    fn pack_files(&mut self, paths: &[String], compression: Compression) -> Result<Vec<ObjectId>> {
        self.pack_with(compression, |store, handle| {
            let mut ids = Vec::with_capacity(paths.len());
            for some in paths.chunks(CHUNK) {
                let sources = store.component.loosepack_store_sources().lazy_stream();
                let inputs = Resource::new_borrow(store.inputs.rep());
                let streams = sources.call_from_files(&mut store.memory, inputs, some)??;
                let writer = store.component.loosepack_store_packing().pack_writer();
                for added in writer.call_add_streams(&mut store.memory, handle, &streams)?? {
                    ids.push(added?.parse()?);
                }
            }
            Ok(ids)
        })
    }

    fn get(&mut self, id: &ObjectId) -> Result<Vec<u8>> {
        let (interface, memory, this) = self.container();
        Ok(interface.call_get(memory, this, &id.to_string())??)
    }

    fn read_many(&mut self, ids: &[ObjectId]) -> Result<Tally> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let (interface, memory, this) = self.container();
        let batch = interface.call_read_many(memory, this, &ids)??;
        let mut tally = Tally::default();
        loop {
            let interface = self.component.loosepack_store_container().object_batch();
            let items = interface.call_next(&mut self.memory, batch)??;
            if items.is_empty() {
                batch.resource_drop(&mut self.memory)?;
                return Ok(tally);
            }
            for item in items {
                match item.content {
                    container::Content::Bytes(bytes) => tally.count(bytes.len() as u64),
                    _ => return Err(format!("object {} did not come", item.position).into()),
                }
            }
        }
    }

    fn read_through(&mut self, id: &ObjectId) -> Result<u64> {
        let (interface, memory, this) = self.container();
        let reader = interface.call_reader(memory, this, &id.to_string())??;
        let mut size = 0;
        loop {
            let interface = self.component.loosepack_store_container().object_reader();
            match interface.call_read(&mut self.memory, reader, PIECE)??.len() {
                0 => break,
                len => size += len as u64,
            }
        }
        reader.resource_drop(&mut self.memory)?;
        Ok(size)
    }

    fn contains(&mut self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let (interface, memory, this) = self.container();
        Ok(interface.call_contains(memory, this, &ids)??)
    }

    fn size(&mut self, id: &ObjectId) -> Result<u64> {
        let (interface, memory, this) = self.container();
        Ok(interface.call_info(memory, this, &id.to_string())??.size)
    }

    fn pack_loose(&mut self) -> Result<u64> {
        let interface = self.component.loosepack_store_packing();
        let job = interface.call_pack_loose(&mut self.memory, self.handle, types::Compression::Never)??;
        self.finish(job)
    }

    fn clean(&mut self) -> Result<u64> {
        let interface = self.component.loosepack_store_packing();
        let job = interface.call_clean(&mut self.memory, self.handle)??;
        self.finish(job)
    }

    fn verify(&mut self) -> Result<u64> {
        let interface = self.component.loosepack_store_packing();
        let all = packing::Part { from: 0, shards: 1, shard: 0 };
        let job = interface.call_verify(&mut self.memory, self.handle, all)??;
        self.finish(job)
    }
}
