//! How much of each pack is in use.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use super::Container;
use crate::dir::{Dir, Kind};
use crate::disk::Disk;
use crate::disk::small_file;
use crate::error::{Code, Context as _, Result};
use crate::format::names::{self, PACKS};
use crate::format::record;
use crate::id::ObjectId;
use crate::index::Index;

/// A pack, and how much of it is in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PackInfo {
    /// Its number: the name of its file in `packs/`.
    pub number: u32,
    /// Its bytes; 0 when the file is missing.
    pub size: u64,
    /// Objects that the index has in it.
    pub objects: u64,
    /// Bytes of the records of these objects, headers included. The other bytes are dead: records of objects that were
    /// deleted or packed again, and what crashed packers left. `repack` frees them.
    pub live: u64,
}

impl PackInfo {
    /// Dead bytes.
    pub fn dead(&self) -> u64 {
        self.size.saturating_sub(self.live)
    }
}

impl<D: Dir> Container<D> {
    /// Returns all packs, by number, and how much of each is in use. Reads the whole index.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) or [`Error::Io`](crate::Error::Io).
    pub fn packs(&self) -> Result<Vec<PackInfo>> {
        let mut index = self.index()?;
        index.refresh()?;
        let mut usage = Usage::default();
        while usage.read(&mut index, self.disk.tuning.step_entries)? {}
        usage.finish(&self.disk)
    }
}

/// The use of packs, added up from the index a piece at a time.
#[derive(Default)]
pub(crate) struct Usage {
    packs: BTreeMap<u32, PackInfo>,
    after: Option<ObjectId>,
}

impl Usage {
    /// Reads the next entries of the index, at most `limit`; whether there may be more.
    pub(crate) fn read<D: Dir>(&mut self, index: &mut Index<D>, limit: usize) -> Result<bool> {
        let start = self.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let entries = index.scan(start, Bound::Unbounded, limit)?;
        for (id, location) in &entries {
            let pack =
                self.packs.entry(location.pack).or_insert(PackInfo { number: location.pack, ..PackInfo::default() });
            pack.objects += 1;
            pack.live = pack.live.saturating_add(record::length(location));
            self.after = Some(*id);
        }
        Ok(entries.len() == limit)
    }

    /// The packs that the index has entries in, without their sizes.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &PackInfo> {
        self.packs.values()
    }

    /// Adds the sizes of the packs, by number.
    pub(crate) fn finish<D: Dir>(mut self, disk: &Disk<D>) -> Result<Vec<PackInfo>> {
        for entry in small_file::list(&disk.dir, PACKS)? {
            let Some(number) = names::pack_number(&entry.name).filter(|_| entry.kind == Kind::File) else { continue };
            let path = names::pack(number);
            let size = match disk.metadata(&path) {
                Ok(found) => found.len,
                // Repacked meanwhile.
                Err(Code::NotFound) => continue,
                Err(code) => return Err(code).during("examine", &path),
            };
            self.packs.entry(number).or_insert(PackInfo { number, ..PackInfo::default() }).size = size;
        }
        Ok(self.packs.into_values().collect())
    }
}
