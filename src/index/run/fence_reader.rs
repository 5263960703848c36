//! Reading the last line of a run from its start to its end.

use super::Run;
use crate::dir::File;
use crate::error::{Error, Result};
use crate::format::fences::{self, Fences};
use crate::format::log_line::Crc;

/// How far the last line has been read. What was read so far is proven by [`FenceReader::finish`], not before.
pub(super) struct FenceReader {
    /// Covers everything read.
    crc: Crc,
    /// The block of the next fence.
    next: u64,
    /// The fence before.
    last: Option<u64>,
}

impl FenceReader {
    /// Starts to read.
    pub(super) fn new<F: File>(run: &Run<F>) -> Result<Self> {
        let (mut crc, mut text) = (Crc::new(), [0; fences::START.len()]);
        run.read(&mut text, run.last_line())?;
        crc.update(&text);
        if text == fences::START { Ok(FenceReader { crc, next: 0, last: None }) } else { Err(damaged(run)) }
    }

    /// Appends the next `count` fences to those of `found`, or what is left.
    pub(super) fn read<F: File>(&mut self, run: &Run<F>, count: u64, found: &mut Fences) -> Result<()> {
        let (count, before) = (count.min(run.blocks() - self.next), found.count());
        let text = run.fence_text(self.next, count)?;
        self.crc.update(&text);
        found.decode(&text).ok_or_else(|| damaged(run))?;
        if self.last.is_some() && self.last >= found.prefix(before) {
            return Err(damaged(run));
        }
        self.next += count;
        self.last = found.last();
        Ok(())
    }

    /// Fails unless all of the line has been read, and it and the first line are as they were written.
    pub(super) fn finish<F: File>(mut self, run: &Run<F>) -> Result<()> {
        let mut text = [0; fences::END.len()];
        run.read(&mut text, run.end() - fences::END.len() as u64)?;
        self.crc.update(&text);
        let sound = text == fences::END && run.header.checksum(self.crc) == run.header.crc;
        if sound { Ok(()) } else { Err(damaged(run)) }
    }
}

fn damaged<F: File>(run: &Run<F>) -> Error {
    run.corrupt("its last line is damaged")
}

impl<F: File> Run<F> {
    /// Reads all fences and fails unless they, and the first line, are as they were written. With `keep`, returns them.
    /// Piece by piece, so that memory is taken for fences that are there, not for those that the first line promises.
    pub(super) fn read_fences(&self, keep: bool) -> Result<Fences> {
        let (mut reader, mut found) = (FenceReader::new(self)?, Fences::default());
        while reader.next < self.blocks() {
            if !keep {
                found.clear();
            }
            reader.read(self, (self.tuning.chunk / fences::FENCE).max(1) as u64, &mut found)?;
        }
        reader.finish(self)?;
        Ok(found)
    }
}
