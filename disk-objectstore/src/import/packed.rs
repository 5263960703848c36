//! Their packed objects, pack by pack.

use loosepack::{Finding, ObjectId};

use super::removal::PackLock;
use super::{Importing, cannot_read};
use crate::Error;
use crate::index::{Index, Read};
use crate::layout::{INDEX, pack};
use crate::source::Opened;

/// The pack whose rows are being met.
struct InPack {
    /// `None`: not a number.
    number: Option<i64>,
    file: Result<Opened, String>,
    /// Its rows of the snapshot.
    first: i64,
    last: i64,
    /// It is to be removed.
    lock: Option<PackLock>,
}

impl Importing<'_, '_, '_> {
    /// Imports all packed objects. `again`: the index is read again if it has changed, so that what cannot be found is no
    /// problem yet.
    pub(super) fn packed(&mut self, index: &mut Index<'_>, again: bool) -> Result<(), Error> {
        let (mut after, mut current): (i64, Option<InPack>) = (0, None);
        loop {
            let page = index.page(after, self.config.hash)?;
            let Some(last) = page.last() else { break };
            after = last.number;
            let present = self.present(&page)?;
            for (read, present) in page.into_iter().zip(present) {
                if current.as_ref().is_none_or(|current| current.number != read.pack) {
                    self.end_pack(index, current.take())?;
                    current = Some(self.start_pack(&read));
                }
                let Some(current) = &mut current else { continue };
                current.last = read.number;
                self.counts.done += 1;
                let key = read.row.as_ref().ok().map(|row| row.key);
                let problem = match (read.row, &mut current.file) {
                    (Ok(_), _) if present => Ok(()),
                    (Ok(row), Ok(file)) => self.object(file, &row)?,
                    (Ok(_), Err(problem)) => Err(problem.clone()),
                    (Err(problem), _) => Err(problem),
                };
                if let Err(problem) = problem
                    && !(again && index.changed()?)
                {
                    self.problem_of(key.as_ref(), &problem);
                }
            }
            self.report.progress(&self.counts);
        }
        self.end_pack(index, current)
    }

    /// Which rows are about objects that our container has.
    fn present(&mut self, page: &[Read]) -> Result<Vec<bool>, Error> {
        let mut present = vec![false; page.len()];
        if self.skip {
            let ids: Vec<(usize, ObjectId)> =
                page.iter().enumerate().filter_map(|(n, read)| Some((n, read.row.as_ref().ok()?.key.id()?))).collect();
            let found = self.store.contains(&ids.iter().map(|(_, id)| *id).collect::<Vec<_>>())?;
            for ((number, _), found) in ids.into_iter().zip(found) {
                present[number] = found;
                self.counts.present += u64::from(found);
            }
        }
        Ok(present)
    }

    fn start_pack(&mut self, read: &Read) -> InPack {
        let name = read.pack.map_or_else(|| INDEX.to_string(), pack);
        let lock = read.pack.filter(|_| self.import.remove).and_then(|number| {
            let refused = |problem| {
                let finding = Finding { file: name.clone(), message: format!("it will not be removed: {problem}") };
                self.report.note(&finding);
            };
            PackLock::take(self.place, number).map_err(refused).ok()
        });
        let file = Opened::open(&self.place.dir, &name).map_err(cannot_read);
        self.failures = 0;
        self.source = Some(name);
        InPack { number: read.pack, file, first: read.number, last: read.number, lock }
    }

    /// All rows of a pack have been met. It is removed if that is wanted, and nothing of it is missing.
    fn end_pack(&mut self, index: &mut Index<'_>, ended: Option<InPack>) -> Result<(), Error> {
        self.settle()?;
        let Some(InPack { first, last, lock: Some(lock), .. }) = ended else { return Ok(()) };
        self.commit()?;
        if self.failures > 0 {
            let message = format!("it stays, because of {} of its objects", self.failures);
            self.report.note(&Finding { file: lock.pack(), message });
            return lock.release();
        }
        // The mark comes first: a pack without rows and without a mark is not ours to remove.
        lock.mark_removed()?;
        index.delete(first, last)?;
        lock.remove_pack()?;
        self.counts.removed += 1;
        Ok(())
    }
}
