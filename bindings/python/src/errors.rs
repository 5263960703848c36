//! Errors of the host as Python's exceptions, which `python/loosepack/errors.py` defines.

use std::path::Path;

use loosepack::{Code, IoFailure};
use loosepack_host::{Error, StoreError};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// An exception of the Python layer.
fn exception<'py>(py: Python<'py>, name: &str, arguments: impl IntoPyObject<'py>) -> PyErr {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let make = || {
        let module = MODULE.get_or_try_init(py, || Ok::<_, PyErr>(py.import("loosepack.errors")?.unbind()))?;
        let arguments = arguments.into_bound_py_any(py)?;
        module.bind(py).getattr(name)?.call_method1(intern!(py, "of"), (arguments,))
    };
    make().map_or_else(|error| error, PyErr::from_value)
}

/// The exception for a failure.
pub(crate) fn of(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Store(error) => of_store(py, error),
        Error::Io(error) => error.into(),
        error => stopped(py, &error.to_string()),
    }
}

/// The exception for a component that was stopped.
pub(crate) fn stopped(py: Python<'_>, text: &str) -> PyErr {
    let remedy = "the container is sound: call again, with a new reader or writer";
    exception(py, "Stopped", (format!("{text}\n{remedy}"),))
}

/// The exception for a failure to open or to make a container in this directory.
pub(crate) fn of_container(py: Python<'_>, error: Error, path: &Path) -> PyErr {
    match error {
        Error::Store(StoreError::NoContainer) => exception(py, "NoContainer", (path,)),
        Error::Store(StoreError::AlreadyExists(_)) => exception(py, "AlreadyExists", (error.to_string(), path)),
        Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => exception(py, "NoContainer", (path,)),
        Error::Io(error) => of_file(py, &error, path),
        error => of(py, error),
    }
}

/// The exception for a file outside of the container: an `OSError` of Python's own, with its name.
pub(crate) fn of_file(py: Python<'_>, error: &std::io::Error, path: &Path) -> PyErr {
    let Some(number) = error.raw_os_error() else { return PyErr::from(std::io::Error::from(error.kind())) };
    let make = || {
        let text = py.import("os")?.call_method1("strerror", (number,))?;
        py.import("builtins")?.getattr("OSError")?.call1((number, text, path))
    };
    make().map_or_else(|error| error, PyErr::from_value)
}

fn of_store(py: Python<'_>, error: StoreError) -> PyErr {
    let text = error.to_string();
    match error {
        StoreError::NotFound(id) => exception(py, "NotFound", (text, id.to_text())),
        StoreError::InvalidId(_) => exception(py, "InvalidId", (text,)),
        StoreError::InvalidArgument(_) => exception(py, "InvalidArgument", (text,)),
        StoreError::NoContainer => exception(py, "NoContainer", ("",)),
        StoreError::AlreadyExists(_) => exception(py, "AlreadyExists", (text, "")),
        StoreError::UnsupportedFormat(found) => exception(py, "UnsupportedFormat", (text, found)),
        StoreError::ReadOnly => exception(py, "ReadOnly", (text,)),
        StoreError::Locked(_) => exception(py, "Locked", (text,)),
        StoreError::Corrupt(finding) => exception(py, "Corrupt", (text, finding.file, finding.message)),
        StoreError::SourceChanged(path) => exception(py, "SourceChanged", (text, path)),
        StoreError::TooLarge(size) => exception(py, "TooLarge", (text, size)),
        StoreError::WriterFailed => exception(py, "WriterFailed", (text,)),
        StoreError::Io(IoFailure { path, code, .. }) => exception(py, "StorageError", (text, symbol(code), path)),
        _ => exception(py, "Error", (text,)),
    }
}

/// The exception for an invalid ID.
pub(crate) fn invalid_id(py: Python<'_>, text: &str) -> PyErr {
    of_store(py, StoreError::InvalidId(text.into()))
}

/// The exception for something that was made before this process was forked.
pub(crate) fn forked(py: Python<'_>) -> PyErr {
    exception(py, "Forked", ("it was opened before this process was forked: open it again",))
}

/// The exception for a writer that writes no more.
pub(crate) fn writer_ended(py: Python<'_>) -> PyErr {
    exception(py, "WriterFailed", ("the writer was finished, given up or stopped: it writes no more",))
}

/// The exception for a call of a writer while the same thread is within another call of it.
pub(crate) fn reentrant() -> PyErr {
    PyRuntimeError::new_err(
        "reentrant call: the writer is reading from a file, and the file's read() called the writer",
    )
}

/// The exception for something that was closed.
pub(crate) fn closed() -> PyErr {
    PyValueError::new_err("I/O operation on a closed container")
}

/// The name that Python's module `errno` has for a reason; empty for one without a name.
fn symbol(code: Code) -> &'static str {
    match code {
        Code::NotFound => "ENOENT",
        Code::Exists => "EEXIST",
        Code::Access => "EACCES",
        Code::NotPermitted => "EPERM",
        Code::ReadOnly => "EROFS",
        Code::NoSpace => "ENOSPC",
        Code::Quota => "EDQUOT",
        Code::FileTooLarge => "EFBIG",
        Code::Io => "EIO",
        Code::Interrupted => "EINTR",
        Code::IsDirectory => "EISDIR",
        Code::NotDirectory => "ENOTDIR",
        Code::NotEmpty => "ENOTEMPTY",
        Code::NameTooLong => "ENAMETOOLONG",
        Code::IllegalName => "EILSEQ",
        Code::Loop => "ELOOP",
        Code::Busy => "EBUSY",
        Code::WouldBlock => "EAGAIN",
        Code::TooManyFiles => "EMFILE",
        Code::CrossDevice => "EXDEV",
        Code::Stale => "ESTALE",
        Code::Unsupported => "ENOTSUP",
        Code::Invalid => "EINVAL",
        _ => "",
    }
}
