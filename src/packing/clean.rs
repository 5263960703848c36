//! Removing what is no longer needed.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{Job, Progress};
use crate::codec::Checking;
use crate::container::Container;
use crate::dir::{Dir, File as _, Kind};
use crate::directory;
use crate::disk::Disk;
use crate::error::{Code, Context as _, Damage, Error, IoFailure, Result};
use crate::id::ObjectId;
use crate::index::{Index, Location};
use crate::layout::{self, INCOMING, INCOMING_AGE, PACKS, SHARDS};
use crate::lock::PackerLock;
use crate::loose;
use crate::reader::{Stored, StoredReader};
use crate::small_file;
use crate::window::Window;

/// The job that removes the loose files of packed objects, shard by shard, and then what crashed writers left in
/// `incoming`. The packed copy is read first; where it is damaged, that is reported and the loose file stays. Units of
/// progress are shards, and `incoming`.
pub struct Clean<D: Dir> {
    disk: Disk<D>,
    place: Option<Place<D>>,
    progress: Progress,
}

/// What is held while cleaning.
struct Place<D: Dir> {
    index: Index<D>,
    /// Length of each pack, all of them durable.
    packs: BTreeMap<u32, u64>,
    /// Packs that were found to be missing or too short, and told of.
    cut: BTreeSet<u32>,
    /// The pack that was read last.
    open: Option<(u32, Arc<D::File>)>,
    _lock: PackerLock<D>,
}

impl<D: Dir> Clean<D> {
    /// Take the packer's place of a container.
    ///
    /// # Errors
    /// [`Error::Locked`] when it is taken; those of opening the index and the packs.
    pub fn new(container: &Container<D>) -> Result<Self> {
        container.check_writable()?;
        let disk = container.disk.clone();
        let lock = PackerLock::acquire_to_free(&disk.dir, &container.options.holder)?;
        // A packer that was killed, or did not flush, may have left packs and index lines that are not durable: they are
        // made so before a loose file is removed on their account.
        let (packs, unopened) = flush_packs(&disk)?;
        let unopened = unopened.into_iter();
        let problems = unopened
            .map(|IoFailure { path, code, .. }| Damage { file: path, problem: format!("cannot open it: {code}") });
        let index = Index::open(&disk)?;
        index.settle()?;
        let progress = Progress { total: SHARDS + 1, problems: problems.collect(), ..Progress::default() };
        Ok(Clean { disk, place: Some(Place { index, packs, cut: BTreeSet::new(), open: None, _lock: lock }), progress })
    }

    fn clean_shard(&mut self, place: &mut Place<D>, shard: u8) -> Result<()> {
        let ids = loose::list(&self.disk.dir, shard)?;
        let locations = place.index.lookup_many(&ids)?;
        let mut packed: Vec<(Location, ObjectId)> =
            ids.into_iter().zip(locations).filter_map(|(id, location)| Some((location?, id))).collect();
        packed.sort_unstable_by_key(|(location, _)| Reverse((location.pack, location.offset)));
        while let Some(window) = Window::take(&mut packed, &self.disk.tuning) {
            let sound = place.are_sound(&self.disk, &window)?;
            for ((location, id), sound) in window.objects.iter().zip(sound) {
                if !sound && !place.is_sound(&self.disk, id, *location)? {
                    self.progress.problems.extend(place.tell(id, location));
                } else if loose::remove(&self.disk.dir, id)? {
                    self.progress.objects += 1;
                    self.progress.bytes += location.size;
                }
            }
        }
        Ok(())
    }

