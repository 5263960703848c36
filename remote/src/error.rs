//! Failures.

use std::fmt;

/// What an operation results in.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. No text has credentials in it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server does not keep a promise that remotes stand on; the text says which.
    Untrustworthy(String),
    /// There is no remote here.
    NoRemote,
    /// There is a remote here already.
    AlreadyExists,
    /// An object of the bucket is not what it should be: its name, and what is wrong.
    Corrupt(String, String),
    /// The server failed, or cannot be reached: what was done, and what it said.
    Failed(String, Box<object_store::Error>),
    /// The server failed, and whether it did what it was asked for cannot be told: do it again.
    Unknown(String, Box<object_store::Error>),
    /// Others were faster, every time.
    Contended,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Untrustworthy(promise) => write!(f, "this server cannot hold a remote: {promise}"),
            Error::NoRemote => f.write_str("there is no remote here: make one with `remote init`"),
            Error::AlreadyExists => f.write_str("there is a remote here already"),
            Error::Corrupt(name, problem) => write!(f, "{name}: {problem}"),
            Error::Failed(what, error) => write!(f, "cannot {what}: {error}"),
            Error::Unknown(what, error) => {
                write!(f, "whether it was possible to {what} is not known: {error}; do the same again")
            }
            Error::Contended => f.write_str("others changed the remote each time this was about to: try again later"),
        }
    }
}

impl std::error::Error for Error {}
