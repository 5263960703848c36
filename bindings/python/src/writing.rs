//! Objects that are being added.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use loosepack::source::Source;
use loosepack_host::{Container, Error, ObjectId, ObjectWriter, Result};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::convert;
use crate::errors;
use crate::exclusive::Exclusive;
use crate::files::{self, PythonFile, Take};
use crate::handles::Lease;
use crate::process::{self, Owned};

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

/// A writer with a handle of its own: nothing else waits for the component while it reads from a file of Python.
struct Writing<W: Send> {
    /// Gone once it was finished, given up or stopped. Used while detached.
    writer: Owned<Exclusive<Option<W>>>,
    /// Kept until the writer is gone. Taken while attached.
    lease: Mutex<Option<Lease>>,
}

impl<W: Send> Writing<W> {
    fn new(lease: Lease, writer: W) -> Self {
        Writing { writer: Owned::new(Exclusive::new(Some(writer))), lease: Mutex::new(Some(lease)) }
    }

    /// Calls the writer. It is gone when its component was stopped.
    ///
    /// # Errors
    /// `loosepack.WriterFailed` when it is gone; `RuntimeError` within another call of the same thread.
    fn call<T: Send>(&self, py: Python<'_>, call: impl FnOnce(&mut W) -> Result<T> + Send) -> PyResult<Result<T>> {
        self.change(py, |current| {
            let result = call(current.as_mut()?);
            if let Err(Error::Runtime(_)) = result {
                *current = None;
            }
            Some(result)
        })
    }

    /// Consumes the writer.
    ///
    /// # Errors
    /// Those of [`Self::call`].
    fn end<T: Send>(&self, py: Python<'_>, end: impl FnOnce(W) -> Result<T> + Send) -> PyResult<Result<T>> {
        self.change(py, |current| current.take().map(end))
    }

    fn change<T: Send>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut Option<W>) -> Option<Result<T>> + Send,
    ) -> PyResult<Result<T>> {
        let writer = self.writer.get(py)?;
        let changed = py.detach(|| writer.with(|current| (change(current), current.is_none())));
        let (result, gone) = changed.ok_or_else(errors::reentrant)?;
        let result = result.ok_or_else(|| errors::writer_ended(py))?;
        if !gone {
            return Ok(result);
        }
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(match lease {
            Some(mut lease) => lease.note(result),
            None => result,
        })
    }

    /// Gives the writer up, unless it is gone.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        let writer = self.writer.get(py)?;
        py.detach(|| writer.with(|current| drop(current.take()))).ok_or_else(errors::reentrant)?;
        // Not in one statement, in which the lock would be held while the lease is dropped.
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(lease);
        Ok(())
    }
}

impl<W: Send> Drop for Writing<W> {
    fn drop(&mut self) {
        // The lease comes after it, attached.
        process::drop_detached(self.writer.ours().and_then(|writer| writer.get_mut().take()));
    }
}

/// A loose object that is being written. Dropped early, it leaves no object.
#[pyclass(frozen)]
pub(crate) struct LooseWriter(Writing<ObjectWriter>);

impl LooseWriter {
    pub(crate) fn new(lease: Lease, writer: ObjectWriter) -> Self {
        LooseWriter(Writing::new(lease, writer))
    }
}

#[pymethods]
impl LooseWriter {
    /// Appends bytes. Returns their number.
    fn write(&self, py: Python<'_>, content: &Bound<'_, PyAny>) -> PyResult<usize> {
        let content = convert::bytes(content)?;
        let bytes = content.as_bytes();
        self.0.call(py, |writer| writer.append(bytes))?.map_err(|error| errors::of(py, error))?;
        Ok(bytes.len())
    }

    /// Completes the object. Returns its ID.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let id = self.0.end(py, ObjectWriter::finish)?.map_err(|error| errors::of(py, error))?;
        Ok(convert::text(py, &id))
    }

    /// Gives the object up.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        self.0.abandon(py)
    }
}

/// Writes objects straight to packs. Threads may share it.
#[pyclass(frozen)]
pub(crate) struct PackWriter(Writing<loosepack_host::PackWriter>);

impl PackWriter {
    pub(crate) fn new(lease: Lease, writer: loosepack_host::PackWriter) -> Self {
        PackWriter(Writing::new(lease, writer))
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
            self.0.call(py, |writer| writer.add(bytes))
        } else {
            let source = Box::new(Whole(content.clone().unbind(), 0));
            self.0.call(py, |writer| writer.add_source(source))
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
                    let added = self.0.call(py, |writer| add_bounded(&slices, |group| writer.add_many(group)))?;
                    ids.append(&mut convert::texts(py, &added.map_err(|error| errors::of(py, error))?));
                }
            }
        }
        Ok(ids)
    }

    fn add_file<'py>(&self, py: Python<'py>, file: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let (file, raised) = PythonFile::new(file);
        let added = self.0.call(py, |writer| writer.add_source(Box::new(file)))?;
        Ok(convert::text(py, &added.map_err(|error| raised.or(py, error))?))
    }

    fn add_paths<'py>(&self, py: Python<'py>, paths: Vec<PathBuf>) -> PyResult<Vec<Bound<'py, PyString>>> {
        let mut at = None;
        let added = self.0.call(py, |writer| files::add_all(&paths, &mut Packs(writer), &mut at))?;
        let ids = added.map_err(|error| files::exception(py, error, at))?;
        Ok(convert::texts(py, &ids))
    }

    /// Makes everything added so far visible and durable.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        self.0.call(py, loosepack_host::PackWriter::commit)?.map_err(|error| errors::of(py, error))
    }

    /// Commits, and frees the pack lock.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.0.end(py, loosepack_host::PackWriter::finish)?.map_err(|error| errors::of(py, error))
    }

    /// Frees the pack lock. What was added since the last commit is lost.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        self.0.abandon(py)
    }
}
