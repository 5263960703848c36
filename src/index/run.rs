//! A run: a sorted, immutable part of the index. [`RunWriter`](super::run_writer::RunWriter) writes one.
//!
//! Behind its lines a run has *fences*: for each block of [`BLOCK`] lines the first eight bytes of its first id, and a
//! checksum. After a few lookups they are read into memory, a quarter of a byte for each entry, and from then on a lookup
//! reads a part of one block. (An interpolation search among the lines, which uniform ids would allow as well, reads two to
//! four.)

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

use serde_json::Value;

use super::entry::{Digits, Entry, id_digits};
use super::fences::{self, Fences};
use super::{Location, run_writer};
use crate::dir::{Dir, File, read_full_at, read_full_vec_at};
use crate::disk::Disk;
use crate::error::{Context as _, Error, Result};
use crate::flush::Flush;
use crate::id::ObjectId;
use crate::layout::{RUN_BLOCK as BLOCK, RUN_HEADER as HEADER};
use crate::regular;
use crate::tuning::Tuning;

/// What a run says of an id: where the object lies, or that it lies nowhere any more.
type Told = Option<Location>;

/// A run that is open for reading.
pub(super) struct Run<F> {
    path: String,
    file: F,
    entries: u64,
    pub(super) digits: Digits,
    /// CRC-32 of the line of fences.
    fences_crc: u32,
    /// Read when lookups have become many.
    fences: Option<Fences>,
    /// Lookups of one id without them.
    cold_lookups: u32,
    tuning: Arc<Tuning>,
}

impl<F: File> Run<F> {
    /// Open a run; `None` when there is none. Nothing is read yet.
    pub(super) fn open<D: Dir<File = F>>(disk: &Disk<D>, path: String) -> Result<Option<Self>> {
        let opened = regular::open(&disk.dir, &path)?;
        Ok(opened.map(|(file, _)| Run {
            path,
            file,
            entries: 0,
            digits: Digits::ONE,
            fences_crc: 0,
            fences: None,
            cold_lookups: 0,
            tuning: disk.tuning.clone(),
        }))
    }

