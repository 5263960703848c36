//! Rebuilding the index from the packs, and from what can still be read of the old one.

mod deletions;
mod keep;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use self::deletions::Deletions;
use self::keep::Keep;
use super::clean::flush_packs;
use super::{Job, Progress};
use crate::container::Container;
use crate::dir::Dir;
use crate::disk::Disk;
use crate::error::{Context as _, Damage, Error, Result};
use crate::index::rebuild::Rebuild;
use crate::index::salvage::{self, Leaf, Remains};
use crate::index::{Location, Totals};
use crate::layout::{self, DIRECTORIES};
use crate::lock::PackerLock;
use crate::pack::check::Inspection;
use crate::pack::walk::Record;
use crate::small_file::make_directory;

/// The job that rebuilds the index from the packs, whatever is left of the old one. Every record is read, and counts when
/// it holds the object that its header says. Deletions that can still be read in the old index are kept, and so are its
/// entries whose records the walk does not meet: no object that reads, and no loss that is known, becomes absent. What
/// cannot be read is stepped over and reported. The old index stays until the new one takes its place. Units of progress
/// are bytes of packs; its objects are those of the new index.
///
/// It needs a container of [`Container::open_damaged`] when the index does not open.
pub struct Reindex<D: Dir> {
    work: Option<Work<D>>,
    progress: Progress,
}

struct Work<D: Dir> {
    disk: Disk<D>,
    rebuild: Rebuild<D>,
    /// What the old index tells, as far as it can be read.
    old: Rebuild<D>,
    /// What all of it adds up to, as it says itself; `None` when some of it cannot be read.
    totals: Option<Totals>,
    /// The old index is whole: what it does not tell of never counted.
    complete: bool,
    /// The first number that no index file has.
    number: u32,
    stage: Stage<D>,
    /// Files of the old index, oldest first, that have not been looked through.
    unread: VecDeque<Leaf>,
    deletions: Deletions,
    /// Packs that have not been walked through, and their lengths, which are durable.
    packs: VecDeque<(u32, u64)>,
    /// Bytes of the packs that are done.
    done: u64,
    _lock: PackerLock<D>,
}

enum Stage<D: Dir> {
    /// Reads the old index.
    Read,
    /// Walks through the packs.
    Walk(Option<Inspection<D::File>>),
    /// Looks at entries of the old index whose records the walk has not met.
    Keep(Keep<D::File>),
}

impl<D: Dir> Reindex<D> {
    /// Take the packer's place of a container.
    ///
    /// # Errors
    /// [`Error::Locked`] when it is taken; [`Error::Io`] when a pack does not open or a directory that is missing cannot be
    /// made.
    pub fn new(container: &Container<D>) -> Result<Self> {
        container.check_writable()?;
        let disk = container.disk.clone();
        make_directories(&disk)?;
        let lock = PackerLock::acquire(&disk.dir, &container.options.holder)?;
        // What the new index speaks of is made durable before it does.
        let (packs, unopened) = flush_packs(&disk)?;
        // What it holds would be left out.
        if let Some(failure) = unopened.into_iter().next() {
            return Err(Error::Io(failure));
        }
        let Remains { leaves, number, totals, unreadable } = salvage::remains(&disk.dir)?;
        let problems = unreadable.into_iter().collect();
        let total = packs.values().sum::<u64>() + 1;
        let work = Work {
            rebuild: Rebuild::new(&disk),
            old: Rebuild::new(&disk),
            totals,
            complete: false,
            number,
            stage: Stage::Read,
            unread: leaves.into(),
            deletions: Deletions::default(),
            packs: packs.into_iter().collect(),
            done: 0,
            disk,
            _lock: lock,
        };
        Ok(Reindex { work: Some(work), progress: Progress { total, problems, ..Progress::default() } })
    }
}

impl<D: Dir> Job for Reindex<D> {
    fn step(&mut self) -> Result<Progress> {
        if !self.progress.finished {
            // Taken out, so that a failure gives up the packer's place and ends the job.
            let mut work = self.work.take().ok_or(Error::WriterFailed)?;
            if work.advance(&mut self.progress)? {
                let Work { rebuild, old, number, _lock, .. } = work;
                // Its files are gone before the new index is written.
                drop(old);
                let totals = rebuild.finish(number)?;
                (self.progress.objects, self.progress.bytes) = (totals.objects, totals.size);
                (self.progress.done, self.progress.finished) = (self.progress.total, true);
            } else {
                self.progress.done = work.walked();
                self.work = Some(work);
            }
        }
        Ok(self.progress.step())
    }
}

