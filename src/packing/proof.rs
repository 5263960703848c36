//! Proving packed objects before an acknowledgement relies on them.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use crate::dir::{Dir, File as _};
use crate::directory;
use crate::disk::Disk;
use crate::error::{Context as _, Error, Result};
use crate::id::ObjectId;
use crate::index::Location;
use crate::layout::{self, PACKS};
use crate::reader::{Stored, StoredReader};
use crate::regular;

/// Reads packed objects that are added again, and makes durable the packs that hold them: whoever wrote them may not have
/// flushed, or may have been killed.
pub(super) struct Proof<D: Dir> {
    disk: Disk<D>,
    /// The pack that was read last.
    open: Option<(u32, Arc<D::File>)>,
    /// Packs that have been relied on since the last flush.
    relied: BTreeSet<u32>,
    /// Packs that have been flushed. What was read of them was written before, by somebody else.
    flushed: BTreeSet<u32>,
}

impl<D: Dir> Proof<D> {
    pub(super) fn new(disk: Disk<D>) -> Self {
        Proof { disk, open: None, relied: BTreeSet::new(), flushed: BTreeSet::new() }
    }

    /// Whether the object lies at a location that the index tells of. Not when it is damaged, cut or missing.
    pub(super) fn holds(&mut self, id: &ObjectId, location: Location) -> Result<bool> {
        let holds = match self.read(id, location) {
            Err(Error::Corrupt(_)) => false,
            result => result?,
        };
        if holds && !self.flushed.contains(&location.pack) {
            self.relied.insert(location.pack);
        }
        Ok(holds)
    }

    fn read(&mut self, id: &ObjectId, location: Location) -> Result<bool> {
        let path = layout::pack(location.pack);
        let file = match &self.open {
            Some((number, file)) if *number == location.pack => file.clone(),
            _ => match regular::open(&self.disk.dir, &path)? {
                Some((file, _)) => Arc::new(file),
                None => return Ok(false),
            },
        };
        self.open = Some((location.pack, file.clone()));
        let len = file.metadata().during("examine", &path)?.len;
        StoredReader::new(Stored::packed(*id, file, location, len, &self.disk.tuning)?, true).is_sound()
    }

    /// Make everything durable that has been relied on.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.relied.is_empty() {
            return Ok(());
        }
        for number in core::mem::take(&mut self.relied) {
            let path = layout::pack(number);
            let file = self.disk.open_read(&path).during("open", &path)?;
            self.disk.flush.file(&file, &path)?;
            self.flushed.insert(number);
        }
        directory::settle(&self.disk, PACKS)?;
        self.disk.flush.dir(&self.disk.dir, PACKS)
    }
}
