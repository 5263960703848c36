//! Which packed object lies where.
//!
//! The newest entries are in a log, which is read into memory; all others are in sorted runs, which never are. Their
//! form on disk is described in [`format`](crate::format).

pub(crate) mod check;
mod copy;
mod fold;
mod list_writer;
mod log;
pub(crate) mod rebuild;
mod run;
mod run_writer;
pub(crate) mod salvage;
mod scan;
mod writer;

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use self::fold::Tail;
use self::log::Log;
use self::run::{Asked, Run};
pub(crate) use self::writer::IndexWriter;
use crate::dir::{Dir, File};
use crate::disk::Disk;
use crate::disk::small_file;
use crate::error::{Error, Result};
use crate::format::location::{Location, Place, Totals};
use crate::format::manifest::Manifest;
use crate::format::names::{self, MANIFEST};
use crate::id::ObjectId;

/// The location in an entry, or `None` if the object was deleted.
pub(crate) type Told = Option<Location>;

/// How far to trust a lookup that finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It may be due to damage.
    Quick,
    /// It is certain: the lines that would hold an entry, or the filters that tell of none, are as they were written.
    Checked,
}

/// How often opening is tried again when files vanish meanwhile, because a packer has replaced them.
const OPEN_ATTEMPTS: u32 = 100;

/// The index as this handle has last seen it.
pub(crate) struct Index<D: Dir> {
    disk: Disk<D>,
    manifest: Manifest,
    log: Log<D::File>,
    tail: Tail,
    /// The last place that an entry has, or ever had.
    reach: Option<Place>,
    /// Newest first.
    runs: Vec<Run<D::File>>,
    /// The order in which runs are asked for an id, as positions in `runs`.
    order: Vec<usize>,
    /// The id that was looked up last, if the runs are known not to have it: most are looked up again at once, to be
    /// certain.
    absent: Option<ObjectId>,
    /// Everything read so far has been made durable.
    settled: bool,
}

