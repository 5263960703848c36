//! The container's directory in the hands of one handle: where it reads and writes, how it flushes, in what sizes.

pub(crate) mod backup_mark;
pub(crate) mod collections;
pub(crate) mod directory;
pub(crate) mod flush;
pub(crate) mod regular;
pub(crate) mod small_file;

use alloc::sync::Arc;
use core::ops::Deref;
use core::sync::atomic::{AtomicBool, Ordering};

use self::flush::Flush;
use crate::dir::Dir;
use crate::options::{Durability, Options};
use crate::tuning::Tuning;

/// State that a handle shares with its readers, writers and jobs.
#[derive(Clone)]
pub(crate) struct Disk<D> {
    pub(crate) dir: D,
    pub(crate) flush: Flush,
    pub(crate) tuning: Arc<Tuning>,
    /// Objects were deleted since the handle last read its index.
    deleted: Arc<AtomicBool>,
}

impl<D: Dir> Disk<D> {
    /// Creates the state of a handle that is opened with these options.
    pub(crate) fn new(dir: D, options: &Options) -> Self {
        let (flush, tuning) = (Flush::new(options.durability), Arc::new(options.tuning.within_limits()));
        Disk { dir, flush, tuning, deleted: Arc::default() }
    }

    /// Tells the handle that objects were deleted: its index may still have them.
    pub(crate) fn tell_deleted(&self) {
        self.deleted.store(true, Ordering::Relaxed);
    }

    /// Returns whether [`Disk::tell_deleted`] was called since this was last asked.
    pub(crate) fn take_deleted(&self) -> bool {
        self.deleted.swap(false, Ordering::Relaxed)
    }

    /// Returns the same state without flushes, for files whose loss in a power cut does not matter.
    pub(crate) fn unflushed(&self) -> Self {
        Disk { flush: Flush::new(Durability::None), ..self.clone() }
    }
}

impl<D> Deref for Disk<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.dir
    }
}
