//! The index in the hands of the packer: appending, folding, and removing what is no longer live.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::fold::{runs_to_merge, write_run};
use super::log::LogWriter;
use super::{Index, Run};
use crate::dir::{Dir, Kind};
use crate::disk::Disk;
use crate::disk::small_file;
use crate::error::{Code, Context as _, Error, Result};
use crate::format::location::{Location, Totals};
use crate::format::manifest::Manifest;
use crate::format::names::{self, INDEX, MANIFEST};
use crate::format::run_line::Entry;
use crate::id::ObjectId;

/// Makes the file of a run.
pub(super) fn create_run<D: Dir>(dir: &D, number: u32) -> Result<(String, D::File)> {
    let path = names::run(number);
    let file = dir.create_new(&path).during("create", &path)?;
    Ok((path, file))
}

/// Makes runs, the newest of which comes first and has the greatest number, and an empty log the index. `totals`: what
/// the entries of the runs add up to.
pub(super) fn publish<D: Dir>(disk: &Disk<D>, runs: Vec<u32>, totals: Totals) -> Result<()> {
    let Disk { dir, flush, .. } = disk;
    let newest = runs.first().copied().unwrap_or(0);
    let log = newest.checked_add(1).ok_or_else(|| Error::Other("no number is left for an index file".into()))?;
    let path = names::log(log);
    let file = dir.create_new(&path).during("create", &path)?;
    flush.file(&file, &path)?;
    // The entries of all files are durable before the manifest speaks of them.
    flush.dir(dir, INDEX)?;
    let manifest = Manifest { log, runs, totals, written: dir.now() };
    small_file::replace(dir, MANIFEST, &manifest.encode(), flush)?;
    // COMMIT: of everything that is folded or rebuilt. Cut at by `store::crash`.
    flush.dir(dir, INDEX)
}

impl<D: Dir> Index<D> {
    /// Makes the index durable: whoever wrote it may have been killed before its flush, or have flushed nothing.
    pub(crate) fn settle(&self) -> Result<()> {
        let Disk { dir, flush, .. } = &self.disk;
        self.log.flush(flush)?;
        self.runs.iter().try_for_each(|run| run.flush(flush))?;
        let manifest = dir.open_read(MANIFEST).during("open", MANIFEST)?;
        flush.file(&manifest, MANIFEST)?;
        flush.dir(dir, INDEX)
    }

    /// Does the same unless it has been done since the index last changed.
    pub(crate) fn settle_once(&mut self) -> Result<()> {
        if !self.settled {
            self.settle()?;
            self.settled = true;
        }
        Ok(())
    }
}

/// The index in the hands of the packer.
pub(crate) struct IndexWriter<D: Dir> {
    index: Index<D>,
    /// `None` if the log must not be changed: the next batch is folded.
    log: Option<LogWriter<D::File>>,
    failed: bool,
}

impl<D: Dir> IndexWriter<D> {
    /// Starts to write the index; the pack lock must be held. Uncommitted remains of an earlier packer are cut off or
    /// removed. What it committed is made durable, runs and manifest included: it may have been killed before its
    /// flush, or have skipped flushes.
    pub(crate) fn open(disk: &Disk<D>) -> Result<Self> {
        let index = Index::open(disk)?;
        index.settle()?;
        let log = index.log.writer(disk)?;
        let mut writer = IndexWriter { index, log, failed: false };
        writer.remove_leftovers()?;
        Ok(writer)
    }

    /// The index, everything appended included.
    pub(crate) fn index(&mut self) -> &mut Index<D> {
        &mut self.index
    }

