//! Collecting garbage: deleting all objects that a list does not name.
//!
//! Loose objects are looked at first, all of them, so that it is known what was there when the collection started. Then
//! whatever is not named is deleted, shard by shard. What is added meanwhile is spared: see
//! [`collections`](crate::disk::collections).

use alloc::vec::Vec;
use core::mem;
use core::ops::{Bound, ControlFlow};
use core::time::Duration;

use super::delete::flush_shards;
use super::{Job, Progress, Running, Work};
use crate::container::Container;
use crate::dir::Dir;
use crate::disk::{Disk, collections};
use crate::error::{Code, Context as _, Error, Result};
use crate::format::location::Location;
use crate::format::names::{self, INCOMING, SHARDS};
use crate::id::ObjectId;
use crate::index::{Index, IndexWriter};
use crate::loose;
use crate::packer::session::PackerSession;

/// Loose objects younger than this are spared in any case: the clocks of file systems tick in steps of at most this.
const TICK: Duration = Duration::from_secs(2);

/// The objects that a garbage collection keeps. Takes eight bytes of memory for each.
///
/// An object whose ID has the same first eight bytes as one that is kept is kept as well.
#[derive(Debug, Clone, Default)]
pub struct KeepList {
    prefixes: Vec<u64>,
    sorted: bool,
}

impl KeepList {
    /// Keeps these objects. They need not exist.
    pub fn add(&mut self, ids: &[ObjectId]) {
        self.prefixes.extend(ids.iter().map(ObjectId::prefix));
        self.sorted = false;
    }

    fn sort(&mut self) {
        if !mem::replace(&mut self.sorted, true) {
            self.prefixes.sort_unstable();
            self.prefixes.dedup();
        }
    }

    /// Returns whether it names the object. It must be sorted.
    fn names(&self, id: &ObjectId) -> bool {
        self.prefixes.binary_search(&id.prefix()).is_ok()
    }
}

impl FromIterator<ObjectId> for KeepList {
    fn from_iter<T: IntoIterator<Item = ObjectId>>(ids: T) -> Self {
        KeepList { prefixes: ids.into_iter().map(|id| id.prefix()).collect(), sorted: false }
    }
}

/// How garbage is collected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GcOptions {
    /// Loose objects are spared for so long after they were written. At least two seconds.
    pub grace: Duration,
    /// Only count what would be deleted.
    pub dry_run: bool,
}

/// Deletes what is not named. Units of progress are shards: first those whose loose objects are looked at, then those in
/// which objects are deleted.
struct Gc<D: Dir> {
    keep: KeepList,
    grace: u64,
    /// When it started, on the clock of file times.
    started: u64,
    /// Loose objects of each shard that are not named, sorted, and when they were written.
    loose: Vec<Vec<(ObjectId, u64)>>,
    /// The last id of the current shard that has been decided about.
    after: Option<ObjectId>,
    disk: Disk<D>,
    way: Way<D>,
}

enum Way<D: Dir> {
    DryRun(Index<D>),
    Deleting { index: IndexWriter<D>, _session: PackerSession<D> },
}

impl<D: Dir> Container<D> {
    /// Starts to delete all objects that `keep` does not name, loose or packed. The bytes of packed objects stay in
    /// their packs, unreferenced, until they are [repacked](Container::repack).
    ///
    /// Objects that become visible after it has started are spared, and so is what is added again meanwhile. A crash
    /// leaves each object deleted or present, never half. It counts the objects that are deleted. Units of progress are
    /// shards, twice: the loose objects of all are looked at before anything is deleted.
    ///
    /// # Errors
    /// [`Error::Locked`] when a packer is at work, unless it is a dry run; those of opening the index.
    pub fn gc(&self, mut keep: KeepList, options: GcOptions) -> Result<impl Job + use<D>> {
        keep.sort();
        let disk = self.disk.clone();
        let (way, started) = if options.dry_run {
            (Way::DryRun(Index::open(&disk)?), disk.now())
        } else {
            let session = PackerSession::open(self)?;
            let index = session.index()?;
            (Way::Deleting { index, _session: session }, collections::start(&disk)?)
        };
        let grace = u64::try_from(options.grace.max(TICK).as_nanos()).unwrap_or(u64::MAX);
        let gc = Gc { keep, grace, started, loose: Vec::new(), after: None, disk, way };
        Ok(Running::new(gc, Progress::of(2 * SHARDS)))
    }
}

impl<D: Dir> Work for Gc<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        if progress.done < SHARDS {
            let candidates = self.look_at(progress.done as u8)?;
            self.loose.push(candidates);
        } else if progress.done == 2 * SHARDS {
            return Ok(ControlFlow::Break(()));
        } else if self.delete_some((progress.done - SHARDS) as u8, progress)? {
            return Ok(ControlFlow::Continue(()));
        }
        progress.done += 1;
        Ok(ControlFlow::Continue(()))
    }

    fn finish(self, _: &mut Progress) -> Result<()> {
        if let Way::Deleting { .. } = self.way {
            // Nothing that was put back is lost when others rely on what they find.
            self.disk.flush.dir(&self.disk.dir, INCOMING)?;
            collections::end(&self.disk)?;
        }
        Ok(())
    }
}

