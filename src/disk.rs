//! The container's directory in the hands of one handle: where it reads and writes, how it flushes, in what sizes.

pub(crate) mod directory;
pub(crate) mod flush;
pub(crate) mod regular;
pub(crate) mod small_file;

use alloc::sync::Arc;
use core::ops::Deref;

use self::flush::Flush;
use crate::dir::Dir;
use crate::options::{Durability, Options};
use crate::tuning::Tuning;

/// What a handle, its readers, writers and jobs share.
#[derive(Clone)]
pub(crate) struct Disk<D> {
    pub(crate) dir: D,
    pub(crate) flush: Flush,
    pub(crate) tuning: Arc<Tuning>,
}

impl<D: Dir> Disk<D> {
    /// That of a handle which is opened with these options.
    pub(crate) fn new(dir: D, options: &Options) -> Self {
        Disk { dir, flush: Flush::new(options.durability), tuning: Arc::new(options.tuning.within_limits()) }
    }

    /// The same, for files that nobody relies on after a power cut.
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
