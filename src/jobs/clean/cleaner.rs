//! Removing the loose files of packed objects.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::codec::Checking;
use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::{Context as _, Finding, IoFailure, Result};
use crate::format::location::Location;
use crate::format::names;
use crate::id::ObjectId;
use crate::index::{Index, Trust};
use crate::jobs::Progress;
use crate::loose;
use crate::pack::flush::flush_all;
use crate::read::window::Window;
use crate::read::{Stored, StoredReader};

/// Removes loose files whose objects are packed, after it has read the packed copies. The pack lock must be held.
pub(in crate::jobs) struct Cleaner<D: Dir> {
    disk: Disk<D>,
    /// Length of each pack, all of them durable.
    packs: BTreeMap<u32, u64>,
    /// Packs that were found to be missing or too short, and reported.
    cut: BTreeSet<u32>,
    /// The pack that was read last.
    open: Option<(u32, Arc<D::File>)>,
}

impl<D: Dir> Cleaner<D> {
    /// Makes all packs durable, which those must be whose objects' loose files are removed.
    pub(in crate::jobs) fn new(disk: &Disk<D>, progress: &mut Progress) -> Result<Self> {
        let (packs, unopened) = flush_all(disk)?;
        for IoFailure { path, code, .. } in unopened {
            progress.problem(path, format!("cannot open it: {code}"));
        }
        Ok(Cleaner { disk: disk.clone(), packs, cut: BTreeSet::new(), open: None })
    }

    /// Does the same for packs as they are now.
    pub(in crate::jobs) fn refresh(&mut self) -> Result<()> {
        self.packs = flush_all(&self.disk)?.0;
        Ok(())
    }

    /// Removes the loose files of those objects that are packed, and sound there. Returns how many, and their bytes. The
    /// index must be durable.
    pub(in crate::jobs) fn clean(
        &mut self,
        index: &mut Index<D>,
        ids: Vec<ObjectId>,
        progress: &mut Progress,
    ) -> Result<(u64, u64)> {
        let (disk, mut objects, mut bytes) = (self.disk.clone(), 0, 0_u64);
        let locations = index.lookup_many(&ids, Trust::Quick)?;
        let mut packed: Vec<(Location, ObjectId)> =
            ids.into_iter().zip(locations).filter_map(|(id, location)| Some((location?, id))).collect();
        packed.sort_unstable_by_key(|(location, _)| Reverse((location.pack, location.offset)));
        while let Some(window) = Window::take(&mut packed, &disk.tuning) {
            let sound = self.are_sound(&disk, &window)?;
            for ((location, id), sound) in window.objects.iter().zip(sound) {
                if !sound && !self.is_sound(&disk, id, *location)? {
                    progress.problems.extend(self.unsound(id, location));
                } else if loose::remove_unneeded(&disk.dir, id)? {
                    objects += 1;
                    bytes = bytes.saturating_add(location.size);
                }
            }
        }
        Ok((objects, bytes))
    }

    /// Which objects the pack holds, which is read for that: a loose file may be the last good copy there is, as when
    /// it was added again because the packed one is damaged. Not certain of those that it does not seem to hold.
    fn are_sound(&mut self, disk: &Disk<D>, window: &Window<ObjectId>) -> Result<Vec<bool>> {
        let read = window.read(true, |location, id| self.open(disk, &id, location))?;
        Ok(match read {
            Some((bytes, payloads)) => Checking::start(bytes, payloads).finish(),
            None => vec![false; window.objects.len()],
        })
    }

    /// Decides the same for one object, with certainty.
    fn is_sound(&mut self, disk: &Disk<D>, id: &ObjectId, location: Location) -> Result<bool> {
        self.open(disk, id, location)?.map_or(Ok(false), |stored| StoredReader::new(stored, true).is_sound())
    }

    /// An object of a pack; `None` when its location cannot be right.
    fn open(&mut self, disk: &Disk<D>, id: &ObjectId, location: Location) -> Result<Option<Stored<D::File>>> {
        let Some(len) = self.length_with(&location) else { return Ok(None) };
        let path = names::pack(location.pack);
        let file = match &self.open {
            Some((number, file)) if *number == location.pack => file.clone(),
            _ => Arc::new(disk.open_read(&path).during("open", &path)?),
        };
        self.open = Some((location.pack, file.clone()));
        Ok(Stored::packed(*id, file, location, len, &disk.tuning).ok())
    }

    /// The length of the pack, if it reaches as far as a location.
    fn length_with(&self, location: &Location) -> Option<u64> {
        let end = location.offset + location.length;
        self.packs.get(&location.pack).copied().filter(|len| end <= *len)
    }

    /// Returns the finding about an object that its pack does not contain. A pack that is cut or missing is reported
    /// once.
    fn unsound(&mut self, id: &ObjectId, location: &Location) -> Option<Finding> {
        let message = if self.length_with(location).is_some() {
            format!(
                "object {id} is damaged here, so its loose copy was not removed; added again straight to packs, it is \
                 packed anew"
            )
        } else {
            self.cut.insert(location.pack).then_some(())?;
            format!(
                "it is missing, or shorter than the index says, so the loose copies of its objects, {id} among them, were \
                 not removed; restore the pack from a copy, or add the objects again straight to packs"
            )
        };
        Some(Finding { file: names::pack(location.pack), message })
    }
}
