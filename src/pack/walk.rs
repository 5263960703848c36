//! Walking through a pack from record to record, without an index.
//!
//! Large reads in the order of the pack. Bytes that are no record are skipped up to the next header, so one damaged
//! record hides no other. Bytes that the device cannot read count as zeros, and are reported.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use crate::dir::{File, read_full_at};
use crate::error::{Code, Finding};
use crate::format::FRAME;
use crate::format::frame_table;
use crate::format::location::Location;
use crate::format::names;
use crate::format::record::{HEADER_MAX, HEADER_START, parse_header};
use crate::id::ObjectId;
use crate::tuning::Tuning;

/// A header and the position of its record. Whether the payload matches the ID is not checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) id: ObjectId,
    pub(crate) location: Location,
    /// A line end follows the payload.
    pub(crate) ends: bool,
    /// Where its header starts.
    pub(super) start: u64,
    /// Where it ends, its frame table included.
    pub(super) end: u64,
}

impl Record {
    /// Bytes from its header to its end.
    pub(crate) fn length(&self) -> u64 {
        self.end - self.start
    }
}

/// Bytes of a pack that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) range: Range<u64>,
    pub(crate) code: Code,
}

impl Unreadable {
    /// Describes it as a finding in the pack of this number.
    pub(crate) fn damage(self, number: u32) -> Finding {
        let Range { start, end } = self.range;
        let problem = format!("{} bytes cannot be read: {}; restore the pack from a copy", end - start, self.code);
        Finding { file: format!("{} at byte {start}", names::pack(number)), message: problem }
    }
}

/// A walk through a pack.
pub(crate) struct Walk<F> {
    file: Arc<F>,
    number: u32,
    /// Length of the pack.
    len: u64,
    /// Headers that start before here are looked for.
    until: u64,
    position: u64,
    /// Bytes of the pack from `buffer_start` on.
    buffer: Vec<u8>,
    buffer_start: u64,
    /// Bytes that belong to no record.
    unused: u64,
    /// Unreadable ranges found since [`take_unreadable`](Self::take_unreadable) was last called.
    unreadable: Vec<Unreadable>,
    tuning: Arc<Tuning>,
}

impl<F: File> Walk<F> {
    /// Walks through the first `len` bytes of a pack.
    pub(crate) fn new(file: Arc<F>, number: u32, len: u64, tuning: &Arc<Tuning>) -> Self {
        Walk::within(file, number, 0..len, len, tuning)
    }

    /// Walks through the records of a pack of `len` bytes whose headers start in `range`. They may end behind it.
    pub(crate) fn within(file: Arc<F>, number: u32, range: Range<u64>, len: u64, tuning: &Arc<Tuning>) -> Self {
        let (position, until, tuning) = (range.start, range.end, tuning.clone());
        Walk {
            file,
            number,
            len,
            until,
            position,
            buffer: Vec::new(),
            buffer_start: position,
            unused: 0,
            unreadable: Vec::new(),
            tuning,
        }
    }

