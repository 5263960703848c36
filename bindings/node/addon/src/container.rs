//! Containers: opening, adding, reading and asking.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use loosepack_host::{Access, Config, Durability, Error, Options, Sharing};
use napi::Env;
use napi::bindgen_prelude::{Array, BufferSlice, ObjectFinalize};
use napi_derive::napi;

use crate::convert::{self, Counts, Info, Pack};
use crate::errors::{self, Result, of};
use crate::reading::{Batch, Reader};
use crate::runtime;
use crate::slots::{Slot, Slots};
use crate::writing::{self, Added, ObjectWriter, PackWriter};

/// How a container is opened.
#[napi(object)]
pub(crate) struct Opening {
    pub read_only: bool,
    pub durable: bool,
    pub verify: bool,
    pub holder: String,
    pub damaged: bool,
}

impl Opening {
    fn options(&self) -> Options {
        Options {
            access: if self.read_only { Access::ReadOnly } else { Access::ReadWrite },
            durability: if self.durable { Durability::Full } else { Durability::None },
            verify: self.verify,
            holder: self.holder.clone(),
            ..Options::default()
        }
    }
}

/// The settings of a container.
#[napi(object)]
pub struct Settings {
    pub pack_target: f64,
    pub compression_level: u8,
    pub shared: bool,
}

/// Opens the container in a directory.
#[napi(catch_unwind)]
pub(crate) fn open(env: &Env, directory: String, opening: Opening) -> Result<Container> {
    let runtime = runtime::get().map_err(of)?;
    let opened = if opening.damaged {
        runtime.open_damaged(&directory, opening.options())
    } else {
        runtime.open_with(&directory, opening.options())
    };
    Ok(Container::new(env, opened.map_err(errors::of_container)?))
}

/// Makes a container in an empty directory, which exists, and opens it.
#[napi(catch_unwind)]
pub(crate) fn create(env: &Env, directory: String, settings: Settings, opening: Opening) -> Result<Container> {
    let config = Config {
        pack_target: convert::whole(settings.pack_target),
        compression_level: settings.compression_level,
        shared: if settings.shared { Sharing::Group } else { Sharing::Umask },
    };
    let runtime = runtime::get().map_err(of)?;
    let created = runtime.create(&directory, config, opening.options());
    Ok(Container::new(env, created.map_err(errors::of_container)?))
}

/// What an open container weighs for the garbage collector of JavaScript, in bytes: its sandbox, and the files that it has
/// open. Containers that nobody refers to any more are collected before there are too many.
const WEIGHT: i64 = 16 << 20;

/// An open container, in a sandbox of its own.
#[napi(custom_finalize)]
pub struct Container {
    container: Slot<loosepack_host::Container>,
    pub(crate) slots: Rc<Slots>,
    /// Whether its weight is counted.
    weighs: Cell<bool>,
}

impl ObjectFinalize for Container {
    fn finalize(self, env: Env) -> napi::Result<()> {
        self.lighten(&env);
        Ok(())
    }
}

impl Container {
    fn new(env: &Env, container: loosepack_host::Container) -> Self {
        let slots = Rc::new(Slots::default());
        let weighs = Cell::new(env.adjust_external_memory(WEIGHT).is_ok());
        Container { container: slots.keep(container), slots, weighs }
    }

    /// Tells that its memory is gone.
    fn lighten(&self, env: &Env) {
        if self.weighs.take() {
            // A count that is wrong costs a collection too many.
            let _ = env.adjust_external_memory(-WEIGHT);
        }
    }

    /// Calls the store. `failed` makes the error of a failure.
    pub(crate) fn call_or<T>(
        &self,
        call: impl FnOnce(&loosepack_host::Container) -> loosepack_host::Result<T>,
        failed: impl FnOnce(Error) -> napi::Error<errors::Failed>,
    ) -> Result<T> {
        self.container.with(|container| call(container).map_err(failed))
    }

    /// Calls the store.
    pub(crate) fn call<T>(
        &self,
        call: impl FnOnce(&loosepack_host::Container) -> loosepack_host::Result<T>,
    ) -> Result<T> {
        self.call_or(call, of)
    }
}

#[napi]
impl Container {
    /// Closes it, and all that was opened in it.
    #[napi(catch_unwind)]
    pub fn close(&self, env: &Env) {
        self.slots.close();
        self.lighten(env);
    }

    #[napi(catch_unwind)]
    pub fn id(&self) -> Result<String> {
        self.call(loosepack_host::Container::id)
    }

    #[napi(catch_unwind)]
    pub fn config(&self) -> Result<Settings> {
        let Config { pack_target, compression_level, shared } = self.call(loosepack_host::Container::config)?;
        let shared = shared == Sharing::Group;
        Ok(Settings { pack_target: pack_target as f64, compression_level, shared })
    }

