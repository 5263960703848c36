//! Writing a run.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::list_writer::ListWriter;
use crate::dir::{Dir, File, write_all_at};
use crate::disk::Disk;
use crate::error::{Context as _, Result};
use crate::format::fences::{self, FENCES};
use crate::format::filters::{FILTERS, Filter};
use crate::format::location::Place;
use crate::format::run_header::{RUN_BLOCK as BLOCK, RUN_HEADER as HEADER, RunHeader};
use crate::format::run_line::{Digits, Entry};

/// A run that is being written.
pub(super) struct RunWriter<D: Dir> {
    out: Output<D::File>,
    disk: Disk<D>,
    digits: Digits,
    /// Whole blocks, and the one that is being filled.
    lines: Vec<u8>,
    /// Where in `lines` the block that is being filled starts.
    block: usize,
    /// The prefix of its first id.
    prefix: u64,
    /// Its ids.
    filter: Filter,
    entries: u64,
    fences: ListWriter<D>,
    filters: ListWriter<D>,
}

/// The file of a run.
struct Output<F> {
    path: String,
    file: F,
    written: u64,
}

impl<F: File> Output<F> {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        write_all_at(&self.file, bytes, self.written).during("write", &self.path)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

impl<D: Dir> RunWriter<D> {
    /// Starts a run in a file that is empty. Its numbers have at most these digits.
    pub(super) fn new(disk: &Disk<D>, (path, file): (String, D::File), digits: Digits) -> Self {
        let out = Output { path, file, written: HEADER as u64 };
        RunWriter {
            out,
            disk: disk.clone(),
            digits,
            lines: Vec::new(),
            block: 0,
            prefix: 0,
            filter: Filter::default(),
            entries: 0,
            fences: ListWriter::new(disk, FENCES),
            filters: ListWriter::new(disk, FILTERS),
        }
    }

    /// Appends an entry, greater than those before.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<()> {
        if self.entries.is_multiple_of(BLOCK) {
            self.end_block()?;
            if self.lines.len() >= self.disk.tuning.chunk {
                self.write_out()?;
            }
            self.prefix = entry.0.prefix();
        }
        self.filter.insert(&entry.0);
        self.digits.write(&mut self.lines, entry);
        self.entries += 1;
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        if self.lines.len() > self.block {
            self.fences.push(|text| fences::push(text, self.prefix, &self.lines[self.block..]))?;
            self.filters.push(|text| mem::take(&mut self.filter).push(text))?;
            self.block = self.lines.len();
        }
        Ok(())
    }

    fn write_out(&mut self) -> Result<()> {
        self.out.append(&self.lines)?;
        self.lines.clear();
        self.block = 0;
        Ok(())
    }

    /// Completes the run and makes it durable. `reach`: as in [`RunHeader`].
    pub(super) fn finish(mut self, reach: Option<Place>) -> Result<()> {
        self.end_block()?;
        self.write_out()?;
        let RunWriter { mut out, disk, digits, entries, fences, filters, .. } = self;
        let fences = fences.finish(|text| out.append(text))?;
        let filters = filters.finish(|text| out.append(text))?.finalize();
        let mut header = RunHeader { entries, digits, reach, filters, crc: 0 };
        header.crc = header.checksum(fences);
        write_all_at(&out.file, &header.encode(), 0).during("write", &out.path)?;
        disk.flush.file(&out.file, &out.path)
    }
}