    /// Read the header.
    pub(super) fn read_header(&mut self) -> Result<()> {
        let mut header = [0; HEADER];
        self.read(&mut header, 0)?;
        let parsed = parse_header(&header).ok_or_else(|| self.corrupt("its first line is damaged"))?;
        (self.entries, self.digits, self.fences_crc) = parsed;
        if header[..] != run_writer::header(self.entries, self.digits, self.fences_crc) {
            return Err(self.corrupt("its first line is damaged"));
        }
        let len = self.file.metadata().during("examine", &self.path)?.len;
        let width = self.digits.width() as u64;
        if self.entries.checked_mul(width).is_none_or(|bytes| bytes > len) {
            return Err(self.corrupt("it is shorter than its first line says"));
        }
        Ok(())
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Make the run durable.
    pub(super) fn flush(&self, flush: &Flush) -> Result<()> {
        flush.file(&self.file, &self.path)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn corrupt(&self, problem: &str) -> Error {
        Error::corrupt(self.path.as_str(), format!("{problem}: rebuild the index with `loosepack reindex`"))
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let read = read_full_at(&self.file, buffer, offset).during("read", &self.path)?;
        if read == buffer.len() { Ok(()) } else { Err(self.corrupt("it is shorter than its first line says")) }
    }

    /// Blocks that are read at once when many entries are wanted; may be none.
    pub(super) fn blocks_at_once(&self) -> u64 {
        (self.tuning.chunk / self.digits.width()) as u64 / BLOCK
    }

    /// The lines from entry `first` on, `count` of them.
    pub(super) fn lines(&self, first: u64, count: u64) -> Result<Vec<u8>> {
        let width = self.digits.width() as u64;
        let (len, start) = ((count * width) as usize, HEADER as u64 + first * width);
        let lines = read_full_vec_at(&self.file, len, start).during("read", &self.path)?;
        if lines.len() < len {
            return Err(self.corrupt("it is shorter than its first line says"));
        }
        Ok(lines)
    }

    /// The lines of blocks, from the first to the last of them.
    fn block_lines(&self, first: u64, last: u64) -> Result<Vec<u8>> {
        self.lines(first * BLOCK, ((last + 1) * BLOCK).min(self.entries) - first * BLOCK)
    }

    /// Where the last line starts.
    fn last_line(&self) -> u64 {
        HEADER as u64 + self.entries * self.digits.width() as u64
    }

    fn fences(&mut self) -> Result<&Fences> {
        if self.fences.is_none() {
            let fences = self.read_fences(self.last_line())?;
            self.fences = Some(fences.ok_or_else(|| self.corrupt("its last line is damaged"))?);
        }
        Ok(self.fences.get_or_insert_default())
    }

    /// Fails unless the first and the last line are as they were written, and nothing follows.
    pub(super) fn check_ends(&mut self) -> Result<()> {
        let mut header = [0; HEADER];
        self.read(&mut header, 0)?;
        if header[..] != run_writer::header(self.entries, self.digits, self.fences_crc) {
            return Err(self.corrupt("its first line is damaged"));
        }
        self.fences()?;
        let len = self.file.metadata().during("examine", &self.path)?.len;
        let end = self.last_line() + Fences::line_length(self.entries.div_ceil(BLOCK));
        if len == end { Ok(()) } else { Err(self.corrupt("something follows its last line")) }
    }

    /// Read the last line, which starts at byte `start`; `None` when it is damaged. Piece by piece, so that memory is
    /// taken for fences that are there, not for those that the first line promises.
    fn read_fences(&self, start: u64) -> Result<Option<Fences>> {
        let (mut found, mut crc) = (Fences::default(), crc32fast::Hasher::new());
        let mut text = vec![0; fences::START.len()];
        self.read(&mut text, start)?;
        crc.update(&text);
        if text != fences::START {
            return Ok(None);
        }
        let (mut position, mut left) = (start + fences::START.len() as u64, self.entries.div_ceil(BLOCK));
        while left > 0 {
            let count = left.min((self.tuning.chunk / fences::FENCE).max(1) as u64);
            text.resize(count as usize * fences::FENCE, 0);
            self.read(&mut text, position)?;
            crc.update(&text);
            if found.parse(&text).is_none() {
                return Ok(None);
            }
            (position, left) = (position + text.len() as u64, left - count);
        }
        text.resize(fences::END.len(), 0);
        self.read(&mut text, position)?;
        crc.update(&text);
        Ok((text == fences::END && crc.finalize() == self.fences_crc).then_some(found))
    }

    /// The fence of a block. The fences must have been read.
    pub(super) fn fence(&self, block: u64) -> Option<u64> {
        self.fences.as_ref()?.prefix(block)
    }

    /// The blocks that can hold an id: first and last.
    fn blocks(&mut self, id: &ObjectId) -> Result<(u64, u64)> {
        Ok(self.fences()?.blocks(0, id))
    }

    /// What the run says of an id. That it says nothing is certain: the lines among which it would be are as they were
    /// written, so that damage to one does not pass for its absence.
    pub(super) fn lookup_certain(&mut self, id: &ObjectId) -> Result<Option<Told>> {
        // Also of a run that says it is empty: its last line tells whether it is.
        self.fences()?;
        if self.entries == 0 {
            return Ok(None);
        }
        let (first, last) = self.blocks(id)?;
        let lines = self.block_lines(first, last)?;
        self.check_lines(first, &lines)?;
        self.find(&lines, id)
    }

    /// Fails unless lines, which have been read from the start of a block on, are as they were written. The fences must
    /// have been read.
    pub(super) fn check_lines(&self, first_block: u64, lines: &[u8]) -> Result<()> {
        let length = BLOCK as usize * self.digits.width();
        let sound = self.fences.as_ref().is_some_and(|fences| fences.hold(first_block, lines, length));
        if sound { Ok(()) } else { Err(self.corrupt("its lines do not match their checksum")) }
    }

    /// What the run says of an id; `None` when it says nothing.
    pub(super) fn lookup(&mut self, id: &ObjectId) -> Result<Option<Told>> {
        if self.entries == 0 {
            return Ok(None);
        }
        if let Some(block) = self.cold_block(id)? {
            let lines = self.block_lines(block, block)?;
            return self.find(&lines, id);
        }
        let (first, last) = self.blocks(id)?;
        if first == last
            && let Some((start, count)) = self.guess(id, first)
        {
            let lines = self.lines(start, count)?;
            let (before, after) = (id_digits(&lines), id_digits(&lines[lines.len() - self.digits.width()..]));
            // Between its first and its last line, they tell of the id or nothing does.
            if (before..=after).contains(&&id.to_hex()[..]) {
                return self.find(&lines, id);
            }
        }
        let lines = self.block_lines(first, last)?;
        self.find(&lines, id)
    }

    /// The block that can hold an id, by a part of the fences around where it is expected among uniform ids. `None` when
    /// that does not tell, and when all fences are in memory or to be read.
    fn cold_block(&mut self, id: &ObjectId) -> Result<Option<u64>> {
        let (blocks, part_blocks) = (self.entries.div_ceil(BLOCK), self.tuning.cold_fences);
        if self.fences.is_some() || blocks <= part_blocks || self.cold_lookups >= self.tuning.cold_lookups {
            return Ok(None);
        }
        self.cold_lookups += 1;
        let expected = ((u128::from(id.prefix()) * u128::from(blocks)) >> u64::BITS) as u64;
        let start = expected.saturating_sub(part_blocks / 2).min(blocks - part_blocks);
        let line = self.last_line() + fences::START.len() as u64;
        let mut text = vec![0; part_blocks as usize * fences::FENCE];
        self.read(&mut text, line + start * fences::FENCE as u64)?;
        let mut part = Fences::default();
        if part.parse(&text).is_none() {
            return Ok(None);
        }
        let (first, last) = part.blocks(0, id);
        // At an end of the part, a block beyond it may be the one.
        let told =
            first == last && (first > 0 || start == 0) && (first + 1 < part_blocks || start + part_blocks == blocks);
        Ok(told.then_some(start + first))
    }

    /// The lines of a block that probably hold an id: the first, and how many.
    fn guess(&self, id: &ObjectId, block: u64) -> Option<(u64, u64)> {
        let (line, count) = (self.fences.as_ref()?.line_in(block, id)?, self.tuning.guess);
        Some((block * BLOCK + line.saturating_sub(count / 2).min(BLOCK - count), count))
    }

    /// What the run says of ids, which are sorted, in their order. Ids that lie close together share a read. `certain`: as
    /// for [`Run::lookup_certain`].
    pub(super) fn lookup_sorted<'a>(
        &mut self,
        ids: impl Iterator<Item = &'a ObjectId>,
        certain: bool,
    ) -> Result<Vec<Option<Told>>> {
        if certain {
            self.fences()?;
        }
        let (width, entries) = (self.digits.width(), self.entries);
        let mut found = Vec::with_capacity(ids.size_hint().0);
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
                if certain {
                    self.check_lines(first, &window)?;
                }
            }
            next = block_start.max(next);
            let lines = &window[(next - start) as usize * width..(block_end - start) as usize * width];
            let (passed, told) = self.search(lines, id, 1)?;
            next += passed;
            found.push(told);
        }
        Ok(found)
    }

    /// What sorted lines say of an id.
    fn find(&self, lines: &[u8], id: &ObjectId) -> Result<Option<Told>> {
        self.search(lines, id, lines.len()).map(|(_, told)| told)
    }

    /// Search sorted lines. Returns how many are less than the id, and what they say of it. Looks `step` lines ahead first,
    /// then twice as many, and so on until it is passed: where the id is expected near the start, 1 is fastest.
    fn search(&self, lines: &[u8], id: &ObjectId, mut step: usize) -> Result<(u64, Option<Told>)> {
        let (hex, width) = (id.to_hex(), self.digits.width());
        let line = |number: usize| &lines[number * width..][..width];
        let (mut low, mut high) = (0, lines.len() / width);
        while low < high {
            let middle = if step < high - low { low + step - 1 } else { low.midpoint(high) };
            match id_digits(line(middle)).cmp(&hex[..]) {
                Ordering::Less => (low, step) = (middle + 1, step.saturating_mul(2)),
                Ordering::Greater => (high, step) = (middle, lines.len()),
                Ordering::Equal => {
                    let told = self.digits.parse_told(line(middle));
                    return Ok((middle as u64, Some(told.ok_or_else(|| self.damaged_line())?)));
                }
            }
        }
        Ok((low as u64, None))
    }

    fn damaged_line(&self) -> Error {
        self.corrupt("a line of it is damaged")
    }

    fn parse(&self, line: &[u8]) -> Result<Entry> {
        self.digits.parse(line).ok_or_else(|| self.damaged_line())
    }

    /// The number of the first entry that is not less than `id`.
    pub(super) fn position(&mut self, id: &ObjectId) -> Result<u64> {
        if self.entries == 0 {
            return Ok(0);
        }
        let (first, last) = self.blocks(id)?;
        let (start, end) = (first * BLOCK, ((last + 1) * BLOCK).min(self.entries));
        let lines = self.lines(start, end - start)?;
        let hex = id.to_hex();
        let before = lines.chunks_exact(self.digits.width()).take_while(|line| id_digits(line) < &hex[..]);
        Ok(start + before.count() as u64)
    }

    /// Entries from number `first` on, at most `count`. Fails unless they are in order.
    pub(super) fn read_entries(&self, first: u64, count: u64) -> Result<Vec<Entry>> {
        self.parse_lines(&self.lines(first, count.min(self.entries.saturating_sub(first)))?)
    }

    fn parse_lines(&self, lines: &[u8]) -> Result<Vec<Entry>> {
        let entries = lines.chunks_exact(self.digits.width()).map(|line| self.parse(line));
        let entries: Vec<Entry> = entries.collect::<Result<_>>()?;
        if entries.is_sorted_by(|a, b| a.0 < b.0) { Ok(entries) } else { Err(self.out_of_order()) }
    }

    /// That of a run whose ids do not increase.
    pub(super) fn out_of_order(&self) -> Error {
        self.corrupt("its lines are not in order")
    }
}

