//! The order in which the objects of another container are looked at.
//!
//! By their ids, but packs come first of which most is to be copied: these are gone through from start to end, however
//! large they are. Ids are hashes: the first of them tell of all, as a sample does. Nothing depends on what a walk
//! through a pack meets: all ids come afterwards.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::container::Container;
use crate::dir::Dir;
use crate::disk::regular;
use crate::error::Result;
use crate::format::location::Location;
use crate::format::{names, record};
use crate::id::ObjectId;
use crate::jobs::Progress;
use crate::pack::walk::Walk;
use crate::tuning::Tuning;

/// A pack is left out when less than one part of so many is to be copied: the rest seems to be dead. The sample of a pack is
/// small, and sizes differ.
const PARTS: u64 = 16;

/// What is looked at next.
pub(super) struct Order<D: Dir> {
    /// Packs that may be walked through, the next one last, and about how many bytes of each are to be copied. `None` when
    /// the walks are over.
    packs: Option<Vec<(u32, u64)>>,
    walk: Option<Walk<D::File>>,
    /// Records that the walks have met where the index has their objects.
    met: u64,
    /// The last id of those that came by their ids, and how many these were.
    after: Option<ObjectId>,
    seen: u64,
}

/// Objects to look at.
pub(super) enum Next {
    /// Records of a pack, sorted. The index tells whether they count: the bytes of an object may look like a record.
    Records(Vec<(ObjectId, Location)>),
    /// The walks through packs are over.
    Walked,
    /// By their ids: the index or a loose file has them.
    Ids(Vec<ObjectId>),
    End,
}

impl<D: Dir> Order<D> {
    /// Everything by its id.
    pub(super) fn by_id() -> Self {
        Order { packs: None, walk: None, met: 0, after: None, seen: 0 }
    }

    /// Packs first. `sample`: where some objects are, and whether they are to be copied. Each stands for `of` objects.
    pub(super) fn of_sample(sample: impl Iterator<Item = (Location, bool)>, of: u64) -> Self {
        let mut packs: BTreeMap<u32, (u64, u64, u64)> = BTreeMap::new();
        for (location, wanted) in sample {
            let (all, copied, bytes) = packs.entry(location.pack).or_default();
            *all += 1;
            if wanted {
                *copied += 1;
                *bytes = bytes.saturating_add(record::length(&location).saturating_mul(of));
            }
        }
        let most = |(pack, (all, copied, bytes)): (u32, (u64, u64, u64))| (copied * 2 > all).then_some((pack, bytes));
        Order { packs: Some(packs.into_iter().rev().filter_map(most).collect()), ..Order::by_id() }
    }

    pub(super) fn next(&mut self, source: &Container<D>, limit: usize, progress: &mut Progress) -> Result<Next> {
        if let Some(walk) = &mut self.walk {
            let (start, mut met) = (walk.position(), Vec::new());
            let mut ended = false;
            while !ended && met.len() < limit && walk.position() - start < source.disk.tuning.step_bytes {
                match walk.next() {
                    Some(records) => met.extend(records.iter().map(|record| (record.id, record.location))),
                    None => ended = true,
                }
                // Its objects tell what is wrong, each by itself.
                ended |= !walk.take_unreadable().is_empty();
            }
            if ended {
                self.walk = None;
            }
            met.sort_unstable_by_key(|(id, location)| (*id, location.place()));
            return Ok(Next::Records(met));
        }
        if let Some(packs) = &mut self.packs {
            let Some((number, bytes)) = packs.pop() else {
                self.packs = None;
                return Ok(Next::Walked);
            };
            // Of one that does not open its objects tell as well.
            let opened = regular::open(&source.disk.dir, &names::pack(number)).ok().flatten();
            // What cannot be read ends the walk, and is not looked at more closely.
            let tuning = Arc::new(Tuning { unreadable: u64::MAX, ..*source.disk.tuning });
            self.walk = opened
                .filter(|(_, found)| found.len / PARTS < bytes)
                .map(|(file, found)| Walk::new(Arc::new(file), number, found.len, &tuning));
            return Ok(Next::Records(Vec::new()));
        }
        let ids = source.objects(self.after.as_ref(), limit)?;
        let Some(last) = ids.last() else { return Ok(Next::End) };
        self.after = Some(*last);
        self.seen += ids.len() as u64;
        // Those that a walk has met count once.
        progress.done = progress.done.max(self.seen);
        Ok(Next::Ids(ids))
    }

    /// The index has the objects of so many records.
    pub(super) fn met(&mut self, objects: u64, progress: &mut Progress) {
        self.met += objects;
        progress.done = progress.done.max(self.met.min(progress.total));
    }

    /// Returns whether an object that could not be copied comes again, by its id.
    pub(super) fn comes_again(&self) -> bool {
        self.after.is_none()
    }
}