    #[napi(catch_unwind)]
    pub fn durable(&self) -> Result<bool> {
        Ok(self.call(loosepack_host::Container::durability)? == Durability::Full)
    }

    #[napi(catch_unwind)]
    pub fn add(&self, content: &[u8]) -> Result<String> {
        Ok(self.call(|container| writing::add(container, content))?.to_text())
    }

    /// Adds contents, durable together. Returns their digests.
    #[napi(catch_unwind)]
    pub fn add_many<'env>(&self, env: &'env Env, contents: Array<'_>) -> Result<BufferSlice<'env>> {
        let contents = convert::contents(&contents)?;
        convert::digests(env, &self.call(|container| writing::add_many(container, &contents))?)
    }

    /// Adds files of a directory, durable together. Returns what came of each.
    #[napi(catch_unwind)]
    pub fn add_files(&self, directory: String, names: Array<'_>) -> Result<Vec<Added>> {
        let (directory, names) = (PathBuf::from(directory), convert::elements(&names)?);
        let results = self.call_or(
            |container| container.add_files(&directory, &names),
            |error| errors::of_directory(error, &directory),
        )?;
        Ok(results.into_iter().map(Added::from).collect())
    }

    #[napi(catch_unwind)]
    pub fn writer(&self) -> Result<ObjectWriter> {
        Ok(ObjectWriter(self.slots.keep(self.call(loosepack_host::Container::writer)?)))
    }

    #[napi(catch_unwind)]
    pub fn pack_writer(&self, compression: String) -> Result<PackWriter> {
        let compression = convert::compression(&compression)?;
        Ok(PackWriter(self.slots.keep(self.call(|container| container.pack_writer(compression))?)))
    }

    #[napi(catch_unwind)]
    pub fn get<'env>(&self, env: &'env Env, id: String) -> Result<BufferSlice<'env>> {
        let id = convert::id(&id)?;
        convert::buffer(env, &self.call(|container| container.get(&id))?)
    }

    /// Writes an object to a file of a directory. Returns its size.
    #[napi(catch_unwind)]
    pub fn get_to_file(&self, id: String, directory: String, name: String) -> Result<f64> {
        let (id, directory) = (convert::id(&id)?, PathBuf::from(directory));
        let written = self.call_or(
            |container| container.get_to_file(&id, &directory, &name),
            |error| errors::of_directory(error, &directory),
        )?;
        Ok(written as f64)
    }

    #[napi(catch_unwind)]
    pub fn reader(&self, id: String) -> Result<Reader> {
        let id = convert::id(&id)?;
        Ok(Reader(self.slots.keep(self.call(|container| container.reader(&id))?)))
    }

    #[napi(catch_unwind)]
    pub fn read_many(&self, digests: &[u8]) -> Result<Batch> {
        let ids = convert::ids(digests)?;
        Batch::start(&self.slots, ids, |ids| self.call(|container| container.read_many(ids)))
    }

    #[napi(catch_unwind)]
    pub fn contains(&self, digests: &[u8]) -> Result<Vec<bool>> {
        let ids = convert::ids(digests)?;
        self.call(|container| container.contains(&ids))
    }

    #[napi(catch_unwind)]
    pub fn info(&self, id: String) -> Result<Info> {
        let id = convert::id(&id)?;
        Ok(self.call(|container| container.info(&id))?.into())
    }

    #[napi(catch_unwind)]
    pub fn info_many(&self, digests: &[u8]) -> Result<Vec<Option<Info>>> {
        let ids = convert::ids(digests)?;
        let found = self.call(|container| container.info_many(&ids))?;
        Ok(found.into_iter().map(|info| info.map(Info::from)).collect())
    }

    /// The digests of a page of IDs.
    #[napi(catch_unwind)]
    pub fn objects<'env>(&self, env: &'env Env, after: Option<String>, limit: u32) -> Result<BufferSlice<'env>> {
        let after = after.as_deref().map(convert::id).transpose()?;
        convert::digests(env, &self.call(|container| container.objects(after.as_ref(), limit))?)
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<Counts> {
        Ok(self.call(loosepack_host::Container::stats)?.into())
    }

    #[napi(catch_unwind)]
    pub fn packs(&self) -> Result<Vec<Pack>> {
        Ok(self.call(loosepack_host::Container::packs)?.into_iter().map(Pack::from).collect())
    }

    #[napi(catch_unwind)]
    pub fn unlock(&self) -> Result<Option<String>> {
        self.call(loosepack_host::Container::force_unlock)
    }
}
