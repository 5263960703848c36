//! Whether records hold the objects they say they hold.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::scrub::Scrub;
use super::walk::{self, Record, Unreadable, Walk};
use crate::codec::{Checking, Payload};
use crate::dir::File;
use crate::error::{Error, Result};
use crate::format::FRAME;
use crate::format::location::Location;
use crate::format::zlib_stream;
use crate::id::ObjectId;
use crate::tuning::Tuning;

/// A walk through a pack on which each record is checked. Windows are checked while later ones are read.
///
/// A record that does not hold its object may claim a length that is not its own, and so hide other records: they are
/// looked for within it, and come right after it. What was read ahead stays, so that the time grows with the bytes,
/// however many records are unsound. Crafted packs in which each record claims to hold all others are given up after
/// the pack's length has been looked through again `Tuning::walk_again` times.
pub(crate) struct Inspection<F> {
    walk: Walk<F>,
    windows: VecDeque<Window>,
    /// Records of the first window that have not been given out, and their checks.
    current: vec::IntoIter<(Record, Check)>,
    /// Unreadable ranges found since [`take_unreadable`](Self::take_unreadable) was last called.
    unreadable: Vec<Unreadable>,
    /// A record that takes more than a step.
    large: Option<(Record, Box<Scrub<F>>)>,
    /// The walk within a record that does not hold its object.
    inner: Option<Walk<F>>,
    /// Bytes that have been looked through again.
    again: u64,
    /// Up to here the pack belongs to sound records that were found within an unsound one: no header before counts.
    covered: u64,
}

/// The result of checking a record.
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
    /// For each record: whether it is being checked; `false`: there is nothing that could be. `None`: it is not in
    /// memory.
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
    /// Inspects the first `len` bytes of a pack.
    pub(crate) fn new(file: Arc<F>, number: u32, len: u64, tuning: &Arc<Tuning>) -> Self {
        Inspection {
            walk: Walk::new(file, number, len, tuning),
            windows: VecDeque::new(),
            current: Vec::new().into_iter(),
            unreadable: Vec::new(),
            large: None,
            inner: None,
            again: 0,
            covered: 0,
        }
    }

    pub(crate) fn walk(&self) -> &Walk<F> {
        &self.walk
    }

    /// The next records, in the order of their headers, and whether each holds the object that it says; `None` at the
    /// end. There may be none before.
    pub(crate) fn next(&mut self) -> Option<Vec<(Record, bool)>> {
        let mut inspected = Vec::new();
        if let Some((record, mut scrub)) = self.large.take() {
            match scrub.step() {
                Ok(Some(sound)) => self.take(&mut inspected, record, sound),
                Ok(None) => self.large = Some((record, scrub)),
                Err(error) => {
                    self.tell_unreadable(&record, &error);
                    self.take(&mut inspected, record, false);
                }
            }
        } else if self.inner.is_some() {
            self.inspect_inner(&mut inspected);
        } else {
            if self.current.len() == 0 {
                self.read_ahead();
                self.current = self.windows.pop_front()?.finish();
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
        Some(inspected)
    }

    /// Returns the ranges that could not be read since the last call. Their bytes count as zeros.
    pub(crate) fn take_unreadable(&mut self) -> Vec<Unreadable> {
        let mut unreadable = self.walk.take_unreadable();
        unreadable.append(&mut self.unreadable);
        unreadable
    }

    fn tell_unreadable(&mut self, record: &Record, error: &Error) {
        if let Error::Io(failure) = error {
            walk::tell(&mut self.unreadable, record.location.offset..record.end, failure.code);
        }
    }

    /// Goes on within a record that does not hold its object, for a bounded time.
    fn inspect_inner(&mut self, inspected: &mut Vec<(Record, bool)>) {
        let mut left = self.walk.tuning().step_bytes;
        while self.large.is_none()
            && left > 0
            && let Some(inner) = &mut self.inner
        {
            let Some(record) = inner.next_record() else {
                self.inner = None;
                break;
            };
            let Some(inner) = &self.inner else { break };
            let check = match inner.payload(&record) {
                Some((_, bytes)) if record.location.size <= FRAME as u64 => {
                    let payload = payload(record.id, record.location, 0, bytes);
                    let sound = payload.map(|payload| Checking::start(bytes, vec![payload]).finish() == [true]);
                    Check::Done(sound.unwrap_or(false))
                }
                _ => Check::Large,
            };
            left = left.saturating_sub(record.length());
            self.inspect(inspected, record, check);
        }
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

    /// Gives out a record. Records are looked for within one that does not hold its object.
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
        while self.windows.len() < self.walk.tuning().ahead
            && let Some(records) = self.walk.next()
        {
            self.windows.push_back(start_checking(&self.walk, records));
        }
    }
}

/// Starts to check whether the records of the walk's last window hold their objects.
fn start_checking<F: File>(walk: &Walk<F>, records: Vec<Record>) -> Window {
    let (mut checked, mut payloads) = (Vec::with_capacity(records.len()), Vec::with_capacity(records.len()));
    for record in &records {
        checked.push(match walk.payload(record) {
            Some((start, bytes)) if record.location.size <= FRAME as u64 => {
                let payload = payload(record.id, record.location, start, bytes);
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

/// How the object is got out of a payload of one frame, which starts so far into its window, and whose every byte is
/// checked; `None` when the ends of its zlib stream are damaged.
pub(crate) fn payload(id: ObjectId, location: Location, start: usize, bytes: &[u8]) -> Option<Payload> {
    let (mut range, mut adler) = (start..start + bytes.len(), None);
    if location.compressed() {
        let (blocks, sum) = zlib_stream::parts(bytes)?;
        adler = Some(sum);
        range = start + blocks.start..start + blocks.end;
    }
    Some(Payload {
        range: range.start as u32..range.end as u32,
        size: location.size as u32,
        compressed: location.compressed(),
        expected: Some(id),
        adler,
    })
}
