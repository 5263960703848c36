//! Failures.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What an operation results in.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. No text has credentials in it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// This names no remote; the text says why.
    Address(String),
    /// The server does not keep a promise that remotes stand on; the text says which.
    Untrustworthy(String),
    /// There is no remote here.
    NoRemote,
    /// There is a remote here already.
    AlreadyExists,
    /// An object of the bucket is not what it should be: its name, and what is wrong.
    Corrupt(String, String),
    /// The server failed, or cannot be reached: what was done, and what it said.
    Failed(String, String),
    /// The server failed, and whether it did what it was asked for cannot be told: do it again.
    Unknown(String, String),
    /// Others were faster, every time.
    Contended,
    /// Objects were deleted from the remote while this relied on them.
    Deleted,
    /// Somebody else began to collect garbage meanwhile.
    Superseded,
    /// A file of this machine: what was done with it, which, and why it failed.
    File(&'static str, PathBuf, io::Error),
    /// A container of this machine.
    Store(loosepack::Error),
}

impl Error {
    pub(crate) fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Error::File(operation, path, error)
    }
}

impl From<loosepack::Error> for Error {
    fn from(error: loosepack::Error) -> Self {
        Error::Store(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Address(problem) => f.write_str(problem),
            Error::Untrustworthy(promise) => write!(f, "this server cannot hold a remote: {promise}"),
            Error::NoRemote => f.write_str("there is no remote here: make one with `loosepack remote init URL`"),
            Error::AlreadyExists => f.write_str("there is a remote here already"),
            Error::Corrupt(name, problem) => write!(f, "{name}: {problem}"),
            Error::Failed(what, problem) => write!(f, "cannot {what}: {problem}"),
            Error::Unknown(what, problem) => {
                write!(f, "whether it was possible to {what} is not known: {problem}; do the same again")
            }
            Error::Contended => f.write_str("others changed the remote each time this was about to: try again later"),
            Error::Deleted => f.write_str("objects are deleted from the remote all the time: try again later"),
            Error::Superseded => f.write_str("another garbage collection has begun meanwhile: this one has ended"),
            Error::File(operation, path, error) => write!(f, "cannot {operation} {}: {error}", path.display()),
            Error::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
