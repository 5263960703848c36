//! Which packed object lies where.
//!
//! The interface that the rest of the store uses is [`Index`]; what it keeps on disk is told in
//! [`layout`](crate::layout).

pub(crate) mod line;
mod log;
mod manifest;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Bound;

pub use self::line::{Location, Totals};
use self::log::{Log, LogWriter};
pub(crate) use self::manifest::Manifest;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::flush::Flush;
use crate::id::ObjectId;

/// A change of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The object lies there from now on.
    Put(ObjectId, Location),
    /// The object is no longer packed.
    Delete(ObjectId),
}

/// The index as this handle has last seen it.
pub(crate) struct Index<D: Dir> {
    dir: D,
    manifest: Manifest,
    log: Log<D::File>,
    entries: BTreeMap<ObjectId, Location>,
}

impl<D: Dir> Index<D> {
    /// Read the index. Writes nothing.
    pub(crate) fn open(dir: D) -> Result<Self> {
        let manifest = Manifest::read(&dir)?;
        let log = Log::open(&dir, manifest.log)?;
        let mut index = Index { dir, manifest, log, entries: BTreeMap::new() };
        index.read_on()?;
        Ok(index)
    }

    /// Take in what others have committed since; whether there was anything.
    pub(crate) fn refresh(&mut self) -> Result<bool> {
        let manifest = Manifest::read(&self.dir)?;
        match self.log.growth()? {
            Ordering::Equal if manifest == self.manifest => Ok(false),
            Ordering::Greater if manifest == self.manifest => self.read_on(),
            _ => {
                *self = Index::open(self.dir.clone())?;
                Ok(true)
            }
        }
    }

    fn read_on(&mut self) -> Result<bool> {
        let entries = &mut self.entries;
        self.log.read_on(|change| apply(entries, change))
    }

    /// Where a packed object lies.
    pub(crate) fn lookup(&mut self, id: &ObjectId) -> Result<Option<Location>> {
        Ok(self.entries.get(id).copied())
    }

    /// Where packed objects lie, in the order of `ids`.
    pub(crate) fn lookup_many(&mut self, ids: &[ObjectId]) -> Result<Vec<Option<Location>>> {
        ids.iter().map(|id| self.lookup(id)).collect()
    }

    /// At most `limit` entries from `start` on, sorted.
    pub(crate) fn scan(&mut self, start: Bound<&ObjectId>, limit: usize) -> Result<Vec<(ObjectId, Location)>> {
        let range = self.entries.range::<ObjectId, _>((start, Bound::Unbounded));
        Ok(range.take(limit).map(|(id, location)| (*id, *location)).collect())
    }

    /// What all entries add up to.
    pub(crate) fn totals(&self) -> Totals {
        self.log.totals()
    }

    /// Become the one who appends; the packer's place must be held. What an earlier packer left uncommitted is cut off,
    /// and what it committed is made durable, as it may have been killed in between.
    pub(crate) fn appender(mut self, flush: Flush) -> Result<IndexAppender<D>> {
        self.refresh()?;
        let writer = self.log.writer(&self.dir, flush)?;
        Ok(IndexAppender { index: self, writer, failed: false })
    }
}

/// The index in the hands of the packer.
pub(crate) struct IndexAppender<D: Dir> {
    index: Index<D>,
    writer: LogWriter<D::File>,
    failed: bool,
}

impl<D: Dir> IndexAppender<D> {
    /// The index, everything appended included.
    pub(crate) fn index(&mut self) -> &mut Index<D> {
        &mut self.index
    }

    /// Append changes and commit them: all of them count, or none. After a failure nothing more can be appended.
    pub(crate) fn append(&mut self, changes: &[Change]) -> Result<()> {
        if self.failed {
            return Err(Error::WriterFailed);
        }
        let mut totals = self.index.totals();
        for change in changes {
            let (id, new) = match change {
                Change::Put(id, location) => (id, Some(location)),
                Change::Delete(id) => (id, None),
            };
            if let Some(old) = self.index.entries.get(id) {
                totals.subtract(old);
            }
            if let Some(new) = new {
                totals.add(new);
            }
        }
        self.failed = true;
        self.writer.append(&mut self.index.log, changes, totals)?;
        self.failed = false;
        for change in changes {
            apply(&mut self.index.entries, *change);
        }
        Ok(())
    }
}

fn apply(entries: &mut BTreeMap<ObjectId, Location>, change: Change) {
    match change {
        Change::Put(id, location) => {
            entries.insert(id, location);
        }
        Change::Delete(id) => {
            entries.remove(&id);
        }
    }
}
