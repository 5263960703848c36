//! A run: a sorted, immutable part of the index. [`RunWriter`](super::run_writer::RunWriter) writes one.
//!
//! Behind its lines a run has *fences*: for each block of [`BLOCK`] lines the first eight bytes of its first id, and a
//! checksum. After some lookups they are read into memory, a quarter of a byte for each entry, unless they are too many,
//! and from then on a lookup reads a part of one block. (An interpolation search among the lines, which uniform ids
//! would allow as well, reads two to four.) Behind them it has *filters*, which tell of nearly all ids that a block does
//! not hold them. They are read into memory, a byte for each entry, after many lookups that found nothing.

mod ahead;
mod block_lists;
mod cold;
mod cursor;
mod lookup;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

pub(super) use self::cursor::RunCursor;
pub(super) use self::lookup::Asked;

use crate::dir::{Dir, File, read_full_at, read_full_vec_at};
use crate::disk::Disk;
use crate::disk::flush::Flush;
use crate::disk::regular;
use crate::error::{Context as _, Error, Result};
use crate::format::block_list::BlockList;
use crate::format::fence_part::FencePart;
use crate::format::fences::{FENCES, Fences};
use crate::format::filters::{FILTERS, Filters};
use crate::format::location::Place;
use crate::format::run_header::{RUN_BLOCK as BLOCK, RUN_HEADER as HEADER, RunHeader};
use crate::format::run_line::{Digits, Entry, id_digits};
use crate::id::ObjectId;
use crate::index::Trust;
use crate::tuning::Tuning;

/// A run that is open for reading.
pub(super) struct Run<F> {
    path: String,
    file: F,
    header: RunHeader,
    /// Read when lookups have become many.
    fences: Option<Fences>,
    /// Lookups without them.
    cold_lookups: u64,
    /// The part of them that was read last.
    part: Option<FencePart>,
    /// Read when lookups that find nothing have become many, and the fences are in memory.
    filters: Option<Filters>,
    /// Such lookups without them.
    misses: u64,
    /// Some ids that the run is proven to have no entry for.
    absent: VecDeque<ObjectId>,
    tuning: Arc<Tuning>,
}

impl<F: File> Run<F> {
    /// Opens a run; `None` when there is none. Nothing is read yet.
    pub(super) fn open<D: Dir<File = F>>(disk: &Disk<D>, path: String) -> Result<Option<Self>> {
        let opened = regular::open(&disk.dir, &path)?;
        Ok(opened.map(|(file, _)| Run {
            path,
            file,
            header: RunHeader { entries: 0, digits: Digits::ONE, reach: None, filters: 0, crc: 0 },
            fences: None,
            cold_lookups: 0,
            part: None,
            filters: None,
            misses: 0,
            absent: VecDeque::new(),
            tuning: disk.tuning.clone(),
        }))
    }

    /// Reads the header.
    pub(super) fn read_header(&mut self) -> Result<()> {
        let mut header = [0; HEADER];
        self.read(&mut header, 0)?;
        self.header = RunHeader::decode(&header).ok_or_else(|| self.corrupt("its first line is damaged"))?;
        let len = self.file.metadata().during("examine", &self.path)?.len;
        let width = self.header.digits.width() as u64;
        if self.header.entries.checked_mul(width).is_none_or(|bytes| bytes > len) {
            return Err(self.corrupt("it is shorter than its first line says"));
        }
        Ok(())
    }

    pub(super) fn entries(&self) -> u64 {
        self.header.entries
    }

    pub(super) fn digits(&self) -> Digits {
        self.header.digits
    }

    /// See [`RunHeader::reach`].
    pub(super) fn reach(&self) -> Option<Place> {
        self.header.reach
    }

    /// Makes the run durable.
    pub(super) fn flush(&self, flush: &Flush) -> Result<()> {
        flush.file(&self.file, &self.path)
    }

