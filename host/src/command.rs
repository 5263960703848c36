//! The command `loosepack`: the command line over containers in the sandbox.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use loosepack::{Access, Config, Job, Options, Result, Store};
use loosepack_cli::{Host, Transfer};

use crate::interrupt::{self, Unfinished};
use crate::{Container, Error, Fetch, Runtime};

/// Runs the command with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    loosepack_cli::run(&Native::default(), arguments)
}

/// Containers in the sandbox, and what is removed when the process is interrupted.
#[derive(Default)]
struct Native {
    unfinished: Arc<Unfinished>,
    watching: OnceLock<()>,
    #[cfg(feature = "remote")]
    remotes: loosepack_remote::Remotes,
}

impl Native {
    fn open_by(
        &self,
        dir: &Path,
        options: &Options,
        open: impl FnOnce(&Runtime, &Path) -> crate::Result<Container>,
    ) -> Result<Box<dyn Store>> {
        let place = self.place(dir, options.access)?;
        match open(&self.runtime(&place)?, &place.dir) {
            Ok(container) => Ok(place.store(container)),
            Err(Error::Io(error)) => Err(cannot("open", dir, &error)),
            Err(error) => Err(error.into()),
        }
    }

    fn runtime(&self, place: &Place) -> Result<Runtime> {
        let runtime = Runtime::new()?.remembering(self.unfinished.clone());
        Ok(match &place.fetch {
            Some(fetch) => runtime.fetching(fetch.clone()),
            None => runtime,
        })
    }

    /// Where a container is: in a directory, or, of a URL, in the cache.
    fn place(&self, dir: &Path, _access: Access) -> Result<Place> {
        #[cfg(feature = "remote")]
        if let Some(url) = dir.to_str().filter(|text| loosepack_remote::is_url(text)) {
            if _access == Access::ReadWrite {
                let remedy = "a remote is not written to like this: add to a container here, and `push` it";
                return Err(loosepack::Error::Other(remedy.into()));
            }
            let view = self.remotes.view(url).map_err(|error| loosepack::Error::Other(error.to_string()))?;
            return Ok(Place::of(&view));
        }
        Ok(Place {
            dir: dir.into(),
            fetch: None,
            #[cfg(feature = "remote")]
            fetcher: None,
        })
    }
}

/// Where a container is, and what fills its files.
struct Place {
    dir: PathBuf,
    fetch: Option<Arc<dyn Fetch>>,
    #[cfg(feature = "remote")]
    fetcher: Option<Arc<loosepack_remote::Fetcher>>,
}

impl Place {
    /// A container in it, which is read once more where it is a remote's and seems to be damaged.
    fn store(self, container: Container) -> Box<dyn Store> {
        let store = Box::new(container);
        #[cfg(feature = "remote")]
        if let Some(fetcher) = self.fetcher {
            return Box::new(loosepack_remote::Afresh::new(store, fetcher));
        }
        store
    }
}

#[cfg(feature = "remote")]
impl Place {
    fn of(view: &loosepack_remote::View) -> Self {
        let fetcher = view.fetcher.clone();
        Place { dir: view.dir.clone(), fetch: Some(Arc::new(Fetched(fetcher.clone()))), fetcher: Some(fetcher) }
    }
}

/// Files of a view of a remote.
#[cfg(feature = "remote")]
struct Fetched(Arc<loosepack_remote::Fetcher>);

#[cfg(feature = "remote")]
impl Fetch for Fetched {
    fn read(&self, file: &File, range: Range<u64>) -> io::Result<crate::Held<'_>> {
        Ok(Box::new(self.0.read(file, range)?))
    }

    fn prefetch(&self, file: &File, ranges: &[Range<u64>]) {
        self.0.prefetch(file, ranges);
    }
}

impl Host for Native {
    fn open(&self, dir: &Path, options: Options) -> Result<Box<dyn Store>> {
        self.open_by(dir, &options.clone(), |runtime, dir| runtime.open_with(dir, options))
    }

    fn open_damaged(&self, dir: &Path, options: Options) -> Result<Box<dyn Store>> {
        self.open_by(dir, &options.clone(), |runtime, dir| runtime.open_damaged(dir, options))
    }

    fn create(&self, dir: &Path, config: Config, options: Options) -> Result<Box<dyn Store>> {
        // A URL is refused before it becomes a directory.
        let place = self.place(dir, Access::ReadWrite)?;
        std::fs::create_dir_all(&place.dir).map_err(|error| cannot("create", dir, &error))?;
        self.open_by(dir, &options.clone(), |runtime, dir| runtime.create(dir, config, options))
    }

    fn transfer(&self, dir: &Path, options: Options, other: &Path, transfer: &Transfer) -> Result<Box<dyn Job>> {
        let here = self.place(dir, options.access)?;
        let access = if matches!(transfer, Transfer::Backup(_)) { Access::ReadWrite } else { Access::ReadOnly };
        let there = self.place(other, access)?;
        let start = |runtime: &Runtime| {
            let container = runtime.open_with(&here.dir, options)?;
            match transfer {
                Transfer::Import(ids) => container.import(&there.dir, ids.as_deref()),
                Transfer::Repair => container.repair(&there.dir),
                Transfer::Backup(options) => {
                    std::fs::create_dir_all(&there.dir)?;
                    container.backup(&there.dir, *options)
                }
            }
        };
        // At most one of them is a remote: one of them is written to.
        match start(&self.runtime(if there.fetch.is_some() { &there } else { &here })?) {
            Ok(job) => Ok(Box::new(job)),
            Err(Error::Io(error)) => Err(cannot("open", other, &error)),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(feature = "remote")]
    fn remotes(&self) -> &loosepack_remote::Remotes {
        &self.remotes
    }

    #[cfg(feature = "remote")]
    fn open_view(&self, view: &loosepack_remote::View, options: Options) -> Result<Box<dyn Store>> {
        let place = Place::of(view);
        match self.runtime(&place)?.open_with(&place.dir, options) {
            Ok(container) => Ok(place.store(container)),
            Err(error) => Err(error.into()),
        }
    }

    fn holder(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        match host.trim() {
            "" => format!("process {}", std::process::id()),
            host => format!("process {} on {host}", std::process::id()),
        }
    }

    fn writes(&self) -> io::Result<()> {
        if self.watching.set(()).is_ok() {
            interrupt::watch(&self.unfinished)?;
        }
        Ok(())
    }

    fn make(&self, path: &Path, create: &mut dyn FnMut() -> io::Result<File>) -> io::Result<File> {
        self.unfinished.make(path.into(), create)
    }

    fn made(&self, path: &Path) {
        self.unfinished.done(path);
    }
}

fn cannot(operation: &'static str, dir: &Path, error: &io::Error) -> loosepack::Error {
    loosepack::io::cannot(operation, &dir.display().to_string(), error)
}
