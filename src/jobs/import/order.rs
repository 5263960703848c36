//! The order in which the objects of another container are looked at.
//!
//! By their ids, unless most objects of a pack are to be copied: these come in the order of the pack, so that it is read
//! once from start to end however large it is. Ids are hashes: the first of them tell of all, as a sample does. What no
//! walk through a pack has met comes by its id at last.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::container::Container;
use crate::dir::Dir;
use crate::disk::regular;
use crate::error::Result;
use crate::format::location::Location;
use crate::format::names;
use crate::id::ObjectId;
use crate::jobs::Progress;
use crate::pack::walk::Walk;

/// What is looked at next.
pub(super) struct Order<D: Dir> {
    /// Packs to be walked through, the next one last.
    packs: Vec<u32>,
    walk: Option<Walk<D::File>>,
    /// About how many objects there were when the order was made; not less.
    total: u64,
    /// Objects that the walks have met where the index has them, and up to where in the pack that was.
    met: u64,
    until: u64,
    /// The last id of those that came by their ids, and how many these were.
    after: Option<ObjectId>,
    seen: u64,
}

/// Objects to look at.
pub(super) enum Next {
    /// By their ids: they are all there.
    Ids(Vec<ObjectId>),
    /// Records of a pack, sorted. The index tells whether they count: the bytes of an object may look like a record.
    Records(Vec<(ObjectId, Location)>),
    End,
}

impl<D: Dir> Order<D> {
    /// Everything by its id.
    pub(super) fn by_id() -> Self {
        Order { packs: Vec::new(), walk: None, total: 0, met: 0, until: 0, after: None, seen: 0 }
    }

    /// Packs first of which most is to be copied. `sample`: where some objects are, and whether they are to be copied.
    /// `total`: about how many objects there are, not less.
    pub(super) fn of_sample(sample: impl Iterator<Item = (Location, bool)>, total: u64) -> Self {
        let mut packs: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for (location, wanted) in sample {
            let (all, copied) = packs.entry(location.pack).or_default();
            *all += 1;
            *copied += u64::from(wanted);
        }
        let most = |(pack, (all, copied)): (u32, (u64, u64))| (copied * 2 > all).then_some(pack);
        Order { packs: packs.into_iter().rev().filter_map(most).collect(), total, ..Order::by_id() }
    }

    pub(super) fn next(&mut self, source: &Container<D>, limit: usize, progress: &mut Progress) -> Result<Next> {
        loop {
            if let Some(walk) = &mut self.walk {
                let (start, mut met) = (walk.position(), Vec::new());
                let mut ended = false;
                while !ended && met.len() < limit && walk.position() - start < source.disk.tuning.step_bytes {
                    match walk.next() {
                        Some(records) => met.extend(records.iter().map(|record| (record.id, record.location))),
                        None => ended = true,
                    }
                }
                if ended {
                    self.walk = None;
                }
                met.sort_unstable_by_key(|(id, location)| (*id, location.place()));
                // Also when there are none: a pack without any must not keep whoever waits for a step.
                return Ok(Next::Records(met));
            } else if let Some(number) = self.packs.pop() {
                self.until = 0;
                // One that is missing is damage, which its objects tell of.
                self.walk = regular::open(&source.disk.dir, &names::pack(number))?
                    .map(|(file, found)| Walk::new(Arc::new(file), number, found.len, &source.disk.tuning));
            } else {
                // Whatever was added or deleted meanwhile: were one not met, there would be more of them.
                if self.after.is_none() && self.met > 0 && self.met >= self.total.max(source.count_roughly()?) {
                    return Ok(Next::End);
                }
                let ids = source.objects(self.after.as_ref(), limit)?;
                let Some(last) = ids.last() else { return Ok(Next::End) };
                self.after = Some(*last);
                self.seen += ids.len() as u64;
                // Those that a walk has met count once.
                progress.done = progress.done.max(self.seen);
                return Ok(Next::Ids(ids));
            }
        }
    }

    /// The index has objects where records of a pack were met.
    pub(super) fn met(&mut self, mut offsets: Vec<u64>, progress: &mut Progress) {
        offsets.sort_unstable();
        for offset in offsets {
            // Each counts once: what was not met must be looked for.
            if offset > self.until {
                (self.met, self.until) = (self.met + 1, offset);
            }
        }
        progress.done = progress.done.max(self.met);
    }

    /// An object that was met could not be copied. Returns whether it will come again, by its id.
    pub(super) fn failed(&mut self) -> bool {
        let again = self.after.is_none();
        self.met -= u64::from(again && self.met > 0);
        again
    }
}
