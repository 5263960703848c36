//! Objects that are being read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use loosepack::store::{Block, Found};
use loosepack_host::{Error, ObjectBatch, ObjectId, ObjectReader, StoreError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::convert;
use crate::errors;
use crate::handles::{Lease, Share};
use crate::process::{self, Owned};

/// An object that is being read piece by piece. Threads may share it.
#[pyclass(frozen)]
pub(crate) struct Reader {
    /// Taken while detached. Gone when the reader is dropped.
    reading: Option<Owned<Mutex<Reading>>>,
    #[pyo3(get)]
    size: u64,
}

struct Reading {
    reader: ObjectReader,
    share: Share,
    /// Position of the next byte. After a failure, that of the first byte of the read that failed.
    position: u64,
    /// Why a read failed. The component's position is not known then, until it is set.
    failed: Option<Failed>,
}

/// A failure that is raised again.
#[derive(Clone)]
enum Failed {
    Store(StoreError),
    Stopped(String),
}

impl Failed {
    fn new(error: Error) -> Self {
        match error {
            Error::Store(error) => Failed::Store(error),
            error => Failed::Stopped(error.to_string()),
        }
    }

    fn exception(&self, py: Python<'_>) -> PyErr {
        match self {
            Failed::Store(error) => errors::of(py, error.clone().into()),
            Failed::Stopped(text) => errors::stopped(py, text),
        }
    }
}

impl Reading {
    /// Fills `buffer` as far as there are bytes. Returns their number; after a failure, `failed` has the reason.
    fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while self.failed.is_none() && filled < buffer.len() {
            match self.share.note(self.reader.fill(&mut buffer[filled..])) {
                Ok(0) => break,
                Ok(len) => filled += len,
                Err(error) => self.failed = Some(Failed::new(error)),
            }
        }
        if self.failed.is_none() {
            self.position += filled as u64;
        }
        filled
    }

    /// Continues at this byte.
    fn seek(&mut self, position: u64) {
        if self.position == position && self.failed.is_none() {
            return;
        }
        match self.share.note(self.reader.go_to(position)) {
            Ok(()) => (self.position, self.failed) = (position, None),
            Err(error) => self.failed = Some(Failed::new(error)),
        }
    }
}

impl Reader {
    pub(crate) fn new(reader: ObjectReader, share: Share) -> Self {
        let size = reader.size();
        let reading = Reading { reader, share, position: 0, failed: None };
        Reader { reading: Some(Owned::new(Mutex::new(reading))), size }
    }

    fn reading(&self, py: Python<'_>) -> PyResult<&Mutex<Reading>> {
        self.reading.as_ref().expect("it is there until the reader is dropped").get(py)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // The handle may be at work for another reader.
        process::drop_detached(self.reading.take());
    }
}

fn lock(reading: &Mutex<Reading>) -> MutexGuard<'_, Reading> {
    reading.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl Reader {
    /// Reads at most this many bytes: fewer only at the end. After a failure, every later read fails as well, until
    /// `seek` sets the position.
    fn read<'py>(&self, py: Python<'py>, len: u64) -> PyResult<Bound<'py, PyBytes>> {
        let reading = self.reading(py)?;
        let position = py.detach(|| lock(reading).position);
        let wanted = usize::try_from(len.min(self.size.saturating_sub(position)))?;
        let mut filled = 0;
        let bytes = PyBytes::new_with(py, wanted, |buffer| {
            // Nobody else has seen these bytes yet.
            let failed;
            (filled, failed) = py.detach(|| {
                let mut reading = lock(reading);
                (reading.fill(buffer), reading.failed.clone())
            });
            failed.map_or(Ok(()), |failed| Err(failed.exception(py)))
        })?;
        // Another thread may have read in between.
        if filled == wanted { Ok(bytes) } else { Ok(PyBytes::new(py, &bytes.as_bytes()[..filled])) }
    }

    /// Continues at this byte.
    fn seek(&self, py: Python<'_>, position: u64) -> PyResult<()> {
        let reading = self.reading(py)?;
        let failed = py.detach(|| {
            let mut reading = lock(reading);
            reading.seek(position);
            reading.failed.clone()
        });
        failed.map_or(Ok(()), |failed| Err(failed.exception(py)))
    }

    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        let reading = self.reading(py)?;
        Ok(py.detach(|| lock(reading).position))
    }
}

