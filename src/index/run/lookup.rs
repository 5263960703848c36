//! Looking ids up in a run.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::Run;
use super::ahead::{Blocks, spans};
use crate::dir::File;
use crate::error::{Error, Result};
use crate::format::run_header::RUN_BLOCK as BLOCK;
use crate::format::run_line::id_digits;
use crate::id::ObjectId;
use crate::index::{Told, Trust};

/// Blocks that are read along between two that are needed: to read them costs less than a read of its own.
const GAP: u64 = 2;

/// IDs whose blocks are found, and told ahead, before these are read. With many more, that would cost memory and time.
const TOGETHER: usize = 8192;

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
                return Ok(self.noted(id, told));
            }
        }
        if trust == Trust::Checked {
            return self.lookup_checked(id);
        }
        if self.header.entries == 0 {
            return Ok(None);
        }
        let fresh = self.fences.is_none();
        let blocks = self.fences()?.blocks(0, id);
        // Where nothing has been read yet, two reads may have to wait where one does not.
        if fresh { self.find(&self.block_lines(blocks.0, blocks.1)?, id) } else { self.lookup_in(blocks, id) }
    }

    /// Remembers an ID that the run is proven to have no entry for: a lookup that finds nothing is mostly followed by
    /// one that has to be certain.
    fn noted(&mut self, id: &ObjectId, told: Option<Told>) -> Option<Told> {
        if told.is_none() {
            self.absent.truncate((self.tuning.cold_lookups as usize).saturating_sub(1));
            self.absent.push_front(*id);
        }
        told
    }

    /// Returns the entry of an ID that blocks can hold. `None` is not certain.
    fn lookup_in(&self, (first, last): Blocks, id: &ObjectId) -> Result<Option<Told>> {
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

    /// Returns the entries of sorted IDs, in their order. IDs that lie close together share a read, and what is read is
    /// told ahead.
    pub(in crate::index) fn lookup_sorted<'a>(
        &mut self,
        mut ids: impl ExactSizeIterator<Item = &'a ObjectId> + Clone,
        trust: Trust,
    ) -> Result<Vec<Option<Told>>> {
        if self.is_cold(ids.len() as u64) {
            return self.lookup_cold(ids, trust);
        }
        self.fences()?;
        if self.header.entries == 0 {
            return Ok(vec![None; ids.len()]);
        }
        let mut found = Vec::with_capacity(ids.len());
        let mut places = Vec::with_capacity(ids.len().min(TOGETHER));
        while ids.len() > 0 {
            let some = ids.clone().take(TOGETHER);
            places.clear();
            let (mut from, mut end) = (None, 0);
            for id in some.clone() {
                let blocks = self.fences()?.blocks(end, id);
                from.get_or_insert(blocks.0);
                end = blocks.0;
                places.push((!self.deny(blocks, id)).then_some(blocks));
            }
            let blocks = from.map_or(0, |from| end - from + 1);
            // Of few ids for each block only some lines are read for each; to read all blocks takes longer.
            if trust == Trust::Quick && (places.len() as u64) < blocks.saturating_mul(self.tuning.dense) {
                self.lookup_each(some, &places, &mut found)?;
            } else {
                self.lookup_together(some, &places, trust, &mut found)?;
            }
            ids.nth(places.len() - 1);
        }
        Ok(found)
    }

    /// Looks ids up by parts of the fences.
    fn lookup_cold<'a>(
        &mut self,
        ids: impl ExactSizeIterator<Item = &'a ObjectId> + Clone,
        trust: Trust,
    ) -> Result<Vec<Option<Told>>> {
        if ids.len() == 1 {
            return ids.map(|id| self.lookup_one(id, trust, true)).collect();
        }
        let open: Vec<&ObjectId> = ids.clone().filter(|id| !self.absent.contains(id)).collect();
        let mut found = self.find_all_cold(&open, trust)?.into_iter();
        let mut open = open.into_iter().peekable();
        let mut told = Vec::with_capacity(ids.len());
        for id in ids {
            let found = open.next_if_eq(&id).and_then(|_| found.next());
            told.push(match found {
                // Proven before.
                None => None,
                Some(Some(told)) => self.noted(id, told),
                Some(None) => self.lookup_one(id, trust, false)?,
            });
        }
        Ok(told)
    }

    /// Looks each id up by itself, in the blocks that can hold it. `None` is not certain.
    fn lookup_each<'a>(
        &mut self,
        ids: impl Iterator<Item = &'a ObjectId>,
        places: &[Option<Blocks>],
        found: &mut Vec<Option<Told>>,
    ) -> Result<()> {
        let filtered = self.filters.is_some();
        self.prefetch_blocks(&spans(places.iter().flatten().copied(), 0, u64::MAX), places.len());
        for (id, place) in ids.zip(places) {
            // Filters may have been read meanwhile.
            let place = place.filter(|blocks| filtered || !self.deny(*blocks, id));
            let told = match place {
                Some(blocks) => self.lookup_in(blocks, id)?,
                None => None,
            };
            if place.is_some() && told.is_none() {
                self.count_miss()?;
            }
            found.push(told);
        }
        Ok(())
    }

    /// Looks ids up in blocks that are read whole, those that lie close together by one read.
    fn lookup_together<'a>(
        &mut self,
        ids: impl Iterator<Item = &'a ObjectId>,
        places: &[Option<Blocks>],
        trust: Trust,
        found: &mut Vec<Option<Told>>,
    ) -> Result<()> {
        let (width, entries, filtered) = (self.header.digits.width(), self.header.entries, self.filters.is_some());
        let spans = spans(places.iter().flatten().copied(), GAP, self.blocks_at_once().max(1));
        self.prefetch_blocks(&spans, spans.len());
        let mut spans = spans.into_iter();
        // Blocks and, when they have been read, their lines; and the first of them that can be that of the next id.
        let (mut span, mut window, mut next) = ((0, 0), None, 0);
        let mut started = false;
        for (id, place) in ids.zip(places) {
            let Some((first, last)) = *place else {
                found.push(None);
                continue;
            };
            while (!started || last > span.1)
                && let Some(following) = spans.next()
            {
                (span, window, started) = (following, None, true);
            }
            // Filters may have been read meanwhile.
            if !filtered && self.deny((first, last), id) {
                found.push(None);
                continue;
            }
            let lines: &Vec<u8> = match &mut window {
                Some(lines) => lines,
                none => {
                    let lines = self.block_lines(span.0, span.1)?;
                    if trust == Trust::Checked {
                        self.check_kept(span.0, &lines)?;
                    }
                    none.insert(lines)
                }
            };
            let (start, end) = (span.0 * BLOCK, ((last + 1) * BLOCK).min(entries));
            next = next.max(first * BLOCK);
            let lines = &lines[(next - start) as usize * width..(end - start) as usize * width];
            let (passed, told) = self.search_lines(lines, id, 1)?;
            next += passed;
            if told.is_none() {
                self.count_miss()?;
            }
            found.push(told);
        }
        Ok(())
    }

    /// Searches sorted lines for the entry of an ID.
    fn find(&self, lines: &[u8], id: &ObjectId) -> Result<Option<Told>> {
        self.search_lines(lines, id, lines.len()).map(|(_, told)| told)
    }

    /// Searches sorted lines. Returns how many are less than the ID, and its entry. Looks `step` lines ahead first,
    /// then doubles the step until the ID is passed: where the ID is expected near the start, 1 is fastest.
    pub(super) fn search_lines(&self, lines: &[u8], id: &ObjectId, mut step: usize) -> Result<(u64, Option<Told>)> {
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
