//! Removing what is no longer needed.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::ControlFlow;

use super::{Job, Progress, Running, Work};
use crate::codec::Checking;
use crate::container::Container;
use crate::dir::{Dir, Kind};
use crate::disk::Disk;
use crate::disk::directory;
use crate::disk::small_file;
use crate::error::{Code, Context as _, Finding, IoFailure, Result};
use crate::format::location::Location;
use crate::format::names::{self, INCOMING, INCOMING_AGE, SHARDS};
use crate::id::ObjectId;
use crate::index::{Index, Trust};
use crate::loose;
use crate::pack::flush::flush_all;
use crate::packer::session::PackerSession;
use crate::read::window::Window;
use crate::read::{Stored, StoredReader};

/// Removes the loose files of packed objects, shard by shard, and then what crashed writers left in `incoming`. Units
/// of progress are shards, and `incoming`.
struct Clean<D: Dir> {
    index: Index<D>,
    /// Length of each pack, all of them durable.
    packs: BTreeMap<u32, u64>,
    /// Packs that were found to be missing or too short, and reported.
    cut: BTreeSet<u32>,
    /// The pack that was read last.
    open: Option<(u32, Arc<D::File>)>,
    session: PackerSession<D>,
}

impl<D: Dir> Container<D> {
    /// Starts to remove the loose files of packed objects, and what writers that crashed left behind more than a day
    /// ago. The packed copy of each object is read first; where it is damaged, that is reported and the loose file
    /// stays. Units of progress are the 256 shards of loose objects, and the directory of unfinished files.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when a packer is at work; those of opening the index and the packs.
    pub fn clean(&self) -> Result<impl Job + use<D>> {
        let session = PackerSession::open_to_free(self)?;
        // Whatever a loose file is removed for is durable before.
        let (packs, unopened) = flush_all(&session.disk)?;
        let mut progress = Progress::of(SHARDS + 1);
        for IoFailure { path, code, .. } in unopened {
            progress.problem(path, format!("cannot open it: {code}"));
        }
        let index = Index::open(&session.disk)?;
        index.settle()?;
        Ok(Running::new(Clean { index, packs, cut: BTreeSet::new(), open: None, session }, progress))
    }
}

impl<D: Dir> Work for Clean<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        match u8::try_from(progress.done) {
            Ok(shard) => self.clean_shard(shard, progress)?,
            Err(_) => {
                clean_incoming(&self.session.disk, progress)?;
                return Ok(ControlFlow::Break(()));
            }
        }
        progress.done += 1;
        Ok(ControlFlow::Continue(()))
    }
}

impl<D: Dir> Clean<D> {
    fn clean_shard(&mut self, shard: u8, progress: &mut Progress) -> Result<()> {
        let disk = self.session.disk.clone();
        let ids = loose::list(&disk.dir, shard)?;
        let locations = self.index.lookup_many(&ids, Trust::Quick)?;
        let mut packed: Vec<(Location, ObjectId)> =
            ids.into_iter().zip(locations).filter_map(|(id, location)| Some((location?, id))).collect();
        packed.sort_unstable_by_key(|(location, _)| Reverse((location.pack, location.offset)));
        while let Some(window) = Window::take(&mut packed, &disk.tuning) {
            let sound = self.are_sound(&disk, &window)?;
            for ((location, id), sound) in window.objects.iter().zip(sound) {
                if !sound && !self.is_sound(&disk, id, *location)? {
                    progress.problems.extend(self.unsound(id, location));
                } else if loose::remove_unneeded(&disk.dir, id)? {
                    progress.objects += 1;
                    progress.bytes += location.size;
                }
            }
        }
        Ok(())
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

/// Removes what writers that crashed left behind.
fn clean_incoming<D: Dir>(disk: &Disk<D>, progress: &mut Progress) -> Result<()> {
    let now = disk.now();
    let (mut files, mut bytes) = (0_u64, 0);
    for entry in small_file::list(&disk.dir, INCOMING)? {
        if let Some(directory) = names::made_directory(&entry.name) {
            directory::settle(disk, &directory)?;
            continue;
        }
        if !names::is_incoming_file(&entry.name) {
            continue;
        }
        let path = format!("{INCOMING}/{}", entry.name);
        let found = match disk.metadata(&path) {
            Ok(found) => found,
            // Just put in place by its writer.
            Err(Code::NotFound) => continue,
            Err(code) => return Err(code).during("examine", &path),
        };
        // One from the future was written with a wrong clock, and not a moment ago.
        let left = found.modified.abs_diff(now) > INCOMING_AGE;
        if found.kind == Kind::File && left {
            match disk.remove_file(&path) {
                Ok(()) | Err(Code::NotFound) => continue,
                Err(Code::Busy | Code::Access) => {}
                Err(code) => return Err(code).during("remove", &path),
            }
        }
        (files, bytes) = (files + 1, bytes + found.len);
    }
    if files > 0 {
        let note = format!(
            "{files} files of {bytes} bytes are being written, or were left by writers that were killed: they are removed \
             when they are a day old"
        );
        progress.note(INCOMING, note);
    }
    Ok(())
}
