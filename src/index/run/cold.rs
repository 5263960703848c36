//! Looking ids up in a run of which not all fences are read.
//!
//! A part of the fences around where an id is expected leads to its block, and the block's lines are compared with the
//! checksum in their fence. That is also enough to prove that a run has *no* entry for an id, although the checksum of
//! all fences and of the first line is not compared. Proven is what the run says, as long as damage has not altered
//! lines and their checksum, which are far apart, so that they match again:
//!
//! - The id lies between two lines that follow each other. Both are whole lines of the run: they match the checksum of
//!   their block, and they parse at the width that the first line gives, which no other width of true lines does. Lines
//!   of a run are sorted, so nothing is between them. How the block was found, and whether the number of entries is
//!   right, is of no matter: a wrong fence or first line leads to another block, whose lines do not enclose the id, or
//!   to what is no block, which its checksum tells.
//! - The lines are in two blocks: then the second is read and compared as well. Its fence alone proves nothing: were it
//!   damaged, an entry of its block might seem to be before it.
//! - The id lies before the first line. That line is at a place that does not depend on the first line of the file.
//! - It lies behind the last line. Here a wrong number of entries would deny all behind it. So the fences, whose start
//!   occurs nowhere else in a run, must start right behind that line, and the file must end where the filters behind
//!   them do.
//!
//! Everything else is left to a look at all fences, which finds the damage.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::Run;
use super::ahead::{Blocks, push};
use crate::dir::File;
use crate::error::{Context as _, Result};
use crate::format::fence_part::{FencePart, Side};
use crate::format::fences::{FENCES, Fences};
use crate::format::run_header::RUN_BLOCK as BLOCK;
use crate::id::ObjectId;
use crate::index::{Told, Trust};
use crate::tuning::Tuning;

impl<F: File> Run<F> {
    /// Returns whether the next `lookups` ids are to be looked up by parts of the fences, and counts them.
    ///
    /// Fences are not kept where they are too many. Else they are read when so many lookups did without them that to
    /// read all of them would have taken no longer.
    pub(super) fn is_cold(&mut self, lookups: u64) -> bool {
        let cold = self.would_be_cold(lookups);
        if self.blocks() <= self.tuning.fences {
            self.cold_lookups = self.cold_lookups.saturating_add(lookups);
        }
        cold
    }

    /// Returns whether they would be, and does not count them.
    pub(super) fn would_be_cold(&self, lookups: u64) -> bool {
        let (blocks, tuning) = (self.blocks(), &self.tuning);
        if self.fences.is_some() || blocks <= tuning.cold_fences {
            return false;
        }
        blocks > tuning.fences
            || self.cold_lookups.saturating_add(lookups)
                <= u64::from(tuning.cold_lookups).max(blocks / tuning.cold_cost)
    }

    /// Returns the number of the first entry that is not less than an id, and the id's entry if there is one; `None`
    /// when that cannot be proven. With [`Trust::Quick`] an entry that is found is not proven.
    pub(super) fn find_cold(&mut self, id: &ObjectId, trust: Trust) -> Result<Option<(u64, Option<Told>)>> {
        let Some(blocks) = self.cold_blocks(id)? else { return Ok(None) };
        let (first, last) = blocks.into_inner();
        self.find_in((first, last), id, trust, |run| run.part.as_ref().and_then(|part| part.fences(first, last)))
    }

    /// Does the same where the blocks are known that can hold the id. `fences`: those of the blocks, and of the one
    /// behind them; `None` when they are damaged.
    fn find_in(
        &self,
        (first, last): (u64, u64),
        id: &ObjectId,
        trust: Trust,
        fences: impl FnOnce(&Self) -> Option<Fences>,
    ) -> Result<Option<(u64, Option<Told>)>> {
        let lines = self.block_lines(first, last)?;
        let (before, told) = self.search_lines(&lines, id, lines.len())?;
        let found = (first * BLOCK + before, told);
        if told.is_some() && trust == Trust::Quick {
            return Ok(Some(found));
        }
        let Some(fences) = fences(self) else { return Ok(None) };
        let proven = fences.hold(0, &lines, self.block_length())
            && (told.is_some() || self.encloses(id, (first, last), &fences, &lines, before as usize)?);
        Ok(proven.then_some(found))
    }