    fn clean_incoming(&mut self) -> Result<()> {
        let now = self.disk.now();
        let (mut files, mut bytes) = (0_u64, 0);
        for entry in small_file::list(&self.disk.dir, INCOMING)? {
            if let Some(directory) = layout::made_directory(&entry.name) {
                directory::settle(&self.disk, &directory)?;
                continue;
            }
            if !layout::is_incoming_file(&entry.name) {
                continue;
            }
            let path = format!("{INCOMING}/{}", entry.name);
            let found = match self.disk.metadata(&path) {
                Ok(found) => found,
                // Just put in place by its writer.
                Err(Code::NotFound) => continue,
                Err(code) => return Err(code).during("examine", &path),
            };
            // One from the future was written with a wrong clock, and not a moment ago.
            let left = found.modified.abs_diff(now) > INCOMING_AGE;
            if found.kind == Kind::File && left {
                match self.disk.remove_file(&path) {
                    Ok(()) | Err(Code::NotFound) => continue,
                    Err(Code::Busy | Code::Access) => {}
                    Err(code) => return Err(code).during("remove", &path),
                }
            }
            (files, bytes) = (files + 1, bytes + found.len);
        }
        if files > 0 {
            let problem = format!(
                "{files} files of {bytes} bytes are being written, or were left by writers that were killed: they are removed \
                 when they are a day old"
            );
            self.progress.notes.push(Damage { file: INCOMING.into(), problem });
        }
        Ok(())
    }
}

impl<D: Dir> Place<D> {
    /// Which objects the pack holds, which is read for that: a loose file may be the last good copy there is, as when it was
    /// added again because the packed one is damaged. Not certain of those that it does not seem to hold.
    fn are_sound(&mut self, disk: &Disk<D>, window: &Window<ObjectId>) -> Result<Vec<bool>> {
        let read = window.read(true, |location, id| self.open(disk, &id, location))?;
        Ok(match read {
            Some((bytes, payloads)) => Checking::start(bytes, payloads).finish(),
            None => vec![false; window.objects.len()],
        })
    }

    /// The same of one object, and certain.
    fn is_sound(&mut self, disk: &Disk<D>, id: &ObjectId, location: Location) -> Result<bool> {
        self.open(disk, id, location)?.map_or(Ok(false), |stored| StoredReader::new(stored, true).is_sound())
    }

    /// An object of a pack; `None` when its location cannot be right.
    fn open(&mut self, disk: &Disk<D>, id: &ObjectId, location: Location) -> Result<Option<Stored<D::File>>> {
        let Some(len) = self.length_with(&location) else { return Ok(None) };
        let path = layout::pack(location.pack);
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

    /// What to tell of an object that its pack does not hold. A pack that is cut or missing is told of once.
    fn tell(&mut self, id: &ObjectId, location: &Location) -> Option<Damage> {
        let problem = if self.length_with(location).is_some() {
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
        Some(Damage { file: layout::pack(location.pack), problem })
    }
}

impl<D: Dir> Job for Clean<D> {
    fn step(&mut self) -> Result<Progress> {
        if !self.progress.finished {
            // Taken out, so that a failure gives up the packer's place and ends the job.
            let mut place = self.place.take().ok_or(Error::WriterFailed)?;
            match u8::try_from(self.progress.done) {
                Ok(shard) => self.clean_shard(&mut place, shard)?,
                Err(_) => self.clean_incoming()?,
            }
            self.progress.done += 1;
            self.progress.finished = self.progress.done == self.progress.total;
            if !self.progress.finished {
                self.place = Some(place);
            }
        }
        Ok(self.progress.step())
    }
}

/// Make all packs durable; returns their lengths, and what keeps some from being opened.
pub(super) fn flush_packs<D: Dir>(disk: &Disk<D>) -> Result<(BTreeMap<u32, u64>, Vec<IoFailure>)> {
    let (mut packs, mut unopened) = (BTreeMap::new(), Vec::new());
    for entry in small_file::list(&disk.dir, PACKS)? {
        if let Some(number) = layout::pack_number(&entry.name).filter(|_| entry.kind == Kind::File) {
            let path = layout::pack(number);
            let opened = disk.open_read(&path).and_then(|file| Ok((file.metadata()?.len, file)));
            let (len, file) = match opened {
                Ok(opened) => opened,
                Err(code) => {
                    unopened.push(IoFailure { operation: "open".into(), path, code });
                    continue;
                }
            };
            disk.flush.file(&file, &path)?;
            packs.insert(number, len);
        }
    }
    if !packs.is_empty() {
        directory::settle(disk, PACKS)?;
        disk.flush.dir(&disk.dir, PACKS)?;
    }
    Ok((packs, unopened))
}
