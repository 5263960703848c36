//! Looking ids up in a run.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::Run;
use crate::dir::File;
use crate::error::{Error, Result};
use crate::format::run_header::RUN_BLOCK as BLOCK;
use crate::format::run_line::id_digits;
use crate::id::ObjectId;
use crate::index::{Told, Trust};

/// What a run says of an ID.
pub(in crate::index) enum Asked {
    /// It has this entry.
    Told(Told),
    /// It has none, which is certain: filters in memory, which were compared with their checksum, tell so.
    Denied,
    /// It has none. With [`Trust::Checked`] that is certain.
    NotFound,
}

impl<F: File> Run<F> {
    fn lookup_checked(&mut self, id: &ObjectId) -> Result<Option<Told>> {
        // Also of a run that says it is empty: the line of its fences tells whether it is.
        self.fences()?;
        if self.header.entries == 0 {
            return Ok(None);
        }
        let (first, last) = self.fences()?.blocks(0, id);
        let lines = self.block_lines(first, last)?;
        self.check_kept(first, &lines)?;
        self.find(&lines, id)
    }

    /// Returns whether filters in memory tell of an id that blocks, from the first to the last, do not hold it: which
    /// is certain, as they were compared with their checksum.
    fn deny(&self, (first, last): (u64, u64), id: &ObjectId) -> bool {
        self.filters.as_ref().is_some_and(|filters| !(first..=last).any(|block| filters.pass(block, id)))
    }

    /// Returns the entry of an ID; for one of many that are looked up, most of which the run may not have.
    pub(in crate::index) fn ask(&mut self, id: &ObjectId, trust: Trust) -> Result<Asked> {
        if let (Some(fences), true) = (&self.fences, self.filters.is_some())
            && self.deny(fences.blocks(0, id), id)
        {
            return Ok(Asked::Denied);
        }
        match self.lookup(id, trust)? {
            Some(told) => Ok(Asked::Told(told)),
            None => self.count_miss().map(|()| Asked::NotFound),
        }
    }