impl<D: Dir> Work<D> {
    /// Bytes of packs that have been walked through.
    fn walked(&self) -> u64 {
        let here = match &self.stage {
            Stage::Walk(Some(inspection)) => inspection.walk().position(),
            _ => 0,
        };
        self.done + here
    }

    /// Do a piece of the work; whether nothing is left but to write the index.
    fn advance(&mut self, progress: &mut Progress) -> Result<bool> {
        match &mut self.stage {
            Stage::Read => match self.unread.pop_front() {
                Some(leaf) => {
                    let found = self.deletions.look_through(&self.disk, leaf, &mut self.old)?;
                    self.totals =
                        self.totals.filter(|_| found.unreadable.is_none()).map(|before| found.totals.unwrap_or(before));
                    progress.problems.extend(found.unreadable);
                }
                None => {
                    self.complete = Some(self.old.settle()?) == self.totals;
                    self.stage = Stage::Walk(None);
                }
            },
            Stage::Walk(Some(inspection)) => {
                let records = inspection.next();
                let number = inspection.walk().number();
                let unreadable = inspection.take_unreadable().into_iter();
                progress.problems.extend(unreadable.map(|unreadable| unreadable.damage(number)));
                match records {
                    Some(records) => {
                        records.iter().try_for_each(|(record, sound)| self.take(record, *sound, progress))?;
                    }
                    None => {
                        self.done += inspection.walk().len();
                        let unused = inspection.walk().unused();
                        self.tell_unused(number, unused, progress);
                        self.stage = Stage::Walk(None);
                    }
                }
            }
            Stage::Walk(walk) => match self.packs.pop_front() {
                Some((number, len)) => {
                    let path = layout::pack(number);
                    let file = self.disk.open_read(&path).during("open", &path)?;
                    *walk = Some(Inspection::new(Arc::new(file), number, len, &self.disk.tuning));
                }
                None => {
                    self.deletions.apply_all(&self.disk, &mut self.rebuild)?;
                    self.stage = Stage::Keep(Keep::default());
                }
            },
            Stage::Keep(keep) => return keep.step(&self.disk, &mut self.old, &mut self.rebuild, progress),
        }
        Ok(false)
    }

    fn take(&mut self, record: &Record, sound: bool, progress: &mut Progress) -> Result<()> {
        let Record { id, location, .. } = record;
        if sound {
            self.deletions.apply_before((location.pack, location.offset), &self.disk, &mut self.rebuild)?;
            self.rebuild.tell(*id, Some(*location))?;
            progress.objects += 1;
            progress.bytes = progress.bytes.saturating_add(location.size);
        } else if self.old.lookup(id)? != Some(*location) {
            // One that the old index tells of is looked at when its entries are.
            let why = "does not hold its bytes, and was left out: torn by a crash before it counted, or damaged";
            self.tell(place(location), format!("a record of object {id} {why}"), progress);
        }
        Ok(())
    }

    fn tell_unused(&self, number: u32, unused: u64, progress: &mut Progress) {
        if unused > 0 {
            let problem = format!("{unused} bytes are no record: left by packers that were killed, or damaged");
            self.tell(layout::pack(number), problem, progress);
        }
    }

    /// Report what is no object. Of a whole index it is known that nothing is lost with it.
    fn tell(&self, file: String, problem: String, progress: &mut Progress) {
        let to = if self.complete { &mut progress.notes } else { &mut progress.problems };
        to.push(Damage { file, problem });
    }
}

fn place(location: &Location) -> String {
    format!("{} at byte {}", layout::pack(location.pack), location.offset)
}

/// The container's directories, where they are missing. Whoever made them before may not have flushed.
fn make_directories<D: Dir>(disk: &Disk<D>) -> Result<()> {
    for path in DIRECTORIES {
        make_directory(&disk.dir, path)?;
    }
    disk.flush.dir(&disk.dir, ".")
}
