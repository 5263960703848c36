//! Proving packed objects before an acknowledgement relies on them.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::mem;

use crate::dir::{Dir, File as _};
use crate::disk::Disk;
use crate::disk::directory;
use crate::disk::regular;
use crate::error::{Code, Context as _, Error, Result};
use crate::format::location::Location;
use crate::format::names::{self, PACKS};
use crate::id::ObjectId;
use crate::index::{Index, Trust};
use crate::pack::flush::flush_all;
use crate::pack::place::record_at;
use crate::read::{Stored, StoredReader};

/// How often flushing all packs is tried again when some are repacked meanwhile.
const FLUSH_ATTEMPTS: u32 = 100;

/// Reads packed objects that are added again, and makes durable the packs that hold them: whoever wrote them may not
/// have flushed, or may have been killed.
pub(crate) struct Proof<D: Dir> {
    disk: Disk<D>,
    /// The pack that was read last.
    open: Option<(u32, Arc<D::File>)>,
    /// Up to where packs have been relied on since the last flush.
    relied: BTreeMap<u32, u64>,
    /// Length up to which each pack is durable. Bytes with an index entry are never rewritten.
    durable: BTreeMap<u32, u64>,
}

impl<D: Dir> Proof<D> {
    pub(crate) fn new(disk: Disk<D>) -> Self {
        Proof { disk, open: None, relied: BTreeMap::new(), durable: BTreeMap::new() }
    }

    /// Returns whether the object is at this location from the index. It is not if the record is damaged, cut or
    /// missing.
    pub(crate) fn holds(&mut self, id: &ObjectId, location: Location) -> Result<bool> {
        let holds = match self.read(id, location) {
            Err(Error::Corrupt(_)) => false,
            result => result?,
        };
        let end = location.offset + location.length;
        if holds && self.durable.get(&location.pack).is_none_or(|durable| *durable < end) {
            let relied = self.relied.entry(location.pack).or_default();
            *relied = end.max(*relied);
        }
        Ok(holds)
    }

    fn open(&mut self, id: &ObjectId, location: Location) -> Result<Option<Stored<D::File>>> {
        let path = names::pack(location.pack);
        let file = match &self.open {
            Some((number, file)) if *number == location.pack => file.clone(),
            _ => match regular::open(&self.disk.dir, &path)? {
                Some((file, _)) => Arc::new(file),
                None => return Ok(None),
            },
        };
        self.open = Some((location.pack, file.clone()));
        let len = file.metadata().during("examine", &path)?.len;
        Stored::packed(*id, file, location, len, &self.disk.tuning).map(Some)
    }

    fn read(&mut self, id: &ObjectId, location: Location) -> Result<bool> {
        let Some(stored) = self.open(id, location)? else { return Ok(false) };
        let file = stored.file();
        // With its header and its line end, so that what is added again heals them as well.
        Ok(StoredReader::new(stored, true).is_sound()? && record_at(&*file, id, &location)?.is_ok())
    }

    /// Returns where the object is, according to the current index, if it is there. If that cannot be decided, the answer
    /// is nowhere and it is stored once more.
    pub(crate) fn finds(&mut self, index: &mut Index<D>, id: &ObjectId) -> Option<Location> {
        let mut lookup = || {
            index.lookup(id, Trust::Quick)?.map_or(Ok(None), |_| {
                // It may have been deleted since the index was read.
                index.refresh()?;
                index.lookup(id, Trust::Quick)
            })
        };
        let told = lookup().ok().flatten();
        told.filter(|location| matches!(self.holds(id, *location), Ok(true)))
    }

    /// Makes the relied-on packs durable, and the index with their entries.
    pub(crate) fn settle(&mut self, index: &mut Index<D>) -> Result<()> {
        if self.flush()? == Relied::Moved {
            index.refresh()?;
        }
        index.settle_once()
    }

    /// Makes everything durable that has been relied on.
    pub(crate) fn flush(&mut self) -> Result<Relied> {
        let mut relied = Relied::Kept;
        if self.relied.is_empty() {
            return Ok(relied);
        }
        for (number, end) in mem::take(&mut self.relied) {
            let path = names::pack(number);
            match self.disk.open_read(&path) {
                Ok(file) => {
                    self.disk.flush.file(&file, &path)?;
                    self.durable.insert(number, end);
                }
                Err(Code::NotFound) => relied = Relied::Moved,
                Err(code) => return Err(code).during("open", &path),
            }
        }
        directory::settle(&self.disk, PACKS)?;
        self.disk.flush.dir(&self.disk.dir, PACKS)?;
        if relied == Relied::Moved {
            self.flush_moved()?;
        }
        Ok(relied)
    }

    /// Makes objects durable that were repacked since they were proved, by somebody who may not flush.
    fn flush_moved(&self) -> Result<()> {
        for _ in 0..FLUSH_ATTEMPTS {
            let (_, unopened) = flush_all(&self.disk)?;
            // Another pack that is gone was repacked as well, perhaps to one that was not listed.
            if unopened.iter().all(|failure| failure.code != Code::NotFound) {
                return Ok(());
            }
        }
        Err(Error::Other("packs are removed faster than they can be made durable".into()))
    }
}

/// What became of packs that were relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relied {
    /// They are where they were.
    Kept,
    /// Some were repacked: the index tells where their objects are.
    Moved,
}

/// Proves objects that are added loose and are packed already, with an index of its own that is opened when it is
/// needed.
pub(crate) struct Packed<D: Dir> {
    index: Option<Index<D>>,
    proof: Proof<D>,
    /// An object was shown to be packed since the last flush.
    relied: bool,
}

impl<D: Dir> Packed<D> {
    pub(crate) fn new(disk: &Disk<D>) -> Self {
        Packed { index: None, proof: Proof::new(disk.clone()), relied: false }
    }

    /// Returns where the object is packed, if it is, and sound: as [`Proof::finds`] has it.
    pub(crate) fn holds(&mut self, id: &ObjectId) -> Option<Location> {
        if self.index.is_none() {
            self.index = Index::open(&self.proof.disk).ok();
        }
        let place = self.index.as_mut().and_then(|index| self.proof.finds(index, id));
        self.relied |= place.is_some();
        place
    }

    /// Opens an object where it was packed; `None` if its pack no longer exists.
    pub(crate) fn open(&mut self, id: &ObjectId, location: Location) -> Result<Option<Stored<D::File>>> {
        self.proof.open(id, location)
    }

    /// Makes the relied-on packs durable, and the index with their entries.
    pub(crate) fn flush(&mut self) -> Result<()> {
        match &mut self.index {
            Some(index) if mem::take(&mut self.relied) => self.proof.settle(index),
            _ => Ok(()),
        }
    }
}
