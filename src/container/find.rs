//! Where an object is: packed, loose, or moved a moment ago.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::open_packs::with_room;
use super::{Container, ObjectInfo};
use crate::dir::Dir;
use crate::disk::Disk;
use crate::disk::regular;
use crate::error::{Error, Result};
use crate::format::location::Location;
use crate::format::names;
use crate::id::ObjectId;
use crate::index::{Index, Trust};
use crate::loose;
use crate::read::{Placement, Stored, StoredReader};

impl<D: Dir> Container<D> {
    /// Looks for objects in the order that every read keeps: the index as this handle has it, loose files, the index
    /// as it is now. `packed` and `loose` make of a place what the caller wants of it; `None` from them when there is
    /// nothing at that place. `None` in the result, which is in the order of `ids`, is certain.
    ///
    /// Packing makes an entry of the index before `clean` removes a loose file, so whoever finds no loose file finds
    /// the entry in an index that is read afterwards.
    fn locate<T>(
        &self,
        ids: &[ObjectId],
        packed: impl Fn(&ObjectId, Location) -> Result<Option<T>>,
        loose: impl Fn(&ObjectId) -> Result<Option<T>>,
    ) -> Result<Vec<Option<T>>> {
        let (mut found, damage) = match self.locate_many(ids) {
            Ok(locations) => {
                let place =
                    |(id, location): (_, Option<Location>)| location.map_or(Ok(None), |place| packed(id, place));
                (ids.iter().zip(locations).map(place).collect::<Result<Vec<_>>>()?, None)
            }
            // Loose files answer what a damaged index cannot.
            Err(error @ Error::Corrupt(_)) => (ids.iter().map(|_| None).collect(), Some(error)),
            Err(error) => return Err(error),
        };
        for (id, found) in ids.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            *found = loose(id)?;
        }
        let missing: Vec<ObjectId> =
            ids.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(id, _)| *id).collect();
        if missing.is_empty() {
            return Ok(found);
        }
        if let Some(error) = damage {
            return Err(error);
        }
        let locations = {
            let mut index = self.index()?;
            self.with_room(|| index.refresh())?;
            index.lookup_many(&missing, Trust::Checked)?
        };
        let still_missing = found.iter_mut().filter(|found| found.is_none());
        for (found, (id, location)) in still_missing.zip(missing.iter().zip(locations)) {
            let Some(location) = location else { continue };
            *found = Some(packed(id, location)?.ok_or_else(|| {
                let file = names::pack(location.pack);
                Error::corrupt(file, format!("object {id}: the pack is missing; restore it from a copy"))
            })?);
        }
        Ok(found)
    }

    /// Returns size and place of many objects, in the order of `ids`; `None` for one that does not exist, which is
    /// certain.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`].
    pub fn info_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<ObjectInfo>>> {
        let packed = |_: &_, location: Location| {
            Ok(Some(ObjectInfo { size: location.size, placement: Placement::Packed(location) }))
        };
        let loose = |id: &_| {
            let size = loose::size(&self.disk.dir, id)?;
            Ok(size.map(|size| ObjectInfo { size, placement: Placement::Loose }))
        };
        self.locate(ids, packed, loose)
    }

    /// Finds an object wherever it is, or fail with [`Error::NotFound`].
    pub(crate) fn find(&self, id: &ObjectId) -> Result<Stored<D::File>> {
        let packed = |id: &_, location| self.open_packed(id, location);
        match self.locate(&[*id], packed, |id| self.with_room(|| open_loose(&self.disk, id))) {
            Ok(mut found) => found.pop().flatten().ok_or(Error::NotFound(*id)),
            Err(error) => instead_of(&self.disk, id, error),
        }
    }

    /// Where packed objects lie, in the order of `ids`. `None` is not certain.
    pub(crate) fn locate_many(&self, ids: &[ObjectId]) -> Result<Vec<Option<Location>>> {
        let mut index = self.index()?;
        if let [id] = ids {
            return Ok(vec![index.lookup(id, Trust::Quick)?]);
        }
        let found = index.lookup_many(ids, Trust::Quick)?;
        // A look at a newer index is cheaper than one at each loose file.
        let stale = found.contains(&None) && index.refresh()?;
        if stale { index.lookup_many(ids, Trust::Quick) } else { Ok(found) }
    }

    pub(super) fn locate_anew(&self, id: &ObjectId) -> Result<Option<Location>> {
        let mut index = self.index()?;
        index.refresh()?;
        index.lookup(id, Trust::Checked)
    }

    /// All bytes of an object that was found.
    pub(crate) fn read_all(&self, stored: &Stored<D::File>) -> Result<Vec<u8>> {
        let verify = self.options.verify;
        stored.read_all(verify).or_else(|error| {
            if is_unreadable(&error) {
                // It may have been repacked since the index was read, and others with it: later lookups use the new
                // index.
                let _ = self.index().and_then(|mut index| index.refresh());
                self.packs.borrow_mut().clear();
            }
            instead_of(&self.disk, &stored.id, error)?.read_all(verify)
        })
    }

    /// Opens a packed object; `None` if its pack no longer exists.
    pub(crate) fn open_packed(&self, id: &ObjectId, location: Location) -> Result<Option<Stored<D::File>>> {
        let opened = self.packs.borrow_mut().get(&self.disk.dir, location.pack, location.offset + location.length)?;
        let Some((file, len)) = opened else { return Ok(None) };
        Stored::packed(*id, file, location, len, &self.disk.tuning).map(Some)
    }

    /// Runs what opens files, again with fewer packs open when the system lets no more files be open.
    pub(super) fn with_room<T>(&self, open: impl FnMut() -> Result<T>) -> Result<T> {
        with_room(open, || self.packs.borrow_mut().shed())
    }
}

