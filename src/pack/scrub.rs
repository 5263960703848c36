//! Whether one object, loose or packed, is what its id says.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::record::{frame_count, frame_table_length};
use crate::compress::{ADLER_OF_NOTHING, adler32};
use crate::dir::{File, read_full_at};
use crate::error::{Context as _, Error, Result};
use crate::id::ObjectId;
use crate::index::Location;
use crate::layout::{self, FRAME_ENTRY};
use crate::reader::{Stored, StoredReader};
use crate::tuning::Tuning;

/// Bytes around the blocks of a zlib stream: its header, and the Adler-32 at its end.
pub(super) const ZLIB: (usize, usize) = (2, 4);

/// The check of one object, loose or packed, in pieces.
pub(crate) struct Scrub<F> {
    reader: StoredReader<F>,
    file: Arc<F>,
    packed: Option<Location>,
    adler: u32,
    buffer: Vec<u8>,
    /// What has been found wrong.
    problem: Option<String>,
    tuning: Arc<Tuning>,
}

impl<F: File> Scrub<F> {
    /// Check an object whose location has been compared with its pack's length.
    pub(crate) fn new(stored: Stored<F>, packed: Option<Location>) -> Self {
        let (file, buffer, tuning) = (stored.file(), stored.buffer(), stored.tuning().clone());
        let reader = StoredReader::new(stored, true);
        Scrub { reader, file, packed, adler: ADLER_OF_NOTHING, buffer, problem: None, tuning }
    }

    /// Check a record of a pack of this length. Fails when it cannot be one.
    pub(crate) fn record(
        file: Arc<F>,
        id: ObjectId,
        location: Location,
        pack_len: u64,
        tuning: &Arc<Tuning>,
    ) -> Result<Self> {
        Ok(Scrub::new(Stored::packed(id, file, location, pack_len, tuning)?, Some(location)))
    }

    /// Go on for a bounded time. `Some`: done, and whether the object is sound.
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
                    self.problem = Some(damage.problem);
                    return Ok(Some(false));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What has been found wrong.
    pub(crate) fn problem(self) -> Option<String> {
        self.problem
    }

    /// All of it at once: what is wrong, if anything.
    pub(crate) fn finish(mut self) -> Result<Option<String>> {
        while self.step()?.is_none() {}
        Ok(self.problem)
    }

    /// What reading frame by frame does not look at: the ends of the zlib stream, and the form of the frame table.
    fn form_is_sound(&self) -> Result<bool> {
        let Some(location) = self.packed.filter(Location::compressed) else { return Ok(true) };
        let path = layout::pack(location.pack);
        let end = location.offset + location.length;
        let (mut header, mut trailer) = ([0; ZLIB.0], [0; ZLIB.1]);
        read_full_at(&*self.file, &mut header, location.offset).during("read", &path)?;
        read_full_at(&*self.file, &mut trailer, end - ZLIB.1 as u64).during("read", &path)?;
        if !is_zlib_header(&header) || trailer != self.adler.to_be_bytes() {
            return Ok(false);
        }
        let table = frame_table_length(location.size, location.length);
        if table == 0 {
            return Ok(true);
        }
        let together = (self.tuning.chunk / ENTRY).max(1);
        let mut buffer = vec![0; together * ENTRY];
        let frames = frame_count(location.size);
        let mut frame = 0;
        while frame < frames {
            let count = (frames - frame).min(together as u64);
            let entries = &mut buffer[..count as usize * ENTRY];
            read_full_at(&*self.file, entries, end + 1 + frame * ENTRY as u64).during("read", &path)?;
            for (place, entry) in entries.chunks_exact(ENTRY).enumerate() {
                let number = frame + place as u64;
                let padded = entry[1..].trim_ascii_start();
                let digits = !padded.is_empty() && padded[0] != b'0' && padded.iter().all(u8::is_ascii_digit);
                let spaces = entry[1..ENTRY - padded.len()].iter().all(|byte| *byte == b' ');
                let last = number + 1 < frames || number_of(padded) == Some(location.length - ZLIB.1 as u64);
                if entry[0] != if number == 0 { b'[' } else { b',' } || !digits || !spaces || !last {
                    return Ok(false);
                }
            }
            frame += count;
        }
        let mut close = [0; 2];
        read_full_at(&*self.file, &mut close, end + 1 + frames * ENTRY as u64).during("read", &path)?;
        Ok(close == *b"]\n")
    }
}

/// Bytes of an entry of a frame table, with what is before it.
const ENTRY: usize = FRAME_ENTRY as usize + 1;

fn number_of(digits: &[u8]) -> Option<u64> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// Method 8, a window of at most 32 KiB, no dictionary, and a right checksum (RFC 1950, section 2.2).
pub(super) fn is_zlib_header(header: &[u8]) -> bool {
    let &[method, flags] = header else { return false };
    method & 15 == 8 && method >> 4 <= 7 && flags & 32 == 0 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}
