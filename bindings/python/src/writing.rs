//! Objects that are being added.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use loosepack::source::Source;
use loosepack_host::{Container, Error, ObjectId, ObjectWriter, Result, StoreError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::convert;
use crate::errors;
use crate::files::{self, PythonFile, Take};
use crate::handles::Lease;
use crate::process::Owned;

/// Bytes above which contents pass to the component in pieces.
const WHOLE_MAX: usize = 8 << 20;
/// Bytes of contents that pass to the component together.
const TOGETHER: usize = 8 << 20;
/// Number of contents that pass to the component together.
const NUMBER: usize = 16 << 10;
/// Bytes of such a piece.
const PIECE: usize = 256 << 10;

/// Adds loose objects.
pub(crate) struct Loose<'a>(pub(crate) &'a Container);

impl Loose<'_> {
    /// Adds one.
    pub(crate) fn one(&mut self, content: &[u8]) -> Result<ObjectId> {
        if content.len() <= WHOLE_MAX { self.0.add(content) } else { self.0.add_reader(content) }
    }
}

impl Take for Loose<'_> {
    fn many(&mut self, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>> {
        self.0.add_many(contents)
    }

    fn source(&mut self, mut source: Box<dyn Source + Send>) -> Result<ObjectId> {
        let mut writer = self.0.writer()?;
        let mut buffer = vec![0; PIECE];
        loop {
            match source.read(&mut buffer)? {
                0 => return writer.finish(),
                len => writer.append(&buffer[..len])?,
            }
        }
    }
}

/// Adds contents in groups of bounded size, those that are large one by one.
fn add_bounded(contents: &[&[u8]], mut many: impl FnMut(&[&[u8]]) -> Result<Vec<ObjectId>>) -> Result<Vec<ObjectId>> {
    let mut ids = Vec::with_capacity(contents.len());
    let mut rest = contents;
    while !rest.is_empty() {
        let mut size = 0;
        let fits = |content: &&&[u8]| {
            size += content.len();
            size <= TOGETHER
        };
        let number = rest.iter().take(NUMBER).take_while(fits).count().max(1);
        let (group, later) = rest.split_at(number);
        ids.append(&mut many(group)?);
        rest = later;
    }
    Ok(ids)
}

/// Adds contents as loose objects.
pub(crate) fn add_loose(container: &Container, contents: &[&[u8]]) -> Result<Vec<ObjectId>> {
    add_bounded(contents, |group| match group {
        [large] if large.len() > WHOLE_MAX => Ok(vec![container.add_reader(*large)?]),
        group => container.add_many(group),
    })
}

/// The bytes of a list of objects of bytes.
pub(crate) fn slices<'a>(contents: &'a [Bound<'_, PyBytes>]) -> Vec<&'a [u8]> {
    contents.iter().map(|content| content.as_bytes()).collect()
}

/// The bytes that a list contains.
///
/// # Errors
/// `TypeError`.
pub(crate) fn contents<'py>(list: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    list.iter().map(|content| convert::bytes(&content)).collect()
}

/// A loose object that is being written. Dropped early, it leaves no object.
#[pyclass(frozen)]
pub(crate) struct LooseWriter {
    /// Gone once it was finished or given up. Taken while detached.
    writer: Owned<Mutex<Option<ObjectWriter>>>,
}

impl LooseWriter {
    pub(crate) fn new(writer: ObjectWriter) -> Self {
        LooseWriter { writer: Owned::new(Mutex::new(Some(writer))) }
    }
}

#[pymethods]
impl LooseWriter {
    /// Appends bytes. Returns their number.
    fn write(&self, py: Python<'_>, content: &Bound<'_, PyAny>) -> PyResult<usize> {
        let content = convert::bytes(content)?;
        let (writer, bytes) = (self.writer.get(py)?, content.as_bytes());
        py.detach(|| lock(writer).as_mut().ok_or(StoreError::WriterFailed)?.append(bytes))
            .map_err(|error: Error| errors::of(py, error))?;
        Ok(bytes.len())
    }

    /// Completes the object. Returns its ID.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let writer = self.writer.get(py)?;
        let id = py
            .detach(|| lock(writer).take().ok_or(StoreError::WriterFailed)?.finish())
            .map_err(|error: Error| errors::of(py, error))?;
        Ok(convert::text(py, &id))
    }

    /// Gives the object up.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        let writer = self.writer.get(py)?;
        py.detach(|| drop(lock(writer).take()));
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes objects straight to packs. Threads may share it.
#[pyclass(frozen)]
pub(crate) struct PackWriter {
    /// Gone once it was finished or given up. Taken while detached.
    writer: Owned<Mutex<Option<loosepack_host::PackWriter>>>,
    /// Kept until the writer is gone. Taken while attached.
    lease: Mutex<Option<Lease>>,
}

