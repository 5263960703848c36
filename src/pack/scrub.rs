//! Whether one object, loose or packed, is what its id says.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::codec::{Checking, Payload};
use crate::dir::{File, read_full_at, read_full_vec_at};
use crate::error::{Context as _, Error, Result};
use crate::format::FRAME;
use crate::format::frame_table::{self, ENTRY, frame_count};
use crate::format::location::Location;
use crate::format::names;
use crate::format::zlib_stream::{self, ADLER_OF_NOTHING, adler32};
use crate::id::ObjectId;
use crate::read::{Stored, StoredReader};
use crate::tuning::Tuning;

/// The check of one object, loose or packed, in pieces.
pub(crate) struct Scrub<F> {
    reader: StoredReader<F>,
    file: Arc<F>,
    packed: Option<Location>,
    adler: u32,
    buffer: Vec<u8>,
    /// The first problem found.
    problem: Option<String>,
    tuning: Arc<Tuning>,
}

impl<F: File> Scrub<F> {
    /// Checks an object whose location has been compared with its pack's length.
    pub(crate) fn new(stored: Stored<F>, packed: Option<Location>) -> Self {
        let (file, buffer, tuning) = (stored.file(), stored.buffer(), stored.tuning().clone());
        let reader = StoredReader::new(stored, true);
        Scrub { reader, file, packed, adler: ADLER_OF_NOTHING, buffer, problem: None, tuning }
    }

    /// Checks a record of a pack of this length. Fails when it cannot be one.
    pub(crate) fn record(
        file: Arc<F>,
        id: ObjectId,
        location: Location,
        pack_len: u64,
        tuning: &Arc<Tuning>,
    ) -> Result<Self> {
        Ok(Scrub::new(Stored::packed(id, file, location, pack_len, tuning)?, Some(location)))
    }

    /// Goes on for a bounded time. `Some`: done, and whether the object is sound.
    pub(crate) fn step(&mut self) -> Result<Option<bool>> {
        let mut left = self.tuning.step_bytes;
        while left > 0 {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => {
                    if !self.form_is_sound()? {
                        self.problem = Some("its zlib stream or its frame table is damaged".into());
                    }
                    return Ok(Some(self.problem.is_none()));
                }
                Ok(read) => {
                    if self.packed.is_some_and(|location| location.compressed()) {
                        self.adler = adler32(self.adler, &self.buffer[..read]);
                    }
                    left = left.saturating_sub(read as u64);
                }
                Err(Error::Corrupt(damage)) => {
                    self.problem = Some(damage.message);
                    return Ok(Some(false));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Returns the first problem found.
    pub(crate) fn problem(self) -> Option<String> {
        self.problem
    }

    /// All of it at once: what is wrong, if anything.
    pub(crate) fn finish(mut self) -> Result<Option<String>> {
        while self.step()?.is_none() {}
        Ok(self.problem)
    }

    /// Returns whether the stream of one frame ends in a final block.
    fn stream_ends(&self, location: &Location) -> Result<bool> {
        // Reading an object of no bytes has not looked at the length.
        if location.length > 2 * FRAME as u64 {
            return Ok(false);
        }
        let path = names::pack(location.pack);
        let payload = read_full_vec_at(&*self.file, location.length as usize, location.offset).during("read", &path)?;
        let Some((blocks, adler)) = zlib_stream::parts(&payload) else { return Ok(false) };
        let (range, size) = (blocks.start as u32..blocks.end as u32, location.size as u32);
        let whole = Payload { range, size, compressed: true, expected: None, adler: Some(adler) };
        Ok(Checking::start(payload, vec![whole]).finish() == [true])
    }

    /// Checks what reading frame by frame skips: the ends of the zlib stream, and the form of the frame table.
    fn form_is_sound(&self) -> Result<bool> {
        let Some(location) = self.packed.filter(Location::compressed) else { return Ok(true) };
        let path = names::pack(location.pack);
        let end = location.offset + location.length;
        let (mut header, mut trailer) = ([0; zlib_stream::HEADER], [0; zlib_stream::TRAILER]);
        read_full_at(&*self.file, &mut header, location.offset).during("read", &path)?;
        read_full_at(&*self.file, &mut trailer, end - zlib_stream::TRAILER as u64).during("read", &path)?;
        if !zlib_stream::is_header(&header) || trailer != self.adler.to_be_bytes() {
            return Ok(false);
        }
        if frame_table::length(location.size, location.length) == 0 {
            return self.stream_ends(&location);
        }
        let together = (self.tuning.chunk / ENTRY).max(1);
        let mut buffer = vec![0; together * ENTRY];
        let frames = frame_count(location.size);
        let mut frame = 0;
        while frame < frames {
            let count = (frames - frame).min(together as u64);
            let entries = &mut buffer[..count as usize * ENTRY];
            read_full_at(&*self.file, entries, end + frame_table::position(frame)).during("read", &path)?;
            for (number, entry) in (frame..).zip(entries.chunks_exact(ENTRY)) {
                let Some(end) = frame_table::decode(number, entry) else { return Ok(false) };
                if number + 1 == frames && end != location.length - zlib_stream::TRAILER as u64 {
                    return Ok(false);
                }
            }
            frame += count;
        }
        let mut close = [0; frame_table::END.len()];
        read_full_at(&*self.file, &mut close, end + frame_table::position(frames)).during("read", &path)?;
        Ok(close == *frame_table::END)
    }
}