/// All entries of a run in order, some blocks in memory at a time; fails unless their checksums are right.
pub(super) struct RunCursor<'a, F> {
    run: &'a Run<F>,
    next: u64,
    chunk: vec::IntoIter<Entry>,
    /// The last id of `chunk`.
    last: Option<ObjectId>,
}

impl<'a, F: File> RunCursor<'a, F> {
    pub(super) fn new(run: &'a mut Run<F>) -> Result<Self> {
        run.fences()?;
        Ok(RunCursor { run, next: 0, chunk: Vec::new().into_iter(), last: None })
    }

    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        if self.chunk.len() == 0 && self.next < self.run.entries {
            let count = (self.run.entries - self.next).min(self.run.blocks_at_once().max(1) * BLOCK);
            let lines = self.run.lines(self.next, count)?;
            self.run.check_lines(self.next / BLOCK, &lines)?;
            self.next += count;
            self.chunk = self.run.parse_lines(&lines)?.into_iter();
            if self.chunk.as_slice().first().map(|(id, _)| *id) <= self.last {
                return Err(self.run.out_of_order());
            }
            self.last = self.chunk.as_slice().last().map(|(id, _)| *id);
        }
        Ok(self.chunk.next())
    }
}

fn parse_header(header: &[u8]) -> Option<(u64, Digits, u32)> {
    let value: Value = serde_json::from_slice(header).ok()?;
    let digits = |name: &str| {
        let digits = u8::try_from(value.get("digits")?.get(name)?.as_u64()?).ok()?;
        (1..=20).contains(&digits).then_some(digits)
    };
    let digits =
        Digits { pack: digits("pack")?, offset: digits("offset")?, length: digits("length")?, size: digits("size")? };
    let crc = u32::from_str_radix(value.get("crc")?.as_str()?, 16).ok()?;
    Some((value.get("entries")?.as_u64()?, digits, crc))
}