    /// Reads all filters when so many lookups found nothing without them that to read them would have taken no longer,
    /// unless they are too many to be kept. Where fences are not kept, filters are of no use.
    fn count_miss(&mut self) -> Result<()> {
        if self.fences.is_none() {
            return Ok(());
        }
        self.misses += 1;
        let (blocks, tuning) = (self.blocks(), &self.tuning);
        let many = u64::from(tuning.cold_lookups).max(blocks / tuning.filter_cost);
        // Once: whether or not they could be read.
        if self.misses == many + 1 && (1..=tuning.filters).contains(&blocks) {
            match self.read_filters(true) {
                Ok(filters) => self.filters = Some(filters),
                // Without them lookups take longer. That they are damaged is for a check to say.
                Err(Error::Corrupt(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fails unless lines, which have been read from the start of a block on, are as they were written.
    fn check_kept(&mut self, block: u64, lines: &[u8]) -> Result<()> {
        let length = self.block_length();
        if self.fences()?.hold(block, lines, length) { Ok(()) } else { Err(self.altered_lines()) }
    }

    /// Returns the entry of an ID; `None` if the run has none.
    pub(in crate::index) fn lookup(&mut self, id: &ObjectId, trust: Trust) -> Result<Option<Told>> {
        let cold = self.is_cold(1);
        self.lookup_one(id, trust, cold)
    }

    fn lookup_one(&mut self, id: &ObjectId, trust: Trust, cold: bool) -> Result<Option<Told>> {
        if cold {
            if self.absent.contains(id) {
                return Ok(None);
            }
            if let Some((_, told)) = self.find_cold(id, trust)? {
                if told.is_none() {
                    // A lookup that finds nothing is mostly followed by one that has to be certain.
                    self.absent.truncate((self.tuning.cold_lookups as usize).saturating_sub(1));
                    self.absent.push_front(*id);
                }
                return Ok(told);
            }
        }
        if trust == Trust::Checked {
            return self.lookup_checked(id);
        }
        if self.header.entries == 0 {
            return Ok(None);
        }
        let (first, last) = self.fences()?.blocks(0, id);
        if first == last
            && let Some((start, count)) = self.guess(id, first)
        {
            let lines = self.lines(start, count)?;
            let (before, after) = (id_digits(&lines), id_digits(&lines[lines.len() - self.header.digits.width()..]));
            // The ID lies between the first and the last line that were read: its entry is among them, or the run has
            // none.
            if (before..=after).contains(&&id.to_hex()[..]) {
                return self.find(&lines, id);
            }
        }
        let lines = self.block_lines(first, last)?;
        self.find(&lines, id)
    }

    /// The lines of a block that probably hold an id: the first, and how many.
    fn guess(&self, id: &ObjectId, block: u64) -> Option<(u64, u64)> {
        let (line, count) = (self.fences.as_ref()?.line_in(block, id)?, self.tuning.guess);
        Some((block * BLOCK + line.saturating_sub(count / 2).min(BLOCK - count), count))
    }

    /// Returns the entries of sorted IDs, in their order. IDs that lie close together share a read.
    pub(in crate::index) fn lookup_sorted<'a>(
        &mut self,
        ids: impl ExactSizeIterator<Item = &'a ObjectId> + DoubleEndedIterator + Clone,
        trust: Trust,
    ) -> Result<Vec<Option<Told>>> {
        if self.is_cold(ids.len() as u64) {
            return ids.map(|id| self.lookup_one(id, trust, true)).collect();
        }
        if trust == Trust::Checked {
            self.fences()?;
        }
        if trust == Trust::Quick
            && let (Some(first), Some(last)) = (ids.clone().next(), ids.clone().next_back())
        {
            let fences = self.fences()?;
            let blocks = fences.blocks(0, last).1 - fences.blocks(0, first).0 + 1;
            if (ids.len() as u64) < blocks.saturating_mul(self.tuning.dense) {
                // Few of a block's lines are read for each; to read all blocks takes longer.
                let told = |id| match self.ask(id, trust)? {
                    Asked::Told(told) => Ok(Some(told)),
                    Asked::Denied | Asked::NotFound => Ok(None),
                };
                return ids.map(told).collect();
            }
        }
        let (width, entries) = (self.header.digits.width(), self.header.entries);
        let mut found = Vec::with_capacity(ids.len());
        let mut ids = ids.peekable();
        // Lines in memory: those from `start` to `end`; and the first of them that can be that of the next id.
        let (mut window, mut start, mut end, mut next) = (Vec::new(), 0, 0, 0);
        let mut block = 0;
        while let Some(id) = ids.next() {
            if entries == 0 {
                found.push(None);
                continue;
            }
            let (first, last) = self.fences()?.blocks(block, id);
            block = first;
            if self.deny((first, last), id) {
                found.push(None);
                continue;
            }
            let (block_start, block_end) = (first * BLOCK, ((last + 1) * BLOCK).min(entries));
            if block_start < start || block_end > end {
                // When the next id lies near by, its block is read along, and those after it.
                let near = match ids.peek() {
                    Some(next) => self.fences()?.blocks(block, next).0 <= last + 1,
                    None => false,
                };
                let ahead = if near { self.blocks_at_once() * BLOCK } else { 0 };
                (start, end) = (block_start, (block_end + ahead).min(entries));
                window = self.lines(start, end - start)?;
                if trust == Trust::Checked {
                    self.check_kept(first, &window)?;
                }
            }
            next = block_start.max(next);
            let lines = &window[(next - start) as usize * width..(block_end - start) as usize * width];
            let (passed, told) = self.search(lines, id, 1)?;
            next += passed;
            if told.is_none() {
                self.count_miss()?;
            }
            found.push(told);
        }
        Ok(found)
    }

    /// Searches sorted lines for the entry of an ID.
    fn find(&self, lines: &[u8], id: &ObjectId) -> Result<Option<Told>> {
        self.search(lines, id, lines.len()).map(|(_, told)| told)
    }

    /// Searches sorted lines. Returns how many are less than the ID, and its entry. Looks `step` lines ahead first,
    /// then doubles the step until the ID is passed: where the ID is expected near the start, 1 is fastest.
    pub(super) fn search(&self, lines: &[u8], id: &ObjectId, mut step: usize) -> Result<(u64, Option<Told>)> {
        let (hex, width) = (id.to_hex(), self.header.digits.width());
        let line = |number: usize| &lines[number * width..][..width];
        // Nearly always the first digits tell: a number is compared faster than text.
        let first = |digits: &[u8]| digits.first_chunk().map(|first| u64::from_be_bytes(*first));
        let first_of_id = first(&hex);
        let (mut low, mut high) = (0, lines.len() / width);
        while low < high {
            let middle = if step < high - low { low + step - 1 } else { low.midpoint(high) };
            let digits = id_digits(line(middle));
            match first(digits).cmp(&first_of_id).then_with(|| digits.cmp(&hex[..])) {
                Ordering::Less => (low, step) = (middle + 1, step.saturating_mul(2)),
                Ordering::Greater => (high, step) = (middle, lines.len()),
                Ordering::Equal => {
                    let told = self.header.digits.parse_told(line(middle));
                    return Ok((middle as u64, Some(told.ok_or_else(|| self.damaged_line())?)));
                }
            }
        }
        Ok((low as u64, None))
    }
}
