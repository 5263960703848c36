//! Verifying: reading everything, reporting every problem, stopping at none.
//!
//! Takes no lock. What the index said at one moment is compared with packs and loose files as they are found; what
//! looks damaged is looked at again with the index as it is then, so that what others move meanwhile passes for no
//! damage.

mod entries;
mod index;
mod loose;
mod met;
mod packs;

use alloc::boxed::Box;
use alloc::format;
use core::ops::ControlFlow;

use self::index::Lines;
use self::loose::Shard;
use self::packs::Packs;
use super::{Job, Progress, Running, Work};
use crate::container::Container;
use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::location::Location;
use crate::format::names::SHARDS;
use crate::id::ObjectId;
use crate::index::{Index, Trust};

/// The part of a container to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Completed units to resume after: the `done` of the last [`Progress`] of a job that was stopped, or 0.
    pub completed: u64,
    /// Number of this job among those that share the work, less than `shards`.
    pub shard: u32,
    /// Number of jobs that share the work, perhaps on several machines. At least 1.
    pub shards: u32,
}

impl Default for Part {
    /// All of it.
    fn default() -> Self {
        Part { completed: 0, shard: 0, shards: 1 }
    }
}

impl Part {
    fn has(&self, unit: u64) -> bool {
        unit >= self.completed && unit % u64::from(self.shards) == u64::from(self.shard)
    }
}

/// The unit in which the index is checked; those before are the shards of loose objects, those behind the packs.
const INDEX_UNIT: u64 = SHARDS;

/// Checks everything.
struct Verify<D: Dir> {
    site: Site<D>,
    part: Part,
    stage: Stage<D>,
}

/// State that all stages use.
struct Site<D: Dir> {
    disk: Disk<D>,
    /// The index as it was after the loose objects were checked; all packs are compared with it. `None` when it does
    /// not open, or cannot be read.
    index: Option<Index<D>>,
    /// The index as it is now, for a second look.
    now: Option<Index<D>>,
}

enum Stage<D: Dir> {
    Loose(Shard<D>),
    Index(Lines),
    Packs(Box<Packs<D>>),
}

impl<D: Dir> Container<D> {
    /// Starts to verify a part of the container: each loose object and each record of the packs is read and hashed,
    /// records are compared with the index, and each line of the index is checked. Finding is reported in `problems`,
    /// harmless leftovers of crashes in `notes`. Never stops early and takes no lock. Units of progress are the 256
    /// shards of loose objects, the index, and the packs, in this order; a unit in which a job was stopped is done
    /// again by the next.
    ///
    /// When the index does not open, it needs a handle of [`Container::open_damaged`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when `part` is none.
    pub fn verify(&self, part: Part) -> Result<impl Job + use<D>> {
        if part.shard >= part.shards {
            let problem = format!("there is no shard {} of {}: they count from 0", part.shard, part.shards);
            return Err(Error::InvalidArgument(problem));
        }
        let site = Site { disk: self.disk.clone(), index: None, now: None };
        // Packs that come to be meanwhile are checked as well, and make no difference to how much there is to do.
        let total = packs::total(&site.disk);
        let progress = Progress { done: part.completed.min(INDEX_UNIT), ..Progress::of(total) };
        Ok(Running::new(Verify { site, part, stage: Stage::Loose(Shard::default()) }, progress))
    }
}

impl<D: Dir> Work for Verify<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        let Verify { site, part, stage } = self;
        match stage {
            Stage::Loose(_) if progress.done == INDEX_UNIT => {
                let lines = Lines::open(site, part.has(INDEX_UNIT), progress);
                *stage = Stage::Index(lines);
            }
            Stage::Loose(shard) => {
                if !part.has(progress.done) || shard.step(site, progress.done as u8, progress).is_break() {
                    *shard = Shard::default();
                    progress.done += 1;
                }
            }
            Stage::Index(lines) => {
                if let Some(entries) = lines.step(site, progress) {
                    let packs = Packs::new(site, entries, progress);
                    progress.done = part.completed.clamp(INDEX_UNIT + 1, progress.total);
                    *stage = Stage::Packs(Box::new(packs));
                }
            }
            Stage::Packs(packs) => return Ok(packs.step(site, part, progress)),
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl<D: Dir> Site<D> {
    /// The index as it is now; `None` when it does not open.
    fn index_now(&mut self) -> Option<&mut Index<D>> {
        match &mut self.now {
            Some(index) => index.refresh().ok()?,
            now => {
                *now = Some(Index::open(&self.disk).ok()?);
                true
            }
        };
        self.now.as_mut()
    }

    /// Returns whether the index still says that an object lies there.
    fn is_still_at(&mut self, id: &ObjectId, location: &Location) -> bool {
        match self.index_now().map(|index| index.lookup(id, Trust::Quick)) {
            Some(Ok(found)) => found == Some(*location),
            // It cannot say: what it said before is all there is.
            _ => true,
        }
    }
}
