//! Building an index from nothing, out of entries that come in any order, in bounded memory.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::Trust;
use super::fold::{Tail, runs_to_merge, write_run};
use super::run::Run;
use super::writer::{IndexWriter, create_run, publish};
use crate::dir::Dir;
use crate::disk::Disk;
use crate::disk::small_file::create_incoming;
use crate::error::{Error, Result};
use crate::format::location::{Location, Place, Totals};
use crate::format::run_line::Entry;
use crate::id::ObjectId;

/// An index that is being built. Until it is finished its runs are files of `incoming`, so that nobody takes them for
/// what is left of an index.
pub(crate) struct Rebuild<D: Dir> {
    disk: Disk<D>,
    gathered: Tail,
    /// Newest first.
    runs: Vec<(String, Run<D::File>)>,
    /// Sums over the entries of the run written last.
    totals: Totals,
    /// The last place in the pack order among all locations so far.
    reach: Option<Place>,
}

impl<D: Dir> Rebuild<D> {
    /// Starts with no entries. The pack lock must be held.
    pub(crate) fn new(disk: &Disk<D>) -> Self {
        Rebuild { disk: disk.clone(), gathered: Tail::new(), runs: Vec::new(), totals: Totals::default(), reach: None }
    }

    /// Sets the entry of an object: where it lies, or that it is not packed.
    pub(crate) fn tell(&mut self, id: ObjectId, location: Option<Location>) -> Result<()> {
        self.gathered.insert(id, location);
        self.reach = self.reach.max(location.map(|location| location.place()));
        let tuning = &self.disk.tuning;
        if self.gathered.len() >= tuning.log_entries.saturating_mul(tuning.rebuild) {
            self.spill()?;
        }
        Ok(())
    }

    /// Returns where an object lies according to the entries so far.
    pub(crate) fn lookup(&mut self, id: &ObjectId) -> Result<Option<Location>> {
        if let Some(location) = self.gathered.get(id) {
            return Ok(*location);
        }
        for (_, run) in &mut self.runs {
            if let Some(location) = run.lookup(id, Trust::Quick)? {
                return Ok(location);
            }
        }
        Ok(None)
    }

    /// Writes a run of what is gathered and of the runs that have grown alike.
    fn spill(&mut self) -> Result<()> {
        let merged = runs_to_merge(self.gathered.len() as u64, self.runs.iter().map(|(_, run)| run.entries()));
        self.merge(merged)
    }

    /// Writes a run of what is gathered and of the `merged` newest runs.
    fn merge(&mut self, merged: usize) -> Result<()> {
        let (path, file) = create_incoming(&self.disk.dir)?;
        let (paths, runs): (Vec<String>, Vec<_>) = self.runs.drain(..merged).unzip();
        let disk = self.disk.unflushed();
        let written = write_run(&disk, (path.clone(), file), (&self.gathered, self.reach), &runs);
        // Closed first: some systems do not remove files that are open.
        drop(runs);
        remove(&self.disk.dir, paths);
        let opened = written.and_then(|totals| {
            self.totals = totals;
            let gone = || Error::corrupt(path.as_str(), "it was removed while the index was rebuilt: start again");
            let mut run = Run::open(&self.disk, path.clone())?.ok_or_else(gone)?;
            run.read_header()?;
            Ok(run)
        });
        self.gathered.clear();
        let run = opened.inspect_err(|_| remove(&self.disk.dir, [path.clone()]))?;
        self.runs.insert(0, (path, run));
        Ok(())
    }

    /// Merges all entries into one run. Returns the sums over them.
    pub(crate) fn settle(&mut self) -> Result<Totals> {
        if !self.gathered.is_empty() || self.runs.len() > 1 {
            self.merge(self.runs.len())?;
        }
        Ok(self.totals)
    }

    /// Returns up to `count` entries, sorted, starting at number `first`; none at the end. No entry may be set after
    /// the first call.
    pub(crate) fn entries(&mut self, first: u64, count: u64) -> Result<Vec<Entry>> {
        self.settle()?;
        self.runs.first().map_or(Ok(Vec::new()), |(_, run)| run.read_entries(first, count))
    }

    /// Returns the last place in the pack order among all locations so far.
    pub(crate) fn reach(&self) -> Option<Place> {
        self.reach
    }

    /// Makes it the index of the container, in place of whatever is there. `number`: no index file has it, or a greater
    /// one. `reach`: the last place that deletions may be about.
    pub(crate) fn finish(mut self, number: u32, reach: Option<Place>) -> Result<Totals> {
        let file = create_run(&self.disk.dir, number)?;
        let (paths, runs): (Vec<String>, Vec<_>) = self.runs.drain(..).unzip();
        let written = write_run(&self.disk, file, (&self.gathered, self.reach.max(reach)), &runs);
        drop(runs);
        remove(&self.disk.dir, paths);
        let totals = written?;
        publish(&self.disk, Vec::from([number]), totals)?;
        // It opens, and what it does not name is removed.
        IndexWriter::open(&self.disk)?;
        Ok(totals)
    }
}

impl<D: Dir> Drop for Rebuild<D> {
    fn drop(&mut self) {
        let (paths, runs): (Vec<String>, Vec<_>) = mem::take(&mut self.runs).into_iter().unzip();
        drop(runs);
        remove(&self.disk.dir, paths);
    }
}

/// Removes files. One that cannot be removed is left for `clean`.
fn remove(dir: &impl Dir, paths: impl IntoIterator<Item = String>) {
    for path in paths {
        let _ = dir.remove_file(&path);
    }
}