/// Reads a whole object, however large.
pub(crate) fn read_large<'py>(py: Python<'py>, lease: &mut Lease, id: &ObjectId) -> PyResult<Bound<'py, PyBytes>> {
    let opened = py.detach(|| lease.reader(id));
    let reader = lease.note(opened).map_err(|error| errors::of(py, error))?;
    let reader = Reader::new(reader, lease.share());
    reader.read(py, reader.size)
}

/// Many objects that are being read: an iterator of pairs of ID and bytes.
#[pyclass(frozen)]
pub(crate) struct Batch {
    /// The IDs that were asked for, sorted and each of them once: blocks refer to them by position.
    ids: Vec<ObjectId>,
    skip_missing: bool,
    /// Never waited for: one thread at a time takes items. Gone when the batch is dropped.
    state: Option<Owned<Mutex<State>>>,
}

struct State {
    batch: ObjectBatch,
    lease: Lease,
    block: Block,
    next: usize,
}

impl Batch {
    /// Starts to read.
    pub(crate) fn start(
        py: Python<'_>,
        mut lease: Lease,
        mut ids: Vec<ObjectId>,
        skip_missing: bool,
    ) -> PyResult<Self> {
        let (ids, batch) = py.detach(|| {
            ids.sort_unstable();
            ids.dedup();
            let batch = lease.read_many(&ids);
            (ids, batch)
        });
        let batch = lease.note(batch).map_err(|error| errors::of(py, error))?;
        let state = State { lease, batch, block: Block::default(), next: 0 };
        Ok(Batch { ids, skip_missing, state: Some(Owned::new(Mutex::new(state))) })
    }

    fn state(&self, py: Python<'_>) -> PyResult<&Mutex<State>> {
        self.state.as_ref().expect("it is there until the batch is dropped").get(py)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let Some(state) = self.state.take().and_then(Owned::into_ours) else { return };
        let State { batch, lease, .. } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        // The handle may be at work for a reader.
        process::drop_detached(batch);
        drop(lease);
    }
}

#[pymethods]
impl Batch {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Ok(mut guard) = self.state(py)?.try_lock() else {
            return Err(pyo3::exceptions::PyValueError::new_err("another thread is taking from this iterator"));
        };
        let State { batch, lease, block, next } = &mut *guard;
        loop {
            let Some((position, found)) = block.items.get(*next) else {
                let read = py.detach(|| batch.next_block());
                *block = lease.note(read).map_err(|error| errors::of(py, error))?;
                *next = 0;
                if block.items.is_empty() {
                    return Ok(None);
                }
                continue;
            };
            *next += 1;
            let Some(id) = self.ids.get(*position as usize) else {
                return Err(convert::invalid(py, "the component answered for an ID that was not asked for".into()));
            };
            let bytes = match found {
                Found::Bytes(range) => PyBytes::new(py, &block.bytes[range.clone()]),
                Found::TooLarge(_) => read_large(py, lease, id)?,
                Found::Missing if self.skip_missing => continue,
                Found::Missing => return Err(errors::of(py, StoreError::NotFound(*id).into())),
                Found::Failed(error) => return Err(errors::of(py, error.clone().into())),
            };
            return pair(py, id, bytes).map(Some);
        }
    }
}

fn pair<'py>(py: Python<'py>, id: &ObjectId, bytes: Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyTuple>> {
    let id: Bound<'py, PyString> = convert::text(py, id);
    (id, bytes).into_pyobject(py)
}
