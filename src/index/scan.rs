//! Entries in order, from all parts of the index.

use alloc::vec::Vec;
use core::ops::{Bound, RangeBounds as _};

use super::{Index, Trust};
use crate::dir::Dir;
use crate::error::Result;
use crate::format::location::Location;
use crate::format::run_line::Entry;
use crate::id::ObjectId;

/// Entries, and the id up to which they are all there are; no id at the end.
type Page = (Vec<(ObjectId, Location)>, Option<ObjectId>);

impl<D: Dir> Index<D> {
    /// At most `limit` entries from `start` on and before `stop`, which is excluded or nothing, sorted.
    pub(crate) fn scan(
        &mut self,
        start: Bound<&ObjectId>,
        stop: Bound<&ObjectId>,
        limit: usize,
    ) -> Result<Vec<(ObjectId, Location)>> {
        let mut found = Vec::new();
        let mut start = start.cloned();
        while found.len() < limit {
            // As many as at first: behind deletions, pages of what is left to find would be ever so many.
            let (page, end) = self.page(start, stop, limit)?;
            found.extend(page);
            match end {
                Some(end) => start = Bound::Excluded(end),
                None => break,
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// A page of what [`Index::scan`] gives: at most `limit` entries of each part of the index are read. It may be
    /// empty without being the last, where there are many entries of what is no longer packed.
    fn page(&mut self, start: Bound<ObjectId>, stop: Bound<&ObjectId>, limit: usize) -> Result<Page> {
        // How far all parts have been read.
        let mut end: Option<ObjectId> = None;
        let mut reached = |id: ObjectId| end = Some(end.map_or(id, |end| end.min(id)));
        // Newest first.
        let mut newest = self.tail.range((start, stop.cloned()));
        let mut merged: Vec<Entry> = newest.by_ref().take(limit).map(|(id, location)| (*id, *location)).collect();
        if let Some((id, _)) = merged.last().filter(|_| newest.next().is_some()) {
            reached(*id);
        }
        for run in &mut self.runs {
            let first = match &start {
                Bound::Unbounded => 0,
                Bound::Included(id) => run.position(id)?,
                Bound::Excluded(id) => {
                    let position = run.position(id)?;
                    position + u64::from(run.lookup(id, Trust::Quick)?.is_some())
                }
            };
            let beyond = match stop {
                Bound::Excluded(id) => run.position(id)?,
                _ => u64::MAX,
            };
            let entries = run.read_entries(first, beyond.saturating_sub(first).min(limit as u64))?;
            // Entries that are not after `start` would be read again and again, and nothing is behind others than before
            // `stop`.
            let within = |entry: Option<&Entry>| entry.is_none_or(|(id, _)| (start, stop.cloned()).contains(id));
            if !within(entries.first()) || !within(entries.last()) {
                return Err(run.out_of_order());
            }
            if let Some((id, _)) = entries.last().filter(|_| entries.len() == limit) {
                reached(*id);
            }
            merged.extend(entries);
        }
        // A stable sort merges what is in order already, and leaves the newest of an id's entries the first.
        merged.sort_by(|(a, _), (b, _)| a.prefix().cmp(&b.prefix()).then_with(|| a.cmp(b)));
        merged.dedup_by_key(|(id, _)| *id);
        let within = |id: &ObjectId| end.is_none_or(|end| *id <= end);
        let mut page: Vec<_> = merged
            .into_iter()
            .take_while(|(id, _)| within(id))
            .filter_map(|(id, location)| Some((id, location?)))
            .collect();
        if page.len() > limit {
            page.truncate(limit);
            end = page.last().map(|(id, _)| *id);
        }
        Ok((page, end))
    }
}
