//! The ways of reaching a container.

use std::path::Path;

use loosepack::dir::cap::CapDir;
use loosepack::{Config, Container, Durability, Options, Store};

use crate::Result;

/// A way of reaching loosepack.
pub(crate) trait Way {
    /// Makes a container in an empty folder.
    fn create(&self, folder: &Path) -> Result<()>;

    /// Opens it.
    fn open(&self, folder: &Path, durability: Durability) -> Result<Box<dyn Store>>;
}

/// The crate `loosepack` without a sandbox.
pub(super) struct Native;

impl Way for Native {
    fn create(&self, folder: &Path) -> Result<()> {
        Container::create(CapDir::open(folder)?, Config::default(), Options::default())?;
        Ok(())
    }

    fn open(&self, folder: &Path, durability: Durability) -> Result<Box<dyn Store>> {
        Ok(Box::new(Container::open(CapDir::open(folder)?, options(durability))?))
    }
}

impl Way for loosepack_host::Runtime {
    fn create(&self, folder: &Path) -> Result<()> {
        self.create(folder, Config::default(), Options::default())?;
        Ok(())
    }

    fn open(&self, folder: &Path, durability: Durability) -> Result<Box<dyn Store>> {
        Ok(Box::new(self.open_with(folder, options(durability))?))
    }
}

impl Way for loosepack_stock::Runtime {
    fn create(&self, folder: &Path) -> Result<()> {
        self.create(folder, Config::default(), &Options::default())?;
        Ok(())
    }

    fn open(&self, folder: &Path, durability: Durability) -> Result<Box<dyn Store>> {
        Ok(Box::new(self.open(folder, &options(durability))?))
    }
}

fn options(durability: Durability) -> Options {
    Options { durability, ..Options::default() }
}

/// Compiles the portable component.
pub(super) fn portable() -> Result<loosepack_stock::Runtime> {
    Ok(loosepack_stock::Runtime::new(loosepack_artifacts::PORTABLE)?)
}
