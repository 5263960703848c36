//! Writing a run.

use alloc::string::String;
use alloc::vec::Vec;

use crate::dir::{File, write_all_at};
use crate::disk::flush::Flush;
use crate::error::{Context as _, Result};
use crate::format::fences::Fences;
use crate::format::location::Place;
use crate::format::log_line::Crc;
use crate::format::run_header::{RUN_BLOCK as BLOCK, RUN_HEADER as HEADER, RunHeader};
use crate::format::run_line::{Digits, Entry};

/// A run that is being written.
pub(super) struct RunWriter<F> {
    path: String,
    file: F,
    digits: Digits,
    /// Whole blocks, and the one that is being filled.
    out: Vec<u8>,
    /// Where in `out` the block that is being filled starts.
    block: usize,
    written: u64,
    entries: u64,
    fences: Fences,
    /// Bytes that are written at once.
    chunk: usize,
}

impl<F: File> RunWriter<F> {
    /// Starts a run in a file that is empty. Its numbers have at most these digits. It is written out in pieces of
    /// about `chunk` bytes.
    pub(super) fn new((path, file): (String, F), digits: Digits, chunk: usize) -> Self {
        let (written, fences) = (HEADER as u64, Fences::default());
        RunWriter { path, file, digits, out: Vec::new(), block: 0, written, entries: 0, fences, chunk }
    }

    /// Appends an entry, greater than those before.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<()> {
        if self.entries.is_multiple_of(BLOCK) {
            self.end_block();
            if self.out.len() >= self.chunk {
                self.write_out()?;
            }
            self.fences.start_block(&entry.0);
        }
        self.digits.write(&mut self.out, entry);
        self.entries += 1;
        Ok(())
    }

    fn end_block(&mut self) {
        if self.out.len() > self.block {
            self.fences.end_block(&self.out[self.block..]);
            self.block = self.out.len();
        }
    }

    fn write_out(&mut self) -> Result<()> {
        write_all_at(&self.file, &self.out, self.written).during("write", &self.path)?;
        self.written += self.out.len() as u64;
        self.out.clear();
        self.block = 0;
        Ok(())
    }

    /// Completes the run and makes it durable. `reach`: as in [`RunHeader`].
    pub(super) fn finish(mut self, reach: Option<Place>, flush: &Flush) -> Result<()> {
        self.end_block();
        let fences = self.fences.encode();
        self.out.extend_from_slice(&fences);
        self.write_out()?;
        let mut header = RunHeader { entries: self.entries, digits: self.digits, reach, crc: 0 };
        let mut crc = Crc::new();
        crc.update(&fences);
        header.crc = header.checksum(crc);
        write_all_at(&self.file, &header.encode(), 0).during("write", &self.path)?;
        flush.file(&self.file, &self.path)
    }
}
