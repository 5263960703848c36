//! Rebuilding the index from the packs.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use super::clean::flush_packs;
use super::{Job, Progress};
use crate::container::Container;
use crate::dir::{Dir, File as _};
use crate::disk::Disk;
use crate::error::{Code, Context as _, Damage, Error, Result};
use crate::id::ObjectId;
use crate::index::Location;
use crate::index::rebuild::Rebuild;
use crate::index::salvage::{self, Leaf, Remains, Told};
use crate::layout::{self, DIRECTORIES};
use crate::lock::PackerLock;
use crate::loose;
use crate::pack::check::{Inspection, Scrub};
use crate::pack::walk::{Record, record_at};

/// The job that rebuilds the index from the packs, whatever is left of the old one. Every record is read, and counts when
/// it holds the object that its header says. Deletions that can still be read in the old index are kept. The old index
/// stays until the new one takes its place. Units of progress are bytes of packs; its objects are those of the new index.
///
/// It needs a container of [`Container::open_damaged`] when the index does not open.
pub struct Reindex<D: Dir> {
    work: Option<Work<D>>,
    progress: Progress,
}

struct Work<D: Dir> {
    disk: Disk<D>,
    rebuild: Rebuild<D>,
    /// What the old index tells, as far as it can be read, and how many of its entries have been looked at.
    old: Rebuild<D>,
    kept: u64,
    /// The first number that no index file has.
    number: u32,
    /// Files of the old index, oldest first, that have not been looked through.
    unread: VecDeque<Leaf>,
    /// Those that have.
    leaves: Vec<Leaf>,
    /// The last place that a line of the old index tells of, and that a record is at.
    reach: Reach,
    deletions: VecDeque<(Reach, Deletions)>,
    /// Packs that have not been walked through, and their lengths, which are durable.
    packs: VecDeque<(u32, u64)>,
    inspection: Option<Inspection<D::File>>,
    damaged: Vec<(ObjectId, Location)>,
    /// Damaged records that the old index speaks of, and that are the only ones of their objects.
    lost: Vec<(ObjectId, Location)>,
    /// Bytes of the packs that are done.
    done: u64,
    _lock: PackerLock<D>,
}

/// A place in the packs. They are written one after the other, so that a later record lies behind it.
type Reach = Option<(u32, u64)>;

/// What was deleted when the packs reached so far.
enum Deletions {
    Of(ObjectId),
    /// Those that a run tells of.
    In(Leaf),
}

impl<D: Dir> Reindex<D> {
    /// Take the packer's place of a container.
    ///
    /// # Errors
    /// [`Error::Locked`] when it is taken; those of opening the packs.
    pub fn new(container: &Container<D>) -> Result<Self> {
        container.check_writable()?;
        let disk = container.disk.clone();
        make_directories(&disk)?;
        let lock = PackerLock::acquire(&disk.dir, &container.options.holder)?;
        // What the new index speaks of is made durable before it does.
        let packs: VecDeque<(u32, u64)> = flush_packs(&disk)?.into_iter().collect();
        let Remains { leaves, number, unreadable } = salvage::remains(&disk.dir)?;
        let total = packs.iter().map(|(_, len)| len).sum::<u64>() + 1;
        let work = Work {
            rebuild: Rebuild::new(&disk),
            old: Rebuild::new(&disk),
            kept: 0,
            number,
            disk,
            unread: leaves.into(),
            leaves: Vec::new(),
            reach: None,
            deletions: VecDeque::new(),
            packs,
            inspection: None,
            damaged: Vec::new(),
            lost: Vec::new(),
            done: 0,
            _lock: lock,
        };
        Ok(Reindex {
            work: Some(work),
            progress: Progress { total, problems: unreadable.into_iter().collect(), ..Progress::default() },
        })
    }
}

impl<D: Dir> Job for Reindex<D> {
    fn step(&mut self) -> Result<Progress> {
        if !self.progress.finished {
            // Taken out, so that a failure gives up the packer's place and ends the job.
            let mut work = self.work.take().ok_or(Error::WriterFailed)?;
            if work.advance(&mut self.progress)? {
                let Work { rebuild, number, _lock, .. } = work;
                let totals = rebuild.finish(number)?;
                (self.progress.objects, self.progress.bytes) = (totals.objects, totals.size);
                (self.progress.done, self.progress.finished) = (self.progress.total, true);
            } else {
                self.progress.done =
                    work.done + work.inspection.as_ref().map_or(0, |inspection| inspection.walk().position());
                self.work = Some(work);
            }
        }
        let problems = mem::take(&mut self.progress.problems);
        Ok(Progress { problems, ..self.progress.clone() })
    }
}