impl<D: Dir> Gc<D> {
    /// The loose objects of a shard that are to be deleted.
    fn look_at(&self, shard: u8) -> Result<Vec<(ObjectId, u64)>> {
        let mut candidates = Vec::new();
        for id in loose::list(&self.disk.dir, shard)? {
            if self.keep.names(&id) {
                continue;
            }
            let path = names::loose(&id);
            match self.disk.metadata(&path) {
                Ok(found) if found.modified.saturating_add(self.grace) < self.started => {
                    candidates.push((id, found.modified));
                }
                Ok(_) | Err(Code::NotFound) => {}
                Err(code) => return Err(code).during("examine", &path),
            }
        }
        candidates.shrink_to_fit();
        Ok(candidates)
    }

    /// Deletes objects of a shard; whether there may be more.
    fn delete_some(&mut self, shard: u8, progress: &mut Progress) -> Result<bool> {
        let candidates = &self.loose[usize::from(shard)];
        let first = ObjectId::first_of_shard(shard);
        let start = self.after.as_ref().map_or(Bound::Included(&first), Bound::Excluded);
        let next = shard.checked_add(1).map(ObjectId::first_of_shard);
        let stop = next.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let limit = self.disk.tuning.step_entries;
        let index = match &mut self.way {
            Way::DryRun(index) => index,
            Way::Deleting { index, .. } => index.index(),
        };
        let entries = index.scan(start, stop, limit)?;
        let last = entries.last().map(|(id, _)| *id).filter(|_| entries.len() == limit);
        let is_candidate = |id: &ObjectId| candidates.binary_search_by_key(id, |(id, _)| *id).is_ok();
        // Loose copies that are young, or that came meanwhile, spare the object.
        let spared: Vec<ObjectId> =
            loose::list(&self.disk.dir, shard)?.into_iter().filter(|id| !is_candidate(id)).collect();
        let packed: Vec<(ObjectId, Location)> =
            entries.into_iter().filter(|(id, _)| !self.keep.names(id) && spared.binary_search(id).is_err()).collect();
        for (id, location) in &packed {
            if !is_candidate(id) {
                progress.objects += 1;
                progress.bytes = progress.bytes.saturating_add(location.size);
            }
        }
        if let Way::Deleting { index, .. } = &mut self.way
            && !packed.is_empty()
        {
            // COMMIT: of the deletion of what is packed. Cut at by `store::crash`.
            let deleted = index.delete(&packed);
            // Even if it failed: what was written may count.
            self.disk.tell_deleted();
            deleted?;
        }
        self.after = last;
        if last.is_some() {
            return Ok(true);
        }
        let candidates = mem::take(&mut self.loose[usize::from(shard)]);
        self.delete_loose(shard, &candidates, progress)?;
        Ok(false)
    }

    fn delete_loose(&self, shard: u8, candidates: &[(ObjectId, u64)], progress: &mut Progress) -> Result<()> {
        for (id, modified) in candidates {
            let size = match self.way {
                Way::DryRun(_) => loose::size(&self.disk.dir, id),
                Way::Deleting { .. } => self.collect(id, *modified),
            };
            match size {
                Ok(Some(size)) => {
                    progress.objects += 1;
                    progress.bytes = progress.bytes.saturating_add(size);
                }
                Ok(None) => {}
                Err(error @ Error::Corrupt(_)) => progress.failed(&names::loose(id), error),
                Err(error) => return Err(error),
            }
        }
        match self.way {
            Way::Deleting { .. } if !candidates.is_empty() => flush_shards(&self.disk, [shard].into()),
            _ => Ok(()),
        }
    }

    /// Deletes a loose object, unless it was written anew since it was looked at. Returns its size if it was deleted.
    ///
    /// It is moved away first: what is decided about is then what is deleted, whatever others put in its place.
    fn collect(&self, id: &ObjectId, modified: u64) -> Result<Option<u64>> {
        let Some(size) = loose::size(&self.disk.dir, id)? else { return Ok(None) };
        let (path, away) = (names::loose(id), names::collected(id));
        match self.disk.rename(&path, &away) {
            Ok(()) => {}
            Err(Code::NotFound) => return Ok(None),
            // A reader has it open: the next collection takes it.
            Err(Code::Busy | Code::Access) if cfg!(windows) => return Ok(None),
            Err(code) => return Err(code).during("rename", &path),
        }
        if self.disk.metadata(&away).during("examine", &away)?.modified != modified {
            collections::put_back(&self.disk, id)?;
            return Ok(None);
        }
        self.disk.remove_file(&away).during("remove", &away)?;
        Ok(Some(size))
    }
}
