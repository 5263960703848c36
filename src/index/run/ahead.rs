//! Telling the host what lookups will read, so that one that fetches it from far away needs few rounds.

use alloc::vec::Vec;
use core::ops::{Range, RangeInclusive};
use core::slice;

use super::Run;
use crate::dir::File;
use crate::error::{Error, Result};
use crate::format::fences::FENCES;
use crate::format::run_header::{RUN_BLOCK as BLOCK, RUN_HEADER as HEADER};
use crate::id::ObjectId;

/// Blocks that are read together, from the first to the last of them.
pub(super) type Blocks = (u64, u64);

/// Appends a range to others that start before it, or makes the last of them longer.
pub(super) fn push(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.start <= range.start && range.start <= last.end => last.end = last.end.max(range.end),
        _ => ranges.push(range),
    }
}

impl<F: File> Run<F> {
    /// Tells that the first line will be read.
    pub(in crate::index) fn prefetch_header(&self) {
        self.prefetch(0..HEADER as u64);
    }

    /// Returns whether fences have to be read to look an id up.
    pub(in crate::index) fn needs_fences(&self) -> bool {
        self.fences.is_none() && self.header.entries > 0
    }

    /// Tells that the fences will be read that lead to an id: the part in which it is expected, or all of them.
    pub(in crate::index) fn prefetch_fences(&self, id: &ObjectId) {
        if self.absent.contains(id) {
            return;
        }
        if self.would_be_cold(1) {
            self.prefetch_parts(core::iter::once(id));
        } else {
            self.prefetch_all_fences();
        }
    }

    /// Tells that the fences will be read that lead to the first of several ids, or all of them.
    pub(in crate::index) fn prefetch_fences_of<'a>(&self, ids: impl ExactSizeIterator<Item = &'a ObjectId>) {
        if !self.would_be_cold(ids.len() as u64) {
            self.prefetch_all_fences();
        } else if ids.len() <= self.tuning.cold_lookups as usize {
            self.prefetch_parts(ids);
        }
    }

    fn prefetch_parts<'a>(&self, ids: impl Iterator<Item = &'a ObjectId>) {
        let mut ranges = Vec::new();
        for id in ids {
            let (start, count) = self.search().part(id, &self.tuning);
            push(&mut ranges, self.fence_bytes(start, count));
        }
        self.file.prefetch(&ranges);
    }

    fn prefetch_all_fences(&self) {
        self.prefetch(self.entries_end()..self.fences_end());
    }

    /// Returns what will be read to look an id up once the fences that lead to it have been read, which this does.
    /// Damage is left to the lookup.
    pub(in crate::index) fn blocks_ahead(&mut self, id: &ObjectId) -> Result<Option<Range<u64>>> {
        if self.absent.contains(id) || self.header.entries == 0 {
            return Ok(None);
        }
        let blocks = if self.would_be_cold(1) {
            self.cold_blocks(id).map(|blocks| blocks.map(RangeInclusive::into_inner))
        } else {
            self.fences().map(|fences| Some(fences.blocks(0, id)))
        };
        match blocks {
            Err(Error::Corrupt(_)) => Ok(None),
            blocks => Ok(blocks?.map(|(first, last)| self.proving_bytes(first, last))),
        }
    }

    /// Tells that these bytes will be read.
    pub(in crate::index) fn prefetch(&self, range: Range<u64>) {
        self.file.prefetch(slice::from_ref(&range));
    }

    /// The bytes of blocks, and of what may have to be read to prove that they do not hold an id: the next block, or
    /// the start of the fences.
    pub(super) fn proving_bytes(&self, first: u64, last: u64) -> Range<u64> {
        let Range { start, end } = self.block_bytes(first, (last + 1).min(self.blocks().saturating_sub(1)));
        start..if last + 1 >= self.blocks() { end + FENCES.start.len() as u64 } else { end }
    }

    /// The bytes of the lines of blocks, from the first to the last of them.
    pub(super) fn block_bytes(&self, first: u64, last: u64) -> Range<u64> {
        let width = self.header.digits.width() as u64;
        let entry = |number: u64| HEADER as u64 + number.min(self.header.entries) * width;
        entry(first * BLOCK)..entry((last + 1) * BLOCK)
    }

    /// The bytes of the fences of blocks, from number `first` on.
    pub(super) fn fence_bytes(&self, first: u64, count: u64) -> Range<u64> {
        let start = self.entries_end() + FENCES.start.len() as u64 + first * FENCES.item as u64;
        start..start + count * FENCES.item as u64
    }

    /// Tells that blocks will be read, by so many reads. Of one there is nothing to tell.
    pub(super) fn prefetch_blocks(&self, spans: &[Blocks], reads: usize) {
        if reads > 1 {
            let ranges: Vec<Range<u64>> = spans.iter().map(|(first, last)| self.block_bytes(*first, *last)).collect();
            self.file.prefetch(&ranges);
        }
    }
}

/// Joins blocks that are no more than `gap` blocks apart, up to `most` of them. They are in order, also by their ends.
pub(super) fn spans(places: impl Iterator<Item = Blocks>, gap: u64, most: u64) -> Vec<Blocks> {
    let mut spans: Vec<Blocks> = Vec::new();
    for (first, last) in places {
        match spans.last_mut() {
            Some(span) if last <= span.1 => {}
            Some(span) if first <= span.1 + 1 + gap && last - span.0 < most => span.1 = last,
            _ => spans.push((first, last)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_close_together_are_read_together() {
        let of = |places: &[Blocks], gap, most| spans(places.iter().copied(), gap, most);
        assert_eq!(of(&[], 2, 10), []);
        assert_eq!(of(&[(1, 1), (1, 1), (2, 3), (5, 5), (8, 8)], 1, 10), [(1, 5), (8, 8)]);
        assert_eq!(of(&[(1, 1), (2, 2), (3, 3), (4, 4)], 0, 2), [(1, 2), (3, 4)]);
        assert_eq!(of(&[(1, 1), (1, 2), (2, 2)], 0, 1), [(1, 1), (1, 2)]);
        let mut ranges = Vec::new();
        [0..4, 4..5, 2..6, 8..9, 1..2].into_iter().for_each(|range| push(&mut ranges, range));
        assert_eq!(ranges, [0..6, 8..9, 1..2]);
    }
}
