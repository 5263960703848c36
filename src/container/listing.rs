//! Listing, counts and sizes.

use alloc::format;
use alloc::vec::Vec;
use core::ops::{Bound, RangeBounds as _};

use super::Container;
use crate::dir::{Dir, Kind};
use crate::disk::small_file;
use crate::error::{Code, Context as _, Result};
use crate::format::location::Location;
use crate::format::names::{self, INCOMING, INDEX, PACKS, SHARDS};
use crate::format::record;
use crate::id::ObjectId;
use crate::index::Trust;
use crate::loose;

/// Size of a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Objects in packs.
    pub packed_objects: u64,
    /// Their sizes added up, in bytes, before compression.
    pub packed_size: u64,
    /// Bytes their payloads take in the packs.
    pub packed_length: u64,
    /// Objects that are loose. One that is packed as well counts in both until `clean` removes the loose file.
    pub loose_objects: u64,
    /// Their sizes added up, in bytes.
    pub loose_size: u64,
    /// Loose objects that are packed as well: `clean` removes their loose files.
    pub loose_packed: u64,
    /// Number of packs.
    pub packs: u64,
    /// Bytes of all packs, record headers and unreferenced bytes included.
    pub packs_size: u64,
    /// About how many of these are dead: of objects that were deleted or packed again, and of crashed packers.
    /// [`Container::packs`] tells exactly.
    pub packs_dead: u64,
    /// Bytes of the index.
    pub index_size: u64,
    /// Files that are being written, or were left by a writer that was killed.
    pub unfinished: u64,
    /// Bytes of them.
    pub unfinished_size: u64,
}

impl<D: Dir> Container<D> {
    /// Returns a page of the IDs of all objects, sorted: at most `limit` IDs greater than `after`. The end is an empty
    /// page.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) or [`Error::Io`](crate::Error::Io).
    pub fn objects(&self, after: Option<&ObjectId>, limit: usize) -> Result<Vec<ObjectId>> {
        let mut page = Vec::new();
        let mut shards = after.map_or(0, ObjectId::shard)..=u8::MAX;
        while page.len() < limit
            && let Some(shard) = shards.next()
        {
            // Loose first, then a fresh index: an object that is packed and cleaned in between is in one of them.
            let loose = loose::list(&self.disk.dir, shard)?;
            let mut index = self.index()?;
            index.refresh()?;
            let (room, first) = (limit - page.len(), ObjectId::first_of_shard(shard));
            let start = match after {
                Some(after) if after.shard() == shard => Bound::Excluded(after),
                _ => Bound::Included(&first),
            };
            let mut ids: Vec<ObjectId> =
                loose.into_iter().filter(|id| (start, Bound::Unbounded).contains(&id)).collect();
            ids.truncate(room);
            let next = shard.checked_add(1).map(ObjectId::first_of_shard);
            let packed = index.scan(start, next.as_ref().map_or(Bound::Unbounded, Bound::Excluded), room)?;
            ids.extend(packed.iter().map(|(id, _)| id));
            ids.sort_unstable();
            ids.dedup();
            page.extend(ids);
        }
        page.truncate(limit);
        Ok(page)
    }

    /// Returns counts and sizes. Walks the loose objects.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) or [`Error::Io`](crate::Error::Io).
    pub fn stats(&self) -> Result<Stats> {
        let mut stats = Stats::default();
        self.index()?.refresh()?;
        for shard in 0..SHARDS {
            let ids = loose::list(&self.disk.dir, shard as u8)?;
            let packed = self.index()?.lookup_many(&ids, Trust::Quick)?;
            stats.loose_packed += packed.iter().flatten().count() as u64;
            for id in ids {
                // Vanished meanwhile: packed and cleaned.
                if let Some(size) = loose::size(&self.disk.dir, &id)? {
                    stats.loose_objects += 1;
                    stats.loose_size += size;
                }
            }
        }
        let mut index = self.index()?;
        index.refresh()?;
        let totals = index.totals();
        (stats.packed_objects, stats.packed_size, stats.packed_length) = (totals.objects, totals.size, totals.length);
        for entry in small_file::list(&self.disk.dir, PACKS)? {
            if let Some(number) = names::pack_number(&entry.name).filter(|_| entry.kind == Kind::File) {
                let path = names::pack(number);
                match self.disk.metadata(&path) {
                    Ok(found) => {
                        stats.packs += 1;
                        stats.packs_size += found.len;
                    }
                    // Repacked meanwhile.
                    Err(Code::NotFound) => {}
                    Err(code) => return Err(code).during("examine", &path),
                }
            }
        }
        let average = |sum: u64| sum.checked_div(totals.objects).unwrap_or(0);
        let record = Location { pack: 0, offset: 0, length: average(totals.length), size: average(totals.size) };
        let around = record::length(&record) - record.length;
        let live = totals.length.saturating_add(totals.objects.saturating_mul(around));
        stats.packs_dead = stats.packs_size.saturating_sub(live);
        for entry in small_file::list(&self.disk.dir, INDEX)? {
            let path = format!("{INDEX}/{}", entry.name);
            match self.disk.metadata(&path) {
                Ok(found) => stats.index_size += found.len,
                // Replaced meanwhile.
                Err(Code::NotFound) => {}
                Err(code) => return Err(code).during("examine", &path),
            }
        }
        for entry in small_file::list(&self.disk.dir, INCOMING)? {
            if names::is_incoming_file(&entry.name)
                && let Ok(found) = self.disk.metadata(&format!("{INCOMING}/{}", entry.name))
            {
                stats.unfinished += 1;
                stats.unfinished_size += found.len;
            }
        }
        Ok(stats)
    }
}
