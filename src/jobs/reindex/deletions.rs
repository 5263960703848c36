//! Deletions, and the place in the packs at which each was made, so that an object that was packed again afterwards
//! stays.

use alloc::collections::VecDeque;

use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::{Code, Context as _, Result};
use crate::format::location::{Location, Place};
use crate::format::names;
use crate::id::ObjectId;
use crate::index::rebuild::Rebuild;
use crate::index::salvage::{self, Found, Leaf, Told};
use crate::pack::place::has_header;

/// Deletions in the old index, oldest first.
#[derive(Default)]
pub(super) struct Deletions {
    /// The last place that the old index refers to and that exists in the packs.
    reach: Option<Place>,
    queue: VecDeque<(Option<Place>, Deletion)>,
}

/// Deletions made when the packs ended at the same place.
enum Deletion {
    Of(ObjectId),
    /// The deletions in a run.
    In(Leaf),
}

impl Deletions {
    /// Reads a file of the old index, and hands what it tells to `old`.
    pub(super) fn look_through<D: Dir>(&mut self, disk: &Disk<D>, leaf: Leaf, old: &mut Rebuild<D>) -> Result<Found> {
        let mut any = false;
        let found = salvage::read(disk, &leaf, |told| match told {
            Told::Put(id, location) => {
                let place = Some(location.place());
                if place > self.reach && is_there(disk, &id, &location)? {
                    self.reach = place;
                }
                old.tell(id, Some(location))
            }
            Told::Delete(id) => {
                if leaf.is_log {
                    self.queue.push_back((self.reach, Deletion::Of(id)));
                } else {
                    any = true;
                }
                old.tell(id, None)
            }
        })?;
        if found.reach > self.reach && is_within_packs(disk, found.reach)? {
            self.reach = found.reach;
        }
        if any {
            self.queue.push_back((self.reach, Deletion::In(leaf)));
        }
        Ok(found)
    }

    /// Removes the entries of objects that were deleted before a record was written to this place.
    pub(super) fn apply_before<D: Dir>(
        &mut self,
        place: Place,
        disk: &Disk<D>,
        rebuild: &mut Rebuild<D>,
    ) -> Result<()> {
        while let Some((_, deletion)) = self.queue.pop_front_if(|(reach, _)| *reach < Some(place)) {
            deletion.apply(disk, rebuild)?;
        }
        Ok(())
    }

    /// Removes the entries of all deleted objects.
    pub(super) fn apply_all<D: Dir>(&mut self, disk: &Disk<D>, rebuild: &mut Rebuild<D>) -> Result<()> {
        self.queue.drain(..).try_for_each(|(_, deletion)| deletion.apply(disk, rebuild))
    }
}

impl Deletion {
    fn apply<D: Dir>(self, disk: &Disk<D>, rebuild: &mut Rebuild<D>) -> Result<()> {
        match self {
            Deletion::Of(id) => rebuild.tell(id, None),
            Deletion::In(leaf) => salvage::read(disk, &leaf, |told| match told {
                Told::Delete(id) => rebuild.tell(id, None),
                Told::Put(..) => Ok(()),
            })
            .map(drop),
        }
    }
}

/// Returns whether a record of an object is at a place, as far as its header tells. Where that cannot be read, it is:
/// the walk may find it after all, and an object that was deleted must not come back.
fn is_there<D: Dir>(disk: &Disk<D>, id: &ObjectId, location: &Location) -> Result<bool> {
    let path = names::pack(location.pack);
    match disk.open_read(&path) {
        Ok(file) => Ok(has_header(&file, id, location).unwrap_or(true)),
        Err(Code::NotFound | Code::Loop) => Ok(false),
        Err(code) => Err(code).during("open", &path),
    }
}

/// Returns whether the packs go as far as a place: those of a copy may not.
fn is_within_packs<D: Dir>(disk: &Disk<D>, place: Option<Place>) -> Result<bool> {
    let Some((pack, offset)) = place else { return Ok(false) };
    let path = names::pack(pack);
    match disk.metadata(&path) {
        Ok(found) => Ok(offset <= found.len),
        Err(Code::NotFound) => Ok(false),
        Err(code) => Err(code).during("examine", &path),
    }
}