    /// Record where objects lie, and commit that: all of them count, or none. `replaced`: the locations that the index
    /// has of some of them. After a failure nothing more can be recorded.
    pub(crate) fn put<'a>(
        &mut self,
        entries: impl ExactSizeIterator<Item = (&'a ObjectId, &'a Location)> + Clone,
        replaced: &[Location],
    ) -> Result<()> {
        self.append(entries.map(|(id, location)| (*id, Some(*location))), replaced.iter())
    }

    /// Records that the objects at these locations are no longer packed, and commits that as [`IndexWriter::put`] does.
    pub(crate) fn delete(&mut self, deleted: &[(ObjectId, Location)]) -> Result<()> {
        self.append(deleted.iter().map(|(id, _)| (*id, None)), deleted.iter().map(|(_, location)| location))
    }

    fn append<'a>(
        &mut self,
        entries: impl ExactSizeIterator<Item = Entry> + Clone,
        replaced: impl Iterator<Item = &'a Location>,
    ) -> Result<()> {
        if self.failed {
            return Err(Error::WriterFailed);
        }
        self.failed = true;
        let mut totals = self.index.totals();
        entries.clone().filter_map(|(_, location)| location).for_each(|location| totals.add(&location));
        replaced.for_each(|location| totals.remove(location));
        let many = self.index.tail.len() + entries.len() >= self.index.disk.tuning.log_entries;
        let appended = match &mut self.log {
            Some(log) if !many && !log.is_linked(&self.index.log)? => {
                log.append(&mut self.index.log, entries.clone(), totals)?;
                true
            }
            _ => false,
        };
        entries.for_each(|(id, location)| self.index.tell(id, location));
        if !appended {
            let Index { tail, runs, .. } = &self.index;
            let merged = runs_to_merge(tail.len() as u64, runs.iter().map(Run::entries));
            self.fold(totals, merged)?;
        }
        self.failed = false;
        Ok(())
    }

    /// Merges the log and all runs into one run, and starts an empty log. Does nothing if there is nothing to merge.
    pub(crate) fn fold_all(&mut self) -> Result<()> {
        if self.failed {
            return Err(Error::WriterFailed);
        }
        let Index { tail, runs, .. } = &self.index;
        let merged = runs.len();
        if !tail.is_empty() || merged > 1 {
            self.failed = true;
            self.fold(self.index.totals(), merged)?;
            self.failed = false;
        }
        Ok(())
    }

    /// Writes a run of the log's entries, the entries to be appended and the `merged` newest runs, and starts an empty
    /// log.
    fn fold(&mut self, totals: Totals, merged: usize) -> Result<()> {
        let Index { disk, manifest, tail, reach, runs, .. } = &mut self.index;
        let number = manifest.next_number()?;
        let file = create_run(&disk.dir, number)?;
        write_run(disk, file, (tail, *reach), &runs[..merged])?;
        let older = manifest.runs[merged..].iter().copied();
        publish(disk, core::iter::once(number).chain(older).collect(), totals)?;
        let newest = Index::open(disk)?;
        let old = mem::replace(&mut self.index, newest);
        self.log = self.index.log.writer(&self.index.disk)?;
        // Closed first: some systems do not remove files that are open.
        drop(old);
        self.remove_leftovers()
    }

    fn remove_leftovers(&mut self) -> Result<()> {
        remove_unnamed(&self.index.disk.dir, &self.index.manifest)
    }
}

/// Removes index files that the manifest does not name: replaced ones, and what a killed packer left. A reader that has
/// one of them open reads on, and sees the newer index when it looks for it.
pub(super) fn remove_unnamed(dir: &impl Dir, manifest: &Manifest) -> Result<()> {
    for entry in dir.list(INDEX).during("list", INDEX)? {
        if manifest.names(&entry.name) || entry.kind != Kind::File {
            continue;
        }
        let path: String = format!("{INDEX}/{}", entry.name);
        match dir.remove_file(&path) {
            // A file that cannot be removed while a reader has it open is left for the next packer.
            Ok(()) | Err(Code::NotFound | Code::Busy | Code::Access) => {}
            Err(code) => return Err(code).during("remove", &path),
        }
    }
    Ok(())
}
