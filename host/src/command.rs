//! The command `loosepack`: the command line over containers in the sandbox.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use loosepack::{Config, Job, Options, Result, Store};
use loosepack_cli::{Host, Transfer};

use crate::interrupt::{self, Unfinished};
use crate::{Container, Error, Runtime};

/// Runs the command with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    loosepack_cli::run(&Native::default(), arguments)
}

/// Containers in the sandbox, and what is removed when the process is interrupted.
#[derive(Default)]
struct Native {
    unfinished: Arc<Unfinished>,
    watching: OnceLock<()>,
}

impl Native {
    fn open_by(&self, dir: &Path, open: impl FnOnce(&Runtime) -> crate::Result<Container>) -> Result<Box<dyn Store>> {
        let runtime = Runtime::new()?.remembering(self.unfinished.clone());
        match open(&runtime) {
            Ok(container) => Ok(Box::new(container)),
            Err(Error::Io(error)) => Err(cannot("open", dir, &error)),
            Err(error) => Err(error.into()),
        }
    }
}

impl Host for Native {
    fn open(&self, dir: &Path, options: Options) -> Result<Box<dyn Store>> {
        self.open_by(dir, |runtime| runtime.open_with(dir, options))
    }

    fn open_damaged(&self, dir: &Path, options: Options) -> Result<Box<dyn Store>> {
        self.open_by(dir, |runtime| runtime.open_damaged(dir, options))
    }

    fn create(&self, dir: &Path, config: Config, options: Options) -> Result<Box<dyn Store>> {
        std::fs::create_dir_all(dir).map_err(|error| cannot("create", dir, &error))?;
        self.open_by(dir, |runtime| runtime.create(dir, config, options))
    }

    fn transfer(&self, dir: &Path, options: Options, other: &Path, transfer: &Transfer) -> Result<Box<dyn Job>> {
        let start = |runtime: &Runtime| {
            let container = runtime.open_with(dir, options)?;
            match transfer {
                Transfer::Import(ids) => container.import(other, ids.as_deref()),
                Transfer::Repair => container.repair(other),
                Transfer::Backup(options) => {
                    std::fs::create_dir_all(other)?;
                    container.backup(other, *options)
                }
            }
        };
        let runtime = Runtime::new()?.remembering(self.unfinished.clone());
        match start(&runtime) {
            Ok(job) => Ok(Box::new(job)),
            Err(Error::Io(error)) => Err(cannot("open", other, &error)),
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