impl<D: Dir> Work<D> {
    /// Do a piece of the work; whether nothing is left but to write the index.
    fn advance(&mut self, progress: &mut Progress) -> Result<bool> {
        if let Some(leaf) = self.unread.pop_front() {
            progress.problems.extend(self.look_through(&leaf)?);
            self.leaves.push(leaf);
        } else if let Some(mut inspection) = self.inspection.take() {
            match inspection.next()? {
                Some(records) => {
                    records.iter().try_for_each(|(record, sound)| self.take(record, *sound, progress))?;
                    self.inspection = Some(inspection);
                }
                None => self.done += inspection.walk().len(),
            }
        } else if let Some((number, len)) = self.packs.pop_front() {
            let path = layout::pack(number);
            let file = self.disk.open_read(&path).during("open", &path)?;
            self.inspection = Some(Inspection::new(Arc::new(file), number, len, &self.disk.tuning));
        } else {
            self.judge_damaged(progress)?;
            self.delete_up_to(None)?;
            for (id, location) in mem::take(&mut self.lost) {
                if self.rebuild.lookup(&id)?.is_none() {
                    self.rebuild.tell(id, Some(location))?;
                }
            }
            return self.keep(progress);
        }
        if self.damaged.len() >= self.disk.tuning.remembered {
            self.judge_damaged(progress)?;
        }
        Ok(false)
    }

    /// Look at entries of the old index whose records have not been met: an object that reads is kept, and one that does not
    /// stays in the index, lest its loss pass for its absence. Whether that were the last.
    fn keep(&mut self, progress: &mut Progress) -> Result<bool> {
        let entries = self.old.entries(self.kept, self.disk.tuning.step_objects as u64)?;
        self.kept += entries.len() as u64;
        for (id, location) in &entries {
            let Some(location) = *location else { continue };
            if self.rebuild.lookup(id)?.is_some() {
                continue;
            }
            if let Some(problem) = unreadable(&self.disk, id, &location)? {
                if matches!(loose::is_sound(&self.disk, id), Ok(true)) {
                    continue;
                }
                progress.problems.push(Damage { file: place(&location), problem: format!("object {id}: {problem}") });
            }
            self.rebuild.tell(*id, Some(location))?;
        }
        if entries.is_empty() {
            // Its files are gone before the new index is written.
            self.old = Rebuild::new(&self.disk);
        }
        Ok(entries.is_empty())
    }

    /// Find out what was deleted, and when: behind which place of the packs.
    fn look_through(&mut self, leaf: &Leaf) -> Result<Option<Damage>> {
        let Work { disk, reach, deletions, old, .. } = self;
        let mut any = false;
        let unreadable = salvage::read(disk, leaf, |told| {
            match told {
                Told::Put(id, location) => old.tell(id, Some(location))?,
                Told::Delete(id) => old.tell(id, None)?,
            }
            match told {
                Told::Put(id, location) => {
                    let place = Some((location.pack, location.offset));
                    if place > *reach && is_there(&disk.dir, &id, &location)? {
                        *reach = place;
                    }
                }
                Told::Delete(id) if leaf.is_log => deletions.push_back((*reach, Deletions::Of(id))),
                Told::Delete(_) => any = true,
            }
            Ok(())
        })?;
        if any {
            let leaf = Leaf { path: leaf.path.clone(), is_log: leaf.is_log };
            deletions.push_back((*reach, Deletions::In(leaf)));
        }
        Ok(unreadable)
    }

    fn take(&mut self, record: &Record, sound: bool, progress: &mut Progress) -> Result<()> {
        if !sound {
            self.damaged.push((record.id, record.location));
            return Ok(());
        }
        self.delete_up_to(Some((record.location.pack, record.location.offset)))?;
        self.rebuild.tell(record.id, Some(record.location))?;
        progress.objects += 1;
        progress.bytes = progress.bytes.saturating_add(record.location.size);
        Ok(())
    }

