//! A container in the portable component.

use std::sync::{Mutex, MutexGuard, PoisonError};

use loosepack::source::Source;
use loosepack::store::{Adder, Block, ReadMany, Reader};
use loosepack::{
    Compression, Config, Durability, Error, GcOptions, Job, ObjectId, ObjectInfo, PackInfo, PackedObject, Part,
    Progress, RepackOptions, Result, Stats, Store,
};
use loosepack_host::streams::{Failure, SourceStream};
use wasmtime::Store as Memory;
use wasmtime::component::ResourceAny;
use wasmtime_wasi::WasiView as _;

use crate::Wasi;
use crate::bindings::exports::loosepack::store::maintenance;
use crate::bindings::exports::loosepack::store::store_types::Error as WitError;
use crate::bindings::{self};
use crate::convert::{self, answer, ids};

type Answer<T> = wasmtime::Result<Result<T, WitError>>;

/// Bytes requested from a reader at once.
const PIECE: usize = 256 << 10;

/// A container, and the component that it is open in.
pub struct Container {
    running: Mutex<Running>,
    handle: ResourceAny,
}

struct Running {
    memory: Memory<Wasi>,
    component: bindings::Portable,
}

impl Container {
    pub(crate) fn new(memory: Memory<Wasi>, component: bindings::Portable, handle: ResourceAny) -> Self {
        Container { running: Mutex::new(Running { memory, component }), handle }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(
        &self,
        call: impl FnOnce(&bindings::Portable, &mut Memory<Wasi>, ResourceAny) -> Answer<T>,
    ) -> Result<T> {
        let Running { memory, component } = &mut *self.running();
        answer(call(component, memory, self.handle))
    }

    fn keep(&self, resource: ResourceAny) -> Kept<'_> {
        Kept { container: self, resource: Some(resource) }
    }

    fn job(
        &self,
        start: impl FnOnce(&maintenance::Guest, &mut Memory<Wasi>, ResourceAny) -> Answer<ResourceAny>,
    ) -> Result<Box<dyn Job + '_>> {
        let started =
            self.call(|component, memory, this| start(component.loosepack_store_maintenance(), memory, this))?;
        Ok(Box::new(self.keep(started)))
    }
}

/// A handle in the component, given back when it is dropped.
struct Kept<'a> {
    container: &'a Container,
    resource: Option<ResourceAny>,
}

impl Kept<'_> {
    fn call<T>(
        &self,
        call: impl FnOnce(&bindings::Portable, &mut Memory<Wasi>, ResourceAny) -> Answer<T>,
    ) -> Result<T> {
        let resource = self.resource.ok_or(Error::WriterFailed)?;
        self.container.call(|component, memory, _| call(component, memory, resource))
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if let Some(resource) = self.resource {
            // One that was stopped takes nothing back.
            let _ = resource.resource_drop(&mut self.container.running().memory);
        }
    }
}

