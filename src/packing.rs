//! Packing: what takes the packer's place.

mod clean;
mod frames;
mod pack_loose;
mod packer;
mod reindex;
mod writer;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

pub use self::clean::Clean;
pub use self::pack_loose::PackLoose;
pub use self::reindex::Reindex;
pub use self::writer::PackWriter;
use crate::container::Container;
use crate::dir::Dir;
use crate::error::{Damage, Error, Result};

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The job is done; a further step does nothing.
    pub finished: bool,
    /// Units of work done, out of `total`. The unit is the job's own.
    pub done: u64,
    /// Units of work in all.
    pub total: u64,
    /// Objects packed, removed, or checked so far.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Damage found in this step. What is damaged was left where it is.
    pub problems: Vec<Damage>,
    /// Found in this step: what is worth knowing, and no damage.
    pub notes: Vec<Damage>,
    /// What could not be looked at in this step, because permission is denied, say: nobody knows whether it is damaged.
    pub unread: Vec<Damage>,
}

impl Progress {
    /// Take out what was found, which belongs to one step.
    pub(crate) fn step(&mut self) -> Self {
        let (problems, notes) = (mem::take(&mut self.problems), mem::take(&mut self.notes));
        Progress { problems, notes, unread: mem::take(&mut self.unread), ..self.clone() }
    }

    /// Tell what keeps a file from being looked at.
    pub(crate) fn failed(&mut self, file: &str, error: Error) {
        match error {
            Error::Corrupt(damage) => self.problems.push(damage),
            error => {
                let to = if error.is_circumstance() { &mut self.unread } else { &mut self.problems };
                to.push(Damage { file: file.into(), problem: format!("{error}") });
            }
        }
    }
}

/// A long operation, done in steps that the caller drives. Dropped early, what its steps have committed stays.
pub trait Job {
    /// Do a bounded piece of the work.
    ///
    /// # Errors
    /// Those of the operation. After one the job is over: every further step fails.
    fn step(&mut self) -> Result<Progress>;
}

impl<D: Dir> Container<D> {
    /// Remove the mark that a packer left behind when it was killed. Only for a person who knows that none is running: it
    /// would let two packers work at once. Returns what the mark said of its maker; `None` when there was none.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when the operating system knows that the holder lives.
    pub fn force_unlock(&self) -> Result<Option<String>> {
        self.check_writable()?;
        crate::lock::force_unlock(&self.disk.dir)
    }
}