    /// Returns whether the other has the same entries, as far as its first line tells.
    pub(super) fn is_like<G>(&self, other: &Run<G>) -> bool {
        self.header == other.header
    }

    pub(super) fn file(&self) -> &F {
        &self.file
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn corrupt(&self, problem: &str) -> Error {
        Error::corrupt(self.path.as_str(), format!("{problem}: `reindex` rebuilds the index"))
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let read = read_full_at(&self.file, buffer, offset).during("read", &self.path)?;
        if read == buffer.len() { Ok(()) } else { Err(self.corrupt("it is shorter than its first line says")) }
    }

    /// Blocks that are read at once when many entries are wanted; may be none.
    pub(super) fn blocks_at_once(&self) -> u64 {
        (self.tuning.chunk / self.header.digits.width()) as u64 / BLOCK
    }

    /// The lines from entry `first` on, `count` of them.
    pub(super) fn lines(&self, first: u64, count: u64) -> Result<Vec<u8>> {
        let width = self.header.digits.width() as u64;
        let (len, start) = ((count * width) as usize, HEADER as u64 + first * width);
        let lines = read_full_vec_at(&self.file, len, start).during("read", &self.path)?;
        if lines.len() < len {
            return Err(self.corrupt("it is shorter than its first line says"));
        }
        Ok(lines)
    }

    /// The lines of blocks, from the first to the last of them.
    fn block_lines(&self, first: u64, last: u64) -> Result<Vec<u8>> {
        self.lines(first * BLOCK, ((last + 1) * BLOCK).min(self.header.entries) - first * BLOCK)
    }

    /// The number of blocks.
    fn blocks(&self) -> u64 {
        self.header.entries.div_ceil(BLOCK)
    }

    /// Where the lines of entries end, and that of the fences starts.
    fn entries_end(&self) -> u64 {
        HEADER as u64 + self.header.entries * self.header.digits.width() as u64
    }

    /// Where the line of fences ends, and that of the filters starts.
    fn fences_end(&self) -> u64 {
        self.entries_end() + FENCES.line_length(self.blocks())
    }

    /// Where the file ends.
    fn end(&self) -> u64 {
        self.fences_end() + FILTERS.line_length(self.blocks())
    }

    /// The error for a damaged line behind the entries.
    fn damaged_list(&self, list: BlockList) -> Error {
        self.corrupt(&format!("{} is damaged", list.name))
    }

    /// The text of what a line that starts at `start` says of blocks, from number `first` on.
    fn list_text(&self, list: BlockList, start: u64, first: u64, count: u64) -> Result<Vec<u8>> {
        let mut text = vec![0; count as usize * list.item];
        self.read(&mut text, start + list.start.len() as u64 + first * list.item as u64)?;
        Ok(text)
    }

    /// The text of the fences of blocks, from number `first` on.
    fn fence_text(&self, first: u64, count: u64) -> Result<Vec<u8>> {
        self.list_text(FENCES, self.entries_end(), first, count)
    }

    /// The fences of blocks, from number `first` on. That they are as they were written, [`Run::check_ends`] tells.
    pub(super) fn some_fences(&self, first: u64, count: u64) -> Result<Fences> {
        Fences::of(&self.fence_text(first, count)?).ok_or_else(|| self.damaged_list(FENCES))
    }

    /// The filters of blocks, from number `first` on. That they are as they were written, [`Run::check_ends`] tells.
    pub(super) fn some_filters(&self, first: u64, count: u64) -> Result<Filters> {
        let (text, mut filters) = (self.list_text(FILTERS, self.fences_end(), first, count)?, Filters::default());
        filters.decode(&text).ok_or_else(|| self.damaged_list(FILTERS))?;
        Ok(filters)
    }

    /// All fences, which are kept from then on. Fails unless they are as they were written, and when they are too many.
    fn fences(&mut self) -> Result<&Fences> {
        if self.fences.is_none() {
            let keep = self.blocks() <= self.tuning.fences.max(self.tuning.cold_fences);
            let fences = self.read_fences(keep)?;
            if !keep {
                return Err(self.corrupt("its lines do not match the line of its fences"));
            }
            (self.fences, self.part) = (Some(fences), None);
        }
        Ok(self.fences.get_or_insert_default())
    }

    /// Fails unless the first line and the lines behind the entries are as they were written, and nothing follows.
    pub(super) fn check_ends(&self) -> Result<()> {
        let mut header = [0; HEADER];
        self.read(&mut header, 0)?;
        if RunHeader::decode(&header) != Some(self.header) {
            return Err(self.corrupt("its first line is damaged"));
        }
        self.read_fences(false)?;
        self.read_filters(false)?;
        let len = self.file.metadata().during("examine", &self.path)?.len;
        if len == self.end() { Ok(()) } else { Err(self.corrupt("bytes follow its last line")) }
    }

    /// Fails unless lines, which have been read from the start of a block on, are as they were written. `block`: the
    /// number of that block's fence among `fences`.
    pub(super) fn check_lines(&self, fences: &Fences, block: u64, lines: &[u8]) -> Result<()> {
        if fences.hold(block, lines, self.block_length()) { Ok(()) } else { Err(self.altered_lines()) }
    }

    /// Bytes of the lines of a block.
    fn block_length(&self) -> usize {
        BLOCK as usize * self.header.digits.width()
    }

    fn altered_lines(&self) -> Error {
        self.corrupt("its lines do not match their checksum")
    }

    fn damaged_line(&self) -> Error {
        self.corrupt("a line of it is damaged")
    }

    fn parse(&self, line: &[u8]) -> Result<Entry> {
        self.header.digits.parse(line).ok_or_else(|| self.damaged_line())
    }

    /// The number of the first entry that is not less than `id`.
    pub(super) fn position(&mut self, id: &ObjectId) -> Result<u64> {
        if self.is_cold(1)
            && let Some((position, _)) = self.find_cold(id, Trust::Checked)?
        {
            return Ok(position);
        }
        if self.header.entries == 0 {
            return Ok(0);
        }
        let (first, last) = self.fences()?.blocks(0, id);
        let (start, end) = (first * BLOCK, ((last + 1) * BLOCK).min(self.header.entries));
        let lines = self.lines(start, end - start)?;
        let hex = id.to_hex();
        let before = lines.chunks_exact(self.header.digits.width()).take_while(|line| id_digits(line) < &hex[..]);
        Ok(start + before.count() as u64)
    }

    /// Entries from number `first` on, at most `count`. Fails unless they are in order and their blocks are as they were
    /// written: one wrong ID, taken for the last of what is read, would hide all up to the true one.
    pub(super) fn read_entries(&self, first: u64, count: u64) -> Result<Vec<Entry>> {
        let count = count.min(self.header.entries.saturating_sub(first));
        if count == 0 {
            return Ok(Vec::new());
        }
        let (block, last) = (first / BLOCK, (first + count - 1) / BLOCK);
        let lines = self.block_lines(block, last)?;
        self.check_lines(&self.some_fences(block, last - block + 1)?, 0, &lines)?;
        let width = self.header.digits.width();
        let skipped = (first - block * BLOCK) as usize * width;
        self.parse_lines(&lines[skipped..skipped + count as usize * width])
    }

    fn parse_lines(&self, lines: &[u8]) -> Result<Vec<Entry>> {
        let entries = lines.chunks_exact(self.header.digits.width()).map(|line| self.parse(line));
        let entries: Vec<Entry> = entries.collect::<Result<_>>()?;
        if entries.is_sorted_by(|a, b| a.0 < b.0) { Ok(entries) } else { Err(self.out_of_order()) }
    }

    /// The error for a run whose IDs do not increase.
    pub(super) fn out_of_order(&self) -> Error {
        self.corrupt("its lines are not in order")
    }
}