impl Store for Container {
    fn id(&self) -> Result<String> {
        self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_id(memory, this).map(Ok)
        })
    }

    fn config(&self) -> Result<Config> {
        let config = self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_config(memory, this).map(Ok)
        })?;
        Ok(convert::config_of(config))
    }

    fn durability(&self) -> Result<Durability> {
        use crate::bindings::exports::loosepack::store::store_types::Durability as Wit;
        let durability = self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_durability(memory, this).map(Ok)
        })?;
        Ok(if durability == Wit::Full { Durability::Full } else { Durability::None })
    }

    fn add(&self, content: &[u8]) -> Result<ObjectId> {
        let added = self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_add(memory, this, content)
        })?;
        Ok(added.parse()?)
    }

    fn batch(&self) -> Result<Box<dyn Adder + '_>> {
        Ok(Box::new(Loose(self)))
    }

    fn pack_writer(&self, compression: Compression) -> Result<Box<dyn Adder + '_>> {
        let compression = convert::compression(compression);
        let opened = self.call(|component, memory, this| {
            component.loosepack_store_maintenance().pack_writer().call_open(memory, this, compression)
        })?;
        Ok(Box::new(Packs(self.keep(opened))))
    }

    fn get(&self, id: &ObjectId) -> Result<Vec<u8>> {
        let id = id.to_text();
        self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_get(memory, this, &id)
        })
    }

    fn reader(&self, id: &ObjectId) -> Result<Box<dyn Reader + '_>> {
        let id = id.to_text();
        let opened = self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_reader(memory, this, &id)
        })?;
        Ok(Box::new(self.keep(opened)))
    }

    fn read_many(&self, ids: Vec<ObjectId>) -> Result<Box<dyn ReadMany + '_>> {
        let bytes = ObjectId::many_to_bytes(&ids);
        let opened = self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_read_many(memory, this, &bytes)
        })?;
        Ok(Box::new(self.keep(opened)))
    }

    fn contains(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let bytes = ObjectId::many_to_bytes(ids);
        self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_contains(memory, this, &bytes)
        })
    }

    fn info_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<ObjectInfo>>> {
        let bytes = ObjectId::many_to_bytes(ids);
        let infos = self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_info_many(memory, this, &bytes)
        })?;
        Ok(infos.iter().map(|info| info.as_ref().map(convert::info)).collect())
    }

    fn objects(&self, after: Option<&ObjectId>, limit: u32) -> Result<Vec<ObjectId>> {
        let after = after.map(ObjectId::to_text);
        ids(&self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_objects(memory, this, after.as_ref(), limit)
        })?)
    }

    fn stats(&self) -> Result<Stats> {
        Ok(convert::stats(self.call(|component, memory, this| {
            component.loosepack_store_container().container().call_stats(memory, this)
        })?))
    }

    fn pack_loose(&self, compression: Compression) -> Result<Box<dyn Job + '_>> {
        self.job(|interface, memory, this| interface.call_pack_loose(memory, this, convert::compression(compression)))
    }

    fn pack_and_clean(&self, compression: Compression) -> Result<Box<dyn Job + '_>> {
        let compression = convert::compression(compression);
        self.job(|interface, memory, this| interface.call_pack_and_clean(memory, this, compression))
    }

    fn clean(&self) -> Result<Box<dyn Job + '_>> {
        self.job(|interface, memory, this| interface.call_clean(memory, this))
    }

    fn delete(&self, ids: Vec<ObjectId>) -> Result<Box<dyn Job + '_>> {
        let ids = ObjectId::many_to_bytes(&ids);
        self.job(|interface, memory, this| interface.call_delete(memory, this, &ids))
    }

    fn gc(&self, keep: Vec<ObjectId>, options: GcOptions) -> Result<Box<dyn Job + '_>> {
        let list = self.call(|component, memory, _| {
            let interface = component.loosepack_store_maintenance().keep_list();
            let list = interface.call_constructor(&mut *memory)?;
            let added = interface.call_add(&mut *memory, list, &ObjectId::many_to_bytes(&keep))?;
            Ok(added.map(|()| list))
        })?;
        let grace = u64::try_from(options.grace.as_nanos()).unwrap_or(u64::MAX);
        let options = maintenance::GcOptions { grace, dry_run: options.dry_run };
        self.job(|interface, memory, this| interface.call_gc(memory, this, list, options))
    }

    fn packs(&self) -> Result<Vec<PackInfo>> {
        let packs =
            self.call(|component, memory, this| component.loosepack_store_maintenance().call_packs(memory, this))?;
        let info = |maintenance::PackInfo { number, size, objects, live }| PackInfo { number, size, objects, live };
        Ok(packs.into_iter().map(info).collect())
    }

    fn repack(&self, options: RepackOptions) -> Result<Box<dyn Job + '_>> {
        let RepackOptions { min_dead, compression, level, dry_run } = options;
        let compression = compression.map(convert::compression);
        let options = maintenance::RepackOptions { min_dead, compression, level, dry_run };
        self.job(|interface, memory, this| interface.call_repack(memory, this, options))
    }

    fn verify(&self, Part { completed, shard, shards }: Part) -> Result<Box<dyn Job + '_>> {
        let part = maintenance::Part { completed, shard, shards };
        self.job(|interface, memory, this| interface.call_verify(memory, this, part))
    }

    fn reindex(&self) -> Result<Box<dyn Job + '_>> {
        self.job(|interface, memory, this| interface.call_reindex(memory, this))
    }

    fn fold(&self) -> Result<Box<dyn Job + '_>> {
        self.job(|interface, memory, this| interface.call_fold(memory, this))
    }

    fn force_unlock(&self) -> Result<Option<String>> {
        self.call(|component, memory, this| component.loosepack_store_maintenance().call_force_unlock(memory, this))
    }
}

