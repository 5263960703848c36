//! Flushing to the device, or not, as a handle was asked to.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::dir::{Dir, File};
use crate::error::{Code, Context as _, Error, Result};
use crate::options::Durability;

/// Flushes for one handle and the writers made from it.
///
/// After a failed flush, data written before may be lost although a second flush succeeds. So the first failure is
/// remembered, and nothing more is written.
#[derive(Clone)]
pub(crate) struct Flush {
    durability: Durability,
    failed: Arc<AtomicBool>,
}

impl Flush {
    pub(crate) fn new(durability: Durability) -> Self {
        Flush { durability, failed: Arc::default() }
    }

    /// Fails after a flush that failed.
    pub(crate) fn check(&self) -> Result<()> {
        if self.failed.load(Ordering::Relaxed) { Err(Error::WriterFailed) } else { Ok(()) }
    }

    /// Returns whether anything is flushed at all.
    pub(crate) fn is_full(&self) -> bool {
        self.durability == Durability::Full
    }

    /// Makes a file durable.
    pub(crate) fn file(&self, file: &impl File, path: &str) -> Result<()> {
        self.run(path, || file.sync())
    }

    /// Makes the entries of a directory durable.
    pub(crate) fn dir(&self, dir: &impl Dir, path: &str) -> Result<()> {
        self.run(path, || dir.sync_dir(path))
    }

    /// Makes everything durable at once; `false` where the system cannot, and nothing was done.
    pub(crate) fn all(&self, dir: &impl Dir) -> Result<bool> {
        let mut done = true;
        self.run(".", || match dir.sync_all() {
            Err(Code::Unsupported) => {
                done = false;
                Ok(())
            }
            result => result,
        })?;
        Ok(done)
    }

    fn run(&self, path: &str, flush: impl FnOnce() -> Result<(), Code>) -> Result<()> {
        match self.durability {
            Durability::None => Ok(()),
            Durability::Full => {
                flush().inspect_err(|_| self.failed.store(true, Ordering::Relaxed)).during("sync", path)
            }
        }
    }
}
