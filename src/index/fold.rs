//! Folding: entries that are in memory, and runs that have grown alike, become one run.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map;
use alloc::string::String;
use core::iter::Peekable;

use super::run::{Run, RunCursor};
use super::run_writer::RunWriter;
use crate::dir::{Dir, File};
use crate::disk::Disk;
use crate::error::Result;
use crate::format::location::{Location, Place, Totals};
#[cfg(doc)]
use crate::format::run_header::RunHeader;
use crate::format::run_line::{Digits, Entry};
use crate::id::ObjectId;

/// Entries of the log, the newest part of the index. `None` means deleted.
pub(super) type Tail = BTreeMap<ObjectId, Option<Location>>;

/// How many of the newest runs to merge with `entries` that are in memory.
///
/// A run is taken in when it has at most twice as many entries as what is merged so far. So each run left has more than
/// twice as many entries as all newer ones, runs are as few as the logarithm of the entries, and an entry is written
/// again as often at most.
pub(super) fn runs_to_merge(entries: u64, runs: impl Iterator<Item = u64>) -> usize {
    let mut merged = entries;
    runs.take_while(|run| {
        let taken = *run <= merged.saturating_mul(2);
        merged = merged.saturating_add(if taken { *run } else { 0 });
        taken
    })
    .count()
}

/// Writes a run of `tail` and of runs, newest first, into an empty file; what is newer counts. `reach`: as in
/// [`RunHeader`], of what is in memory. Returns what the entries
/// add up to.
///
/// Deletions stay, also when there is no older run: a pack may still hold a record of the object, and [`Reindex`] would
/// take it for one.
///
/// [`Reindex`]: crate::Container::reindex
pub(super) fn write_run<D: Dir>(
    disk: &Disk<D>,
    file: (String, D::File),
    (tail, reach): (&Tail, Option<Place>),
    runs: &[Run<D::File>],
) -> Result<Totals> {
    let in_memory = tail.values().flatten().map(Digits::of);
    let digits = runs.iter().map(|run| run.digits()).chain(in_memory).fold(Digits::ONE, Digits::max);
    let mut writer = RunWriter::new(disk, file, digits);
    let mut merge = Merge::new(tail, runs)?;
    let mut totals = Totals::default();
    while let Some(entry) = merge.next()? {
        entry.1.iter().for_each(|location| totals.add(location));
        writer.push(&entry)?;
    }
    let reach = runs.iter().map(Run::reach).fold(reach, Ord::max);
    writer.finish(reach)?;
    Ok(totals)
}

/// Entries of all sources in order, each id once, from the newest source that has it.
struct Merge<'a, F> {
    tail: Peekable<btree_map::Iter<'a, ObjectId, Option<Location>>>,
    runs: alloc::vec::Vec<(RunCursor<'a, F>, Option<Entry>)>,
}

impl<'a, F: File> Merge<'a, F> {
    fn new(tail: &'a Tail, runs: &'a [Run<F>]) -> Result<Self> {
        let start = |run| {
            let mut cursor = RunCursor::new(run)?;
            let first = cursor.next()?;
            Ok((cursor, first))
        };
        Ok(Merge { tail: tail.iter().peekable(), runs: runs.iter().map(start).collect::<Result<_>>()? })
    }

    fn next(&mut self) -> Result<Option<Entry>> {
        let mut newest = self.tail.peek().map(|(id, location)| (**id, **location));
        for (_, entry) in &self.runs {
            // Strictly less: of equal ids the one of the newer source stays.
            if let Some(entry) = entry
                && newest.is_none_or(|newest| entry.0 < newest.0)
            {
                newest = Some(*entry);
            }
        }
        let Some((id, _)) = newest else { return Ok(None) };
        self.tail.next_if(|(next, _)| **next == id);
        for (cursor, entry) in &mut self.runs {
            if entry.is_some_and(|entry| entry.0 == id) {
                *entry = cursor.next()?;
            }
        }
        Ok(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::runs_to_merge;

    #[test]
    fn runs_that_have_grown_alike_are_merged() {
        assert_eq!(runs_to_merge(10, [].into_iter()), 0);
        assert_eq!(runs_to_merge(10, [20, 60, 180].into_iter()), 3);
        assert_eq!(runs_to_merge(10, [21, 20].into_iter()), 0);
        assert_eq!(runs_to_merge(10, [15, 51].into_iter()), 1);
    }

    #[test]
    fn few_runs_are_left_however_many_folds_there_were() {
        let mut runs: alloc::vec::Vec<u64> = alloc::vec::Vec::new();
        let mut written = 0;
        for _ in 0..10_000 {
            let merged = runs_to_merge(100, runs.iter().rev().copied());
            let entries = 100 + runs.drain(runs.len() - merged..).sum::<u64>();
            written += entries;
            runs.push(entries);
            assert!(runs.len() <= 15, "{runs:?}");
        }
        assert!(written < 1_000_000 * 15, "{written} entries were written for a million");
    }
}