/// Adds loose objects: each call makes durable what it adds.
struct Loose<'a>(&'a Container);

impl Adder for Loose<'_> {
    fn add_many(&mut self, contents: &[&[u8]]) -> Result<Vec<ObjectId>> {
        ids(&self.0.call(|component, memory, this| {
            component.loosepack_store_container().container().call_add_many(memory, this, contents)
        })?)
    }

    fn add_source(&mut self, mut source: Box<dyn Source + Send>) -> Result<ObjectId> {
        let opened = self.0.call(|component, memory, this| {
            component.loosepack_store_container().container().call_writer(memory, this)
        })?;
        let mut writer = self.0.keep(opened);
        let mut buffer = vec![0; PIECE];
        loop {
            let read = source.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            writer.call(|component, memory, this| {
                component.loosepack_store_container().object_writer().call_write(memory, this, &buffer[..read])
            })?;
        }
        let this = writer.resource.take().ok_or(Error::WriterFailed)?;
        let added = self.0.call(|component, memory, _| {
            component.loosepack_store_container().object_writer().call_finish(memory, this)
        })?;
        Ok(added.parse()?)
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Writes objects straight to packs.
struct Packs<'a>(Kept<'a>);

impl Adder for Packs<'_> {
    fn add_many(&mut self, contents: &[&[u8]]) -> Result<Vec<ObjectId>> {
        ids(&self.0.call(|component, memory, this| {
            component.loosepack_store_maintenance().pack_writer().call_add_many(memory, this, contents)
        })?)
    }

    fn add_packed_many(&mut self, objects: &[PackedObject<'_>]) -> Result<Vec<bool>> {
        let ids: Vec<ObjectId> = objects.iter().map(|object| object.id).collect();
        let ids = ObjectId::many_to_bytes(&ids);
        let objects = objects.iter();
        let objects = objects.map(|object| maintenance::PackedObject { size: object.size, payload: object.payload });
        let objects: Vec<_> = objects.collect();
        self.0.call(|component, memory, this| {
            component.loosepack_store_maintenance().pack_writer().call_add_packed_many(memory, this, &ids, &objects)
        })
    }

    fn add_source(&mut self, source: Box<dyn Source + Send>) -> Result<ObjectId> {
        let added = self.0.call(|component, memory, this| {
            let stream = memory.data_mut().ctx().table.push(SourceStream::boxed(source, Failure::default()))?;
            let stream = component.loosepack_store_sources().lazy_stream().call_from_stream(&mut *memory, stream)?;
            component.loosepack_store_maintenance().pack_writer().call_add_streams(memory, this, &[stream])
        })?;
        let added = added.into_iter().next().ok_or_else(|| Error::Other("the component returned no result".into()))?;
        Ok(added.map_err(convert::error)?.parse()?)
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.0.call(|component, memory, this| {
            component.loosepack_store_maintenance().pack_writer().call_commit(memory, this)
        })
    }
}

impl Reader for Kept<'_> {
    fn size(&self) -> u64 {
        let size = self.call(|component, memory, this| {
            component.loosepack_store_container().object_reader().call_size(memory, this).map(Ok)
        });
        size.unwrap_or(0)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let bytes = self.call(|component, memory, this| {
            component.loosepack_store_container().object_reader().call_read(memory, this, buffer.len() as u64)
        })?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.call(|component, memory, this| {
            component.loosepack_store_container().object_reader().call_seek(memory, this, position)
        })
    }
}

impl ReadMany for Kept<'_> {
    fn next_block(&mut self) -> Result<Block> {
        let block = self.call(|component, memory, this| {
            component.loosepack_store_container().object_batch().call_next(memory, this)
        })?;
        Ok(convert::block(block))
    }
}

impl Job for Kept<'_> {
    fn step(&mut self) -> Result<Progress> {
        let stepped =
            self.call(|component, memory, this| component.loosepack_store_maintenance().job().call_step(memory, this))?;
        Ok(convert::progress(stepped))
    }
}
