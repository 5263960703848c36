//! Rebuilding the index from the packs, and from what can still be read of the old one.

mod deletions;
mod keep;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::ops::ControlFlow;

use self::deletions::Deletions;
use self::keep::Keep;
use super::{Job, Progress, Running, Work};
use crate::container::Container;
use crate::dir::Dir;
use crate::disk::Disk;
use crate::disk::small_file::make_directory;
use crate::error::{Context as _, Error, Finding, Result};
use crate::format::location::{Location, Totals};
use crate::format::names::{self, DIRECTORIES};
use crate::index::rebuild::Rebuild;
use crate::index::salvage::{self, Leaf, Remains};
use crate::pack::check::Inspection;
use crate::pack::flush::flush_all;
use crate::pack::walk::Record;
use crate::packer::session::PackerSession;

/// Rebuilds the index. Units of progress are bytes of packs.
struct Reindex<D: Dir> {
    rebuild: Rebuild<D>,
    /// The readable entries of the old index.
    old: Rebuild<D>,
    /// The totals that the old index states; `None` if a part of it cannot be read.
    totals: Option<Totals>,
    /// The old index is whole: a record without an entry in it was never committed.
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
    session: PackerSession<D>,
}

enum Stage<D: Dir> {
    /// Reads the old index.
    Read,
    /// Walks through the packs.
    Walk(Option<Inspection<D::File>>),
    /// Looks at entries of the old index whose records the walk has not met.
    Keep(Keep<D::File>),
}

impl<D: Dir> Container<D> {
    /// Starts to rebuild the index from the packs and whatever is left of the old index. Every record is read, and
    /// counts when it holds the object that its header names. Deletions that can still be read in the old index are
    /// kept, and so are its entries whose records are not met: no object that reads, and no loss that is known,
    /// becomes absent. What cannot be read is stepped over and reported. The old index stays until the new one takes
    /// its place. Units of progress are bytes of packs; the objects counted are those of the new index.
    ///
    /// When the index does not open, it needs a handle of [`Container::open_damaged`].
    ///
    /// # Errors
    /// [`Error::Locked`] when a packer is at work; [`Error::Io`] when a pack does not open or a directory that is
    /// missing cannot be made.
    pub fn reindex(&self) -> Result<impl Job + use<D>> {
        let session = PackerSession::open(self)?;
        make_directories(&session.disk)?;
        // Packs are durable before the new index refers to them.
        let (packs, unopened) = flush_all(&session.disk)?;
        // The objects of an unreadable pack would be left out.
        if let Some(failure) = unopened.into_iter().next() {
            return Err(Error::Io(failure));
        }
        let disk = &session.disk;
        let Remains { leaves, number, totals, unreadable } = salvage::remains(&disk.dir)?;
        let mut progress = Progress::of(packs.values().sum::<u64>() + 1);
        progress.problems.extend(unreadable);
        let work = Reindex {
            rebuild: Rebuild::new(disk),
            old: Rebuild::new(disk),
            totals,
            complete: false,
            number,
            stage: Stage::Read,
            unread: leaves.into(),
            deletions: Deletions::default(),
            packs: packs.into_iter().collect(),
            done: 0,
            session,
        };
        Ok(Running::new(work, progress))
    }
}

impl<D: Dir> Work for Reindex<D> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        let flow = self.piece(progress)?;
        progress.done = self.walked();
        Ok(flow)
    }

    fn finish(self, progress: &mut Progress) -> Result<()> {
        let Reindex { rebuild, old, number, session: _session, .. } = self;
        let reach = old.reach();
        // Its files are gone before the new index is written.
        drop(old);
        let totals = rebuild.finish(number, reach)?;
        (progress.objects, progress.bytes) = (totals.objects, totals.size);
        Ok(())
    }
}

impl<D: Dir> Reindex<D> {
    /// Bytes of packs that have been walked through.
    fn walked(&self) -> u64 {
        let here = match &self.stage {
            Stage::Walk(Some(inspection)) => inspection.walk().position(),
            _ => 0,
        };
        self.done + here
    }

    /// Does a piece of the work. Breaks when nothing is left but to write the index.
    fn piece(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        let disk = &self.session.disk;
        match &mut self.stage {
            Stage::Read => match self.unread.pop_front() {
                Some(leaf) => {
                    let found = self.deletions.look_through(disk, leaf, &mut self.old)?;
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
                    let path = names::pack(number);
                    let file = disk.open_read(&path).during("open", &path)?;
                    *walk = Some(Inspection::new(Arc::new(file), number, len, &disk.tuning));
                }
                None => {
                    self.deletions.apply_all(disk, &mut self.rebuild)?;
                    self.stage = Stage::Keep(Keep::default());
                }
            },
            Stage::Keep(keep) => return keep.step(disk, &mut self.old, &mut self.rebuild, progress),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn take(&mut self, record: &Record, sound: bool, progress: &mut Progress) -> Result<()> {
        let Record { id, location, .. } = record;
        if sound {
            self.deletions.apply_before(location.place(), &self.session.disk, &mut self.rebuild)?;
            self.rebuild.tell(*id, Some(*location))?;
            progress.objects += 1;
            progress.bytes = progress.bytes.saturating_add(location.size);
        } else if self.old.lookup(id)? != Some(*location) {
            // A record that has an entry in the old index is checked together with that entry.
            let why = "does not match its ID, and was left out: torn by a crash before it was committed, or damaged";
            self.tell(place(location), format!("a record of object {id} {why}"), progress);
        }
        Ok(())
    }

    fn tell_unused(&self, number: u32, unused: u64, progress: &mut Progress) {
        if unused > 0 {
            let problem = format!("{unused} bytes are no record: left by packers that were killed, or damaged");
            self.tell(names::pack(number), problem, progress);
        }
    }

    /// Reports what is no object. Of a whole index it is known that nothing is lost with it.
    fn tell(&self, file: String, message: String, progress: &mut Progress) {
        let to = if self.complete { &mut progress.notes } else { &mut progress.problems };
        to.push(Finding { file, message });
    }
}

fn place(location: &Location) -> String {
    format!("{} at byte {}", names::pack(location.pack), location.offset)
}

/// The container's directories, where they are missing. Whoever made them before may not have flushed.
fn make_directories<D: Dir>(disk: &Disk<D>) -> Result<()> {
    for path in DIRECTORIES {
        make_directory(&disk.dir, path)?;
    }
    disk.flush.dir(&disk.dir, ".")
}
