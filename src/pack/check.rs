//! Whether records hold the objects they say they hold.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::walk::{Record, Walk};
use super::{frame_count, frame_table_length};
use crate::codec::{Checking, Payload};
use crate::compress::{ADLER_OF_NOTHING, adler32};
use crate::dir::{File, read_full_at};
use crate::error::{Context as _, Error, Result};
use crate::id::ObjectId;
use crate::index::Location;
use crate::layout::{self, FRAME, FRAME_ENTRY};
use crate::reader::{Stored, StoredReader};
use crate::tuning::Tuning;

/// Bytes around the blocks of a zlib stream: its header, and the Adler-32 at its end.
const ZLIB: (usize, usize) = (2, 4);

/// A walk through a pack on which each record is checked. Windows are checked while later ones are read.
///
/// A record that does not hold its object may claim a length that is not its own, and so hide other records: they are
/// looked for within it, and come right after it. What was read ahead stays, so that the time grows with the bytes,
/// however many records are unsound. Crafted packs in which each record claims to hold all others are given up after the
/// pack's length has been looked through again `Tuning::walk_again` times.
pub(crate) struct Inspection<F> {
    walk: Walk<F>,
    windows: VecDeque<Window>,
    /// Records of the first window that have not been given out, and their checks.
    current: vec::IntoIter<(Record, Check)>,
    /// Why the walk could not go on behind the windows.
    failed: Option<Error>,
    /// A record that takes more than a step.
    large: Option<(Record, Box<Scrub<F>>)>,
    /// The walk within a record that does not hold its object.
    inner: Option<Walk<F>>,
    /// Bytes that have been looked through again.
    again: u64,
    /// Up to here the pack belongs to sound records that were found within an unsound one: no header before counts.
    covered: u64,
}

/// What is known of a record that was read.
#[derive(Clone, Copy)]
enum Check {
    /// Whether it holds its object.
    Done(bool),
    /// It is not in memory.
    Large,
}

/// Records that have been read together.
struct Window {
    records: Vec<Record>,
    /// For each record: whether it is being checked; `false`: there is nothing that could be. `None`: it is not in memory.
    checked: Vec<Option<bool>>,
    checking: Checking,
}

impl Window {
    fn finish(self) -> vec::IntoIter<(Record, Check)> {
        let mut sound = self.checking.finish().into_iter();
        let check = |checked: Option<bool>| match checked {
            Some(checked) => Check::Done(checked && sound.next().unwrap_or(false)),
            None => Check::Large,
        };
        self.records.into_iter().zip(self.checked.into_iter().map(check)).collect::<Vec<_>>().into_iter()
    }
}

impl<F: File> Inspection<F> {
    /// Inspect the first `len` bytes of a pack.
    pub(crate) fn new(file: Arc<F>, number: u32, len: u64, tuning: &Arc<Tuning>) -> Self {
        Inspection {
            walk: Walk::new(file, number, len, tuning),
            windows: VecDeque::new(),
            current: Vec::new().into_iter(),
            failed: None,
            large: None,
            inner: None,
            again: 0,
            covered: 0,
        }
    }

    pub(crate) fn walk(&self) -> &Walk<F> {
        &self.walk
    }

