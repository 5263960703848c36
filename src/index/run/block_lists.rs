//! Reading the lines behind the entries of a run from their start to their end.

use alloc::vec;
use alloc::vec::Vec;

use super::Run;
use crate::dir::File;
use crate::error::Result;
use crate::format::block_list::{self, BlockList};
use crate::format::fences::{FENCES, Fences};
use crate::format::filters::{FILTERS, Filters};
use crate::format::log_line::Crc;

/// How far a line has been read. What was read so far is proven when its checksum is compared, not before.
pub(super) struct ListReader<'a, F> {
    run: &'a Run<F>,
    list: BlockList,
    /// Where the line starts.
    start: u64,
    /// Covers everything read.
    crc: Crc,
    /// The block of the next string.
    next: u64,
}

impl<'a, F: File> ListReader<'a, F> {
    /// Starts to read.
    pub(super) fn new(run: &'a Run<F>, list: BlockList, start: u64) -> Result<Self> {
        let mut reader = ListReader { run, list, start, crc: Crc::new(), next: 0 };
        reader.expect(start, list.start)?;
        Ok(reader)
    }

    /// Returns the text of the next `count` strings, or of what is left.
    pub(super) fn read(&mut self, count: u64) -> Result<Vec<u8>> {
        let count = count.min(self.run.blocks() - self.next);
        let text = self.run.list_text(self.list, self.start, self.next, count)?;
        self.crc.update(&text);
        self.next += count;
        Ok(text)
    }

    /// Returns the text of as many strings as are read at once; `None` at the end.
    fn read_some(&mut self) -> Result<Option<Vec<u8>>> {
        let text = self.read((self.run.tuning.chunk / self.list.item).max(1) as u64)?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// Reads the end of the line. Returns the checksum of all of it.
    fn finish(mut self) -> Result<Crc> {
        let end = self.start + self.list.line_length(self.run.blocks());
        self.expect(end - block_list::END.len() as u64, block_list::END)?;
        Ok(self.crc)
    }

    fn expect(&mut self, offset: u64, expected: &[u8]) -> Result<()> {
        let mut text = vec![0; expected.len()];
        self.run.read(&mut text, offset)?;
        self.crc.update(&text);
        if text == expected { Ok(()) } else { Err(self.run.damaged_list(self.list)) }
    }
}

impl<F: File> Run<F> {
    /// Reads all fences and fails unless they, and the first line, are as they were written. With `keep`, returns them.
    /// Piece by piece, so that memory is taken for fences that are there, not for those that the first line promises.
    pub(super) fn read_fences(&self, keep: bool) -> Result<Fences> {
        self.prefetch(self.entries_end()..self.fences_end());
        let (mut reader, mut found) = (ListReader::new(self, FENCES, self.entries_end())?, Fences::default());
        while let Some(text) = reader.read_some()? {
            let last = found.last();
            if !keep {
                found.clear();
            }
            let before = found.count();
            found.decode(&text).ok_or_else(|| self.damaged_list(FENCES))?;
            if last.is_some() && last >= found.prefix(before) {
                return Err(self.damaged_list(FENCES));
            }
        }
        self.check_fences(reader).map(|()| found)
    }

    /// Fails unless all of the line of fences has been read, and it and the first line are as they were written.
    pub(super) fn check_fences(&self, reader: ListReader<'_, F>) -> Result<()> {
        let sound = self.header.checksum(reader.finish()?) == self.header.crc;
        if sound { Ok(()) } else { Err(self.damaged_list(FENCES)) }
    }

    /// Reads all filters and fails unless they are as they were written. With `keep`, returns them. In the manner of
    /// [`Run::read_fences`].
    pub(super) fn read_filters(&self, keep: bool) -> Result<Filters> {
        self.prefetch(self.fences_end()..self.end());
        let (mut reader, mut found) = (ListReader::new(self, FILTERS, self.fences_end())?, Filters::default());
        while let Some(text) = reader.read_some()? {
            if !keep {
                found.clear();
            }
            found.decode(&text).ok_or_else(|| self.damaged_list(FILTERS))?;
        }
        let sound = reader.finish()?.finalize() == self.header.filters;
        if sound { Ok(found) } else { Err(self.damaged_list(FILTERS)) }
    }
}