impl PackWriter {
    pub(crate) fn new(lease: Lease, writer: loosepack_host::PackWriter) -> Self {
        PackWriter { writer: Owned::new(Mutex::new(Some(writer))), lease: Mutex::new(Some(lease)) }
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&mut loosepack_host::PackWriter) -> Result<T> + Send,
    ) -> PyResult<Result<T>> {
        let writer = self.writer.get(py)?;
        Ok(py.detach(|| run(lock(writer).as_mut().ok_or(StoreError::WriterFailed)?)))
    }
}

struct Packs<'a>(&'a mut loosepack_host::PackWriter);

impl Take for Packs<'_> {
    fn many(&mut self, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>> {
        self.0.add_many(contents)
    }

    fn source(&mut self, source: Box<dyn Source + Send>) -> Result<ObjectId> {
        self.0.add_source(source)
    }
}

/// Bytes of a Python object as a source.
struct Whole(Py<PyBytes>, usize);

impl Source for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> loosepack::Result<usize> {
        Python::attach(|py| {
            let rest = &self.0.as_bytes(py)[self.1..];
            let len = rest.len().min(buffer.len());
            buffer[..len].copy_from_slice(&rest[..len]);
            self.1 += len;
            Ok(len)
        })
    }
}

#[pymethods]
impl PackWriter {
    fn add<'py>(&self, py: Python<'py>, content: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let content = convert::bytes(content)?;
        let bytes = content.as_bytes();
        let added = if bytes.len() <= WHOLE_MAX {
            self.with(py, |writer| writer.add(bytes))
        } else {
            let source = Box::new(Whole(content.clone().unbind(), 0));
            self.with(py, |writer| writer.add_source(source))
        };
        let id = added?.map_err(|error| errors::of(py, error))?;
        Ok(convert::text(py, &id))
    }

    fn add_many<'py>(&self, py: Python<'py>, list: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, PyString>>> {
        let contents = contents(list)?;
        let mut ids = Vec::with_capacity(contents.len());
        // Large ones pass piece by piece.
        for group in contents.chunk_by(|a, b| a.as_bytes().len().max(b.as_bytes().len()) <= WHOLE_MAX) {
            match group {
                [large] if large.as_bytes().len() > WHOLE_MAX => ids.push(self.add(py, large.as_any())?),
                group => {
                    let slices = slices(group);
                    let added = self.with(py, |writer| add_bounded(&slices, |group| writer.add_many(group)))?;
                    ids.append(&mut convert::texts(py, &added.map_err(|error| errors::of(py, error))?));
                }
            }
        }
        Ok(ids)
    }

    fn add_file<'py>(&self, py: Python<'py>, file: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let (file, raised) = PythonFile::new(file);
        let added = self.with(py, |writer| writer.add_source(Box::new(file)))?;
        Ok(convert::text(py, &added.map_err(|error| raised.or(py, error))?))
    }

    fn add_paths<'py>(&self, py: Python<'py>, paths: Vec<PathBuf>) -> PyResult<Vec<Bound<'py, PyString>>> {
        let added = self.with(py, |writer| Ok(files::add_all(&paths, &mut Packs(writer))))?;
        let ids = added.map_err(|error| errors::of(py, error))?.map_err(|failure| failure.into_exception(py))?;
        Ok(convert::texts(py, &ids))
    }

    /// Makes everything added so far visible and durable.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, loosepack_host::PackWriter::commit)?.map_err(|error| errors::of(py, error))
    }

    /// Commits, and frees the pack lock.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let writer = self.writer.get(py)?;
        let finished = py.detach(|| lock(writer).take().ok_or(StoreError::WriterFailed)?.finish());
        self.release(py, finished).map_err(|error| errors::of(py, error))
    }

    /// Frees the pack lock. What was added since the last commit is lost.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        let writer = self.writer.get(py)?;
        py.detach(|| drop(lock(writer).take()));
        self.release(py, Ok(())).map_err(|error| errors::of(py, error))
    }
}

impl PackWriter {
    fn release(&self, _py: Python<'_>, result: Result<()>) -> Result<()> {
        let lease = lock(&self.lease).take();
        lease.map_or(Ok(()), |mut lease| lease.note(result))
    }
}