    /// The number of the pack.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn file(&self) -> Arc<F> {
        self.file.clone()
    }

    pub(crate) fn tuning(&self) -> &Arc<Tuning> {
        &self.tuning
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// How far it has come.
    pub(crate) fn position(&self) -> u64 {
        self.position.min(self.len)
    }

    /// Bytes passed so far that belong to no record.
    pub(crate) fn unused(&self) -> u64 {
        self.unused
    }

    /// Returns the ranges that could not be read since the last call.
    pub(crate) fn take_unreadable(&mut self) -> Vec<Unreadable> {
        mem::take(&mut self.unreadable)
    }

    /// The next records. There may be none before the end: `None` is the end. One whose object or payload is too large
    /// for memory comes alone.
    pub(crate) fn next(&mut self) -> Option<Vec<Record>> {
        self.next_records(self.tuning.window_records, self.tuning.window)
    }

    /// The next record; `None` is the end.
    pub(crate) fn next_record(&mut self) -> Option<Record> {
        // Half a window at least, so that bytes in memory are moved for many records together.
        loop {
            if let Some(record) = self.next_records(1, self.tuning.window / 2)?.pop() {
                return Some(record);
            }
        }
    }

    /// At most `most` records. `ahead`: bytes that are in memory before the first is looked for, as far as there are.
    fn next_records(&mut self, most: usize, ahead: usize) -> Option<Vec<Record>> {
        if self.position >= self.end() {
            return None;
        }
        self.fill(ahead);
        let mut records = Vec::new();
        while records.len() < most && self.position < self.end() {
            let rest = self.rest();
            if rest.is_empty() || rest.len() < HEADER_MAX && self.buffer_end() < self.len {
                break;
            }
            let Some(record) = self.record_here() else {
                self.skip();
                continue;
            };
            let small = record.end <= self.buffer_end() && record.location.size <= FRAME as u64;
            if !small && !records.is_empty() {
                break;
            }
            self.position = record.end;
            records.push(record);
            if !small {
                break;
            }
        }
        Some(records)
    }

    /// The bytes that are in memory: those of the last window.
    pub(crate) fn window(&self) -> &[u8] {
        &self.buffer
    }

    /// Where in [`Walk::window`] the payload of a record of the last window starts, and it, if it is in memory.
    pub(crate) fn payload(&self, record: &Record) -> Option<(usize, &[u8])> {
        let Location { offset, length, .. } = record.location;
        let start = usize::try_from(offset.checked_sub(self.buffer_start)?).ok()?;
        Some((start, self.buffer.get(start..)?.get(..usize::try_from(length).ok()?)?))
    }

    /// Goes back to the payload of the record that was given out last, as it does not hold its object and its length is
    /// not believed: headers are looked for within it, as far as the walk goes.
    pub(crate) fn enter(&mut self, record: &Record) {
        let start = record.location.offset;
        if start < self.buffer_start {
            self.buffer.clear();
            self.buffer_start = start;
        }
        self.position = start;
    }

    /// Where the walk ends.
    fn end(&self) -> u64 {
        self.until.min(self.len)
    }

    fn buffer_end(&self) -> u64 {
        self.buffer_start + self.buffer.len() as u64
    }

    /// Returns the buffered bytes after the position, which is never before the start of the buffer.
    fn rest(&self) -> &[u8] {
        let passed = (self.position - self.buffer_start).min(self.buffer.len() as u64);
        &self.buffer[passed as usize..]
    }

    /// Has at least `ahead` bytes in memory, as far as there are.
    fn fill(&mut self, ahead: usize) {
        // The last header may start right before the end of the walk.
        let limit = self.len.min(self.until.saturating_add(HEADER_MAX as u64));
        let left = limit.saturating_sub(self.position);
        let kept = self.rest().len();
        if kept as u64 >= left.min(ahead as u64) {
            return;
        }
        let wanted = left.min(self.tuning.window as u64) as usize;
        self.buffer.drain(..self.buffer.len() - kept);
        self.buffer_start = self.position;
        self.buffer.resize(wanted, 0);
        let read = read_full_at(&*self.file, &mut self.buffer[kept..], self.position + kept as u64);
        let filled = read.map_or_else(|_| self.read_around(kept), |read| kept + read);
        self.buffer.truncate(filled);
        if filled < wanted {
            self.len = self.buffer_end();
        }
    }

    /// Reads piece by piece what comes behind the `filled` bytes of the buffer, as some of it cannot be read; returns
    /// how many bytes it has then.
    fn read_around(&mut self, mut filled: usize) -> usize {
        let piece = self.tuning.unreadable;
        while filled < self.buffer.len() {
            let start = self.buffer_start + filled as u64;
            let left = (piece - start % piece).min((self.buffer.len() - filled) as u64) as usize;
            let bytes = &mut self.buffer[filled..filled + left];
            filled += match read_full_at(&*self.file, bytes, start) {
                Ok(read) if read < left => return filled + read,
                Ok(read) => read,
                Err(code) => {
                    bytes.fill(0);
                    tell(&mut self.unreadable, start..start + left as u64, code);
                    left
                }
            }
        }
        filled
    }

    /// The record whose header is at the position.
    fn record_here(&self) -> Option<Record> {
        let header = parse_header(self.rest())?;
        let offset = self.position + header.bytes;
        let payload_end = offset.checked_add(header.length).filter(|end| *end <= self.len)?;
        let ends = self.byte(payload_end) == Some(b'\n');
        let table = frame_table::length(header.size, header.length);
        let end = payload_end.saturating_add(u64::from(ends)).saturating_add(table);
        // A table that is not there is missed by whoever reads the object.
        let end = if end <= self.len { end } else { payload_end + u64::from(ends) };
        let location = Location { pack: self.number, offset, length: header.length, size: header.size };
        Some(Record { id: header.id, location, ends, start: self.position, end })
    }

    fn byte(&self, position: u64) -> Option<u8> {
        if position >= self.len {
            return None;
        }
        if let Some(byte) = self.buffer.get((position - self.buffer_start) as usize) {
            return Some(*byte);
        }
        let mut byte = [0];
        read_full_at(&*self.file, &mut byte, position).is_ok_and(|read| read == 1).then_some(byte[0])
    }

    /// Step over what is no record, as far as it has been read, to the next text that looks like a header.
    fn skip(&mut self) {
        let rest = self.rest();
        let found = find(&rest[1..], HEADER_START).map(|at| at + 1);
        // The start of a header may be at the end of what has been read.
        let keep = if self.buffer_end() < self.len { HEADER_MAX - 1 } else { 0 };
        let skipped = found.unwrap_or_else(|| (rest.len() - keep.min(rest.len() - 1)).max(1)) as u64;
        self.position += skipped;
        self.unused += skipped;
    }
}

/// Adds to what is known to be unreadable, in the order of the pack.
pub(super) fn tell(unreadable: &mut Vec<Unreadable>, range: Range<u64>, code: Code) {
    match unreadable.last_mut() {
        Some(last) if last.range.end == range.start && last.code == code => last.range.end = range.end,
        _ => unreadable.push(Unreadable { range, code }),
    }
}

/// Where `pattern` first occurs. Its first byte is looked for first, which is fast.
pub(super) fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    let (first, mut from) = (pattern[0], 0);
    loop {
        let at = from + text.get(from..)?.iter().position(|byte| *byte == first)?;
        if text[at..].starts_with(pattern) {
            return Some(at);
        }
        from = at + 1;
    }
}