impl<D: Dir> Index<D> {
    /// Reads the manifest, the log and the first line of each run. Writes nothing.
    pub(crate) fn open(disk: &Disk<D>) -> Result<Self> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let manifest = read_manifest(&disk.dir)?;
            match Self::open_files(disk, &manifest)? {
                Err(path) => {
                    // Replaced between the manifest and the file; otherwise it is missing for good.
                    if attempts == OPEN_ATTEMPTS || read_manifest(&disk.dir)? == manifest {
                        let problem = "it is missing: `reindex` rebuilds the index";
                        return Err(Error::corrupt(path, problem));
                    }
                }
                Ok((log, mut runs)) => {
                    if runs.len() > 1 {
                        runs.iter().for_each(Run::prefetch_header);
                    }
                    runs.iter_mut().try_for_each(Run::read_header)?;
                    let order = order(&runs, &manifest);
                    let (disk, tail, reach) = (disk.clone(), Tail::new(), runs.iter().map(Run::reach).max().flatten());
                    let mut index =
                        Index { disk, manifest, log, tail, reach, runs, order, absent: None, settled: false };
                    index.read_on()?;
                    return Ok(index);
                }
            }
        }
    }

    /// The files that the manifest names, or the first that is missing.
    fn open_files(disk: &Disk<D>, manifest: &Manifest) -> Result<Result<Files<D>, String>> {
        let Some(log) = Log::open(disk, manifest.log, manifest.totals)? else {
            return Ok(Err(names::log(manifest.log)));
        };
        let mut runs = Vec::with_capacity(manifest.runs.len());
        for number in &manifest.runs {
            match Run::open(disk, names::run(*number))? {
                Some(run) => runs.push(run),
                None => return Ok(Err(names::run(*number))),
            }
        }
        Ok(Ok((log, runs)))
    }

    /// Takes in what others have committed since, or what was put in place of what is known; whether there was
    /// anything.
    pub(crate) fn refresh(&mut self) -> Result<bool> {
        let growth = self.log.growth()?;
        let same =
            growth != Ordering::Less && self.log.is_the_same()? && read_manifest(&self.disk.dir)? == self.manifest;
        if same && growth == Ordering::Equal {
            return Ok(false);
        }
        if same && let Ok(any) = self.read_on() {
            return Ok(any);
        }
        // Finding is believed when a fresh look finds it as well.
        *self = Index::open(&self.disk)?;
        Ok(true)
    }

    fn read_on(&mut self) -> Result<bool> {
        self.absent = None;
        let Index { log, tail, reach, .. } = self;
        let any = log.read_on(|id, location| {
            *reach = (*reach).max(location.map(|location| location.place()));
            tail.insert(id, location);
        })?;
        self.settled &= !any;
        Ok(any)
    }

    /// Records the newest location of an object.
    fn tell(&mut self, id: ObjectId, location: Option<Location>) {
        self.absent = None;
        self.reach = self.reach.max(location.map(|location| location.place()));
        self.tail.insert(id, location);
    }

    /// Where a packed object lies.
    pub(crate) fn lookup(&mut self, id: &ObjectId, trust: Trust) -> Result<Option<Location>> {
        if let Some(location) = self.tail.get(id) {
            return Ok(*location);
        }
        if self.absent == Some(*id) {
            return Ok(None);
        }
        let mut certain = true;
        let ahead = self.prefetch_fences(id);
        for number in 0..self.order.len() {
            if ahead && number < 2 {
                self.prefetch_blocks(number, id)?;
            }
            match self.runs[self.order[number]].ask(id, trust)? {
                Asked::Told(location) => return Ok(location),
                Asked::Denied => {}
                Asked::NotFound => certain = false,
            }
        }
        self.absent = certain.then_some(*id);
        Ok(None)
    }

    /// Tells what will be read of the first run in which an id is looked up, or of all the others, which are asked when
    /// that does not have it. All fences are read before anything is told, so that it can be fetched together.
    fn prefetch_blocks(&mut self, number: usize, id: &ObjectId) -> Result<()> {
        let asked = if number == 0 { &self.order[..1] } else { &self.order[number..] };
        let mut ahead = Vec::with_capacity(asked.len());
        for position in asked {
            ahead.push((*position, self.runs[*position].blocks_ahead(id)?));
        }
        for (position, range) in ahead {
            range.into_iter().for_each(|range| self.runs[position].prefetch(range));
        }
        Ok(())
    }

    /// Tells what will be read first to look an id up, if it will be read in several runs. Whether it was.
    fn prefetch_fences(&self, id: &ObjectId) -> bool {
        let ahead = self.unread_runs().count() > 1;
        if ahead {
            self.unread_runs().for_each(|run| run.prefetch_fences(id));
        }
        ahead
    }

    /// The runs of which fences have to be read before anything is found in them.
    fn unread_runs(&self) -> impl Iterator<Item = &Run<D::File>> {
        self.runs.iter().filter(|run| run.needs_fences())
    }

    /// Where packed objects lie, in the order of `ids`.
    pub(crate) fn lookup_many(&mut self, ids: &[ObjectId], trust: Trust) -> Result<Vec<Option<Location>>> {
        Ok(self.told_of(ids, trust)?.into_iter().map(Option::flatten).collect())
    }

    /// Returns the newest entries of objects, in the order of `ids`; `None` for an object without one.
    pub(crate) fn told_of(&mut self, ids: &[ObjectId], trust: Trust) -> Result<Vec<Option<Told>>> {
        let mut found: Vec<Option<Told>> = Vec::with_capacity(ids.len());
        // IDs without an entry so far, each with its prefix, which sorts faster than the ID.
        let mut open: Vec<(u64, u32)> = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            let told = self.tail.get(id).copied();
            found.push(told);
            if told.is_none() {
                open.push((id.prefix(), number as u32));
            }
        }
        // Sorted, so that each run is read from its start to its end, and blocks that hold several ids once.
        open.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| ids[a.1 as usize].cmp(&ids[b.1 as usize])));
        let sorted = || open.iter().map(|(_, number)| &ids[*number as usize]);
        if !open.is_empty() && self.unread_runs().count() > 1 {
            self.unread_runs().for_each(|run| run.prefetch_fences_of(sorted()));
        }
        for position in &self.order {
            if open.is_empty() {
                break;
            }
            let answers =
                self.runs[*position].lookup_sorted(open.iter().map(|(_, number)| &ids[*number as usize]), trust)?;
            let mut answers = answers.into_iter();
            open.retain(|(_, number)| {
                let told = answers.next().flatten();
                found[*number as usize] = told;
                told.is_none()
            });
        }
        Ok(found)
    }

    /// Returns the first pack number above all that the index has, or ever had, an entry for. A missing pack with a
    /// smaller number may be restored from a copy.
    pub(crate) fn next_pack(&self) -> u32 {
        self.reach.map_or(0, |(pack, _)| pack.saturating_add(1))
    }

    /// Returns the sums over all entries.
    pub(crate) fn totals(&self) -> Totals {
        self.log.totals()
    }
}

/// Reads the manifest.
pub(crate) fn read_manifest(dir: &impl Dir) -> Result<Manifest> {
    let damaged = |problem: &str| Error::corrupt(MANIFEST, problem);
    let bytes =
        small_file::read(dir, MANIFEST)?.ok_or_else(|| damaged("it is missing: `reindex` rebuilds the index"))?;
    Manifest::decode(&bytes).ok_or_else(|| damaged("it is malformed: `reindex` rebuilds the index"))
}

/// Returns the order in which runs are searched. Newer runs shadow older ones. If the entries of all runs sum to the
/// object count, there are no duplicates or deletions, so order is irrelevant and the largest run is searched first.
fn order<F: File>(runs: &[Run<F>], manifest: &Manifest) -> Vec<usize> {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    let entries = runs.iter().fold(0_u64, |entries, run| entries.saturating_add(run.entries()));
    if entries == manifest.totals.objects {
        order.sort_by_key(|position| Reverse(runs[*position].entries()));
    }
    order
}

type Files<D> = (Log<<D as Dir>::File>, Vec<Run<<D as Dir>::File>>);
