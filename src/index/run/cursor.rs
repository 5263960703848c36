//! All entries of a run, in order.

use alloc::vec;
use alloc::vec::Vec;

use super::Run;
use super::block_lists::ListReader;
use crate::dir::File;
use crate::error::Result;
use crate::format::fences::{FENCES, Fences};
use crate::format::run_header::RUN_BLOCK as BLOCK;
use crate::format::run_line::Entry;
use crate::id::ObjectId;

/// All entries of a run in order, some blocks and their fences in memory at a time. Fails unless each of its lines is
/// as it was written; of the first line and that of the fences that shows at the end, and no earlier. Filters are not read.
pub(in crate::index) struct RunCursor<'a, F> {
    run: &'a Run<F>,
    /// `None` when all has been read.
    fences: Option<ListReader<'a, F>>,
    next: u64,
    chunk: vec::IntoIter<Entry>,
    /// The last id of `chunk`.
    last: Option<ObjectId>,
}

impl<'a, F: File> RunCursor<'a, F> {
    pub(in crate::index) fn new(run: &'a Run<F>) -> Result<Self> {
        let fences = Some(ListReader::new(run, FENCES, run.entries_end())?);
        Ok(RunCursor { run, fences, next: 0, chunk: Vec::new().into_iter(), last: None })
    }

    pub(in crate::index) fn next(&mut self) -> Result<Option<Entry>> {
        if self.chunk.len() == 0 {
            self.read_chunk()?;
        }
        Ok(self.chunk.next())
    }

    fn read_chunk(&mut self) -> Result<()> {
        let (run, entries) = (self.run, self.run.header.entries);
        if self.next == entries {
            return self.fences.take().map_or(Ok(()), |fences| run.check_fences(fences));
        }
        let Some(reader) = &mut self.fences else { return Ok(()) };
        let blocks = run.blocks_at_once().max(1);
        let fences = Fences::of(&reader.read(blocks)?).ok_or_else(|| run.damaged_list(FENCES))?;
        let count = (entries - self.next).min(blocks * BLOCK);
        let lines = run.lines(self.next, count)?;
        run.check_lines(&fences, 0, &lines)?;
        self.next += count;
        self.chunk = run.parse_lines(&lines)?.into_iter();
        if self.chunk.as_slice().first().map(|(id, _)| *id) <= self.last {
            return Err(run.out_of_order());
        }
        self.last = self.chunk.as_slice().last().map(|(id, _)| *id);
        Ok(())
    }
}
