//! Whether records hold the objects they say they hold.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::walk::{Record, Walk};
use super::{frame_count, frame_table_length};
use crate::codec::{self, adler32};
use crate::dir::{File, read_full_at};
use crate::error::{Context as _, Error, Result};
use crate::id::ObjectId;
use crate::index::Location;
use crate::layout::{self, FRAME, FRAME_ENTRY};
use crate::reader::{ObjectReader, Stored};

/// Inflated objects that are in memory at the same time, in bytes.
const INFLATED: usize = 4 << 20;
/// What is read at once of an object that is not in memory.
const PIECE: usize = 256 << 10;
/// Bytes of an object that is not in memory that are read in a step.
const STEP: u64 = 16 << 20;
/// Bytes around the blocks of a zlib stream: its header, and the Adler-32 at its end.
const ZLIB: (usize, usize) = (2, 4);

/// The ids of many objects that are in memory.
pub(crate) fn digests<T: AsRef<[u8]>>(contents: &[T]) -> Vec<ObjectId> {
    contents.iter().map(|content| codec::sha256(content.as_ref())).collect()
}

/// A walk through a pack on which each record is looked at.
pub(crate) struct Inspection<F> {
    walk: Walk<F>,
    /// A record that takes more than a step.
    large: Option<(Record, Box<Scrub<F>>)>,
}

impl<F: File> Inspection<F> {
    /// Inspect the first `len` bytes of a pack.
    pub(crate) fn new(file: Arc<F>, number: u32, len: u64) -> Self {
        Inspection { walk: Walk::new(file, number, len), large: None }
    }

    pub(crate) fn walk(&self) -> &Walk<F> {
        &self.walk
    }

    /// The next records, and whether each holds the object that it says; `None` at the end. There may be none before.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<(Record, bool)>>> {
        let mut inspected = Vec::new();
        if let Some((record, mut scrub)) = self.large.take() {
            match scrub.step()? {
                Some(sound) => drop(self.take(&mut inspected, record, sound)),
                None => self.large = Some((record, scrub)),
            }
            return Ok(Some(inspected));
        }
        let Some(records) = self.walk.next()? else { return Ok(None) };
        let sound = check_window(&self.walk, &records);
        for (record, sound) in records.into_iter().zip(sound) {
            // One that is not in memory is the last of its window.
            let Some(sound) = sound else {
                match Scrub::record(self.walk.file(), record.id, record.location, self.walk.len()) {
                    Ok(scrub) => self.large = Some((record, Box::new(scrub))),
                    Err(_) => drop(self.take(&mut inspected, record, false)),
                }
                break;
            };
            if self.take(&mut inspected, record, sound) {
                break;
            }
        }
        Ok(Some(inspected))
    }

    /// Whether the walk goes back, so that what follows the record in its window comes again.
    fn take(&mut self, inspected: &mut Vec<(Record, bool)>, record: Record, sound: bool) -> bool {
        inspected.push((record, sound));
        !sound && self.walk.distrust(&record)
    }
}

/// Which records of a window hold their objects. `None`: too large, to be read with [`Scrub`].
fn check_window<F: File>(walk: &Walk<F>, records: &[Record]) -> Vec<Option<bool>> {
    let mut sound = vec![Some(false); records.len()];
    let (mut places, mut contents, mut inflated) = (Vec::new(), Vec::new(), 0);
    for (place, record) in records.iter().enumerate() {
        match walk.payload(record) {
            Some(payload) if record.location.size <= FRAME as u64 => {
                let Some(content) = content(payload, &record.location) else { continue };
                inflated += if let Cow::Owned(content) = &content { content.len() } else { 0 };
                places.push(place);
                contents.push(content);
            }
            _ => sound[place] = None,
        }
        if inflated >= INFLATED {
            settle(records, &mut sound, &mut places, &mut contents);
            inflated = 0;
        }
    }
    settle(records, &mut sound, &mut places, &mut contents);
    sound
}

fn settle(records: &[Record], sound: &mut [Option<bool>], places: &mut Vec<usize>, contents: &mut Vec<Cow<'_, [u8]>>) {
    for (place, digest) in places.drain(..).zip(digests(contents)) {
        sound[place] = Some(digest == records[place].id);
    }
    contents.clear();
}

/// The object that a payload of one frame is; `None` when its zlib stream is damaged.
fn content<'a>(payload: &'a [u8], location: &Location) -> Option<Cow<'a, [u8]>> {
    if !location.compressed() {
        return Some(Cow::Borrowed(payload));
    }
    let (header, rest) = payload.split_at_checked(ZLIB.0)?;
    let (blocks, trailer) = rest.split_at_checked(rest.len().checked_sub(ZLIB.1)?)?;
    let content = codec::inflate(blocks, location.size as usize).filter(|_| is_zlib_header(header))?;
    (trailer == adler32(1, &content).to_be_bytes()).then_some(Cow::Owned(content))
}

/// Method 8, a window of at most 32 KiB, no dictionary, and a right checksum (RFC 1950, section 2.2).
fn is_zlib_header(header: &[u8]) -> bool {
    let &[method, flags] = header else { return false };
    method & 15 == 8 && method >> 4 <= 7 && flags & 32 == 0 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

/// The check of one object, loose or packed, in pieces.
pub(crate) struct Scrub<F> {
    reader: ObjectReader<F>,
    file: Arc<F>,
    packed: Option<Location>,
    adler: u32,
    buffer: Vec<u8>,
    /// What has been found wrong.
    problem: Option<String>,
}

impl<F: File> Scrub<F> {
    /// Check an object whose location has been compared with its pack's length.
    pub(crate) fn new(stored: Stored<F>, packed: Option<Location>) -> Self {
        let file = stored.file();
        let buffer = vec![0; PIECE.min(usize::try_from(stored.size).unwrap_or(PIECE))];
        Scrub { reader: ObjectReader::new(stored, true), file, packed, adler: 1, buffer, problem: None }
    }

    /// Check a record of a pack of this length. Fails when it cannot be one.
    pub(crate) fn record(file: Arc<F>, id: ObjectId, location: Location, pack_len: u64) -> Result<Self> {
        Ok(Scrub::new(Stored::packed(id, file, location, pack_len)?, Some(location)))
    }

    /// Go on for a bounded time. `Some`: done, and whether the object is sound.
    pub(crate) fn step(&mut self) -> Result<Option<bool>> {
        let mut left = STEP;
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
        let mut buffer = vec![0; PIECE / ENTRY * ENTRY];
        let frames = frame_count(location.size);
        let mut frame = 0;
        while frame < frames {
            let count = (frames - frame).min((PIECE / ENTRY) as u64);
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