    /// What was deleted before a record was written to this place is not packed any more; without a place, all of it.
    fn delete_up_to(&mut self, place: Reach) -> Result<()> {
        while let Some((_, deletions)) = self.deletions.pop_front_if(|(reach, _)| place.is_none() || *reach < place) {
            match deletions {
                Deletions::Of(id) => self.rebuild.tell(id, None)?,
                Deletions::In(leaf) => {
                    let rebuild = &mut self.rebuild;
                    salvage::read(&self.disk, &leaf, |told| match told {
                        Told::Delete(id) => rebuild.tell(id, None),
                        Told::Put(..) => Ok(()),
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Report damaged records. One that the old index speaks of was an object; unless there is another record or a loose
    /// file of it, it stays in the index, lest its damage pass for its absence. Others were torn by a crash, or are not
    /// known any more.
    fn judge_damaged(&mut self, progress: &mut Progress) -> Result<()> {
        let mut damaged: Vec<(ObjectId, Location)> = mem::take(&mut self.damaged);
        damaged.sort_unstable_by_key(|(id, location)| (*id, location.pack, location.offset));
        let mut known = vec![false; damaged.len()];
        for leaf in self.leaves.iter().filter(|_| !damaged.is_empty()) {
            salvage::read(&self.disk, leaf, |told| {
                // What the old index tells last of an id counts.
                let (Told::Put(id, _) | Told::Delete(id)) = told;
                let first = damaged.partition_point(|(other, _)| *other < id);
                let same = damaged[first..].iter().take_while(|(other, _)| *other == id);
                for (known, (_, place)) in known[first..].iter_mut().zip(same) {
                    *known = matches!(told, Told::Put(_, location) if location == *place);
                }
                Ok(())
            })?;
        }
        for ((id, location), known) in damaged.into_iter().zip(known) {
            let what = if self.rebuild.lookup(&id)?.is_some() || loose::is_sound(&self.disk, &id)? {
                "left out, as there is a sound copy of the object"
            } else if known {
                self.lost.push((id, location));
                "the object is damaged; restore the pack from a copy, or add the object again"
            } else {
                "left out: torn by a crash before it counted, or damaged"
            };
            progress.problems.push(Damage {
                file: place(&location),
                problem: format!("a record of object {id} does not hold its bytes: {what}"),
            });
        }
        Ok(())
    }
}

/// What keeps an object from being read at a place, if anything.
fn unreadable<D: Dir>(disk: &Disk<D>, id: &ObjectId, location: &Location) -> Result<Option<String>> {
    let path = layout::pack(location.pack);
    let found = match disk.open_read(&path) {
        Ok(file) => {
            let len = file.metadata().during("examine", &path)?.len;
            Scrub::record(Arc::new(file), *id, *location, len, &disk.tuning).and_then(Scrub::finish)
        }
        Err(Code::NotFound) => Ok(Some("the pack is missing".into())),
        Err(code) => return Err(code).during("open", &path),
    };
    let problem = match found {
        Ok(problem) => problem,
        Err(Error::Corrupt(damage)) => Some(damage.problem),
        Err(error) => return Err(error),
    };
    let whose = format!("object {id}: ");
    let remedy = "restore the pack from a copy, or add the object again";
    Ok(problem.map(|problem| format!("{}; {remedy}", problem.strip_prefix(&whose).unwrap_or(&problem))))
}

/// Whether a record of an object is at a place, as far as its header tells.
fn is_there<D: Dir>(dir: &D, id: &ObjectId, location: &Location) -> Result<bool> {
    match dir.open_read(&layout::pack(location.pack)) {
        Ok(file) => Ok(record_at(&file, id, location)?.is_ok()),
        Err(Code::NotFound | Code::Loop) => Ok(false),
        Err(code) => Err(code).during("open", &layout::pack(location.pack)),
    }
}

fn place(location: &Location) -> String {
    format!("{} at byte {}", layout::pack(location.pack), location.offset)
}

/// The container's directories, where they are missing.
fn make_directories<D: Dir>(disk: &Disk<D>) -> Result<()> {
    let mut any = false;
    for path in DIRECTORIES {
        match disk.create_dir(path) {
            Ok(()) => any = true,
            Err(Code::Exists) => {}
            Err(code) => return Err(code).during("create", path),
        }
    }
    if any { disk.flush.dir(&disk.dir, ".") } else { Ok(()) }
}
