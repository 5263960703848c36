//! Objects that are being read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use loosepack::store::{self, Block, Found, ReadMany as _};
use loosepack_host::{Container, Error, ObjectBatch, ObjectId, ObjectReader};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::convert;
use crate::errors;
use crate::handles::Lease;
use crate::process::Owned;

/// An object that is being read piece by piece. Threads may share it.
#[pyclass(frozen)]
pub(crate) struct Reader {
    /// Taken while detached.
    reading: Owned<Mutex<Reading>>,
    #[pyo3(get)]
    size: u64,
}

struct Reading {
    reader: ObjectReader,
    position: u64,
}

impl Reading {
    /// Fills `buffer` as far as there are bytes. Returns their number.
    fn fill(&mut self, buffer: &mut [u8]) -> loosepack_host::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match store::Reader::read(&mut self.reader, &mut buffer[filled..])? {
                0 => break,
                len => {
                    filled += len;
                    self.position += len as u64;
                }
            }
        }
        Ok(filled)
    }
}

impl Reader {
    pub(crate) fn new(reader: ObjectReader) -> Self {
        let size = reader.size();
        Reader { reading: Owned::new(Mutex::new(Reading { reader, position: 0 })), size }
    }
}

fn lock(reading: &Mutex<Reading>) -> MutexGuard<'_, Reading> {
    reading.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl Reader {
    /// Reads at most this many bytes: fewer only at the end.
    fn read<'py>(&self, py: Python<'py>, len: u64) -> PyResult<Bound<'py, PyBytes>> {
        let reading = self.reading.get(py)?;
        let position = py.detach(|| lock(reading).position);
        let wanted = usize::try_from(len.min(self.size.saturating_sub(position)))?;
        let mut filled = 0;
        let bytes = PyBytes::new_with(py, wanted, |buffer| {
            // Nobody else has seen these bytes yet.
            filled = py.detach(|| lock(reading).fill(buffer)).map_err(|error| errors::of(py, error))?;
            Ok(())
        })?;
        // Another thread may have read in between.
        if filled == wanted { Ok(bytes) } else { Ok(PyBytes::new(py, &bytes.as_bytes()[..filled])) }
    }

    /// Continues at this byte.
    fn seek(&self, py: Python<'_>, position: u64) -> PyResult<()> {
        let reading = self.reading.get(py)?;
        py.detach(|| {
            let mut reading = lock(reading);
            if reading.position != position {
                store::Reader::seek(&mut reading.reader, position)?;
                reading.position = position;
            }
            Ok(())
        })
        .map_err(|error: Error| errors::of(py, error))
    }

    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        let reading = self.reading.get(py)?;
        Ok(py.detach(|| lock(reading).position))
    }
}

/// Reads a whole object, however large.
pub(crate) fn read_large<'py>(py: Python<'py>, container: &Container, id: &ObjectId) -> PyResult<Bound<'py, PyBytes>> {
    let reader = py.detach(|| container.reader(id)).map_err(|error| errors::of(py, error))?;
    let reader = Reader::new(reader);
    reader.read(py, reader.size)
}

/// Many objects that are being read: an iterator of pairs of ID and bytes.
#[pyclass(frozen)]
pub(crate) struct Batch {
    /// The IDs that were asked for, sorted and each of them once: blocks refer to them by position.
    ids: Vec<ObjectId>,
    skip_missing: bool,
    /// Never waited for: one thread at a time takes items.
    state: Owned<Mutex<State>>,
}

struct State {
    lease: Lease,
    batch: ObjectBatch,
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
        Ok(Batch { ids, skip_missing, state: Owned::new(Mutex::new(state)) })
    }
}

#[pymethods]
impl Batch {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Ok(mut guard) = self.state.get(py)?.try_lock() else {
            return Err(pyo3::exceptions::PyValueError::new_err("another thread is taking from this iterator"));
        };
        let State { lease, batch, block, next } = &mut *guard;
        loop {
            let Some((position, found)) = block.items.get(*next) else {
                let read = py.detach(|| batch.next_block());
                *block = lease.note(read.map_err(Error::from)).map_err(|error| errors::of(py, error))?;
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
                Found::Missing => return Err(errors::of(py, loosepack_host::StoreError::NotFound(*id).into())),
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
