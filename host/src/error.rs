//! Why an operation failed.

use std::fmt;
use std::io;

/// Why an operation failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The store says so.
    Store(loosepack::Error),
    /// A directory could not be opened for the component, or a source or target outside failed.
    Io(io::Error),
    /// The component could not run on: it was stopped at a limit, or met a bug. The container is sound; open it again.
    Runtime(wasmtime::Error),
}

/// A result of the host.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Io(error) => error.fmt(f),
            Error::Runtime(error) => write!(f, "the component was stopped: {error:#}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Store(error) => Some(error),
            Error::Io(error) => Some(error),
            Error::Runtime(error) => Some(error.as_ref()),
        }
    }
}

impl From<loosepack::Error> for Error {
    fn from(error: loosepack::Error) -> Self {
        Error::Store(error)
    }
}

impl From<Error> for loosepack::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error,
            error => loosepack::Error::Other(error.to_string()),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}

impl From<wasmtime::Error> for Error {
    fn from(error: wasmtime::Error) -> Self {
        Error::Runtime(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            Error::Store(error) => error.into(),
            error => io::Error::other(error),
        }
    }
}
