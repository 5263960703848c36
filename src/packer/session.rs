//! The right to change packs and index, held by everything that takes the pack lock.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::lock::PackerLock;
use crate::container::Container;
use crate::dir::{Dir, File as _, Kind};
use crate::disk::{Disk, directory, small_file};
use crate::error::{IoFailure, Result};
use crate::format::names::{self, PACKS};
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
        Ok(PackerSession { disk: container.disk.clone(), _lock: lock })
    }

    /// Opens a session that only removes unneeded files. It works on a full disk, and must neither append to packs or
    /// index nor cut them.
    pub(crate) fn open_to_free(container: &Container<D>) -> Result<Self> {
        container.check_writable()?;
        let lock = PackerLock::acquire_to_free(&container.disk.dir, &container.options.holder)?;
        Ok(PackerSession { disk: container.disk.clone(), _lock: lock })
    }

    /// The index, to be written to.
    pub(crate) fn index(&self) -> Result<IndexWriter<D>> {
        IndexWriter::open(&self.disk)
    }

    /// Makes all packs durable: a packer that was killed, or did not flush, may have left some that are not. Returns
    /// their lengths, and why some cannot be opened.
    pub(crate) fn flush_packs(&self) -> Result<(BTreeMap<u32, u64>, Vec<IoFailure>)> {
        let disk = &self.disk;
        let (mut packs, mut unopened) = (BTreeMap::new(), Vec::new());
        for entry in small_file::list(&disk.dir, PACKS)? {
            if let Some(number) = names::pack_number(&entry.name).filter(|_| entry.kind == Kind::File) {
                let path = names::pack(number);
                let opened = disk.open_read(&path).and_then(|file| Ok((file.metadata()?.len, file)));
                let (len, file) = match opened {
                    Ok(opened) => opened,
                    Err(code) => {
                        unopened.push(IoFailure { operation: "open".into(), path, code });
                        continue;
                    }
                };
                disk.flush.file(&file, &path)?;
                packs.insert(number, len);
            }
        }
        if !packs.is_empty() {
            directory::settle(disk, PACKS)?;
            disk.flush.dir(&disk.dir, PACKS)?;
        }
        Ok((packs, unopened))
    }
}
