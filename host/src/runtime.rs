//! Making the component ready, and opening containers with it.

use std::path::Path;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Linker, Resource, ResourceAny};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::Descriptor;

use crate::bindings::exports::loosepack::store::container::GuestContainer;
use crate::bindings::exports::loosepack::store::store_types::{Error as WitError, OpenOptions};
use crate::bindings::{self, StorePre};
use crate::container::Container;
use crate::error::Result;
use crate::fetching::Fetch;
use crate::instance::Instance;
use crate::interrupt::Unfinished;
use crate::limits::Limits;
use crate::state::{self, Guest, State};
use crate::{Access, Config, Options, convert, embedded, linker};

/// The memory and state of a running component.
type Store = wasmtime::Store<State>;
/// The answer of a function that opens a container.
type Opened = wasmtime::Result<std::result::Result<ResourceAny, WitError>>;

/// The component, ready to run. Making one takes about a millisecond, opening a container with it much less; share one
/// among all threads.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path();
/// let runtime = loosepack_host::Runtime::new()?;
/// runtime.create(path, Default::default(), Default::default())?;
/// assert_eq!(runtime.open(path)?.stats()?.loose_objects, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    component: StorePre<State>,
    limits: Limits,
    /// Where unfinished files of containers are remembered, if they are.
    unfinished: Option<Arc<Unfinished>>,
    /// Who fetches the bytes of files, if they are not there.
    fetch: Option<Arc<dyn Fetch>>,
}

impl Runtime {
    /// Makes the component ready, with the default limits.
    ///
    /// # Errors
    /// [`Error::Runtime`](crate::Error::Runtime) on a system that wasmtime does not support.
    pub fn new() -> Result<Self> {
        Self::with_limits(Limits::default())
    }

    /// Prepares the component. Each handle gets these limits.
    ///
    /// # Errors
    /// Those of [`Runtime::new`]; [`Error::Io`](crate::Error::Io) when no thread can be started for the clock.
    pub fn with_limits(limits: Limits) -> Result<Self> {
        let (engine, component) = embedded::load(limits.call.is_some())?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        linker::add(&mut linker, State::unfinished_file, State::fetch)?;
        let component = StorePre::new(linker.instantiate_pre(&component)?)?;
        limits.start_clock(&engine)?;
        Ok(Runtime { engine, component, limits, unfinished: None, fetch: None })
    }

    /// Returns the same runtime, whose containers lie in directories in which bytes of files may have to be fetched
    /// before they are read.
    ///
    /// ```
    /// use std::fs::File;
    /// use std::ops::Range;
    /// use std::sync::Arc;
    ///
    /// struct Remote;
    ///
    /// impl loosepack_host::Fetch for Remote {
    ///     fn read(&self, file: &File, range: Range<u64>) -> std::io::Result<loosepack_host::Held<'_>> {
    ///         // Of a file of the cache: ask for what is missing of the range, and write it there.
    ///         Ok(Box::new(()))
    ///     }
    ///
    ///     fn prefetch(&self, file: &File, ranges: &[Range<u64>]) {}
    /// }
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let cache = folder.path();
    /// let runtime = loosepack_host::Runtime::new()?.fetching(Arc::new(Remote));
    /// # runtime.create(cache, Default::default(), Default::default())?;
    /// let store = runtime.open(cache)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fetching(self, fetch: Arc<dyn Fetch>) -> Self {
        Runtime { fetch: Some(fetch), ..self }
    }

    /// Makes a container in an empty directory, which must exist, and opens it.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`](loosepack::Error::AlreadyExists) when the directory holds anything; those of
    /// opening the directory.
    pub fn create(&self, path: impl AsRef<Path>, config: Config, options: Options) -> Result<Container> {
        let (mut guest, component) = self.instantiate(path.as_ref(), &options)?;
        let dir = state::lend_dir(&mut guest, path.as_ref(), perms(&options))?;
        let (config, options) = (convert::config(config), convert::open_options(&options));
        let interface = component.loosepack_store_container().container();
        let handle = convert::answer(Ok(interface.call_create(guest.call(), dir.borrow(), config, options)?))?;
        dir.take_back(&mut guest)?;
        Ok(Container::new(Instance::new(guest, component).keep(handle)))
    }

    /// Opens the container in a directory with the default options.
    ///
    /// # Errors
    /// Those of [`Runtime::open_with`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Container> {
        self.open_with(path, Options::default())
    }

    /// Opens the container in a directory.
    ///
    /// # Errors
    /// [`StoreError::NoContainer`](loosepack::Error::NoContainer) and its like; those of opening the directory.
    pub fn open_with(&self, path: impl AsRef<Path>, options: Options) -> Result<Container> {
        self.open_by(path.as_ref(), &options, |interface, store, dir, options| interface.call_open(store, dir, options))
    }

    /// Opens a container whose index may be damaged or gone, to [`verify`](Container::verify) or
    /// [`reindex`](Container::reindex) it. All other operations that need the index fail until it has been rebuilt.
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
        open: impl FnOnce(GuestContainer<'_>, &mut Store, Resource<Descriptor>, OpenOptions<'_>) -> Opened,
    ) -> Result<Container> {
        let (mut guest, component) = self.instantiate(path, options)?;
        let dir = state::lend_dir(&mut guest, path, perms(options))?;
        let interface = component.loosepack_store_container().container();
        let handle = convert::answer(Ok(open(interface, guest.call(), dir.borrow(), convert::open_options(options))?))?;
        dir.take_back(&mut guest)?;
        Ok(Container::new(Instance::new(guest, component).keep(handle)))
    }

    fn instantiate(&self, path: &Path, options: &Options) -> Result<(Guest, bindings::Store)> {
        let unfinished = self.unfinished.clone().filter(|_| options.access == Access::ReadWrite);
        let unfinished = unfinished.map(|unfinished| (path.to_path_buf(), unfinished));
        let mut guest = Guest::new(&self.engine, &self.limits, unfinished, self.fetch.clone());
        let component = self.component.instantiate(guest.call())?;
        Ok((guest, component))
    }

    /// Returns the same runtime, which remembers the unfinished files of its containers.
    pub(crate) fn remembering(self, unfinished: Arc<Unfinished>) -> Self {
        Runtime { unfinished: Some(unfinished), ..self }
    }
}

/// A handle for reading only is not trusted to keep to it.
fn perms(options: &Options) -> FsPerms {
    match options.access {
        Access::ReadOnly => FsPerms::ReadOnly,
        Access::ReadWrite => FsPerms::ReadWrite,
    }
}
