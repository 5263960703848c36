//! The index's own lines, and what is around the index.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Bound;

use super::Site;
use crate::dir::Dir;
use crate::disk::small_file;
use crate::error::Result;
use crate::format::location::Totals;
use crate::format::names::{self, INCOMING, INDEX};
use crate::id::ObjectId;
use crate::index::Index;
use crate::index::check::Checked;
use crate::jobs::Progress;

/// Number of entries of each pack.
pub(super) type Entries = BTreeMap<u32, u64>;

/// The index while it is being checked and counted.
pub(super) struct Lines {
    /// `None` when the lines are not to be checked, or have been.
    check: Option<Checked>,
    /// The totals still have to be compared.
    compare: bool,
    entries: Entries,
    after: Option<ObjectId>,
    totals: Totals,
}

impl Lines {
    /// Opens the index that all else is compared with. `check`: tell what is wrong with it, and what lies around.
    pub(super) fn open<D: Dir>(site: &mut Site<D>, check: bool, progress: &mut Progress) -> Self {
        match Index::open(&site.disk) {
            Ok(index) => site.index = Some(index),
            // Told by each part: none of them can be compared with it.
            Err(error) => progress.failed(INDEX, error),
        }
        if check && let Err(error) = leftovers(site, progress) {
            progress.failed(INDEX, error);
        }
        let (entries, totals) = (Entries::new(), Totals::default());
        Lines { check: check.then(Checked::default), compare: check, entries, after: None, totals }
    }

    /// Does a piece of the work. At its end, the number of entries of each pack: none when the index cannot be read.
    pub(super) fn step<D: Dir>(&mut self, site: &mut Site<D>, progress: &mut Progress) -> Option<Entries> {
        let Some(index) = &mut site.index else { return Some(Entries::new()) };
        if let Some(checked) = &mut self.check {
            if index.check_lines(checked, &mut progress.problems).is_break() {
                self.check = None;
            }
            return None;
        }
        match self.count(index, site.disk.tuning.step_entries) {
            Ok(true) => None,
            Ok(false) => {
                if self.compare {
                    match index.check_totals(self.totals) {
                        Ok(problems) => progress.problems.extend(problems),
                        Err(error) => progress.failed(INDEX, error),
                    }
                }
                Some(core::mem::take(&mut self.entries))
            }
            Err(error) => {
                progress.failed(INDEX, error);
                site.index = None;
                Some(Entries::new())
            }
        }
    }

    /// Counts at most `limit` entries; whether there were any.
    fn count<D: Dir>(&mut self, index: &mut Index<D>, limit: usize) -> Result<bool> {
        let start = self.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let page = index.scan(start, Bound::Unbounded, limit)?;
        for (id, location) in &page {
            *self.entries.entry(location.pack).or_default() += 1;
            self.totals.add(location);
            self.after = Some(*id);
        }
        Ok(!page.is_empty())
    }
}

/// Reports leftovers of crashes in `incoming` and in the directory of the index.
fn leftovers<D: Dir>(site: &Site<D>, progress: &mut Progress) -> Result<()> {
    let listed = small_file::list(&site.disk.dir, INCOMING)?;
    let writing = listed.iter().filter(|entry| !names::is_made_mark(&entry.name)).count();
    if writing > 0 {
        let note = format!(
            "{writing} files are being written, or were left by a crash: `clean` removes them once they are a day old"
        );
        progress.note(INCOMING, note);
    }
    if site.index.as_ref().map_or(Ok(false), Index::has_uncommitted)? {
        progress.note(INDEX, "the log ends in lines without a commit line: a packer was killed, or is at work");
    }
    for path in site.index.as_ref().map_or(Ok(Vec::new()), Index::leftovers)? {
        progress.note(path, "it was left by a crash, or replaced a moment ago: the next packer removes it");
    }
    Ok(())
}