    /// The next records, in the order of their headers, and whether each holds the object that it says; `None` at the end.
    /// There may be none before.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<(Record, bool)>>> {
        let mut inspected = Vec::new();
        if let Some((record, mut scrub)) = self.large.take() {
            match scrub.step()? {
                Some(sound) => self.take(&mut inspected, record, sound),
                None => self.large = Some((record, scrub)),
            }
        } else if self.inner.is_some() {
            self.inspect_inner(&mut inspected)?;
        } else {
            if self.current.len() == 0 {
                self.read_ahead();
                let Some(window) = self.windows.pop_front() else { return self.failed.take().map_or(Ok(None), Err) };
                self.current = window.finish();
            }
            while self.large.is_none()
                && self.inner.is_none()
                && let Some((record, check)) = self.current.next()
            {
                if record.start >= self.covered {
                    self.inspect(&mut inspected, record, check);
                }
            }
        }
        Ok(Some(inspected))
    }

    /// Go on within a record that does not hold its object, for a bounded time.
    fn inspect_inner(&mut self, inspected: &mut Vec<(Record, bool)>) -> Result<()> {
        let mut left = self.walk.tuning().step_bytes;
        while self.large.is_none()
            && left > 0
            && let Some(inner) = &mut self.inner
        {
            let found = inner.next_record().inspect_err(|_| self.inner = None)?;
            let Some(record) = found else {
                self.inner = None;
                break;
            };
            let Some(inner) = &self.inner else { break };
            let check = match inner.payload(&record) {
                Some((_, bytes)) if record.location.size <= FRAME as u64 => {
                    let payload = payload(&record, 0, bytes);
                    let sound = payload.map(|payload| Checking::start(bytes, vec![payload]).finish() == [true]);
                    Check::Done(sound.unwrap_or(false))
                }
                _ => Check::Large,
            };
            left = left.saturating_sub(record.length());
            self.inspect(inspected, record, check);
        }
        Ok(())
    }

    fn inspect(&mut self, inspected: &mut Vec<(Record, bool)>, record: Record, check: Check) {
        match check {
            Check::Done(sound) => self.take(inspected, record, sound),
            Check::Large => match self.scrub(&record) {
                Ok(scrub) => self.large = Some((record, Box::new(scrub))),
                Err(_) => self.take(inspected, record, false),
            },
        }
    }

    fn scrub(&self, record: &Record) -> Result<Scrub<F>> {
        let walk = &self.walk;
        Scrub::record(walk.file(), record.id, record.location, walk.len(), walk.tuning())
    }

    /// Give out a record. Records are looked for within one that does not hold its object.
    fn take(&mut self, inspected: &mut Vec<(Record, bool)>, record: Record, sound: bool) {
        inspected.push((record, sound));
        if sound {
            if self.inner.is_some() {
                self.covered = self.covered.max(record.end);
            }
            return;
        }
        let range = record.location.offset..record.end;
        self.again = self.again.saturating_add(range.end - range.start);
        if self.again > self.walk.len().saturating_mul(self.walk.tuning().walk_again) {
            return;
        }
        match &mut self.inner {
            Some(inner) => inner.enter(&record),
            None => {
                let (file, number, len) = (self.walk.file(), record.location.pack, self.walk.len());
                self.inner = Some(Walk::within(file, number, range, len, self.walk.tuning()));
            }
        }
    }

    fn read_ahead(&mut self) {
        while self.windows.len() < self.walk.tuning().ahead && self.failed.is_none() {
            match self.walk.next() {
                Ok(Some(records)) => self.windows.push_back(start_checking(&self.walk, records)),
                Ok(None) => break,
                Err(error) => self.failed = Some(error),
            }
        }
    }
}

/// Start to check whether the records of the walk's last window hold their objects.
fn start_checking<F: File>(walk: &Walk<F>, records: Vec<Record>) -> Window {
    let (mut checked, mut payloads) = (Vec::with_capacity(records.len()), Vec::with_capacity(records.len()));
    for record in &records {
        checked.push(match walk.payload(record) {
            Some((start, bytes)) if record.location.size <= FRAME as u64 => {
                let payload = payload(record, start, bytes);
                let checked = payload.is_some();
                payloads.extend(payload);
                Some(checked)
            }
            _ => None,
        });
    }
    let checking = Checking::start(if payloads.is_empty() { &[] } else { walk.window() }, payloads);
    Window { records, checked, checking }
}

/// How the object is got out of a payload of one frame, which starts so far into its window; `None` when the ends of its
/// zlib stream are damaged.
fn payload(record: &Record, start: usize, bytes: &[u8]) -> Option<Payload> {
    let Record { id, location, .. } = record;
    let (mut range, mut adler) = (start..start + bytes.len(), None);
    if location.compressed() {
        let (header, rest) = bytes.split_at_checked(ZLIB.0)?;
        let (_, trailer) = rest.split_last_chunk::<{ ZLIB.1 }>()?;
        is_zlib_header(header).then_some(())?;
        adler = Some(u32::from_be_bytes(*trailer));
        range = range.start + ZLIB.0..range.end - ZLIB.1;
    }
    Some(Payload {
        range: range.start as u32..range.end as u32,
        size: location.size as u32,
        compressed: location.compressed(),
        expected: Some(*id),
        adler,
    })
}

/// Method 8, a window of at most 32 KiB, no dictionary, and a right checksum (RFC 1950, section 2.2).
fn is_zlib_header(header: &[u8]) -> bool {
    let &[method, flags] = header else { return false };
    method & 15 == 8 && method >> 4 <= 7 && flags & 32 == 0 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

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
