//! Which packed object lies where.
//!
//! The newest entries are in a log, which is read into memory; the others are in sorted runs, which never are. What they
//! look like on disk is told in [`layout`](crate::layout).

pub(crate) mod check;
mod entry;
mod fences;
mod fold;
pub(crate) mod line;
mod log;
mod manifest;
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
pub use self::line::{Location, Totals};
use self::log::Log;
pub(crate) use self::manifest::Manifest;
use self::run::Run;
pub(crate) use self::writer::IndexWriter;
use crate::dir::{Dir, File};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::id::ObjectId;
use crate::layout;

/// How often opening is tried again when files vanish meanwhile, because a packer has replaced them.
const OPEN_ATTEMPTS: u32 = 100;

/// The index as this handle has last seen it.
pub(crate) struct Index<D: Dir> {
    disk: Disk<D>,
    manifest: Manifest,
    log: Log<D::File>,
    tail: Tail,
    /// Newest first.
    runs: Vec<Run<D::File>>,
    /// The order in which runs are asked for an id, as positions in `runs`.
    order: Vec<usize>,
    /// What it tells has been made durable.
    settled: bool,
}

impl<D: Dir> Index<D> {
    /// Read the manifest, the log and the first line of each run. Writes nothing.
    pub(crate) fn open(disk: &Disk<D>) -> Result<Self> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let manifest = Manifest::read(&disk.dir)?;
            match Self::open_files(disk, &manifest)? {
                Err(path) => {
                    // Replaced between the manifest and the file; otherwise it is missing for good.
                    if attempts == OPEN_ATTEMPTS || Manifest::read(&disk.dir)? == manifest {
                        let problem = "it is missing: rebuild the index with `loosepack reindex`";
                        return Err(Error::corrupt(path, problem));
                    }
                }
                Ok((log, mut runs)) => {
                    runs.iter_mut().try_for_each(Run::read_header)?;
                    let order = order(&runs, &manifest);
                    let mut index =
                        Index { disk: disk.clone(), manifest, log, tail: Tail::new(), runs, order, settled: false };
                    index.read_on()?;
                    return Ok(index);
                }
            }
        }
    }

    /// The files that the manifest names, or the first that is missing.
    fn open_files(disk: &Disk<D>, manifest: &Manifest) -> Result<Result<Files<D>, String>> {
        let Some(log) = Log::open(disk, manifest.log, manifest.totals)? else {
            return Ok(Err(layout::log(manifest.log)));
        };
        let mut runs = Vec::with_capacity(manifest.runs.len());
        for number in &manifest.runs {
            match Run::open(disk, layout::run(*number))? {
                Some(run) => runs.push(run),
                None => return Ok(Err(layout::run(*number))),
            }
        }
        Ok(Ok((log, runs)))
    }

    /// Take in what others have committed since, or what was put in place of what is known; whether there was anything.
    pub(crate) fn refresh(&mut self) -> Result<bool> {
        let growth = self.log.growth()?;
        let same =
            growth != Ordering::Less && self.log.is_the_same()? && Manifest::read(&self.disk.dir)? == self.manifest;
        if same && growth == Ordering::Equal {
            return Ok(false);
        }
        if same && let Ok(any) = self.read_on() {
            return Ok(any);
        }
        // Damage is believed when a fresh look finds it as well.
        *self = Index::open(&self.disk)?;
        Ok(true)
    }

    fn read_on(&mut self) -> Result<bool> {
        let tail = &mut self.tail;
        let any = self.log.read_on(|id, location| {
            tail.insert(id, location);
        })?;
        self.settled &= !any;
        Ok(any)
    }

    /// Where a packed object lies. `None` is not certain: see [`Index::lookup_certain`].
    pub(crate) fn lookup(&mut self, id: &ObjectId) -> Result<Option<Location>> {
        if let Some(location) = self.tail.get(id) {
            return Ok(*location);
        }
        for position in &self.order {
            if let Some(location) = self.runs[*position].lookup(id)? {
                return Ok(location);
            }
        }
        Ok(None)
    }

    /// Where a packed object lies. `None` is certain: the lines that would tell of it are as they were written, so that
    /// damage to them does not pass for its absence.
    pub(crate) fn lookup_certain(&mut self, id: &ObjectId) -> Result<Option<Location>> {
        if let Some(location) = self.tail.get(id) {
            return Ok(*location);
        }
        for position in &self.order {
            if let Some(location) = self.runs[*position].lookup_certain(id)? {
                return Ok(location);
            }
        }
        Ok(None)
    }

    /// Where packed objects lie, in the order of `ids`. `None` is not certain.
    pub(crate) fn lookup_many(&mut self, ids: &[ObjectId]) -> Result<Vec<Option<Location>>> {
        self.lookup_each(ids, false)
    }

    /// The same, and `None` is certain: see [`Index::lookup_certain`].
    pub(crate) fn lookup_many_certain(&mut self, ids: &[ObjectId]) -> Result<Vec<Option<Location>>> {
        self.lookup_each(ids, true)
    }

    fn lookup_each(&mut self, ids: &[ObjectId], certain: bool) -> Result<Vec<Option<Location>>> {
        let mut found: Vec<Option<Location>> = Vec::with_capacity(ids.len());
        // What no part has told of so far, with the prefix of each id, which sorts faster than the id.
        let mut open: Vec<(u64, u32)> = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            let told = self.tail.get(id);
            found.push(told.copied().flatten());
            if told.is_none() {
                open.push((id.prefix(), number as u32));
            }
        }
        // Sorted, so that each run is read from its start to its end, and blocks that hold several ids once.
        open.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| ids[a.1 as usize].cmp(&ids[b.1 as usize])));
        for position in &self.order {
            if open.is_empty() {
                break;
            }
            let answers =
                self.runs[*position].lookup_sorted(open.iter().map(|(_, number)| &ids[*number as usize]), certain)?;
            let mut answers = answers.into_iter();
            open.retain(|(_, number)| match answers.next().flatten() {
                Some(location) => {
                    found[*number as usize] = location;
                    false
                }
                None => true,
            });
        }
        Ok(found)
    }

    /// The first number that no pack has which the index tells of, or ever told of. A pack of a lesser one that is missing may
    /// come back from a copy.
    pub(crate) fn next_pack(&self) -> u32 {
        let told = self.tail.values().flatten().map(|location| location.pack.saturating_add(1)).max();
        self.manifest.next_pack.max(told.unwrap_or(0))
    }

    /// What all entries add up to.
    pub(crate) fn totals(&self) -> Totals {
        self.log.totals()
    }
}

/// The newest run that tells of an id counts. But when the entries of all runs are as many as there are objects, no two
/// tell of the same id and none tells of a deletion: then large ones are asked first, as most ids are in them.
fn order<F: File>(runs: &[Run<F>], manifest: &Manifest) -> Vec<usize> {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    let entries = runs.iter().fold(0_u64, |entries, run| entries.saturating_add(run.entries()));
    if entries == manifest.totals.objects {
        order.sort_by_key(|position| Reverse(runs[*position].entries()));
    }
    order
}

type Files<D> = (Log<<D as Dir>::File>, Vec<Run<<D as Dir>::File>>);
