//! Making the component ready, and opening containers with it.

use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::{Linker, Resource, ResourceAny};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::bindings::exports::loosepack::store::container::GuestContainer;
use crate::bindings::exports::loosepack::store::types::{Error as WitError, OpenOptions};
use crate::bindings::loosepack::store::{flushing, locking};
use crate::bindings::{self, StorePre};
use crate::container::Container;
use crate::embedded::STORE;
use crate::error::Result;
use crate::grants::Grants;
use crate::state::{self, State};
use crate::{Access, Config, Options, codec, convert, engine, files};

/// What a component runs in.
type Store = wasmtime::Store<State>;
/// The answer of a function that opens a container.
type Opened = wasmtime::Result<std::result::Result<ResourceAny, WitError>>;

/// The component, ready to run. Making one takes about a millisecond, opening a container with it much less; share one
/// among all threads.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    component: StorePre<State>,
}

impl Runtime {
    /// Make the component ready.
    ///
    /// # Errors
    /// [`Error::Runtime`](crate::Error::Runtime) on a system that wasmtime does not support.
    pub fn new() -> Result<Self> {
        let engine = engine::new()?;
        let component = STORE.load(&engine)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        locking::add_to_linker::<_, wasmtime::component::HasSelf<State>>(&mut linker, |state| state)?;
        flushing::add_to_linker::<_, wasmtime::component::HasSelf<State>>(&mut linker, |state| state)?;
        codec::add_to_linker(&mut linker)?;
        files::add_to_linker(&mut linker)?;
        let component = StorePre::new(linker.instantiate_pre(&component)?)?;
        Ok(Runtime { engine, component })
    }

    /// Make a container in an empty directory, which must exist, and open it.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`](loosepack::Error::AlreadyExists) when the directory holds anything; those of opening
    /// the directory.
    pub fn create(&self, path: impl AsRef<Path>, config: Config, options: Options) -> Result<Container> {
        let (mut store, component) = self.instantiate()?;
        let dir = state::lend_dir(&mut store, path.as_ref(), perms(&options))?;
        let (config, options) = (convert::config(config), convert::open_options(&options));
        let interface = component.loosepack_store_container().container();
        let handle = convert::answer(interface.call_create(&mut store, dir.borrow(), config, &options))?;
        dir.take_back(&mut store)?;
        Ok(Container::new(store, component, handle))
    }

    /// Open the container in a directory with the default options.
    ///
    /// # Errors
    /// Those of [`Runtime::open_with`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Container> {
        self.open_with(path, Options::default())
    }

    /// Open the container in a directory.
    ///
    /// # Errors
    /// [`StoreError::NoContainer`](loosepack::Error::NoContainer) and its like; those of opening the directory.
    pub fn open_with(&self, path: impl AsRef<Path>, options: Options) -> Result<Container> {
        self.open_by(path.as_ref(), &options, |interface, store, dir, options| interface.call_open(store, dir, options))
    }

    /// Open a container whose index may be damaged or gone, to [`verify`](Container::verify) or
    /// [`reindex`](Container::reindex) it. Whatever else needs the index fails as long as that does not open.
    ///
    /// # Errors
    /// Those of [`Runtime::open_with`], except for damage to the index.
    pub fn open_damaged(&self, path: impl AsRef<Path>, options: Options) -> Result<Container> {
        self.open_by(path.as_ref(), &options, |interface, store, dir, options| {
            interface.call_open_damaged(store, dir, options)
        })
    }

    fn open_by(
        &self,
        path: &Path,
        options: &Options,
        open: impl FnOnce(GuestContainer<'_>, &mut Store, Resource<Descriptor>, &OpenOptions) -> Opened,
    ) -> Result<Container> {
        let (mut store, component) = self.instantiate()?;
        let dir = state::lend_dir(&mut store, path, perms(options))?;
        let interface = component.loosepack_store_container().container();
        let handle = convert::answer(open(interface, &mut store, dir.borrow(), &convert::open_options(options)))?;
        dir.take_back(&mut store)?;
        Ok(Container::new(store, component, handle))
    }

    fn instantiate(&self) -> Result<(Store, bindings::Store)> {
        let mut store = State::store(&self.engine, &mut WasiCtxBuilder::new(), Grants::default());
        let component = self.component.instantiate(&mut store)?;
        Ok((store, component))
    }
}

/// A handle for reading only is not trusted to keep to it.
fn perms(options: &Options) -> FsPerms {
    match options.access {
        Access::ReadOnly => FsPerms::ReadOnly,
        Access::ReadWrite => FsPerms::ReadWrite,
    }
}