    /// Looks several ids up by parts of the fences: first all blocks are found that can hold them, then they are read.
    /// `None` for an id for which nothing could be proven.
    pub(super) fn find_all_cold(&mut self, ids: &[&ObjectId], trust: Trust) -> Result<Vec<Option<Option<Told>>>> {
        let places = self.locate_cold(ids)?;
        let mut ranges = Vec::new();
        for ((first, last), _) in places.iter().flatten() {
            let checked = trust == Trust::Checked;
            let bytes = if checked { self.proving_bytes(*first, *last) } else { self.block_bytes(*first, *last) };
            push(&mut ranges, bytes);
        }
        if ids.len() > 1 {
            self.file.prefetch(&ranges);
        }
        let find = |(id, place): (&&ObjectId, Place)| match place {
            Some((blocks, fences)) => Ok(self.find_in(blocks, id, trust, |_| fences)?.map(|(_, told)| told)),
            None => Ok(None),
        };
        ids.iter().zip(places).map(find).collect()
    }

    /// Finds the blocks that can hold ids, and the fences of these and of the next. The parts that each round of
    /// reading needs are told ahead.
    fn locate_cold(&mut self, ids: &[&ObjectId]) -> Result<Vec<Place>> {
        let mut places: Vec<Place> = ids.iter().map(|_| None).collect();
        let mut open: Vec<(usize, Search)> = (0..ids.len()).map(|number| (number, self.search())).collect();
        while !open.is_empty() {
            let mut ranges = Vec::new();
            for (number, search) in &open {
                let (start, count) = search.part(ids[*number], &self.tuning);
                push(&mut ranges, self.fence_bytes(start, count));
            }
            if open.len() > 1 {
                self.file.prefetch(&ranges);
            }
            let mut left = Vec::new();
            for (number, mut search) in open {
                match self.look(&mut search, ids[number])? {
                    Found::Blocks(blocks) => {
                        let (first, last) = blocks.into_inner();
                        let fences = self.part.as_ref().and_then(|part| part.fences(first, last));
                        places[number] = Some(((first, last), fences));
                    }
                    Found::Nearer => left.push((number, search)),
                    Found::Nothing => {}
                }
            }
            open = left;
        }
        Ok(places)
    }

    /// Returns whether an id lies right behind the first `before` lines of blocks, which match their checksums, and
    /// right before the next. `fences`: those of the blocks, and of the one behind them.
    fn encloses(
        &self,
        id: &ObjectId,
        (first, last): (u64, u64),
        fences: &Fences,
        lines: &[u8],
        before: usize,
    ) -> Result<bool> {
        let width = self.header.digits.width();
        let line = |lines: &[u8], number: usize| {
            let parsed = lines.chunks_exact(width).nth(number).and_then(|line| self.header.digits.parse(line));
            parsed.map(|(id, _)| id)
        };
        let behind = match before.checked_sub(1) {
            Some(previous) => line(lines, previous).is_some_and(|previous| previous < *id),
            None => first == 0,
        };
        let next = if before < lines.len() / width {
            line(lines, before)
        } else if last + 1 == self.blocks() {
            return Ok(behind && self.ends_where_it_says()?);
        } else {
            let block = self.block_lines(last + 1, last + 1)?;
            let sound = fences.hold(last + 1 - first, &block, self.block_length());
            line(&block, 0).filter(|_| sound)
        };
        Ok(behind && next.is_some_and(|next| *id < next))
    }

