//! The right to change packs and index, held by everything that takes the pack lock.

use super::lock::PackerLock;
use crate::container::Container;
use crate::dir::Dir;
use crate::disk::{Disk, collections};
use crate::error::Result;
use crate::index::IndexWriter;

/// Holds the pack lock of a container that may be written to.
///
/// A struct that holds one has it as its last field, so that the lock is freed after everything else is closed.
pub(crate) struct PackerSession<D: Dir> {
    pub(crate) disk: Disk<D>,
    _lock: PackerLock<D>,
}

impl<D: Dir> PackerSession<D> {
    /// Takes the pack lock, or fail with [`Error::Locked`](crate::Error::Locked).
    pub(crate) fn open(container: &Container<D>) -> Result<Self> {
        container.check_writable()?;
        let lock = PackerLock::acquire(&container.disk.dir, &container.options.holder)?;
        Self::with(container, lock)
    }

    /// Opens a session that only removes unneeded files. It works on a full disk, and must neither append to packs or
    /// index nor cut them.
    pub(crate) fn open_to_free(container: &Container<D>) -> Result<Self> {
        container.check_writable()?;
        let lock = PackerLock::acquire_to_free(&container.disk.dir, &container.options.holder)?;
        Self::with(container, lock)
    }

    fn with(container: &Container<D>, lock: PackerLock<D>) -> Result<Self> {
        let session = PackerSession { disk: container.disk.clone(), _lock: lock };
        collections::end_killed(&session.disk)?;
        Ok(session)
    }

    /// The index, to be written to.
    pub(crate) fn index(&self) -> Result<IndexWriter<D>> {
        IndexWriter::open(&self.disk)
    }
}
