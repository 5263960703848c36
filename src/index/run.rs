//! A run: a sorted, immutable part of the index. [`RunWriter`](super::run_writer::RunWriter) writes one.
//!
//! Behind its lines a run has *fences*: for each block of [`BLOCK`] lines the first eight bytes of its first id, and a
//! checksum. After a few lookups they are read into memory, a quarter of a byte for each entry, and from then on a
//! lookup reads a part of one block. (An interpolation search among the lines, which uniform ids would allow as well,
//! reads two to four.)

mod lookup;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::dir::{Dir, File, read_full_at, read_full_vec_at};
use crate::disk::Disk;
use crate::disk::flush::Flush;
use crate::disk::regular;
use crate::error::{Context as _, Error, Result};
use crate::format::fences::{self, Fences};
use crate::format::location::Place;
use crate::format::log_line::Crc;
use crate::format::run_header::{RUN_BLOCK as BLOCK, RUN_HEADER as HEADER, RunHeader};
use crate::format::run_line::{Digits, Entry, id_digits};
use crate::id::ObjectId;
use crate::tuning::Tuning;

/// A run that is open for reading.
pub(super) struct Run<F> {
    path: String,
    file: F,
    header: RunHeader,
    /// Read when lookups have become many.
    fences: Option<Fences>,
    /// Lookups of one id without them.
    cold_lookups: u32,
    tuning: Arc<Tuning>,
}

impl<F: File> Run<F> {
    /// Opens a run; `None` when there is none. Nothing is read yet.
    pub(super) fn open<D: Dir<File = F>>(disk: &Disk<D>, path: String) -> Result<Option<Self>> {
        let opened = regular::open(&disk.dir, &path)?;
        Ok(opened.map(|(file, _)| Run {
            path,
            file,
            header: RunHeader { entries: 0, digits: Digits::ONE, reach: None, crc: 0 },
            fences: None,
            cold_lookups: 0,
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

    /// Where the last line starts.
    fn last_line(&self) -> u64 {
        HEADER as u64 + self.header.entries * self.header.digits.width() as u64
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
        if RunHeader::decode(&header) != Some(self.header) {
            return Err(self.corrupt("its first line is damaged"));
        }
        self.fences()?;
        let len = self.file.metadata().during("examine", &self.path)?.len;
        let end = self.last_line() + Fences::line_length(self.header.entries.div_ceil(BLOCK));
        if len == end { Ok(()) } else { Err(self.corrupt("bytes follow its last line")) }
    }

    /// Reads the last line, which starts at byte `start`; `None` when it is damaged. Piece by piece, so that memory is
    /// taken for fences that are there, not for those that the first line promises.
    fn read_fences(&self, start: u64) -> Result<Option<Fences>> {
        let (mut found, mut crc) = (Fences::default(), Crc::new());
        let mut text = vec![0; fences::START.len()];
        self.read(&mut text, start)?;
        crc.update(&text);
        if text != fences::START {
            return Ok(None);
        }
        let (mut position, mut left) = (start + fences::START.len() as u64, self.header.entries.div_ceil(BLOCK));
        while left > 0 {
            let count = left.min((self.tuning.chunk / fences::FENCE).max(1) as u64);
            text.resize(count as usize * fences::FENCE, 0);
            self.read(&mut text, position)?;
            crc.update(&text);
            if found.decode(&text).is_none() {
                return Ok(None);
            }
            (position, left) = (position + text.len() as u64, left - count);
        }
        text.resize(fences::END.len(), 0);
        self.read(&mut text, position)?;
        crc.update(&text);
        Ok((text == fences::END && self.header.checksum(crc) == self.header.crc).then_some(found))
    }

    /// The fence of a block. The fences must have been read.
    pub(super) fn fence(&self, block: u64) -> Option<u64> {
        self.fences.as_ref()?.prefix(block)
    }

    /// Fails unless lines, which have been read from the start of a block on, are as they were written. The fences must
    /// have been read.
    pub(super) fn check_lines(&self, first_block: u64, lines: &[u8]) -> Result<()> {
        let length = BLOCK as usize * self.header.digits.width();
        let sound = self.fences.as_ref().is_some_and(|fences| fences.hold(first_block, lines, length));
        if sound { Ok(()) } else { Err(self.corrupt("its lines do not match their checksum")) }
    }

    fn damaged_line(&self) -> Error {
        self.corrupt("a line of it is damaged")
    }

    fn parse(&self, line: &[u8]) -> Result<Entry> {
        self.header.digits.parse(line).ok_or_else(|| self.damaged_line())
    }

    /// The number of the first entry that is not less than `id`.
    pub(super) fn position(&mut self, id: &ObjectId) -> Result<u64> {
        if self.header.entries == 0 {
            return Ok(0);
        }
        let (first, last) = self.blocks(id)?;
        let (start, end) = (first * BLOCK, ((last + 1) * BLOCK).min(self.header.entries));
        let lines = self.lines(start, end - start)?;
        let hex = id.to_hex();
        let before = lines.chunks_exact(self.header.digits.width()).take_while(|line| id_digits(line) < &hex[..]);
        Ok(start + before.count() as u64)
    }

    /// Entries from number `first` on, at most `count`. Fails unless they are in order.
    pub(super) fn read_entries(&self, first: u64, count: u64) -> Result<Vec<Entry>> {
        self.parse_lines(&self.lines(first, count.min(self.header.entries.saturating_sub(first)))?)
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
        if self.chunk.len() == 0 && self.next < self.run.header.entries {
            let count = (self.run.header.entries - self.next).min(self.run.blocks_at_once().max(1) * BLOCK);
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