    fn ends_where_it_says(&self) -> Result<bool> {
        let mut text = [0; FENCES.start.len()];
        self.read(&mut text, self.entries_end())?;
        Ok(text == FENCES.start && self.file.metadata().during("examine", &self.path)?.len == self.end())
    }

    /// Returns the blocks that can hold an id, whose fences and the next are in `part` from then on. `None` when fences
    /// are damaged.
    pub(super) fn cold_blocks(&mut self, id: &ObjectId) -> Result<Option<RangeInclusive<u64>>> {
        let mut search = self.search();
        loop {
            match self.look(&mut search, id)? {
                Found::Blocks(blocks) => return Ok(Some(blocks)),
                Found::Nearer => {}
                Found::Nothing => return Ok(None),
            }
        }
    }

    /// Starts to search the fences.
    pub(super) fn search(&self) -> Search {
        Search { low: (0, 0), high: (self.blocks(), u64::MAX), attempt: 0, blocks: self.blocks() }
    }

    /// Reads the next part of the fences, unless the one that was read last leads to the id.
    fn look(&mut self, search: &mut Search, id: &ObjectId) -> Result<Found> {
        let blocks = self.blocks();
        if let Some(part) = &self.part
            && let Side::Within(found) = part.side(id, blocks)
        {
            return Ok(Found::Blocks(found));
        }
        // Each part at least halves what is left after the guesses.
        if search.attempt == self.tuning.cold_guesses.saturating_add(u64::BITS) {
            return Ok(Found::Nothing);
        }
        let (start, count) = search.part(id, &self.tuning);
        let part = FencePart::new(start, self.fence_text(start, count)?);
        search.attempt += 1;
        let side = part.side(id, blocks);
        let edge = match side {
            Side::Within(found) => {
                self.part = Some(part);
                return Ok(Found::Blocks(found));
            }
            Side::Before => Some(start),
            Side::Behind => part.end().checked_sub(2),
        };
        let Search { low, high, .. } = search;
        match (side, edge.and_then(|block| Some((block, part.prefix(block)?)))) {
            (Side::Before, Some(edge)) if low.0 < edge.0 && low.1 < edge.1 => *high = edge,
            (Side::Behind, Some(edge)) if edge.0 < high.0 && edge.1 < high.1 => *low = edge,
            _ => return Ok(Found::Nothing),
        }
        Ok(Found::Nearer)
    }
}

/// The blocks that can hold an id, and their fences and the next; `None` instead of fences that are damaged.
type Place = Option<(Blocks, Option<Fences>)>;

/// What a look at a part of the fences gave.
enum Found {
    /// The blocks that can hold the id.
    Blocks(RangeInclusive<u64>),
    /// There are fewer left.
    Nearer,
    /// Fences are damaged.
    Nothing,
}

/// A search for an id by parts of the fences. Blocks and the prefixes of their first ids: the id is not before `low`,
/// nor behind the first of `high`.
pub(super) struct Search {
    low: (u64, u64),
    high: (u64, u64),
    /// Parts that were read.
    attempt: u32,
    /// The number of all blocks.
    blocks: u64,
}

impl Search {
    /// Returns the part of the fences to read next: its first block, and how many.
    pub(super) fn part(&self, id: &ObjectId, tuning: &Tuning) -> (u64, u64) {
        let Search { low, high, attempt, blocks } = self;
        let span = high.0 - low.0;
        let distance = if *attempt < tuning.cold_guesses {
            let (before, all) = (id.prefix().saturating_sub(low.1), (high.1 - low.1).max(1));
            (u128::from(before) * u128::from(span) / u128::from(all)).min(u128::from(span)) as u64
        } else {
            span / 2
        };
        let end = (high.0 + 2).min(*blocks);
        let count = tuning.cold_fences.min(end - low.0);
        let start = (low.0 + distance).saturating_sub(count / 2).clamp(low.0, end - count);
        (start, count)
    }
}