/// Returns whether an error means that a packed copy is damaged or unreadable, so that another copy should be tried.
fn is_unreadable(error: &Error) -> bool {
    matches!(error, Error::Corrupt(_) | Error::Io(_))
}

/// The loose copy of an object; `None` when there is none.
pub(crate) fn open_loose<D: Dir>(disk: &Disk<D>, id: &ObjectId) -> Result<Option<Stored<D::File>>> {
    let found = loose::open(&disk.dir, id)?;
    Ok(found.map(|(file, size)| Stored::loose(*id, Arc::new(file), size, &disk.tuning)))
}

/// A sound copy of an object, in place of one that is unreadable, as an error tells. Fails with that error when it
/// tells something else, and when there is no such copy.
pub(super) fn instead_of<D: Dir>(disk: &Disk<D>, id: &ObjectId, error: Error) -> Result<Stored<D::File>> {
    if is_unreadable(&error) { other_copy(disk, id).ok_or(error) } else { Err(error) }
}

/// A sound copy of an object of which one is damaged or cannot be read: the loose one, or the packed one as the index
/// and the pack are now. Checked whole; `None` when there is none.
fn other_copy<D: Dir>(disk: &Disk<D>, id: &ObjectId) -> Option<Stored<D::File>> {
    if let Ok(true) = loose::is_sound(disk, id) {
        return open_loose(disk, id).ok().flatten();
    }
    let now = Index::open(disk).ok()?.lookup(id, Trust::Checked).ok().flatten()?;
    // Reopened: the file that a handle has open may have been removed, and another pack made in its place.
    let open = || {
        let (file, found) = regular::open(&disk.dir, &names::pack(now.pack)).ok().flatten()?;
        Stored::packed(*id, Arc::new(file), now, found.len, &disk.tuning).ok()
    };
    StoredReader::new(open()?, true).is_sound().ok().filter(|sound| *sound)?;
    open()
}

/// All bytes of an object that was found, from another copy where this one is damaged or cannot be read.
pub(super) fn read_all<D: Dir>(disk: &Disk<D>, stored: &Stored<D::File>, verify: bool) -> Result<Vec<u8>> {
    stored.read_all(verify).or_else(|error| instead_of(disk, &stored.id, error)?.read_all(verify))
}
