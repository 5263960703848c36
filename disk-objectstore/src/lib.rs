//! Ways from containers of the Python package `disk_objectstore` to those of loosepack, and back.
//!
//! [`import`] reads a container of theirs while others use it, or moves its objects away pack by pack. [`export`] writes
//! one. Both need the feature `sqlite`; without it they fail with [`Error::Unsupported`].
//!
//! # Trust
//!
//! Nothing of their container is believed: hash keys become names of files only if they are digits of the right number,
//! links are not followed, and each object is hashed before it counts.

#[cfg(feature = "sqlite")]
mod config;
#[cfg(feature = "sqlite")]
mod export;
#[cfg(feature = "sqlite")]
mod import;
#[cfg(feature = "sqlite")]
mod index;
#[cfg(feature = "sqlite")]
mod key;
#[cfg(feature = "sqlite")]
mod layout;
#[cfg(feature = "sqlite")]
mod source;
#[cfg(all(test, feature = "sqlite"))]
mod tests;

use std::fmt;
use std::path::Path;

use loosepack::store::Adder;
use loosepack::{Finding, ObjectId, Store};

/// What to import, and how.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The directory of their container.
    pub dir: &'a Path,
    /// Take objects that are named by something other than SHA-256. They get other names.
    pub rehash: bool,
    /// The adder compresses: it is given the bytes of objects that are not compressed in their container.
    pub compress: bool,
    /// Remove from their container what is durable and has been read back from ours.
    pub remove: bool,
}

/// What to export to.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    /// The directory of our container.
    pub from: &'a Path,
    /// The directory to make: absent or empty.
    pub to: &'a Path,
    /// Bytes after which a pack of theirs is full.
    pub pack_target: u64,
}

/// How far an import or an export is. All numbers are totals since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects that have been dealt with, of `total`.
    pub done: u64,
    /// Objects that there are, as far as is known.
    pub total: u64,
    /// Objects that were copied, or found to be there.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that were there before, and were not read.
    pub present: u64,
    /// Files of theirs that were removed.
    pub removed: u64,
    /// Objects that could not be copied.
    pub problems: u64,
}

/// The reporter wants no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// What is told on the way.
pub trait Report {
    /// So much is done. Called often.
    fn progress(&mut self, counts: &Counts);

    /// An object is damaged, or cannot be read. It is skipped.
    fn problem(&mut self, finding: &Finding);

    /// Something worth knowing that is no damage.
    fn note(&mut self, finding: &Finding);

    /// Objects are durable in our container: `counts` in all, of which these have another name than they had. Called
    /// before their source is removed: what must outlive it is durable when this returns.
    ///
    /// # Errors
    /// When the import should stop.
    fn committed(&mut self, counts: &Counts, renamed: &[(String, ObjectId)]) -> Result<(), Stopped>;
}

/// Why an import or an export failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Our container failed.
    Store(loosepack::Error),
    /// Their container failed, or is none; the text says what and what to do.
    Other(String),
    /// The reporter said so.
    Stopped,
    /// This build has no SQLite.
    Unsupported,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Other(message) => f.write_str(message),
            Error::Stopped => f.write_str("stopped"),
            Error::Unsupported => f.write_str(
                "this build cannot read or write containers of disk_objectstore, which needs SQLite: use the native \
                 command `loosepack`",
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<loosepack::Error> for Error {
    fn from(error: loosepack::Error) -> Self {
        Error::Store(error)
    }
}

impl From<Stopped> for Error {
    fn from(Stopped: Stopped) -> Self {
        Error::Stopped
    }
}

/// Imports the objects of a container of theirs. `adder` writes to `store`.
///
/// Objects that are damaged are reported, counted and left where they are. Their container may be in use, unless objects
/// are removed from it. An import that was stopped, or killed, goes on when it is done again.
///
/// # Errors
/// Failures of our container, and of theirs as a whole.
pub fn import(
    store: &dyn Store,
    adder: &mut dyn Adder,
    import: &Import<'_>,
    report: &mut dyn Report,
) -> Result<Counts, Error> {
    #[cfg(feature = "sqlite")]
    return self::import::import(store, adder, import, report);
    #[cfg(not(feature = "sqlite"))]
    {
        let _ = (store, adder, import, report);
        Err(Error::Unsupported)
    }
}

/// Writes all objects of our container to one of theirs. Compressed objects are copied as they are.
///
/// # Errors
/// Failures of our container, and of writing. What was written until then is no container of theirs yet.
pub fn export(store: &dyn Store, export: &Export<'_>, report: &mut dyn Report) -> Result<Counts, Error> {
    #[cfg(feature = "sqlite")]
    return self::export::export(store, export, report);
    #[cfg(not(feature = "sqlite"))]
    {
        let _ = (store, export, report);
        Err(Error::Unsupported)
    }
}
