//! Where added bytes come from: files of the system by their paths, and objects of Python with a method `read`.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use loosepack::source::Source;
use loosepack_host::{Error, ObjectId, Result, StoreError};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors;

/// Files up to this size, in bytes, are read into memory and added together.
const SMALL: u64 = 1 << 20;
/// Bytes of small files that are added together.
const TOGETHER: usize = 8 << 20;
/// Bytes that are asked of a Python file at once.
const READ_MAX: usize = 1 << 20;

/// A regular file that fails at its end if it was changed while it was read.
pub(crate) struct Unchanged {
    file: File,
    path: PathBuf,
    before: Metadata,
    read: u64,
    /// Why it could not be read on, which passes by the component.
    failure: Arc<Mutex<Option<Error>>>,
}

impl Unchanged {
    /// Opens the file.
    ///
    /// # Errors
    /// Those of the system; [`StoreError::InvalidArgument`] for anything but a regular file.
    fn open(path: &Path) -> Result<Self> {
        if !fs::metadata(path)?.is_file() {
            let text = format!("{} is not a regular file: open it, and add the open file", path.display());
            return Err(StoreError::InvalidArgument(text).into());
        }
        let file = File::open(path)?;
        let before = file.metadata()?;
        Ok(Unchanged { file, path: path.into(), before, read: 0, failure: Arc::default() })
    }

    fn is_small(&self) -> bool {
        self.before.len() <= SMALL
    }

    fn check(&self) -> Result<()> {
        let now = self.file.metadata()?;
        let same = now.len() == self.before.len() && now.modified().ok() == self.before.modified().ok();
        // Files of /proc and the like have a size of 0, whatever they contain.
        if same && (self.read == self.before.len() || self.before.len() == 0) {
            return Ok(());
        }
        Err(StoreError::SourceChanged(self.path.display().to_string()).into())
    }

    fn read_all(mut self) -> Result<Vec<u8>> {
        let mut content = Vec::with_capacity(self.before.len() as usize);
        self.read = self.file.read_to_end(&mut content)? as u64;
        self.check()?;
        Ok(content)
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let len = loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.read += len as u64;
        if len == 0 && !buffer.is_empty() {
            self.check()?;
        }
        Ok(len)
    }
}

impl Source for Unchanged {
    fn read(&mut self, buffer: &mut [u8]) -> loosepack::Result<usize> {
        self.next(buffer).map_err(|error| {
            let text = error.to_string();
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            loosepack::Error::Other(text)
        })
    }
}

/// Takes in the contents of files.
pub(crate) trait Take {
    /// Adds contents. Returns their IDs, in order.
    fn many(&mut self, contents: &[Vec<u8>]) -> Result<Vec<ObjectId>>;
    /// Adds the bytes of a source.
    fn source(&mut self, source: Box<dyn Source + Send>) -> Result<ObjectId>;
}

/// Adds files, in order: small ones together. When one cannot be read, those before it are added, and `at` becomes its
/// path.
pub(crate) fn add_all(paths: &[PathBuf], to: &mut impl Take, at: &mut Option<PathBuf>) -> Result<Vec<ObjectId>> {
    let mut ids = Vec::with_capacity(paths.len());
    let (mut gathered, mut size) = (Vec::new(), 0);
    for path in paths {
        let large = match gather(path) {
            Ok(Content::Small(content)) => {
                size += content.len();
                gathered.push(content);
                None
            }
            Ok(Content::Large(file)) => Some(file),
            Err(error) => {
                to.many(&gathered)?;
                *at = Some(path.clone());
                return Err(error);
            }
        };
        if large.is_some() || size >= TOGETHER {
            ids.append(&mut to.many(&std::mem::take(&mut gathered))?);
            size = 0;
        }
        if let Some(file) = large {
            let failure = file.failure.clone();
            ids.push(to.source(Box::new(file)).map_err(|error| {
                let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
                failure.map_or(error, |failure| {
                    *at = Some(path.clone());
                    failure
                })
            })?);
        }
    }
    ids.append(&mut to.many(&gathered)?);
    Ok(ids)
}

enum Content {
    Small(Vec<u8>),
    Large(Unchanged),
}

fn gather(path: &Path) -> Result<Content> {
    let file = Unchanged::open(path)?;
    Ok(if file.is_small() { Content::Small(file.read_all()?) } else { Content::Large(file) })
}

/// The exception for files that could not be added. `at`: the file that could not be read, if it was one.
pub(crate) fn exception(py: Python<'_>, error: Error, at: Option<PathBuf>) -> PyErr {
    match (at, error) {
        (Some(path), Error::Io(error)) => errors::of_file(py, &error, &path),
        (_, error) => errors::of(py, error),
    }
}

/// The bytes that the method `read` of an object of Python gives.
pub(crate) struct PythonFile {
    file: Py<PyAny>,
    raised: Raised,
}

/// The exception that a Python file raised.
#[derive(Clone, Default)]
pub(crate) struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    /// The exception that was raised, or else that of the failure.
    pub(crate) fn or(&self, py: Python<'_>, error: Error) -> PyErr {
        let raised = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        raised.unwrap_or_else(|| errors::of(py, error))
    }
}

impl PythonFile {
    pub(crate) fn new(file: &Bound<'_, PyAny>) -> (Self, Raised) {
        let raised = Raised::default();
        (PythonFile { file: file.clone().unbind(), raised: raised.clone() }, raised)
    }

    fn next(&self, buffer: &mut [u8]) -> PyResult<usize> {
        Python::attach(|py| {
            let wanted = buffer.len().min(READ_MAX);
            let read = self.file.bind(py).call_method1("read", (wanted,))?;
            let read = read.cast::<PyBytes>().map_err(|_| {
                PyTypeError::new_err("read() returned no bytes: a file is opened in binary mode, and blocks")
            })?;
            let read = read.as_bytes();
            let Some(room) = buffer.get_mut(..read.len()) else {
                return Err(PyTypeError::new_err("read(n) returned more than n bytes"));
            };
            room.copy_from_slice(read);
            Ok(read.len())
        })
    }
}

impl Source for PythonFile {
    fn read(&mut self, buffer: &mut [u8]) -> loosepack::Result<usize> {
        self.next(buffer).map_err(|error| {
            let text = error.to_string();
            *self.raised.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            loosepack::Error::Other(text)
        })
    }
}
